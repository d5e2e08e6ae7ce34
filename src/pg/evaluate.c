/*
 * evaluate.c
 *	  uiml_evaluate: how good a domain's model is on users, or a time, that it was not trained on.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "pg/evaluation.h"
#include "pg/prediction.h"

#define RESULT_COLUMNS 8

Datum
uiml_figure_datum(double value)
{
	/* + 0 makes -0 plain */
	return Float8GetDatum(rint(value * 1e4) / 1e4 + 0.0);
}

/* "hr", or "hr (999 sampled)". */
static Datum
metric_name(const UimlFigure *figure)
{
	return CStringGetTextDatum(figure->negatives == 0
								   ? figure->metric
								   : psprintf("%s (%zu sampled)", figure->metric, figure->negatives));
}

static void
put_figure(UimlResult *result, const UimlFigure *figure)
{
	Datum value[RESULT_COLUMNS] = {metric_name(figure),
								   Int32GetDatum((int32) figure->k),
								   uiml_figure_datum(figure->value),
								   uiml_figure_datum(figure->low),
								   uiml_figure_datum(figure->high),
								   CStringGetTextDatum(figure->baseline),
								   uiml_figure_datum(figure->baseline_value),
								   Int64GetDatum((int64) figure->users)};
	bool null[RESULT_COLUMNS] = {false,
								 figure->k == 0,
								 isnan(figure->value),
								 isnan(figure->low),
								 isnan(figure->high),
								 false,
								 isnan(figure->baseline_value),
								 false};

	uiml_result_put(result, value, null);
}

/* Not STRICT: dims, interests, half_life and features may be NULL. */
PG_FUNCTION_INFO_V1(uiml_evaluate);
Datum
uiml_evaluate(PG_FUNCTION_ARGS)
{
	static const UimlEvaluationArgs args = {.domain = 0,
											.holdout = 1,
											.at = 2,
											.fold_in = 3,
											.users = 4,
											.seed = 5,
											.dims = 6,
											.interests = 7,
											.half_life = 8,
											.features = 9,
											.source = 10,
											.observed = 11,
											.overlap = 12,
											.negatives = 13};
	UimlResult result;
	UimlEvaluation *e;
	UimlFigure *figure;
	size_t n;

	uiml_result_begin(fcinfo, RESULT_COLUMNS, &result);
	e = uiml_evaluation_begin(fcinfo, &args);
	uiml_evaluation_read(e);
	uiml_evaluation_run(e);
	n = uiml_judgement_n_figures(&e->judgement);
	figure = palloc(n * sizeof(UimlFigure));
	uiml_check(uiml_judgement_figures(&e->env, &e->judgement, e->seed, figure), "evaluation");
	for (size_t i = 0; i < n; i++)
		put_figure(&result, &figure[i]);
	uiml_evaluation_end(e);
	PG_RETURN_NULL();
}
