/*
 * textspace.c
 *	  The texts of a domain as vectors.
 *
 * The texts are read once to train an encoder, where none is named, and for their vectors as textvectors.c
 * does.  Vectors are floats of a row per item and text, so dimensions are halved until they fit, and once
 * more, reading the texts again, where an encoder of so many finds no room for enough features.
 *
 * NDCG@100 of 450 cold items of movielens-1m, by dimensions and whitening ("test/bench/cold 2 variants", two
 * draws): a ridge like that of hybrid features, and cosines.
 *
 *	dims	whitening	ridge	cosine
 *	 128	none		.384	.339
 *	 128	relaxed		.385	.377
 *	 128	full		.378	.359
 *	 256	none		.390	.345
 *	 512	none		.399	.349
 *	 512	relaxed		.386	.374
 *	1024	none		.403	.351
 *
 * Vectors of 1,024 dimensions take twice the memory of 512, and four times the work, for .004.
 *
 * Vectors of a language model lie in a narrow cone, and their cosines gain more ("test/bench/encoders").
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/place.h"
#include "core/whitening.h"
#include "pg/encoder.h"
#include "pg/textspace.h"
#include "pg/textvectors.h"
#include "pg/trainargs.h"
#include "pg/utf8.h"

#define TEXT_DIMS   128
#define FEWEST_DIMS 32

/* Of the space and interests where the domain doesn't say, for an estimate. */
#define ASSUMED_DIMS 64

#define INTERRUPT_EVERY 4096

/* What a language model works with, a batch of long texts. */
#define WORK_BYTES (16.0 * 1024 * 1024)

/* Share of maintenance_work_mem that the vectors, and the training of an encoder, may take. */
#define VECTOR_SHARE  4
#define ENCODER_SHARE 2

typedef struct TextWork
{
	const UimlDomain *domain;
	const UimlSource *source;
	UimlFeatureKind features;
	const UimlEnv *env;
	UimlBudget *budget;
	double reserved; /* bytes that a fit will need */
	UimlEncoderTrainer *trainer;
	const UimlEncoder *encoder;
	int64 digest; /* of a named encoder whose vectors are kept, else 0 */
	UimlTextSpace *space;
	MemoryContext row_context; /* emptied after each text */
} TextWork;

bool
uiml_text_space_wanted(const UimlDomain *domain, const UimlSource *source)
{
	UimlFeatureKind features = uiml_source_features(domain);

	return features == UIML_FEATURES_TEXT ||
		   (features == UIML_FEATURES_HYBRID && (source->n_new > 0 || source->texts.n > 0));
}

/* --- the encoder ---------------------------------------------------------------------------------------- */

/*
 * The whitening that the domain asks for, else what cosines gain by and a map doesn't need; a named encoder
 * that was trained here has its own.
 */
static UimlWhitening
whitening_of(const TextWork *work, bool named)
{
	char *name = uiml_domain_option_text(work->domain, "whitening");
	bool relaxed = work->features == UIML_FEATURES_TEXT && (!named || work->digest != 0);
	UimlWhitening whitening = relaxed ? UIML_WHITENING_RELAXED : UIML_WHITENING_NONE;

	if (name != NULL)
		(void) uiml_whitening_named(name, &whitening);
	return whitening;
}

/* --- named encoders ------------------------------------------------------------------------------------- */

/* The name in the domain's options; NULL: one is trained. */
static char *
encoder_name(const UimlDomain *domain)
{
	return uiml_domain_option_text(domain, "encoder");
}

/*
 * The encoder of that name as the domain's owner finds it, whoever trains: so nobody who may train puts his
 * own in its place, and nobody needs a right of his own to the owner's choice.  digest receives what its
 * vectors are kept by, 0 where they are not.
 */
static const UimlEncoder *
named_encoder(const UimlDomain *domain, const char *name, int64 *digest)
{
	const UimlEncoder *encoder;
	UimlActing saved;

	uiml_act_as_owner(domain, &saved);
	encoder = uiml_encoder_get(name, false);
	uiml_act_as_self(&saved);
	*digest = uiml_text_vectors_kept(encoder) ? (int64) encoder->digest : 0;
	return encoder;
}

