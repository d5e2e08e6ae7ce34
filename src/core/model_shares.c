/*
 * model_shares.c
 *	  The form of the item shares: temperature and item_alpha under which hidden items are most likely.
 *
 * Likelihoods of item shares would need the sum of score^(1/T) over all items for every user and every T
 * tried.  It is taken from a histogram of log2(score / best) per user instead, 32 bins to the octave over 16
 * octaves: each item is scored once, and an evaluation costs a product of the histograms with one table of
 * powers.  Items in a bin count as at its middle; the error is (ln 2 / (32 T))^2 / 24 of the sum, 5e-5 at T =
 * .6.
 */
#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/minimise.h"
#include "core/model_tune.h"

#define BINS_PER_OCTAVE 32
#define BINS            (16 * BINS_PER_OCTAVE)
#define BLOCK           1024 /* items whose depths are computed at a time */

/* Bounds of the searches. */
#define LOW_TEMPERATURE  .1
#define HIGH_TEMPERATURE 5.0
#define LOW_ITEM_ALPHA   1e-2
#define HIGH_ITEM_ALPHA  1e5
#define SEARCH_STEPS     16
#define SEARCH_ACCURACY  1e-3 /* of the logarithm */

/* Scores that fitting the item shares may look at: about a second. */
#define SHARES_BUDGET 3e7

/* One hidden item under the two parts of the mixture. */
typedef struct HiddenItem
{
	float log_ratio;  /* log2(score / best), -INFINITY where the score is not above 0 */
	float popularity; /* among the items that were not seen */
} HiddenItem;

/* What the likelihood needs of the tuning users. */
typedef struct ShareSample
{
	size_t n_users;
	uint32_t *user;   /* n_users: rows of the holdout */
	double *total;    /* n_users: number of items seen */
	float *bin;       /* n_users x BINS: items per bin of log2(score / best) */
	size_t *start;    /* n_users: hidden items of each user, */
	size_t *n_hidden; /* n_users: and how many */
	HiddenItem *hidden;
} ShareSample;

static void
share_sample_free(const UimlEnv *env, ShareSample *sample)
{
	uiml_free(env, sample->user);
	uiml_free(env, sample->total);
	uiml_free(env, sample->bin);
	uiml_free(env, sample->start);
	uiml_free(env, sample->n_hidden);
	uiml_free(env, sample->hidden);
}

/* How many items lie in each bin of log2(score / best). */
static void
bin_scores(const float *score, size_t n, float best, float *bin)
{
	float depth[BLOCK];

	memset(bin, 0, BINS * sizeof(float));
	for (size_t from = 0; from < n; from += BLOCK)
	{
		size_t m = n - from < BLOCK ? n - from : BLOCK;

		uiml_kernels()->score_depths(score + from, m, 1 / best, depth);
		for (size_t i = 0; i < m; i++)
			if (depth[i] * BINS_PER_OCTAVE < BINS)
				bin[depth[i] > 0 ? (size_t) (depth[i] * BINS_PER_OCTAVE) : 0]++;
	}
}

/* Bins the positive scores of one user, and lists his hidden items; how many, 0 when he tells nothing. */
static size_t
sample_user(const UimlModel *model, const UimlInteractions *hidden, size_t u, const float *score, float *bin,
			HiddenItem *list)
{
	float best, popularity, items;
	size_t n = 0;

	uiml_kernels()->survey_scores(score, model->popularity, model->n_items, &best, &popularity, &items);
	if (!(best >= 1e-30f) || !(popularity > 0))
		return 0;
	bin_scores(score, model->n_items, best, bin);
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
	{
		uint32_t i = hidden->item[e];

		/* An item that training did not see has no share under any parameters. */
		if (!(model->popularity[i] > 0))
			continue;
		list[n].log_ratio = score[i] > 0 ? log2f(score[i] / best) : -INFINITY;
		list[n++].popularity = model->popularity[i] / popularity;
	}
	return n;
}

