/*
 * test_sequencefile.c
 *	  Round trip of packed sequence models, in both byte orders, and that damage anywhere in the bytes is noticed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/checksum.h"
#include "core/sequencefile.h"
#include "testenv.h"

#define C      5
#define D      3
#define H      2
#define P      4
#define LINKS  6
#define HEADER 320

/* A model with all experts, and what it points to. */
typedef struct Sample
{
	float popularity[C];
	uint64_t start[C + 1];
	uint32_t class_no[LINKS];
	float weight[LINKS];
	float w[P * C];
	float b[C];
	float embedding[(C + 1) * D];
	float kernel[D * 4 * H];
	float recurrent[H * 4 * H];
	float bias[4 * H];
	float dense[H * C];
	float dense_bias[C];
	UimlNextModel model;
} Sample;

static void
fill(float *x, size_t n, float first)
{
	for (size_t i = 0; i < n; i++)
		x[i] = first + 0.125f * (float) i;
}

static void
fill_tensors(Sample *s)
{
	fill(s->embedding, (C + 1) * D, -1);
	fill(s->kernel, D * 4 * H, -.5f);
	fill(s->recurrent, H * 4 * H, .5f);
	fill(s->bias, 4 * H, 0);
	fill(s->dense, H * C, 1);
	fill(s->dense_bias, C, -2);
}

static void
sample_make(Sample *s)
{
	static const float popularity[C] = {.5f, .125f, .125f, .125f, .125f};
	static const uint64_t start[C + 1] = {0, 2, 2, 3, 5, 6};
	static const uint32_t class_no[LINKS] = {0, 4, 1, 2, 3, 4};
	static const float mix[UIML_N_EXPERTS] = {.25f, .25f, .125f, .125f, .25f};

	memset(s, 0, sizeof(*s));
	memcpy(s->popularity, popularity, sizeof(popularity));
	memcpy(s->start, start, sizeof(start));
	memcpy(s->class_no, class_no, sizeof(class_no));
	fill(s->weight, LINKS, -.25f);
	fill(s->w, P * C, -1);
	fill(s->b, C, 2);
	fill_tensors(s);
	s->model = (UimlNextModel){
		.target = UIML_NEXT_INTEREST,
		.n_classes = C,
		.max_length = 50,
		.blend = {0, .25f, .5f, .75f, 1},
		.temperature = {1, .5f, 2, 1, 1.25f},
		.popularity = s->popularity,
		.rules = {.decay = .5f, .steps = 10, .links = {s->start, s->class_no, s->weight}},
		.ridge = {.decay = .75f, .steps = 20, .p = P, .q = C, .w = s->w, .b = s->b},
		.ease = {.decay = 1, .steps = 30, .links = {s->start, s->class_no, s->weight}},
		.lstm = {.shape = {.tokens = C + 1, .embedding = D, .hidden = H, .classes = C},
				 .tensor = {s->embedding, s->kernel, s->recurrent, s->bias, s->dense, s->dense_bias}},
		.padded = true};
	for (int length = 0; length < UIML_NEXT_LENGTHS; length++)
		memcpy(s->model.mix[length], mix, sizeof(mix));
}

/* Leaves popularity alone. */
static void
sample_empty(Sample *s)
{
	s->model.rules = s->model.ease = (UimlNextRules){0};
	s->model.ridge = (UimlNextRidge){0};
	s->model.lstm = (UimlLstmWeights){0};
	s->model.padded = false;
	memset(s->model.mix, 0, sizeof(s->model.mix));
	for (int length = 0; length < UIML_NEXT_LENGTHS; length++)
		s->model.mix[length][UIML_EXPERT_POPULARITY] = 1;
}

static char *
pack(const UimlNextModel *model, size_t *size)
{
	char *data;

	*size = uiml_sequencefile_size(model);
	assert_true(*size > HEADER && *size % 64 == 0);
	data = malloc(*size);
	assert_non_null(data);
	memset(data, 0xA5, *size);
	assert_int_equal(uiml_sequencefile_pack(model, data, *size), UIML_OK);
	return data;
}

