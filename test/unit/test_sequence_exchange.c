/*
 * test_sequence_exchange.c
 *	  Sequence models to safetensors and back, their classes in any order, and each way in which a file isn't one.
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

#include "core/sequence_exchange.h"
#include "testenv.h"

#define C    5
#define D    3
#define H    4
#define DIMS 2
#define ROOM 16384

/* ---------- files in memory ---------- */

typedef struct TestFile
{
	uint8_t bytes[ROOM];
	size_t size;
	UimlInput input;
} TestFile;

static UimlStatus
file_write(void *ctx, const void *bytes, size_t count)
{
	TestFile *file = ctx;

	assert_true(count <= ROOM - file->size);
	memcpy(file->bytes + file->size, bytes, count);
	file->size += count;
	return UIML_OK;
}

static UimlStatus
file_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	TestFile *file = ctx;

	assert_true(offset <= file->size && count <= file->size - offset);
	memcpy(bytes, file->bytes + offset, count);
	return UIML_OK;
}

static TestFile *
file_of(const UimlTensorFile *what)
{
	static TestFile file;
	UimlEnv env = test_env_counting();
	UimlOutput out = {.write = file_write, .ctx = &file};

	file.size = 0;
	assert_int_equal(uiml_safetensors_write(&env, what, &out), UIML_OK);
	file.input = (UimlInput){.size = file.size, .read = file_read, .ctx = &file};
	return &file;
}

/* ---------- a model ---------- */

static const uint64_t link_start[C + 1] = {0, 2, 2, 5, 6, 6};
static const uint32_t link_class[6] = {1, 4, 0, 2, 3, 1};
static const float link_weight[6] = {.5f, .25f, 1, 2, 3, -4};
static const float popularity[C] = {.125f, .25f, .125f, .25f, .25f};
static const uint32_t interest[C] = {0, 1, 2, 3, 4};
static const UimlNextSpace space = {
	.n_items = C, .dims = DIMS, .in = popularity, .out = popularity, .interest = interest};

static float numbers[512];

static void
set_network(UimlNextModel *model, bool tied)
{
	float *at = numbers;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(float); i++)
		numbers[i] = (float) sin(.7 * (double) i);
	model->lstm.shape =
		(UimlLstmShape){.tokens = C + 1, .embedding = tied ? H : D, .hidden = H, .classes = C, .tied = tied};
	for (int t = 0; t < UIML_LSTM_N_TENSORS; t++)
	{
		size_t size = uiml_lstm_tensor_size(&model->lstm.shape, (UimlLstmTensor) t);

		model->lstm.tensor[t] = size > 0 ? at : NULL;
		at += size;
	}
	assert_true(at - numbers <= 512);
}

/* A mixture of all that a model of items can have. */
static UimlNextModel
model_of(bool tied)
{
	const UimlNextLinks links = {.start = link_start, .class_no = link_class, .weight = link_weight};
	UimlNextModel model = {.target = UIML_NEXT_ITEM,
						   .n_classes = C,
						   .max_length = 7,
						   .popularity = popularity,
						   .rules = {.decay = .8f, .steps = 5, .links = links},
						   .ridge = {.decay = .5f, .steps = 3, .links = links}};

	set_network(&model, tied);
	for (size_t i = 0; i < UIML_NEXT_LENGTHS; i++)
	{
		model.mix[i][UIML_EXPERT_RULES] = .25f;
		model.mix[i][UIML_EXPERT_RIDGE] = .25f;
		model.mix[i][UIML_EXPERT_LSTM] = .5f;
		model.blend[i] = .125f * (float) i;
	}
	for (int e = 0; e < UIML_N_EXPERTS; e++)
		model.temperature[e] = 1 + .25f * (float) e;
	return model;
}

static const int32_t id_start[C + 1] = {0, 1, 3, 6, 7, 8};
static const int32_t label_start[C + 1] = {0, 0, 3, 3, 3, 4};

static UimlSequenceOut
out_of(const UimlNextModel *model)
{
	return (UimlSequenceOut){.model = model,
							 .id = {.text = "abbcccde", .start = id_start},
							 .label = {.text = "\xc3\xa9 x", .start = label_start},
							 .domain = "shop \"1\"",
							 .item_vectors = -123456789012345};
}

