/*
 * kernels_affine.h
 *	  Products of rows with packed weights: the layers of a neural network.
 *
 * A tile of TILE_ROWS rows and TILE_VECTORS vectors of outputs stays in registers while the inputs go by.  The
 * weights of a tile, one slice of AFFINE_SLICE inputs of a panel, stay in the first cache while the rows of a
 * block, which lie in the second, pass by; sums of one slice are taken up again for the next.  So each element
 * is one chain of multiply-adds in the order of the inputs, whatever the sizes: results of a row are the same
 * in any company.  Where there are few rows, tiles are of more outputs instead: it takes eight chains to hide
 * the latency of multiply-add.
 */
#define AFFINE_PANEL UIML_AFFINE_PANEL

#if LANES == 16
#define TILE_UNROLL
#define TILE_ROWS    12 /* 24 sums, 2 loads, 1 element: within 32 registers */
#define TILE_VECTORS 2
#elif defined(__aarch64__)
#define TILE_UNROLL
#define TILE_ROWS    6 /* 24 sums, 4 loads, 1 element: within 32 registers */
#define TILE_VECTORS 4
#else
#define TILE_UNROLL  UIML_PRAGMA(GCC unroll 4)
#define TILE_ROWS    6 /* 12 sums, 2 loads, 1 element: within 16 registers */
#define TILE_VECTORS 2
#endif

#define AFFINE_ROWS     192   /* of a block, at most */
#define AFFINE_ELEMENTS 65536 /* of x in a block: half of a second cache of 512 kB */
#define AFFINE_SLICE    256   /* inputs; a panel's take half of a first cache of 32 kB */
#define MAX_VECTORS     8

/* One slice of inputs of a few rows and a few vectors of outputs. */
typedef struct Tile
{
	const float *x;
	size_t ldx;
	const float *panel; /* of the first output, at the first input */
	size_t stride;      /* from panel to panel */
	size_t count;       /* inputs */
	float *sums;        /* rows of all vectors of outputs */
	size_t width;       /* from row to row of them */
	bool resume;        /* sums has those of the inputs before */
	const float *ahead; /* weights that are needed next, */
	size_t step;        /* and how far to go in them with each input */
} Tile;

/* Where vector v of a tile's outputs begins. */
#define TILE_AT(v, stride) ((v) *LANES / AFFINE_PANEL * (stride) + (v) *LANES % AFFINE_PANEL)

/* rows <= TILE_ROWS and vectors <= MAX_VECTORS are constants where this is inlined. */
INLINE void
tile_add(const Tile *tile, const size_t rows, const size_t vectors)
{
	const float *x = tile->x, *panel = tile->panel;
	size_t ldx = tile->ldx, stride = tile->stride, count = tile->count;
	float *sums = tile->sums;
	size_t width = tile->width, step = tile->step;
	const float *ahead = tile->ahead;
	Lanes s[TILE_ROWS][MAX_VECTORS];

#pragma GCC unroll 12
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
		for (size_t v = 0; v < vectors; v++)
			s[r][v] = (Lanes){0};
	if (tile->resume)
	{
#pragma GCC unroll 12
		for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
			for (size_t v = 0; v < vectors; v++)
				s[r][v] = LOAD(sums + r * width + v * LANES);
	}
	TILE_UNROLL
	for (size_t p = 0; p < count; p++)
	{
		Lanes w[MAX_VECTORS];

#pragma GCC unroll 8
		for (size_t v = 0; v < vectors; v += AFFINE_PANEL / LANES)
			__builtin_prefetch(ahead + TILE_AT(v, stride), 0, 3);
		ahead += step;
#pragma GCC unroll 8
		for (size_t v = 0; v < vectors; v++)
			w[v] = LOAD(panel + p * AFFINE_PANEL + TILE_AT(v, stride));
#pragma GCC unroll 12
		for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
			for (size_t v = 0; v < vectors; v++)
				s[r][v] += w[v] * x[r * ldx + p];
	}
#pragma GCC unroll 12
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
		for (size_t v = 0; v < vectors; v++)
			*(LooseLanes *) (sums + r * width + v * LANES) = s[r][v];
}

/* A tile of 1 .. TILE_ROWS rows. */
INLINE void
tile_add_rows(const Tile *tile, size_t rows, const size_t vectors)
{
	switch (rows)
	{
#if TILE_ROWS == 12
		case 12:
			tile_add(tile, 12, vectors);
			break;
		case 11:
			tile_add(tile, 11, vectors);
			break;
		case 10:
			tile_add(tile, 10, vectors);
			break;
		case 9:
			tile_add(tile, 9, vectors);
			break;
		case 8:
			tile_add(tile, 8, vectors);
			break;
		case 7:
			tile_add(tile, 7, vectors);
			break;
#endif
		case 6:
			tile_add(tile, 6, vectors);
			break;
		case 5:
			tile_add(tile, 5, vectors);
			break;
		case 4:
			tile_add(tile, 4, vectors);
			break;
		case 3:
			tile_add(tile, 3, vectors);
			break;
		case 2:
			tile_add(tile, 2, vectors);
			break;
		default:
			tile_add(tile, 1, vectors);
	}
}

