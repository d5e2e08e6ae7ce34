/*
 * calibration.c
 *	  Do predicted interest shares come true?  Held-out users' shares, by what was predicted.
 *
 * A user's shares add up to one whatever is predicted, and so do those of his events: over all pairs the
 * means are equal, and what can be wrong is where the shares are.  A prediction that is too sure of itself
 * shows more than is observed in high bins and less in low ones.
 *
 * The mean of a bin is a ratio of sums over users, who have different numbers of pairs in it.  The bootstrap
 * therefore resamples users with their sums, not pairs: those of one user depend on each other.
 */
#include "core/calibration.h"

#include <math.h>
#include <string.h>

#include "core/blend.h"
#include "core/rng.h"

#define BOOTSTRAP_ROUNDS 1000
#define BOOTSTRAP_LEVEL  .95
#define MOST_EVENTS      1000 /* that uiml_blend_interval takes */

/* One user's pairs in one bin. */
typedef struct Cell
{
	double pairs;
	double observed; /* sum */
} Cell;

typedef struct Calibration
{
	const UimlModel *model;
	size_t n_users; /* that gave pairs */
	size_t n_bins;
	double level;
	float *mass;   /* 2 k: seen and hidden */
	double *share; /* k */
	Cell *cell;    /* n_users x n_bins */
	UimlCalibrationBin *bin;
} Calibration;

/* Hidden items that have an interest. */
static size_t
count_events(const UimlModel *model, const UimlInteractions *hidden, size_t u)
{
	size_t n = 0;

	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		n += model->interest[hidden->item[e]] != UINT32_MAX;
	return n;
}

/* Adds a pair to the user's cells and to the sums of its bin. */
static void
add_pair(Calibration *c, Cell *cell, double predicted, double observed, double strength, size_t events)
{
	size_t b = (size_t) (predicted * (double) c->n_bins);
	unsigned m = (unsigned) (events < MOST_EVENTS ? events : MOST_EVENTS);
	double low, high, probability, count;

	b = b < c->n_bins ? b : c->n_bins - 1;
	cell[b].pairs++;
	cell[b].observed += observed;
	c->bin[b].pairs++;
	c->bin[b].predicted += predicted;
	c->bin[b].observed += observed;
	uiml_blend_interval(predicted, strength, m, c->level, &low, &high, &probability);
	count = rint(observed * m);
	c->bin[b].covered += count >= rint(low * m) && count <= rint(high * m);
	c->bin[b].expected += probability;
}

static void
add_user(Calibration *c, const UimlHoldout *holdout, size_t u)
{
	const UimlModel *model = c->model;
	const UimlInteractions *seen = &holdout->seen;
	const UimlInteractions *hidden = &holdout->hidden;
	size_t k = model->n_interests;
	size_t events = count_events(model, hidden, u);
	float *held = c->mass + k;
	double mass = model->alpha;
	double strength;
	double total = 0;

	uiml_model_user(model, seen->item + seen->row_start[u], seen->mass + seen->row_start[u],
					seen->row_start[u + 1] - seen->row_start[u], NULL, c->mass);
	uiml_model_user(model, hidden->item + hidden->row_start[u], hidden->mass + hidden->row_start[u],
					hidden->row_start[u + 1] - hidden->row_start[u], NULL, held);
	for (size_t j = 0; j < k; j++)
	{
		mass += c->mass[j];
		total += held[j];
	}
	if (!(total > 0))
		return;
	uiml_model_generalize(model, c->mass, c->share);
	uiml_blend(c->mass, model->prior, k, model->alpha, c->share);
	strength = uiml_blend_strength(mass, model->event_mass, model->dispersion);
	for (size_t j = 0; j < k; j++)
		add_pair(c, c->cell + c->n_users * c->n_bins, c->share[j], held[j] / total, strength, events);
	c->n_users++;
}

