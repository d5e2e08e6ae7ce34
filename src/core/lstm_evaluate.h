/*
 * lstm_evaluate.h
 *	  The loss over all classes, without training: a block of classes at a time.
 */

/* Classes [first, first + n) become those that are compared. */
static void
take_classes(UimlLstmTrainer *t, size_t first, size_t n)
{
	const UimlLstmShape *s = &t->weights.shape;
	const real *embedding = t->weights.tensor[UIML_LSTM_EMBEDDING];

	if (s->tied)
		op_pack_outputs(embedding + (1 + first) * s->hidden, n, s->hidden, s->hidden, t->dense);
	t->output_bias = t->weights.tensor[UIML_LSTM_DENSE_BIAS] + first;
	t->first_class = first;
	set_outputs(t, n);
}

static void
evaluate_rows(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t H = t->weights.shape.hidden, n = t->n_outputs, first = t->first_class;
	Part part = part_of(t, piece, from + t->first_target, to + t->first_target, 1);

	if (part.n == 0)
		return;
	gather_top(t, part.from, part.n);
	op_affine(part.n, H, n, t->top + part.from * H, H, t->dense, t->output_bias, NULL, 0,
			  logits_of(t, part.from), t->ld_logits);
	for (size_t i = part.from; i < part.from + part.n; i++)
	{
		if (t->target[i] >= first && t->target[i] - first < n)
			t->own[i] = (double) logits_of(t, i)[t->target[i] - first];
		op_add_exps(n, logits_of(t, i), &t->highest[i], &t->exps[i]);
	}
}

static UimlStatus
run_evaluate(UimlLstmTrainer *t)
{
	size_t classes = t->weights.shape.classes;
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < t->n_targets; i++)
	{
		t->highest[i] = -INFINITY;
		t->exps[i] = 0;
	}
	for (size_t c = 0; status == UIML_OK && c < classes; c += t->max_outputs)
	{
		size_t step;

		take_classes(t, c, classes - c < t->max_outputs ? classes - c : t->max_outputs);
		step = t->max_logits / t->ld_logits;
		for (size_t i = 0; status == UIML_OK && i < t->n_targets; i += step)
		{
			t->first_target = i;
			status = run(t, evaluate_rows, t->n_targets - i < step ? t->n_targets - i : step,
						 (double) (t->weights.shape.hidden + 10) * (double) t->n_outputs);
		}
	}
	return status;
}
