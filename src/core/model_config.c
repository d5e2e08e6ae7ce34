/*
 * model_config.c
 *	  The settings of a language model, from config.json and the files of sentence-transformers.
 *
 * What would change a vector and isn't known here is a fault, never ignored: another kind of attention, another
 * activation, a layer behind the pooling.
 */
#include <float.h>
#include <string.h>

#include "core/json.h"
#include "core/model_config.h"

#define CONFIG    "config.json"
#define MODULES   "modules.json"
#define POOLING   "1_Pooling/config.json"
#define SENTENCES "sentence_bert_config.json"
#define TOKENIZER "tokenizer_config.json"

/* Greater lengths of a text mean none. */
#define MAX_LENGTH 1000000

/* Of a string in a fault. */
#define SHOWN 80

/* A kind of model, and how its config.json names what all have. */
typedef struct ModelType
{
	const char *name;
	UimlEncoderKind kind;
	bool padding_first; /* positions of tokens follow that of the padding token */
	bool distilbert;
} ModelType;

static const ModelType model_types[] = {
	{"bert", UIML_ENCODER_BERT, false, false},     {"distilbert", UIML_ENCODER_BERT, false, true},
	{"roberta", UIML_ENCODER_BERT, true, false},   {"xlm-roberta", UIML_ENCODER_BERT, true, false},
	{"camembert", UIML_ENCODER_BERT, true, false}, {"model2vec", UIML_ENCODER_STATIC, false, false},
};

/* Names of transformers; those of one function differ in constants beyond float or in how it is computed. */
static const struct
{
	const char *name;
	UimlActivation activation;
} activations[] = {
	{"gelu", UIML_ACTIVATION_GELU},
	{"gelu_python", UIML_ACTIVATION_GELU},
	{"gelu_new", UIML_ACTIVATION_GELU_TANH},
	{"gelu_fast", UIML_ACTIVATION_GELU_TANH},
	{"gelu_pytorch_tanh", UIML_ACTIVATION_GELU_TANH},
	{"relu", UIML_ACTIVATION_RELU},
};

/* What the files fill. */
typedef struct Reading
{
	UimlModelConfig *config;
	UimlFault *fault;
	bool pooling_module; /* modules.json has one */
} Reading;

/* ---------- config.json ---------- */

static UimlStatus
type_read(const json_t *root, UimlModelConfig *config, const ModelType **type, UimlFault *fault)
{
	const char *name;
	UimlStatus status = uiml_json_string(root, CONFIG, "model_type", NULL, &name, fault);

	*type = NULL;
	if (status != UIML_OK || name == NULL)
		return status;
	for (size_t i = 0; i < sizeof(model_types) / sizeof(model_types[0]); i++)
	{
		if (strcmp(name, model_types[i].name) == 0)
			*type = &model_types[i];
	}
	if (*type == NULL)
		return uiml_fault(
			fault,
			"config.json says model type \"%.*s\"; known are bert, distilbert, roberta, xlm-roberta, "
			"camembert and model2vec.",
			SHOWN, name);
	config->kind = (*type)->kind;
	config->distilbert = (*type)->distilbert;
	memcpy(config->type, name, strlen(name) + 1);
	return UIML_OK;
}

/* A size that must be there. */
static UimlStatus
size_read(const json_t *root, const char *key, size_t most, size_t *size, UimlFault *fault)
{
	long long value;
	UimlStatus status = uiml_json_integer(root, CONFIG, key, 1, (long long) most, 0, &value, fault);

	if (status == UIML_OK && value == 0)
		return uiml_fault(fault, "config.json has no \"%s\".", key);
	*size = (size_t) value;
	return status;
}

static UimlStatus
sizes_read(const json_t *root, UimlModelConfig *config, UimlFault *fault)
{
	bool distilbert = config->distilbert;
	const struct
	{
		const char *key;
		size_t most;
		size_t *size;
	} sizes[] = {
		{"vocab_size", UIML_BERT_MAX_VOCABULARY, &config->vocabulary},
		{distilbert ? "dim" : "hidden_size", UIML_BERT_MAX_HIDDEN, &config->hidden},
		{distilbert ? "n_layers" : "num_hidden_layers", UIML_BERT_MAX_LAYERS, &config->layers},
		{distilbert ? "n_heads" : "num_attention_heads", UIML_BERT_MAX_HIDDEN, &config->heads},
		{distilbert ? "hidden_dim" : "intermediate_size", UIML_BERT_MAX_FFN, &config->ffn},
		{"max_position_embeddings", UIML_BERT_MAX_POSITIONS, &config->positions},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		UimlStatus status = size_read(root, sizes[i].key, sizes[i].most, sizes[i].size, fault);

		if (status != UIML_OK)
			return status;
	}
	if (config->hidden % config->heads != 0)
		return uiml_fault(fault, "A hidden size of %zu can't be divided by %zu attention heads.",
						  config->hidden, config->heads);
	return UIML_OK;
}

