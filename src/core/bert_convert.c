/*
 * bert_convert.c
 *	  A transformer of the BERT family from its tensors to the bytes of an encoder.
 *
 * Tensors are found by the names of transformers, whatever is in front of them ("bert.", "0.auto_model."), read in
 * the order of the encoder's parts, and written as they come: a projection by panels of 16 outputs, which are
 * transposed.  So what is held is a panel or two, at most 8 MB for the widest layer allowed.
 *
 * Position embeddings of tokens begin at the first row: the rows that RoBERTa keeps for padding are left out,
 * and token type 0, which all tokens have, is added.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/encoder_format.h"
#include "core/model_source.h"

/* Floats that are copied at a time. */
#define PIECE ((size_t) 64 * 1024)

#define NAME_SIZE 256

/* Where the names of BERT and DistilBERT differ; a layer's begin with its number. */
typedef struct Names
{
	const char *layer;
	const char *q, *k, *v, *out, *attention_norm;
	const char *up, *down, *norm;
} Names;

static const Names bert_names = {
	.layer = "encoder.layer",
	.q = "attention.self.query",
	.k = "attention.self.key",
	.v = "attention.self.value",
	.out = "attention.output.dense",
	.attention_norm = "attention.output.LayerNorm",
	.up = "intermediate.dense",
	.down = "output.dense",
	.norm = "output.LayerNorm",
};

static const Names distilbert_names = {
	.layer = "transformer.layer",
	.q = "attention.q_lin",
	.k = "attention.k_lin",
	.v = "attention.v_lin",
	.out = "attention.out_lin",
	.attention_norm = "sa_layer_norm",
	.up = "ffn.lin1",
	.down = "ffn.lin2",
	.norm = "output_layer_norm",
};

static const char words_name[] = "embeddings.word_embeddings.weight";

/* One conversion. */
typedef struct Conversion
{
	const UimlEnv *env;
	const UimlModelConfig *config;
	const UimlSafetensors *weights;
	const Names *names;
	const char *prefix; /* prefix_length bytes in front of all names */
	int prefix_length;
	UimlEncoderWriter writer;
	uint64_t size; /* of all bytes, for progress */
	float *rows;   /* a piece, or 16 outputs as they come */
	float *panel;  /* 16 outputs as they go */
	UimlFault *fault;
} Conversion;

/* ---------- finding tensors ---------- */

/* What is in front of the one tensor that ends like the word embeddings. */
static UimlStatus
prefix_find(Conversion *c)
{
	const UimlTensor *found = NULL;
	size_t suffix = sizeof(words_name) - 1;

	for (size_t i = 0; i < c->weights->n; i++)
	{
		const UimlTensor *tensor = &c->weights->tensor[i];
		size_t length = strlen(tensor->name);

		if (length < suffix || strcmp(tensor->name + length - suffix, words_name) != 0 ||
			(length > suffix && tensor->name[length - suffix - 1] != '.'))
			continue;
		if (found != NULL)
			return uiml_fault(c->fault, "There are two tensors of word embeddings, \"%.80s\" and \"%.80s\".",
							  found->name, tensor->name);
		found = tensor;
	}
	if (found == NULL)
		return uiml_fault(c->fault, "There is no tensor \"%s\".", words_name);
	c->prefix = found->name;
	c->prefix_length = (int) (strlen(found->name) - suffix);
	if (c->prefix_length > NAME_SIZE / 2)
		return uiml_fault(c->fault, "The name of tensor \"%.80s...\" is too long.", found->name);
	return UIML_OK;
}

/* Does text begin with a word and then a point?  Moves it behind them. */
static bool
passes(const char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*text, word, length) != 0 || (*text)[length] != '.')
		return false;
	*text += length + 1;
	return true;
}

static bool
is_parameter(const char *member)
{
	return strcmp(member, "weight") == 0 || strcmp(member, "bias") == 0 || strcmp(member, "gamma") == 0 ||
		   strcmp(member, "beta") == 0;
}

