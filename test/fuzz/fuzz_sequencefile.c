/*
 * fuzz_sequencefile.c
 *	  uiml_sequencefile_open on arbitrary bytes; whatever it accepts is read to the last byte, and predicts.
 *
 * Random bytes hardly ever carry a right magic and total size, so the first input byte can ask for a written
 * file instead; the other bytes then are the damage done to it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/sequencefile.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define C     4
#define D     2
#define ITEMS 4

static unsigned
read_floats(const float *x, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; x != NULL && i < n; i++)
		sum += x[i] > 0;
	return sum;
}

static unsigned
read_links(const UimlNextLinks *links, const UimlNextModel *model)
{
	unsigned sum = 0;

	for (size_t c = 0; links->start != NULL && c < model->n_classes; c++)
		for (uint64_t e = links->start[c]; e < links->start[c + 1]; e++)
			sum += model->popularity[links->class_no[e]] > links->weight[e];
	return sum;
}

/* Reads all that the view gives access to. */
static unsigned
read_all(const UimlNextModel *model)
{
	unsigned sum = read_floats(model->popularity, model->n_classes) + read_links(&model->rules.links, model) +
				   read_links(&model->ridge.links, model) + read_links(&model->ease.links, model) +
				   read_floats(model->ridge.w, (size_t) model->ridge.p * model->ridge.q) +
				   read_floats(model->ridge.b, model->ridge.q);

	for (int t = 0; model->lstm.shape.classes > 0 && t < UIML_LSTM_N_TENSORS; t++)
		sum +=
			read_floats(model->lstm.tensor[t], uiml_lstm_tensor_size(&model->lstm.shape, (UimlLstmTensor) t));
	return sum;
}

/* Predicts, where the model fits the items of a version, from a history that a damaged table may hold. */
static void
predict(const UimlNextModel *model, const uint8_t *input, size_t size)
{
	static const float x[ITEMS * D] = {1, .5f, -.25f};
	static const uint32_t interest[ITEMS] = {0, 1, UINT32_MAX, 3};
	UimlNextSpace space = {.n_items = ITEMS, .dims = D, .in = x, .out = x, .interest = interest};
	uint32_t item[8];
	size_t n = size < 8 ? size : 8;
	float *share;
	void *room;

	if (!uiml_next_valid(model, &space))
		return;
	for (size_t i = 0; i < n; i++)
		item[i] = input[i];
	share = malloc(model->n_classes * sizeof(float));
	room = malloc(uiml_next_room(model, &space));
	if (share != NULL && room != NULL)
		(void) uiml_next_predict(model, &space, item, n, input[0] % 2 == 1, room, share);
	free(room);
	free(share);
}

/* A good file whose experts the bits of mode choose; receives its size. */
static char *
written_file(uint8_t mode, size_t *size)
{
	static const float share[C] = {.5f, .5f};
	static const uint64_t start[C + 1] = {0, 1, 1, 3, 4};
	static const uint32_t class_no[4] = {0, 3, 1, 2};
	static float x[64] = {.25f, -.5f, 1};
	static const UimlNextLinks links = {start, class_no, x};
	bool items = (mode & 2) != 0;
	bool low_rank = (mode & 8) != 0;
	bool tied = (mode & 64) != 0;
	UimlNextModel model = {.target = items ? UIML_NEXT_ITEM : UIML_NEXT_INTEREST,
						   .n_classes = C,
						   .max_length = 1 + mode / 32,
						   .temperature = {1, 1, 1, 1, 1},
						   .popularity = share,
						   .padded = (mode & 128) != 0};

	if (mode & 4)
		model.rules = (UimlNextRules){.decay = .5f, .steps = 2, .links = links};
	if (items && !low_rank)
		model.ridge = (UimlNextRidge){.decay = .5f, .steps = 2, .links = links};
	else
		model.ridge = (UimlNextRidge){.decay = .5f,
									  .steps = 2,
									  .p = items ? D : D + C,
									  .q = items ? D : C,
									  .w = x,
									  .b = items ? NULL : x};
	if (mode & 16)
		model.ease = (UimlNextRules){.decay = .5f, .steps = 2, .links = links};
	if (mode & 32)
		model.lstm = (UimlLstmWeights){.shape = {C + 1, D, D, C, tied}, .tensor = {x, x, x, x, x, x}};
	else
		model.padded = false;
	for (int length = 0; length < UIML_NEXT_LENGTHS; length++)
	{
		model.mix[length][UIML_EXPERT_POPULARITY] = .5f;
		model.mix[length][mode & 32 ? UIML_EXPERT_LSTM : UIML_EXPERT_RIDGE] = .5f;
		model.blend[length] = .5f;
	}
	*size = uiml_sequencefile_size(&model);
	char *data = malloc(*size);

	if (data == NULL || uiml_sequencefile_pack(&model, data, *size) != UIML_OK)
		abort();
	return data;
}

/* Each three bytes of the input are a position and a value. */
static void
damage(char *data, size_t size, const uint8_t *input, size_t length)
{
	for (size_t i = 0; i + 3 <= length; i += 3)
	{
		size_t at = ((size_t) input[i] << 8 | input[i + 1]) % size;

		data[at] = (char) input[i + 2];
	}
}

static void
open_and_use(const char *data, size_t length, bool verify, const uint8_t *input, size_t size)
{
	volatile unsigned sink;
	UimlSequenceFile file;

	if (uiml_sequencefile_open(data, length, verify, &file) != UIML_OK)
		return;
	sink = read_all(&file.model);
	(void) sink;
	predict(&file.model, input, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	size_t length;
	uint8_t mode;
	char *data;

	if (size < 2)
		return 0;
	mode = input[0];
	if (mode % 2 == 1)
	{
		data = written_file(mode, &length);
		damage(data, length, input + 1, size - 1);
	}
	else
	{
		length = size - 1;
		data = malloc(length);
		if (data == NULL)
			return 0;
		memcpy(data, input + 1, length);
	}
	open_and_use(data, length, input[1] % 2 == 1, input, size);
	/* whichever byte order it came in, it is safe in the other */
	if (uiml_sequencefile_swap(data, length) == UIML_OK)
		open_and_use(data, length, false, input, size);
	free(data);
	return 0;
}
