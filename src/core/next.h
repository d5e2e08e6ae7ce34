/*
 * next.h
 *	  Models of what comes next: each gives a distribution over the classes, given what was done so far.
 *
 * The classes are the interests or the items of a version.  A model is a mixture of experts, most often of one
 * and popularity:
 *
 *	popularity	the share of each class in the training sequences
 *	rules		sequential rules (Kamehkhosh, Jannach & Ludewig 2017): a class is followed, t events later, by
 *				another with weight 1 / t; the last classes of a user, the newest with most say, vote for theirs
 *	ridge		least squares: x = sum of decay^t in(item at distance t) predicts what is next.  Of items in full
 *				rank, in(i) = unit vector i: a sparse matrix of an item's best successors, found by conjugate
 *				gradients on the sparse Gram matrix (core/next_solve.h), where memory and time allow that; else,
 *				and of interests, from the space's vectors by the statistics of core/transfer.h
 *	ease		each item from the user's others, whatever their order (Steck 2019), the newest with most say; of items
 *				only, where the ridge has full rank
 *	lstm		core/lstm.h
 *
 * Scores that are no probabilities become shares by a power, q_j ~ max(score_j, 0)^(1 / temperature); an expert
 * with nothing to say (no score above 0) says popularity.  The share of the mixture is the sum of mix[length][expert]
 * times the experts' shares, by how many events are known.
 *
 * Of items only what a user did not do before is forecast: his items have share 0, and what is judged are events
 * of an item that is new to him.  Interests come back, and all events of one count.
 *
 * The same structure is what training keeps (owned, uiml_next_free), and a view of the bytes that backends map
 * (core/sequencefile.h).
 */
#ifndef UIML_NEXT_H
#define UIML_NEXT_H

#include "core/lstm.h"
#include "core/sequences.h"
#include "core/uiml.h"

typedef enum UimlNextTarget
{
	UIML_NEXT_INTEREST = 0,
	UIML_NEXT_ITEM
} UimlNextTarget;

typedef enum UimlNextExpert
{
	UIML_EXPERT_POPULARITY = 0,
	UIML_EXPERT_RULES,
	UIML_EXPERT_RIDGE,
	UIML_EXPERT_EASE,
	UIML_EXPERT_LSTM,
	UIML_N_EXPERTS
} UimlNextExpert;

/* "popularity", "rules", "ridge", "ease", "lstm" */
extern const char *uiml_next_expert_name(UimlNextExpert expert);

/* From each class to others: links of class c are start[c] .. start[c + 1] - 1, classes ascending. */
typedef struct UimlNextLinks
{
	const uint64_t *start;    /* n_classes + 1; NULL: absent */
	const uint32_t *class_no; /* < n_classes */
	const float *weight;      /* finite */
} UimlNextLinks;

/* How far back anything looks. */
#define UIML_NEXT_MAX_STEPS 200

/* score = sum over the last `steps` classes, t = 0 the newest, of decay^t times the links of the class. */
typedef struct UimlNextRules
{
	float decay; /* 0 < decay <= 1 */
	uint32_t steps;
	UimlNextLinks links;
} UimlNextRules;

/*
 * Full rank (links.start not NULL): as rules.  Low rank: score = y' target + b with y = x W, where x is of the last
 * `steps` items.  Of items p = q = space->dims, x = sum of decay^t in(item), targets are out-vectors and b is NULL.  Of
 * interests p = space->dims + n_classes, q = n_classes, y is the score: x is the sum of in-vectors made unit, beside the
 * shares of the interests, both decayed.
 */
typedef struct UimlNextRidge
{
	float decay; /* 0 < decay <= 1 */
	uint32_t steps;
	UimlNextLinks links;
	uint32_t p, q;
	const float *w; /* p x q row-major; NULL: absent */
	const float *b; /* q or NULL */
} UimlNextRidge;

/* By how many events are known: 1, 2 - 3, 4 - 7, 8 - 15, 16 and more. */
#define UIML_NEXT_LENGTHS 5

/* The bucket of n > 0 known events. */
static inline size_t
uiml_next_length(size_t n)
{
	return n >= 16 ? 4 : n >= 8 ? 3 : n >= 4 ? 2 : n >= 2 ? 1 : 0;
}

