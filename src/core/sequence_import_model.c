/*
 * sequence_import_model.c
 *	  Sequence models as safetensors files: reading tensors of unknown origin.
 *
 * Classes are put where the caller's version has them, so all that goes by classes is read into place: rows of the embedding,
 * columns of the output, links from both their ends.  What is read is checked by uiml_next_valid, as the bytes of a model are.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/sequence_exchange.h"
#include "core/sequence_names.h"
#include "core/tensor_take.h"

/* Bytes that are moved between two questions for an interrupt, and links that are put in order. */
#define MOVED       ((size_t) 1024 * 1024)
#define LINKED_ROWS 64

/* What an import of a model goes by. */
typedef struct Reader
{
	const UimlEnv *env;
	const UimlSequenceImport *import;
	const UimlSafetensors *file;
	const uint32_t *place;
	UimlFault *fault;
} Reader;

static bool
has(const Reader *r, const char *name)
{
	return uiml_tensor_is_there(r->file, name);
}

static UimlStatus
take_floats(const Reader *r, const char *name, size_t rows, size_t columns, float **x)
{
	return uiml_tensor_take(r->env, r->file, name, rows, columns, x, r->fault);
}

/* A tensor of few floats, where there is one. */
static UimlStatus
take_few(const Reader *r, const char *name, size_t rows, size_t columns, float *x)
{
	const UimlTensor *tensor;
	UimlStatus status;

	if (!has(r, name))
		return UIML_OK;
	status = uiml_tensor_shaped(r->file, name, rows, columns, &tensor, r->fault);
	return status != UIML_OK ? status
							 : uiml_tensor_reals(r->env, r->file, tensor, 0, tensor->count, x, r->fault);
}

/* ---------- by classes ---------- */

/* Puts row i of n, of `width` floats, to place[i]. */
static UimlStatus
move_rows(const Reader *r, size_t n, size_t width, const float *from, float *to)
{
	size_t piece = 1 + MOVED / (1 + width * sizeof(float));

	for (size_t i = 0; i < n; i++)
	{
		if (i % piece == 0 && uiml_interrupted(r->env))
			return UIML_EINTERRUPTED;
		memcpy(to + r->place[i] * width, from + i * width, width * sizeof(float));
	}
	return UIML_OK;
}

/* A vector with an element for each class. */
static UimlStatus
take_by_class(const Reader *r, const char *name, float **x)
{
	size_t n = r->import->n_classes;
	float *given;
	UimlStatus status = take_floats(r, name, 0, n, &given);

	*x = NULL;
	if (status == UIML_OK)
	{
		*x = uiml_alloc(r->env, n, sizeof(float));
		status = *x == NULL ? UIML_ENOMEM : move_rows(r, n, 1, given, *x);
	}
	uiml_free(r->env, given);
	return status;
}

/* The embedding: row 0 is padding and stays. */
static UimlStatus
take_embedding(const Reader *r, size_t width, float **x)
{
	size_t n = r->import->n_classes;
	float *given;
	UimlStatus status = take_floats(r, UIML_NAME_EMBEDDING, n + 1, width, &given);

	if (status == UIML_OK)
	{
		*x = uiml_alloc(r->env, (n + 1) * width, sizeof(float));
		status = *x == NULL ? UIML_ENOMEM : move_rows(r, n, width, given + width, *x + width);
	}
	if (status == UIML_OK)
		memcpy(*x, given, width * sizeof(float));
	uiml_free(r->env, given);
	return status;
}

/* A matrix with a column for each class. */
static UimlStatus
take_columns(const Reader *r, const char *name, size_t rows, float **x)
{
	size_t n = r->import->n_classes;
	float *row = NULL;
	UimlStatus status = take_floats(r, name, rows, n, x);

	if (status == UIML_OK)
	{
		row = uiml_alloc(r->env, n, sizeof(float));
		if (row == NULL)
			status = UIML_ENOMEM;
	}
	for (size_t i = 0; i < rows && status == UIML_OK; i++)
	{
		float *to = *x + i * n;

		if (uiml_interrupted(r->env))
			status = UIML_EINTERRUPTED;
		memcpy(row, to, n * sizeof(float));
		for (size_t c = 0; c < n; c++)
			to[r->place[c]] = row[c];
	}
	uiml_free(r->env, row);
	return status;
}

/* ---------- links ---------- */