static TestFile *
export_of(const UimlNextModel *model)
{
	UimlEnv env = test_env_counting();
	UimlSequenceOut what = out_of(model);
	UimlSequenceExport prepared;
	TestFile *file;

	assert_int_equal(uiml_sequence_export_open(&env, &what, &prepared), UIML_OK);
	file = file_of(&prepared.file);
	assert_int_equal(file->size, prepared.size);
	uiml_sequence_export_close(&env, &prepared);
	return file;
}

static const uint32_t same_place[C] = {0, 1, 2, 3, 4};

/* Opens a file and reads its model, which is to be freed on success. */
static UimlStatus
import_of(const UimlEnv *env, TestFile *file, const uint32_t *place, UimlNextModel *model, UimlFault *fault)
{
	UimlSequenceImport import;
	UimlStatus status = uiml_sequence_import_open(env, &file->input, &import, fault);

	if (status != UIML_OK)
		return status;
	if (import.n_classes != C)
		status = UIML_ELIMIT;
	else
	{
		status = uiml_sequence_import_model(env, &import, place, &space, model, fault);
		if (status != UIML_OK)
			uiml_sequence_import_free(env, model);
	}
	uiml_sequence_import_close(env, &import);
	return status;
}

/* ---------- back and forth ---------- */

static void
assert_links(const UimlNextLinks *a, const UimlNextLinks *b, const uint32_t *place)
{
	for (size_t c = 0; c < C; c++)
	{
		uint64_t from = a->start[c];
		uint64_t to = b->start[place[c]];

		assert_int_equal(a->start[c + 1] - from, b->start[place[c] + 1] - to);
		for (uint64_t i = from; i < a->start[c + 1]; i++)
		{
			uint64_t j = to;

			while (b->class_no[j] != place[a->class_no[i]])
				j++;
			assert_true(j < b->start[place[c] + 1] && a->weight[i] == b->weight[j]);
			assert_true(j == to || b->class_no[j - 1] < b->class_no[j]);
		}
	}
}

static void
assert_network(const UimlLstmWeights *a, const UimlLstmWeights *b, const uint32_t *place)
{
	size_t width = a->shape.embedding;

	assert_memory_equal(&a->shape, &b->shape, sizeof(a->shape));
	assert_memory_equal(a->tensor[0], b->tensor[0], width * sizeof(float));
	for (size_t c = 0; c < C; c++)
	{
		assert_memory_equal(a->tensor[0] + (1 + c) * width, b->tensor[0] + (1 + place[c]) * width,
							width * sizeof(float));
		assert_true(a->tensor[UIML_LSTM_DENSE_BIAS][c] == b->tensor[UIML_LSTM_DENSE_BIAS][place[c]]);
		for (size_t i = 0; i < H && !a->shape.tied; i++)
			assert_true(a->tensor[UIML_LSTM_DENSE][i * C + c] ==
						b->tensor[UIML_LSTM_DENSE][i * C + place[c]]);
	}
	for (int t = UIML_LSTM_KERNEL; t <= UIML_LSTM_BIAS; t++)
		assert_memory_equal(a->tensor[t], b->tensor[t],
							uiml_lstm_tensor_size(&a->shape, (UimlLstmTensor) t) * sizeof(float));
}

static void
assert_model(const UimlNextModel *a, const UimlNextModel *b, const uint32_t *place)
{
	assert_int_equal(a->target, b->target);
	assert_int_equal(a->max_length, b->max_length);
	assert_int_equal(a->padded, b->padded);
	assert_memory_equal(a->mix, b->mix, sizeof(a->mix));
	assert_memory_equal(a->blend, b->blend, sizeof(a->blend));
	assert_memory_equal(a->temperature, b->temperature, sizeof(a->temperature));
	for (size_t c = 0; c < C; c++)
		assert_true(a->popularity[c] == b->popularity[place[c]]);
	assert_true(a->rules.decay == b->rules.decay && a->rules.steps == b->rules.steps);
	assert_true(a->ridge.decay == b->ridge.decay && a->ridge.steps == b->ridge.steps);
	assert_links(&a->rules.links, &b->rules.links, place);
	assert_links(&a->ridge.links, &b->ridge.links, place);
	assert_null(b->ease.links.start);
	assert_null(b->ridge.w);
	assert_network(&a->lstm, &b->lstm, place);
}