static UimlStatus
activation_read(const json_t *root, UimlModelConfig *config, UimlFault *fault)
{
	const char *name;
	UimlStatus status = uiml_json_string(root, CONFIG, config->distilbert ? "activation" : "hidden_act",
										 "gelu", &name, fault);

	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < sizeof(activations) / sizeof(activations[0]); i++)
	{
		if (strcmp(name, activations[i].name) == 0)
		{
			config->activation = activations[i].activation;
			return UIML_OK;
		}
	}
	return uiml_fault(fault, "config.json says activation \"%.*s\", which is not supported.", SHOWN, name);
}

/* What makes another model of the same sizes. */
static UimlStatus
variants_refuse(const json_t *root, UimlFault *fault)
{
	const char *positions;
	bool decoder;
	UimlStatus status =
		uiml_json_string(root, CONFIG, "position_embedding_type", "absolute", &positions, fault);

	if (status == UIML_OK)
		status = uiml_json_boolean(root, CONFIG, "is_decoder", false, &decoder, fault);
	if (status != UIML_OK)
		return status;
	if (strcmp(positions, "absolute") != 0)
		return uiml_fault(fault,
						  "config.json says position embeddings \"%.*s\"; only absolute ones are supported.",
						  SHOWN, positions);
	if (decoder)
		return uiml_fault(fault, "config.json says that the model is a decoder.");
	return UIML_OK;
}

/* The positions that aren't for tokens, the token types and the epsilon of LayerNorm. */
static UimlStatus
details_read(const json_t *root, const ModelType *type, UimlModelConfig *config, UimlFault *fault)
{
	long long padding = -1;
	long long token_types = 0;
	UimlStatus status = UIML_OK;

	config->eps = 1e-12;
	if (type->padding_first)
		status =
			uiml_json_integer(root, CONFIG, "pad_token_id", 0, UIML_BERT_MAX_POSITIONS, 1, &padding, fault);
	if (status == UIML_OK && !type->distilbert)
		status = uiml_json_integer(root, CONFIG, "type_vocab_size", 0, 65536, 2, &token_types, fault);
	if (status == UIML_OK && !type->distilbert)
		status = uiml_json_real(root, CONFIG, "layer_norm_eps", 1e-12, &config->eps, fault);
	if (status != UIML_OK)
		return status;
	if (!((float) config->eps >= FLT_MIN && config->eps <= 1))
		return uiml_fault(fault, "\"layer_norm_eps\" of config.json must be positive and at most 1.");
	config->position_first = (size_t) (padding + 1);
	config->token_types = (size_t) token_types;
	if (config->position_first >= config->positions)
		return uiml_fault(fault, "%zu position embeddings leave none for tokens behind padding token %lld.",
						  config->positions, padding);
	return UIML_OK;
}

/* Model2Vec says in config.json whether vectors have length 1. */
static UimlStatus
static_read(const json_t *root, UimlModelConfig *config, UimlFault *fault)
{
	bool normalize;
	UimlStatus status = uiml_json_boolean(root, CONFIG, "normalize", false, &normalize, fault);

	if (json_object_get(root, "normalize") != NULL)
		config->normalize = normalize;
	return status;
}

static UimlStatus
config_take(const json_t *root, Reading *reading)
{
	UimlModelConfig *config = reading->config;
	UimlFault *fault = reading->fault;
	const ModelType *type;
	UimlStatus status = type_read(root, config, &type, fault);

	if (status != UIML_OK)
		return status;
	if (type == NULL || type->kind == UIML_ENCODER_STATIC)
		return static_read(root, config, fault);
	status = sizes_read(root, config, fault);
	if (status == UIML_OK)
		status = activation_read(root, config, fault);
	if (status == UIML_OK)
		status = variants_refuse(root, fault);
	if (status == UIML_OK)
		status = details_read(root, type, config, fault);
	return status;
}

/* ---------- files of sentence-transformers ---------- */