static UimlStatus
check_starts(const Reader *r, const UimlLinkNames *name, const int32_t *start, size_t n_start, size_t n_links)
{
	size_t n = r->import->n_classes;

	if (n_start != n + 1 || start[0] != 0 || (size_t) start[n] != n_links)
		return uiml_fault(r->fault, "Tensor \"%s\" must have %zu starts, from 0 to the %zu links.",
						  name->start, n + 1, n_links);
	for (size_t c = 0; c < n; c++)
	{
		if (start[c + 1] < start[c])
			return uiml_fault(r->fault, "Tensor \"%s\" must not fall, as element %zu does.", name->start,
							  c + 1);
	}
	return UIML_OK;
}

static UimlStatus
check_followers(const Reader *r, const UimlLinkNames *name, const int32_t *class_no, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (class_no[i] < 0 || (size_t) class_no[i] >= r->import->n_classes)
			return uiml_fault(r->fault, "Element %zu of tensor \"%s\" is %" PRId32 ", which is no class.", i,
							  name->class_no, class_no[i]);
	}
	return UIML_OK;
}

/* Counts to starts: those of class c have been put in start[c + 1], start[0] is 0. */
static void
add_up(uint64_t *start, size_t n)
{
	for (size_t c = 0; c < n; c++)
		start[c + 1] += start[c];
}

/* Links as the file has them, and in places by the class that follows. */
typedef struct Turning
{
	const int32_t *start; /* of the file's class */
	const int32_t *class_no;
	const float *weight;
	uint32_t *origin; /* n: the file's class of each class */
	uint64_t *next;   /* n + 1: where the next link to a class goes, in the end where those to it end */
	uint32_t *before; /* of each link the class that it is of, ascending for each that follows */
	float *of_link;   /* and its weight */
} Turning;

static UimlStatus
turn(const Reader *r, Turning *t)
{
	size_t n = r->import->n_classes;

	for (size_t c = 0; c < n; c++)
		t->origin[r->place[c]] = (uint32_t) c;
	for (int32_t i = 0; i < t->start[n]; i++)
		t->next[r->place[t->class_no[i]] + 1]++;
	add_up(t->next, n);
	for (size_t c = 0; c < n; c++)
	{
		size_t from = t->origin[c];

		if (c % LINKED_ROWS == 0 && uiml_interrupted(r->env))
			return UIML_EINTERRUPTED;
		for (int32_t i = t->start[from]; i < t->start[from + 1]; i++)
		{
			uint64_t at = t->next[r->place[t->class_no[i]]]++;

			t->before[at] = (uint32_t) c;
			t->of_link[at] = t->weight[i];
		}
	}
	return UIML_OK;
}

/* Turned once more they are by class, what follows ascending: two passes, however many links a class has. */
static UimlStatus
turn_back(const Reader *r, const UimlLinkNames *name, const Turning *t, uint64_t *start, uint32_t *class_no,
		  float *weight)
{
	size_t n = r->import->n_classes;
	uint64_t at = 0;

	for (size_t c = 0; c < n; c++)
	{
		uint64_t first = at;

		if (c % LINKED_ROWS == 0 && uiml_interrupted(r->env))
			return UIML_EINTERRUPTED;
		for (; at < t->next[c]; at++)
		{
			uint32_t row = t->before[at];
			uint64_t to = start[row]++;

			if (at > first && t->before[at - 1] == row)
				return uiml_fault(r->fault,
								  "Class %" PRIu32 " is followed by a class twice in tensor \"%s\".",
								  t->origin[row], name->class_no);
			class_no[to] = (uint32_t) c;
			weight[to] = t->of_link[at];
		}
	}
	/* each start has become the end of its class */
	memmove(start + 1, start, n * sizeof(uint64_t));
	start[0] = 0;
	return UIML_OK;
}

