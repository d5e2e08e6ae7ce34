/*
 * lstm_body.h
 *	  The network and its training, in real: included by lstm.c's float32 and float64 forms.
 */
#include "core/lstm_trainer.h"

#include "core/lstm_room.h"

#include "core/lstm_prepare.h"

#include "core/lstm_forward.h"

#include "core/lstm_output.h"

#include "core/lstm_backward.h"

#include "core/lstm_update.h"

void
uiml_lstm_view(UimlLstmWeights *weights, const UimlLstmShape *shape, real *run)
{
	weights->shape = *shape;
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		size_t size = uiml_lstm_tensor_size(shape, (UimlLstmTensor) i);

		weights->tensor[i] = size == 0 ? NULL : run;
		run += size;
	}
}

/* What the pieces found, in their order. */
static UimlStatus
sum_loss(const UimlLstmTrainer *t, UimlLstmLoss *loss)
{
	loss->n = t->n_targets;
	for (size_t i = 0; i < t->n_shards; i++)
	{
		loss->entropy += t->entropy[i];
		loss->hits += t->hits[i];
	}
	return isfinite(loss->entropy) ? UIML_OK : UIML_ENOTFINITE;
}

UimlStatus
uiml_lstm_gradient(UimlLstmTrainer *t, const UimlLstmBatch *batch, UimlLstmLoss *loss)
{
	UimlLstmLoss found = {0};
	UimlStatus status = prepare(t, batch);

	if (status == UIML_OK)
		status = clear_gradients(t);
	if (status == UIML_OK)
		status = run_forward(t);
	if (status == UIML_OK)
		status = run_output(t);
	if (status == UIML_OK)
		status = sum_loss(t, &found);
	if (status == UIML_OK)
		status = run_backward(t);
	if (status == UIML_OK)
		status = clip(t);
	if (status != UIML_OK)
		return status;
	loss->entropy += found.entropy;
	loss->n += found.n;
	loss->hits += found.hits;
	return UIML_OK;
}

UimlStatus
uiml_lstm_step(UimlLstmTrainer *t, const UimlLstmBatch *batch, UimlLstmLoss *loss)
{
	UimlStatus status = uiml_lstm_gradient(t, batch, loss);

	return status == UIML_OK ? run_update(t) : status;
}

/* Puts what is kept by slot where it belongs: width elements a row, the first one of which is token first's. */
static void
spread(const UimlLstmTrainer *t, const real *by_slot, size_t width, uint32_t first, real *gradient)
{
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slot_token[i] >= first)
			memcpy(gradient + (t->slot_token[i] - first) * width, by_slot + i * width, width * sizeof(real));
}

void
uiml_lstm_get_gradient(const UimlLstmTrainer *t, UimlLstmTensor tensor, real *gradient)
{
	const UimlLstmShape *s = &t->weights.shape;
	size_t size = uiml_lstm_tensor_size(s, tensor);

	memset(gradient, 0, size * sizeof(real));
	if (!learns(t, tensor))
		return;
	if (tensor == UIML_LSTM_EMBEDDING)
		spread(t, t->gradient[tensor], s->embedding, 0, gradient);
	else if (tensor == UIML_LSTM_DENSE_BIAS && s->tied)
		spread(t, t->gradient[tensor], 1, 1, gradient);
	else
		memcpy(gradient, t->gradient[tensor], size * sizeof(real));
}
