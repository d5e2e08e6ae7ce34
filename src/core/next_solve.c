/*
 * next_solve.c
 *	  Ridges of full rank from item to item, by conjugate gradients on panels of columns.
 *
 * The system is scaled to a unit diagonal, D^-1/2 (X'X + lambda I) D^-1/2, which takes the place of a preconditioner:
 * some ten iterations leave a residual of a hundredth, far below what the cut to the largest weights leaves out.
 * Columns of a panel share each load of an element of the matrix, and each has its own step length; panels are
 * independent of each other, so that several may be worked on at a time without a change of any digit.
 */
#include "core/next_solve.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/next_links.h"
#include "core/sparse.h"

#define WIDTH          32  /* columns of a panel: two cache lines */
#define MAX_PANELS     2   /* at a time */
#define PANEL_ENTRIES  8e6 /* of the matrix, times panels, between two checks: some ten milliseconds */
#define MAX_ITERATIONS 60
#define TOLERANCE      1e-2
#define MOST_PRODUCTS  1e11 /* entries times items: some minutes */
#define SUM_ROWS       64   /* summed in single precision */

typedef struct Panel
{
	size_t width; /* 0: nothing to do */
	uint32_t item[WIDTH];
	float *x, *r, *p, *q; /* n x WIDTH */
	double square[WIDTH]; /* of the residual */
	bool started;
	bool done;
} Panel;

typedef struct Solver
{
	const UimlNextEvents *events;
	const UimlNextRidgeSpec *spec;
	size_t n;
	UimlSparse gram;  /* scaled */
	UimlSparse cross; /* Y'X, columns scaled; not for together */
	float *root;      /* n: D^-1/2 */
	float *scale;     /* n: 1 / root */
	double *diagonal; /* n: of the scaled inverse */
	float *weight;    /* n: a row of W */
	size_t n_panels;
	Panel panel[MAX_PANELS];
} Solver;

static void
sparse_free(const UimlEnv *env, UimlSparse *x)
{
	uiml_free(env, x->row_start);
	uiml_free(env, x->col);
	uiml_free(env, x->value);
}

static void
solver_free(const UimlEnv *env, Solver *s)
{
	sparse_free(env, &s->gram);
	sparse_free(env, &s->cross);
	uiml_free(env, s->root);
	uiml_free(env, s->scale);
	uiml_free(env, s->diagonal);
	uiml_free(env, s->weight);
	for (size_t i = 0; i < MAX_PANELS; i++)
		uiml_free(env, s->panel[i].x);
}