INLINE Lanes
lanes_activate(UimlActivation activation, Lanes x)
{
	switch (activation)
	{
		case UIML_ACTIVATION_GELU:
			return lanes_gelu(x);
		case UIML_ACTIVATION_GELU_TANH:
			return lanes_gelu_tanh(x);
		case UIML_ACTIVATION_RELU:
			return LANES_MAX(x, (Lanes){0});
		default:
			return x;
	}
}

/* Some elements, at least one: all lanes, or those that are left. */
INLINE Lanes
load_left(const float *x, size_t left)
{
	return left >= LANES ? (Lanes) LOAD(x) : load_part(x, left, 0.0f);
}

/* Sums of row i, outputs j on, of which so many are left, with all that comes behind them. */
INLINE Lanes
finish_lanes(const UimlAffine *a, const UimlActivation activation, size_t i, size_t j, size_t left,
			 Lanes bias, Lanes sums)
{
	if (a->factor != NULL)
		sums *= a->factor[i];
	sums = lanes_activate(activation, sums + bias);
	if (a->residual != NULL)
		sums += load_left(a->residual + i * a->ldr + j, left);
	return sums;
}

/* One vector of outputs, from j on, of rows i on; activation is a constant. */
INLINE void
finish_column(const UimlAffine *a, const UimlActivation activation, size_t i, size_t rows, size_t j,
			  const float *sums, size_t width)
{
	size_t left = a->n - j;
	Lanes bias = a->bias != NULL ? load_left(a->bias + j, left) : (Lanes){0};
	float *y = a->y + i * a->ldy + j;

	if (left >= LANES)
		for (size_t r = 0; r < rows; r++, sums += width, y += a->ldy)
			*(LooseLanes *) y = finish_lanes(a, activation, i + r, j, LANES, bias, LOAD(sums));
	else
		for (size_t r = 0; r < rows; r++, sums += width, y += a->ldy)
			store_part(y, left, finish_lanes(a, activation, i + r, j, left, bias, LOAD(sums)));
}

/*
 * Outputs j on of rows i on; sums has width floats of each row.  Rows follow each other without a branch, so
 * that one's polynomial is computed while another's waits.
 */
static __attribute__((noinline)) void
finish(const UimlAffine *a, size_t i, size_t rows, size_t j, const float *sums, size_t width)
{
	for (size_t c = 0; c < width && j + c < a->n; c += LANES)
		switch (a->activation)
		{
			case UIML_ACTIVATION_GELU:
				finish_column(a, UIML_ACTIVATION_GELU, i, rows, j + c, sums + c, width);
				break;
			case UIML_ACTIVATION_GELU_TANH:
				finish_column(a, UIML_ACTIVATION_GELU_TANH, i, rows, j + c, sums + c, width);
				break;
			case UIML_ACTIVATION_RELU:
				finish_column(a, UIML_ACTIVATION_RELU, i, rows, j + c, sums + c, width);
				break;
			default:
				finish_column(a, UIML_ACTIVATION_NONE, i, rows, j + c, sums + c, width);
		}
}

/* Rows i .. i + rows of so many vectors of outputs from j on.  most is the rows of a tile, a constant, too. */
INLINE void
affine_outputs(const UimlAffine *a, size_t i, size_t rows, size_t j, const size_t vectors, const size_t most)
{
	float sums[AFFINE_ROWS * TILE_VECTORS * LANES] __attribute__((aligned(64)));
	size_t width = vectors * LANES, groups = (rows + most - 1) / most;
	size_t slice = a->k / ((a->k + AFFINE_SLICE - 1) / AFFINE_SLICE) + 1;
	Tile tile = {.ldx = a->ldx, .stride = a->k * AFFINE_PANEL, .width = width};
	bool plain = a->factor == NULL && a->bias == NULL && a->residual == NULL &&
				 a->activation == UIML_ACTIVATION_NONE && j + width <= a->n;
	float *results = sums;

	if (plain)
	{
		tile.width = a->ldy;
		results = a->y + i * a->ldy + j;
	}
	tile.step = (AFFINE_PANEL - 1) / groups + 1;

	if (most == 1)
		slice = a->k;
	for (size_t p = 0; p < a->k; p += slice)
	{
		size_t r = 0;
		const float *next;

		tile.panel = a->panels + j / AFFINE_PANEL * tile.stride + p * AFFINE_PANEL + j % AFFINE_PANEL;
		tile.count = a->k - p < slice ? a->k - p : slice;
		tile.resume = p > 0;
		next = tile.panel + tile.count * AFFINE_PANEL +
			   (p + tile.count < a->k ? 0 : tile.stride * (vectors * LANES / AFFINE_PANEL - 1));
		for (size_t g = 0; g < groups; g++)
		{
			size_t n = (rows - r + groups - g - 1) / (groups - g);

			tile.x = a->x + (i + r) * a->ldx + p;
			tile.sums = results + r * tile.width;
			tile.ahead = next + tile.count * AFFINE_PANEL * g / groups;
			if (most == 1)
				tile_add(&tile, 1, vectors);
			else
				tile_add_rows(&tile, n, vectors);
			r += n;
		}
	}
	if (!plain && j < a->n)
		finish(a, i, rows, j, sums, width);
}