/* Its dimensions, without opening it. */
static size_t
named_dims(const UimlDomain *domain, const char *name)
{
	UimlActing saved;
	size_t dims;

	uiml_act_as_owner(domain, &saved);
	dims = uiml_encoder_dims(name, false);
	uiml_act_as_self(&saved);
	return dims;
}

/* --- memory --------------------------------------------------------------------------------------------- */

static size_t
dims_of(const UimlDomain *domain, UimlFeatureKind features)
{
	char *name = encoder_name(domain);

	if (name != NULL)
		return named_dims(domain, name);
	if (features != UIML_FEATURES_TEXT)
		return UIML_HYBRID_DIMS;
	return domain->dims > 0 ? (size_t) domain->dims : TEXT_DIMS;
}

static size_t
n_rows(const UimlSource *source)
{
	return source->items.n + source->texts.n;
}

/* Where texts are the space, the model has two copies of them, and clustering one. */
static double
vector_bytes(UimlFeatureKind features, size_t n, size_t dims)
{
	return (features == UIML_FEATURES_TEXT ? 4.0 : 1.0) * (double) n * (double) dims * sizeof(float);
}

/*
 * Beside the vectors: what stays of an encoder that is trained, some features * dims; the singular vectors of
 * its training take three times that and more, and all of it at most a share of the limit.  Of a named one,
 * which is mapped, what it works with, and the hashes of texts.
 */
static double
encoder_bytes(const UimlDomain *domain, const UimlSource *source, size_t limit)
{
	if (encoder_name(domain) != NULL)
		return WORK_BYTES + uiml_text_vectors_memory(n_rows(source));
	return (double) (limit / ENCODER_SHARE / 4);
}

/* Rows of texts in a model of so many dimensions, and the fit of the map. */
static double
place_bytes(const UimlDomain *domain, const UimlSource *source, size_t text_dims)
{
	size_t dims = domain->dims > 0 ? (size_t) domain->dims : ASSUMED_DIMS;

	return (double) uiml_place_memory(0, source->texts.n, text_dims, dims, ASSUMED_DIMS);
}

/* Halving ends here: fewer are never taken unless they are wanted, and a named encoder has what it has. */
static size_t
fewest_dims(const UimlDomain *domain, size_t wanted)
{
	return encoder_name(domain) != NULL ? wanted : Min(wanted, FEWEST_DIMS);
}

/*
 * What fits: all that is wanted, or a half of it, or a quarter; 0 where that is below fewest_dims.  Vectors
 * may take their share of the limit, and with what is placed by them what is free.
 */
static size_t
dims_within(const UimlDomain *domain, const UimlSource *source, size_t wanted, size_t limit, double free)
{
	UimlFeatureKind features = uiml_source_features(domain);
	double share = (double) limit / (features == UIML_FEATURES_TEXT ? 1 : VECTOR_SHARE);

	for (size_t fewest = fewest_dims(domain, wanted); wanted >= fewest && wanted > 0; wanted /= 2)
	{
		double vectors = vector_bytes(features, n_rows(source), wanted);

		if (vectors <= share && vectors + place_bytes(domain, source, wanted) <= free)
			return wanted;
	}
	return 0;
}

/* How many dimensions there is memory for, beside what the fit and the encoder will need. */
static size_t
affordable_dims(const TextWork *work, size_t wanted)
{
	size_t limit = work->budget->limit;
	double free = (double) limit - (double) uiml_budget_used(work->budget) - work->reserved -
				  encoder_bytes(work->domain, work->source, limit);

	return dims_within(work->domain, work->source, wanted, limit, free);
}

double
uiml_text_space_memory(const UimlDomain *domain, const UimlSource *source, size_t limit)
{
	UimlFeatureKind features = uiml_source_features(domain);
	size_t n = n_rows(source);
	size_t wanted = dims_of(domain, features);
	size_t dims;

	if (!uiml_text_space_wanted(domain, source))
		return 0;
	dims = dims_within(domain, source, wanted, limit, (double) limit);
	dims = Max(dims, fewest_dims(domain, wanted));
	return vector_bytes(features, n, dims) + encoder_bytes(domain, source, limit) +
		   place_bytes(domain, source, dims);
}

