/*
 * compare.c
 *	  uiml_compare: two settings of a domain on the same test users.
 *
 * The events are read once and kept; each setting is trained and judged on them in a run of its own, with the
 * same split, so every test user has a value under both.  What is told is the mean of the users' differences
 * with an interval by resampling users: most of what makes users differ from each other cancels.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "pg/evaluation.h"
#include "pg/prediction.h"
#include "pg/settings.h"
#include "pg/trainargs.h"

#define RESULT_COLUMNS 9

/* One side, after its run. */
typedef struct Side
{
	UimlJudgement judgement;
	size_t n_items;
	uint32_t *interest; /* n_items: the interest of each */
} Side;

/* The domain with its own seed left out, which says what uiml_train draws: here the argument does. */
static UimlDomain *
without_seed(const UimlDomain *domain)
{
	UimlDomain *copy = palloc(sizeof(UimlDomain));

	*copy = *domain;
	copy->options = DatumGetJsonbP(
		DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(domain->options), CStringGetTextDatum("seed")));
	return copy;
}

/* Trains and judges with the settings; what is kept lives in the evaluation's context. */
static void
run_side(UimlEvaluation *e, UimlDomain *domain, Side *side)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, e->context, NULL, NULL);

	e->domain = domain;
	e->train_seed = (uint64) (int64) uiml_domain_option(domain, "seed", (double) (int64) e->seed);
	uiml_evaluation_run(e);
	uiml_check(uiml_judgement_copy(&env, &e->judgement, &side->judgement), "evaluation");
	side->n_items = e->model.n_items;
	side->interest = MemoryContextAllocHuge(e->context, side->n_items * sizeof(uint32_t));
	memcpy(side->interest, e->model.interest, side->n_items * sizeof(uint32_t));
	uiml_evaluation_rewind(e);
}

/* What the interval allows to say, NULL where it is no question of better or worse. */
static const char *
verdict(const UimlDifference *d, bool same_interests)
{
	if (d->better == 0 || d->users == 0 || (d->of_interests && !same_interests))
		return NULL;
	if (d->low > 0)
		return d->better > 0 ? "b is better" : "a is better";
	if (d->high < 0)
		return d->better > 0 ? "a is better" : "b is better";
	return "undecided";
}

static void
put_difference(UimlResult *result, const UimlDifference *d, bool same_interests)
{
	const char *said = verdict(d, same_interests);
	Datum value[RESULT_COLUMNS] = {CStringGetTextDatum(d->metric),
								   Int32GetDatum((int32) d->k),
								   uiml_figure_datum(d->a),
								   uiml_figure_datum(d->b),
								   uiml_figure_datum(d->difference),
								   uiml_figure_datum(d->low),
								   uiml_figure_datum(d->high),
								   Int64GetDatum((int64) d->users),
								   said != NULL ? CStringGetTextDatum(said) : (Datum) 0};
	bool null[RESULT_COLUMNS] = {
		false,         d->k == 0,      isnan(d->a), isnan(d->b), isnan(d->difference),
		isnan(d->low), isnan(d->high), false,       said == NULL};

	uiml_result_put(result, value, null);
}

static void
put_differences(UimlEvaluation *e, const Side *a, const Side *b, UimlResult *result)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, e->context, NULL, NULL);
	size_t n = uiml_judgement_n_figures(&a->judgement);
	UimlDifference *difference = palloc(n * sizeof(UimlDifference));
	bool same_interests =
		a->n_items == b->n_items && memcmp(a->interest, b->interest, a->n_items * sizeof(uint32_t)) == 0;

	uiml_check(uiml_judgement_compare(&env, &a->judgement, &b->judgement, e->seed, difference), "comparison");
	for (size_t i = 0; i < n; i++)
		put_difference(result, &difference[i], same_interests);
}

/* Not STRICT, so that a NULL is named. */
PG_FUNCTION_INFO_V1(uiml_compare);
Datum
uiml_compare(PG_FUNCTION_ARGS)
{
	static const UimlEvaluationArgs args = {.domain = 0,
											.holdout = 3,
											.at = 4,
											.fold_in = 5,
											.users = 6,
											.seed = 7,
											.dims = -1,
											.interests = -1,
											.half_life = -1,
											.features = -1,
											.source = -1};
	UimlResult result;
	UimlEvaluation *e;
	UimlDomain *plain, *a, *b;
	Side of_a, of_b;

	uiml_result_begin(fcinfo, RESULT_COLUMNS, &result);
	e = uiml_evaluation_begin(fcinfo, &args);
	plain = without_seed(e->domain);
	a = uiml_domain_with(plain, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1), "a");
	b = uiml_domain_with(plain, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2), "b");
	e->keep_events = true;
	e->keep_model = true;
	/* What features of behaviour leave aside, others must have read. */
	e->domain = uiml_source_features(a) != UIML_FEATURES_BEHAVIOUR ? a : b;
	uiml_evaluation_read(e);
	run_side(e, a, &of_a);
	e->keep_events = false;
	run_side(e, b, &of_b);
	put_differences(e, &of_a, &of_b, &result);
	uiml_evaluation_end(e);
	PG_RETURN_NULL();
}
