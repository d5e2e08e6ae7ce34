/*
 * sequence_states.h
 *	  A network's hidden states and logits over batches, without training.
 *
 * Internal to the files sequence_*.c: who ranks or blends needs whole distributions.
 */
#ifndef UIML_SEQUENCE_STATES_H
#define UIML_SEQUENCE_STATES_H

#include "core/lstm.h"

/* Weights in panels: a copy. */
typedef struct UimlStates
{
	const UimlLstmWeights *weights;
	float *kernel;
	float *recurrent;
	float *output;
} UimlStates;

/* Free with uiml_states_free in any case. */
extern UimlStatus uiml_states_pack(const UimlEnv *env, const UimlLstmWeights *weights, UimlStates *states);
extern void uiml_states_free(const UimlEnv *env, UimlStates *states);

/* Floats of the panels; saturates. */
extern size_t uiml_states_packed(const UimlLstmShape *shape);

/* One batch on its way: room for x (B x D), z (B x 4H), c and tanh_c (B x H), h (of each token, H). */
typedef struct UimlStatesRoom
{
	float *x;
	float *z;
	float *c;
	float *tanh_c;
	float *h;
} UimlStatesRoom;

/* Floats of all of them for so many sequences and tokens, and where they are in a run of that. */
extern size_t uiml_states_room(const UimlLstmShape *shape, size_t sequences, size_t tokens);
extern UimlStatesRoom uiml_states_cut(const UimlLstmShape *shape, size_t sequences, float *run);

/* A step of a batch, those before it done: at is the first of its tokens. */
extern void uiml_states_step(const UimlStates *states, const UimlLstmBatch *batch, size_t step, size_t at,
							 const UimlStatesRoom *room);

/* Logits (m x C, ld apart) of m states, one behind the other. */
extern void uiml_states_logits(const UimlStates *states, const float *h, size_t m, float *logit, size_t ld);

#endif /* UIML_SEQUENCE_STATES_H */
