/*
 * test_model_convert.c
 *	  Folders of models, as they are published, to encoders: the tiny one of this tree, and real ones where
 *	  $UIML_SHARED has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/encoder_format.h"
#include "core/encoder_write.h"
#include "core/model_convert.h"
#include "core/safetensors.h"
#include "core/tokenizer.h"
#include "testenv.h"

#define TINY "test/models/tiny-bert"

static const UimlModelOptions no_options = {.normalize = -1};

/* ---------- a folder ---------- */

typedef struct Folder
{
	char *config;
	char *tokenizer;
	char *vocabulary;
	char *tokenizer_config;
	FILE *weights;
	long reads; /* the reads-th fails, where not 0 */
	UimlInput input;
	UimlModelFiles files;
} Folder;

static UimlModelFile
file_of(const char *text)
{
	return (UimlModelFile){.bytes = text, .length = text != NULL ? strlen(text) : 0};
}

/* A small file's text, NULL where there is none. */
static char *
text_read(const char *folder, const char *name)
{
	char path[1000];
	char *text = NULL;
	FILE *file;
	long size;

	(void) snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL)
		return NULL;
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	assert_true(size >= 0);
	text = malloc((size_t) size + 1);
	assert_non_null(text);
	rewind(file);
	assert_int_equal(fread(text, 1, (size_t) size, file), size);
	text[size] = '\0';
	(void) fclose(file);
	return text;
}

static UimlStatus
weights_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	Folder *folder = ctx;

	if (folder->reads > 0 && --folder->reads == 0)
		return UIML_ECORRUPT;
	assert_int_equal(fseek(folder->weights, (long) offset, SEEK_SET), 0);
	assert_int_equal(fread(bytes, 1, count, folder->weights), count);
	return UIML_OK;
}

static void
folder_open(Folder *folder, const char *path)
{
	char name[1000];
	long size;

	*folder = (Folder){.config = text_read(path, "config.json"),
					   .tokenizer = text_read(path, "tokenizer.json"),
					   .vocabulary = text_read(path, "vocab.txt"),
					   .tokenizer_config = text_read(path, "tokenizer_config.json")};
	(void) snprintf(name, sizeof(name), "%s/model.safetensors", path);
	folder->weights = fopen(name, "rb");
	assert_non_null(folder->weights);
	assert_int_equal(fseek(folder->weights, 0, SEEK_END), 0);
	size = ftell(folder->weights);
	assert_true(size > 0);
	folder->input = (UimlInput){.size = (uint64_t) size, .read = weights_read, .ctx = folder};
	folder->files = (UimlModelFiles){.config = file_of(folder->config),
									 .tokenizer = file_of(folder->tokenizer),
									 .vocabulary = file_of(folder->vocabulary),
									 .tokenizer_config = file_of(folder->tokenizer_config),
									 .weights = &folder->input};
}

static void
folder_close(Folder *folder)
{
	free(folder->config);
	free(folder->tokenizer);
	free(folder->vocabulary);
	free(folder->tokenizer_config);
	(void) fclose(folder->weights);
}

/* ---------- what is written ---------- */

typedef struct Sink
{
	unsigned char *bytes;
	size_t length;
	size_t room;
	const UimlModelInfo *info; /* whose size is known before the first byte */
} Sink;

static UimlStatus
sink_write(void *ctx, const void *bytes, size_t count)
{
	Sink *sink = ctx;

	if (sink->length == 0)
		assert_true(sink->info->size > 0 && sink->info->dims > 0);
	if (count > sink->room - sink->length)
		return UIML_ELIMIT;
	memcpy(sink->bytes + sink->length, bytes, count);
	sink->length += count;
	return UIML_OK;
}

static UimlStatus
convert(const UimlEnv *env, const UimlModelFiles *files, const UimlModelOptions *options, Sink *sink,
		UimlModelInfo *info, UimlFault *fault)
{
	UimlOutput out = {.write = sink_write, .ctx = sink};

	sink->length = 0;
	sink->info = info;
	fault->text[0] = '\0';
	return uiml_model_convert(env, files, options, &out, info, fault);
}

