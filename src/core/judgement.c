/*
 * judgement.c
 *	  What judging a model gives: a value per metric and user, and the figures that sum them up.
 */
#include "core/judgement.h"

#include <math.h>

#define BOOTSTRAP_ROUNDS 1000
#define BOOTSTRAP_LEVEL  .95

UimlStatus
uiml_judgement_create(const UimlEnv *env, size_t n_users, const size_t *k, size_t n_k, UimlJudgement *j)
{
	size_t cells;

	*j = (UimlJudgement){.n_users = n_users, .n_k = n_k};
	if (__builtin_mul_overflow(n_users, n_k * UIML_N_METRICS, &cells))
		return UIML_ELIMIT;
	j->k = uiml_alloc(env, n_k, sizeof(size_t));
	j->value = uiml_alloc(env, cells, sizeof(double));
	j->baseline = uiml_alloc(env, cells, sizeof(double));
	j->coverage = uiml_alloc(env, n_k, sizeof(double));
	j->baseline_coverage = uiml_alloc(env, n_k, sizeof(double));
	j->logloss = uiml_alloc(env, n_users, sizeof(double));
	j->baseline_logloss = uiml_alloc(env, n_users, sizeof(double));
	j->accuracy = uiml_alloc(env, n_users, sizeof(double));
	j->baseline_accuracy = uiml_alloc(env, n_users, sizeof(double));
	if (j->k == NULL || j->value == NULL || j->baseline == NULL || j->coverage == NULL ||
		j->baseline_coverage == NULL || j->logloss == NULL || j->baseline_logloss == NULL ||
		j->accuracy == NULL || j->baseline_accuracy == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n_k; i++)
		j->k[i] = k[i];
	return UIML_OK;
}

void
uiml_judgement_free(const UimlEnv *env, UimlJudgement *j)
{
	uiml_free(env, j->k);
	uiml_free(env, j->value);
	uiml_free(env, j->baseline);
	uiml_free(env, j->coverage);
	uiml_free(env, j->baseline_coverage);
	uiml_free(env, j->logloss);
	uiml_free(env, j->baseline_logloss);
	uiml_free(env, j->accuracy);
	uiml_free(env, j->baseline_accuracy);
	*j = (UimlJudgement){0};
}

double
uiml_judgement_memory(double n_users, size_t n_k)
{
	return n_users * ((double) n_k * UIML_N_METRICS * 2 + 4) * sizeof(double);
}

size_t
uiml_judgement_n_figures(const UimlJudgement *judgement)
{
	return judgement->n_k * (UIML_N_METRICS + 1) + 2;
}

/* Mean, interval and baseline mean of one quantity, a value per user. */
static UimlStatus
summarise(const UimlEnv *env, const double *value, const double *baseline, size_t n, uint64_t seed,
		  UimlFigure *figure)
{
	double sum = 0;

	figure->users = 0;
	for (size_t u = 0; u < n; u++)
	{
		if (isnan(value[u]))
			continue;
		sum += baseline[u];
		figure->users++;
	}
	figure->baseline_value = figure->users > 0 ? sum / (double) figure->users : NAN;
	return uiml_bootstrap(env, value, n, BOOTSTRAP_ROUNDS, BOOTSTRAP_LEVEL, seed, &figure->value,
						  &figure->low, &figure->high);
}

UimlStatus
uiml_judgement_figures(const UimlEnv *env, const UimlJudgement *j, uint64_t seed, UimlFigure *figure)
{
	UimlStatus status = UIML_OK;
	size_t users = 0;

	for (int metric = 0; metric < UIML_N_METRICS; metric++)
	{
		for (size_t i = 0; status == UIML_OK && i < j->n_k; i++)
		{
			size_t row = ((size_t) metric * j->n_k + i) * j->n_users;

			*figure = (UimlFigure){
				.metric = uiml_metric_name((UimlMetric) metric), .k = j->k[i], .baseline = "popularity"};
			status = summarise(env, j->value + row, j->baseline + row, j->n_users, seed, figure);
			users = figure++->users;
		}
	}
	for (size_t i = 0; i < j->n_k; i++)
		*figure++ = (UimlFigure){.metric = "coverage",
								 .k = j->k[i],
								 .value = j->coverage[i],
								 .low = NAN,
								 .high = NAN,
								 .baseline = "popularity",
								 .baseline_value = j->baseline_coverage[i],
								 .users = users};
	*figure = (UimlFigure){.metric = "logloss", .baseline = "prior"};
	if (status == UIML_OK)
		status = summarise(env, j->logloss, j->baseline_logloss, j->n_users, seed, figure++);
	*figure = (UimlFigure){.metric = "accuracy", .baseline = "prior"};
	if (status == UIML_OK)
		status = summarise(env, j->accuracy, j->baseline_accuracy, j->n_users, seed, figure);
	return status;
}
