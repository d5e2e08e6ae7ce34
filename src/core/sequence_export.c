/*
 * sequence_export.c
 *	  Sequence models as safetensors files: writing.
 *
 * Nothing is copied but what has another type in the file: starts of links, and numbers that become metadata.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/sequence_exchange.h"
#include "core/sequence_names.h"

#define MAX_TENSORS  40
#define MAX_METADATA 12
#define SHORT        32
#define LONG         128

/* All that an export points to and the model hasn't. */
typedef struct Draft
{
	UimlTensorOut tensor[MAX_TENSORS];
	size_t n;
	UimlMetadata metadata[MAX_METADATA];
	size_t n_metadata;
	char max_length[SHORT];
	char item_vectors[SHORT];
	char experts[LONG];
	int32_t steps[3];
	int32_t start[]; /* of rules, ridge and ease that are there, n_classes + 1 each */
} Draft;

static void
add_metadata(Draft *draft, const char *name, const char *value)
{
	draft->metadata[draft->n_metadata++] = (UimlMetadata){.name = name, .value = value};
}

/* A tensor of up to two dimensions; rows 0: columns is its only one, both 0: a scalar. */
static void
add_tensor(Draft *draft, const char *name, UimlTensorType type, size_t rows, size_t columns, const void *data)
{
	UimlTensorOut *tensor = &draft->tensor[draft->n++];

	*tensor = (UimlTensorOut){.name = name, .type = type, .data = data};
	if (rows > 0)
		tensor->shape[tensor->dims++] = rows;
	if (columns > 0)
		tensor->shape[tensor->dims++] = columns;
}

static void
add_floats(Draft *draft, const char *name, size_t rows, size_t columns, const float *x)
{
	add_tensor(draft, name, UIML_TENSOR_F32, rows, columns, x);
}

static void
add_network(Draft *draft, const UimlLstmWeights *lstm)
{
	const UimlLstmShape *shape = &lstm->shape;
	float *const *x = lstm->tensor;

	add_floats(draft, UIML_NAME_EMBEDDING, shape->tokens, shape->embedding, x[UIML_LSTM_EMBEDDING]);
	add_floats(draft, UIML_NAME_KERNEL, shape->embedding, 4 * shape->hidden, x[UIML_LSTM_KERNEL]);
	add_floats(draft, UIML_NAME_RECURRENT, shape->hidden, 4 * shape->hidden, x[UIML_LSTM_RECURRENT]);
	add_floats(draft, UIML_NAME_BIAS, 0, 4 * shape->hidden, x[UIML_LSTM_BIAS]);
	if (!shape->tied)
		add_floats(draft, UIML_NAME_DENSE, shape->hidden, shape->classes, x[UIML_LSTM_DENSE]);
	add_floats(draft, UIML_NAME_DENSE_BIAS, 0, shape->classes, x[UIML_LSTM_DENSE_BIAS]);
	add_metadata(draft, "gates", "i,f,c,o");
	add_metadata(draft, "output", shape->tied ? "tied" : "dense");
}

/* Copies the starts of links to *room, which it moves behind them. */
static void
add_links(Draft *draft, const UimlLinkNames *name, const UimlNextLinks *links, size_t n_classes,
		  int32_t **room)
{
	size_t n = (size_t) links->start[n_classes];

	for (size_t i = 0; i <= n_classes; i++)
		(*room)[i] = (int32_t) links->start[i];
	add_tensor(draft, name->start, UIML_TENSOR_I32, 0, n_classes + 1, *room);
	/* a vector of no links has a dimension all the same */
	add_tensor(draft, name->class_no, UIML_TENSOR_I32, 0, n, links->class_no);
	draft->tensor[draft->n - 1].dims = 1;
	add_tensor(draft, name->weight, UIML_TENSOR_F32, 0, n, links->weight);
	draft->tensor[draft->n - 1].dims = 1;
	*room += n_classes + 1;
}

static void
add_memory(Draft *draft, const UimlLinkNames *name, const float *decay, uint32_t steps, int32_t *room)
{
	*room = (int32_t) steps;
	add_floats(draft, name->decay, 0, 0, decay);
	add_tensor(draft, name->steps, UIML_TENSOR_I32, 0, 0, room);
}

static void
add_rules(Draft *draft, const UimlLinkNames *name, const UimlNextRules *rules, size_t n_classes,
		  int32_t *steps, int32_t **room)
{
	if (rules->links.start == NULL)
		return;
	add_memory(draft, name, &rules->decay, rules->steps, steps);
	add_links(draft, name, &rules->links, n_classes, room);
}

