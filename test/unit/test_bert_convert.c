/*
 * test_bert_convert.c
 *	  Every element of a transformer's tensors at its place in the encoder, whatever the tensors are called, and
 *	  what is missing, misshapen or no number.
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

#include "core/bytes.h"
#include "core/encoder_format.h"
#include "core/model_source.h"
#include "testenv.h"

#define VOCABULARY 9
#define HIDDEN     6
#define LAYERS     2
#define FFN        20
#define POSITIONS  7

#define ROOM      65536
#define N_TENSORS 64

/* How a model calls its tensors, and what it has. */
typedef struct Flavour
{
	const char *prefix;
	const char *type; /* of tensors */
	bool distilbert;
	bool gamma;        /* and beta, in LayerNorm */
	size_t first;      /* position of the first token */
	size_t types;      /* of tokens */
	const char *drop;  /* the tensor whose name contains this is left out, */
	const char *shape; /* or has one row or element more, */
	const char *nan;   /* or a NaN */
	const char *integer;
	const char *extra; /* another one of this name */
} Flavour;

typedef struct Model
{
	Flavour flavour;
	uint8_t file[ROOM];
	size_t size;
	char header[16384];
	size_t header_length;
	uint8_t data[ROOM / 2];
	size_t data_length;
	long reads; /* the reads-th fails, where not 0 */
	UimlInput input;
} Model;

typedef struct Sink
{
	unsigned char bytes[ROOM];
	size_t length;
	size_t room;
} Sink;

/* An element's value, in 10 bits. */
static float
value_of(const char *name, size_t i)
{
	uint32_t hash = 17;

	for (; *name != '\0'; name++)
		hash = hash * 31 + (unsigned char) *name;
	return (float) ((int) ((hash + i * 37) % 1000) - 500) / 8;
}

static uint64_t
bits_of(const char *type, float value)
{
	uint32_t single;
	uint64_t bits;
	double wide = (double) value;

	memcpy(&single, &value, sizeof(single));
	memcpy(&bits, &wide, sizeof(bits));
	if (strcmp(type, "F64") == 0)
		return bits;
	if (strcmp(type, "F32") == 0 || value == 0)
		return single;
	return (single >> 16 & 0x8000) | (((single >> 23 & 0xFF) - 112) << 10) | (single >> 13 & 0x3FF);
}

static bool
is_named(const char *part, const char *name)
{
	return part != NULL && strstr(name, part) != NULL;
}

/* One tensor with rows (0: a vector) and columns. */
static void
tensor_add(Model *model, const char *name, size_t rows, size_t columns)
{
	const Flavour *f = &model->flavour;
	const char *type = is_named(f->integer, name) ? "I8" : f->type;
	size_t size = strcmp(type, "F64") == 0   ? 8
				  : strcmp(type, "F32") == 0 ? 4
				  : strcmp(type, "F16") == 0 ? 2
											 : 1;
	size_t n;
	char shape[64];

	if (is_named(f->drop, name))
		return;
	if (is_named(f->shape, name))
		*(rows > 0 ? &rows : &columns) += 1;
	n = (rows > 0 ? rows : 1) * columns;
	if (rows > 0)
		(void) snprintf(shape, sizeof(shape), "%zu,%zu", rows, columns);
	else
		(void) snprintf(shape, sizeof(shape), "%zu", columns);
	model->header_length +=
		(size_t) snprintf(model->header + model->header_length, sizeof(model->header) - model->header_length,
						  "%s\"%s%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
						  model->header_length == 0 ? "{" : ",", f->prefix, name, type, shape,
						  model->data_length, model->data_length + n * size);
	for (size_t i = 0; i < n; i++)
	{
		float value = is_named(f->nan, name) && i == n / 2 ? NAN : value_of(name, i);

		uiml_put_bytes(model->data + model->data_length, bits_of(type, value), (int) size);
		model->data_length += size;
	}
}

