/*
 * kernels.h
 *	  The inner loops that decide how fast everything is, once for each instruction set.
 *
 * One source, kernels_body.h and what it includes, is compiled into a table of functions for each of
 *
 *		portable	four floats at a time: SSE2 on x86-64, NEON on aarch64, what the compiler makes of it elsewhere
 *		x86-64-v3	eight, AVX2 with FMA
 *		x86-64-v4	sixteen, AVX-512
 *
 * and uiml_kernels() gives the best that this processor runs.  There are no ifunc resolvers (musl lacks them,
 * and they run before a sanitizer is ready) and no pointer to set up: the tables are constants.
 *
 * The order in which a sum is added up is fixed by the source and the width.  So results of two processors
 * differ in their last digits if their widths do, or if one fuses multiply and add; on one processor they are
 * always the same.  Kernels allocate nothing, know no errors and need nothing of libc.  Pointers to floats
 * need no alignment.
 */
#ifndef UIML_KERNELS_H
#define UIML_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of a panel of gram_add. */
#define UIML_GRAM_PAD 8

/* Points of one call of nearest, and the most centroids in a panel. */
#define UIML_NEAREST_POINTS 24
#define UIML_PANEL_MAX      32

/* Outputs of a panel of affine's weights. */
#define UIML_AFFINE_PANEL 16

typedef enum UimlActivation
{
	UIML_ACTIVATION_NONE,
	UIML_ACTIVATION_GELU,      /* x (1 + erf(x / sqrt(2))) / 2 */
	UIML_ACTIVATION_GELU_TANH, /* x (1 + tanh(sqrt(2 / pi) (x + .044715 x^3))) / 2 */
	UIML_ACTIVATION_RELU
} UimlActivation;

/*
 * y = activation(factor * (x W) + bias) + residual, where factor, bias and residual may be NULL.
 *
 * x is m x k, W k x n, y and residual m x n; rows lie ldx, ldy and ldr floats apart.  W lies in panels of
 * UIML_AFFINE_PANEL outputs: element (input p, output j) is panels[(j / 16 * k + p) * 16 + j % 16], and outputs beyond
 * n of the last panel are 0.  bias has n elements, factor one for each row.  y may be residual, row for row.
 */
typedef struct UimlAffine
{
	size_t m, k, n;
	const float *x;
	size_t ldx;
	const float *panels;
	const float *factor;
	const float *bias;
	const float *residual;
	size_t ldr;
	UimlActivation activation;
	float *y;
	size_t ldy;
} UimlAffine;

/*
 * A step of an LSTM for some sequences.  Rows of gates have 4 hidden elements, the gates input, forget, candidate and
 * output of all units; rows of the others have hidden ones.  Rows follow each other without a gap.
 */
typedef struct UimlLstmGates
{
	size_t rows, hidden;
	float *gates;
	const float *input;    /* what is added to gates: rows of 4 hidden, */
	const uint32_t *index; /* of which row r has number index[r]; or r, where this is NULL */
	bool first;            /* gates isn't read, only written: input is all there is */
	const float *c_before; /* NULL: zero */
	float *c, *tanh_c, *h;
	const float *dh;
	float *dc;
} UimlLstmGates;

/* Weights in training: gradients count times scale; mean and square are moments of them. */
typedef struct UimlOptimizer
{
	float *weight;
	const float *gradient;
	float *mean, *square;
	float scale, rate, mean_rate, square_rate, epsilon;
} UimlOptimizer;

