/*
 * lstm_forward.h
 *	  From tokens to h.
 */

/* x K + b of some inputs. */
static void
embed(UimlLstmTrainer *t, size_t piece, size_t from, size_t to)
{
	size_t D = t->weights.shape.embedding, H = t->weights.shape.hidden;
	Part part = part_of(t, piece, from, to, 1);

	for (size_t i = part.from; i < part.from + part.n; i++)
	{
		size_t token = t->slot_token[t->input_slot[i]];

		memcpy(t->x + i * D, t->weights.tensor[UIML_LSTM_EMBEDDING] + token * D, D * sizeof(real));
		if (drops(t))
			drop(t, UIML_LSTM_DROP_INPUT, i, D, t->x + i * D);
	}
	if (part.n > 0)
		op_affine(part.n, D, 4 * H, t->x + part.from * D, D, t->kernel, t->weights.tensor[UIML_LSTM_BIAS],
				  NULL, 0, t->table + part.from * 4 * H, 4 * H);
}

/* A step of some sequences of a shard: rows [from, to). */
static void
forward_rows(UimlLstmTrainer *t, size_t shard, size_t step, size_t from, size_t to)
{
	size_t H = t->weights.shape.hidden, m = to - from;
	size_t at = start_of(t, shard, step) + from, next = rows_of(t, shard, step + 1);
	real *z = t->z + at * 4 * H;
	const real *before = NULL;

	if (step > 0)
	{
		before = t->c + (start_of(t, shard, step - 1) + from) * H;
		op_affine(m, H, 4 * H, t->h_before + at * H, H, t->recurrent, NULL, NULL, 0, z, 4 * H);
	}
	else
		memset(t->h_before + at * H, 0, m * H * sizeof(real));
	op_gates_forward(m, H, z, t->table, t->input + at, before, t->c + at * H, t->tanh_c + at * H,
					 t->h + at * H);
	if (next > from)
		memcpy(t->h_before + (start_of(t, shard, step + 1) + from) * H, t->h + at * H,
			   ((next < to ? next : to) - from) * H * sizeof(real));
}

/* What is counted through: step by step, block of sequences by block. */
static void
forward(UimlLstmTrainer *t, size_t shard, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
	{
		size_t step = i / t->n_blocks, row = i % t->n_blocks * ROW_BLOCK;
		size_t rows = rows_of(t, shard, step);

		if (row < rows)
			forward_rows(t, shard, step, row, rows - row < ROW_BLOCK ? rows : row + ROW_BLOCK);
	}
}

static UimlStatus
run_forward(UimlLstmTrainer *t)
{
	double D = (double) t->weights.shape.embedding, H = (double) t->weights.shape.hidden;
	double rows = (double) t->n_positions / (double) (t->n_steps * t->n_blocks);
	UimlStatus status = run(t, embed, t->n_inputs, 4 * D * H);

	if (status == UIML_OK)
		status = run(t, forward, t->n_steps * t->n_blocks, rows * (4 * H + 30) * H);
	return status;
}
