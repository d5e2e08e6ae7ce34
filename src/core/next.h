/*
 * next.h
 *	  Models of what comes next: each gives a distribution over the classes, given what was done so far.
 *
 * The classes are the interests or the items of a version.  A model is a mixture of experts, most often of one: popularity,
 * sequential rules, the low-rank ridge, an LSTM.  The same structure is what training keeps, and a view of the bytes that
 * backends map (core/sequencefile.h).
 */
#ifndef UIML_NEXT_H
#define UIML_NEXT_H

#include "core/lstm.h"
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
	UIML_EXPERT_LSTM,
	UIML_N_EXPERTS
} UimlNextExpert;

/*
 * Successors of each class with their weights: score[j] = sum over the last `steps` classes c at distance t of decay(t) *
 * weight[c -> j].
 */
typedef struct UimlNextRules
{
	size_t steps;
	const uint64_t *start; /* classes + 1; NULL: absent */
	const uint32_t *class_no;
	const float *weight;
} UimlNextRules;

/* x = sum of decay^t * in(class at distance t), score = out' (x W): statistics of core/transfer.h. */
typedef struct UimlNextRidge
{
	float decay;
	size_t dims;
	const float *w; /* dims x dims; NULL: absent */
	const float *b;
} UimlNextRidge;

/* By how many events are known: 1, 2 - 3, 4 - 7, 8 - 15, 16 and more. */
#define UIML_NEXT_LENGTHS 5

typedef struct UimlNextModel
{
	UimlNextTarget target;
	size_t n_classes;
	size_t max_length;         /* of the end of a sequence that is looked at */
	float mix[UIML_N_EXPERTS]; /* >= 0, sum 1; 0: expert absent */
	float blend
		[UIML_NEXT_LENGTHS]; /* part of the model in uiml_predict or uiml_recommend beside the rest, 0 .. 1 */
	const float *popularity; /* n_classes */
	UimlNextRules rules;
	UimlNextRidge ridge;
	UimlLstmWeights lstm;
	float temperature[UIML_N_EXPERTS]; /* scores to distributions */
} UimlNextModel;

/* The vectors of the version's items, for the ridge (core/itemfile.h has them mapped, core/model.h fitted). */
typedef struct UimlNextSpace
{
	size_t n_items, dims;
	const float *in, *out;
	const uint32_t *interest;
} UimlNextSpace;

/*
 * uiml_next_predict
 *		share (n_classes, sums to 1): the distribution of what comes next after n items, oldest first.
 *
 * Numbers of items not below space->n_items, and items without an interest, are left out.  room: uiml_next_room bytes.
 */
extern size_t uiml_next_room(const UimlNextModel *model, const UimlNextSpace *space);
extern void uiml_next_predict(const UimlNextModel *model, const UimlNextSpace *space, const uint32_t *item,
							  size_t n, void *room, float *share);

#endif /* UIML_NEXT_H */