typedef struct UimlKernels
{
	const char *name;

	/*
	 * Sums over dim elements of finite a and b.  Lanes of float are added up in double every few hundred
	 * elements; they may overflow, and l2_squared and cosine may underflow: see vector.c, which then sums in
	 * double.  cosine writes a'b, a'a and b'b.
	 */
	double (*dot)(const float *a, const float *b, size_t dim);
	double (*l2_squared)(const float *a, const float *b, size_t dim);
	double (*l1)(const float *a, const float *b, size_t dim);
	void (*cosine)(const float *a, const float *b, size_t dim, double *products);

	/* Sum of squares, in double throughout. */
	double (*square_sum)(const float *x, size_t dim);

	/* Element by element; result may be a or b. scale multiplies in double and rounds once. */
	void (*add)(const float *a, const float *b, size_t dim, float *result);
	void (*subtract)(const float *a, const float *b, size_t dim, float *result);
	void (*multiply)(const float *a, const float *b, size_t dim, float *result);
	void (*scale)(const float *x, double factor, size_t dim, float *result);
	bool (*is_finite)(const float *x, size_t dim);

	/* sum += x, sum += x * weight, and sum += x * weight of doubles. */
	void (*accumulate)(const float *x, size_t dim, double *sum);
	void (*accumulate_weighted)(const float *x, double weight, size_t dim, double *sum);
	void (*accumulate_f64)(const double *x, double weight, size_t dim, double *sum);

	/*
	 * A block of rows in double precision lies in panels of UIML_GRAM_PAD columns, which begin stride apart: element
	 * (i, j) is block[j / UIML_GRAM_PAD * stride + i * UIML_GRAM_PAD + j % UIML_GRAM_PAD].
	 *
	 * widen: row, one of a block, = x.  centre: takes from each of n rows their mean, the sum of share[i] * row i,
	 * which row n receives, and multiplies row i by root[i].  gram_add: c (m x n) += a'b with so many rows of a and b,
	 * whose last panels are read as a whole; upper: b is a, and c's lower triangle stays as it is.
	 */
	void (*widen)(const float *x, size_t dim, double *row, size_t stride);
	void (*centre)(double *block, size_t panels, size_t stride, size_t n, const double *share,
				   const double *root);
	void (*gram_add)(const double *a, size_t m, const double *b, size_t n, size_t stride, size_t rows,
					 bool upper, double *c);

	/*
	 * Scores.  score_rows: score[i] += row i (of n) times vector; rows have d elements and lie stride apart;
	 * score_rows_twice does it for two vectors into their scores.  An item that is left out has -INFINITY.
	 */
	void (*score_rows)(const float *rows, size_t n, size_t stride, const float *vector, size_t d,
					   float *score);
	void (*score_rows_twice)(const float *rows, size_t n, size_t stride, const float *const *vector, size_t d,
							 float *const *score);

	/* The highest score if above 0, and the popularity and number of the items that take part. */
	void (*survey_scores)(const float *score, const float *popularity, size_t n, float *best, float *mass,
						  float *items);

	/*
	 * score = (score * scale)^power where score * scale, 1 at most, is above 1e-30, else 0.  Returns their
	 * sum.
	 */
	double (*raise_scores)(float *score, size_t n, float scale, float power);

	/* score = score * own + (popularity * common + even). */
	void (*mix_scores)(float *score, size_t n, const float *popularity, float own, float common, float even);

	/* depth = -log2(score * scale) where score * scale, 1 at most, is above 1e-30, else infinite. */
	void (*score_depths)(const float *score, size_t n, float scale, float *depth);

	/*
	 * The inner loops of a sparse-times-panel product; panel rows have l floats and lie stride apart.  gather_rows: z
	 * (l) += sum of value[k] * row col[k] of panel, k < n.  scatter_rows: row col[k] of panel += value[k] * z, k < n.
	 */
	void (*gather_rows)(const uint32_t *col, const float *value, size_t n, const float *panel, size_t stride,
						size_t l, float *z);
	void (*scatter_rows)(const uint32_t *col, const float *value, size_t n, const float *z, size_t stride,
						 size_t l, float *panel);

	/* The first of n scores with score - offset >= threshold, or n. */
	size_t (*find_above)(const float *score, const float *offset, float threshold, size_t n);

	/*
	 * The nearest of k centroids for each of n <= UIML_NEAREST_POINTS points x (n x d; all
	 * UIML_NEAREST_POINTS rows are there, and finite).  Centroids lie in panels of so many, dimension by
	 * dimension: element j of centroid c is panels[(c / panel * d + j) * panel + c % panel]; offset[c] is
	 * half its squared norm, and infinite for those that fill the last panel.  best receives the lowest
	 * offset - x'c, cluster its number (the first of equals), second the second lowest.  |x|^2 + 2 best is
	 * the squared distance.
	 */
	size_t panel;
	void (*nearest)(const float *x, size_t n, size_t d, const float *panels, const float *offset, size_t k,
					uint32_t *cluster, float *best, float *second);

	/* offset - x'c for the centroids of one panel: scores (n x panel). */
	void (*scores)(const float *x, size_t n, size_t d, const float *panel, const float *offset,
				   float *scores);

	/*
	 * What a layer of a neural network consists of.  A row's result never depends on the other rows of a call: each
	 * element is one sum in the order of the inputs.  So a text has the same vector alone and among others.
	 *
	 * affine: see UimlAffine; a call takes about 2 m k n / (30 to 200 times 1e9) seconds.  See uiml_affine (affine.h),
	 * which cuts a large one.
	 *
	 * pack_outputs, pack_inputs: rows (n x d, ld apart) as panels of W: each row an output, or each row an input.
	 * The first writes the rounded-up n times d floats, the second n times the rounded-up d.
	 *
	 * softmax: each of m rows of n > 0 finite elements, ld apart, becomes exp(scale (x - its largest)), scale >= 0;
	 * share[i] = 1 / the sum of row i; NaN where the largest is not finite.
	 *
	 * layer_norm: each of m rows of d elements, ld apart, becomes (x - mean) / sqrt(variance + epsilon) * gain + shift.
	 *
	 * maximum: result, which may be a or b, has the larger of each two elements.
	 */
	void (*affine)(const UimlAffine *affine);
	void (*pack_outputs)(const float *rows, size_t n, size_t d, size_t ld, float *panels);
	void (*pack_inputs)(const float *rows, size_t n, size_t d, size_t ld, float *panels);
	void (*softmax)(float *x, size_t m, size_t n, size_t ld, float scale, float *share);
	void (*layer_norm)(float *x, size_t m, size_t d, size_t ld, const float *gain, const float *shift,
					   float epsilon);
	void (*maximum)(const float *a, const float *b, size_t dim, float *result);

	/*
	 * What training adds to that.
	 *
	 * outer_add: c (m x n) += a'b with so many rows of a and b; rows lie lda, ldb and ldc floats apart.  Each element is
	 * one sum in the order of the rows.
	 *
	 * lstm_forward: gates (+ input, unless that is NULL) are activated in place, input, forget and output by the logistic
	 * function and the candidate by tanh, with relative errors of some 1e-7; c = forget c_before + input candidate,
	 * tanh_c, h = output tanh_c.
	 *
	 * lstm_backward: activated gates become the gradient of what they were activated from, given dh and, in dc, what the
	 * next step found for c; dc becomes the gradient of c_before.  Reads tanh_c, not c, h and input.
	 *
	 * add_rows: row index[r] of y += row r of x, for so many rows of n elements, in their order; the first row of y += all
	 * of them where index is NULL.
	 *
	 * cross_entropy: each of m rows of n finite elements, ld apart, becomes weight times (softmax - 1 at its target), or
	 * zeros where its target is n or more; without targets these are all n - 1.  Returns the sum of -ln softmax at targets, and adds to *hits the rows whose
	 * target has the largest element.
	 *
	 * adam: mean += mean_rate (g - mean), square += square_rate (g^2 - square), weight -= rate mean / (sqrt(square) +
	 * epsilon) for n elements, where g is scale times gradient.  adagrad: square += g^2, weight -= rate g /
	 * (sqrt(square) + epsilon).  A square below the smallest normal float has the root 0.
	 */
	void (*outer_add)(const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t m, size_t n,
					  float *c, size_t ldc);
	void (*lstm_forward)(const UimlLstmGates *step);
	void (*lstm_backward)(const UimlLstmGates *step);
	void (*add_rows)(size_t rows, size_t n, const float *x, size_t ldx, const uint32_t *index, float *y,
					 size_t ldy);
	double (*cross_entropy)(float *x, size_t m, size_t n, size_t ld, const uint32_t *target, float weight,
							size_t *hits);
	void (*adam)(const UimlOptimizer *optimizer, size_t n);
	void (*adagrad)(const UimlOptimizer *optimizer, size_t n);
} UimlKernels;

/* The fastest that this processor runs; about a nanosecond. */
extern const UimlKernels *uiml_kernels(void);

/* The i-th that this processor runs, slowest first, or NULL: for tests and benchmarks. */
extern const UimlKernels *uiml_kernels_variant(size_t i);

#endif /* UIML_KERNELS_H */
