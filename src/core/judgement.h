/*
 * judgement.h
 *	  What judging a model gives: a value per figure and user, what sums them up, and two of them compared.
 */
#ifndef UIML_JUDGEMENT_H
#define UIML_JUDGEMENT_H

#include "core/metrics.h"

/* Of one user's list at each k: the ranking metrics, and what the list is like. */
enum
{
	UIML_NOVELTY = UIML_N_METRICS,
	UIML_DIVERSITY,
	UIML_N_LIST_FIGURES
};

/* Of one user. */
typedef enum UimlUserFigure
{
	UIML_AUC,
	UIML_LOGLOSS,  /* nats per hidden event over interest shares */
	UIML_ACCURACY, /* share of hidden events in the interest ranked first */
	UIML_N_USER_FIGURES
} UimlUserFigure;

/* Of the lists of all users together at each k. */
typedef enum UimlTotalFigure
{
	UIML_COVERAGE, /* share of items in at least one list */
	UIML_GINI,     /* of how often each item is listed */
	UIML_N_TOTAL_FIGURES
} UimlTotalFigure;

/* Of the protocol of sampled negatives (core/model_judge.h), at each k and then once. */
typedef enum UimlSampledFigure
{
	UIML_SAMPLED_HR,
	UIML_SAMPLED_NDCG,
	UIML_SAMPLED_MRR, /* of the whole list: no k */
	UIML_N_SAMPLED_FIGURES
} UimlSampledFigure;

/* Other predictions of interests that the model's log-loss is compared with, at the most. */
#define UIML_MAX_RIVALS 4

/*
 * Values of users in rows of n_users, for the model and for what needs no model: row uiml_judgement_list_row
 * for each list figure and k, then uiml_judgement_user_row for each user figure.  NaN for users without the
 * quantity: those without a hidden item, or whose list has one item and so no diversity.
 */
typedef struct UimlJudgement
{
	size_t n_users;
	size_t n_k;
	size_t *k;
	double *value;          /* rows x n_users */
	double *baseline;       /* rows x n_users */
	double *total;          /* UIML_N_TOTAL_FIGURES x n_k */
	double *baseline_total; /* UIML_N_TOTAL_FIGURES x n_k */

	size_t n_rivals;
	const char *rival[UIML_MAX_RIVALS]; /* static names */
	double *rival_loss;                 /* n_rivals x n_users */
	size_t negatives;                   /* 0: not judged that way */
	double *sampled;                    /* uiml_judgement_sampled_row x n_users, NULL without negatives */
	double *sampled_baseline;
} UimlJudgement;

static inline size_t
uiml_judgement_list_row(const UimlJudgement *judgement, size_t figure, size_t i_k)
{
	return figure * judgement->n_k + i_k;
}

static inline size_t
uiml_judgement_user_row(const UimlJudgement *judgement, UimlUserFigure figure)
{
	return UIML_N_LIST_FIGURES * judgement->n_k + (size_t) figure;
}

static inline size_t
uiml_judgement_sampled_row(const UimlJudgement *judgement, UimlSampledFigure figure, size_t i_k)
{
	return (size_t) figure * judgement->n_k + i_k;
}

/*
 * uiml_judgement_create
 *		Room for n_users judged at n_k cut-offs; all values are NaN.
 *
 * uiml_judgement_add_rivals and uiml_judgement_add_sampled make room for what not every judgement has; at
 * most once each.  Return UIML_OK, UIML_EINVALID (too many rivals, no negatives or no k), UIML_ENOMEM; free with uiml_judgement_free in any case.
 */
extern UimlStatus uiml_judgement_create(const UimlEnv *env, size_t n_users, const size_t *k, size_t n_k,
										UimlJudgement *judgement);

extern UimlStatus uiml_judgement_add_rivals(const UimlEnv *env, const char *const *name, size_t n_rivals,
											UimlJudgement *judgement);
extern UimlStatus uiml_judgement_add_sampled(const UimlEnv *env, size_t negatives, UimlJudgement *judgement);

/* A copy of its own, without rivals and sampled figures; statuses as uiml_judgement_create. */
extern UimlStatus uiml_judgement_copy(const UimlEnv *env, const UimlJudgement *from, UimlJudgement *to);

extern void uiml_judgement_free(const UimlEnv *env, UimlJudgement *judgement);

/* Bytes of a judgement. */
extern double uiml_judgement_memory(double n_users, size_t n_k);

/*
 * A judgement as rows, for tables: one per list and total figure and k, one per user figure, one per rival
 * and one per sampled figure and k.
 */
typedef struct UimlFigure
{
	const char *metric; /* static */
	size_t k;           /* 0: none */
	double value;
	double low; /* 95 % bootstrap interval by user; NaN for totals, which are no means */
	double high;
	const char *baseline; /* static: "popularity", "prior" or a rival's name */
	double baseline_value;
	size_t users;     /* with the quantity */
	size_t negatives; /* sampled ones; 0: of the full ranking */
} UimlFigure;

/* How many figures uiml_judgement_figures writes. */
extern size_t uiml_judgement_n_figures(const UimlJudgement *judgement);

/*
 * uiml_judgement_figures
 *		Means over users and 95 % percentile intervals of 1,000 bootstrap rounds; deterministic for the seed.
 */
extern UimlStatus uiml_judgement_figures(const UimlEnv *env, const UimlJudgement *judgement, uint64_t seed,
										 UimlFigure *figure);

/* Two judgements of the same users, figure by figure. */
typedef struct UimlDifference
{
	const char *metric; /* static */
	size_t k;           /* 0: none */
	double a;           /* means over the users that have the quantity in both */
	double b;
	double difference; /* b - a */
	double low;        /* 95 % bootstrap interval of the difference, by user; NaN for totals */
	double high;
	size_t users;
	bool of_interests; /* a figure of interests: comparable only where both models have the same */
	int better;        /* 1: higher is better, -1: lower, 0: neither */
} UimlDifference;

/*
 * uiml_judgement_compare
 *		The paired differences b - a of uiml_judgement_n_figures(a) figures, neither having rivals or sampled ones.
 *
 * a, b:	judgements of the same users in the same order, at the same cut-offs
 *
 * Both means and the difference are of the users that have the quantity in both, so difference is b - a; what
 * is resampled are users with their pairs of values, so what two models have in common cancels.
 * Deterministic for the seed.  Returns UIML_OK, UIML_EINVALID (other users or cut-offs), UIML_ENOMEM,
 * UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_judgement_compare(const UimlEnv *env, const UimlJudgement *a, const UimlJudgement *b,
										 uint64_t seed, UimlDifference *difference);

#endif /* UIML_JUDGEMENT_H */