static void
layer_add(Model *model, size_t layer)
{
	static const char *const bert[] = {
		"attention.self.query", "attention.self.key", "attention.self.value",       "attention.output.dense",
		"intermediate.dense",   "output.dense",       "attention.output.LayerNorm", "output.LayerNorm"};
	static const char *const distilbert[] = {"attention.q_lin",   "attention.k_lin",  "attention.v_lin",
											 "attention.out_lin", "ffn.lin1",         "ffn.lin2",
											 "sa_layer_norm",     "output_layer_norm"};
	const char *const *names = model->flavour.distilbert ? distilbert : bert;

	for (size_t i = 0; i < 8; i++)
	{
		size_t outputs = i == 4 ? FFN : HIDDEN;
		size_t inputs = i == 5 ? FFN : HIDDEN;
		bool old = i >= 6 && model->flavour.gamma;
		char name[100];

		(void) snprintf(name, sizeof(name), "%s.layer.%zu.%s.%s",
						model->flavour.distilbert ? "transformer" : "encoder", layer, names[i],
						old ? "gamma" : "weight");
		tensor_add(model, name, i < 6 ? outputs : 0, i < 6 ? inputs : HIDDEN);
		(void) snprintf(strrchr(name, '.'), 10, ".%s", old ? "beta" : "bias");
		tensor_add(model, name, 0, outputs);
	}
}

static UimlStatus
model_read(void *ctx, uint64_t offset, void *bytes, size_t count)
{
	Model *model = ctx;

	assert_true(offset <= model->size && count <= model->size - offset);
	if (model->reads > 0 && --model->reads == 0)
		return UIML_ECORRUPT;
	memcpy(bytes, model->file + offset, count);
	return UIML_OK;
}

static Model *
model_make(Flavour flavour)
{
	static Model model;

	memset(&model, 0, sizeof(model));
	model.flavour = flavour;
	tensor_add(&model, "embeddings.word_embeddings.weight", VOCABULARY, HIDDEN);
	tensor_add(&model, "embeddings.position_embeddings.weight", POSITIONS, HIDDEN);
	if (flavour.types > 0)
		tensor_add(&model, "embeddings.token_type_embeddings.weight", flavour.types, HIDDEN);
	tensor_add(&model, flavour.gamma ? "embeddings.LayerNorm.gamma" : "embeddings.LayerNorm.weight", 0,
			   HIDDEN);
	tensor_add(&model, flavour.gamma ? "embeddings.LayerNorm.beta" : "embeddings.LayerNorm.bias", 0, HIDDEN);
	for (size_t i = 0; i < LAYERS; i++)
		layer_add(&model, i);
	tensor_add(&model, "pooler.dense.weight", HIDDEN, HIDDEN);
	if (flavour.extra != NULL)
		tensor_add(&model, flavour.extra, 1, 1);
	model.header[model.header_length++] = '}';
	assert_true(model.header_length < sizeof(model.header) && model.data_length < sizeof(model.data));
	uiml_put_bytes(model.file, model.header_length, 8);
	memcpy(model.file + 8, model.header, model.header_length);
	memcpy(model.file + 8 + model.header_length, model.data, model.data_length);
	model.size = 8 + model.header_length + model.data_length;
	model.input = (UimlInput){.size = model.size, .read = model_read, .ctx = &model};
	return &model;
}

/* ---------- conversion ---------- */

static const unsigned char tokenizer_bytes[] = "these are the bytes of a tokenizer";

static UimlModelConfig
config_of(const Flavour *flavour)
{
	return (UimlModelConfig){.kind = UIML_ENCODER_BERT,
							 .type = "bert",
							 .distilbert = flavour->distilbert,
							 .vocabulary = VOCABULARY,
							 .hidden = HIDDEN,
							 .layers = LAYERS,
							 .heads = 2,
							 .ffn = FFN,
							 .positions = POSITIONS,
							 .position_first = flavour->first,
							 .token_types = flavour->types,
							 .eps = 1e-5,
							 .activation = UIML_ACTIVATION_GELU_TANH,
							 .pooling = UIML_POOLING_CLS,
							 .normalize = 0,
							 .max_tokens = 4};
}

