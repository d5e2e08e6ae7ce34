/*
 * verdict.c
 *	  Cross-validation of the least-squares candidates from fold statistics.
 *
 * A fit W = W0 + Q D Z, with Q L Q' = Cxx of the other folds, Z = Q'(Cxy - Cxx W0) and D = (L + lambda)^-1,
 * errs on the rows of the held fold by
 *
 *		SSE = tr Ryy - 2 <Q D Z, Rxy> + <Q D Z, Mxx Q D Z>
 *
 * where M are the held fold's moments about the means of the others (so the intercept is no term of its own)
 * and R those of what W0 leaves.  Turned by Q once, it is tr Ryy - 2 sum d_i a_i + sum d_i d_j H_ij with a_i =
 * Z_i (Q'Rxy)_i and H = Q'Mxx Q times Z Z' entry by entry: p^2 operations for a penalty.  W0 = 0 and a prior
 * share Q and Q'Mxx Q; D = 0 is the prior alone.
 *
 * The others are merged anew for each fold.  Subtracting the held fold from the total would cost less, but
 * what is left then carries the rounding of the total: folds of very different size or place would suffer.
 *
 * The lowest of fifty errors is low by luck as well.  So the gain that the verdict rests on is measured on
 * folds that had no say: for each, candidate and penalty are chosen, or the mean is kept, by the errors on
 * the other folds.  (Those were fitted on rows of this fold, too; what that leaks is of second order.)  Of
 * 200 scrambled sources in test_verdict five are trusted, with a penalty that leaves hardly any map.
 */
#include "core/verdict.h"

#include <math.h>
#include <string.h>

#include "core/linalg.h"

/* Everything that is scored on a fold, one column each; of equal ones the last is preferred. */
enum
{
	COLUMN_RIDGE,
	COLUMN_BIASED = COLUMN_RIDGE + UIML_RIDGE_PENALTIES,
	COLUMN_PRIOR = COLUMN_BIASED + UIML_RIDGE_PENALTIES,
	COLUMN_MEAN,
	COLUMN_CHOSEN, /* what the other folds choose of those above */
	N_COLUMNS
};

typedef struct Trial
{
	const UimlEnv *env;
	const UimlTransferStats *const *fold;
	size_t n_folds;
	size_t p, q;
	bool intercept;
	const UimlPrior *prior;
	bool varies; /* x does: there are penalties to try */
	double lambda[UIML_RIDGE_PENALTIES];
	double df[UIML_RIDGE_PENALTIES];
	double *sse; /* n_folds x N_COLUMNS; NaN: not scored */

	UimlTransferStats *others; /* the sum of all folds but one */
	double *xx;                /* p x p: Q' Mxx Q */
	double *xy;                /* p x q: Q' Mxy, then what the prior leaves of it */
	double yy;                 /* tr Myy, then tr Ryy */
	double *z;                 /* p x q */
	double *turned;            /* p x q: Q' W0 */
	double *work;              /* p x p */
	double *quadratic;         /* p x p: H */
	double *linear;            /* p: a */
	double *damping;           /* p: d */
} Trial;

/* --- one fold ------------------------------------------------------------------------------------------- */