/* Counts all rows: only how many entries they have, or the entries as well. */
static UimlStatus
count_rows(const UimlEnv *env, const Solver *s, UimlNextCount count, UimlNextRow *row, UimlSparse *matrix)
{
	UimlStatus status = UIML_OK;

	for (uint32_t c = 0; status == UIML_OK && c < s->n; c++)
	{
		size_t at = matrix->row_start[c];

		status = count(env, s->events, s->spec->decay, s->spec->steps, c, row);
		for (size_t i = 0; matrix->col != NULL && i < row->n; i++)
		{
			matrix->col[at + i] = row->col[i];
			matrix->value[at + i] = row->value[row->col[i]];
		}
		matrix->row_start[c + 1] = at + row->n;
		uiml_next_row_clear(row);
		if (c % 256 == 255 && status == UIML_OK && uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
	}
	return status;
}

static UimlStatus
count_matrix(const UimlEnv *env, const Solver *s, UimlNextCount count, UimlNextRow *row, UimlSparse *matrix)
{
	matrix->col = uiml_alloc(env, matrix->row_start[s->n], sizeof(uint32_t));
	matrix->value = uiml_alloc(env, matrix->row_start[s->n], sizeof(float));
	if (matrix->col == NULL || matrix->value == NULL)
		return UIML_ENOMEM;
	return count_rows(env, s, count, row, matrix);
}

/* Whether time and memory allow a matrix of so many entries. */
static bool
allowed(const Solver *s, size_t active, size_t memory)
{
	double entries = (double) s->gram.row_start[s->n];
	double cross = s->spec->together ? 0 : (double) s->cross.row_start[s->n];
	double n = (double) s->n;
	double bytes = 8 * (entries + cross + (double) active * (double) uiml_next_most_links(s->n)) +
				   n * (4.0 * WIDTH * MAX_PANELS * sizeof(float) + 64);

	return (entries + cross) * (double) active <= MOST_PRODUCTS && (memory == 0 || bytes <= (double) memory);
}

/* Scales X'X + lambda I to a unit diagonal, and the columns of Y'X alike. */
static void
scale_matrices(Solver *s)
{
	for (size_t i = 0; i < s->n; i++)
	{
		float diagonal = (float) s->spec->lambda;

		for (size_t e = s->gram.row_start[i]; e < s->gram.row_start[i + 1]; e++)
			if (s->gram.col[e] == i)
				diagonal = s->gram.value[e] += (float) s->spec->lambda;
		s->root[i] = 1 / sqrtf(diagonal);
		s->scale[i] = sqrtf(diagonal);
	}
	for (size_t i = 0; i < s->n; i++)
		for (size_t e = s->gram.row_start[i]; e < s->gram.row_start[i + 1]; e++)
			s->gram.value[e] *= s->root[i] * s->root[s->gram.col[e]];
	for (size_t i = 0; !s->spec->together && i < s->n; i++)
		for (size_t e = s->cross.row_start[i]; e < s->cross.row_start[i + 1]; e++)
			s->cross.value[e] *= s->root[s->cross.col[e]];
}

static UimlStatus
create_panels(const UimlEnv *env, Solver *s)
{
	size_t entries = s->gram.row_start[s->n] + 1;
	double panels = PANEL_ENTRIES / (double) entries;
	size_t size = s->n * WIDTH;

	s->n_panels = panels >= MAX_PANELS ? MAX_PANELS : panels >= 1 ? (size_t) panels : 1;
	for (size_t i = 0; i < s->n_panels; i++)
	{
		Panel *panel = &s->panel[i];

		panel->x = uiml_alloc(env, size, 4 * sizeof(float));
		if (panel->x == NULL)
			return UIML_ENOMEM;
		panel->r = panel->x + size;
		panel->p = panel->r + size;
		panel->q = panel->p + size;
	}
	return UIML_OK;
}

/* The matrices, and room for what solves with them. */
static UimlStatus
solver_create(const UimlEnv *env, Solver *s, size_t active, size_t memory)
{
	bool together = s->spec->together;
	UimlNextCount gram = together ? uiml_next_count_together : uiml_next_count_histories;
	UimlNextRow row = {0};
	UimlStatus status;

	s->gram = (UimlSparse){.n_rows = s->n, .n_cols = s->n};
	s->cross = s->gram;
	s->gram.row_start = uiml_alloc0(env, s->n + 1, sizeof(size_t));
	s->cross.row_start = uiml_alloc0(env, s->n + 1, sizeof(size_t));
	s->root = uiml_alloc(env, s->n, sizeof(float));
	s->scale = uiml_alloc(env, s->n, sizeof(float));
	s->diagonal = uiml_alloc0(env, s->n, sizeof(double));
	s->weight = uiml_alloc(env, s->n, sizeof(float));
	status = uiml_next_row_create(env, s->n, &row);
	if (s->gram.row_start == NULL || s->cross.row_start == NULL || s->root == NULL || s->scale == NULL ||
		s->diagonal == NULL || s->weight == NULL)
		status = UIML_ENOMEM;
	if (status == UIML_OK)
		status = count_rows(env, s, gram, &row, &s->gram);
	if (status == UIML_OK && !together)
		status = count_rows(env, s, uiml_next_count_predecessors, &row, &s->cross);
	if (status == UIML_OK && !allowed(s, active, memory))
		status = UIML_ELIMIT;
	if (status == UIML_OK)
		status = count_matrix(env, s, gram, &row, &s->gram);
	if (status == UIML_OK && !together)
		status = count_matrix(env, s, uiml_next_count_predecessors, &row, &s->cross);
	uiml_next_row_free(env, &row);
	if (status != UIML_OK)
		return status;
	scale_matrices(s);
	return create_panels(env, s);
}

/* sum (WIDTH) of a b over the rows of two panels: in single precision only over a few. */
static void
products(const float *a, const float *b, size_t n, double *sum)
{
	memset(sum, 0, WIDTH * sizeof(double));
	for (size_t from = 0; from < n; from += SUM_ROWS)
	{
		size_t to = from + SUM_ROWS < n ? from + SUM_ROWS : n;
		float part[WIDTH] = {0};

		for (size_t i = from * WIDTH; i < to * WIDTH; i += WIDTH)
			for (size_t l = 0; l < WIDTH; l++)
				part[l] += a[i + l] * b[i + l];
		for (size_t l = 0; l < WIDTH; l++)
			sum[l] += (double) part[l];
	}
}

/* Solves for unit vectors from zero. */
static void
start_panel(const Solver *s, Panel *panel)
{
	memset(panel->x, 0, s->n * WIDTH * sizeof(float));
	memset(panel->r, 0, s->n * WIDTH * sizeof(float));
	for (size_t l = 0; l < panel->width; l++)
		panel->r[panel->item[l] * WIDTH + l] = 1;
	memcpy(panel->p, panel->r, s->n * WIDTH * sizeof(float));
	for (size_t l = 0; l < WIDTH; l++)
		panel->square[l] = l < panel->width;
	panel->started = false;
	panel->done = panel->width == 0;
}

/* q = matrix times a panel. */
static void
multiply(const UimlSparse *matrix, const float *panel, float *q)
{
	const UimlKernels *kernels = uiml_kernels();

	memset(q, 0, matrix->n_rows * WIDTH * sizeof(float));
	for (size_t i = 0; i < matrix->n_rows; i++)
	{
		size_t at = matrix->row_start[i];

		kernels->gather_rows(matrix->col + at, matrix->value + at, matrix->row_start[i + 1] - at, panel,
							 WIDTH, WIDTH, q + i * WIDTH);
	}
}

/* q = matrix times the unit vectors that a panel starts with: its rows, as it is symmetric. */
static void
multiply_units(const UimlSparse *matrix, const Panel *panel)
{
	memset(panel->q, 0, matrix->n_rows * WIDTH * sizeof(float));
	for (size_t l = 0; l < panel->width; l++)
		for (size_t e = matrix->row_start[panel->item[l]]; e < matrix->row_start[panel->item[l] + 1]; e++)
			panel->q[matrix->col[e] * WIDTH + l] = matrix->value[e];
}

/* A UimlTaskFn: one iteration of a panel. */
static void
iterate(void *arg, size_t piece)
{
	const Solver *s = arg;
	Panel *panel = &((Solver *) arg)->panel[piece];
	double product[WIDTH], square[WIDTH];
	float alpha[WIDTH], beta[WIDTH];

	if (panel->done)
		return;
	if (panel->started)
		multiply(&s->gram, panel->p, panel->q);
	else
		multiply_units(&s->gram, panel);
	panel->started = true;
	products(panel->p, panel->q, s->n, product);
	for (size_t l = 0; l < WIDTH; l++)
		alpha[l] = product[l] > 0 ? (float) (panel->square[l] / product[l]) : 0;
	for (size_t i = 0; i < s->n * WIDTH; i += WIDTH)
		for (size_t l = 0; l < WIDTH; l++)
		{
			panel->x[i + l] += alpha[l] * panel->p[i + l];
			panel->r[i + l] -= alpha[l] * panel->q[i + l];
		}
	products(panel->r, panel->r, s->n, square);
	panel->done = true;
	for (size_t l = 0; l < WIDTH; l++)
	{
		beta[l] = panel->square[l] > 0 ? (float) (square[l] / panel->square[l]) : 0;
		panel->square[l] = square[l];
		panel->done = panel->done && square[l] <= TOLERANCE * TOLERANCE;
	}
	for (size_t i = 0; i < s->n * WIDTH; i += WIDTH)
		for (size_t l = 0; l < WIDTH; l++)
			panel->p[i + l] = panel->r[i + l] + beta[l] * panel->p[i + l];
}

/* A UimlTaskFn: q = Y'X times the rows of the inverse that a panel holds. */
static void
cross_multiply(void *arg, size_t piece)
{
	const Solver *s = arg;

	if (s->panel[piece].width > 0)
		multiply(&s->cross, s->panel[piece].x, s->panel[piece].q);
}

static UimlStatus
solve_panels(const UimlEnv *env, Solver *s)
{
	bool done = false;

	for (size_t i = 0; i < s->n_panels; i++)
		start_panel(s, &s->panel[i]);
	for (size_t iteration = 0; !done && iteration < MAX_ITERATIONS; iteration++)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		uiml_parallel(env, s->n_panels, iterate, s);
		done = true;
		for (size_t i = 0; i < s->n_panels; i++)
			done = done && s->panel[i].done;
	}
	if (uiml_interrupted(env))
		return UIML_EINTERRUPTED;
	if (!s->spec->together)
		uiml_parallel(env, s->n_panels, cross_multiply, s);
	return UIML_OK;
}