static UimlStatus
place_links(const Reader *r, const UimlLinkNames *name, Turning *t, UimlNextLinks *links)
{
	size_t n = r->import->n_classes;
	size_t count = (size_t) t->start[n];
	uint64_t *start = uiml_alloc0(r->env, n + 1, sizeof(uint64_t));
	uint32_t *class_no = uiml_alloc(r->env, count, sizeof(uint32_t));
	float *weight = uiml_alloc(r->env, count, sizeof(float));
	UimlStatus status = UIML_ENOMEM;

	*links = (UimlNextLinks){.start = start, .class_no = class_no, .weight = weight};
	t->origin = uiml_alloc(r->env, n, sizeof(uint32_t));
	t->next = uiml_alloc0(r->env, n + 1, sizeof(uint64_t));
	t->before = uiml_alloc(r->env, count, sizeof(uint32_t));
	t->of_link = uiml_alloc(r->env, count, sizeof(float));
	if (start != NULL && class_no != NULL && weight != NULL && t->origin != NULL && t->next != NULL &&
		t->before != NULL && t->of_link != NULL)
	{
		for (size_t c = 0; c < n; c++)
			start[r->place[c] + 1] = (uint64_t) (t->start[c + 1] - t->start[c]);
		add_up(start, n);
		status = turn(r, t);
	}
	if (status == UIML_OK)
		status = turn_back(r, name, t, start, class_no, weight);
	uiml_free(r->env, t->origin);
	uiml_free(r->env, t->next);
	uiml_free(r->env, t->before);
	uiml_free(r->env, t->of_link);
	return status;
}

static UimlStatus
take_links(const Reader *r, const UimlLinkNames *name, UimlNextLinks *links)
{
	int32_t *start = NULL;
	int32_t *class_no = NULL;
	float *weight = NULL;
	size_t n_start;
	size_t n = 0;
	UimlStatus status = uiml_tensor_take_integers(r->env, r->file, name->start, &start, &n_start, r->fault);

	if (status == UIML_OK)
		status = uiml_tensor_take_integers(r->env, r->file, name->class_no, &class_no, &n, r->fault);
	if (status == UIML_OK)
		status = check_starts(r, name, start, n_start, n);
	if (status == UIML_OK)
		status = check_followers(r, name, class_no, n);
	if (status == UIML_OK)
		status = take_floats(r, name->weight, 0, n, &weight);
	if (status == UIML_OK)
	{
		Turning turning = {.start = start, .class_no = class_no, .weight = weight};

		status = place_links(r, name, &turning, links);
	}
	uiml_free(r->env, start);
	uiml_free(r->env, class_no);
	uiml_free(r->env, weight);
	return status;
}

/* ---------- experts ---------- */

static UimlStatus
take_memory(const Reader *r, const UimlLinkNames *name, float *decay, uint32_t *steps)
{
	const UimlTensor *tensor;
	int32_t whole = 0;
	UimlStatus status = uiml_tensor_scalar(r->file, name->decay, &tensor, r->fault);

	if (status == UIML_OK)
		status = uiml_tensor_reals(r->env, r->file, tensor, 0, 1, decay, r->fault);
	if (status == UIML_OK)
		status = uiml_tensor_scalar(r->file, name->steps, &tensor, r->fault);
	if (status == UIML_OK)
		status = uiml_tensor_integers(r->file, tensor, 0, 1, &whole, r->fault);
	if (status == UIML_OK && (whole < 1 || whole > UIML_NEXT_MAX_STEPS))
		status = uiml_fault(r->fault, "Tensor \"%s\" must be from 1 to %d, not %" PRId32 ".", name->steps,
							UIML_NEXT_MAX_STEPS, whole);
	*steps = (uint32_t) whole;
	return status;
}

static UimlStatus
take_rules(const Reader *r, const UimlLinkNames *name, UimlNextRules *rules)
{
	UimlStatus status;

	if (!has(r, name->start))
		return UIML_OK;
	status = take_memory(r, name, &rules->decay, &rules->steps);
	return status != UIML_OK ? status : take_links(r, name, &rules->links);
}

/* The map of interests: of its rows the last, and of its columns all, are classes. */
static UimlStatus
take_interests_map(const Reader *r, size_t dims, UimlNextRidge *ridge)
{
	size_t n = r->import->n_classes;
	float *given;
	float *w;
	float *b = NULL;
	UimlStatus status = take_columns(r, UIML_NAME_RIDGE, dims + n, &given);

	if (status == UIML_OK)
	{
		w = uiml_alloc(r->env, (dims + n) * n, sizeof(float));
		ridge->w = w;
		status = w == NULL ? UIML_ENOMEM : move_rows(r, n, n, given + dims * n, w + dims * n);
		if (status == UIML_OK)
			memcpy(w, given, dims * n * sizeof(float));
	}
	uiml_free(r->env, given);
	if (status == UIML_OK && has(r, UIML_NAME_RIDGE_BIAS))
		status = take_by_class(r, UIML_NAME_RIDGE_BIAS, &b);
	ridge->b = b;
	return status;
}

