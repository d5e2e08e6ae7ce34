/*
 * model.h
 *	  The behaviour model of a domain: item space, interests, prior, and how they are fitted and judged.
 *
 * Fitting takes users in three roles: those the space, the interests and the priors are fitted on, those that
 * tune (dims, alpha, item_alpha, temperature), and those that only judge.  Tuning and judging users are
 * folded in from a part of their items, the rest is hidden and ranked or predicted.
 */
#ifndef UIML_MODEL_H
#define UIML_MODEL_H

#include "core/rows.h"
#include "core/judgement.h"

/* What an item's place in the space comes from. */
typedef enum UimlFeatureKind
{
	UIML_FEATURES_BEHAVIOUR = 0, /* from who did something to it */
	UIML_FEATURES_TEXT,          /* from its text alone: the space is that of the text vectors, in = out */
	UIML_FEATURES_HYBRID         /* from behaviour, and from its text where there is no behaviour */
} UimlFeatureKind;

typedef struct UimlModelParams
{
	size_t dims;      /* d, 1 .. 1024; 0: chosen on tuning users */
	size_t interests; /* k, 1 .. 4096; 0: chosen by simplified silhouette */
	bool drop_small;  /* clusters of fewer than 3 items are no interests, whatever k says */
	double row_scale; /* a, 1/4 */
	double col_scale; /* b, 1/4 */
	uint64_t seed;
	size_t memory; /* bytes that may be spent, 0: no bound; where dims is chosen, only what fits is tried */
	UimlFeatureKind features;
	const float *text; /* (n_items + n_texts) x text_dims: text vectors of length 1, or 0 where there is no
						* text; NULL for UIML_FEATURES_BEHAVIOUR */
	size_t text_dims;
	const uint32_t *initial; /* n_items: interests, below the number given, that clustering starts from
							  * (UINT32_MAX: none), so that they keep their numbers; NULL: from the seed */
} UimlModelParams;

/* What holds until tuning users tell, and what few of them are drawn to. */
#define UIML_NEUTRAL_ITEM_ALPHA  10
#define UIML_NEUTRAL_TEMPERATURE .6

/*
 * A fitted model.  Rows are row-major; an item never seen in training has zero vectors and no interest,
 * unless it was placed by its text (core/place.h).
 */
typedef struct UimlModel
{
	size_t n_items;
	size_t n_texts;         /* that have a place; columns of interactions behind the items */
	size_t dims;            /* d */
	size_t interest_dims;   /* leading dimensions that interests are found in: 32 at the most of behaviour */
	size_t n_interests;     /* k */
	float *in;              /* (n_items + n_texts) x d: encodes history */
	float *out;             /* n_items x d: is scored */
	float *centroid;        /* k x d, unit, in the space of v * sigma; 0 beyond interest_dims */
	double *sigma;          /* d */
	uint32_t *interest;     /* n_items + n_texts, UINT32_MAX for none */
	float *prior;           /* k: mean interest share over training users' mass */
	float *popularity;      /* n_items: share of training mass */
	double explained;       /* 0 .. 1 */
	double silhouette;      /* of the interests */
	double alpha;           /* strength of prior for interests, > 0 */
	double item_alpha;      /* strength of popularity for items, in items, > 0 */
	double text_weight;     /* factor of the mass of texts, >= 0; 0 while n_texts is 0 */
	double temperature;     /* item share ~ score^(1 / temperature), > 0 */
	double event_mass;      /* what one event weighs, > 0, and */
	double dispersion;      /* how far events are from shares, >= 0: for intervals (uiml_blend_strength) */
	double *generalization; /* k x k: W_g of masses (core/generalize.h); NULL for the identity */
} UimlModel;

extern UimlModelParams uiml_model_defaults(void);

/*
 * uiml_model_fit
 *		Item space, interests, prior and popularity from the rows that row_used flags (NULL: all).
 *
 * params->dims and interests of 0 are replaced by defaults that need no tuning users (64, and k by
 * silhouette); dims is capped by the rank of the data and interests by the number of distinct items.  alpha,
 * item_alpha and temperature get neutral values (k, 10, .6) until they are tuned.  Free with uiml_model_free.
 * Returns the statuses of the passes and of uiml_kmeans.
 *
 * The two halves may be called by themselves: uiml_model_fit_space leaves a model without interests, and
 * uiml_model_fit_interests finds (or finds anew, after uiml_model_truncate) interests and prior in the
 * model's space, and places what has a text but no history (core/place.h) where params say so.
 */
extern UimlStatus uiml_model_fit(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
								 const UimlModelParams *params, UimlModel *model);
extern UimlStatus uiml_model_fit_space(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
									   const UimlModelParams *params, UimlModel *model);
extern UimlStatus uiml_model_fit_interests(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
										   const UimlModelParams *params, UimlModel *model);

/*
 * uiml_model_popularity
 *		Each item's share (n_items) of the mass of the used rows, faded: what is popular now.
 *
 * n_rows receives how many rows have an item; it may be NULL.  Returns UIML_OK, UIML_ENOMEM, what the passes return.
 */
extern UimlStatus uiml_model_popularity(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
										float *popularity, size_t *n_rows);