static UimlStatus
sink_write(void *ctx, const void *bytes, size_t count)
{
	Sink *sink = ctx;

	if (count > sink->room - sink->length)
		return UIML_ELIMIT;
	memcpy(sink->bytes + sink->length, bytes, count);
	sink->length += count;
	return UIML_OK;
}

static UimlStatus
convert_with(const UimlEnv *env, Model *model, const UimlModelConfig *config, size_t tokens, Sink *sink,
			 UimlModelInfo *info, UimlFault *fault)
{
	UimlTokenizer tokenizer = {.vocabulary = tokens,
							   .prefix = 1,
							   .suffix = 1,
							   .bytes = tokenizer_bytes,
							   .length = sizeof(tokenizer_bytes)};
	UimlSafetensors weights;
	UimlModelSource source = {.config = config, .weights = &weights, .tokenizer = &tokenizer};
	UimlOutput out = {.write = sink_write, .ctx = sink};
	UimlStatus status;

	fault->text[0] = '\0';
	sink->length = 0;
	status = uiml_safetensors_open(env, &model->input, &weights, fault);
	if (status != UIML_OK)
		return status;
	status = uiml_bert_convert(env, &source, &out, info, fault);
	uiml_safetensors_close(env, &weights);
	return status;
}

static UimlStatus
convert(Model *model, Sink *sink, UimlModelInfo *info, UimlFault *fault)
{
	UimlEnv env = test_env_counting();
	UimlModelConfig config = config_of(&model->flavour);
	UimlStatus status;

	sink->room = ROOM;
	status = convert_with(&env, model, &config, VOCABULARY, sink, info, fault);
	assert_int_equal(test_env_live(), 0);
	return status;
}

/* ---------- what is where ---------- */

static void
check_float(const Sink *sink, size_t place, size_t i, float expected)
{
	assert_true(encoder_load_float(sink->bytes + place + 4 * i) == expected);
}

static void
check_vector(const Sink *sink, size_t place, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_float(sink, place, i, value_of(name, i));
}

/* A projection of n linear layers, whose names end with weight or bias. */
static void
check_projection(const Sink *sink, size_t layer, const UimlBertPlace *place, const char (*names)[100],
				 size_t n, size_t outputs, size_t inputs)
{
	size_t padded = (n * outputs + 15) / 16 * 16;

	for (size_t j = 0; j < padded; j++)
	{
		char name[110];

		if (j < n * outputs)
			(void) snprintf(name, sizeof(name), "%s.weight", names[j / outputs]);
		for (size_t p = 0; p < inputs; p++)
			check_float(sink, layer + place->weight, (j / 16 * inputs + p) * 16 + j % 16,
						j < n * outputs ? value_of(name, j % outputs * inputs + p) : 0);
		if (j < n * outputs)
			(void) snprintf(name, sizeof(name), "%s.bias", names[j / outputs]);
		check_float(sink, layer + place->bias, j, j < n * outputs ? value_of(name, j % outputs) : 0);
	}
}

static void
check_norm(const Sink *sink, size_t weight, size_t bias, const char *part, bool gamma)
{
	char name[110];

	(void) snprintf(name, sizeof(name), "%s.%s", part, gamma ? "gamma" : "weight");
	check_vector(sink, weight, name, HIDDEN);
	(void) snprintf(name, sizeof(name), "%s.%s", part, gamma ? "beta" : "bias");
	check_vector(sink, bias, name, HIDDEN);
}