/* What is behind "embeddings."; two are numbers of tokens that some files keep. */
static bool
is_of_embeddings(const char *rest)
{
	return strcmp(rest, "word_embeddings.weight") == 0 || strcmp(rest, "position_embeddings.weight") == 0 ||
		   strcmp(rest, "token_type_embeddings.weight") == 0 || strcmp(rest, "position_ids") == 0 ||
		   strcmp(rest, "token_type_ids") == 0 || (passes(&rest, "LayerNorm") && is_parameter(rest));
}

/* What is behind the stem of all layers: the number of one, a part, and weight or bias. */
static bool
is_of_layer(const Names *names, const char *rest)
{
	const char *const parts[] = {names->q,  names->k,    names->v,   names->out, names->attention_norm,
								 names->up, names->down, names->norm};
	const char *part = rest + strspn(rest, "0123456789");

	if (part == rest || *part++ != '.')
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		rest = part;
		if (passes(&rest, parts[i]) && is_parameter(rest))
			return true;
	}
	return false;
}

/*
 * A model that has more in its layers (another kind of positions, gates, adapters) is another model, whatever
 * config.json calls it.  What is beside embeddings and layers, as a pooler, is behind the hidden states.
 */
static UimlStatus
strangers_refuse(const Conversion *c)
{
	const char *stack = c->config->distilbert ? "transformer" : "encoder";

	for (size_t i = 0; i < c->weights->n; i++)
	{
		const char *name = c->weights->tensor[i].name;
		const char *rest = name + c->prefix_length;
		bool known = true;

		if (strncmp(name, c->prefix, (size_t) c->prefix_length) != 0)
			continue;
		if (passes(&rest, "embeddings"))
			known = is_of_embeddings(rest);
		else if (passes(&rest, stack))
			known = passes(&rest, "layer") && is_of_layer(c->names, rest);
		if (!known)
			return uiml_fault(c->fault, "Tensor \"%.120s\" is of a kind of model that is not supported.",
							  name);
	}
	return UIML_OK;
}

/* A tensor's name: that of a part of a layer, or of none (-1), and "weight" or "bias". */
static void
name_make(const Conversion *c, long layer, const char *part, const char *member, char *name)
{
	if (layer >= 0)
		(void) snprintf(name, NAME_SIZE, "%.*s%s.%ld.%s.%s", c->prefix_length, c->prefix, c->names->layer,
						layer, part, member);
	else
		(void) snprintf(name, NAME_SIZE, "%.*s%s.%s", c->prefix_length, c->prefix, part, member);
}

/* The tensor, which must have rows (0: it is a vector) and columns. */
static UimlStatus
tensor_find(const Conversion *c, long layer, const char *part, const char *member, size_t rows,
			size_t columns, const UimlTensor **tensor)
{
	char name[NAME_SIZE];
	size_t dims = rows > 0 ? 2 : 1;
	const UimlTensor *found;

	name_make(c, layer, part, member, name);
	*tensor = found = uiml_safetensors_find(c->weights, name);
	if (found == NULL)
		return uiml_fault(c->fault, "There is no tensor \"%s\".", name);
	if (!uiml_tensor_is_real(found))
		return uiml_fault(c->fault, "Tensor \"%s\" has type %s; quantized models are not supported.", name,
						  uiml_tensor_type_name(found->type));
	if (found->dims == dims && found->shape[dims - 1] == columns && (rows == 0 || found->shape[0] == rows))
		return UIML_OK;
	if (rows == 0)
		return uiml_fault(c->fault, "Tensor \"%s\" must have shape [%zu] by config.json.", name, columns);
	return uiml_fault(c->fault, "Tensor \"%s\" must have shape [%zu, %zu] by config.json.", name, rows,
					  columns);
}

/* A LayerNorm's weight and bias, which conversions from TensorFlow called gamma and beta. */
static UimlStatus
norm_find(const Conversion *c, long layer, const char *part, const UimlTensor **weight,
		  const UimlTensor **bias)
{
	char gamma[NAME_SIZE];
	bool old;
	UimlStatus status;

	name_make(c, layer, part, "gamma", gamma);
	old = uiml_safetensors_find(c->weights, gamma) != NULL;
	status = tensor_find(c, layer, part, old ? "gamma" : "weight", 0, c->config->hidden, weight);
	if (status == UIML_OK)
		status = tensor_find(c, layer, part, old ? "beta" : "bias", 0, c->config->hidden, bias);
	return status;
}