/* Vectors of so many dimensions don't fit: an error, or where features are 'auto' a notice. */
static void
report_memory(const TextWork *work, size_t dims)
{
	const UimlDomain *domain = work->domain;
	size_t n = n_rows(work->source);
	double limit = (double) work->budget->limit;
	double needed =
		(double) uiml_budget_used(work->budget) + work->reserved + place_bytes(domain, work->source, dims) +
		encoder_bytes(domain, work->source, work->budget->limit) + vector_bytes(work->features, n, dims);

	needed = Max(needed, vector_bytes(work->features, n, dims) * VECTOR_SHARE);
	if (strcmp(domain->features, "auto") != 0)
		uiml_budget_exceeded(work->budget, psprintf("text vectors of %zu items and texts", n),
							 Max(needed, 1.1 * limit));
	ereport(NOTICE,
			(errmsg("features are \"behaviour\": the text vectors of %zu items and texts do not fit in "
					"maintenance_work_mem",
					n),
			 errhint("Set maintenance_work_mem higher to place items and searches by their texts.")));
}

static void
train_text(void *ctx, uint32 item, const char *title, const char *text)
{
	TextWork *work = ctx;
	MemoryContext old = MemoryContextSwitchTo(work->row_context);
	size_t length;
	const char *utf8 = uiml_utf8_from_server(text, strlen(text), &length);

	(void) item;
	(void) title;
	MemoryContextSwitchTo(old);
	uiml_check(uiml_encoder_train_add(work->trainer, utf8, length), "encoder");
	MemoryContextReset(work->row_context);
}

/*
 * An encoder of the domain's texts.  UIML_EEMPTY where these have no words, UIML_ELIMIT where the dims need
 * more memory.
 */
static UimlStatus
train_encoder(TextWork *work, size_t dims, uint64 seed, UimlEncoder *encoder)
{
	UimlEncoderParams params = uiml_encoder_defaults(UIML_ENCODER_LSA);
	UimlTextSpace *space = work->space;
	UimlStatus status = UIML_ENOMEM;
	size_t limit = work->budget->limit;
	size_t used = uiml_budget_used(work->budget);
	UimlEnv quiet = *work->env;

	/* Its singular vectors are no phase of the training's own. */
	quiet.progress = NULL;
	params.dims = dims;
	params.whitening = whitening_of(work, false);
	params.seed = seed;
	params.max_bytes = Min(limit / ENCODER_SHARE, limit - Min(used, limit - 1));
	work->trainer = uiml_encoder_train_begin(&quiet, &params);
	if (work->trainer != NULL)
	{
		uiml_source_texts(work->domain, work->source, train_text, work);
		status = uiml_encoder_train_finish(work->trainer, &space->bytes, &space->length);
		uiml_encoder_train_destroy(work->trainer);
	}
	if (status == UIML_ENOMEM && work->budget->refused)
		return UIML_ELIMIT;
	if (status == UIML_EEMPTY || status == UIML_ELIMIT)
		return status;
	uiml_check(status, "encoder");
	uiml_check(uiml_encoder_open(space->bytes, space->length, false, encoder), "encoder");
	return UIML_OK;
}

/* --- vectors -------------------------------------------------------------------------------------------- */

/*
 * Whitens the vectors of a named encoder as the domain asks for, learning from each distinct text of items
 * once.  An encoder that was trained here has it in its bytes.
 */
static void
whiten(TextWork *work, const UimlTextVectors *vectors)
{
	UimlTextSpace *space = work->space;
	UimlWhitening whitening = whitening_of(work, true);
	size_t dims = space->dims;
	float *w;
	double *mean;
	UimlStatus status;

	if (whitening == UIML_WHITENING_NONE)
		return;
	w = MemoryContextAllocHuge(CurrentMemoryContext, dims * dims * sizeof(float));
	mean = palloc(dims * sizeof(double));
	status =
		uiml_whitening_learn(work->env, whitening, space->x, dims, vectors->item, vectors->n_items, w, mean);
	if (status == UIML_OK)
	{
		uiml_check(uiml_whitening_apply(work->env, w, mean, dims, space->x, n_rows(work->source)),
				   "whitening");
		space->whitening = whitening;
		space->whitened_by = vectors->n_items;
	}
	else if (status != UIML_EEMPTY)
		uiml_check(status, "whitening");
	pfree(mean);
	pfree(w);
}

