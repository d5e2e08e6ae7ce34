/*
 * kernels_nearest.h
 *	  The nearest of many centroids for a block of points, without a matrix of distances.
 *
 * |x - c|^2 is |x|^2 - 2 (x'c - |c|^2 / 2), so the nearest centroid is that of the lowest |c|^2 / 2 - x'c.
 * These scores are computed as in a product of matrices, for ROWS points and PANEL centroids at a time, all
 * sums in registers: in one step of the inner loop two loads of centroids and ROWS broadcast elements feed 2
 * * ROWS fused multiply-adds.  From there they go straight into each point's standing: per lane the lowest
 * score, whose it is, and the second lowest.
 */
#define PANEL (2 * LANES)
#define ROWS  6 /* 12 sums, 2 loads, 1 element and 1 to spare: the 16 registers of AVX2 */

/* mask ? a : b, lane by lane; compilers know it for a blend, a minimum or a maximum. */
#define SELECT_INT(mask, a, b)    (((mask) & (a)) | (~(mask) & (b)))
#define SELECT(lanes, mask, a, b) ((lanes) SELECT_INT(mask, (__typeof__(mask)) (a), (__typeof__(mask)) (b)))

typedef struct Standing
{
	Lanes best, second;
	IntLanes index;
} Standing;

typedef struct QuadStanding
{
	Quad best, second;
	IntQuad index;
} QuadStanding;

/* Two scores per lane, of centroids index and index + LANES. */
INLINE void
enter(Standing *standing, Lanes s0, Lanes s1, IntLanes index)
{
	IntLanes later = s1 < s0;
	Lanes low = SELECT(Lanes, later, s1, s0), high = SELECT(Lanes, later, s0, s1);
	IntLanes better = low < standing->best;
	Lanes loser = SELECT(Lanes, better, standing->best, low);

	loser = SELECT(Lanes, high < loser, high, loser);
	standing->second = SELECT(Lanes, loser < standing->second, loser, standing->second);
	standing->best = SELECT(Lanes, better, low, standing->best);
	standing->index = SELECT_INT(better, index + (later & LANES), standing->index);
}

/* Products of ROWS points with the centroids of a panel. */
INLINE void
multiply_rows(const float *x, size_t d, const float *panel, Lanes s[ROWS][2])
{
	for (size_t r = 0; r < ROWS; r++)
		s[r][0] = s[r][1] = (Lanes){0};
	for (size_t j = 0; j < d; j++)
	{
		Lanes c0 = LOAD(panel + j * PANEL), c1 = LOAD(panel + j * PANEL + LANES);

#pragma GCC unroll 6
		for (size_t r = 0; r < ROWS; r++)
		{
			s[r][0] += c0 * x[r * d + j];
			s[r][1] += c1 * x[r * d + j];
		}
	}
}

/* Enters the scores of a panel, whose first centroid has the number index[0], for ROWS points. */
INLINE void
compare_rows(const float *x, size_t d, const float *panel, const float *offset, IntLanes index,
			 Standing *standing)
{
	Lanes s[ROWS][2];

	multiply_rows(x, d, panel, s);
#pragma GCC unroll 6
	for (size_t r = 0; r < ROWS; r++)
		enter(&standing[r], LOAD(offset) - s[r][0], LOAD(offset + LANES) - s[r][1], index);
}

/* The better of each two lanes, the lower number of equals; second is the lowest of what is left. */
INLINE QuadStanding
merge(QuadStanding a, QuadStanding b)
{
	IntQuad better = (b.best < a.best) | ((b.best == a.best) & (b.index < a.index));
	Quad loser = SELECT(Quad, better, a.best, b.best);
	Quad second = SELECT(Quad, b.second < a.second, b.second, a.second);

	a.second = SELECT(Quad, loser < second, loser, second);
	a.best = SELECT(Quad, better, b.best, a.best);
	a.index = SELECT_INT(better, b.index, a.index);
	return a;
}

#define TURNED(quad, a, b, c, d) SHUFFLE(quad, quad, a, b, c, d)

/* The number of the best of all lanes. */
INLINE uint32_t
decide(const Standing *standing, float *best, float *second)
{
	Quad quad_best[LANES / 4], quad_second[LANES / 4];
	IntQuad quad_index[LANES / 4];
	QuadStanding all, other;

	__builtin_memcpy(quad_best, &standing->best, sizeof(standing->best));
	__builtin_memcpy(quad_second, &standing->second, sizeof(standing->second));
	__builtin_memcpy(quad_index, &standing->index, sizeof(standing->index));
	all = (QuadStanding){quad_best[0], quad_second[0], quad_index[0]};
	for (int q = 1; q < LANES / 4; q++)
		all = merge(all, (QuadStanding){quad_best[q], quad_second[q], quad_index[q]});
	other = (QuadStanding){TURNED(all.best, 2, 3, 0, 1), TURNED(all.second, 2, 3, 0, 1),
						   TURNED(all.index, 2, 3, 0, 1)};
	all = merge(all, other);
	other = (QuadStanding){TURNED(all.best, 1, 0, 3, 2), TURNED(all.second, 1, 0, 3, 2),
						   TURNED(all.index, 1, 0, 3, 2)};
	all = merge(all, other);
	*best = all.best[0];
	*second = all.second[0];
	return (uint32_t) all.index[0];
}

static void
nearest(const float *x, size_t n, size_t d, const float *panels, const float *offset, size_t k,
		uint32_t *cluster, float *best, float *second)
{
	Standing standing[UIML_NEAREST_POINTS];
	const Lanes far = (Lanes){0} + __builtin_inff();
	IntLanes index = {0};

	for (int32_t j = 0; j < LANES; j++)
		index[j] = j;
	for (size_t i = 0; i < UIML_NEAREST_POINTS; i++)
		standing[i] = (Standing){far, far, {0}};
	for (size_t c = 0; c < k; c += PANEL, index += PANEL)
		for (size_t i = 0; i < n; i += ROWS)
			compare_rows(x + i * d, d, panels + c * d, offset + c, index, standing + i);
	for (size_t i = 0; i < n; i++)
		cluster[i] = decide(&standing[i], &best[i], &second[i]);
}

static void
scores(const float *x, size_t n, size_t d, const float *panel, const float *offset, float *scores)
{
	for (size_t i = 0; i < n; i += ROWS)
	{
		Lanes s[ROWS][2];

		multiply_rows(x + i * d, d, panel, s);
		for (size_t r = 0; r < ROWS && i + r < n; r++)
		{
			*(LooseLanes *) (scores + (i + r) * PANEL) = LOAD(offset) - s[r][0];
			*(LooseLanes *) (scores + (i + r) * PANEL + LANES) = LOAD(offset + LANES) - s[r][1];
		}
	}
}