static UimlStatus
merge_folds(Trial *trial, size_t held)
{
	UimlTransferStats *sum = trial->others;

	sum->n = 0; /* which makes the first merge a copy */
	for (size_t f = 0; f < trial->n_folds; f++)
	{
		UimlStatus status;

		if (f == held)
			continue;
		if (uiml_interrupted(trial->env))
			return UIML_EINTERRUPTED;
		status = uiml_transfer_merge(sum, trial->fold[f]);
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

/* The held fold's Mxx into work, Mxy into z and tr Myy, about the ridge's means. */
static void
read_held(Trial *trial, const UimlTransferStats *held, const UimlRidge *ridge)
{
	const double *cxx = uiml_transfer_cxx(held);
	const double *cxy = uiml_transfer_cxy(held);
	const double *cyy = uiml_transfer_cyy(held);
	size_t p = trial->p;
	size_t q = trial->q;

	trial->yy = 0;
	for (size_t j = 0; j < q; j++)
	{
		double dy = uiml_transfer_mean_y(held)[j] - ridge->mean_y[j];

		trial->yy += cyy[j * q + j] + held->weight * dy * dy;
	}
	for (size_t i = 0; i < p; i++)
	{
		double dx = held->weight * (uiml_transfer_mean_x(held)[i] - ridge->mean_x[i]);

		for (size_t j = i; j < p; j++)
			trial->work[i * p + j] = trial->work[j * p + i] =
				cxx[i * p + j] + dx * (uiml_transfer_mean_x(held)[j] - ridge->mean_x[j]);
		for (size_t j = 0; j < q; j++)
			trial->z[i * q + j] = cxy[i * q + j] + dx * (uiml_transfer_mean_y(held)[j] - ridge->mean_y[j]);
	}
}

/* The held fold's moments, turned by the eigenvectors. */
static UimlStatus
turn_held(Trial *trial, const UimlTransferStats *held, const UimlRidge *ridge)
{
	const UimlEnv *env = trial->env;
	size_t p = trial->p;
	size_t q = trial->q;
	UimlStatus status;

	read_held(trial, held, ridge);
	status = uiml_gemm_f64(env, true, false, p, q, p, 1, ridge->vector, trial->z, 0, trial->xy);
	if (status == UIML_OK)
		status = uiml_gemm_f64(env, true, false, p, p, p, 1, ridge->vector, trial->work, 0, trial->quadratic);
	if (status == UIML_OK)
		status = uiml_gemm_f64(env, false, false, p, p, p, 1, trial->quadratic, ridge->vector, 0, trial->xx);
	memcpy(trial->z, ridge->z, p * q * sizeof(double));
	return status;
}

/* Goes from ridge to 0 to ridge to the prior: z, xy and yy become those of what it leaves. */
static UimlStatus
leave_prior(Trial *trial, const UimlRidge *ridge, size_t f)
{
	size_t p = trial->p;
	size_t cells = p * trial->q;
	const double *prior = trial->prior->by_fold != NULL ? trial->prior->by_fold + f * cells : trial->prior->w;
	UimlStatus status =
		uiml_gemm_f64(trial->env, true, false, p, trial->q, p, 1, ridge->vector, prior, 0, trial->turned);

	for (size_t i = 0; status == UIML_OK && i < cells; i++)
	{
		trial->z[i] -= ridge->value[i / trial->q] * trial->turned[i];
		trial->yy -= trial->turned[i] * trial->xy[i];
	}
	if (status == UIML_OK)
		status = uiml_gemm_f64(trial->env, false, false, p, trial->q, p, -1, trial->xx, trial->turned, 1,
							   trial->xy);
	for (size_t i = 0; status == UIML_OK && i < cells; i++)
		trial->yy -= trial->turned[i] * trial->xy[i];
	return status;
}

static double
squared_error(Trial *trial, const double *value, double lambda)
{
	double error = trial->yy;

	for (size_t i = 0; i < trial->p; i++)
		trial->damping[i] = 1 / (value[i] + lambda);
	for (size_t i = 0; i < trial->p; i++)
	{
		const double *row = trial->quadratic + i * trial->p;
		double sum = 0;

		for (size_t j = 0; j < trial->p; j++)
			sum += row[j] * trial->damping[j];
		error += trial->damping[i] * (sum - 2 * trial->linear[i]);
	}
	return fmax(error, 0); /* fmax(NaN, 0) is 0: what went in is known to be finite */
}

/* Scores every penalty into UIML_RIDGE_PENALTIES columns. */
static UimlStatus
score_path(Trial *trial, const UimlRidge *ridge, double *column)
{
	size_t p = trial->p;
	size_t q = trial->q;
	UimlStatus status =
		uiml_gemm_f64(trial->env, false, true, p, p, q, 1, trial->z, trial->z, 0, trial->quadratic);

	if (status != UIML_OK)
		return status;
	for (size_t i = 0; i < p * p; i++)
		trial->quadratic[i] *= trial->xx[i];
	for (size_t i = 0; i < p; i++)
	{
		trial->linear[i] = 0;
		for (size_t j = 0; j < q; j++)
			trial->linear[i] += trial->z[i * q + j] * trial->xy[i * q + j];
	}
	for (size_t k = 0; k < UIML_RIDGE_PENALTIES; k++)
	{
		if (uiml_interrupted(trial->env))
			return UIML_EINTERRUPTED;
		column[k] = squared_error(trial, ridge->value, trial->lambda[k]);
	}
	return UIML_OK;
}

/* The error of the others' mean on the held fold. */
static double
error_of_mean(const Trial *trial, const UimlTransferStats *held)
{
	double error = 0;

	for (size_t j = 0; j < trial->q; j++)
	{
		double dy = uiml_transfer_mean_y(held)[j] - uiml_transfer_mean_y(trial->others)[j];

		error += uiml_transfer_cyy(held)[j * trial->q + j] + held->weight * dy * dy;
	}
	return error;
}

static UimlStatus
score_fold(Trial *trial, size_t f)
{
	const UimlTransferStats *held = trial->fold[f];
	double *sse = trial->sse + f * N_COLUMNS;
	UimlRidge ridge;
	UimlStatus status = merge_folds(trial, f);

	if (status == UIML_OK)
		status = uiml_ridge_begin(trial->env, trial->others, trial->intercept, NULL, &ridge);
	if (status != UIML_OK)
		return status;
	sse[COLUMN_MEAN] = error_of_mean(trial, held);
	status = turn_held(trial, held, &ridge);
	if (status == UIML_OK && trial->varies)
		status = score_path(trial, &ridge, sse + COLUMN_RIDGE);
	if (status == UIML_OK && trial->prior != NULL)
		status = leave_prior(trial, &ridge, f);
	if (status == UIML_OK && trial->prior != NULL)
	{
		sse[COLUMN_PRIOR] = fmax(trial->yy, 0);
		if (trial->varies)
			status = score_path(trial, &ridge, sse + COLUMN_BIASED);
	}
	uiml_ridge_free(trial->env, &ridge);
	return status;
}

/* --- all folds ------------------------------------------------------------------------------------------ */

/*
 * The error of column less that of baseline (N_COLUMNS: 0), averaged over rows of all folds but one (n_folds:
 * of all), and its standard error over folds, each by its share of the weight: with equal folds the deviation
 * of their means over the root of their number; 0 for a single one.
 */
static double
average_folds(const Trial *trial, size_t without, size_t column, size_t baseline, double *se)
{
	double sum = 0, weight = 0, square = 0, folds = 0;

	for (size_t f = 0; f < trial->n_folds; f++)
	{
		const double *sse = trial->sse + f * N_COLUMNS;

		if (f == without || trial->fold[f]->n == 0)
			continue;
		sum += sse[column] - (baseline < N_COLUMNS ? sse[baseline] : 0);
		weight += trial->fold[f]->weight;
		folds++;
	}
	sum /= weight;
	for (size_t f = 0; f < trial->n_folds; f++)
	{
		const double *sse = trial->sse + f * N_COLUMNS;
		double difference;

		if (f == without || trial->fold[f]->n == 0)
			continue;
		difference = sse[column] - (baseline < N_COLUMNS ? sse[baseline] : 0);
		difference = (difference - sum * trial->fold[f]->weight) / weight;
		square += difference * difference;
	}
	*se = folds > 1 ? sqrt(square * folds / (folds - 1)) : 0;
	return sum;
}

/* The column first .. last of lowest error on all folds but one (n_folds: on all), the last of equal ones. */
static size_t
choose(const Trial *trial, size_t without, size_t first, size_t last)
{
	size_t best = last;
	double lowest = INFINITY;

	for (size_t column = last + 1; column-- > first;)
	{
		double se;
		double error = average_folds(trial, without, column, N_COLUMNS, &se);

		if (error < lowest)
		{
			lowest = error;
			best = column;
		}
	}
	return best;
}

/* Fills COLUMN_CHOSEN.  The other folds keep the mean where the gain that they see is within its error. */
static void
choose_each(Trial *trial)
{
	for (size_t f = 0; f < trial->n_folds; f++)
	{
		double *sse = trial->sse + f * N_COLUMNS;
		size_t column = choose(trial, f, COLUMN_RIDGE, COLUMN_MEAN);
		double se;

		if (!(average_folds(trial, f, COLUMN_MEAN, column, &se) > se))
			column = COLUMN_MEAN;
		sse[COLUMN_CHOSEN] = sse[column];
	}
}

static void
fill_path(const Trial *trial, size_t first, UimlPathPoint *path)
{
	for (size_t k = 0; k < UIML_RIDGE_PENALTIES; k++)
	{
		path[k].lambda = trial->lambda[k];
		path[k].df = trial->df[k];
		path[k].error = average_folds(trial, trial->n_folds, first + k, N_COLUMNS, &path[k].se);
		if (isnan(path[k].error))
			path[k] = (UimlPathPoint){NAN, NAN, NAN, NAN};
	}
}

static void
judge(Trial *trial, UimlVerdict *verdict)
{
	static const size_t ends[UIML_N_CANDIDATES][2] = {
		[UIML_CANDIDATE_MEAN] = {COLUMN_MEAN, COLUMN_MEAN},
		[UIML_CANDIDATE_RIDGE] = {COLUMN_RIDGE, COLUMN_BIASED - 1},
		[UIML_CANDIDATE_BIASED] = {COLUMN_BIASED, COLUMN_PRIOR - 1},
		[UIML_CANDIDATE_PRIOR] = {COLUMN_PRIOR, COLUMN_PRIOR}};
	size_t best = choose(trial, trial->n_folds, COLUMN_RIDGE, COLUMN_MEAN);

	fill_path(trial, COLUMN_RIDGE, verdict->path);
	fill_path(trial, COLUMN_BIASED, verdict->biased);
	for (UimlCandidate c = UIML_CANDIDATE_MEAN; c < UIML_N_CANDIDATES; c++)
	{
		size_t column = choose(trial, trial->n_folds, ends[c][0], ends[c][1]);

		verdict->error[c] = average_folds(trial, trial->n_folds, column, N_COLUMNS, &verdict->se[c]);
		if (best >= ends[c][0] && best <= ends[c][1])
			verdict->best = c;
	}
	verdict->lambda = best == COLUMN_MEAN ? NAN : INFINITY;
	if (best < COLUMN_PRIOR)
		verdict->lambda = trial->lambda[best % UIML_RIDGE_PENALTIES];
	choose_each(trial);
	verdict->gain = average_folds(trial, trial->n_folds, COLUMN_MEAN, COLUMN_CHOSEN, &verdict->gain_se);
	for (size_t f = 0; f < trial->n_folds; f++)
	{
		const double *sse = trial->sse + f * N_COLUMNS;

		verdict->fold_gain[f] = (sse[COLUMN_MEAN] - sse[COLUMN_CHOSEN]) / trial->fold[f]->weight;
	}
	verdict->used = verdict->best != UIML_CANDIDATE_MEAN && verdict->gain > verdict->gain_se;
}

/* Penalties and their degrees of freedom, from all rows. */
static UimlStatus
set_penalties(Trial *trial)
{
	UimlRidge ridge;
	UimlStatus status = merge_folds(trial, trial->n_folds);

	if (status == UIML_OK)
		status = uiml_ridge_begin(trial->env, trial->others, trial->intercept, NULL, &ridge);
	if (status != UIML_OK)
		return status;
	trial->varies = uiml_ridge_penalties(&ridge, trial->lambda);
	for (size_t k = 0; k < UIML_RIDGE_PENALTIES; k++)
		uiml_ridge_error(&ridge, trial->lambda[k], &trial->df[k]);
	uiml_ridge_free(trial->env, &ridge);
	return UIML_OK;
}

static UimlStatus
create_trial(Trial *trial)
{
	const UimlEnv *env = trial->env;
	size_t p = trial->p;
	size_t q = trial->q;

	trial->others = uiml_transfer_create(env, p, q);
	trial->sse = uiml_alloc(env, trial->n_folds, N_COLUMNS * sizeof(double));
	trial->xx = uiml_alloc(env, p * p, sizeof(double));
	trial->xy = uiml_alloc(env, p * q, sizeof(double));
	trial->z = uiml_alloc(env, p * q, sizeof(double));
	trial->turned = uiml_alloc(env, p * q, sizeof(double));
	trial->work = uiml_alloc(env, p * p, sizeof(double));
	trial->quadratic = uiml_alloc(env, p * p, sizeof(double));
	trial->linear = uiml_alloc(env, p, sizeof(double));
	trial->damping = uiml_alloc(env, p, sizeof(double));
	if (trial->others == NULL || trial->sse == NULL || trial->xx == NULL || trial->xy == NULL ||
		trial->z == NULL || trial->turned == NULL || trial->work == NULL || trial->quadratic == NULL ||
		trial->linear == NULL || trial->damping == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < trial->n_folds * N_COLUMNS; i++)
		trial->sse[i] = NAN;
	return UIML_OK;
}

static void
free_trial(Trial *trial)
{
	const UimlEnv *env = trial->env;

	uiml_free(env, trial->others);
	uiml_free(env, trial->sse);
	uiml_free(env, trial->xx);
	uiml_free(env, trial->xy);
	uiml_free(env, trial->z);
	uiml_free(env, trial->turned);
	uiml_free(env, trial->work);
	uiml_free(env, trial->quadratic);
	uiml_free(env, trial->linear);
	uiml_free(env, trial->damping);
}

static bool
all_finite(const double *a, size_t n)
{
	for (size_t i = 0; a != NULL && i < n; i++)
		if (!isfinite(a[i]))
			return false;
	return true;
}

static UimlStatus
check_arguments(const UimlTransferStats *const *fold, size_t n_folds, const UimlPrior *prior)
{
	size_t filled = 0;
	size_t cells;

	if (n_folds < 2 || n_folds > UIML_MAX_FOLDS)
		return UIML_EINVALID;
	for (size_t f = 0; f < n_folds; f++)
	{
		size_t p = fold[f]->p;
		size_t q = fold[f]->q;

		if (p != fold[0]->p || q != fold[0]->q)
			return UIML_EINVALID;
		if (!all_finite(fold[f]->data, p + q + p * p + p * q + q * q))
			return UIML_ENOTFINITE;
		filled += fold[f]->n > 0;
	}
	cells = (size_t) fold[0]->p * fold[0]->q;
	if (prior != NULL && !(all_finite(prior->w, cells) && all_finite(prior->by_fold, n_folds * cells)))
		return UIML_ENOTFINITE;
	return filled < 2 ? UIML_EEMPTY : UIML_OK;
}

size_t
uiml_verdict_memory(size_t p, size_t q)
{
	return uiml_ridge_memory(p, q) + (4 * p * p + 4 * p * q + q * q) * sizeof(double);
}

UimlStatus
uiml_verdict(const UimlEnv *env, const UimlTransferStats *const *fold, size_t n_folds, bool intercept,
			 const UimlPrior *prior, UimlVerdict *verdict)
{
	Trial trial = {.env = env, .fold = fold, .n_folds = n_folds, .intercept = intercept, .prior = prior};
	UimlStatus status = check_arguments(fold, n_folds, prior);

	if (status != UIML_OK)
		return status;
	trial.p = fold[0]->p;
	trial.q = fold[0]->q;
	status = create_trial(&trial);
	if (status == UIML_OK)
		status = set_penalties(&trial);
	for (size_t f = 0; status == UIML_OK && f < n_folds; f++)
		if (fold[f]->n > 0)
			status = score_fold(&trial, f);
	if (status == UIML_OK)
		judge(&trial, verdict);
	free_trial(&trial);
	return status;
}
