/*
 * lstm_infer.c
 *	  What comes next for one user: no BLAS, nothing allocated.
 *
 * Weights are as they were stored, mapped and shared: nothing is prepared that outlives a call.  A step's product with h
 * reads each weight of R once, so it is as fast as the second cache gives them.
 */
#include "core/lstm.h"

#define real float
#define UIML_LSTM_KERNELS
#include "core/lstm_ops.h"

#define PACK_FROM 6 /* rows */

/* What a room is cut into. */
typedef struct Room
{
	float *table;    /* n x 4H: x K + b by distinct token */
	float *x;        /* n x D */
	float *packed;   /* K */
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
	size_t D = s->embedding, H = s->hidden;

	return (n * (4 * H + D) + op_packed(D, 4 * H) + 7 * H) * sizeof(float) +
		   (most_inputs(s) + n) * sizeof(uint32_t);
}

static Room
cut_room(const UimlLstmShape *s, size_t n, void *room)
{
	Room r = {.table = room};

	r.x = r.table + n * 4 * s->hidden;
	r.packed = r.x + n * s->embedding;
	r.z = r.packed + op_packed(s->embedding, 4 * s->hidden);
	r.c = r.z + 4 * s->hidden;
	r.tanh_c = r.c + s->hidden;
	r.h = r.tanh_c + s->hidden;
	r.place = (uint32_t *) (r.h + s->hidden);
	r.input = r.place + most_inputs(s);
	for (size_t i = 0; i < most_inputs(s); i++)
		r.place[i] = (uint32_t) i;
	return r;
}

/* Numbers the distinct tokens and fetches what they are embedded as; returns how many there are. */
static size_t
embed(const UimlLstmWeights *w, const uint32_t *token, size_t n, Room *room)
{
	size_t D = w->shape.embedding, rows = 0;

	for (size_t t = 0; t < n; t++)
	{
		size_t same = 0;

		while (token[same] != token[t])
			same++;
		room->input[t] = same < t ? room->input[same] : (uint32_t) rows;
		if (same < t)
			continue;
		memcpy(room->x + rows * D, w->tensor[UIML_LSTM_EMBEDDING] + token[t] * D, D * sizeof(float));
		rows++;
	}
	return rows;
}

/* x K + b of each distinct token: K is read once for some rows where it has been packed, which takes as long as a few. */
static void
fill_table(const UimlLstmWeights *w, size_t n, Room *room)
{
	const UimlKernels *kernels = uiml_kernels();
	const float *kernel = w->tensor[UIML_LSTM_KERNEL], *bias = w->tensor[UIML_LSTM_BIAS];
	size_t D = w->shape.embedding, gates = 4 * w->shape.hidden;

	if (n >= PACK_FROM)
	{
		op_pack_inputs(kernel, D, gates, gates, room->packed);
		op_affine(n, D, gates, room->x, D, room->packed, bias, NULL, 0, room->table, gates);
		return;
	}
	for (size_t i = 0; i < n; i++)
	{
		memcpy(room->table + i * gates, bias, gates * sizeof(float));
		kernels->gather_rows(room->place, room->x + i * D, D, kernel, gates, gates, room->table + i * gates);
	}
}

void
uiml_lstm_state(const UimlLstmWeights *w, const uint32_t *token, size_t n, void *memory, float *h)
{
	const UimlKernels *kernels = uiml_kernels();
	size_t H = w->shape.hidden;
	Room room = cut_room(&w->shape, n, memory);

	fill_table(w, embed(w, token, n, &room), &room);
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