/*
 * Writes the row of W in column l of a panel.  Of together, p_jj of the other items need not be known yet: rows are
 * divided by it at last, and until then the root of the scaling says how large it will be.
 */
static void
write_row(Solver *s, const Panel *panel, size_t l, UimlNextWriter *writer)
{
	uint32_t item = panel->item[l];
	const float *column = (s->spec->together ? panel->x : panel->q) + l;
	float factor = s->spec->together ? -s->root[item] : s->root[item];

	while (writer->next < item)
		uiml_next_writer_put(writer, NULL, s->weight, 0, NULL);
	for (size_t j = 0; j < s->n; j++)
		s->weight[j] = factor * column[j * WIDTH];
	if (s->spec->together)
	{
		s->diagonal[item] = (double) column[item * WIDTH];
		s->weight[item] = 0;
	}
	uiml_next_writer_put(writer, NULL, s->weight, s->n, s->spec->together ? s->scale : NULL);
}

/* Gives the panels the next items that have events; how many they got. */
static size_t
fill_panels(Solver *s, size_t *item)
{
	size_t filled = 0;

	for (size_t i = 0; i < s->n_panels; i++)
	{
		s->panel[i].width = 0;
		for (; *item < s->n && s->panel[i].width < WIDTH; ++*item)
			if (s->events->start[*item + 1] > s->events->start[*item])
				s->panel[i].item[s->panel[i].width++] = (uint32_t) *item;
		filled += s->panel[i].width;
	}
	return filled;
}

