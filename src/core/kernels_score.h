/*
 * kernels_score.h
 *	  Kernels of scores: rows of items times the vectors of users, and the distribution made of them.
 *
 * A block of rows and vectors has eight sums in registers, as many as hide the latency of fused multiply-add:
 * eight rows of one vector, or four of two, where each load of a row serves twice.  Lanes are added up four
 * rows at a time by transposing.
 */
#define SUM_BLOCK 1024 /* items of a float sum of powers or popularities; such sums are added up in double */

/* The sums of four quads. */
INLINE Quad
quads_sum(const Quad *q)
{
	Quad a = SHUFFLE(q[0], q[1], 0, 4, 1, 5) + SHUFFLE(q[0], q[1], 2, 6, 3, 7);
	Quad b = SHUFFLE(q[2], q[3], 0, 4, 1, 5) + SHUFFLE(q[2], q[3], 2, 6, 3, 7);

	return SHUFFLE(a, b, 0, 1, 4, 5) + SHUFFLE(a, b, 2, 3, 6, 7);
}

/* What lanes have left of four rows times a vector, from element j on. */
INLINE Quad
score_rest(const float *rows, size_t stride, const float *vector, size_t j, size_t d, Quad *q)
{
	Quad sum;

	for (; d - j >= 4; j += 4)
		for (size_t r = 0; r < 4; r++)
			q[r] += LOAD_QUAD(rows + r * stride + j) * LOAD_QUAD(vector + j);
	sum = quads_sum(q);
	for (; j < d; j++)
		for (size_t r = 0; r < 4; r++)
			sum[r] += rows[r * stride + j] * vector[j];
	return sum;
}

/*
 * Of four rows times quads (rows) and vectors, both constants where this is inlined, with a product of two.
 */
INLINE void
score_block(size_t quads, size_t vectors, const float *rows, size_t stride, const float *const *vector,
			size_t d, float *const *score)
{
	Lanes s[8][2];
	size_t j = 0;

#pragma GCC unroll 8
	for (size_t r = 0; r < 4 * quads; r++)
		s[r][0] = s[r][1] = (Lanes){0};
	for (; d - j >= LANES; j += LANES)
	{
		Lanes v0 = LOAD(vector[0] + j), v1 = LOAD(vector[vectors - 1] + j);

#pragma GCC unroll 8
		for (size_t r = 0; r < 4 * quads; r++)
		{
			Lanes x = LOAD(rows + r * stride + j);

			s[r][0] += x * v0;
			if (vectors > 1)
				s[r][1] += x * v1;
		}
	}
#pragma GCC unroll 2
	for (size_t u = 0; u < vectors; u++)
	{
#pragma GCC unroll 2
		for (size_t h = 0; h < quads; h++)
		{
			Quad q[4];

#pragma GCC unroll 4
			for (size_t r = 0; r < 4; r++)
				q[r] = lanes_fold(s[4 * h + r][u]);
			*(LooseQuad *) (score[u] + 4 * h) +=
				score_rest(rows + 4 * h * stride, stride, vector[u], j, d, q);
		}
	}
}

INLINE float
score_one(const float *row, const float *vector, size_t d)
{
	Lanes s = {0};
	float rest = 0;
	size_t j = 0;

	for (; d - j >= LANES; j += LANES)
		s += LOAD(row + j) * LOAD(vector + j);
	for (; j < d; j++)
		rest += row[j] * vector[j];
	return lanes_sum(s) + rest;
}

static void
score_rows(const float *rows, size_t n, size_t stride, const float *vector, size_t d, float *score)
{
	size_t i = 0;

	for (; n - i >= 8; i += 8)
	{
		float *at = score + i;

		score_block(2, 1, rows + i * stride, stride, &vector, d, &at);
	}
	for (; i < n; i++)
		score[i] += score_one(rows + i * stride, vector, d);
}

static void
score_rows_twice(const float *rows, size_t n, size_t stride, const float *const *vector, size_t d,
				 float *const *score)
{
	size_t i = 0;

	for (; n - i >= 4; i += 4)
	{
		float *at[2] = {score[0] + i, score[1] + i};

		score_block(1, 2, rows + i * stride, stride, vector, d, at);
	}
	for (; i < n; i++)
		for (size_t u = 0; u < 2; u++)
			score[u][i] += score_one(rows + i * stride, vector[u], d);
}

/* chosen ? x : y, lane by lane. */
INLINE Lanes
lanes_choose(Lanes x, IntLanes chosen, float y)
{
	Lanes other = (Lanes){0} + y;

	return (Lanes) (((IntLanes) x & chosen) | ((IntLanes) other & ~chosen));
}

/* log2(x) for normal x > 0. */
INLINE Lanes
lanes_log2(Lanes x)
{
	/* x = 2^e m with m in [sqrt(1/2), sqrt(2)) */
	IntLanes bits = (IntLanes) x - 0x3f3504f3;
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
	return y * 1.44269504089f + __builtin_convertvector(e, Lanes);
}