extern void uiml_model_free(const UimlEnv *env, UimlModel *model);

/*
 * uiml_model_truncate
 *		Keeps only the first dims dimensions of the space: singular vectors are nested, so this is the smaller
 *		space.  Interests stay what they were in all dimensions, only their centroids are cut and made unit
 *		again.
 */
extern void uiml_model_truncate(UimlModel *model, size_t dims);

/*
 * uiml_model_user
 *		A user's interest vector (sum of mass * in, d) and interest masses (k) from n items and texts with
 *		masses, texts behind the items and their masses times text_weight.  Either output may be NULL.
 */
extern void uiml_model_user(const UimlModel *model, const uint32_t *item, const float *mass, size_t n,
							float *vector, float *interest_mass);

/*
 * uiml_score_items
 *		score (n_items) = out (n_items x d) times vector: our own loops, no BLAS.
 */
extern void uiml_score_items(const float *out, size_t n_items, size_t d, const float *vector, float *score);

/*
 * uiml_item_shares
 *		Turns scores, in place, into the expected shares of the user's next events.
 *
 * share_j = w q_j + (1 - w) popularity_j with q_j = max(score_j, 0)^(1 / temperature) over its sum and w =
 * total / (total + item_alpha), both q and popularity normalised over the items that take part: a score of
 * -INFINITY leaves an item out (seen, or no candidate) and stays -INFINITY, so the result can go straight
 * into uiml_topk.  total is the number of items the user is known by; total 0, or no score above 0, gives
 * popularity.  history_weight receives w (may be NULL).  temperature > 0, item_alpha > 0.  About 2 ns per
 * item.
 */
extern void uiml_item_shares(float *score, size_t n_items, const float *popularity, double total,
							 double item_alpha, double temperature, double *history_weight);

/*
 * uiml_model_generalize
 *		Interest masses (k) of what somebody did, times W_g where the model has one, in place; room: k.  Their
 *		sum stays.  Who did nothing is left to the prior.
 */
extern void uiml_model_generalize(const UimlModel *model, float *mass, double *room);

/* Users whose items are split into what is folded in and what is hidden. */
typedef struct UimlHoldout
{
	UimlInteractions seen; /* n users, folded in */
	UimlInteractions
		hidden; /* the same n users, to be predicted; strength = mass = weight of hidden events */
} UimlHoldout;

extern void uiml_holdout_free(const UimlEnv *env, UimlHoldout *holdout);

/*
 * uiml_model_choose_dims
 *		The prefix of the space, of 16, 32, 64, 128, 256, 512 and all dimensions, that is the smallest within
 *		.5 % of the highest NDCG@100 on tuning users (at most 1,000 of them, fewer where there are very many
 *		items).
 *
 * dims receives the choice (all dimensions when no user has a hidden item).  The model is not changed.
 */
extern UimlStatus uiml_model_choose_dims(const UimlEnv *env, const UimlModel *model,
										 const UimlHoldout *tuning, size_t *dims);

/*
 * uiml_model_tune
 *		Sets alpha, item_alpha and temperature to the values with the highest likelihood of the hidden items,
 *		each user with the same say.  Without a usable tuning user they stay what they are.  text_weight is
 *		set where the model has texts and they make the hidden items of who wrote them more likely, by more
 *		than a standard error, and interests no less likely.
 */
extern UimlStatus uiml_model_tune(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning);

/*
 * uiml_model_tune_generalization
 *		Sets W_g where it helps: fitted on half of the tuning users, each with the same say, and judged on the
 *		others.  For a model that is tuned otherwise.
 */
extern UimlStatus uiml_model_tune_generalization(const UimlEnv *env, UimlModel *model,
												 const UimlHoldout *tuning);

/*
 * uiml_model_tune_intervals
 *		Sets event_mass and dispersion by what the users of a holdout did beside what was predicted, so that
 *		intervals hold what they should.
 *
 * newest:	any users in no fit, their items of the same numbers; where time is known, the newest events are
 *			to be hidden, as the next ones are what is forecast.  Without a usable user nothing changes.
 */
extern UimlStatus uiml_model_tune_intervals(const UimlEnv *env, UimlModel *model, const UimlHoldout *newest);

/*
 * uiml_model_tune_shares
 *		The part of uiml_model_tune that needs no interests: item_alpha and temperature.  loss receives the
 *		mean over users of the nats per hidden item under them, NaN where no tuning user has both seen and
 *		hidden items.
 */
extern UimlStatus uiml_model_tune_shares(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning,
										 double *loss);

/*
 * uiml_model_judge
 *		Full ranking of all items but the seen ones for every user of the holdout.
 *		Items the model never saw are ranked last (zero score).  Free with uiml_judgement_free.
 */
extern UimlStatus uiml_model_judge(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout,
								   const size_t *k, size_t n_k, UimlJudgement *judgement);

/*
 * uiml_model_memory
 *		Bytes at the peak of uiml_model_fit on such a matrix, the interactions themselves included; saturates.
 *		dims and interests of 0 count as what uiml_model_fit makes of them.
 */
extern size_t uiml_model_memory(size_t n_users, size_t n_items, size_t n_entries,
								const UimlModelParams *params);

#endif /* UIML_MODEL_H */