/* ---------- writing parts ---------- */

static UimlStatus
floats_read(Conversion *c, const UimlTensor *tensor, size_t first, size_t count, float *x)
{
	if (uiml_interrupted(c->env))
		return UIML_EINTERRUPTED;
	return uiml_tensor_floats(c->weights, tensor, first, count, x, c->fault);
}

static UimlStatus
floats_write(Conversion *c, const float *x, size_t count)
{
	if (uiml_interrupted(c->env))
		return UIML_EINTERRUPTED;
	return uiml_encoder_write(&c->writer, x, count * sizeof(float));
}

static UimlStatus
part_end(Conversion *c)
{
	uiml_progress(c->env, "converting", (double) c->writer.written, (double) c->size);
	return uiml_encoder_write_pad(&c->writer);
}

/* A tensor as it is. */
static UimlStatus
copy(Conversion *c, const UimlTensor *tensor)
{
	for (size_t at = 0; at < tensor->count; at += PIECE)
	{
		size_t count = tensor->count - at < PIECE ? tensor->count - at : PIECE;
		UimlStatus status = floats_read(c, tensor, at, count, c->rows);

		if (status == UIML_OK)
			status = floats_write(c, c->rows, count);
		if (status != UIML_OK)
			return status;
	}
	return part_end(c);
}

static UimlStatus
norm_write(Conversion *c, long layer, const char *name)
{
	const UimlTensor *weight;
	const UimlTensor *bias;
	UimlStatus status = norm_find(c, layer, name, &weight, &bias);

	if (status == UIML_OK)
		status = copy(c, weight);
	if (status == UIML_OK)
		status = copy(c, bias);
	return status;
}

/*
 * One of up to three linear layers with the same inputs that are written as one: outputs of all are counted
 * through.
 */
typedef struct Projection
{
	size_t n; /* linear layers */
	size_t inputs;
	size_t outputs; /* of each */
	const UimlTensor *weight[3];
	const UimlTensor *bias[3];
} Projection;

/* 16 outputs from the first one on, zeros beyond the last, transposed into c->panel. */
static UimlStatus
panel_make(Conversion *c, const Projection *p, size_t first)
{
	size_t k = p->inputs;
	size_t rows = 0;

	while (rows < UIML_AFFINE_PANEL && first + rows < p->n * p->outputs)
	{
		size_t j = (first + rows) % p->outputs;
		size_t count = p->outputs - j < UIML_AFFINE_PANEL - rows ? p->outputs - j : UIML_AFFINE_PANEL - rows;
		UimlStatus status =
			floats_read(c, p->weight[(first + rows) / p->outputs], j * k, count * k, c->rows + rows * k);

		if (status != UIML_OK)
			return status;
		rows += count;
	}
	memset(c->rows + rows * k, 0, (UIML_AFFINE_PANEL - rows) * k * sizeof(float));
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < UIML_AFFINE_PANEL; j++)
			c->panel[i * UIML_AFFINE_PANEL + j] = c->rows[j * k + i];
	return UIML_OK;
}

/* Biases of all outputs, then zeros up to a whole panel. */
static UimlStatus
bias_write(Conversion *c, const Projection *p)
{
	static const float zeros[UIML_AFFINE_PANEL];
	size_t total = p->n * p->outputs;
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < p->n && status == UIML_OK; i++)
	{
		status = floats_read(c, p->bias[i], 0, p->outputs, c->rows);
		if (status == UIML_OK)
			status = floats_write(c, c->rows, p->outputs);
	}
	if (status == UIML_OK)
		status = floats_write(c, zeros, UIML_AFFINE_PANEL_FLOATS(1, total) - total);
	return status == UIML_OK ? part_end(c) : status;
}

static UimlStatus
projection_write(Conversion *c, const Projection *p)
{
	for (size_t first = 0; first < p->n * p->outputs; first += UIML_AFFINE_PANEL)
	{
		UimlStatus status = panel_make(c, p, first);

		if (status == UIML_OK)
			status = floats_write(c, c->panel, UIML_AFFINE_PANEL * p->inputs);
		if (status != UIML_OK)
			return status;
	}
	return bias_write(c, p);
}

