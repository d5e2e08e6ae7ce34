/*
 * lstm_prepare.h
 *	  Before a batch is computed: packed weights, and where everything of the batch has its place.
 */

static UimlStatus
pack_weights(UimlLstmTrainer *t)
{
	const UimlLstmShape *s = &t->weights.shape;
	const real *kernel = t->weights.tensor[UIML_LSTM_KERNEL];
	const real *recurrent = t->weights.tensor[UIML_LSTM_RECURRENT];
	const real *dense = t->weights.tensor[UIML_LSTM_DENSE];
	size_t D = s->embedding, H = s->hidden;

	if (t->packed)
		return UIML_OK;
	op_pack_inputs(kernel, D, 4 * H, 4 * H, t->kernel);
	op_pack_outputs(kernel, D, 4 * H, 4 * H, t->kernel_back);
	op_pack_inputs(recurrent, H, 4 * H, 4 * H, t->recurrent);
	op_pack_outputs(recurrent, H, 4 * H, 4 * H, t->recurrent_back);
	if (!s->tied)
	{
		if (uiml_interrupted(t->env))
			return UIML_EINTERRUPTED;
		op_pack_inputs(dense, H, s->classes, s->classes, t->dense);
		op_pack_outputs(dense, H, s->classes, s->classes, t->dense_back);
	}
	t->packed = true;
	return UIML_OK;
}

static void
free_slots(UimlLstmTrainer *t)
{
	for (size_t i = 0; i < t->n_slots; i++)
		t->slot_of[t->slot_token[i]] = NONE;
	t->n_slots = 0;
}

/* The slot of a token, a new one where it has none. */
static uint32_t
take_slot(UimlLstmTrainer *t, uint32_t token)
{
	uint32_t slot = t->slot_of[token];

	if (slot == NONE)
	{
		slot = (uint32_t) t->n_slots++;
		t->slot_of[token] = slot;
		t->slot_token[slot] = token;
		t->slot_input[slot] = NONE;
	}
	return slot;
}

/* The classes that a tied output compares take the first slots: all of them, or those drawn. */
static void
take_candidates(UimlLstmTrainer *t)
{
	uint64_t stream = uiml_lstm_stream(t->options.seed, t->steps, UIML_LSTM_NEGATIVES);
	size_t classes = t->weights.shape.classes;

	if (t->options.negatives == 0)
		for (size_t c = 0; c < classes; c++)
			take_slot(t, (uint32_t) c + 1);
	else
		for (size_t i = 0; i < t->options.negatives; i++)
			take_slot(t, uiml_lstm_draw(t->cumulative, classes, stream, i) + 1);
	t->n_outputs = t->n_slots;
}

/*
 * The candidates' rows, and what is added to their logits.  Where some are drawn the logarithm of the chance to be drawn is
 * taken off (Bengio & Senecal 2008), so that in the mean the gradient is nearly that of all classes.
 */
static void
gather_candidates(UimlLstmTrainer *t)
{
	const real *embedding = t->weights.tensor[UIML_LSTM_EMBEDDING];
	const real *bias = t->weights.tensor[UIML_LSTM_DENSE_BIAS];
	size_t H = t->weights.shape.hidden, n = t->n_outputs;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t token = t->slot_token[i];

		memcpy(t->candidate + i * H, embedding + token * H, H * sizeof(real));
		t->candidate_bias[i] = bias[token - 1];
		if (t->options.negatives > 0)
			t->candidate_bias[i] -=
				(real) uiml_lstm_log_chance(t->cumulative, token - 1, t->options.negatives);
	}
	op_pack_outputs(t->candidate, n, H, H, t->dense);
	op_pack_inputs(t->candidate, n, H, H, t->dense_back);
	t->output_bias = t->candidate_bias;
}

/* Every n-th sequence is of a shard: so shards have the same work, however lengths differ. */
static void
lay_shards(UimlLstmTrainer *t, const UimlLstmBatch *batch)
{
	size_t position = 0;

	t->n_shards = batch->sequences >= 96 ? MAX_SHARDS : batch->sequences >= 8 ? 2 : 1;
	t->n_blocks = ((batch->sequences + t->n_shards - 1) / t->n_shards + ROW_BLOCK - 1) / ROW_BLOCK;
	t->n_steps = batch->steps;
	t->n_positions = batch->n_tokens;
	for (size_t shard = 0; shard < t->n_shards; shard++)
	{
		uint32_t *start = t->start + shard * (t->options.max_steps + 1);

		for (size_t step = 0; step < batch->steps; step++)
		{
			start[step] = (uint32_t) position;
			position += (batch->rows[step] + t->n_shards - 1 - shard) / t->n_shards;
		}
		start[batch->steps] = (uint32_t) position;
	}
}

/* The input that a position reads. */
static uint32_t
take_input(UimlLstmTrainer *t, size_t position, uint32_t token)
{
	uint32_t slot = take_slot(t, token);
	uint32_t input = drops(t) ? (uint32_t) position : t->slot_input[slot];

	if (input == NONE)
		input = t->slot_input[slot] = (uint32_t) t->n_inputs;
	t->n_inputs += drops(t) || input == t->n_inputs;
	t->input_slot[input] = slot;
	return input;
}

static void
take_target(UimlLstmTrainer *t, size_t position, uint32_t target)
{
	t->target_at[position] = NONE;
	if (target == UIML_LSTM_NO_TARGET)
		return;
	t->target_at[position] = (uint32_t) t->n_targets;
	t->position[t->n_targets] = (uint32_t) position;
	t->target[t->n_targets++] = target;
	if (t->options.negatives > 0)
		take_slot(t, target + 1);
}

static void
place_positions(UimlLstmTrainer *t, const UimlLstmBatch *batch)
{
	size_t i = 0;

	t->n_inputs = t->n_targets = 0;
	for (size_t step = 0; step < batch->steps; step++)
		for (size_t row = 0; row < batch->rows[step]; row++, i++)
		{
			size_t position = start_of(t, row % t->n_shards, step) + row / t->n_shards;

			t->input[position] = take_input(t, position, batch->token[i]);
			take_target(t, position, batch->target[i]);
		}
}

static UimlStatus
prepare(UimlLstmTrainer *t, const UimlLstmBatch *batch)
{
	const UimlLstmShape *s = &t->weights.shape;
	UimlStatus status;

	if (!uiml_lstm_batch_valid(s, &t->options, batch))
		return UIML_EINVALID;
	status = pack_weights(t);
	if (status != UIML_OK)
		return status;
	free_slots(t);
	if (s->tied)
		take_candidates(t);
	lay_shards(t, batch);
	place_positions(t, batch);
	if (s->tied)
		gather_candidates(t);
	else
	{
		t->n_outputs = s->classes;
		t->output_bias = t->weights.tensor[UIML_LSTM_DENSE_BIAS];
	}
	t->ld_logits = uiml_affine_stride(t->n_outputs + 1);
	memset(t->entropy, 0, sizeof(t->entropy));
	memset(t->hits, 0, sizeof(t->hits));
	return UIML_OK;
}