static UimlStatus
sample_create(const UimlEnv *env, size_t n_users, size_t n_hidden, ShareSample *s)
{
	*s = (ShareSample){0};
	s->user = uiml_alloc(env, n_users, sizeof(uint32_t));
	s->total = uiml_alloc(env, n_users, sizeof(double));
	s->bin = uiml_alloc(env, n_users, BINS * sizeof(float));
	s->start = uiml_alloc(env, n_users, sizeof(size_t));
	s->n_hidden = uiml_alloc(env, n_users, sizeof(size_t));
	s->hidden = uiml_alloc(env, n_hidden, sizeof(HiddenItem));
	if (s->user == NULL || s->total == NULL || s->bin == NULL || s->start == NULL || s->n_hidden == NULL ||
		s->hidden == NULL)
		return UIML_ENOMEM;
	return UIML_OK;
}

/* A batch of users on their way into a sample, behind those who are in it. */
typedef struct Sampling
{
	const UimlModel *model;
	const UimlHoldout *tuning;
	UimlBatch batch;
	ShareSample *sample;
} Sampling;

/* A UimlTaskFn: scores and samples a piece of the batch. */
static void
sample_piece(void *arg, size_t piece)
{
	Sampling *g = arg;
	ShareSample *s = g->sample;
	size_t from = piece * UIML_PIECE_USERS;
	size_t to = uiml_batch_piece_end(&g->batch, piece);

	uiml_batch_start(g->model, &g->tuning->seen, &g->batch, from, to);
	uiml_batch_add(g->model, 0, g->model->dims, &g->batch, from, to);
	for (size_t b = from; b < to; b++)
	{
		size_t at = s->n_users + b;

		s->user[at] = g->batch.user[b];
		s->total[at] = g->batch.total[b];
		s->n_hidden[at] =
			sample_user(g->model, &g->tuning->hidden, s->user[at], g->batch.score + b * g->model->n_items,
						s->bin + at * BINS, s->hidden + s->start[at]);
	}
}

/*
 * Samples the batch and closes up the users who tell something; room for hidden items is used from *hidden
 * on.
 */
static void
sample_batch(const UimlEnv *env, Sampling *g, size_t *hidden)
{
	ShareSample *s = g->sample;
	size_t first = s->n_users;

	for (size_t b = 0; b < g->batch.n; b++)
	{
		s->start[first + b] = *hidden;
		*hidden += uiml_row_length(&g->tuning->hidden, g->batch.user[b]);
	}
	uiml_parallel(env, uiml_batch_pieces(&g->batch), sample_piece, g);
	for (size_t at = first; at < first + g->batch.n; at++)
	{
		size_t to = s->n_users;

		if (s->n_hidden[at] == 0)
			continue;
		s->n_users++;
		if (to == at)
			continue;
		s->user[to] = s->user[at];
		s->total[to] = s->total[at];
		s->start[to] = s->start[at];
		s->n_hidden[to] = s->n_hidden[at];
		memcpy(s->bin + to * BINS, s->bin + at * BINS, BINS * sizeof(float));
	}
}

/* Of every step-th user, or of those among them who wrote texts. */
static UimlStatus
sample_build(const UimlEnv *env, const UimlModel *model, const UimlHoldout *tuning, size_t step,
			 bool with_texts, ShareSample *s)
{
	size_t n_users = tuning->seen.n_users;
	size_t hidden = 0;
	Sampling sampling = {.model = model, .tuning = tuning, .sample = s};
	UimlStatus status = uiml_batch_create(env, model, &sampling.batch);

	if (sample_create(env, n_users / step + 1, tuning->hidden.n_entries, s) != UIML_OK)
		status = UIML_ENOMEM;
	for (size_t at = 0; status == UIML_OK && at < n_users;)
	{
		uiml_tuning_fill(&sampling.batch, tuning, step, with_texts, &at);
		sample_batch(env, &sampling, &hidden);
		status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
	}
	uiml_batch_free(env, &sampling.batch);
	return status;
}

/* What a score in each bin is raised to. */
static void
raise_bins(double temperature, float *power)
{
	for (int b = 0; b < BINS; b++)
		power[b] = (float) exp2(-(b + .5) / (BINS_PER_OCTAVE * temperature));
}