static void
check_layer(const Sink *sink, const UimlBertLayout *layout, const Flavour *f, size_t number)
{
	static const char *const bert[] = {"attention.self.query",   "attention.self.key", "attention.self.value",
									   "attention.output.dense", "intermediate.dense", "output.dense"};
	static const char *const distilbert[] = {"attention.q_lin",   "attention.k_lin", "attention.v_lin",
											 "attention.out_lin", "ffn.lin1",        "ffn.lin2"};
	size_t layer = layout->layers + number * layout->layer_size;
	char names[6][100];
	char norm[100];

	for (size_t i = 0; i < 6; i++)
		(void) snprintf(names[i], sizeof(names[i]), "%s.layer.%zu.%s",
						f->distilbert ? "transformer" : "encoder", number,
						f->distilbert ? distilbert[i] : bert[i]);
	check_projection(sink, layer, &layout->qkv, names, 3, HIDDEN, HIDDEN);
	check_projection(sink, layer, &layout->out, names + 3, 1, HIDDEN, HIDDEN);
	check_projection(sink, layer, &layout->up, names + 4, 1, FFN, HIDDEN);
	check_projection(sink, layer, &layout->down, names + 5, 1, HIDDEN, FFN);
	(void) snprintf(norm, sizeof(norm),
					f->distilbert ? "transformer.layer.%zu.sa_layer_norm"
								  : "encoder.layer.%zu.attention.output.LayerNorm",
					number);
	check_norm(sink, layer + layout->attention_norm.weight, layer + layout->attention_norm.bias, norm,
			   f->gamma);
	(void) snprintf(norm, sizeof(norm),
					f->distilbert ? "transformer.layer.%zu.output_layer_norm"
								  : "encoder.layer.%zu.output.LayerNorm",
					number);
	check_norm(sink, layer + layout->norm.weight, layer + layout->norm.bias, norm, f->gamma);
}

static void
check_embeddings(const Sink *sink, const UimlBertLayout *layout, const Flavour *f)
{
	check_vector(sink, layout->words, "embeddings.word_embeddings.weight", VOCABULARY * HIDDEN);
	for (size_t i = 0; i < (POSITIONS - f->first) * HIDDEN; i++)
		check_float(sink, layout->positions, i,
					value_of("embeddings.position_embeddings.weight", f->first * HIDDEN + i) +
						(f->types > 0 ? value_of("embeddings.token_type_embeddings.weight", i % HIDDEN) : 0));
	check_norm(sink, layout->norm_weight, layout->norm_bias, "embeddings.LayerNorm", f->gamma);
}

static const Flavour flavours[] = {
	{.prefix = "", .type = "F32", .types = 2},
	{.prefix = "bert.", .type = "F16", .types = 2, .gamma = true},
	{.prefix = "0.auto_model.", .type = "F64", .types = 1},
	{.prefix = "roberta.", .type = "F32", .first = 2, .types = 1},
	{.prefix = "", .type = "F32", .types = 0},
	{.prefix = "distilbert.", .type = "F32", .distilbert = true},
};

static void
test_places(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++)
	{
		Model *model = model_make(flavours[i]);
		Sink sink;
		UimlModelInfo info = {0};
		UimlFault fault;
		UimlBertShape shape;
		UimlBertLayout layout;

		assert_int_equal(convert(model, &sink, &info, &fault), UIML_OK);
		assert_int_equal(uiml_bert_get_header(sink.bytes, sink.length, &shape, &layout), UIML_OK);
		assert_true(uiml_encoder_end_is_right(sink.bytes, sink.length));
		assert_int_equal(shape.positions, POSITIONS - flavours[i].first);
		assert_int_equal(shape.ffn, FFN);
		assert_true(shape.eps == 1e-5f);
		assert_int_equal(shape.activation, UIML_ACTIVATION_GELU_TANH);
		assert_int_equal(shape.pooling, UIML_POOLING_CLS);
		assert_false(shape.normalize);
		assert_int_equal(shape.max_tokens, 4);
		assert_int_equal(shape.tokenizer, sizeof(tokenizer_bytes));
		assert_memory_equal(sink.bytes + layout.tokenizer, tokenizer_bytes, sizeof(tokenizer_bytes));
		check_embeddings(&sink, &layout, &flavours[i]);
		for (size_t layer = 0; layer < LAYERS; layer++)
			check_layer(&sink, &layout, &flavours[i], layer);
		assert_int_equal(info.kind, UIML_ENCODER_BERT);
		assert_int_equal(info.size, sink.length);
		assert_int_equal(info.dims, HIDDEN);
		assert_int_equal(info.layers, LAYERS);
		assert_int_equal(info.parameters,
						 (VOCABULARY + POSITIONS + flavours[i].types + 2) * HIDDEN +
							 LAYERS * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * FFN + 9 * HIDDEN + FFN));
	}
}