static __attribute__((noinline)) void
affine_1(const UimlAffine *a, size_t i)
{
	size_t j = 0, n = (a->n + AFFINE_PANEL - 1) / AFFINE_PANEL * AFFINE_PANEL;

	for (; n - j >= MAX_VECTORS * LANES; j += MAX_VECTORS * LANES)
		affine_outputs(a, i, 1, j, MAX_VECTORS, 1);
	for (; j < n; j += LANES)
		affine_outputs(a, i, 1, j, 1, 1);
}

static __attribute__((noinline)) void
affine_rows(const UimlAffine *a, size_t i, size_t rows)
{
	size_t j = 0, n = (a->n + AFFINE_PANEL - 1) / AFFINE_PANEL * AFFINE_PANEL;

	for (; n - j >= TILE_VECTORS * LANES; j += TILE_VECTORS * LANES)
		affine_outputs(a, i, rows, j, TILE_VECTORS, TILE_ROWS);
#if TILE_VECTORS * LANES > AFFINE_PANEL
	if (j < n)
		affine_outputs(a, i, rows, j, AFFINE_PANEL / LANES, TILE_ROWS);
#endif
}

static void
affine(const UimlAffine *a)
{
	size_t rows = AFFINE_ELEMENTS / a->k / TILE_ROWS * TILE_ROWS;

	rows = rows > AFFINE_ROWS ? AFFINE_ROWS : rows < 4 * TILE_ROWS ? 4 * TILE_ROWS : rows;
	for (size_t i = 0; i < a->m; i += rows)
	{
		size_t m = a->m - i < rows ? a->m - i : rows;

		if (m == 1)
			affine_1(a, i);
		else
			affine_rows(a, i, m);
	}
}

/* Four rows of four elements, transposed into rows of a panel; rows that are missing are 0. */
INLINE void
pack_quads(const float *rows, size_t n, size_t ld, float *panel)
{
	Quad q[4] = {{0}, {0}, {0}, {0}};
	Quad a, b, c, d;

#pragma GCC unroll 4
	for (size_t r = 0; r < 4; r++)
		if (r < n)
			q[r] = LOAD_QUAD(rows + r * ld);
	a = SHUFFLE(q[0], q[1], 0, 4, 1, 5);
	b = SHUFFLE(q[2], q[3], 0, 4, 1, 5);
	c = SHUFFLE(q[0], q[1], 2, 6, 3, 7);
	d = SHUFFLE(q[2], q[3], 2, 6, 3, 7);
	*(LooseQuad *) panel = SHUFFLE(a, b, 0, 1, 4, 5);
	*(LooseQuad *) (panel + AFFINE_PANEL) = SHUFFLE(a, b, 2, 3, 6, 7);
	*(LooseQuad *) (panel + 2 * AFFINE_PANEL) = SHUFFLE(c, d, 0, 1, 4, 5);
	*(LooseQuad *) (panel + 3 * AFFINE_PANEL) = SHUFFLE(c, d, 2, 3, 6, 7);
}

static void
pack_outputs(const float *rows, size_t n, size_t d, size_t ld, float *panels)
{
	for (size_t j = 0; j < (n + AFFINE_PANEL - 1) / AFFINE_PANEL * AFFINE_PANEL; j += 4)
	{
		float *panel = panels + j / AFFINE_PANEL * AFFINE_PANEL * d + j % AFFINE_PANEL;
		size_t present = j < n ? n - j : 0;
		size_t p = 0;

		for (; d - p >= 4; p += 4)
			pack_quads(rows + (present > 0 ? j * ld + p : 0), present, ld, panel + p * AFFINE_PANEL);
		for (; p < d; p++)
			for (size_t r = 0; r < 4; r++)
				panel[p * AFFINE_PANEL + r] = r < present ? rows[(j + r) * ld + p] : 0.0f;
	}
}

static void
pack_inputs(const float *rows, size_t n, size_t d, size_t ld, float *panels)
{
	for (size_t j = 0; j < d; j += AFFINE_PANEL)
		for (size_t p = 0; p < n; p++, panels += AFFINE_PANEL)
		{
			const float *row = rows + p * ld + j;

			if (d - j >= AFFINE_PANEL)
				for (size_t c = 0; c < AFFINE_PANEL; c += LANES)
					*(LooseLanes *) (panels + c) = LOAD(row + c);
			else
				for (size_t c = 0; c < AFFINE_PANEL; c++)
					panels[c] = c < d - j ? LOAD_ONE(row + c) : 0.0f;
		}
}
