/*
 * next_score.h
 *	  The scores of each expert on what comes next, and the shares they stand for: what serving and judging share.
 */
#ifndef UIML_NEXT_SCORE_H
#define UIML_NEXT_SCORE_H

#include "core/next.h"

/* Where no score is above this an expert has nothing to say. */
#define UIML_NEXT_LEAST_SCORE 1e-30f

/* Parts of a room, as uiml_next_lay_out places them. */
typedef struct UimlNextRoom
{
	size_t window;                /* classes that experts look back at */
	float *share[UIML_N_EXPERTS]; /* n_classes each; NULL: absent */
	uint32_t *item;               /* window: the newest last */
	uint32_t *class_no;           /* window */
	float *weight;                /* window */
	uint32_t *row;                /* ridge.p: 0, 1, ... */
	float *x;                     /* ridge.p */
	float *y;                     /* ridge.q */
	uint32_t *token;              /* max_length */
	float *state;                 /* lstm.shape.hidden */
	void *lstm;
	size_t n_known;  /* events of a class, all of them */
	size_t n_window; /* of them in item and class_no */
} UimlNextRoom;

/* Places the parts in a room, which may be NULL; returns its size in bytes, 0 on overflow. */
extern size_t uiml_next_lay_out(const UimlNextModel *model, const UimlNextSpace *space, void *bytes,
								UimlNextRoom *room);

/* Fills item, class_no and the counts with n items, oldest first. */
extern void uiml_next_look_back(const UimlNextModel *model, const UimlNextSpace *space, const uint32_t *item,
								size_t n, UimlNextRoom *room);

/* The expert is in the model. */
extern bool uiml_next_present(const UimlNextModel *model, UimlNextExpert expert);

/* Scores (n_classes) of rules, ridge or ease, or the lstm's logits, of what a room has looked back at. */
extern void uiml_next_scores(const UimlNextModel *model, const UimlNextSpace *space, UimlNextExpert expert,
							 UimlNextRoom *room, float *score);

/* Features (ridge.p) of what a room has looked back at: room->x of a ridge that has no links. */
extern void uiml_next_features(UimlNextTarget target, const UimlNextSpace *space, float decay, size_t steps,
							   UimlNextRoom *room);

/* popularity (n_classes) without the items given (NULL: none left out), normalised again; the whole sum was 1. */
extern void uiml_next_popularity(const UimlNextModel *model, const uint32_t *item, size_t n,
								 float *popularity);

/*
 * uiml_next_shares
 *		Turns an expert's scores into shares, in place, over the classes that are not left out.
 *
 * popularity: as uiml_next_popularity gives it, what is said where no score is above 0
 * item: n classes to be left out; n is 0 for interests
 */
extern void uiml_next_shares(UimlNextExpert expert, double temperature, const float *popularity,
							 const uint32_t *item, size_t n, size_t n_classes, float *score);

#endif /* UIML_NEXT_SCORE_H */