/* The tokenizer in an encoder of kind bert, opened and checked in full. */
static void
check_opens(const Sink *sink, UimlBertShape *shape, UimlBertLayout *layout, UimlTokenizer *tokenizer)
{
	assert_int_equal(uiml_bert_get_header(sink->bytes, sink->length, shape, layout), UIML_OK);
	assert_true(uiml_encoder_end_is_right(sink->bytes, sink->length));
	assert_int_equal(uiml_tokenizer_open(sink->bytes + layout->tokenizer, shape->tokenizer, true, tokenizer),
					 UIML_OK);
	assert_true(tokenizer->vocabulary <= shape->vocabulary);
}

/* ---------- the tiny model ---------- */

#define TINY_ROOM 131072

static unsigned char tiny_bytes[TINY_ROOM];

static void
test_tiny(void **state)
{
	UimlEnv env = test_env_counting();
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	UimlModelInfo info;
	UimlFault fault;
	UimlBertShape shape;
	UimlBertLayout layout;
	UimlTokenizer tokenizer;

	(void) state;
	folder_open(&folder, TINY);
	assert_int_equal(convert(&env, &folder.files, &no_options, &sink, &info, &fault), UIML_OK);
	assert_int_equal(test_env_live(), 0);
	assert_int_equal(info.size, sink.length);
	assert_int_equal(info.kind, UIML_ENCODER_BERT);
	assert_string_equal(info.type, "bert");
	assert_int_equal(info.dims, 24);
	assert_int_equal(info.vocabulary, 127);
	assert_int_equal(info.layers, 2);
	assert_int_equal(info.max_tokens, 32);
	assert_int_equal(info.pooling, UIML_POOLING_MEAN);
	assert_true(info.normalize);
	check_opens(&sink, &shape, &layout, &tokenizer);
	assert_int_equal(tokenizer.vocabulary, 127);
	folder_close(&folder);
}

static void
test_options(void **state)
{
	UimlEnv env = test_env_counting();
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	UimlModelOptions options = {.pooling = UIML_POOLING_MAX, .normalize = 0, .max_tokens = 7};
	UimlModelInfo info;
	UimlFault fault;
	UimlBertShape shape;
	UimlBertLayout layout;
	UimlTokenizer tokenizer;

	(void) state;
	folder_open(&folder, TINY);
	assert_int_equal(convert(&env, &folder.files, &options, &sink, &info, &fault), UIML_OK);
	check_opens(&sink, &shape, &layout, &tokenizer);
	assert_int_equal(shape.pooling, UIML_POOLING_MAX);
	assert_false(shape.normalize);
	assert_int_equal(shape.max_tokens, 7);
	options.max_tokens = 33;
	assert_int_equal(convert(&env, &folder.files, &options, &sink, &info, &fault), UIML_EINVALID);
	assert_string_equal(fault.text, "The model has positions for 32 tokens.");
	assert_int_equal(sink.length, 0);
	folder_close(&folder);
}

/* vocab.txt gives the ids that tokenizer.json does. */
static void
test_vocabulary(void **state)
{
	static const char text[] = "Naïve apples, and 人工 databases!";
	UimlEnv env = test_env_counting();
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	uint32_t ids[2][32];
	size_t n[2];

	(void) state;
	folder_open(&folder, TINY);
	for (int i = 0; i < 2; i++)
	{
		UimlModelInfo info;
		UimlFault fault;
		UimlBertShape shape;
		UimlBertLayout layout;
		UimlTokenizer tokenizer;

		if (i == 1)
			folder.files.tokenizer.bytes = NULL;
		assert_int_equal(convert(&env, &folder.files, &no_options, &sink, &info, &fault), UIML_OK);
		check_opens(&sink, &shape, &layout, &tokenizer);
		assert_int_equal(uiml_tokenizer_run(&env, &tokenizer, text, strlen(text), 32, ids[i], &n[i], NULL),
						 UIML_OK);
	}
	assert_true(n[0] > 10);
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(ids[0], ids[1], n[0] * sizeof(uint32_t));
	folder_close(&folder);
}

/* ---------- faults ---------- */

