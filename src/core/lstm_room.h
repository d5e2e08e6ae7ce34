/*
 * lstm_room.h
 *	  A trainer's memory: one allocation, by a table of sizes.
 */

/* An array of a trainer: where its pointer is, and how large it is. */
typedef struct Array
{
	size_t pointer;
	size_t count;
	size_t size;
} Array;

#define REALS(field, n)                                                                                      \
	{                                                                                                        \
		offsetof(UimlLstmTrainer, field), (n), sizeof(real)                                                  \
	}
#define DOUBLES(field, n)                                                                                    \
	{                                                                                                        \
		offsetof(UimlLstmTrainer, field), (n), sizeof(double)                                                \
	}
#define NUMBERS(field, n)                                                                                    \
	{                                                                                                        \
		offsetof(UimlLstmTrainer, field), (n), sizeof(uint32_t)                                              \
	}
#define LINE 64

/* Sets the sizes that all others follow from. */
static void
set_limits(UimlLstmTrainer *t)
{
	const UimlLstmShape *s = &t->weights.shape;
	const UimlLstmOptions *o = &t->options;
	size_t compared = o->negatives > 0 && o->negatives < s->classes ? o->negatives : s->classes;
	size_t touched = o->max_tokens + (s->tied ? compared + (o->negatives > 0 ? o->max_tokens : 0) : 0);

	t->max_inputs = o->dropout > 0 || s->tokens > o->max_tokens ? o->max_tokens : s->tokens;
	t->max_slots = touched < s->tokens ? touched : s->tokens;
	t->max_outputs = compared;
	t->max_logits = uiml_affine_stride(compared + 1);
	t->max_logits = t->max_logits * MAX_SHARDS > LOGITS ? t->max_logits * MAX_SHARDS : LOGITS;
}

/* Points the arrays into memory, or does nothing where that is NULL; returns how many bytes they take. */
static size_t
lay_out(UimlLstmTrainer *t, uint8_t *memory)
{
	const UimlLstmShape *s = &t->weights.shape;
	const UimlLstmOptions *o = &t->options;
	size_t D = s->embedding, H = s->hidden, N = o->max_tokens, I = t->max_inputs, S = t->max_slots;
	size_t outputs = t->max_outputs, rows = o->max_sequences + MAX_SHARDS;
	size_t tied = s->tied ? 1 : 0, all = uiml_lstm_size(s);
	const Array arrays[] = {
		REALS(kernel, op_packed(D, 4 * H)),
		REALS(kernel_back, op_packed(4 * H, D)),
		REALS(recurrent, op_packed(H, 4 * H)),
		REALS(recurrent_back, op_packed(4 * H, H)),
		REALS(dense, op_packed(H, outputs)),
		REALS(dense_back, op_packed(outputs, H)),
		REALS(gradient[UIML_LSTM_EMBEDDING], S * D),
		REALS(gradient[UIML_LSTM_KERNEL], D * 4 * H),
		REALS(gradient[UIML_LSTM_RECURRENT], H * 4 * H),
		REALS(gradient[UIML_LSTM_BIAS], 4 * H),
		REALS(gradient[UIML_LSTM_DENSE], s->tied ? 0 : H * s->classes),
		REALS(gradient[UIML_LSTM_DENSE_BIAS], s->tied ? S : s->classes),
		REALS(first_run, o->optimizer == UIML_LSTM_ADAM ? all : 0),
		REALS(second_run, all),
		REALS(zero, D),
		REALS(x, I * D),
		REALS(table, I * 4 * H),
		REALS(dx, I * D),
		REALS(z, N * 4 * H),
		REALS(c, N * H),
		REALS(tanh_c, N * H),
		REALS(h, N * H),
		REALS(h_before, N * H),
		REALS(dh, rows * H),
		REALS(dc, rows * H),
		REALS(top, N * H),
		REALS(dtop, N * H),
		REALS(logits, t->max_logits),
		REALS(candidate, tied * outputs * H),
		REALS(candidate_bias, tied * outputs),
		DOUBLES(cumulative, o->negatives > 0 ? s->classes : 0),
		NUMBERS(slot_of, s->tokens),
		NUMBERS(slot_token, S),
		NUMBERS(slot_input, S),
		NUMBERS(input_slot, I),
		NUMBERS(input, N),
		NUMBERS(target_at, N),
		NUMBERS(target, N),
		NUMBERS(position, N),
		NUMBERS(start, MAX_SHARDS * (o->max_steps + 1)),
	};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
	{
		uint8_t *array = memory + used;

		if (memory != NULL)
			memcpy((uint8_t *) t + arrays[i].pointer, &array, sizeof(array));
		used += (arrays[i].count * arrays[i].size + LINE - 1) / LINE * LINE;
	}
	return used;
}

/* A trainer without memory, to be measured or made; false where shape or options are not valid. */
static bool
describe(UimlLstmTrainer *t, const UimlLstmShape *shape, const UimlLstmOptions *options)
{
	*t = (UimlLstmTrainer){.weights.shape = *shape, .options = *options};
	if (!uiml_lstm_options_valid(shape, options))
		return false;
	set_limits(t);
	return true;
}

size_t
uiml_lstm_trainer_bytes(const UimlLstmShape *shape, const UimlLstmOptions *options)
{
	UimlLstmTrainer t;

	return describe(&t, shape, options) ? sizeof(t) + LINE + lay_out(&t, NULL) : 0;
}

static void
clear_moments(UimlLstmTrainer *t)
{
	const UimlLstmShape *s = &t->weights.shape;

	memset(t->second_run, 0, uiml_lstm_size(s) * sizeof(real));
	uiml_lstm_view(&t->second, s, t->second_run);
	if (t->options.optimizer == UIML_LSTM_ADAM)
	{
		memset(t->first_run, 0, uiml_lstm_size(s) * sizeof(real));
		uiml_lstm_view(&t->first, s, t->first_run);
	}
}

UimlStatus
uiml_lstm_trainer_create(const UimlEnv *env, const UimlLstmWeights *weights, const UimlLstmOptions *options,
						 UimlLstmTrainer **trainer)
{
	size_t bytes = uiml_lstm_trainer_bytes(&weights->shape, options);
	UimlLstmTrainer *t;
	uint8_t *memory;

	*trainer = NULL;
	if (bytes == 0)
		return UIML_EINVALID;
	t = uiml_alloc(env, bytes, 1);
	if (t == NULL)
		return UIML_ENOMEM;
	describe(t, &weights->shape, options);
	t->env = env;
	t->weights = *weights;
	memory = (uint8_t *) t + sizeof(*t);
	lay_out(t, memory + (LINE - (uintptr_t) memory % LINE));
	memset(t->slot_of, 0xff, weights->shape.tokens * sizeof(uint32_t));
	memset(t->zero, 0, weights->shape.embedding * sizeof(real));
	if (options->negatives > 0)
		uiml_lstm_cumulate(options->share, weights->shape.classes, t->cumulative);
	clear_moments(t);
	*trainer = t;
	return UIML_OK;
}

void
uiml_lstm_trainer_destroy(UimlLstmTrainer *trainer)
{
	if (trainer != NULL)
		uiml_free(trainer->env, trainer);
}