/* Intervals of the bins' observed means; mean (rounds) per bin and the sums of a round are in work. */
static UimlStatus
bootstrap(const UimlEnv *env, Calibration *c, uint64_t seed, double *mean, Cell *sum)
{
	UimlRng rng;

	uiml_rng_init(&rng, seed);
	for (size_t r = 0; r < BOOTSTRAP_ROUNDS; r++)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		memset(sum, 0, c->n_bins * sizeof(Cell));
		for (size_t i = 0; i < c->n_users; i++)
		{
			const Cell *cell = c->cell + uiml_rng_below(&rng, c->n_users) * c->n_bins;

			for (size_t b = 0; b < c->n_bins; b++)
			{
				sum[b].pairs += cell[b].pairs;
				sum[b].observed += cell[b].observed;
			}
		}
		/* a resample without anybody of the bin tells nothing: such rounds come last, and don't count */
		for (size_t b = 0; b < c->n_bins; b++)
			mean[b * BOOTSTRAP_ROUNDS + r] = sum[b].pairs > 0 ? sum[b].observed / sum[b].pairs : INFINITY;
	}
	for (size_t b = 0; b < c->n_bins; b++)
	{
		size_t rounds = BOOTSTRAP_ROUNDS;

		uiml_metric_sort(mean + b * BOOTSTRAP_ROUNDS, BOOTSTRAP_ROUNDS);
		while (rounds > 0 && isinf(mean[b * BOOTSTRAP_ROUNDS + rounds - 1]))
			rounds--;
		c->bin[b].observed_low =
			uiml_metric_quantile(mean + b * BOOTSTRAP_ROUNDS, rounds, (1 - BOOTSTRAP_LEVEL) / 2);
		c->bin[b].observed_high =
			uiml_metric_quantile(mean + b * BOOTSTRAP_ROUNDS, rounds, (1 + BOOTSTRAP_LEVEL) / 2);
	}
	return UIML_OK;
}

/* Sums become means, and the last bin what they are together. */
static void
finish(Calibration *c)
{
	UimlCalibrationBin *all = &c->bin[c->n_bins];
	double pairs;

	for (size_t b = 0; b < c->n_bins; b++)
	{
		UimlCalibrationBin *bin = &c->bin[b];

		all->pairs += bin->pairs;
		all->predicted += bin->predicted;
		all->observed += bin->observed;
		all->error += fabs(bin->observed - bin->predicted);
		all->covered += bin->covered;
		all->expected += bin->expected;
		pairs = bin->pairs > 0 ? (double) bin->pairs : NAN;
		bin->error = fabs(bin->observed - bin->predicted) / pairs;
		bin->predicted /= pairs;
		bin->observed /= pairs;
		bin->covered /= pairs;
		bin->expected /= pairs;
	}
	pairs = all->pairs > 0 ? (double) all->pairs : NAN;
	all->predicted /= pairs;
	all->observed /= pairs;
	all->error /= pairs;
	all->covered /= pairs;
	all->expected /= pairs;
}

UimlStatus
uiml_model_calibrate(const UimlEnv *env, const UimlModel *model, const UimlHoldout *holdout, size_t n_bins,
					 double level, uint64_t seed, UimlCalibrationBin *bin)
{
	size_t n = holdout->seen.n_users;
	Calibration c = {.model = model, .n_bins = n_bins, .level = level, .bin = bin};
	double *mean;
	Cell *sum;
	UimlStatus status = UIML_OK;

	if (n_bins == 0 || n_bins > UIML_MAX_BINS || !(level > 0 && level < 1))
		return UIML_EINVALID;
	for (size_t b = 0; b <= n_bins; b++)
		bin[b] = (UimlCalibrationBin){.low = b < n_bins ? (double) b / (double) n_bins : 0,
									  .high = b < n_bins ? (double) (b + 1) / (double) n_bins : 1,
									  .observed_low = NAN,
									  .observed_high = NAN};
	c.mass = uiml_alloc(env, 2 * model->n_interests, sizeof(float));
	c.share = uiml_alloc(env, model->n_interests, sizeof(double));
	c.cell = uiml_alloc0(env, n, n_bins * sizeof(Cell));
	mean = uiml_alloc(env, n_bins, BOOTSTRAP_ROUNDS * sizeof(double));
	sum = uiml_alloc(env, n_bins, sizeof(Cell));
	if (c.mass == NULL || c.share == NULL || c.cell == NULL || mean == NULL || sum == NULL)
		status = UIML_ENOMEM;
	for (size_t u = 0; status == UIML_OK && u < n; u++)
	{
		add_user(&c, holdout, u);
		status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
	}
	if (status == UIML_OK)
		status = bootstrap(env, &c, seed, mean, sum);
	if (status == UIML_OK)
		finish(&c);
	uiml_free(env, sum);
	uiml_free(env, mean);
	uiml_free(env, c.cell);
	uiml_free(env, c.share);
	uiml_free(env, c.mass);
	return status;
}