/* 2^x for x <= 0, zero below -126. */
INLINE Lanes
lanes_exp2(Lanes x)
{
	IntLanes normal = x >= -126.0f;
	IntLanes e;
	Lanes f, y;

	x = lanes_choose(x, normal, 0.0f);
	e = __builtin_convertvector(x - 0.5f, IntLanes); /* x <= 0: rounds to nearest by truncation */
	f = x - __builtin_convertvector(e, Lanes);
	y = 1.535336188319500e-4f * f + 1.339887440266574e-3f;
	y = y * f + 9.618437357674640e-3f;
	y = y * f + 5.550332471162809e-2f;
	y = y * f + 2.402264791363012e-1f;
	y = y * f + 6.931472028550421e-1f;
	y = y * f + 1.0f;
	y = (Lanes) ((IntLanes) y + (e << 23));
	return lanes_choose(y, normal, 0.0f);
}

typedef struct Survey
{
	Lanes best, popularity, items;
} Survey;

INLINE void
survey_lanes(Survey *survey, Lanes score, Lanes popularity)
{
	IntLanes kept = score != -__builtin_inff();
	IntLanes better = score > survey->best;

	survey->popularity += lanes_choose(popularity, kept, 0.0f);
	survey->items += lanes_choose((Lanes){0} + 1.0f, kept, 0.0f);
	survey->best = (Lanes) (((IntLanes) score & better) | ((IntLanes) survey->best & ~better));
}

static void
survey_scores(const float *score, const float *popularity, size_t n, float *best, float *mass, float *items)
{
	Survey survey = {{0}, {0}, {0}};
	Lanes s = (Lanes){0} - __builtin_inff(), p = {0};
	double sum = 0;
	size_t i = 0;

	while (n - i >= LANES)
	{
		size_t end = n - i < SUM_BLOCK ? n : i + SUM_BLOCK;

		for (; end - i >= LANES; i += LANES)
			survey_lanes(&survey, LOAD(score + i), LOAD(popularity + i));
		sum += (double) lanes_sum(survey.popularity);
		survey.popularity = (Lanes){0};
	}
	for (size_t j = 0; i + j < n; j++)
	{
		s[j] = score[i + j];
		p[j] = popularity[i + j];
	}
	survey_lanes(&survey, s, p);
	*best = 0;
	for (int j = 0; j < LANES; j++)
		*best = survey.best[j] > *best ? survey.best[j] : *best;
	*mass = (float) (sum + (double) lanes_sum(survey.popularity));
	*items = lanes_sum(survey.items);
}

/* (x scale)^power for x scale above 1e-30, else 0; -INFINITY is left.  The powers are added to sum. */
INLINE Lanes
lanes_raise(Lanes x, float scale, float power, Lanes *sum)
{
	IntLanes kept = x != -__builtin_inff();
	Lanes y = x * scale;
	IntLanes positive = y >= 1e-30f;

	y = lanes_exp2(lanes_log2(lanes_choose(y, positive, 1.0f)) * power);
	y = lanes_choose(y, positive, 0.0f);
	*sum += y;
	return lanes_choose(y, kept, -__builtin_inff());
}

static double
raise_scores(float *score, size_t n, float scale, float power)
{
	double sum = 0;
	size_t i = 0;
	Lanes block = {0}, x = {0};

	while (n - i >= LANES)
	{
		size_t end = n - i < SUM_BLOCK ? n : i + SUM_BLOCK;

		for (; end - i >= LANES; i += LANES)
			*(LooseLanes *) (score + i) = lanes_raise(LOAD(score + i), scale, power, &block);
		sum += (double) lanes_sum(block);
		block = (Lanes){0};
	}

	/* the last few, padded with zeros, go through the same arithmetic */
	for (size_t j = 0; i + j < n; j++)
		x[j] = score[i + j];
	x = lanes_raise(x, scale, power, &block);
	for (size_t j = 0; i + j < n; j++)
		score[i + j] = x[j];
	return sum + (double) lanes_sum(block);
}

/* -log2(x scale) for x scale above 1e-30, else infinite. */
INLINE Lanes
lanes_depth(Lanes x, float scale)
{
	Lanes y = x * scale;
	IntLanes positive = y >= 1e-30f;

	return lanes_choose(0.0f - lanes_log2(lanes_choose(y, positive, 1.0f)), positive, __builtin_inff());
}

static void
score_depths(const float *score, size_t n, float scale, float *depth)
{
	size_t i = 0;
	Lanes x = {0};

	for (; n - i >= LANES; i += LANES)
		*(LooseLanes *) (depth + i) = lanes_depth(LOAD(score + i), scale);
	for (size_t j = 0; i + j < n; j++)
		x[j] = score[i + j];
	x = lanes_depth(x, scale);
	for (size_t j = 0; i + j < n; j++)
		depth[i + j] = x[j];
}

static void
mix_scores(float *score, size_t n, const float *popularity, float own, float common, float even)
{
	size_t i = 0;

	for (; n - i >= LANES; i += LANES)
		*(LooseLanes *) (score + i) = LOAD(score + i) * own + (LOAD(popularity + i) * common + even);
	for (; i < n; i++)
		score[i] = score[i] * own + (popularity[i] * common + even);
}