/* Mean negative log-likelihood of the hidden items of the u-th user. */
static double
user_loss(const ShareSample *s, size_t u, const float *power, double temperature, double item_alpha)
{
	const float *bin = s->bin + u * BINS;
	double weight = s->total[u] / (s->total[u] + item_alpha);
	double sum = 0;
	double loss = 0;

	for (int b = 0; b < BINS; b++)
		sum += (double) bin[b] * power[b];
	for (size_t h = s->start[u]; h < s->start[u] + s->n_hidden[u]; h++)
	{
		double own = exp2(s->hidden[h].log_ratio / temperature) / sum;
		double share = weight * own + (1 - weight) * s->hidden[h].popularity;

		loss -= log(share > 1e-12 ? share : 1e-12);
	}
	return loss / (double) s->n_hidden[u];
}

/* Mean of that over users. */
static double
share_loss(const ShareSample *s, double temperature, double item_alpha)
{
	float power[BINS];
	double loss = 0;

	raise_bins(temperature, power);
	for (size_t u = 0; u < s->n_users; u++)
		loss += user_loss(s, u, power, temperature, item_alpha);
	return loss / (double) s->n_users;
}

/* One parameter of the search, on a logarithmic scale, the other held. */
typedef struct Search
{
	const ShareSample *sample;
	double value[2]; /* log temperature, log item_alpha */
	int which;
} Search;

/* What the prior of the parameters adds to the mean loss of n users. */
static double
draw(const double *value, size_t n)
{
	double a = (value[0] - log(UIML_NEUTRAL_TEMPERATURE)) / UIML_TUNING_SPREAD;
	double b = (value[1] - log(UIML_NEUTRAL_ITEM_ALPHA)) / UIML_TUNING_SPREAD;

	return (a * a + b * b) / 2 / (double) n;
}

static double
search_loss(void *ctx, double x)
{
	const Search *search = ctx;
	double value[2] = {search->value[0], search->value[1]};

	value[search->which] = x;
	return share_loss(search->sample, exp(value[0]), exp(value[1])) + draw(value, search->sample->n_users);
}

static UimlStatus
search_line(const UimlEnv *env, Search *search, int which, double low, double high)
{
	double x, loss;
	UimlStatus status;

	search->which = which;
	status = uiml_minimise(env, search_loss, search, log(low), log(high), SEARCH_STEPS, SEARCH_ACCURACY, &x,
						   &loss);
	if (status == UIML_OK && !isnan(loss))
		search->value[which] = x;
	return status;
}

/* Temperature and item_alpha in turn: they hardly depend on each other, so three rounds settle both. */
UimlStatus
uiml_model_tune_shares(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double *loss)
{
	ShareSample sample;
	Search search = {&sample, {log(model->temperature), log(model->item_alpha)}, 0};
	size_t step = uiml_tuning_step(tuning->seen.n_users, SHARES_BUDGET / (double) model->n_items);
	UimlStatus status = sample_build(env, model, tuning, step, false, &sample);

	for (int round = 0; status == UIML_OK && sample.n_users > 0 && round < 3; round++)
	{
		status = search_line(env, &search, 0, LOW_TEMPERATURE, HIGH_TEMPERATURE);
		if (status == UIML_OK)
			status = search_line(env, &search, 1, LOW_ITEM_ALPHA, HIGH_ITEM_ALPHA);
	}
	if (status == UIML_OK)
	{
		model->temperature = exp(search.value[0]);
		model->item_alpha = exp(search.value[1]);
		*loss = sample.n_users > 0 ? share_loss(&sample, model->temperature, model->item_alpha) : NAN;
	}
	share_sample_free(env, &sample);
	return status;
}

UimlStatus
uiml_model_writer_losses(const UimlEnv *env, const UimlModel *model, const UimlHoldout *tuning, double *loss)
{
	size_t step = uiml_tuning_step(tuning->seen.n_users, SHARES_BUDGET / (double) model->n_items);
	float power[BINS];
	ShareSample sample;
	UimlStatus status = sample_build(env, model, tuning, step, true, &sample);

	for (size_t u = 0; u < tuning->seen.n_users; u++)
		loss[u] = NAN;
	raise_bins(model->temperature, power);
	for (size_t u = 0; status == UIML_OK && u < sample.n_users; u++)
		loss[sample.user[u]] = user_loss(&sample, u, power, model->temperature, model->item_alpha);
	share_sample_free(env, &sample);
	return status;
}
