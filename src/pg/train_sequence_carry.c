/*
 * train_sequence_carry.c
 *	  Weights to start from: those of the domain's model of before, or of another domain's.
 *
 * A version has classes of its own.  Between two versions of a domain a class is known by the items that both have.  Between
 * two domains it is known by what their transfer expects of somebody who did nothing but what is of one interest of
 * the source: P(t | s) = softmax(b + c_s W) at the interest's place c_s, and P(s | t) by Bayes with the source's prior.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/interest_transfer.h"
#include "core/sequencefile.h"
#include "pg/itemcache.h"
#include "pg/train_sequence_run.h"
#include "pg/transfer_catalog.h"
#include "pg/transfer_matrix.h"

/* Items of an interest that an item of it is made of, at most, where items migrate. */
#define MOST_ITEMS 100

#define INTERRUPT_EVERY 0xfff

/* A version with a model. */
typedef struct Origin
{
	const UimlServing *serving;
	UimlServed *served;
	const UimlItemFile *file;
	UimlSequenceClasses classes;
	UimlLstmWeights lstm; /* in memory of the training's context */
} Origin;

/* --- reading -------------------------------------------------------------------------------------------- */

/* The model's network; false where it has none. */
static bool
open_network(const SequenceTraining *training, const UimlSequenceRow *row, Origin *origin)
{
	UimlSequenceFile file;
	char *bytes;

	if (row->hidden == 0)
		return false;
	bytes = uiml_sequence_bytes(row, false, training->context);
	if (UIML_SEQUENCEFILE_FOREIGN && uiml_sequencefile_swap(bytes, (size_t) row->bytes) != UIML_OK)
		uiml_sequence_refuse();
	if (uiml_sequencefile_open(bytes, (size_t) row->bytes, true, &file) != UIML_OK ||
		file.model.lstm.shape.classes != origin->classes.n)
		uiml_sequence_refuse();
	origin->lstm = file.model.lstm;
	return true;
}

static void
open_items(Origin *origin, UimlNextTarget target)
{
	origin->served = uiml_served_open(origin->serving);
	origin->file = uiml_items_open(origin->served, origin->serving);
	origin->classes = (UimlSequenceClasses){.n = origin->file->n_items, .n_items = origin->file->n_items};
	if (target == UIML_NEXT_ITEM)
		return;
	origin->classes.n = (size_t) origin->served->k;
	origin->classes.class_no = origin->file->interest;
}

/* Room for weights of the training's network. */
static void
make_weights(SequenceTraining *training, UimlLstmWeights *weights)
{
	UimlLstmShape shape = uiml_sequence_fit_shape(&training->params, training->classes.n);
	float *run = uiml_alloc(&training->env, uiml_lstm_size(&shape), sizeof(float));

	if (run == NULL)
		uiml_sequence_check(training, UIML_ENOMEM, "network");
	uiml_lstm_view(weights, &shape, run);
}

static void
carry(SequenceTraining *training, const Origin *origin, UimlClassMap *map)
{
	UimlRng rng;

	uiml_rng_init(&rng, training->settings.seed);
	make_weights(training, &training->initial);
	uiml_sequence_check(training,
						uiml_sequence_carry(&training->env, &origin->lstm, map, &rng, &training->initial),
						"carried weights");
	uiml_class_map_free(&training->env, map);
}

/* --- the model of before -------------------------------------------------------------------------------- */

/* Whoever was held out before is so again: else the weights would know those who judge. */
static bool
same_split(const UimlSequenceSettings *a, const UimlSequenceSettings *b)
{
	return a->seed == b->seed && a->validation == b->validation && a->test == b->test;
}

static bool
same_shape(const SequenceTraining *training, const UimlLstmShape *shape)
{
	const UimlSequenceFitParams *params = &training->params;

	return shape->embedding == params->embedding && shape->hidden == params->hidden &&
		   shape->tied == params->tied;
}

/* Nobody knows who was part of the network of a file. */
static bool
is_imported(const UimlSequenceRow *row)
{
	return uiml_catalog_has(
		"SELECT FROM uiml.sequence_model m WHERE m.sequence_model_id OPERATOR(pg_catalog.=) $1 "
		"AND m.metrics OPERATOR(pg_catalog.?) 'imported'",
		row->sequence_model_id);
}