/* As it is opened on this machine. */
static char *
pack_here(const UimlNextModel *model, size_t *size)
{
	char *data = pack(model, size);

	if (UIML_SEQUENCEFILE_FOREIGN)
		assert_int_equal(uiml_sequencefile_swap(data, *size), UIML_OK);
	return data;
}

static void
check_links(const Sample *s, const UimlNextLinks *links)
{
	assert_memory_equal(links->start, s->start, sizeof(s->start));
	assert_memory_equal(links->class_no, s->class_no, sizeof(s->class_no));
	assert_memory_equal(links->weight, s->weight, sizeof(s->weight));
}

static void
check_lstm(const Sample *s, const UimlLstmWeights *lstm)
{
	assert_int_equal(lstm->shape.tokens, C + 1);
	assert_int_equal(lstm->shape.classes, C);
	assert_int_equal(lstm->shape.embedding, D);
	assert_int_equal(lstm->shape.hidden, H);
	assert_false(lstm->shape.tied);
	assert_memory_equal(lstm->tensor[UIML_LSTM_EMBEDDING], s->embedding, sizeof(s->embedding));
	assert_memory_equal(lstm->tensor[UIML_LSTM_KERNEL], s->kernel, sizeof(s->kernel));
	assert_memory_equal(lstm->tensor[UIML_LSTM_RECURRENT], s->recurrent, sizeof(s->recurrent));
	assert_memory_equal(lstm->tensor[UIML_LSTM_BIAS], s->bias, sizeof(s->bias));
	assert_memory_equal(lstm->tensor[UIML_LSTM_DENSE], s->dense, sizeof(s->dense));
	assert_memory_equal(lstm->tensor[UIML_LSTM_DENSE_BIAS], s->dense_bias, sizeof(s->dense_bias));
}

static void
round_trip(void **state)
{
	UimlSequenceFile file;
	const UimlNextModel *model = &file.model;
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.model, &size);
	assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(file.size, size);
	assert_int_equal(model->target, UIML_NEXT_INTEREST);
	assert_int_equal(model->n_classes, C);
	assert_int_equal(model->max_length, 50);
	assert_memory_equal(model->mix, s.model.mix, sizeof(s.model.mix));
	assert_memory_equal(model->blend, s.model.blend, sizeof(s.model.blend));
	assert_memory_equal(model->temperature, s.model.temperature, sizeof(s.model.temperature));
	assert_memory_equal(model->popularity, s.popularity, sizeof(s.popularity));
	assert_true(model->rules.decay == .5f && model->rules.steps == 10);
	check_links(&s, &model->rules.links);
	assert_true(model->ridge.decay == .75f && model->ridge.steps == 20 && model->ridge.links.start == NULL);
	assert_true(model->ridge.p == P && model->ridge.q == C);
	assert_memory_equal(model->ridge.w, s.w, sizeof(s.w));
	assert_memory_equal(model->ridge.b, s.b, sizeof(s.b));
	assert_true(model->ease.decay == 1 && model->ease.steps == 30);
	check_links(&s, &model->ease.links);
	check_lstm(&s, &model->lstm);
	assert_true(model->padded);
	assert_int_equal(((const char *) model->ridge.w - data) % 64, 0);
	assert_int_equal(((const char *) model->ease.links.weight - data) % 64, 0);
	assert_int_equal(((const char *) model->lstm.tensor[UIML_LSTM_KERNEL] - data) % 64, 0);
	free(data);
}