static UimlStatus
linear_write(Conversion *c, long layer, const char *const *names, size_t n, size_t inputs, size_t outputs)
{
	Projection p = {.n = n, .inputs = inputs, .outputs = outputs};

	for (size_t i = 0; i < n; i++)
	{
		UimlStatus status = tensor_find(c, layer, names[i], "weight", outputs, inputs, &p.weight[i]);

		if (status == UIML_OK)
			status = tensor_find(c, layer, names[i], "bias", 0, outputs, &p.bias[i]);
		if (status != UIML_OK)
			return status;
	}
	return projection_write(c, &p);
}

static UimlStatus
layer_write(Conversion *c, long layer)
{
	const Names *names = c->names;
	const char *const qkv[] = {names->q, names->k, names->v};
	size_t hidden = c->config->hidden;
	size_t ffn = c->config->ffn;
	UimlStatus status = linear_write(c, layer, qkv, 3, hidden, hidden);

	if (status == UIML_OK)
		status = linear_write(c, layer, &names->out, 1, hidden, hidden);
	if (status == UIML_OK)
		status = norm_write(c, layer, names->attention_norm);
	if (status == UIML_OK)
		status = linear_write(c, layer, &names->up, 1, hidden, ffn);
	if (status == UIML_OK)
		status = linear_write(c, layer, &names->down, 1, ffn, hidden);
	if (status == UIML_OK)
		status = norm_write(c, layer, names->norm);
	return status;
}

/* ---------- embeddings ---------- */

static UimlStatus
words_write(Conversion *c)
{
	const UimlTensor *words;
	UimlStatus status = tensor_find(c, -1, "embeddings.word_embeddings", "weight", c->config->vocabulary,
									c->config->hidden, &words);

	return status == UIML_OK ? copy(c, words) : status;
}

/* The row of token type 0, or zeros, into c->panel. */
static UimlStatus
type_read(Conversion *c)
{
	const UimlTensor *types;
	UimlStatus status;

	memset(c->panel, 0, c->config->hidden * sizeof(float));
	if (c->config->token_types == 0)
		return UIML_OK;
	status = tensor_find(c, -1, "embeddings.token_type_embeddings", "weight", c->config->token_types,
						 c->config->hidden, &types);
	return status == UIML_OK ? floats_read(c, types, 0, c->config->hidden, c->panel) : status;
}

static UimlStatus
positions_write(Conversion *c)
{
	const UimlTensor *positions;
	size_t hidden = c->config->hidden;
	UimlStatus status = tensor_find(c, -1, "embeddings.position_embeddings", "weight", c->config->positions,
									hidden, &positions);

	if (status == UIML_OK)
		status = type_read(c);
	for (size_t t = c->config->position_first; t < c->config->positions && status == UIML_OK; t++)
	{
		status = floats_read(c, positions, t * hidden, hidden, c->rows);
		for (size_t i = 0; i < hidden && status == UIML_OK; i++)
		{
			c->rows[i] += c->panel[i];
			if (!isfinite(c->rows[i]))
			{
				(void) uiml_fault(c->fault, "Embeddings of position %zu and token type 0 are too large.", t);
				status = UIML_ENOTFINITE;
			}
		}
		if (status == UIML_OK)
			status = floats_write(c, c->rows, hidden);
	}
	return status == UIML_OK ? part_end(c) : status;
}

/* ---------- the whole ---------- */

static void
shape_make(const UimlModelSource *source, UimlBertShape *shape)
{
	const UimlModelConfig *config = source->config;

	*shape = (UimlBertShape){.vocabulary = config->vocabulary,
							 .hidden = config->hidden,
							 .layers = config->layers,
							 .heads = config->heads,
							 .ffn = config->ffn,
							 .positions = config->positions - config->position_first,
							 .max_tokens = config->max_tokens,
							 .tokenizer = source->tokenizer->length,
							 .eps = (float) config->eps,
							 .activation = config->activation,
							 .pooling = config->pooling,
							 .normalize = config->normalize != 0};
}