typedef struct UimlNextModel
{
	UimlNextTarget target;
	size_t n_classes;
	size_t max_length;                            /* of the end of a sequence that is looked at */
	float mix[UIML_NEXT_LENGTHS][UIML_N_EXPERTS]; /* >= 0, rows sum to 1; 0 throughout: expert absent */
	float blend
		[UIML_NEXT_LENGTHS]; /* part of the model beside uiml_predict's or uiml_recommend's rest, 0 .. 1 */
	float temperature
		[UIML_N_EXPERTS];    /* > 0: of rules and ridge the power, of the lstm a divisor of its logits */
	const float *popularity; /* n_classes, sums to 1 */
	UimlNextRules rules;
	UimlNextRidge ridge;
	UimlNextRules ease;   /* links.start NULL: absent */
	UimlLstmWeights lstm; /* shape.classes 0: absent */
	bool padded; /* the lstm sees sequences padded in front with token 0 to max_length (mask false) */
} UimlNextModel;

/*
 * The items of the version (core/itemfile.h has them mapped, core/model.h fitted).  in and out may be NULL where there
 * is no low-rank ridge; interest is needed for interests only, UINT32_MAX for none.
 */
typedef struct UimlNextSpace
{
	size_t n_items, dims;
	const float *in, *out;
	const uint32_t *interest;
} UimlNextSpace;

/* The class of an item, or UINT32_MAX for none. */
static inline uint32_t
uiml_next_class(UimlNextTarget target, const UimlNextSpace *space, uint32_t item)
{
	if (item >= space->n_items)
		return UINT32_MAX;
	return target == UIML_NEXT_ITEM ? item : space->interest[item];
}

/* What uiml_next_open checks of numbers that come from a file, beyond its lengths. */
extern bool uiml_next_valid(const UimlNextModel *model, const UimlNextSpace *space);

/*
 * uiml_next_predict
 *		share (n_classes, sums to 1): the distribution of what comes next after n items, oldest first.
 *
 * Numbers of items not below space->n_items, and items without an interest, are left out; popularity where nothing is
 * left.  exclude_seen: the items given have share 0, for the target item.
 * room: uiml_next_room bytes, aligned for any type; 0 on overflow.
 *
 * Returns how many of the n items counted, all of them and not only the last max_length: uiml_next_length of it is the
 * bucket of model->blend.  No allocation, no BLAS.  Of interests some 20 us beside the lstm; of items the links of
 * `steps` items, or 2 dims n_items operations, and some 5 ns per item and expert.
 */
extern size_t uiml_next_room(const UimlNextModel *model, const UimlNextSpace *space);
extern size_t uiml_next_predict(const UimlNextModel *model, const UimlNextSpace *space, const uint32_t *item,
								size_t n, bool exclude_seen, void *room, float *share);

/* The expert with the largest part in the share of a class, after uiml_next_predict and with its room. */
extern UimlNextExpert uiml_next_reason(const UimlNextModel *model, const UimlNextSpace *space, size_t n_known,
									   void *room, uint32_t class_no);

/* ---- Fitting ---- */

typedef struct UimlNextParams
{
	UimlNextTarget target;
	size_t n_classes;
	size_t max_length; /* 2 .. 200 */
	size_t memory;     /* bytes that a fit may take, 0: no bound */
	bool rules, ridge, ease;
} UimlNextParams;

/*
 * uiml_next_fit
 *		Popularity, and rules, ridge and ease as params say, from all sequences of a source; one to three passes.
 *
 * refit:	NULL, or a model as uiml_next_apply left it: only the experts that it keeps are fitted, with its settings, and
 *			mix, blend and temperatures are taken over.  It may have been freed.  Should memory suffice for fewer of them
 *			than before, the others have their weights
 * model:	receives target, n_classes, max_length and the experts.  Without refit mix is popularity alone, blend 1,
 *			temperatures 1.  An expert that memory, or time (items beyond some 50,000), forbid is left out, or of low rank.
 *			The lstm is absent: its owner puts it in place.
 *
 * Free with uiml_next_free in any case.  Returns UIML_OK; UIML_EEMPTY where no sequence has an event of a class;
 * UIML_EINVALID; UIML_ENOMEM; UIML_ENOTFINITE; UIML_EINTERRUPTED; what the source returns.
 */
extern UimlStatus uiml_next_fit(const UimlEnv *env, const UimlSequenceSource *source,
								const UimlNextParams *params, const UimlNextSpace *space,
								const UimlNextModel *refit, UimlNextModel *model);

/* Frees what uiml_next_fit allocated: not the lstm, which is its owner's. */
extern void uiml_next_free(const UimlEnv *env, UimlNextModel *model);