/* The model to begin with, of this version or of the one before; NULL where none is of use. */
static UimlSequenceRow *
earlier_model(const SequenceTraining *training)
{
	const UimlSequenceSettings *settings = &training->settings;
	UimlSequenceSettings before;
	UimlSequenceRow *row;

	if (settings->warm_start == UIML_CHOICE_NO)
		return NULL;
	row = uiml_sequence_newest(training->domain->domain_id, settings->target, false);
	if (row == NULL || row->hidden == 0)
		return NULL;
	if (settings->warm_start != UIML_CHOICE_YES && is_imported(row))
		return NULL;
	uiml_sequence_settings_read(uiml_sequence_settings(row, false), settings->target, &before);
	return same_split(settings, &before) ? row : NULL;
}

/* The number that the origin has for each item. */
static uint32 *
shared_items(const SequenceTraining *training, const Origin *origin)
{
	const UimlItemFile *file = training->file;
	uint32 *other = MemoryContextAllocHuge(training->context, Max(file->n_items, 1) * sizeof(uint32));

	for (size_t i = 0; i < file->n_items; i++)
	{
		size_t length;
		const char *key = uiml_itemfile_key(file, (uint32) i, &length);

		if ((i & INTERRUPT_EVERY) == 0)
			CHECK_FOR_INTERRUPTS();
		other[i] = uiml_itemfile_find(origin->file, key, length);
	}
	return other;
}

static bool
warm_up(SequenceTraining *training, const UimlSequenceRow *row)
{
	Origin origin = {.serving = uiml_serving_of_version(row->version_id)};
	UimlClassMap map;

	if (origin.serving == NULL)
		return false;
	open_items(&origin, training->settings.target);
	if (!open_network(training, row, &origin) || !same_shape(training, &origin.lstm.shape))
		return false;
	uiml_sequence_check(training,
						uiml_class_map_shared(&training->env, &training->classes, &origin.classes,
											  shared_items(training, &origin), training->file->popularity,
											  &map),
						"classes");
	carry(training, &origin, &map);
	return true;
}

static void
start_warm(SequenceTraining *training)
{
	UimlSequenceRow *row = earlier_model(training);

	if ((row != NULL && warm_up(training, row)) || training->again)
		return;
	if (training->settings.warm_start == UIML_CHOICE_YES)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no LSTM of domain \"%s\" that a warm start could begin with",
						training->domain->name),
				 errdetail("It must be of the same target, embedding and hidden, and of the same seed, "
						   "validation and test, so that who is held out was not part of it.")));
	if (uiml_sequence_frozen_name(&training->settings) != NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("freeze needs weights to start from"),
			 errdetail("Domain \"%s\" has no LSTM of this target, split and size to begin with, and random "
					   "weights are not worth keeping.",
					   training->domain->name),
			 errhint("Name the domain that they come from: from_domain => 'name'.")));
}

/* --- another domain's ----------------------------------------------------------------------------------- */

/* A domain may be called 'owner.name'; this does for both. */
static void
open_source(SequenceTraining *training, Origin *origin)
{
	const char *name = training->settings.from_domain;
	const UimlDomain *domain = uiml_domain_get(name, UIML_PREDICT);
	UimlSequenceRow *row;

	if (domain->domain_id == training->domain->domain_id)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("from_domain is the domain itself, \"%s\"", domain->name),
						errhint("A network goes on from the domain's own of before by itself.")));
	origin->serving = linitial(uiml_serving_list(name));
	open_items(origin, training->settings.target);
	row = uiml_sequence_find(origin->serving->version_id, training->settings.target, false);
	if (row == NULL || !open_network(training, row, origin))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("domain \"%s\" has no LSTM that could migrate", domain->name),
						errdetail("There is none of target \"%s\" for its active version.",
								  uiml_sequence_target_name(training->settings.target)),
						errhint("Train it with: SELECT * FROM uiml_train_sequence(%s, %s, model => 'lstm');",
								quote_literal_cstr(name),
								quote_literal_cstr(uiml_sequence_target_name(training->settings.target)))));
}

static void
take_shape(SequenceTraining *training, const Origin *origin)
{
	const UimlLstmShape *shape = &origin->lstm.shape;
	const UimlSequenceSettings *settings = &training->settings;

	if ((settings->embedding > 0 && (size_t) settings->embedding != shape->embedding) ||
		(settings->hidden > 0 && (size_t) settings->hidden != shape->hidden))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("embedding and hidden differ from those of the network of domain \"%s\"",
							   settings->from_domain),
						errdetail("Its embedding is %zu and hidden is %zu.", shape->embedding, shape->hidden),
						errhint("Leave both out.")));
	training->params.embedding = shape->embedding;
	training->params.hidden = shape->hidden;
	training->params.tied = shape->tied;
}

static void
take_matrix(TupleTableSlot *slot, void *ctx)
{
	const UimlMatrix *stored;
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (null)
		return;
	stored = uiml_matrix_detoast(value);
	*(UimlMatrix **) ctx =
		uiml_matrix_from_doubles(stored->data, uiml_matrix_intercept(stored), stored->rows, stored->cols);
}