static void
info_make(const UimlModelConfig *config, const UimlBertShape *shape, const UimlBertLayout *layout,
		  UimlModelInfo *info)
{
	uint64_t hidden = shape->hidden;
	uint64_t ffn = shape->ffn;
	uint64_t rows = shape->vocabulary + config->positions + config->token_types;

	info->kind = UIML_ENCODER_BERT;
	info->dims = shape->hidden;
	info->vocabulary = shape->vocabulary;
	info->layers = shape->layers;
	info->max_tokens = shape->max_tokens;
	info->pooling = shape->pooling;
	info->normalize = shape->normalize;
	info->parameters =
		(rows + 2) * hidden + shape->layers * (4 * hidden * hidden + 2 * hidden * ffn + 9 * hidden + ffn);
	info->size = layout->size;
}

/* What config.json alone can't tell: that a token has a row, and a text a place. */
static UimlStatus
tokenizer_check(const UimlModelSource *source, UimlFault *fault)
{
	const UimlTokenizer *tokenizer = source->tokenizer;
	size_t special = tokenizer->prefix + tokenizer->suffix;

	if (tokenizer->vocabulary > source->config->vocabulary)
		return uiml_fault(fault, "The tokenizer has %zu tokens, the model %zu.", tokenizer->vocabulary,
						  source->config->vocabulary);
	if (source->config->max_tokens <= special)
	{
		(void) uiml_fault(fault, "%zu tokens leave no room for a text beside %zu special ones.",
						  source->config->max_tokens, special);
		return UIML_EINVALID;
	}
	return UIML_OK;
}

static UimlStatus
parts_write(Conversion *c, const UimlModelSource *source, const unsigned char *header)
{
	UimlStatus status = uiml_encoder_write(&c->writer, header, ENCODER_HEADER_SIZE);

	if (status == UIML_OK)
		status = uiml_encoder_write(&c->writer, source->tokenizer->bytes, source->tokenizer->length);
	if (status == UIML_OK)
		status = part_end(c);
	if (status == UIML_OK)
		status = words_write(c);
	if (status == UIML_OK)
		status = positions_write(c);
	if (status == UIML_OK)
		status = norm_write(c, -1, "embeddings.LayerNorm");
	for (size_t i = 0; i < c->config->layers && status == UIML_OK; i++)
		status = layer_write(c, (long) i);
	return status == UIML_OK ? uiml_encoder_write_end(&c->writer) : status;
}

UimlStatus
uiml_bert_convert(const UimlEnv *env, const UimlModelSource *source, UimlOutput *out, UimlModelInfo *info,
				  UimlFault *fault)
{
	const UimlModelConfig *config = source->config;
	size_t widest = config->hidden > config->ffn ? config->hidden : config->ffn;
	size_t panel = UIML_AFFINE_PANEL * widest;
	size_t piece = panel > PIECE ? panel : PIECE;
	Conversion c = {.env = env,
					.config = config,
					.weights = source->weights,
					.names = config->distilbert ? &distilbert_names : &bert_names,
					.prefix = "",
					.fault = fault};
	unsigned char header[ENCODER_HEADER_SIZE];
	UimlBertShape shape;
	UimlBertLayout layout;
	UimlStatus status = tokenizer_check(source, fault);

	if (status == UIML_OK)
		status = prefix_find(&c);
	if (status == UIML_OK)
		status = strangers_refuse(&c);
	if (status != UIML_OK)
		return status;
	shape_make(source, &shape);
	if (!uiml_bert_layout(&shape, &layout))
		return uiml_fault(fault, "The model is too large for this machine.");
	info_make(config, &shape, &layout, info);
	uiml_bert_put_header(&shape, &layout, header);
	uiml_encoder_write_begin(&c.writer, out);
	c.size = layout.size;
	c.rows = uiml_alloc(env, piece + panel, sizeof(float));
	if (c.rows == NULL)
		return UIML_ENOMEM;
	c.panel = c.rows + piece;
	status = parts_write(&c, source, header);
	uiml_free(env, c.rows);
	return status;
}
