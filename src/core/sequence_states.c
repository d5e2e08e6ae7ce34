/*
 * sequence_states.c
 *	  A network's hidden states and logits over batches, without training.
 */
#include "core/sequence_states.h"

#define real float
#define UIML_LSTM_KERNELS
#include "core/lstm_ops.h"

/* Outputs that are packed between two questions for an interrupt: whole panels. */
#define PACK_OUTPUTS (256 * UIML_AFFINE_PANEL)

size_t
uiml_states_packed(const UimlLstmShape *s)
{
	return op_packed(s->embedding, 4 * s->hidden) + op_packed(s->hidden, 4 * s->hidden) +
		   op_packed(s->hidden, s->classes);
}

static UimlStatus
pack_outputs(const UimlEnv *env, const UimlLstmWeights *w, float *panels)
{
	size_t H = w->shape.hidden, C = w->shape.classes;

	for (size_t c = 0; c < C; c += PACK_OUTPUTS)
	{
		size_t n = C - c < PACK_OUTPUTS ? C - c : PACK_OUTPUTS;

		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (w->shape.tied)
			op_pack_outputs(w->tensor[UIML_LSTM_EMBEDDING] + (1 + c) * H, n, H, H, panels + c * H);
		else
			op_pack_inputs(w->tensor[UIML_LSTM_DENSE] + c, H, n, C, panels + c * H);
	}
	return UIML_OK;
}

UimlStatus
uiml_states_pack(const UimlEnv *env, const UimlLstmWeights *w, UimlStates *states)
{
	size_t D = w->shape.embedding, H = w->shape.hidden;

	*states = (UimlStates){.weights = w};
	states->kernel = uiml_alloc(env, op_packed(D, 4 * H), sizeof(float));
	states->recurrent = uiml_alloc(env, op_packed(H, 4 * H), sizeof(float));
	states->output = uiml_alloc(env, op_packed(H, w->shape.classes), sizeof(float));
	if (states->kernel == NULL || states->recurrent == NULL || states->output == NULL)
		return UIML_ENOMEM;
	op_pack_inputs(w->tensor[UIML_LSTM_KERNEL], D, 4 * H, 4 * H, states->kernel);
	op_pack_inputs(w->tensor[UIML_LSTM_RECURRENT], H, 4 * H, 4 * H, states->recurrent);
	return pack_outputs(env, w, states->output);
}

void
uiml_states_free(const UimlEnv *env, UimlStates *states)
{
	uiml_free(env, states->kernel);
	uiml_free(env, states->recurrent);
	uiml_free(env, states->output);
	*states = (UimlStates){.weights = NULL};
}

size_t
uiml_states_room(const UimlLstmShape *s, size_t sequences, size_t tokens)
{
	return sequences * (s->embedding + 6 * s->hidden) + tokens * s->hidden;
}

UimlStatesRoom
uiml_states_cut(const UimlLstmShape *s, size_t sequences, float *run)
{
	UimlStatesRoom room = {.x = run};

	room.z = room.x + sequences * s->embedding;
	room.c = room.z + sequences * 4 * s->hidden;
	room.tanh_c = room.c + sequences * s->hidden;
	room.h = room.tanh_c + sequences * s->hidden;
	return room;
}

void
uiml_states_step(const UimlStates *states, const UimlLstmBatch *batch, size_t step, size_t at,
				 const UimlStatesRoom *room)
{
	const UimlLstmWeights *w = states->weights;
	size_t D = w->shape.embedding, H = w->shape.hidden, m = batch->rows[step];

	for (size_t r = 0; r < m; r++)
		memcpy(room->x + r * D, w->tensor[UIML_LSTM_EMBEDDING] + (size_t) batch->token[at + r] * D,
			   D * sizeof(float));
	op_affine(m, D, 4 * H, room->x, D, states->kernel, w->tensor[UIML_LSTM_BIAS], NULL, 0, room->z, 4 * H);
	if (step > 0)
		op_affine(m, H, 4 * H, room->h + (at - batch->rows[step - 1]) * H, H, states->recurrent, NULL,
				  room->z, 4 * H, room->z, 4 * H);
	op_gates_forward(m, H, room->z, NULL, NULL, step > 0 ? room->c : NULL, room->c, room->tanh_c,
					 room->h + at * H);
}

void
uiml_states_logits(const UimlStates *states, const float *h, size_t m, float *logit, size_t ld)
{
	const UimlLstmWeights *w = states->weights;

	op_affine(m, w->shape.hidden, w->shape.classes, h, w->shape.hidden, states->output,
			  w->tensor[UIML_LSTM_DENSE_BIAS], NULL, 0, logit, ld);
}