static void
test_round_trip(void **state)
{
	static const uint32_t other_place[C] = {3, 0, 4, 2, 1};
	UimlEnv env = test_env_counting();

	(void) state;
	for (int tied = 0; tied < 2; tied++)
	{
		UimlNextModel model = model_of(tied);
		UimlNextModel read;
		UimlFault fault = {""};
		TestFile *file;

		model.padded = tied;
		file = export_of(&model);
		assert_int_equal(import_of(&env, file, same_place, &read, &fault), UIML_OK);
		assert_model(&model, &read, same_place);
		uiml_sequence_import_free(&env, &read);
		assert_int_equal(import_of(&env, file, other_place, &read, &fault), UIML_OK);
		assert_model(&model, &read, other_place);
		uiml_sequence_import_free(&env, &read);
		assert_int_equal(test_env_live(), 0);
	}
}

/* What a file says of itself. */
static void
test_head(void **state)
{
	UimlEnv env = test_env_counting();
	UimlNextModel model = model_of(false);
	TestFile *file = export_of(&model);
	UimlSequenceImport import;
	UimlFault fault = {""};

	(void) state;
	assert_int_equal(uiml_sequence_import_open(&env, &file->input, &import, &fault), UIML_OK);
	assert_int_equal(import.target, UIML_NEXT_ITEM);
	assert_int_equal(import.max_length, 7);
	assert_int_equal(import.n_classes, C);
	assert_false(import.padded);
	assert_false(import.needs_vectors);
	assert_memory_equal(import.id.text, "abbcccde", 8);
	assert_memory_equal(import.id.start, id_start, sizeof(id_start));
	assert_memory_equal(import.label.text, "\xc3\xa9 x", 4);
	assert_string_equal(uiml_safetensors_metadata(&import.tensors, "domain"), "shop \"1\"");
	assert_string_equal(uiml_safetensors_metadata(&import.tensors, "gates"), "i,f,c,o");
	assert_string_equal(uiml_safetensors_metadata(&import.tensors, "output"), "dense");
	uiml_sequence_import_close(&env, &import);
	assert_int_equal(test_env_live(), 0);
}

/* A ridge of low rank goes by vectors; of interests by the classes as well. */
static void
test_low_rank(void **state)
{
	static const uint32_t place[C] = {3, 0, 4, 2, 1};
	UimlEnv env = test_env_counting();

	(void) state;
	for (int target = UIML_NEXT_INTEREST; target <= UIML_NEXT_ITEM; target++)
	{
		bool item = target == UIML_NEXT_ITEM;
		UimlNextModel model = model_of(false);
		UimlNextModel read;
		UimlFault fault = {""};
		size_t q = item ? DIMS : C;

		model.target = (UimlNextTarget) target;
		model.ridge = (UimlNextRidge){.decay = .5f,
									  .steps = 3,
									  .p = item ? DIMS : DIMS + C,
									  .q = (uint32_t) q,
									  .w = numbers,
									  .b = item ? NULL : numbers + 100};
		assert_int_equal(import_of(&env, export_of(&model), place, &read, &fault), UIML_OK);
		for (size_t i = 0; i < model.ridge.p; i++)
		{
			size_t row = i < DIMS ? i : DIMS + place[i - DIMS];

			for (size_t j = 0; j < q; j++)
				assert_true(model.ridge.w[i * q + j] == read.ridge.w[row * q + (item ? j : place[j])]);
		}
		for (size_t j = 0; j < q && !item; j++)
			assert_true(model.ridge.b[j] == read.ridge.b[place[j]]);
		uiml_sequence_import_free(&env, &read);
		assert_int_equal(test_env_live(), 0);
	}
}

/* ---------- files that others wrote, or spoilt ---------- */

/* An export whose tensors and metadata can be changed before it is written. */
typedef struct Spoilt
{
	UimlNextModel model;
	UimlSequenceExport prepared;
	UimlTensorOut tensor[40];
	UimlMetadata metadata[12];
	UimlTensorFile file;
} Spoilt;

static void
spoil_begin(Spoilt *spoilt)
{
	UimlEnv env = test_env_counting();
	UimlSequenceOut what;

	spoilt->model = model_of(false);
	what = out_of(&spoilt->model);
	assert_int_equal(uiml_sequence_export_open(&env, &what, &spoilt->prepared), UIML_OK);
	spoilt->file = spoilt->prepared.file;
	memcpy(spoilt->tensor, spoilt->file.tensor, spoilt->file.n * sizeof(UimlTensorOut));
	memcpy(spoilt->metadata, spoilt->file.metadata, spoilt->file.n_metadata * sizeof(UimlMetadata));
	spoilt->file.tensor = spoilt->tensor;
	spoilt->file.metadata = spoilt->metadata;
}