/* Experts that a model does not have take no room. */
static void
only_what_is_there(void **state)
{
	UimlSequenceFile file;
	Sample s;
	size_t all;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	all = uiml_sequencefile_size(&s.model);
	sample_empty(&s);
	s.model.target = UIML_NEXT_ITEM;
	data = pack_here(&s.model, &size);
	assert_int_equal(size, HEADER + 64);
	assert_true(size < all);
	assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_OK);
	assert_int_equal(file.model.target, UIML_NEXT_ITEM);
	assert_null(file.model.rules.links.start);
	assert_null(file.model.ridge.links.start);
	assert_null(file.model.ridge.w);
	assert_null(file.model.ease.links.start);
	assert_int_equal(file.model.lstm.shape.classes, 0);
	free(data);

	/* the ridge of full rank, with no link at all */
	memset(s.start, 0, sizeof(s.start));
	s.model.ridge = (UimlNextRidge){.decay = 1, .steps = 1, .links = {s.start, s.class_no, s.weight}};
	data = pack_here(&s.model, &size);
	assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_OK);
	assert_memory_equal(file.model.ridge.links.start, s.start, sizeof(s.start));
	assert_null(file.model.ridge.w);
	free(data);
}

static void
tied_output(void **state)
{
	UimlSequenceFile file;
	float square[4 * H * H] = {0};
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	s.model.lstm.shape.tied = true;
	s.model.lstm.shape.embedding = H;
	s.model.lstm.tensor[UIML_LSTM_KERNEL] = square;
	s.model.lstm.tensor[UIML_LSTM_DENSE] = NULL;
	data = pack_here(&s.model, &size);
	assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_OK);
	assert_true(file.model.lstm.shape.tied);
	assert_null(file.model.lstm.tensor[UIML_LSTM_DENSE]);
	assert_memory_equal(file.model.lstm.tensor[UIML_LSTM_DENSE_BIAS], s.dense_bias, sizeof(s.dense_bias));
	free(data);
}

/* The other byte order is told apart, and turning twice is nothing. */
static void
other_byte_order(void **state)
{
	UimlSequenceFile file;
	Sample s;
	size_t size;
	char *data;
	char *saved;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.model, &size);
	saved = malloc(size);
	memcpy(saved, data, size);
	assert_int_equal(uiml_sequencefile_swap(data, size), UIML_OK);
	assert_memory_not_equal(data, saved, size);
	assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_EINVALID);
	assert_int_equal(uiml_sequencefile_open(data, size, false, &file), UIML_EINVALID);
	assert_int_equal(uiml_sequencefile_swap(data, size), UIML_OK);
	assert_memory_equal(data, saved, size);
	data[size / 2] = (char) (data[size / 2] ^ 1);
	assert_int_equal(uiml_sequencefile_swap(data, size), UIML_ECORRUPT);
	assert_int_equal(uiml_sequencefile_swap(data, size - 64), UIML_ECORRUPT);
	free(saved);
	free(data);
}

/* Every bit of the file matters, header and padding included. */
static void
every_flipped_bit_is_noticed(void **state)
{
	UimlSequenceFile file;
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.model, &size);
	for (size_t bit = 0; bit < 8 * size; bit++)
	{
		data[bit / 8] = (char) (data[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_ECORRUPT);
		data[bit / 8] = (char) (data[bit / 8] ^ (1 << bit % 8));
	}
	for (size_t length = 0; length < size; length++)
		assert_int_equal(uiml_sequencefile_open(data, length, false, &file), UIML_ECORRUPT);
	assert_int_equal(uiml_sequencefile_open(data + 1, size - 64, false, &file), UIML_EINVALID);
	free(data);
}

/* Writes bytes and makes the checksum right again, as a forger would. */
static void
forge(char *data, size_t size, size_t at, const void *bytes, size_t n)
{
	uint64_t sum;

	memcpy(data + at, bytes, n);
	sum = uiml_checksum(0, data, HEADER - 8);
	sum = uiml_checksum(sum, data + HEADER, size - HEADER);
	for (int i = 0; i < 8; i++)
		data[HEADER - 8 + i] = (char) (sum >> (8 * i));
}

/* Whether n elements of width bytes lie between the header and the end. */
static bool
lies_within(const char *data, size_t size, const void *part, size_t n, size_t width)
{
	const char *start = part;

	return part == NULL || n == 0 || (start >= data + HEADER && start + n * width <= data + size);
}