/*
 * The class of a module of sentence-transformers: what follows the last point of its type.  A module that comes with
 * its model may do anything, whatever its class is called, so it has none here.
 */
static const char *
module_class(const char *type)
{
	static const char library[] = "sentence_transformers.";

	return strncmp(type, library, strlen(library)) == 0 ? strrchr(type, '.') + 1 : "";
}

static UimlStatus
module_take(const json_t *module, bool *pooling, bool *normalize, UimlFault *fault)
{
	const char *type;
	const char *name;
	UimlStatus status;

	if (!json_is_object(module))
		return uiml_fault(fault, "A module of modules.json is not an object.");
	status = uiml_json_string(module, MODULES, "type", "", &type, fault);
	if (status != UIML_OK)
		return status;
	name = module_class(type);
	if (strcmp(name, "Pooling") == 0)
		*pooling = true;
	else if (strcmp(name, "Normalize") == 0)
		*normalize = true;
	else if (strcmp(name, "Transformer") != 0 && strcmp(name, "StaticEmbedding") != 0)
		return uiml_fault(fault, "modules.json has a module of type \"%.*s\", which is not supported.", SHOWN,
						  type);
	return UIML_OK;
}

/* A list of what a text goes through: without Normalize, vectors keep their length. */
static UimlStatus
modules_take(const json_t *root, Reading *reading)
{
	bool normalize = false;

	for (size_t i = 0; i < json_array_size(root); i++)
	{
		UimlStatus status =
			module_take(json_array_get(root, i), &reading->pooling_module, &normalize, reading->fault);

		if (status != UIML_OK)
			return status;
	}
	if (reading->config->normalize < 0)
		reading->config->normalize = normalize;
	return UIML_OK;
}

/* As sentence-transformers does, a flag for each kind of pooling, of which the mean is what is there by default. */
static UimlStatus
pooling_flags_take(const json_t *root, UimlModelConfig *config, UimlFault *fault)
{
	static const struct
	{
		const char *key;
		bool absent;
		UimlPooling pooling; /* 0: not supported */
	} flags[] = {
		{"pooling_mode_mean_tokens", true, UIML_POOLING_MEAN},
		{"pooling_mode_cls_token", false, UIML_POOLING_CLS},
		{"pooling_mode_max_tokens", false, UIML_POOLING_MAX},
		{"pooling_mode_mean_sqrt_len_tokens", false, 0},
		{"pooling_mode_weightedmean_tokens", false, 0},
		{"pooling_mode_lasttoken", false, 0},
	};
	size_t set = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
	{
		bool value;
		UimlStatus status = uiml_json_boolean(root, POOLING, flags[i].key, flags[i].absent, &value, fault);

		if (status != UIML_OK)
			return status;
		if (!value)
			continue;
		if (flags[i].pooling == 0)
			return uiml_fault(fault, "1_Pooling/config.json sets \"%s\", which is not supported.",
							  flags[i].key);
		config->pooling = flags[i].pooling;
		set++;
	}
	if (set != 1)
		return uiml_fault(fault, "1_Pooling/config.json sets %zu kinds of pooling, not one.", set);
	return UIML_OK;
}

static UimlStatus
pooling_take(const json_t *root, Reading *reading)
{
	UimlModelConfig *config = reading->config;
	UimlFault *fault = reading->fault;
	const char *mode;
	UimlStatus status = uiml_json_string(root, POOLING, "pooling_mode", NULL, &mode, fault);

	if (status != UIML_OK)
		return status;
	if (mode == NULL)
		return pooling_flags_take(root, config, fault);
	if (!uiml_pooling_named(mode, &config->pooling))
		return uiml_fault(fault, "1_Pooling/config.json says pooling \"%.*s\"; known are mean, cls and max.",
						  SHOWN, mode);
	return UIML_OK;
}

static UimlStatus
sentences_take(const json_t *root, Reading *reading)
{
	UimlFault *fault = reading->fault;
	long long max_tokens;
	bool lower;
	UimlStatus status =
		uiml_json_integer(root, SENTENCES, "max_seq_length", 1, MAX_LENGTH, 0, &max_tokens, fault);

	if (status == UIML_OK)
		status = uiml_json_boolean(root, SENTENCES, "do_lower_case", false, &lower, fault);
	if (status != UIML_OK)
		return status;
	if (lower)
		return uiml_fault(
			fault, "sentence_bert_config.json asks for lower case before tokens, which is not supported.");
	reading->config->max_tokens = (size_t) max_tokens;
	return UIML_OK;
}

