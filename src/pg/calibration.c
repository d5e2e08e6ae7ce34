/*
 * calibration.c
 *	  uiml_calibration: whether predicted interest shares come true for users who were in no fit.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "core/calibration.h"
#include "pg/evaluation.h"
#include "pg/prediction.h"
#include "pg/toolargs.h"

#define RESULT_COLUMNS 11

/* The level of the intervals that uiml_predict gives. */
#define LEVEL .9

static void
put_bin(UimlResult *result, const UimlCalibrationBin *bin, int number)
{
	Datum value[RESULT_COLUMNS] = {Int32GetDatum(number),
								   uiml_figure_datum(bin->low),
								   uiml_figure_datum(bin->high),
								   Int64GetDatum((int64) bin->pairs),
								   uiml_figure_datum(bin->predicted),
								   uiml_figure_datum(bin->observed),
								   uiml_figure_datum(bin->observed_low),
								   uiml_figure_datum(bin->observed_high),
								   uiml_figure_datum(bin->error),
								   uiml_figure_datum(bin->covered),
								   uiml_figure_datum(bin->expected)};
	bool null[RESULT_COLUMNS] = {number == 0,
								 false,
								 false,
								 false,
								 isnan(bin->predicted),
								 isnan(bin->observed),
								 isnan(bin->observed_low),
								 isnan(bin->observed_high),
								 isnan(bin->error),
								 isnan(bin->covered),
								 isnan(bin->expected)};

	uiml_result_put(result, value, null);
}

/* Not STRICT: dims, interests, half_life and features may be NULL. */
PG_FUNCTION_INFO_V1(uiml_calibration);
Datum
uiml_calibration(PG_FUNCTION_ARGS)
{
	static const UimlEvaluationArgs args = {.domain = 0,
											.holdout = 2,
											.at = -1,
											.fold_in = 3,
											.users = 4,
											.seed = 5,
											.dims = 6,
											.interests = 7,
											.half_life = 8,
											.features = 9,
											.source = -1};
	size_t n_bins = (size_t) uiml_arg_int(fcinfo, 1, "bins", 1, UIML_MAX_BINS);
	UimlResult result;
	UimlEvaluation *e;
	UimlCalibrationBin *bin;

	uiml_result_begin(fcinfo, RESULT_COLUMNS, &result);
	e = uiml_evaluation_begin(fcinfo, &args);
	e->keep_model = true;
	uiml_evaluation_read(e);
	uiml_evaluation_run(e);
	bin = palloc((n_bins + 1) * sizeof(UimlCalibrationBin));
	uiml_check(uiml_model_calibrate(&e->env, &e->model, &e->judging, n_bins, LEVEL, e->seed, bin),
			   "calibration");
	for (size_t b = 0; b < n_bins; b++)
		put_bin(&result, &bin[b], (int) b + 1);
	put_bin(&result, &bin[n_bins], 0);
	uiml_evaluation_end(e);
	PG_RETURN_NULL();
}