/* What a row of zeros is to a model, a language model may give any length to. */
static void
make_unit(const TextWork *work)
{
	for (size_t i = 0; i < n_rows(work->source); i++)
	{
		if (i % INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		(void) uiml_unit_row(work->space->x + i * work->space->dims, work->space->dims);
	}
}

/* False where no item has a text. */
static bool
embed_all(TextWork *work, bool named, const UimlTextTask *task)
{
	UimlTextSpace *space = work->space;
	UimlTextVectors vectors = {.domain = work->domain,
							   .source = work->source,
							   .encoder = work->encoder,
							   .env = work->env,
							   .budget = work->budget,
							   .digest = work->digest,
							   .keep = task->keep,
							   .distinct = named && whitening_of(work, true) != UIML_WHITENING_NONE,
							   .memory = task->memory};

	space->dims = work->encoder->dims;
	space->whitening = work->encoder->whitening;
	space->x =
		MemoryContextAllocExtended(CurrentMemoryContext, n_rows(work->source) * space->dims * sizeof(float),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	vectors.x = space->x;
	uiml_text_vectors(&vectors);
	if (named)
	{
		make_unit(work);
		whiten(work, &vectors);
	}
	space->kept = work->digest != 0;
	space->n_distinct = vectors.n_distinct;
	space->n_encoded = vectors.n_encoded;
	if (vectors.item != NULL)
		pfree(vectors.item);
	return vectors.embedded > 0;
}

/* --- the space ------------------------------------------------------------------------------------------ */

/* The encoder that is named, or that is trained; false where vectors don't fit or texts have no words. */
static bool
find_encoder(TextWork *work, const char *name, uint64 seed, UimlEncoder *trained)
{
	const UimlDomain *domain = work->domain;
	size_t wanted = dims_of(domain, work->features);
	size_t affordable = affordable_dims(work, wanted);
	UimlStatus status = UIML_ELIMIT;

	if (name == NULL)
		uiml_encoder_check_name(domain, domain->name);
	work->space->encoder = pstrdup(name != NULL ? name : domain->name);
	if (affordable > 0 && name != NULL)
	{
		work->encoder = named_encoder(domain, name, &work->digest);
		return true;
	}
	work->encoder = trained;
	for (; status == UIML_ELIMIT && affordable >= fewest_dims(domain, wanted) && affordable > 0;
		 affordable /= 2)
		status = train_encoder(work, affordable, seed, trained);
	if (status == UIML_ELIMIT)
		report_memory(work, fewest_dims(domain, wanted));
	return status == UIML_OK;
}

UimlTextSpace *
uiml_text_space(const UimlDomain *domain, const UimlSource *source, const UimlTextTask *task)
{
	MemoryContext old = MemoryContextSwitchTo(task->context);
	char *name = encoder_name(domain);
	UimlTextSpace *space = palloc0(sizeof(UimlTextSpace));
	TextWork work = {.domain = domain,
					 .source = source,
					 .features = uiml_source_features(domain),
					 .env = task->env,
					 .budget = task->budget,
					 .reserved = task->reserved,
					 .space = space};
	UimlEncoder trained;
	bool found;

	work.row_context = AllocSetContextCreate(task->context, "uiml text", ALLOCSET_DEFAULT_SIZES);
	found = find_encoder(&work, name, task->seed, &trained) && embed_all(&work, name != NULL, task);
	MemoryContextDelete(work.row_context);
	MemoryContextSwitchTo(old);
	if (!found && work.features == UIML_FEATURES_TEXT)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no item of domain \"%s\" has a text", domain->name),
			 errhint("Name other columns of texts with uiml_alter_domain(%s, ...), or use other features.",
					 quote_literal_cstr(domain->name))));
	return found ? space : NULL;
}

void
uiml_text_space_params(const UimlDomain *domain, const UimlTextSpace *space, UimlModelParams *params)
{
	params->features = space != NULL ? uiml_source_features(domain) : UIML_FEATURES_BEHAVIOUR;
	params->text = space != NULL ? space->x : NULL;
	params->text_dims = space != NULL ? space->dims : 0;
	if (params->features == UIML_FEATURES_TEXT)
		params->dims = space->dims;
}
