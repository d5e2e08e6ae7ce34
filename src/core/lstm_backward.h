/*
 * lstm_backward.h
 *	  From the gradient of h to that of the tensors below the output.
 */

/* The gradient of h from the output: zero where no target was asked for. */
static void
take_top_gradient(const UimlLstmTrainer *t, size_t position, size_t n, real *dh)
{
	size_t H = t->weights.shape.hidden;

	for (size_t r = 0; r < n; r++)
	{
		uint32_t target = t->target_at[position + r];

		if (target == NONE)
			memset(dh + r * H, 0, H * sizeof(real));
		else
			memcpy(dh + r * H, t->dtop + target * H, H * sizeof(real));
	}
}

/* A step of some sequences of a shard: rows [from, to), of which the first ones went on to the step behind. */
static void
backward_rows(UimlLstmTrainer *t, size_t shard, size_t step, size_t from, size_t to)
{
	size_t H = t->weights.shape.hidden, at = start_of(t, shard, step) + from;
	size_t next = rows_of(t, shard, step + 1);
	real *dh = t->dh + (first_row(t, shard) + from) * H;
	real *dc = t->dc + (first_row(t, shard) + from) * H;
	const real *before = step > 0 ? t->c + (start_of(t, shard, step - 1) + from) * H : NULL;
	size_t on = next <= from ? 0 : (next < to ? next : to) - from;

	take_top_gradient(t, at, to - from, dh);
	if (on > 0)
		op_affine(on, 4 * H, H, t->z + (start_of(t, shard, step + 1) + from) * 4 * H, 4 * H,
				  t->recurrent_back, NULL, dh, H, dh, H);
	memset(dc + on * H, 0, (to - from - on) * H * sizeof(real));
	op_gates_backward(to - from, H, t->z + at * 4 * H, before, t->tanh_c + at * H, dh, dc);
}

/* Counted through as forward. */
static void
backward(UimlLstmTrainer *t, size_t shard, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
	{
		size_t step = t->n_steps - 1 - i / t->n_blocks, row = i % t->n_blocks * ROW_BLOCK;
		size_t rows = rows_of(t, shard, step);

		if (row < rows)
			backward_rows(t, shard, step, row, rows - row < ROW_BLOCK ? rows : row + ROW_BLOCK);
	}
}

/* Positions add up their inputs' gradients, which take the place of the inputs' products; R's gradient. */
static void
gather_gates(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t H = t->weights.shape.hidden;
	Part columns = part_of(t, piece, 0, 4 * H, ALIGN);

	if (from == 0)
		for (size_t i = 0; i < t->n_inputs; i++)
			memset(t->table + i * 4 * H + columns.from, 0, columns.n * sizeof(real));
	op_add_rows(to - from, columns.n, t->z + from * 4 * H + columns.from, 4 * H, t->input + from,
				t->table + columns.from, 4 * H);
	if (learns(t, UIML_LSTM_RECURRENT))
		op_add_product(H, columns.n, to - from, t->h_before + from * H, H, t->z + from * 4 * H + columns.from,
					   4 * H, t->gradient[UIML_LSTM_RECURRENT] + columns.from, 4 * H);
}

/* K's and the bias's gradient. */
static void
kernel_columns(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t D = t->weights.shape.embedding, H = t->weights.shape.hidden;
	Part columns = part_of(t, piece, 0, 4 * H, ALIGN);
	const real *dz = t->table + from * 4 * H + columns.from;

	op_add_rows(to - from, columns.n, dz, 4 * H, NULL, t->gradient[UIML_LSTM_BIAS] + columns.from, 0);
	if (learns(t, UIML_LSTM_KERNEL))
		op_add_product(D, columns.n, to - from, t->x + from * D, D, dz, 4 * H,
					   t->gradient[UIML_LSTM_KERNEL] + columns.from, 4 * H);
}

/* The gradients of embedded inputs. */
static void
input_rows(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t D = t->weights.shape.embedding, H = t->weights.shape.hidden;
	Part part = part_of(t, piece, from, to, 1);

	if (part.n == 0)
		return;
	op_affine(part.n, 4 * H, D, t->table + part.from * 4 * H, 4 * H, t->kernel_back, NULL, NULL, 0,
			  t->dx + part.from * D, D);
	if (drops(t))
		for (size_t i = part.from; i < part.from + part.n; i++)
			drop(t, UIML_LSTM_DROP_INPUT, i, D, t->dx + i * D);
}

static void
embedding_columns(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t D = t->weights.shape.embedding;
	Part columns = part_of(t, piece, 0, D, ALIGN);

	op_add_rows(to - from, columns.n, t->dx + from * D + columns.from, D, t->input_slot + from,
				t->gradient[UIML_LSTM_EMBEDDING] + columns.from, D);
}

static UimlStatus
run_backward(UimlLstmTrainer *t)
{
	double D = (double) t->weights.shape.embedding, H = (double) t->weights.shape.hidden;
	double rows = (double) t->n_positions / (double) (t->n_steps * t->n_blocks);
	UimlStatus status = run(t, backward, t->n_steps * t->n_blocks, rows * (4 * H + 30) * H);

	if (status == UIML_OK)
		status = run(t, gather_gates, t->n_positions, 4 * (H + 2) * H);
	if (status == UIML_OK)
		status = run(t, kernel_columns, t->n_inputs, 4 * (D + 1) * H);
	if (status == UIML_OK && learns(t, UIML_LSTM_EMBEDDING))
	{
		status = run(t, input_rows, t->n_inputs, 4 * D * H);
		if (status == UIML_OK)
			status = run(t, embedding_columns, t->n_inputs, 2 * D);
	}
	return status;
}