/* Bytes at the peak of a fit of the least that memory allows, the model included; saturates. */
extern size_t uiml_next_memory(const UimlNextParams *params, const UimlNextSpace *space, size_t n_events);

/* ---- Choosing and judging, on users that are in no fit ---- */

/*
 * What uiml_predict or uiml_recommend say without the model.  Of interests: masses decayed by age to the newest known
 * event, W_g, then the blend with the prior (core/blend.h).  Of items: uiml_item_shares of the sum of mass times
 * in-vectors.
 */
typedef struct UimlNextRest
{
	double half_life;             /* seconds; INFINITY: no decay */
	const float *prior;           /* interests: n_classes */
	double alpha;                 /* interests: strength of the prior, in masses */
	const double *generalization; /* interests: n_classes squared, W_g, or NULL */
	const float *popularity;      /* items: n_items */
	double item_alpha;            /* items */
	double temperature;           /* items */
} UimlNextRest;

/* Rows of what is compared: the experts, each beside popularity, and these. */
enum
{
	UIML_NEXT_MIXTURE = UIML_N_EXPERTS, /* of all experts */
	UIML_NEXT_HISTORY,                  /* the rest alone */
	UIML_NEXT_BLEND,                    /* the rest with what is kept */
	UIML_NEXT_ROWS
};

/* Figures of a row; NaN: not known. */
typedef struct UimlNextFigures
{
	size_t users;    /* judged; 0: absent */
	size_t events;   /* judged */
	double loss;     /* nats per event */
	double accuracy; /* share of events whose class was ranked first */
	double hr;       /* HR@10, items only */
	double ndcg;     /* NDCG@10, items only */
} UimlNextFigures;

/* What is to be kept: an expert beside popularity, or whatever has the lowest loss. */
typedef enum UimlNextWanted
{
	UIML_WANTED_AUTO = 0,
	UIML_WANTED_RULES,
	UIML_WANTED_RIDGE,
	UIML_WANTED_LSTM
} UimlNextWanted;

/* What is fitted on validation users. */
typedef struct UimlNextChoice
{
	bool present[UIML_NEXT_ROWS];
	size_t kept; /* an expert, or UIML_NEXT_MIXTURE */
	float temperature[UIML_N_EXPERTS];
	float mix[UIML_NEXT_MIXTURE + 1][UIML_NEXT_LENGTHS][UIML_N_EXPERTS]; /* of each row */
	float blend[UIML_NEXT_LENGTHS];                                      /* of what is kept */
	double gain;    /* loss of the best single expert less that of the mixture, and */
	double gain_se; /* its standard error over users */
} UimlNextChoice;

/*
 * uiml_next_choose
 *		Fits temperatures, mixtures and blend on validation users, and says what is to be kept.
 *
 * model:	experts fitted without these users; the lstm, where there is one, is in place.  Not changed.
 * users:	their sequences; at and weight where rest is given
 * rest:	NULL: blend is 1 throughout
 * figures:	receives UIML_NEXT_ROWS, of the users that a few parameters were fitted on; may be NULL
 *
 * Auto keeps the mixture where its loss is lower than the best single expert's by more than a standard error; the blend is
 * 0 throughout unless it has as much over the rest.  The last five events of each user are looked at, fewer where there
 * are very many classes.
 *
 * Returns UIML_OK; UIML_EEMPTY without an event to predict; UIML_EINVALID where what is wanted is absent; UIML_ENOMEM;
 * UIML_EINTERRUPTED.
 */
extern UimlStatus uiml_next_choose(const UimlEnv *env, const UimlNextModel *model, const UimlNextSpace *space,
								   const UimlSequences *users, const UimlNextRest *rest,
								   UimlNextWanted wanted, UimlNextChoice *choice, UimlNextFigures *figures);

/* Makes the model what was chosen: mix, blend, temperatures. */
extern void uiml_next_apply(const UimlNextChoice *choice, UimlNextModel *model);

/*
 * uiml_next_judge
 *		The figures (UIML_NEXT_ROWS) of all that was compared on other users, with what was fitted by uiml_next_choose.
 *
 * model:	the one that was given there, or a refit that these users are in no more than in that.  Statuses as there.
 */
extern UimlStatus uiml_next_judge(const UimlEnv *env, const UimlNextModel *model, const UimlNextSpace *space,
								  const UimlSequences *users, const UimlNextRest *rest,
								  const UimlNextChoice *choice, UimlNextFigures *figures);

#endif /* UIML_NEXT_H */