static bool
links_are_safe(const char *data, size_t size, const UimlNextLinks *links, size_t n_classes)
{
	return links->start == NULL || (lies_within(data, size, links->start, n_classes + 1, 8) &&
									lies_within(data, size, links->class_no, links->start[n_classes], 4) &&
									lies_within(data, size, links->weight, links->start[n_classes], 4));
}

static bool
view_is_safe(const char *data, size_t size, const UimlNextModel *model)
{
	bool safe = lies_within(data, size, model->popularity, model->n_classes, 4) &&
				links_are_safe(data, size, &model->rules.links, model->n_classes) &&
				links_are_safe(data, size, &model->ridge.links, model->n_classes) &&
				links_are_safe(data, size, &model->ease.links, model->n_classes) &&
				lies_within(data, size, model->ridge.w, (size_t) model->ridge.p * model->ridge.q, 4) &&
				lies_within(data, size, model->ridge.b, model->ridge.q, 4);

	for (int t = 0; model->lstm.shape.classes > 0 && t < UIML_LSTM_N_TENSORS; t++)
		safe &= lies_within(data, size, model->lstm.tensor[t],
							uiml_lstm_tensor_size(&model->lstm.shape, (UimlLstmTensor) t), 4);
	return safe;
}

static bool
scalars_are_sound(const UimlNextModel *model)
{
	for (int e = 0; e < UIML_N_EXPERTS; e++)
		if (!(model->temperature[e] > 0) || isinf(model->temperature[e]))
			return false;
	for (int length = 0; length < UIML_NEXT_LENGTHS; length++)
	{
		float sum = 0;

		for (int e = 0; e < UIML_N_EXPERTS; e++)
			sum += model->mix[length][e];
		if (!(model->blend[length] >= 0 && model->blend[length] <= 1) || !(fabsf(sum - 1) < .01f))
			return false;
	}
	return model->max_length >= 1 && model->max_length <= UIML_NEXT_MAX_STEPS;
}

/* A right checksum makes no wrong number right: 64 bits at every place of the header. */
static void
forged_headers_are_refused(void **state)
{
	static const uint64_t value[] = {
		0,
		1,
		7,
		UINT32_MAX,
		(uint64_t) 1 << 40,
		UINT64_MAX / 2,
		UINT64_MAX - 3,
		UINT64_C(0x7FF0000000000000),
		UINT64_C(0x7F8000003F800000),
		UINT64_C(0xBF800000BF800000),
	};
	UimlSequenceFile file;
	Sample s;
	size_t size;
	char *data;
	char *saved;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.model, &size);
	saved = malloc(size);
	memcpy(saved, data, size);
	for (size_t at = 8; at < HEADER - 8; at += 4)
		for (size_t v = 0; v < sizeof(value) / sizeof(value[0]); v++)
		{
			UimlStatus status;

			forge(data, size, at, &value[v], 8);
			status = uiml_sequencefile_open(data, size, true, &file);
			/* some are somebody's choice, or change no part's place; one says that it is in the other byte order */
			if (status == UIML_OK)
				assert_true(view_is_safe(data, size, &file.model) && scalars_are_sound(&file.model));
			else if (at != 12 || status != UIML_EINVALID)
				assert_int_equal(status, UIML_ECORRUPT);
			memcpy(data, saved, size);
		}
	free(saved);
	free(data);
}