static UimlStatus
take_map(const Reader *r, const UimlNextSpace *space, UimlNextRidge *ridge)
{
	size_t n = r->import->n_classes;
	float *w;
	UimlStatus status;

	if (r->import->target == UIML_NEXT_INTEREST)
	{
		ridge->p = (uint32_t) (space->dims + n);
		ridge->q = (uint32_t) n;
		return take_interests_map(r, space->dims, ridge);
	}
	ridge->p = ridge->q = (uint32_t) space->dims;
	status = take_floats(r, UIML_NAME_RIDGE, ridge->p, ridge->q, &w);
	ridge->w = w;
	return status;
}

static UimlStatus
take_ridge(const Reader *r, const UimlNextSpace *space, UimlNextRidge *ridge)
{
	bool links = has(r, uiml_ridge_names.start);
	UimlStatus status;

	if (links && r->import->needs_vectors)
		return uiml_fault(r->fault, "There is both \"%s\" and \"%s\".", uiml_ridge_names.start,
						  UIML_NAME_RIDGE);
	if (!links && !r->import->needs_vectors)
		return UIML_OK;
	status = take_memory(r, &uiml_ridge_names, &ridge->decay, &ridge->steps);
	if (status != UIML_OK)
		return status;
	return links ? take_links(r, &uiml_ridge_names, &ridge->links) : take_map(r, space, ridge);
}

/* The shape by the tensors that tell it. */
static UimlStatus
shape_of(const Reader *r, UimlLstmShape *shape)
{
	const UimlTensor *embedding = uiml_safetensors_find(r->file, UIML_NAME_EMBEDDING);
	const UimlTensor *recurrent = uiml_safetensors_find(r->file, UIML_NAME_RECURRENT);
	size_t n = r->import->n_classes;

	*shape = (UimlLstmShape){.classes = 0};
	if (embedding == NULL || recurrent == NULL)
		return uiml_fault(r->fault, "There is no tensor \"%s\".",
						  embedding == NULL ? UIML_NAME_EMBEDDING : UIML_NAME_RECURRENT);
	if (embedding->dims != 2 || recurrent->dims != 2)
		return uiml_fault(r->fault, "Tensor \"%s\" must have two dimensions.",
						  embedding->dims != 2 ? embedding->name : recurrent->name);
	*shape = (UimlLstmShape){.tokens = n + 1,
							 .embedding = embedding->shape[1],
							 .hidden = recurrent->shape[0],
							 .classes = n,
							 .tied = !has(r, UIML_NAME_DENSE)};
	if (!uiml_lstm_shape_valid(shape))
		return uiml_fault(r->fault,
						  "A network of %zu classes, embedding %zu and hidden %zu%s is not possible.", n,
						  shape->embedding, shape->hidden, shape->tied ? " without \"dense/kernel\"" : "");
	return UIML_OK;
}

static UimlStatus
take_network(const Reader *r, UimlLstmWeights *lstm)
{
	UimlLstmShape shape;
	float **x = lstm->tensor;
	UimlStatus status;

	if (!has(r, UIML_NAME_KERNEL))
		return UIML_OK;
	status = shape_of(r, &shape);
	if (status != UIML_OK)
		return status;
	lstm->shape = shape;
	status = take_embedding(r, shape.embedding, &x[UIML_LSTM_EMBEDDING]);
	if (status == UIML_OK)
		status = take_floats(r, UIML_NAME_KERNEL, shape.embedding, 4 * shape.hidden, &x[UIML_LSTM_KERNEL]);
	if (status == UIML_OK)
		status = take_floats(r, UIML_NAME_RECURRENT, shape.hidden, 4 * shape.hidden, &x[UIML_LSTM_RECURRENT]);
	if (status == UIML_OK)
		status = take_floats(r, UIML_NAME_BIAS, 0, 4 * shape.hidden, &x[UIML_LSTM_BIAS]);
	if (status == UIML_OK && !shape.tied)
		status = take_columns(r, UIML_NAME_DENSE, shape.hidden, &x[UIML_LSTM_DENSE]);
	if (status == UIML_OK)
		status = take_by_class(r, UIML_NAME_DENSE_BIAS, &x[UIML_LSTM_DENSE_BIAS]);
	return status;
}

