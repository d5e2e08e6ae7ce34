/*
 * lstm_infer.c
 *	  What comes next for one user: no packed weights, no BLAS, nothing allocated.
 *
 * A product with one row reads each weight once, so it is as fast as the second cache gives weights; packing them first would
 * cost as much as some steps do.  Only what a sequence repeats is saved: each distinct token is multiplied once.
 */
#include "core/lstm.h"

#define real float
#define UIML_LSTM_KERNELS
#include "core/lstm_ops.h"

/* What a room is cut into. */
typedef struct Room
{
	float *table;    /* n x 4H: inputs' products by distinct token */
	float *z;        /* 4H */
	float *c;        /* H */
	float *tanh_c;   /* H */
	float *h;        /* H */
	uint32_t *place; /* D or H: 0 1 2 .. */
	uint32_t *input; /* n: row of the table */
} Room;

static size_t
most_inputs(const UimlLstmShape *s)
{
	return s->embedding > s->hidden ? s->embedding : s->hidden;
}

size_t
uiml_lstm_room(const UimlLstmShape *s, size_t n)
{
	return (n * 4 * s->hidden + 7 * s->hidden) * sizeof(float) + (most_inputs(s) + n) * sizeof(uint32_t);
}

static Room
cut_room(const UimlLstmShape *s, size_t n, void *room)
{
	Room r = {.table = room};

	r.z = r.table + n * 4 * s->hidden;
	r.c = r.z + 4 * s->hidden;
	r.tanh_c = r.c + s->hidden;
	r.h = r.tanh_c + s->hidden;
	r.place = (uint32_t *) (r.h + s->hidden);
	r.input = r.place + most_inputs(s);
	for (size_t i = 0; i < most_inputs(s); i++)
		r.place[i] = (uint32_t) i;
	return r;
}

/* x K + b of each distinct token. */
static void
fill_table(const UimlLstmWeights *w, const uint32_t *token, size_t n, Room *room)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t D = w->shape.embedding, gates = 4 * w->shape.hidden, rows = 0;

	for (size_t t = 0; t < n; t++)
	{
		size_t same = 0;
		float *row = room->table + rows * gates;

		while (token[same] != token[t])
			same++;
		room->input[t] = same < t ? room->input[same] : (uint32_t) rows;
		if (same < t)
			continue;
		memcpy(row, w->tensor[UIML_LSTM_BIAS], gates * sizeof(float));
		kernels->gather_rows(room->place, w->tensor[UIML_LSTM_EMBEDDING] + token[t] * D, D,
							 w->tensor[UIML_LSTM_KERNEL], gates, gates, row);
		rows++;
	}
}

void
uiml_lstm_state(const UimlLstmWeights *w, const uint32_t *token, size_t n, void *memory, float *h)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t H = w->shape.hidden;
	Room room = cut_room(&w->shape, n, memory);

	fill_table(w, token, n, &room);
	memset(h, 0, H * sizeof(float));
	for (size_t t = 0; t < n; t++)
	{
		memcpy(room.z, room.table + room.input[t] * 4 * H, 4 * H * sizeof(float));
		if (t > 0)
			kernels->gather_rows(room.place, h, H, w->tensor[UIML_LSTM_RECURRENT], 4 * H, 4 * H, room.z);
		op_gates_forward(1, H, room.z, NULL, NULL, t > 0 ? room.c : NULL, room.c, room.tanh_c, h);
	}
}

void
uiml_lstm_logits(const UimlLstmWeights *w, const float *h, float *logit)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t H = w->shape.hidden, C = w->shape.classes;
	uint32_t place[UIML_LSTM_MAX_DIMS];

	memcpy(logit, w->tensor[UIML_LSTM_DENSE_BIAS], C * sizeof(float));
	if (w->shape.tied)
	{
		kernels->score_rows(w->tensor[UIML_LSTM_EMBEDDING] + H, C, H, h, H, logit);
		return;
	}
	for (size_t i = 0; i < H; i++)
		place[i] = (uint32_t) i;
	kernels->gather_rows(place, h, H, w->tensor[UIML_LSTM_DENSE], C, C, logit);
}

void
uiml_lstm_predict(const UimlLstmWeights *w, const uint32_t *token, size_t n, void *memory, float *share)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t C = w->shape.classes;
	Room room = cut_room(&w->shape, n, memory);
	float factor;

	uiml_lstm_state(w, token, n, memory, room.h);
	uiml_lstm_logits(w, room.h, share);
	kernels->softmax(share, 1, C, C, 1, &factor);
	kernels->scale(share, (double) factor, C, share);
}
