/*
 * model_score.c
 *	  What a prediction computes: a user's vector, the scores of all items, and the shares they stand for.
 *
 * Form of the shares.  The in/out product of a user with an item estimates the strength of that pair, so the
 * natural share is a power of it: q_j ~ max(score_j, 0)^(1 / temperature), mixed with popularity.  A softmax
 * of the score, and factors of popularity^b, were tried beside it; all parameters fitted on the held-out
 * items of 400 other users:
 *
 *	movielens-1m, 64 dims, 1,000 users	nats per hidden item	Recall@20	NDCG@100
 *	popularity									7.211			.173		.216
 *	raw score (a ranking only)					  -				.387		.459
 *	softmax(t score / |vector|), mixed			6.788			.370		.434
 *	softmax * popularity^b, mixed				6.674			.379		.443
 *	score^(1/t) * popularity^b, mixed			6.380			.380		.449
 *	score^(1/t), mixed							6.332			.387		.459
 *
 * On amazon-beauty (very sparse, 128 dims): 8.08 nats against 8.93 of popularity, Recall@20 .125 and NDCG@100
 * .086 against .126 and .087 of the raw score.  So the power is the better distribution and costs no rank.
 *
 * Weight of history against popularity: n / (n + item_alpha), with n the items the user is known by and not
 * the decayed mass.  The mass forgets that there is a history: on movielens-small with a half-life of 30
 * days, as of the newest event of 20 years, Recall@20 of 152 users is .074 by mass and .135 by count.  A
 * constant weight forgets how long it is: on movielens-1m with one or two items folded in, NDCG@100 is .356
 * by a constant and .407 by count.
 *
 * The loops are written with vectors of eight floats, compiled twice and chosen by the loader
 * (target_clones), and call neither BLAS nor libm: powers go through log2 and exp2 of Cephes (Moshier 1992),
 * good to 3e-7 relative.
 */
#include "core/model_score.h"

#include <math.h>
#include <string.h>

/*
 * arch=haswell would be matched by the CPU's name; x86-64-v3 (gcc 12) asks for its features, FMA among them.
 */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) &&                 \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if __GNUC__ >= 12
#define TWO_TARGETS __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define TWO_TARGETS __attribute__((target_clones("default", "avx2")))
#endif
#else
#define TWO_TARGETS
#endif
#define INLINE static inline __attribute__((always_inline))

/* Eight lanes, and the same at any address. */
#define LANES 8
typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef float LooseLanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t IntLanes __attribute__((vector_size(4 * LANES)));

/* Sums of a user run in double over this many dimensions or interests at a time. */
#define USER_BLOCK 256

/* Items per block of a float sum; blocks are added up in double. */
#define SUM_BLOCK 1024

/* In pairs, as both instruction sets do it fast; the order is fixed. */
INLINE float
lanes_sum(const Lanes *x)
{
	return (((*x)[0] + (*x)[4]) + ((*x)[1] + (*x)[5])) + (((*x)[2] + (*x)[6]) + ((*x)[3] + (*x)[7]));
}

/* x = chosen ? x : y, by lane. */
INLINE void
lanes_choose(Lanes *x, const IntLanes *chosen, float y)
{
	IntLanes bits = (IntLanes) *x & *chosen;
	Lanes other = {y, y, y, y, y, y, y, y};

	bits |= (IntLanes) other & ~*chosen;
	*x = (Lanes) bits;
}