/* model_max_length, where it is a length and sentence-transformers says nothing; long texts lose their end. */
static UimlStatus
tokenizer_take(const json_t *root, Reading *reading)
{
	UimlModelConfig *config = reading->config;
	const char *side;
	double length;
	UimlStatus status = uiml_json_real(root, TOKENIZER, "model_max_length", 0, &length, reading->fault);

	if (status == UIML_OK)
		status = uiml_json_string(root, TOKENIZER, "truncation_side", "right", &side, reading->fault);
	if (status == UIML_OK && strcmp(side, "right") != 0)
		return uiml_fault(reading->fault,
						  "tokenizer_config.json says truncation_side \"%.*s\"; only \"right\" is supported.",
						  SHOWN, side);
	if (status == UIML_OK && config->max_tokens == 0 && length >= 1 && length <= MAX_LENGTH)
		config->max_tokens = (size_t) length;
	return status;
}

/* ---------- together ---------- */

/* One of the files, of which modules.json alone is a list. */
static UimlStatus
file_read(const UimlEnv *env, const char *what, const UimlModelFile *file,
		  UimlStatus (*take)(const json_t *, Reading *), Reading *reading)
{
	json_t *root;
	bool list = take == modules_take;
	UimlStatus status;

	if (file->bytes == NULL)
		return UIML_OK;
	status = uiml_json_parse(env, what, file->bytes, file->length, &root, reading->fault);
	if (status != UIML_OK)
		return status;
	if (list ? json_is_array(root) : json_is_object(root))
		status = take(root, reading);
	else
		status = uiml_fault(reading->fault, "%s is not %s.", what, list ? "a list" : "an object");
	json_decref(root);
	return status;
}

static UimlStatus
files_read(const UimlEnv *env, const UimlModelFiles *files, Reading *reading)
{
	const struct
	{
		const char *what;
		const UimlModelFile *file;
		UimlStatus (*take)(const json_t *, Reading *);
	} each[] = {
		{CONFIG, &files->config, config_take},
		{MODULES, &files->modules, modules_take},
		{POOLING, &files->pooling, pooling_take},
		{SENTENCES, &files->sentences, sentences_take},
		{TOKENIZER, &files->tokenizer_config, tokenizer_take},
	};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
	{
		UimlStatus status = file_read(env, each[i].what, each[i].file, each[i].take, reading);

		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

/* What the model can't have is the fault of whoever asks for it. */
static UimlStatus
options_take(const UimlModelOptions *options, UimlModelConfig *config, UimlFault *fault)
{
	size_t positions = config->positions - config->position_first;

	if (config->kind != UIML_ENCODER_BERT && options->pooling != 0 && options->pooling != UIML_POOLING_MEAN)
	{
		(void) uiml_fault(fault, "The vectors of a static model are means: it has no other pooling.");
		return UIML_EINVALID;
	}
	if (config->kind == UIML_ENCODER_BERT && options->max_tokens > positions)
	{
		(void) uiml_fault(fault, "The model has positions for %zu tokens.", positions);
		return UIML_EINVALID;
	}
	if (options->pooling != 0)
		config->pooling = options->pooling;
	if (options->normalize >= 0)
		config->normalize = options->normalize > 0;
	/* A tokenizer's longest text is that of the model which a static one was made from. */
	if (options->max_tokens > 0 || config->kind != UIML_ENCODER_BERT)
		config->max_tokens = options->max_tokens;
	if (config->kind == UIML_ENCODER_BERT && (config->max_tokens == 0 || config->max_tokens > positions))
		config->max_tokens = positions;
	return UIML_OK;
}

UimlStatus
uiml_model_config_read(const UimlEnv *env, const UimlModelFiles *files, const UimlModelOptions *options,
					   UimlModelConfig *config, UimlFault *fault)
{
	Reading reading = {.config = config, .fault = fault};
	UimlStatus status;

	*config = (UimlModelConfig){.kind = UIML_ENCODER_STATIC, .normalize = -1};
	status = files_read(env, files, &reading);
	if (status != UIML_OK)
		return status;
	if (reading.pooling_module && config->pooling == 0 && options->pooling == 0)
		return uiml_fault(fault, "modules.json has a pooling, but 1_Pooling/config.json is missing.");
	if (config->pooling == 0)
		config->pooling = UIML_POOLING_MEAN;
	return options_take(options, config, fault);
}