static void
add_ridge(Draft *draft, const UimlNextRidge *ridge, size_t n_classes, int32_t **room)
{
	if (ridge->links.start == NULL && ridge->w == NULL)
		return;
	add_memory(draft, &uiml_ridge_names, &ridge->decay, ridge->steps, &draft->steps[1]);
	if (ridge->links.start != NULL)
	{
		add_links(draft, &uiml_ridge_names, &ridge->links, n_classes, room);
		return;
	}
	add_floats(draft, UIML_NAME_RIDGE, ridge->p, ridge->q, ridge->w);
	if (ridge->b != NULL)
		add_floats(draft, UIML_NAME_RIDGE_BIAS, 0, ridge->q, ridge->b);
}

static void
add_names(Draft *draft, const UimlClassNames *names, size_t n_classes, const char *text, const char *start)
{
	if (names->start == NULL)
		return;
	add_tensor(draft, start, UIML_TENSOR_I32, 0, n_classes + 1, names->start);
	add_tensor(draft, text, UIML_TENSOR_U8, 0, (size_t) names->start[n_classes], names->text);
	draft->tensor[draft->n - 1].dims = 1;
}

static void
add_head(Draft *draft, const UimlSequenceOut *what)
{
	const UimlNextModel *model = what->model;

	for (int e = 0; e < UIML_N_EXPERTS; e++)
		(void) snprintf(draft->experts + strlen(draft->experts), LONG - strlen(draft->experts), "%s%s",
						e > 0 ? "," : "", uiml_next_expert_name((UimlNextExpert) e));
	(void) snprintf(draft->max_length, SHORT, "%zu", model->max_length);
	(void) snprintf(draft->item_vectors, SHORT, "%" PRId64, what->item_vectors);
	add_metadata(draft, "format", UIML_SEQUENCE_FORMAT);
	add_metadata(draft, "version", UIML_SEQUENCE_FORMAT_VERSION);
	add_metadata(draft, "domain", what->domain);
	add_metadata(draft, "target", model->target == UIML_NEXT_ITEM ? "item" : "interest");
	add_metadata(draft, "max_length", draft->max_length);
	add_metadata(draft, "mask", model->padded ? "false" : "true");
	add_metadata(draft, "experts", draft->experts);
	if (model->ridge.w != NULL)
		add_metadata(draft, "item_vectors", draft->item_vectors);
}

static void
fill(Draft *draft, const UimlSequenceOut *what)
{
	const UimlNextModel *model = what->model;
	size_t n = model->n_classes;
	int32_t *room = draft->start;

	add_head(draft, what);
	if (model->lstm.shape.classes > 0)
		add_network(draft, &model->lstm);
	add_floats(draft, UIML_NAME_POPULARITY, 0, n, model->popularity);
	add_rules(draft, &uiml_rules_names, &model->rules, n, &draft->steps[0], &room);
	add_ridge(draft, &model->ridge, n, &room);
	add_rules(draft, &uiml_ease_names, &model->ease, n, &draft->steps[2], &room);
	add_floats(draft, UIML_NAME_MIX, UIML_NEXT_LENGTHS, UIML_N_EXPERTS, model->mix[0]);
	add_floats(draft, UIML_NAME_TEMPERATURE, 0, UIML_N_EXPERTS, model->temperature);
	add_floats(draft, UIML_NAME_BLEND, 0, UIML_NEXT_LENGTHS, model->blend);
	add_names(draft, &what->id, n, UIML_NAME_ID, UIML_NAME_ID_START);
	add_names(draft, &what->label, n, UIML_NAME_LABEL, UIML_NAME_LABEL_START);
}

/* How many parts of the model have links; none more than an int32 counts. */
static UimlStatus
links_count(const UimlNextModel *model, size_t *count)
{
	const UimlNextLinks *const links[] = {&model->rules.links, &model->ridge.links, &model->ease.links};

	*count = 0;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
	{
		if (links[i]->start == NULL)
			continue;
		if (links[i]->start[model->n_classes] > INT32_MAX)
			return UIML_ELIMIT;
		*count += 1;
	}
	return UIML_OK;
}

UimlStatus
uiml_sequence_export_open(const UimlEnv *env, const UimlSequenceOut *what, UimlSequenceExport *out)
{
	Draft *draft;
	size_t parts;
	UimlStatus status = links_count(what->model, &parts);

	*out = (UimlSequenceExport){.size = 0};
	if (status != UIML_OK)
		return status;
	draft = uiml_alloc0(env, sizeof(Draft) + parts * (what->model->n_classes + 1) * sizeof(int32_t), 1);
	if (draft == NULL)
		return UIML_ENOMEM;
	fill(draft, what);
	out->file = (UimlTensorFile){
		.tensor = draft->tensor, .n = draft->n, .metadata = draft->metadata, .n_metadata = draft->n_metadata};
	out->memory = draft;
	out->size = uiml_safetensors_size(&out->file);
	if (out->size != 0)
		return UIML_OK;
	uiml_sequence_export_close(env, out);
	return UIML_ELIMIT;
}

void
uiml_sequence_export_close(const UimlEnv *env, UimlSequenceExport *out)
{
	uiml_free(env, out->memory);
	*out = (UimlSequenceExport){.size = 0};
}