/* x = log2(x) for normal x > 0. */
INLINE void
lanes_log2(Lanes *x)
{
	/* x = 2^e m with m in [sqrt(1/2), sqrt(2)) */
	IntLanes bits = (IntLanes) *x - 0x3f3504f3;
	IntLanes e = bits >> 23;
	Lanes f = (Lanes) ((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
	Lanes z = f * f;
	Lanes y = 7.0376836292e-2f * f - 1.1514610310e-1f;

	y = y * f + 1.1676998740e-1f;
	y = y * f - 1.2420140846e-1f;
	y = y * f + 1.4249322787e-1f;
	y = y * f - 1.6668057665e-1f;
	y = y * f + 2.0000714765e-1f;
	y = y * f - 2.4999993993e-1f;
	y = y * f + 3.3333331174e-1f;
	y = y * f * z - 0.5f * z + f;
	*x = y * 1.44269504089f + __builtin_convertvector(e, Lanes);
}

/* x = 2^x for x <= 0, zero below -126. */
INLINE void
lanes_exp2(Lanes *x)
{
	IntLanes normal = *x >= -126.0f;
	IntLanes e;
	Lanes f;
	Lanes y;

	lanes_choose(x, &normal, 0.0f);
	e = __builtin_convertvector(*x - 0.5f, IntLanes); /* x <= 0: rounds to nearest by truncation */
	f = *x - __builtin_convertvector(e, Lanes);
	y = 1.535336188319500e-4f * f + 1.339887440266574e-3f;
	y = y * f + 9.618437357674640e-3f;
	y = y * f + 5.550332471162809e-2f;
	y = y * f + 2.402264791363012e-1f;
	y = y * f + 6.931472028550421e-1f;
	y = y * f + 1.0f;
	y = (Lanes) ((IntLanes) y + (e << 23));
	lanes_choose(&y, &normal, 0.0f);
	*x = y;
}

/* Rows scored together: their sums are independent, so the multiplications overlap. */
#define ROWS 4

INLINE float
dot(const float *a, const float *b, size_t d)
{
	Lanes sum = {0};
	float rest = 0;
	size_t i = 0;

	for (; i + LANES <= d; i += LANES)
		sum += *(const LooseLanes *) (a + i) * *(const LooseLanes *) (b + i);
	for (; i < d; i++)
		rest += a[i] * b[i];
	return lanes_sum(&sum) + rest;
}

/* score += rows times b; stride is the distance from row to row. */
INLINE void
dot_rows(const float *rows, size_t stride, const float *b, size_t d, float *score)
{
	const float *a[ROWS] = {rows, rows + stride, rows + 2 * stride, rows + 3 * stride};
	Lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
	float rest[ROWS] = {0};
	size_t i = 0;

	for (; i + LANES <= d; i += LANES)
	{
		Lanes x = *(const LooseLanes *) (b + i);

		s0 += *(const LooseLanes *) (a[0] + i) * x;
		s1 += *(const LooseLanes *) (a[1] + i) * x;
		s2 += *(const LooseLanes *) (a[2] + i) * x;
		s3 += *(const LooseLanes *) (a[3] + i) * x;
	}
	for (; i < d; i++)
		for (int r = 0; r < ROWS; r++)
			rest[r] += a[r][i] * b[i];
	score[0] += lanes_sum(&s0) + rest[0];
	score[1] += lanes_sum(&s1) + rest[1];
	score[2] += lanes_sum(&s2) + rest[2];
	score[3] += lanes_sum(&s3) + rest[3];
}

TWO_TARGETS static void
score_rows_add(const float *out, size_t n_items, size_t stride, const float *vector, size_t d, float *score)
{
	size_t i = 0;

	for (; i + ROWS <= n_items; i += ROWS)
		dot_rows(out + i * stride, stride, vector, d, score + i);
	for (; i < n_items; i++)
		score[i] += dot(out + i * stride, vector, d);
}

void
uiml_score_items(const float *out, size_t n_items, size_t d, const float *vector, float *score)
{
	memset(score, 0, n_items * sizeof(float));
	score_rows_add(out, n_items, d, vector, d, score);
}

/* The highest score, and the popularity and number of the items that take part. */
typedef struct Field
{
	float best;
	float popularity;
	float items;
} Field;

INLINE void
lanes_survey(const Lanes *score, const Lanes *popularity, Lanes *best, Lanes *mass, Lanes *items)
{
	IntLanes kept = *score != -INFINITY;
	IntLanes better = *score > *best;
	Lanes p = *popularity;
	Lanes one = {1, 1, 1, 1, 1, 1, 1, 1};

	lanes_choose(&p, &kept, 0.0f);
	lanes_choose(&one, &kept, 0.0f);
	*mass += p;
	*items += one;
	*best = (Lanes) (((IntLanes) *score & better) | ((IntLanes) *best & ~better));
}

TWO_TARGETS static void
survey(const float *score, const float *popularity, size_t n_items, Field *field)
{
	Lanes best = {0}, mass = {0}, items = {0}, s = {0}, p = {0};
	size_t i = 0;

	for (; i + LANES <= n_items; i += LANES)
	{
		s = *(const LooseLanes *) (score + i);
		p = *(const LooseLanes *) (popularity + i);
		lanes_survey(&s, &p, &best, &mass, &items);
	}
	for (int j = 0; j < LANES; j++)
		s[j] = i + j < n_items ? score[i + j] : -INFINITY;
	p = (Lanes){0};
	memcpy(&p, popularity + i, (n_items - i) * sizeof(float));
	lanes_survey(&s, &p, &best, &mass, &items);
	field->best = 0;
	for (int j = 0; j < LANES; j++)
		field->best = best[j] > field->best ? best[j] : field->best;
	field->popularity = lanes_sum(&mass);
	field->items = lanes_sum(&items);
}

/* (x scale)^power for x scale above 1e-30, else 0; -INFINITY is left.  The powers are added to sum. */
INLINE void
lanes_raise(Lanes *x, float scale, float power, Lanes *sum)
{
	IntLanes kept = *x != -INFINITY;
	Lanes y = *x * scale;
	IntLanes positive = y >= 1e-30f;

	lanes_choose(&y, &positive, 1.0f);
	lanes_log2(&y);
	y *= power;
	lanes_exp2(&y);
	lanes_choose(&y, &positive, 0.0f);
	*sum += y;
	lanes_choose(&y, &kept, -INFINITY);
	*x = y;
}

/* score = (score / best)^power where that is above 0, else 0, -INFINITY unchanged; returns the sum. */
TWO_TARGETS static double
raise_to_power(float *score, size_t n_items, float best, float power)
{
	double sum = 0;
	float scale = 1 / best;
	size_t i = 0;
	Lanes x = {0};
	Lanes block;

	while (i + LANES <= n_items)
	{
		size_t end = n_items - i < SUM_BLOCK ? n_items : i + SUM_BLOCK;

		block = (Lanes){0};
		for (; i + LANES <= end; i += LANES)
		{
			x = *(const LooseLanes *) (score + i);
			lanes_raise(&x, scale, power, &block);
			*(LooseLanes *) (score + i) = x;
		}
		sum += lanes_sum(&block);
	}

	/* The last few, padded with zeros, go through the same arithmetic. */
	block = (Lanes){0};
	x = (Lanes){0};
	memcpy(&x, score + i, (n_items - i) * sizeof(float));
	lanes_raise(&x, scale, power, &block);
	memcpy(score + i, &x, (n_items - i) * sizeof(float));
	return sum + lanes_sum(&block);
}

/* score = score * own + popularity * common + even for the items that take part; -INFINITY stays. */
TWO_TARGETS static void
mix_in(float *score, size_t n_items, const float *popularity, float own, float common, float even)
{
	for (size_t i = 0; i < n_items; i++)
		score[i] = score[i] * own + (popularity[i] * common + even);
}

void
uiml_item_shares(float *score, size_t n_items, const float *popularity, double total, double item_alpha,
				 double temperature, double *history_weight)
{
	Field field;
	double weight;
	double common = 0;
	double even = 0;
	double sum = 1;

	survey(score, popularity, n_items, &field);
	weight = total > 0 && field.best >= 1e-30f ? total / (total + item_alpha) : 0;
	if (field.popularity > 0)
		common = (1 - weight) / field.popularity;
	else if (field.items > 0)
		even = (1 - weight) / field.items;
	if (weight > 0)
		sum = raise_to_power(score, n_items, field.best, (float) (1 / temperature));
	else
		for (size_t i = 0; i < n_items; i++)
			score[i] = score[i] == -INFINITY ? -INFINITY : 0;

	/* -INFINITY times a positive factor stays; without history the factor is 1 over zeros. */
	mix_in(score, n_items, popularity, weight > 0 ? (float) (weight / sum) : 1.0f, (float) common,
		   (float) even);
	if (history_weight != NULL)
		*history_weight = weight;
}

static inline double
entry_weight(const UimlModel *model, uint32_t item, float mass)
{
	return item < model->n_items ? mass : model->text_weight * mass;
}

void
uiml_model_user(const UimlModel *model, const uint32_t *item, const float *mass, size_t n, float *vector,
				float *interest_mass)
{
	double sum[USER_BLOCK];
	size_t d = model->dims;

	/* Texts are behind the items; where they count nothing, they need have no vectors either. */
	while (!(model->text_weight > 0) && n > 0 && item[n - 1] >= model->n_items)
		n--;
	for (size_t from = 0; vector != NULL && from < d; from += USER_BLOCK)
	{
		size_t m = d - from < USER_BLOCK ? d - from : USER_BLOCK;

		memset(sum, 0, m * sizeof(double));
		for (size_t e = 0; e < n; e++)
		{
			const float *in = model->in + item[e] * d + from;
			double weight = entry_weight(model, item[e], mass[e]);

			for (size_t j = 0; j < m; j++)
				sum[j] += weight * in[j];
		}
		for (size_t j = 0; j < m; j++)
			vector[from + j] = (float) sum[j];
	}
	for (size_t from = 0; interest_mass != NULL && from < model->n_interests; from += USER_BLOCK)
	{
		size_t left = model->n_interests - from;
		size_t m = left < USER_BLOCK ? left : USER_BLOCK;

		memset(sum, 0, m * sizeof(double));
		for (size_t e = 0; e < n; e++)
		{
			size_t interest = model->interest[item[e]];

			if (interest >= from && interest < from + m)
				sum[interest - from] += entry_weight(model, item[e], mass[e]);
		}
		for (size_t j = 0; j < m; j++)
			interest_mass[from + j] = (float) sum[j];
	}
}

/* Item vectors that stay in the second-level cache while several users are scored against them. */
#define PANEL_BYTES 131072

/* What the scores of a batch may take, and users per batch at most. */
#define BATCH_BYTES 4194304
#define BATCH_USERS 32

/* How many users to take at a time. */
static size_t
batch_size(size_t n_items)
{
	size_t users = BATCH_BYTES / (sizeof(float) * (n_items > 0 ? n_items : 1));

	if (users < 1)
		return 1;
	return users < BATCH_USERS ? users : BATCH_USERS;
}

UimlStatus
uiml_batch_create(const UimlEnv *env, const UimlModel *model, UimlBatch *batch)
{
	size_t most = batch_size(model->n_items);

	*batch = (UimlBatch){.most = most};
	batch->user = uiml_alloc(env, most, sizeof(uint32_t));
	batch->vector = uiml_alloc(env, most, model->dims * sizeof(float));
	batch->score = uiml_alloc(env, most, model->n_items * sizeof(float));
	batch->total = uiml_alloc(env, most, sizeof(double));
	if (batch->user == NULL || batch->vector == NULL || batch->score == NULL || batch->total == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

void
uiml_batch_free(const UimlEnv *env, UimlBatch *batch)
{
	uiml_free(env, batch->user);
	uiml_free(env, batch->vector);
	uiml_free(env, batch->score);
	uiml_free(env, batch->total);
}

void
uiml_batch_start(const UimlModel *model, const UimlInteractions *seen, UimlBatch *batch, size_t from,
				 size_t to)
{
	for (size_t b = from; b < to; b++)
	{
		size_t first = seen->row_start[batch->user[b]];
		size_t items_end = uiml_items_end(seen, batch->user[b]);
		size_t end = seen->row_start[batch->user[b] + 1];
		float *score = batch->score + b * model->n_items;

		uiml_model_user(model, seen->item + first, seen->mass + first, end - first,
						batch->vector + b * model->dims, NULL);
		batch->total[b] = (double) (items_end - first) + model->text_weight * (double) (end - items_end);
		memset(score, 0, model->n_items * sizeof(float));
		for (size_t e = first; e < items_end; e++)
			score[seen->item[e]] = -INFINITY;
	}
}

void
uiml_batch_add(const UimlModel *model, size_t first, size_t end, UimlBatch *batch, size_t from, size_t to)
{
	size_t d = model->dims;
	size_t panel = PANEL_BYTES / (sizeof(float) * d) / ROWS * ROWS + ROWS;

	for (size_t i = 0; i < model->n_items; i += panel)
	{
		size_t items = model->n_items - i < panel ? model->n_items - i : panel;

		for (size_t b = from; b < to; b++)
			score_rows_add(model->out + i * d + first, items, d, batch->vector + b * d + first, end - first,
						   batch->score + b * model->n_items + i);
	}
}

void
uiml_item_direction(const float *vector, const double *sigma, size_t d, float *direction)
{
	double square = 0;
	double scale;

	for (size_t j = 0; j < d; j++)
	{
		double x = vector[j] * sigma[j];

		square += x * x;
	}
	scale = square > 0 ? 1 / sqrt(square) : 0;
	for (size_t j = 0; j < d; j++)
		direction[j] = (float) (vector[j] * sigma[j] * scale);
}
