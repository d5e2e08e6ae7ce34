/*
 * kernels_affine.h
 *	  Products of a few rows with packed weights: the layers of a neural network.
 */
#define AFFINE_PANEL UIML_AFFINE_PANEL
#if LANES == 16
#define TILE_ROWS 12
#else
#define TILE_ROWS 6
#endif
#define TILE_VECTORS 2
#define AFFINE_ROWS  96
#define AFFINE_SLICE 256

/* Rows x vectors sums, over one slice of inputs. */
INLINE void
affine_tile(const size_t rows, const size_t vectors, const float *x, size_t ldx, const float *panel, size_t k,
			size_t count, bool resume, float *sums, size_t width)
{
	Lanes s[TILE_ROWS][8];

#pragma GCC unroll 12
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
		for (size_t v = 0; v < vectors; v++)
			s[r][v] = resume ? (Lanes) LOAD(sums + r * width + v * LANES) : (Lanes){0};
	for (size_t p = 0; p < count; p++)
	{
		Lanes w[8];

#pragma GCC unroll 8
		for (size_t v = 0; v < vectors; v++)
			w[v] = LOAD(panel + p * AFFINE_PANEL + v * LANES / AFFINE_PANEL * AFFINE_PANEL * k +
						v * LANES % AFFINE_PANEL);
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

static void
affine(const UimlAffine *a)
{
	for (size_t i = 0; i < a->m; i++)
		for (size_t j = 0; j < a->n; j += AFFINE_PANEL)
		{
			float sums[AFFINE_PANEL];
			size_t c;

			for (size_t v = 0; v < AFFINE_PANEL; v += LANES)
			{
				affine_tile(1, 1, a->x + i * a->ldx, a->ldx, a->panels + j * a->k + v, a->k, a->k, false,
							sums + v, AFFINE_PANEL);
			}
			for (c = 0; c < AFFINE_PANEL && j + c < a->n; c++)
			{
				float y = sums[c];

				if (a->factor)
					y *= a->factor[i];
				if (a->bias)
					y += a->bias[j + c];
				if (a->activation == UIML_ACTIVATION_GELU)
					y = lanes_gelu((Lanes){0} + y)[0];
				else if (a->activation == UIML_ACTIVATION_GELU_TANH)
					y = lanes_gelu_tanh((Lanes){0} + y)[0];
				else if (a->activation == UIML_ACTIVATION_RELU)
					y = y > 0 ? y : 0;
				if (a->residual)
					y += a->residual[i * a->ldr + j + c];
				a->y[i * a->ldy + j + c] = y;
			}
		}
}

static void
pack_outputs(const float *rows, size_t n, size_t d, size_t ld, float *panels)
{
	for (size_t j = 0; j < (n + AFFINE_PANEL - 1) / AFFINE_PANEL * AFFINE_PANEL; j++)
		for (size_t p = 0; p < d; p++)
			panels[(j / AFFINE_PANEL * d + p) * AFFINE_PANEL + j % AFFINE_PANEL] =
				j < n ? rows[j * ld + p] : 0;
}

static void
pack_inputs(const float *rows, size_t n, size_t d, size_t ld, float *panels)
{
	for (size_t p = 0; p < n; p++)
		for (size_t j = 0; j < (d + AFFINE_PANEL - 1) / AFFINE_PANEL * AFFINE_PANEL; j++)
			panels[(j / AFFINE_PANEL * n + p) * AFFINE_PANEL + j % AFFINE_PANEL] =
				j < d ? rows[p * ld + j] : 0;
}