static void
test_faults(void **state)
{
	UimlEnv env = test_env_counting();
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	UimlModelInfo info;
	UimlFault fault;
	UimlModelFiles files;
	UimlInput empty;

	(void) state;
	folder_open(&folder, TINY);

	files = folder.files;
	files.tokenizer.bytes = files.vocabulary.bytes = NULL;
	assert_int_equal(convert(&env, &files, &no_options, &sink, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "There is neither tokenizer.json nor vocab.txt.");

	files = folder.files;
	files.config = file_of("{\"hidden_size\": 24}");
	assert_int_equal(convert(&env, &files, &no_options, &sink, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "config.json doesn't tell the \"model_type\".");

	files = folder.files;
	files.config = file_of("{\"model_type\": \"model2vec\"}");
	assert_int_equal(convert(&env, &files, &no_options, &sink, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "There is no tensor \"embeddings\".");

	files = folder.files;
	files.tokenizer.bytes = NULL;
	files.tokenizer_config = file_of("{\"do_lower_case\": \"yes\"}");
	assert_int_equal(convert(&env, &files, &no_options, &sink, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "\"do_lower_case\" of tokenizer_config.json must be true or false.");

	files = folder.files;
	files.tokenizer = file_of("{}");
	assert_int_equal(convert(&env, &files, &no_options, &sink, &info, &fault), UIML_ECORRUPT);
	assert_true(fault.text[0] != '\0');

	files = folder.files;
	empty = (UimlInput){.size = 0, .read = weights_read, .ctx = &folder};
	files.weights = &empty;
	assert_int_equal(convert(&env, &files, &no_options, &sink, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "A safetensors file of 0 bytes has no header.");

	assert_int_equal(sink.length, 0);
	assert_int_equal(test_env_live(), 0);
	folder_close(&folder);
}

static void
test_memory(void **state)
{
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	UimlModelInfo info;
	UimlFault fault;

	(void) state;
	folder_open(&folder, TINY);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = convert(&env, &folder.files, &no_options, &sink, &info, &fault);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
	folder_close(&folder);
}

static void
test_interrupts(void **state)
{
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	UimlModelInfo info;
	UimlFault fault;

	(void) state;
	folder_open(&folder, TINY);
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = convert(&env, &folder.files, &no_options, &sink, &info, &fault);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	folder_close(&folder);
}

/* What reading and writing return is passed on. */
static void
test_streams(void **state)
{
	UimlEnv env = test_env_counting();
	Folder folder;
	Sink sink = {.bytes = tiny_bytes, .room = TINY_ROOM};
	UimlModelInfo info;
	UimlFault fault;

	(void) state;
	folder_open(&folder, TINY);
	for (long k = 1;; k++)
	{
		UimlStatus status;

		folder.reads = k;
		status = convert(&env, &folder.files, &no_options, &sink, &info, &fault);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ECORRUPT);
		assert_string_equal(fault.text, "");
	}
	folder.reads = 0;
	for (size_t room = 0; room < info.size; room += 1000)
	{
		sink.room = room;
		assert_int_equal(convert(&env, &folder.files, &no_options, &sink, &info, &fault), UIML_ELIMIT);
		assert_int_equal(test_env_live(), 0);
	}
	folder_close(&folder);
}

/* ---------- real models ---------- */

/* Opens a folder of models beside data sets ($UIML_SHARED); skips the test where there is none. */
static void
shared_open(Folder *folder, const char *model)
{
	const char *shared = getenv("UIML_SHARED");
	char path[900];
	char *config;

	(void) snprintf(path, sizeof(path), "%s/models/%s", shared != NULL ? shared : "../shared", model);
	config = text_read(path, "config.json");
	if (config == NULL)
		skip();
	free(config);
	folder_open(folder, path);
}

/* Row j of a tensor is output j of a projection whose panels are at place. */
static void
check_output(const Folder *folder, const char *name, size_t j, const unsigned char *place)
{
	UimlEnv env = test_env_counting();
	UimlSafetensors weights;
	UimlFault fault = {""};
	const UimlTensor *tensor;
	float row[4096];
	size_t k;

	assert_int_equal(uiml_safetensors_open(&env, &folder->input, &weights, &fault), UIML_OK);
	tensor = uiml_safetensors_find(&weights, name);
	assert_non_null(tensor);
	k = tensor->shape[1];
	assert_int_equal(uiml_tensor_floats(&weights, tensor, j * k, k, row, &fault), UIML_OK);
	for (size_t p = 0; p < k; p++)
		assert_true(encoder_load_float(place + ((j / 16 * k + p) * 16 + j % 16) * 4) == row[p]);
	uiml_safetensors_close(&env, &weights);
}

/*
 * Converts a real model: its last weights are where they belong, in memory that is far less than the model's.
 */
static void
check_real(const char *model, size_t dims, size_t layers, size_t vocabulary, uint64_t parameters)
{
	TestEnvMeter meter = {0, 0};
	UimlEnv env = test_env_metered(&meter);
	Folder folder;
	Sink sink;
	UimlModelInfo info;
	UimlFault fault;
	UimlBertShape shape;
	UimlBertLayout layout;
	UimlTokenizer tokenizer;
	char name[100];

	shared_open(&folder, model);
	sink = (Sink){.room = (size_t) folder.input.size + 16 * 1024 * 1024};
	sink.bytes = malloc(sink.room);
	assert_non_null(sink.bytes);
	assert_int_equal(convert(&env, &folder.files, &no_options, &sink, &info, &fault), UIML_OK);
	assert_int_equal(meter.held, 0);
	assert_true(meter.peak < (size_t) 12 * 1024 * 1024);
	assert_int_equal(info.dims, dims);
	assert_int_equal(info.layers, layers);
	assert_int_equal(info.vocabulary, vocabulary);
	assert_int_equal(info.max_tokens, 512);
	assert_int_equal(info.parameters, parameters);
	check_opens(&sink, &shape, &layout, &tokenizer);
	assert_int_equal(tokenizer.vocabulary, vocabulary);
	(void) snprintf(name, sizeof(name), "encoder.layer.%zu.output.dense.weight", layers - 1);
	check_output(&folder, name, dims - 1,
				 sink.bytes + layout.layers + (layers - 1) * layout.layer_size + layout.down.weight);
	check_output(&folder, "encoder.layer.0.attention.self.query.weight", 17,
				 sink.bytes + layout.layers + layout.qkv.weight);
	print_message("%s: %zu bytes, %zu at the most while converting\n", model, sink.length, meter.peak);
	free(sink.bytes);
	folder_close(&folder);
}

static void
test_minilm(void **state)
{
	(void) state;
	check_real("all-MiniLM-L6-v2", 384, 6, 30522, 22565376);
}

static void
test_zh_tiny(void **state)
{
	(void) state;
	check_real("zh-tiny", 64, 2, 21128, 1452160);
}

static void
test_model2vec(void **state)
{
	UimlEnv env = test_env_counting();
	Folder folder;
	Sink sink;
	UimlModelInfo info;
	UimlFault fault;

	(void) state;
	shared_open(&folder, "model2vec-tiny");
	sink = (Sink){.room = 16 * 1024 * 1024};
	sink.bytes = malloc(sink.room);
	assert_non_null(sink.bytes);
	assert_int_equal(convert(&env, &folder.files, &no_options, &sink, &info, &fault), UIML_OK);
	assert_string_equal(fault.text, "");
	assert_int_equal(test_env_live(), 0);
	assert_int_equal(info.kind, UIML_ENCODER_STATIC);
	assert_string_equal(info.type, "model2vec");
	assert_int_equal(info.dims, 64);
	assert_int_equal(info.vocabulary, 29524);
	assert_int_equal(info.max_tokens, 0);
	assert_true(info.normalize);
	assert_int_equal(info.size, sink.length);
	assert_true(uiml_encoder_end_is_right(sink.bytes, sink.length));
	free(sink.bytes);
	folder_close(&folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tiny),      cmocka_unit_test(test_options), cmocka_unit_test(test_vocabulary),
		cmocka_unit_test(test_faults),    cmocka_unit_test(test_memory),  cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_streams),   cmocka_unit_test(test_minilm),  cmocka_unit_test(test_zh_tiny),
		cmocka_unit_test(test_model2vec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