/* ---------- faults ---------- */

static void
test_faults(void **state)
{
	static const struct
	{
		Flavour flavour;
		UimlStatus status;
		const char *fault;
	} bad[] = {
		{{.drop = "word_embeddings"},
		 UIML_ECORRUPT,
		 "There is no tensor \"embeddings.word_embeddings.weight\"."},
		{{.prefix = "bert.", .drop = "layer.1.attention.self.key.bias"},
		 UIML_ECORRUPT,
		 "There is no tensor \"bert.encoder.layer.1.attention.self.key.bias\"."},
		{{.drop = "position_embeddings"},
		 UIML_ECORRUPT,
		 "There is no tensor \"embeddings.position_embeddings.weight\"."},
		{{.types = 2, .drop = "token_type"},
		 UIML_ECORRUPT,
		 "There is no tensor \"embeddings.token_type_embeddings.weight\"."},
		{{.drop = "embeddings.LayerNorm.weight"},
		 UIML_ECORRUPT,
		 "There is no tensor \"embeddings.LayerNorm.weight\"."},
		{{.gamma = true, .drop = "layer.0.output.LayerNorm.beta"},
		 UIML_ECORRUPT,
		 "There is no tensor \"encoder.layer.0.output.LayerNorm.beta\"."},
		{{.distilbert = true, .drop = "ffn.lin2.weight"},
		 UIML_ECORRUPT,
		 "There is no tensor \"transformer.layer.0.ffn.lin2.weight\"."},
		{{.shape = "word_embeddings"},
		 UIML_ECORRUPT,
		 "Tensor \"embeddings.word_embeddings.weight\" must have shape [9, 6] by config.json."},
		{{.shape = "layer.1.intermediate.dense.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"encoder.layer.1.intermediate.dense.weight\" must have shape [20, 6] by config.json."},
		{{.shape = "layer.0.intermediate.dense.bias"},
		 UIML_ECORRUPT,
		 "Tensor \"encoder.layer.0.intermediate.dense.bias\" must have shape [20] by config.json."},
		{{.integer = "layer.0.attention.output.dense.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"encoder.layer.0.attention.output.dense.weight\" has type I8; quantized models are not "
		 "supported."},
		{{.extra = "other.embeddings.word_embeddings.weight"},
		 UIML_ECORRUPT,
		 "There are two tensors of word embeddings, \"embeddings.word_embeddings.weight\" and "
		 "\"other.embeddings.word_embeddings.weight\"."},
		{{.extra = "encoder.layer.1.attention.self.distance_embedding.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"encoder.layer.1.attention.self.distance_embedding.weight\" is of a kind of model that is "
		 "not supported."},
		{{.prefix = "bert.", .extra = "encoder.layer.0.attention.self.query.lora_A.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"bert.encoder.layer.0.attention.self.query.lora_A.weight\" is of a kind of model that is "
		 "not "
		 "supported."},
		{{.extra = "encoder.relative_attention_bias.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"encoder.relative_attention_bias.weight\" is of a kind of model that is not supported."},
		{{.extra = "embeddings.rel_embeddings.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"embeddings.rel_embeddings.weight\" is of a kind of model that is not supported."},
		{{.distilbert = true, .extra = "transformer.layer.0.mlp.gated_layers.weight"},
		 UIML_ECORRUPT,
		 "Tensor \"transformer.layer.0.mlp.gated_layers.weight\" is of a kind of model that is not "
		 "supported."},
		{{.nan = "layer.1.attention.self.value.weight"},
		 UIML_ENOTFINITE,
		 "Element 18 of tensor \"encoder.layer.1.attention.self.value.weight\" is not a number."},
		{{.nan = "word_embeddings"},
		 UIML_ENOTFINITE,
		 "Element 27 of tensor \"embeddings.word_embeddings.weight\" is not a number."},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Flavour flavour = bad[i].flavour;
		Sink sink;
		UimlModelInfo info;
		UimlFault fault;

		flavour.type = "F32";
		flavour.prefix = flavour.prefix != NULL ? flavour.prefix : "";
		assert_int_equal(convert(model_make(flavour), &sink, &info, &fault), bad[i].status);
		assert_string_equal(fault.text, bad[i].fault);
	}
}

/* What transformers passes over, too: buffers, heads, layers beyond those of config.json, other prefixes. */
static void
test_passed_over(void **state)
{
	static const char *const extra[] = {"embeddings.position_ids", "embeddings.token_type_ids",
										"classifier.weight", "cls.predictions.bias",
										"encoder.layer.7.attention.self.query.weight"};

	(void) state;
	for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
	{
		Flavour flavour = {.prefix = "bert.", .type = "F32", .extra = extra[i]};
		Sink sink;
		UimlModelInfo info;
		UimlFault fault;

		assert_int_equal(convert(model_make(flavour), &sink, &info, &fault), UIML_OK);
	}
}

/* What only the tokenizer and config.json together tell. */
static void
test_tokenizer(void **state)
{
	UimlEnv env = test_env_counting();
	Model *model = model_make(flavours[0]);
	UimlModelConfig config = config_of(&flavours[0]);
	Sink sink = {.room = ROOM};
	UimlModelInfo info;
	UimlFault fault;

	(void) state;
	assert_int_equal(convert_with(&env, model, &config, VOCABULARY - 1, &sink, &info, &fault), UIML_OK);
	assert_int_equal(convert_with(&env, model, &config, VOCABULARY + 1, &sink, &info, &fault), UIML_ECORRUPT);
	assert_string_equal(fault.text, "The tokenizer has 10 tokens, the model 9.");
	config.max_tokens = 3;
	assert_int_equal(convert_with(&env, model, &config, VOCABULARY, &sink, &info, &fault), UIML_OK);
	config.max_tokens = 2;
	assert_int_equal(convert_with(&env, model, &config, VOCABULARY, &sink, &info, &fault), UIML_EINVALID);
	assert_string_equal(fault.text, "2 tokens leave no room for a text beside 2 special ones.");
}

/* ---------- what fails around it ---------- */

static void
test_memory(void **state)
{
	Model *model = model_make(flavours[0]);
	UimlModelConfig config = config_of(&flavours[0]);
	Sink sink = {.room = ROOM};
	UimlModelInfo info;
	UimlFault fault;

	(void) state;
	for (long k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);
		UimlStatus status = convert_with(&env, model, &config, VOCABULARY, &sink, &info, &fault);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ENOMEM);
	}
}

static void
test_interrupts(void **state)
{
	Model *model = model_make(flavours[0]);
	UimlModelConfig config = config_of(&flavours[0]);
	Sink sink = {.room = ROOM};
	UimlModelInfo info;
	UimlFault fault;
	long k;

	(void) state;
	for (k = 1;; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_interrupting(&countdown);
		UimlStatus status = convert_with(&env, model, &config, VOCABULARY, &sink, &info, &fault);

		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_EINTERRUPTED);
	}
	assert_true(k > 50);
}

/* What reading and writing return is passed on, wherever it is. */
static void
test_streams(void **state)
{
	UimlEnv env = test_env_counting();
	Model *model = model_make(flavours[0]);
	UimlModelConfig config = config_of(&flavours[0]);
	Sink sink = {.room = ROOM};
	UimlModelInfo info;
	UimlFault fault;
	UimlStatus status;

	(void) state;
	for (long k = 1;; k++)
	{
		model->reads = k;
		status = convert_with(&env, model, &config, VOCABULARY, &sink, &info, &fault);
		assert_int_equal(test_env_live(), 0);
		if (status == UIML_OK)
			break;
		assert_int_equal(status, UIML_ECORRUPT);
	}
	model->reads = 0;
	for (size_t room = 0; room < info.size; room += 64)
	{
		sink.room = room;
		assert_int_equal(convert_with(&env, model, &config, VOCABULARY, &sink, &info, &fault), UIML_ELIMIT);
		assert_int_equal(test_env_live(), 0);
	}
}

/* ---------- the header ---------- */

/* A header is what it was made from; any other number is noticed, or gives another layout of the same size. */
static void
test_header(void **state)
{
	Sink sink;
	UimlModelInfo info;
	UimlFault fault;
	UimlBertShape shape;
	UimlBertLayout layout;

	(void) state;
	assert_int_equal(convert(model_make(flavours[0]), &sink, &info, &fault), UIML_OK);
	for (size_t length = 0; length < sink.length; length++)
		assert_int_equal(uiml_bert_get_header(sink.bytes, length, &shape, &layout), UIML_ECORRUPT);
	for (size_t bit = 0; bit < 8 * ENCODER_HEADER_SIZE; bit++)
	{
		sink.bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
		if (uiml_bert_get_header(sink.bytes, sink.length, &shape, &layout) == UIML_OK)
			assert_int_equal(layout.size, sink.length);
		assert_false(uiml_encoder_end_is_right(sink.bytes, sink.length));
		sink.bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
	}
}

static void
test_shapes(void **state)
{
	const UimlBertShape good = {.vocabulary = 1 << 20,
								.hidden = 4096,
								.layers = 128,
								.heads = 64,
								.ffn = 65536,
								.positions = 65536,
								.max_tokens = 65536,
								.tokenizer = 1,
								.eps = 1e-12f,
								.activation = UIML_ACTIVATION_RELU,
								.pooling = UIML_POOLING_MAX,
								.normalize = true};
	UimlBertShape bad[18];
	UimlBertLayout layout;

	(void) state;
	assert_true(uiml_bert_layout(&good, &layout));
	assert_int_equal(layout.layers % 64, 0);
	assert_int_equal(layout.layer_size % 64, 0);
	for (size_t i = 0; i < 18; i++)
		bad[i] = good;
	bad[0].vocabulary = 0;
	bad[1].vocabulary++;
	bad[2].hidden = 0;
	bad[3].hidden = 4160;
	bad[4].layers = 0;
	bad[5].layers++;
	bad[6].heads = 0;
	bad[7].heads = 63;
	bad[8].ffn = 0;
	bad[9].ffn++;
	bad[10].positions++;
	bad[11].max_tokens = 0;
	bad[12].positions--;
	bad[13].tokenizer = 0;
	bad[14].eps = 0;
	bad[15].eps = NAN;
	bad[16].activation = UIML_ACTIVATION_NONE;
	bad[17].pooling = 0;
	for (size_t i = 0; i < 18; i++)
		assert_false(uiml_bert_layout(&bad[i], &layout));
}

static void
test_pooling_names(void **state)
{
	UimlPooling pooling;

	(void) state;
	assert_true(uiml_pooling_named("cls", &pooling));
	assert_int_equal(pooling, UIML_POOLING_CLS);
	assert_string_equal(uiml_pooling_name(UIML_POOLING_MEAN), "mean");
	assert_string_equal(uiml_pooling_name(UIML_POOLING_MAX), "max");
	assert_false(uiml_pooling_named("", &pooling));
	assert_false(uiml_pooling_named("Mean", &pooling));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),      cmocka_unit_test(test_faults),
		cmocka_unit_test(test_passed_over), cmocka_unit_test(test_tokenizer),
		cmocka_unit_test(test_memory),      cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_streams),     cmocka_unit_test(test_header),
		cmocka_unit_test(test_shapes),      cmocka_unit_test(test_pooling_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
