/*
 * judgement.h
 *	  What judging a model gives: a value per metric and user, and the figures that sum them up.
 */
#ifndef UIML_JUDGEMENT_H
#define UIML_JUDGEMENT_H

#include "core/metrics.h"

/*
 * What judging gives: per metric and k one value per user, for the model and for the popularity baseline.
 * value[(metric * n_k + i) * n_users + u]; NaN for users without a hidden item.
 */
typedef struct UimlJudgement
{
	size_t n_users;
	size_t n_k;
	size_t *k;
	double *value;
	double *baseline;
	double *coverage; /* n_k: share of items in at least one list at k */
	double *baseline_coverage;
	double *logloss;          /* n_users: nats per hidden event over interest shares */
	double *baseline_logloss; /* under the prior */
	double *accuracy;         /* n_users: share of hidden events in the interest ranked first */
	double *baseline_accuracy;
} UimlJudgement;

/*
 * uiml_judgement_create
 *		Room for n_users judged at n_k cut-offs; values are not set.
 *
 * Returns UIML_OK, UIML_ENOMEM, UIML_ELIMIT; free with uiml_judgement_free in any case.
 */
extern UimlStatus uiml_judgement_create(const UimlEnv *env, size_t n_users, const size_t *k, size_t n_k,
										UimlJudgement *judgement);

extern void uiml_judgement_free(const UimlEnv *env, UimlJudgement *judgement);

/* Bytes of a judgement. */
extern double uiml_judgement_memory(double n_users, size_t n_k);

/* A judgement as rows, for tables: one per metric and k, coverage per k, logloss and accuracy once. */
typedef struct UimlFigure
{
	const char *metric; /* static */
	size_t k;           /* 0: none */
	double value;
	double low; /* 95 % bootstrap interval by user; NaN for coverage */
	double high;
	const char *baseline; /* static: "popularity" or "prior" */
	double baseline_value;
	size_t users; /* with the quantity */
} UimlFigure;

/* How many figures uiml_judgement_figures writes. */
extern size_t uiml_judgement_n_figures(const UimlJudgement *judgement);

/*
 * uiml_judgement_figures
 *		Means over users and 95 % percentile intervals of 1,000 bootstrap rounds; deterministic for the seed.
 */
extern UimlStatus uiml_judgement_figures(const UimlEnv *env, const UimlJudgement *judgement, uint64_t seed,
										 UimlFigure *figure);

#endif /* UIML_JUDGEMENT_H */