/* Divides by the diagonal of the inverse: w_ij = - p_ij / p_jj. */
static void
divide_links(const Solver *s, UimlNextWriter *writer)
{
	uint64_t n = writer->start[s->n];

	for (uint64_t e = 0; e < n; e++)
	{
		uint32_t j = writer->class_no[e];

		writer->weight[e] =
			s->diagonal[j] > 0 ? (float) ((double) (writer->weight[e] * s->scale[j]) / s->diagonal[j]) : 0;
	}
}

static UimlStatus
solve_all(const UimlEnv *env, Solver *s, size_t active, UimlNextWriter *writer)
{
	size_t item = 0;
	size_t done = 0;
	size_t filled;
	UimlStatus status = UIML_OK;

	while (status == UIML_OK && (filled = fill_panels(s, &item)) > 0)
	{
		status = solve_panels(env, s);
		for (size_t i = 0; status == UIML_OK && i < s->n_panels; i++)
		{
			for (size_t l = 0; l < s->panel[i].width; l++)
				write_row(s, &s->panel[i], l, writer);
			if (uiml_interrupted(env))
				status = UIML_EINTERRUPTED;
		}
		done += filled;
		uiml_progress(env, s->spec->together ? "ease" : "ridge", (double) done, (double) active);
	}
	while (writer->next < s->n)
		uiml_next_writer_put(writer, NULL, s->weight, 0, NULL);
	if (status == UIML_OK && s->spec->together)
		divide_links(s, writer);
	return status;
}

UimlStatus
uiml_next_fit_links(const UimlEnv *env, const UimlNextEvents *events, const UimlNextRidgeSpec *spec,
					size_t memory, UimlNextLinks *links)
{
	Solver s = {.events = events, .spec = spec, .n = events->n_classes};
	UimlNextWriter writer = {0};
	size_t active = 0;
	UimlStatus status;

	for (size_t c = 0; c < s.n; c++)
		active += events->start[c + 1] > events->start[c];
	status = solver_create(env, &s, active, memory);
	if (status == UIML_OK)
		status = uiml_next_writer_create(env, s.n, active * uiml_next_most_links(s.n), &writer);
	if (status == UIML_OK)
		status = solve_all(env, &s, active, &writer);
	if (status == UIML_OK)
		uiml_next_writer_finish(env, &writer, links);
	uiml_next_writer_free(env, &writer);
	solver_free(env, &s);
	return status;
}
