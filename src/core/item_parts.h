/*
 * item_parts.h
 *	  Overlapping users under the parts of an item transfer that were fitted without them.
 *
 * Parts are fitted without the fold of whom they are asked about; only the item space of the target holds what
 * he did, and a first-order correction takes that out (item_parts.c).
 */
#ifndef UIML_ITEM_PARTS_H
#define UIML_ITEM_PARTS_H

#include "core/item_pool.h"

/* Temperatures that are tried. */
#define UIML_MAP_TEMPERATURES 4

extern const double uiml_map_temperature[UIML_MAP_TEMPERATURES];

/* An item that somebody chose, under the parts that were fitted without him. */
typedef struct UimlPartsEvent
{
	uint32_t user; /* of the sample */
	float map[UIML_MAP_TEMPERATURES];
	float part[UIML_N_ITEM_PARTS]; /* that of the map is filled in for one temperature */
} UimlPartsEvent;

typedef struct UimlPartsSample
{
	size_t n_users;
	uint32_t *user;  /* n_users: rows of the overlap */
	float *evidence; /* n_users: what neighbours have to say, 1 on the average */
	size_t n_events;
	UimlPartsEvent *event;
} UimlPartsSample;

/* The maps of all folds, and the parts of one user over all items of the target. */
typedef struct UimlPartsBench
{
	const UimlOverlap *overlap;
	const UimlModel *target;
	const UimlItemPool *pool;
	const uint8_t *pool_fold; /* of the pool's users */
	bool with_map;
	float *w;          /* UIML_FOLDS x p x q: fitted without the fold */
	float *b;          /* UIML_FOLDS x q */
	float *fold_items; /* UIML_FOLDS x n_items: how often the other folds chose each item */
	double fold_total[UIML_FOLDS];
	float choice;                  /* popularity that one choice adds, about */
	double fold_share[UIML_FOLDS]; /* of the pool's users who are not of the fold */
	double *influence;             /* q: of a user on the item space */
	float *vector;
	double *sum;
	float *say;
	float *score;      /* n_items */
	float *chosen;     /* n_items: of neighbours, sums to 1 */
	double evidence;   /* that it summed to */
	float *popularity; /* n_items: without what the user himself did */
} UimlPartsBench;

extern UimlStatus uiml_parts_bench_create(const UimlEnv *env, const UimlOverlap *overlap,
										  const UimlModel *target, const UimlItemPool *pool,
										  const uint8_t *pool_fold, bool with_map, UimlPartsBench *bench);
extern void uiml_parts_bench_free(const UimlEnv *env, UimlPartsBench *bench);

/* Places user u of the overlap on the bench: scores of the map, what neighbours chose, popularity. */
extern void uiml_parts_bench_place(UimlPartsBench *bench, size_t u);

/*
 * uiml_parts_score
 *		score (n_items) = out times vector, as it were without what user u himself did to the target's item
 *		space.
 */
extern void uiml_parts_score(const UimlPartsBench *bench, size_t u, const float *vector, float *score);

/* The mean log-likelihood of the events under weights that sum to 1; the map's part is filled in. */
extern double uiml_parts_likelihood(const UimlPartsSample *sample, const double *weight);

/*
 * uiml_parts_maximise
 *		Weights of highest likelihood, from those that are given, after so many rounds.  Returns the
 *		likelihood, which never falls.
 */
extern double uiml_parts_maximise(const UimlPartsSample *sample, size_t rounds, double *weight);

/* Sets part[UIML_PART_MAP] to the t-th temperature's. */
extern void uiml_parts_take(UimlPartsSample *sample, size_t t);

#endif /* UIML_ITEM_PARTS_H */