static void
forged_arrays_are_refused(void **state)
{
	static const float nan_value = NAN;
	static const float minus = -1;
	static const uint64_t far = 7;
	static const uint32_t high = C;
	UimlSequenceFile file;
	const UimlNextModel *model = &file.model;
	Sample s;
	size_t size;
	char *data;
	char *saved;

	(void) state;
	sample_make(&s);
	data = pack_here(&s.model, &size);
	saved = malloc(size);
	memcpy(saved, data, size);
	assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_OK);

	const struct
	{
		const void *at;
		const void *value;
		size_t width;
		bool verify; /* seen only then */
	} damage[] = {
		{model->popularity + 1, &nan_value, 4, true},
		{model->popularity + 1, &minus, 4, true},
		{model->rules.links.weight + 2, &nan_value, 4, true},
		{model->ridge.w + 3, &nan_value, 4, true},
		{model->ridge.b + 1, &nan_value, 4, true},
		{model->lstm.tensor[UIML_LSTM_EMBEDDING], &nan_value, 4, true},
		{model->lstm.tensor[UIML_LSTM_DENSE_BIAS] + 4, &nan_value, 4, true},
		{model->rules.links.start + 1, &far, 8, false},
		{model->rules.links.start + 5, &far, 8, false},
		{model->ease.links.class_no + 5, &high, 4, false},
	};

	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++)
	{
		size_t at = (size_t) ((const char *) damage[i].at - data);

		forge(data, size, at, damage[i].value, damage[i].width);
		assert_int_equal(uiml_sequencefile_open(data, size, true, &file), UIML_ECORRUPT);
		assert_int_equal(uiml_sequencefile_open(data, size, false, &file),
						 damage[i].verify ? UIML_OK : UIML_ECORRUPT);
		memcpy(data, saved, size);
	}
	free(saved);
	free(data);
}

/* Expects that the model of s is refused with a status, and makes s whole again. */
static void
expect_refused(Sample *s, UimlStatus expected)
{
	size_t size = uiml_sequencefile_size(&s->model);
	char *buffer = malloc(4096);

	assert_true(size <= 4096);
	assert_int_equal(uiml_sequencefile_pack(&s->model, buffer, size), expected);
	free(buffer);
	sample_make(s);
}

static void
writer_checks(void **state)
{
	Sample s;
	size_t size;
	char *data;

	(void) state;
	sample_make(&s);
	data = pack(&s.model, &size);
	assert_int_equal(uiml_sequencefile_pack(&s.model, data, size - 64), UIML_EINVALID);
	assert_int_equal(uiml_sequencefile_pack(&s.model, data + 1, size), UIML_EINVALID);
	free(data);
	s.model.n_classes = 0;
	expect_refused(&s, UIML_EINVALID);
	s.model.max_length = UIML_NEXT_MAX_STEPS + 1;
	expect_refused(&s, UIML_EINVALID);
	s.model.blend[2] = 1.5f;
	expect_refused(&s, UIML_EINVALID);
	s.model.mix[1][0] = 2;
	expect_refused(&s, UIML_EINVALID);
	s.model.ease.links.start = NULL; /* but the mixture has a part of it */
	expect_refused(&s, UIML_EINVALID);
	s.model.temperature[UIML_EXPERT_RULES] = 0;
	expect_refused(&s, UIML_EINVALID);
	s.model.rules.decay = NAN;
	expect_refused(&s, UIML_EINVALID);
	s.model.ridge.links = s.model.rules.links; /* of full and of low rank */
	expect_refused(&s, UIML_EINVALID);
	s.model.lstm.shape.tokens = C;
	expect_refused(&s, UIML_EINVALID);
	s.model.lstm.shape.hidden = UIML_LSTM_MAX_DIMS + 1;
	expect_refused(&s, UIML_EINVALID);
	s.class_no[0] = C;
	expect_refused(&s, UIML_EINVALID);
	s.popularity[0] = .75f;
	expect_refused(&s, UIML_EINVALID);
	s.w[0] = INFINITY;
	expect_refused(&s, UIML_ENOTFINITE);
	s.w[0] = -1.5F * UIML_SEQUENCEFILE_MAX_WEIGHT;
	expect_refused(&s, UIML_ENOTFINITE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(only_what_is_there),
		cmocka_unit_test(tied_output),
		cmocka_unit_test(other_byte_order),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(forged_headers_are_refused),
		cmocka_unit_test(forged_arrays_are_refused),
		cmocka_unit_test(writer_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
