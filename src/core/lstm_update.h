/*
 * lstm_update.h
 *	  Gradients become a step of the optimizer.
 *
 * Adam moves every weight at each step, also where the gradient is zero: its first moment remembers.  Adagrad leaves such
 * weights as they are, so only rows that the batch has touched are visited.
 */

/* Elements of a tensor's gradient that are in use. */
static size_t
gradient_size(const UimlLstmTrainer *t, UimlLstmTensor tensor)
{
	const UimlLstmShape *s = &t->weights.shape;

	if (tensor == UIML_LSTM_EMBEDDING)
		return t->n_slots * s->embedding;
	if (tensor == UIML_LSTM_DENSE_BIAS && s->tied)
		return t->n_slots;
	return uiml_lstm_tensor_size(s, tensor);
}

static UimlStatus
clear_gradients(UimlLstmTrainer *t)
{
	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		if (uiml_interrupted(t->env))
			return UIML_EINTERRUPTED;
		memset(t->gradient[i], 0, gradient_size(t, (UimlLstmTensor) i) * sizeof(real));
	}
	return UIML_OK;
}

/* Sets what the gradients are scaled by, so that their norm is within bounds; the norm must be finite. */
static UimlStatus
clip(UimlLstmTrainer *t)
{
	double norm = 0;

	for (int i = 0; i < UIML_LSTM_N_TENSORS; i++)
	{
		if (uiml_interrupted(t->env))
			return UIML_EINTERRUPTED;
		if (learns(t, (UimlLstmTensor) i))
			norm += op_square_sum(gradient_size(t, (UimlLstmTensor) i), t->gradient[i]);
	}
	norm = sqrt(norm);
	t->op.scale =
		(real) (t->options.clip_norm > 0 && norm > t->options.clip_norm ? t->options.clip_norm / norm : 1);
	return isfinite(norm) ? UIML_OK : UIML_ENOTFINITE;
}

/* One step on n elements of a tensor from at on. */
static void
update(UimlLstmTrainer *t, UimlLstmTensor tensor, size_t at, size_t n, const real *gradient)
{
	real *weight = t->weights.tensor[tensor] + at;

	if (t->options.optimizer == UIML_LSTM_ADAM)
		op_adam(&t->op, n, gradient, t->first.tensor[tensor] + at, t->second.tensor[tensor] + at, weight);
	else
		op_adagrad(&t->op, n, gradient, t->second.tensor[tensor] + at, weight);
}

/* The tensor at hand, whose gradient is kept as a whole. */
static void
update_whole(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	Part part = part_of(t, piece, from, to, ALIGN);

	update(t, t->updated, part.from, part.n, t->gradient[t->updated] + part.from);
}

/* Rows of the embedding, and biases of a tied output: all (Adam), or those with slots. */
static void
update_rows(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	const UimlLstmShape *s = &t->weights.shape;
	bool all = t->options.optimizer == UIML_LSTM_ADAM;
	size_t D = s->embedding;
	Part part = part_of(t, piece, from, to, 1);

	for (size_t i = part.from; i < part.from + part.n; i++)
	{
		size_t token = all ? i : t->slot_token[i], slot = all ? t->slot_of[i] : i;

		if (learns(t, UIML_LSTM_EMBEDDING))
			update(t, UIML_LSTM_EMBEDDING, token * D, D,
				   slot == NONE ? t->zero : t->gradient[UIML_LSTM_EMBEDDING] + slot * D);
		if (s->tied && token > 0 && learns(t, UIML_LSTM_DENSE_BIAS))
			update(t, UIML_LSTM_DENSE_BIAS, token - 1, 1,
				   slot == NONE ? t->zero : t->gradient[UIML_LSTM_DENSE_BIAS] + slot);
	}
}

static UimlStatus
run_update(UimlLstmTrainer *t)
{
	const UimlLstmShape *s = &t->weights.shape;
	bool adam = t->options.optimizer == UIML_LSTM_ADAM;
	double done = (double) (t->steps + 1), operations = 8;
	UimlStatus status = UIML_OK;

	t->op.rate = (real) (t->options.learning_rate *
						 (adam ? sqrt(1 - pow(ADAM_BETA_2, done)) / (1 - pow(ADAM_BETA_1, done)) : 1));
	t->packed = false;
	if (learns(t, UIML_LSTM_EMBEDDING) || (s->tied && learns(t, UIML_LSTM_DENSE_BIAS)))
		status = run(t, update_rows, adam ? s->tokens : t->n_slots, operations * (double) s->embedding);
	for (int i = UIML_LSTM_KERNEL; status == UIML_OK && i < (s->tied ? UIML_LSTM_DENSE : UIML_LSTM_N_TENSORS);
		 i++)
	{
		t->updated = (UimlLstmTensor) i;
		if (learns(t, t->updated))
			status = run(t, update_whole, uiml_lstm_tensor_size(s, t->updated), operations);
	}
	t->steps++;
	return status;
}
