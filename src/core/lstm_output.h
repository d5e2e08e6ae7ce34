/*
 * lstm_output.h
 *	  From h to the loss, and back to the gradient of h and of what logits are made from.
 *
 * Logits of some targets at a time, few enough to stay in the cache, turn into their gradient.  Where classes are drawn, each
 * row has the logits of those drawn for the batch and, behind them, that of its own class.
 */

/* The mean over the targets is what is minimised. */
static real
share_of_one(const UimlLstmTrainer *t)
{
	return (real) (1 / (double) t->n_targets);
}

static real *
logits_of(const UimlLstmTrainer *t, size_t target)
{
	return t->logits + (target - t->first_target) * t->ld_logits;
}

/* h of some targets. */
static void
gather_top(UimlLstmTrainer *t, size_t from, size_t n)
{
	size_t H = t->weights.shape.hidden;

	for (size_t i = from; i < from + n; i++)
	{
		memcpy(t->top + i * H, t->h + t->position[i] * H, H * sizeof(real));
		if (drops(t))
			drop(t, UIML_LSTM_DROP_OUTPUT, i, H, t->top + i * H);
	}
}

/* Where classes are drawn: the logit of a target's own class goes behind the others, of which it may be one. */
static void
add_own_logit(UimlLstmTrainer *t, size_t i)
{
	const real *embedding = t->weights.tensor[UIML_LSTM_EMBEDDING];
	size_t H = t->weights.shape.hidden, token = t->target[i] + 1;
	const real *top = t->top + i * H, *row = embedding + token * H;
	real sum = t->weights.tensor[UIML_LSTM_DENSE_BIAS][token - 1];

	for (size_t j = 0; j < H; j++)
		sum += top[j] * row[j];
	sum -= (real) uiml_lstm_log_chance(t->cumulative, (uint32_t) token - 1, t->options.negatives);
	logits_of(t, i)[t->n_outputs] = sum;
	if (t->slot_of[token] < t->n_outputs)
		logits_of(t, i)[t->slot_of[token]] = -1e30F;
}

/* Logits, their gradient, and that of h, for a piece of the targets at hand. */
static void
output_rows(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t H = t->weights.shape.hidden, n = t->n_outputs, ld = t->ld_logits;
	bool draws = t->options.negatives > 0;
	Part part = part_of(t, piece, from + t->first_target, to + t->first_target, 1);
	real *logit = logits_of(t, part.from), *dtop = t->dtop + part.from * H;

	if (part.n == 0)
		return;
	gather_top(t, part.from, part.n);
	op_affine(part.n, H, n, t->top + part.from * H, H, t->dense, t->output_bias, NULL, 0, logit, ld);
	for (size_t i = part.from; draws && i < part.from + part.n; i++)
		add_own_logit(t, i);
	t->entropy[piece] +=
		op_cross_entropy(part.n, draws ? n + 1 : n, logit, ld, draws ? NULL : t->target + part.from,
						 share_of_one(t), &t->hits[piece]);
	op_affine(part.n, n, H, logit, ld, t->dense_back, NULL, NULL, 0, dtop, H);
	for (size_t i = 0; i < part.n; i++)
	{
		if (draws)
			op_add_scaled(H, logit[i * ld + n],
						  t->weights.tensor[UIML_LSTM_EMBEDDING] + (t->target[part.from + i] + 1) * H,
						  dtop + i * H);
		if (drops(t))
			drop(t, UIML_LSTM_DROP_OUTPUT, part.from + i, H, dtop + i * H);
	}
}

/* Where classes are drawn: the gradient of each target's own row, and of its bias, piece by piece of the columns. */
static void
add_own_gradient(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t H = t->weights.shape.hidden;
	Part columns = part_of(t, piece, 0, H, ALIGN);

	for (size_t i = from; i < to; i++)
	{
		size_t slot = t->slot_of[t->target[i] + 1];
		real gradient = logits_of(t, i)[t->n_outputs];

		if (learns(t, UIML_LSTM_EMBEDDING))
			op_add_scaled(columns.n, gradient, t->top + i * H + columns.from,
						  t->gradient[UIML_LSTM_EMBEDDING] + slot * H + columns.from);
		if (piece == 0)
			t->gradient[UIML_LSTM_DENSE_BIAS][slot] += gradient;
	}
}

/* Adds the gradient of a piece of the classes. */
static void
output_columns(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	const UimlLstmShape *s = &t->weights.shape;
	size_t H = s->hidden, n = to - from, first = t->first_target + from;
	Part part = part_of(t, piece, 0, t->n_outputs, ALIGN);
	const real *logit = logits_of(t, first) + part.from, *top = t->top + first * H;

	op_add_rows(n, part.n, logit, t->ld_logits, NULL, t->gradient[UIML_LSTM_DENSE_BIAS] + part.from, 0);
	if (!s->tied && learns(t, UIML_LSTM_DENSE))
		op_add_product(H, part.n, n, top, H, logit, t->ld_logits, t->gradient[UIML_LSTM_DENSE] + part.from,
					   s->classes);
	if (s->tied && learns(t, UIML_LSTM_EMBEDDING))
		op_add_product(part.n, H, n, logit, t->ld_logits, top, H,
					   t->gradient[UIML_LSTM_EMBEDDING] + part.from * H, H);
}

static void
output_own(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	add_own_gradient(t, piece, t->first_target + from, t->first_target + to);
}

static UimlStatus
run_output(UimlLstmTrainer *t)
{
	double products = (double) t->weights.shape.hidden * (double) t->n_outputs;
	size_t step = t->max_logits / t->ld_logits;
	UimlStatus status = UIML_OK;

	for (size_t i = 0; status == UIML_OK && i < t->n_targets; i += step)
	{
		size_t n = t->n_targets - i < step ? t->n_targets - i : step;

		t->first_target = i;
		status = run(t, output_rows, n, 2 * products);
		if (status == UIML_OK)
			status = run(t, output_columns, n, products);
		if (status == UIML_OK && t->options.negatives > 0)
			status = run(t, output_own, n, 2 * (double) t->weights.shape.hidden);
	}
	return status;
}