static bool
is_distribution(const float *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (x[i] < 0)
			return false;
		sum += x[i];
	}
	return fabs(sum - 1) <= 1e-3;
}

/* Where the file doesn't tell, classes are equally popular. */
static UimlStatus
take_popularity(const Reader *r, UimlNextModel *model)
{
	size_t n = model->n_classes;
	float *x = NULL;
	UimlStatus status = UIML_OK;

	if (has(r, UIML_NAME_POPULARITY))
		status = take_by_class(r, UIML_NAME_POPULARITY, &x);
	else
	{
		x = uiml_alloc(r->env, n, sizeof(float));
		if (x == NULL)
			return UIML_ENOMEM;
		for (size_t i = 0; i < n; i++)
			x[i] = 1.0f / (float) n;
	}
	model->popularity = x;
	if (status == UIML_OK && !is_distribution(x, n))
		status = uiml_fault(r->fault, "Tensor \"%s\" is no distribution.", UIML_NAME_POPULARITY);
	return status;
}

/* What the file doesn't tell is the network alone, which has no part in other predictions. */
static UimlStatus
take_mixture(const Reader *r, UimlNextModel *model)
{
	UimlStatus status;

	if (!has(r, UIML_NAME_MIX) && model->lstm.shape.classes == 0)
		return uiml_fault(r->fault, "There is neither \"%s\" nor \"%s\".", UIML_NAME_KERNEL, UIML_NAME_MIX);
	for (size_t i = 0; i < UIML_NEXT_LENGTHS; i++)
		model->mix[i][UIML_EXPERT_LSTM] = 1;
	for (size_t e = 0; e < UIML_N_EXPERTS; e++)
		model->temperature[e] = 1;
	status = take_few(r, UIML_NAME_MIX, UIML_NEXT_LENGTHS, UIML_N_EXPERTS, model->mix[0]);
	if (status == UIML_OK)
		status = take_few(r, UIML_NAME_TEMPERATURE, 0, UIML_N_EXPERTS, model->temperature);
	if (status == UIML_OK)
		status = take_few(r, UIML_NAME_BLEND, 0, UIML_NEXT_LENGTHS, model->blend);
	return status;
}

UimlStatus
uiml_sequence_import_model(const UimlEnv *env, const UimlSequenceImport *import, const uint32_t *place,
						   const UimlNextSpace *space, UimlNextModel *model, UimlFault *fault)
{
	const Reader r = {.env = env, .import = import, .file = &import->tensors, .place = place, .fault = fault};
	UimlStatus status;

	*model = (UimlNextModel){.target = import->target,
							 .n_classes = import->n_classes,
							 .max_length = import->max_length,
							 .padded = import->padded};
	status = take_network(&r, &model->lstm);
	if (status == UIML_OK)
		status = take_popularity(&r, model);
	if (status == UIML_OK)
		status = take_rules(&r, &uiml_rules_names, &model->rules);
	if (status == UIML_OK)
		status = take_ridge(&r, space, &model->ridge);
	if (status == UIML_OK)
		status = take_rules(&r, &uiml_ease_names, &model->ease);
	if (status == UIML_OK)
		status = take_mixture(&r, model);
	if (status == UIML_OK && !uiml_next_valid(model, space))
		status = uiml_fault(fault, "The tensors don't make a model: some number is outside its range, or an "
								   "expert of the mixture isn't there.");
	return status;
}

static void
free_links(const UimlEnv *env, UimlNextLinks *links)
{
	uiml_free(env, (void *) links->start);
	uiml_free(env, (void *) links->class_no);
	uiml_free(env, (void *) links->weight);
}

void
uiml_sequence_import_free(const UimlEnv *env, UimlNextModel *model)
{
	for (int t = 0; t < UIML_LSTM_N_TENSORS; t++)
		uiml_free(env, model->lstm.tensor[t]);
	uiml_free(env, (void *) model->popularity);
	free_links(env, &model->rules.links);
	free_links(env, &model->ridge.links);
	free_links(env, &model->ease.links);
	uiml_free(env, (void *) model->ridge.w);
	uiml_free(env, (void *) model->ridge.b);
	*model = (UimlNextModel){.n_classes = 0};
}