/* The logistic map of the transfer into this version, whether predictions use it or not. */
static UimlMatrix *
transfer_map(const SequenceTraining *training, const Origin *origin)
{
	const char *from = training->settings.from_domain;
	UimlTransferRow *row =
		uiml_transfer_find(origin->serving->version_id, training->serving->version_id, false);
	UimlSqlParams params = {0};
	UimlMatrix *map = NULL;

	if (row != NULL)
	{
		uiml_sql_param_int8(&params, row->transfer_id);
		uiml_sql_each("SELECT t.interests FROM uiml.transfer t WHERE t.transfer_id OPERATOR(pg_catalog.=) $1",
					  &params, false, take_matrix, &map);
	}
	if (map == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("there is no transfer of interests from domain \"%s\" to domain \"%s\"", from,
							   training->domain->name),
						row == NULL ? errdetail("None was trained between their active versions.")
									: errdetail("Too few users of one are active in the other."),
						errhint("Train it with: SELECT * FROM uiml_train_transfer(%s, %s);",
								quote_literal_cstr(from), quote_literal_cstr(training->domain->name))));
	if (map->rows != (uint32) origin->serving->dims || map->cols != (uint32) training->served->k)
		uiml_transfer_refuse();
	return map;
}

/* share (k) = softmax(b + x W). */
static void
expected_interests(const UimlMatrix *map, const float *x, float *share)
{
	size_t p = map->rows;
	size_t k = map->cols;
	const double *b = uiml_matrix_intercept(map);
	double *logit = palloc(k * sizeof(double));
	double most = -INFINITY;
	double sum = 0;

	for (size_t t = 0; t < k; t++)
	{
		logit[t] = b != NULL ? b[t] : 0;
		for (size_t d = 0; d < p; d++)
			logit[t] += x[d] * map->data[d * k + t];
		most = Max(most, logit[t]);
	}
	for (size_t t = 0; t < k; t++)
		sum += logit[t] = exp(logit[t] - most);
	for (size_t t = 0; t < k; t++)
		share[t] = (float) (logit[t] / sum);
	pfree(logit);
}

/* Target interests made of source interests. */
static void
map_interests(SequenceTraining *training, const Origin *origin, UimlClassMap *map)
{
	const UimlMatrix *transfer = transfer_map(training, origin);
	const UimlItemFile *items = origin->file;
	size_t n_source = (size_t) origin->served->k;
	size_t n_target = (size_t) training->served->k;
	float *place = palloc_extended(n_source * items->dims * sizeof(float), MCXT_ALLOC_HUGE);
	float *share = palloc_extended(n_source * n_target * sizeof(float), MCXT_ALLOC_HUGE);

	uiml_interest_places(items->in, items->interest, items->popularity, items->n_items, items->dims, n_source,
						 place);
	for (size_t s = 0; s < n_source; s++)
	{
		CHECK_FOR_INTERRUPTS();
		expected_interests(transfer, place + s * items->dims, share + s * n_target);
	}
	uiml_sequence_check(
		training,
		uiml_class_map_transfer(&training->env, n_source, n_target, share, origin->served->prior, map),
		"classes");
	pfree(place);
	pfree(share);
}

/* Target items made of the items of the source interests that their own is made of. */
static void
map_items(SequenceTraining *training, const Origin *origin, UimlClassMap *map)
{
	UimlSequenceClasses target = {.n = (size_t) training->served->k,
								  .n_items = training->file->n_items,
								  .class_no = training->file->interest};
	UimlSequenceClasses source = {.n = (size_t) origin->served->k,
								  .n_items = origin->file->n_items,
								  .class_no = origin->file->interest};
	UimlClassMap interests;

	map_interests(training, origin, &interests);
	uiml_sequence_check(training,
						uiml_class_map_through(&training->env, &interests, &target, &source,
											   origin->file->popularity, MOST_ITEMS, map),
						"classes");
	uiml_class_map_free(&training->env, &interests);
}

static void
start_migrated(SequenceTraining *training)
{
	Origin origin;
	UimlClassMap map;

	open_source(training, &origin);
	take_shape(training, &origin);
	if (training->settings.target == UIML_NEXT_ITEM)
		map_items(training, &origin, &map);
	else
		map_interests(training, &origin, &map);
	carry(training, &origin, &map);
}

void
uiml_sequence_start(SequenceTraining *training)
{
	if (training->settings.from_domain != NULL)
		start_migrated(training);
	else
		start_warm(training);
}
