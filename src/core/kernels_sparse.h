/*
 * kernels_sparse.h
 *	  Kernels of a sparse-times-panel product: sums of panel rows, in registers.
 *
 * A user's z of 80 floats is ten AVX registers: it is loaded once, all the user's items are added, and it is
 * stored once, so that each entry costs one load per register instead of two loads and a store.  Panels wider
 * than STRIP_VECTORS registers are taken in strips of equal width.
 */
#define STRIP_VECTORS 12
#define PREFETCH      6 /* entries ahead */

/* Calls F(0) F(1) .. for the vectors of a strip: names instead of an array keep the sums in registers. */
#define EACH_VECTOR(F)                                                                                       \
	F(0)                                                                                                     \
	F(1)                                                                                                     \
	F(2)                                                                                                     \
	F(3)                                                                                                     \
	F(4)                                                                                                     \
	F(5)                                                                                                     \
	F(6)                                                                                                     \
	F(7)                                                                                                     \
	F(8)                                                                                                     \
	F(9)                                                                                                     \
	F(10)                                                                                                    \
	F(11)

/* vectors is a constant wherever this is inlined, so that the comparisons vanish. */
INLINE void
gather_strip(size_t vectors, const uint32_t *col, const float *value, size_t n, const float *panel,
			 size_t stride, float *z)
{
	LooseLanes *out = (LooseLanes *) z;

#define DECLARE(I) Lanes sum##I = {0};
#define LOAD_SUM(I)                                                                                          \
	if (I < vectors)                                                                                         \
		sum##I = out[I];
#define ADD(I)                                                                                               \
	if (I < vectors)                                                                                         \
		sum##I += x * row[I];
#define STORE(I)                                                                                             \
	if (I < vectors)                                                                                         \
		out[I] = sum##I;
#define AHEAD(I)                                                                                             \
	if (I < vectors && I % (16 / LANES) == 0)                                                                \
		__builtin_prefetch(&ahead[I]);

	EACH_VECTOR(DECLARE)

	EACH_VECTOR(LOAD_SUM)
	for (size_t k = 0; k < n; k++)
	{
		const LooseLanes *row = (const LooseLanes *) (panel + (size_t) col[k] * stride);
		const LooseLanes *ahead =
			(const LooseLanes *) (panel + (size_t) col[k + PREFETCH < n ? k + PREFETCH : k] * stride);
		float x = value[k];

		EACH_VECTOR(AHEAD)
		EACH_VECTOR(ADD)
	}
	EACH_VECTOR(STORE)
}

INLINE void
scatter_strip(size_t vectors, const uint32_t *col, const float *value, size_t n, const float *z,
			  size_t stride, float *panel)
{
	const LooseLanes *in = (const LooseLanes *) z;

#define DECLARE_Z(I) Lanes z##I = {0};
#define LOAD_Z(I)                                                                                            \
	if (I < vectors)                                                                                         \
		z##I = in[I];
#define ADD_ROW(I)                                                                                           \
	if (I < vectors)                                                                                         \
		row[I] += x * z##I;

	EACH_VECTOR(DECLARE_Z)

	EACH_VECTOR(LOAD_Z)
	for (size_t k = 0; k < n; k++)
	{
		LooseLanes *row = (LooseLanes *) (panel + (size_t) col[k] * stride);
		const LooseLanes *ahead =
			(const LooseLanes *) (panel + (size_t) col[k + PREFETCH < n ? k + PREFETCH : k] * stride);
		float x = value[k];

		EACH_VECTOR(AHEAD)
		EACH_VECTOR(ADD_ROW)
	}
}

/* Expands a call for each constant width, so that the strip functions are inlined with it. */
#define EACH_WIDTH(CASE)                                                                                     \
	CASE(1)                                                                                                  \
	CASE(2)                                                                                                  \
	CASE(3)                                                                                                  \
	CASE(4)                                                                                                  \
	CASE(5)                                                                                                  \
	CASE(6)                                                                                                  \
	CASE(7)                                                                                                  \
	CASE(8)                                                                                                  \
	CASE(9)                                                                                                  \
	CASE(10)                                                                                                 \
	CASE(11)                                                                                                 \
	CASE(12)

/* Vectors in the next strip of those left, so that strips are about equally wide. */
INLINE size_t
strip_vectors(size_t left)
{
	size_t strips = (left + STRIP_VECTORS - 1) / STRIP_VECTORS;

	return (left + strips - 1) / strips;
}

/* Four columns of the few that wide lanes leave. */
INLINE void
gather_quad(const uint32_t *col, const float *value, size_t n, const float *panel, size_t stride, float *z)
{
	Quad sum = *(LooseQuad *) z;

	for (size_t k = 0; k < n; k++)
		sum += value[k] * *(const LooseQuad *) (panel + (size_t) col[k] * stride);
	*(LooseQuad *) z = sum;
}

INLINE void
scatter_quad(const uint32_t *col, const float *value, size_t n, const float *z, size_t stride, float *panel)
{
	Quad x = *(const LooseQuad *) z;

	for (size_t k = 0; k < n; k++)
		*(LooseQuad *) (panel + (size_t) col[k] * stride) += value[k] * x;
}

static void
gather_rows(const uint32_t *col, const float *value, size_t n, const float *panel, size_t stride, size_t l,
			float *z)
{
	size_t left = l / LANES;
	size_t j = 0;

	while (left > 0)
	{
		size_t vectors = strip_vectors(left);

		switch (vectors)
		{
#define GATHER(W)                                                                                            \
	case W:                                                                                                  \
		gather_strip(W, col, value, n, panel + j, stride, z + j);                                            \
		break;
			EACH_WIDTH(GATHER)
		}
		left -= vectors;
		j += vectors * LANES;
	}
	for (; l - j >= 4 && LANES > 4; j += 4)
		gather_quad(col, value, n, panel + j, stride, z + j);
	for (; j < l; j++)
		for (size_t k = 0; k < n; k++)
			z[j] += value[k] * panel[(size_t) col[k] * stride + j];
}

static void
scatter_rows(const uint32_t *col, const float *value, size_t n, const float *z, size_t stride, size_t l,
			 float *panel)
{
	size_t left = l / LANES;
	size_t j = 0;

	while (left > 0)
	{
		size_t vectors = strip_vectors(left);

		switch (vectors)
		{
#define SCATTER(W)                                                                                           \
	case W:                                                                                                  \
		scatter_strip(W, col, value, n, z + j, stride, panel + j);                                           \
		break;
			EACH_WIDTH(SCATTER)
		}
		left -= vectors;
		j += vectors * LANES;
	}
	for (; l - j >= 4 && LANES > 4; j += 4)
		scatter_quad(col, value, n, z + j, stride, panel + j);
	for (; j < l; j++)
		for (size_t k = 0; k < n; k++)
			panel[(size_t) col[k] * stride + j] += value[k] * z[j];
}