static UimlTensorOut *
tensor_named(Spoilt *spoilt, const char *name)
{
	for (size_t i = 0; i < spoilt->file.n; i++)
	{
		if (strcmp(spoilt->tensor[i].name, name) == 0)
			return &spoilt->tensor[i];
	}
	fail_msg("no tensor %s", name);
	return NULL;
}

static void
drop_tensor(Spoilt *spoilt, const char *name)
{
	UimlTensorOut *tensor = tensor_named(spoilt, name);

	*tensor = spoilt->tensor[--spoilt->file.n];
}

/* Writes, reads and says what came of it; the model is freed. */
static UimlStatus
spoil_end(Spoilt *spoilt, UimlFault *fault)
{
	UimlEnv env = test_env_counting();
	TestFile *file = file_of(&spoilt->file);
	UimlNextModel read;
	UimlStatus status;

	*fault = (UimlFault){""};
	status = import_of(&env, file, same_place, &read, fault);
	if (status == UIML_OK)
		uiml_sequence_import_free(&env, &read);
	uiml_sequence_export_close(&env, &spoilt->prepared);
	assert_int_equal(test_env_live(), 0);
	return status;
}

/* Only what others know of: the network, and the names of its classes. */
static void
test_foreign(void **state)
{
	static const char *const others[] = {
		"rules/decay",         "rules/steps",   "rules/start",   "rules/class",
		"rules/weight",        "ridge/decay",   "ridge/steps",   "ridge/start",
		"ridge/class",         "ridge/weight",  "popularity",    "mixture/weights",
		"mixture/temperature", "mixture/blend", "classes/label", "classes/label_start"};
	UimlEnv env = test_env_counting();
	Spoilt spoilt;
	UimlNextModel read;
	UimlFault fault = {""};

	(void) state;
	spoil_begin(&spoilt);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		drop_tensor(&spoilt, others[i]);
	assert_int_equal(import_of(&env, file_of(&spoilt.file), same_place, &read, &fault), UIML_OK);
	for (size_t i = 0; i < UIML_NEXT_LENGTHS; i++)
		assert_true(read.mix[i][UIML_EXPERT_LSTM] == 1 && read.mix[i][UIML_EXPERT_RULES] == 0 &&
					read.blend[i] == 0);
	assert_true(read.temperature[UIML_EXPERT_LSTM] == 1);
	assert_true(read.popularity[3] == 1.0f / C);
	assert_null(read.rules.links.start);
	assert_network(&spoilt.model.lstm, &read.lstm, same_place);
	uiml_sequence_import_free(&env, &read);
	drop_tensor(&spoilt, "lstm/lstm_cell/kernel");
	assert_int_equal(spoil_end(&spoilt, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "There is neither \"lstm/lstm_cell/kernel\" nor \"mixture/weights\".");
}

static void
test_missing(void **state)
{
	static const char *const needed[] = {"embedding/embeddings", "lstm/lstm_cell/recurrent_kernel",
										 "lstm/lstm_cell/bias",  "dense/bias",
										 "rules/decay",          "rules/steps",
										 "rules/class",          "rules/weight",
										 "ridge/decay",          "classes/id",
										 "classes/id_start",     "classes/label"};

	(void) state;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
	{
		Spoilt spoilt;
		UimlFault fault;
		char expected[100];

		spoil_begin(&spoilt);
		drop_tensor(&spoilt, needed[i]);
		assert_int_equal(spoil_end(&spoilt, &fault), UIML_ECORRUPT);
		(void) snprintf(expected, sizeof(expected), "There is no tensor \"%s\".", needed[i]);
		assert_string_equal(fault.text, expected);
	}
}

static void
test_shapes(void **state)
{
	static const struct
	{
		const char *name;
		size_t dims;
		size_t shape[2];
		const char *fault;
	} bad[] = {
		{"embedding/embeddings", 2, {C, D}, "Tensor \"embedding/embeddings\" must have shape [6, 3]."},
		{"embedding/embeddings", 1, {18}, "Tensor \"embedding/embeddings\" must have two dimensions."},
		{"embedding/embeddings",
		 2,
		 {6, 0},
		 "A network of 5 classes, embedding 0 and hidden 4 is not possible."},
		{"lstm/lstm_cell/kernel",
		 2,
		 {D, 4 * H - 1},
		 "Tensor \"lstm/lstm_cell/kernel\" must have shape [3, 16]."},
		{"lstm/lstm_cell/recurrent_kernel",
		 2,
		 {H, H},
		 "Tensor \"lstm/lstm_cell/recurrent_kernel\" must have shape [4, 16]."},
		{"lstm/lstm_cell/bias", 2, {4, H}, "Tensor \"lstm/lstm_cell/bias\" must have shape [16]."},
		{"dense/kernel", 2, {C, H}, "Tensor \"dense/kernel\" must have shape [4, 5]."},
		{"dense/bias", 1, {4}, "Tensor \"dense/bias\" must have shape [5]."},
		{"popularity", 1, {4}, "Tensor \"popularity\" must have shape [5]."},
		{"rules/decay", 1, {0}, "Tensor \"rules/decay\" must have one element."},
		{"rules/start", 1, {5}, "Tensor \"rules/start\" must have 6 starts, from 0 to the 6 links."},
		{"rules/class", 1, {5}, "Tensor \"rules/start\" must have 6 starts, from 0 to the 5 links."},
		{"rules/class", 2, {2, 3}, "Tensor \"rules/class\" must have one dimension."},
		{"rules/weight", 1, {5}, "Tensor \"rules/weight\" must have shape [6]."},
		{"mixture/weights", 1, {5}, "Tensor \"mixture/weights\" must have shape [5, 5]."},
		{"classes/id_start",
		 1,
		 {5},
		 "Tensor \"classes/id_start\" must start with 0 and end with 8, the length of the text."},
		{"classes/label_start",
		 1,
		 {1},
		 "Tensor \"classes/label_start\" must start with 0 and end with 4, the length of the text."},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Spoilt spoilt;
		UimlTensorOut *tensor;
		UimlFault fault;

		spoil_begin(&spoilt);
		tensor = tensor_named(&spoilt, bad[i].name);
		tensor->dims = bad[i].dims;
		memcpy(tensor->shape, bad[i].shape, sizeof(bad[i].shape));
		assert_int_equal(spoil_end(&spoilt, &fault), UIML_ECORRUPT);
		assert_string_equal(fault.text, bad[i].fault);
	}
}

static void
test_values(void **state)
{
	static const int32_t none[] = {0};
	static const int32_t many[] = {201};
	static const int32_t falling[] = {0, 2, 1, 5, 6, 6};
	static const int32_t outside[] = {1, 4, 0, 2, 3, 5};
	static const int32_t negative[] = {1, 4, 0, 2, 3, -1};
	static const int32_t twice[] = {1, 4, 0, 2, 2, 1};
	static const int32_t names[] = {0, 3, 2, 6, 7, 8};
	static const float nan_bias[] = {0, 0, NAN, 0, 0};
	static const float blends[] = {0, 0, 2, 0, 0};
	static const float no_shares[] = {-.5f, .5f, .5f, .5f, 0};
	static const float half[] = {.1f, .1f, .1f, .1f, .1f};
	static const struct
	{
		const char *name;
		const void *data;
		UimlStatus status;
		const char *fault;
	} bad[] = {
		{"rules/steps", none, UIML_ECORRUPT, "Tensor \"rules/steps\" must be from 1 to 200, not 0."},
		{"ridge/steps", many, UIML_ECORRUPT, "Tensor \"ridge/steps\" must be from 1 to 200, not 201."},
		{"rules/start", falling, UIML_ECORRUPT, "Tensor \"rules/start\" must not fall, as element 2 does."},
		{"rules/class", outside, UIML_ECORRUPT,
		 "Element 5 of tensor \"rules/class\" is 5, which is no class."},
		{"rules/class", negative, UIML_ECORRUPT,
		 "Element 5 of tensor \"rules/class\" is -1, which is no class."},
		{"rules/class", twice, UIML_ECORRUPT,
		 "Class 2 is followed by a class twice in tensor \"rules/class\"."},
		{"classes/id_start", names, UIML_ECORRUPT,
		 "Tensor \"classes/id_start\" must not fall, as element 2 does."},
		{"dense/bias", nan_bias, UIML_ENOTFINITE, "Element 2 of tensor \"dense/bias\" is not a number."},
		{"popularity", no_shares, UIML_ECORRUPT, "Tensor \"popularity\" is no distribution."},
		{"popularity", half, UIML_ECORRUPT, "Tensor \"popularity\" is no distribution."},
		{"mixture/blend", blends, UIML_ECORRUPT,
		 "The tensors don't make a model: some number is outside its range, or an expert of the mixture "
		 "isn't "
		 "there."},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Spoilt spoilt;
		UimlFault fault;

		spoil_begin(&spoilt);
		tensor_named(&spoilt, bad[i].name)->data = bad[i].data;
		assert_int_equal(spoil_end(&spoilt, &fault), bad[i].status);
		assert_string_equal(fault.text, bad[i].fault);
	}
}

static void
test_metadata(void **state)
{
	static const struct
	{
		const char *name;
		const char *value; /* NULL: not there */
		const char *fault;
	} bad[] = {
		{"format", NULL, "The metadata has no \"format\"."},
		{"format", "pt", "\"format\" of the metadata must be \"uiml-sequence\", not \"pt\"."},
		{"version", "2", "\"version\" of the metadata must be \"1\", not \"2\"."},
		{"target", NULL, "The metadata has no \"target\"."},
		{"target", "user", "\"target\" of the metadata must be \"interest\" or \"item\", not \"user\"."},
		{"max_length", "1", "\"max_length\" of the metadata must be a number from 2 to 200, not \"1\"."},
		{"max_length", "7x", "\"max_length\" of the metadata must be a number from 2 to 200, not \"7x\"."},
		{"max_length", "", "\"max_length\" of the metadata must be a number from 2 to 200, not \"\"."},
		{"mask", "no", "\"mask\" of the metadata must be \"true\" or \"false\", not \"no\"."},
		{"gates", "i,f,o,c", "\"gates\" of the metadata must be \"i,f,c,o\", not \"i,f,o,c\"."},
		{"output", "tied", "\"output\" of the metadata is \"tied\", and there is a tensor \"dense/kernel\"."},
		{"experts", "popularity,rules",
		 "The experts \"popularity,rules\" are not those of this version of uiml."},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Spoilt spoilt;
		UimlFault fault;
		size_t m = 0;

		spoil_begin(&spoilt);
		while (strcmp(spoilt.metadata[m].name, bad[i].name) != 0)
			m++;
		spoilt.metadata[m].value = bad[i].value;
		if (bad[i].value == NULL)
			spoilt.metadata[m] = spoilt.metadata[--spoilt.file.n_metadata];
		assert_int_equal(spoil_end(&spoilt, &fault), UIML_ECORRUPT);
		assert_string_equal(fault.text, bad[i].fault);
	}
}

/* ---------- what fails around it ---------- */

static void
test_memory(void **state)
{
	UimlNextModel model = model_of(false);
	TestFile *file = export_of(&model);

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlNextModel read;
		UimlStatus status = import_of(&env, file, same_place, &read, NULL);

		if (status == UIML_OK)
		{
			assert_true(k > 20);
			uiml_sequence_import_free(&env, &read);
			break;
		}
		assert_int_equal(status, UIML_ENOMEM);
		assert_int_equal(test_env_live(), 0);
	}
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlSequenceOut what = out_of(&model);
		UimlSequenceExport prepared;
		UimlStatus status = uiml_sequence_export_open(&env, &what, &prepared);

		uiml_sequence_export_close(&env, &prepared);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
test_interrupts(void **state)
{
	UimlNextModel model = model_of(false);
	TestFile *file = export_of(&model);

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlNextModel read;
		UimlStatus status = import_of(&env, file, same_place, &read, NULL);

		if (status == UIML_OK)
		{
			assert_true(k > 20);
			uiml_sequence_import_free(&env, &read);
			break;
		}
		assert_int_equal(status, UIML_EINTERRUPTED);
		assert_int_equal(test_env_live(), 0);
	}
}

/* No beginning of a file is one. */
static void
test_truncated(void **state)
{
	UimlEnv env = test_env_counting();
	UimlNextModel model = model_of(false);
	TestFile *file = export_of(&model);

	(void) state;
	while (file->size-- > 0)
	{
		UimlNextModel read;

		file->input.size = file->size;
		assert_int_equal(import_of(&env, file, same_place, &read, NULL), UIML_ECORRUPT);
		assert_int_equal(test_env_live(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_head),      cmocka_unit_test(test_low_rank),
		cmocka_unit_test(test_foreign),    cmocka_unit_test(test_missing),   cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_values),     cmocka_unit_test(test_metadata),  cmocka_unit_test(test_memory),
		cmocka_unit_test(test_interrupts), cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
