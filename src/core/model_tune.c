/*
 * model_tune.c
 *	  What tuning users decide: dims, the strength of the priors, and the form of the item shares.
 *
 * Likelihoods of item shares would need the sum of score^(1/T) over all items for every user and every T
 * tried.  It is taken from a histogram of log2(score / best) per user instead, 32 bins to the octave over 16
 * octaves: each item is scored once, and an evaluation costs a product of the histograms with one table of
 * powers.  Items in a bin count as at its middle; the error is (ln 2 / (32 T))^2 / 24 of the sum, 5e-5 at T =
 * .6.
 */
#include "core/model_score.h"

#include <math.h>
#include <string.h>

#include "core/blend.h"
#include "core/kernels.h"
#include "core/minimise.h"
#include "core/topk.h"

#define BINS_PER_OCTAVE 32
#define BINS            (16 * BINS_PER_OCTAVE)
#define BLOCK           1024 /* items whose depths are computed at a time */

/* Users of a batch that a thread takes at a time. */
#define PIECE_USERS 4

/* Bounds of the searches, and users looked at: more would not change the choice. */
#define LOW_TEMPERATURE  .1
#define HIGH_TEMPERATURE 5.0
#define LOW_ITEM_ALPHA   1e-2
#define HIGH_ITEM_ALPHA  1e5
#define SEARCH_STEPS     16
#define SEARCH_ACCURACY  1e-3 /* of the logarithm */

/*
 * A domain of ten users has one to tune on, whose single hidden item is best told by the end of every range:
 * no doubt at all, or no history.  So logarithms of parameters have a normal prior of this deviation about
 * the neutral values, worth one user or less: with a hundred users it is not noticed.
 */
#define SPREAD 1.5

#define MOST_USERS   1000
#define FEWEST_USERS 100

/* Multiplications that choosing dims may spend: some seconds. */
#define DIMS_BUDGET 2e10

/* Scores that fitting the item shares may look at: about a second. */
#define SHARES_BUDGET 3e7

#define NDCG_K 100

/* The fewest dims that come this close to the best NDCG: less than tuning users can tell apart. */
#define DIMS_TOLERANCE .005

/* Every step-th user, so that about n_wanted take part whatever order users come in. */
static size_t
user_step(size_t n_users, double n_wanted)
{
	if (n_wanted > MOST_USERS)
		n_wanted = MOST_USERS;
	if (n_wanted < FEWEST_USERS)
		n_wanted = FEWEST_USERS;
	return (double) n_users > n_wanted ? (size_t) ceil((double) n_users / n_wanted) : 1;
}

static inline size_t
row_length(const UimlInteractions *x, size_t u)
{
	return x->row_start[u + 1] - x->row_start[u];
}

/* NDCG of one user's ranking by score; relevant flags the hidden items and is left as it was. */
static double
user_ndcg(const float *score, const UimlHoldout *holdout, size_t u, size_t n_items, uint8_t *relevant)
{
	const UimlInteractions *hidden = &holdout->hidden;
	uint32_t top[NDCG_K];
	bool hit[NDCG_K];
	size_t n = uiml_topk(score, n_items, NDCG_K, top);

	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		relevant[hidden->item[e]] = 1;
	for (size_t r = 0; r < n; r++)
		hit[r] = relevant[top[r]] != 0;
	for (size_t e = hidden->row_start[u]; e < hidden->row_start[u + 1]; e++)
		relevant[hidden->item[e]] = 0;
	return uiml_metric(UIML_NDCG, hit, n, row_length(hidden, u), NDCG_K);
}

/* The prefixes to try, rising; the last is d itself. */
static size_t
list_prefixes(size_t d, size_t prefix[7])
{
	size_t n = 0;

	for (size_t p = 16; p <= 512 && p < d; p *= 2)
		prefix[n++] = p;
	prefix[n++] = d;
	return n;
}

/* The next users, from *at on in steps, that have both seen and hidden items, or seen texts, too. */
static void
batch_fill(UimlBatch *batch, const UimlHoldout *tuning, size_t step, bool with_texts, size_t *at)
{
	batch->n = 0;
	for (; *at < tuning->seen.n_users && batch->n < batch->most; *at += step)
	{
		bool texts = uiml_items_end(&tuning->seen, *at) < tuning->seen.row_start[*at + 1];

		if (row_length(&tuning->hidden, *at) > 0 && row_length(&tuning->seen, *at) > 0 &&
			(texts || !with_texts))
			batch->user[batch->n++] = (uint32_t) *at;
	}
}

static inline size_t
n_pieces(const UimlBatch *batch)
{
	return (batch->n + PIECE_USERS - 1) / PIECE_USERS;
}

static inline size_t
piece_end(const UimlBatch *batch, size_t piece)
{
	return piece + 1 < n_pieces(batch) ? (piece + 1) * PIECE_USERS : batch->n;
}

/* Scores of a batch that grow with the prefix of dimensions. */
typedef struct Growth
{
	const UimlModel *model;
	const UimlHoldout *tuning;
	UimlBatch *batch;
	size_t first; /* dimensions to add */
	size_t end;
} Growth;

/* A UimlTaskFn: adds to the scores of a piece of the batch; they begin with the first dimension. */
static void
grow_piece(void *arg, size_t piece)
{
	const Growth *g = arg;
	size_t from = piece * PIECE_USERS;
	size_t to = piece_end(g->batch, piece);

	if (g->first == 0)
		uiml_batch_start(g->model, &g->tuning->seen, g->batch, from, to);
	uiml_batch_add(g->model, g->first, g->end, g->batch, from, to);
}

UimlStatus
uiml_model_choose_dims(const UimlEnv *env, const UimlModel *model, const UimlHoldout *tuning, size_t *dims)
{
	size_t prefix[7];
	double sum[7] = {0};
	size_t n_prefix = list_prefixes(model->dims, prefix);
	size_t step =
		user_step(tuning->seen.n_users, DIMS_BUDGET / ((double) model->n_items * (double) model->dims));
	size_t best = n_prefix - 1;
	double most;
	UimlBatch batch;
	uint8_t *relevant = uiml_alloc0(env, model->n_items, 1);
	Growth growth = {.model = model, .tuning = tuning, .batch = &batch};
	UimlStatus status = uiml_batch_create(env, model, &batch);

	if (relevant == NULL)
		status = UIML_ENOMEM;
	for (size_t at = 0; status == UIML_OK && at < tuning->seen.n_users;)
	{
		batch_fill(&batch, tuning, step, false, &at);
		for (size_t p = 0; status == UIML_OK && p < n_prefix; p++)
		{
			/* Prefixes are nested: each adds the dimensions that the one before lacks. */
			growth.first = p > 0 ? prefix[p - 1] : 0;
			growth.end = prefix[p];
			uiml_parallel(env, n_pieces(&batch), grow_piece, &growth);
			for (size_t b = 0; b < batch.n; b++)
				sum[p] += user_ndcg(batch.score + b * model->n_items, tuning, batch.user[b], model->n_items,
									relevant);
			status = uiml_interrupted(env) ? UIML_EINTERRUPTED : UIML_OK;
		}
	}

	for (size_t p = 0; p < n_prefix; p++)
		if (sum[p] > sum[best])
			best = p;
	most = sum[best];
	for (size_t p = best; p-- > 0;)
		if (sum[p] > 0 && sum[p] >= (1 - DIMS_TOLERANCE) * most)
			best = p;
	*dims = prefix[best];
	uiml_batch_free(env, &batch);
	uiml_free(env, relevant);
	return status;
}

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
	size_t from = piece * PIECE_USERS;
	size_t to = piece_end(&g->batch, piece);

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
		*hidden += row_length(&g->tuning->hidden, g->batch.user[b]);
	}
	uiml_parallel(env, n_pieces(&g->batch), sample_piece, g);
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
		batch_fill(&sampling.batch, tuning, step, with_texts, &at);
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
	double a = (value[0] - log(UIML_NEUTRAL_TEMPERATURE)) / SPREAD;
	double b = (value[1] - log(UIML_NEUTRAL_ITEM_ALPHA)) / SPREAD;

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
	size_t step = user_step(tuning->seen.n_users, SHARES_BUDGET / (double) model->n_items);
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

/*
 * The strength of the prior over interests.  Hidden masses are scaled to one per user: each has the same say.
 * loss receives the nats per hidden event under it, NaN where there is none.
 */
static UimlStatus
tune_prior(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double *loss)
{
	size_t n = tuning->seen.n_users;
	size_t k = model->n_interests;
	float *mass = uiml_alloc(env, n, k * sizeof(float));
	float *held = uiml_alloc(env, n, k * sizeof(float));
	double alpha = model->alpha;
	UimlStatus status = mass == NULL || held == NULL ? UIML_ENOMEM : UIML_OK;

	for (size_t u = 0; status == UIML_OK && u < n; u++)
	{
		const UimlInteractions *seen = &tuning->seen;
		const UimlInteractions *hidden = &tuning->hidden;
		double sum = 0;

		uiml_model_user(model, seen->item + seen->row_start[u], seen->mass + seen->row_start[u],
						row_length(seen, u), NULL, mass + u * k);
		uiml_model_user(model, hidden->item + hidden->row_start[u], hidden->mass + hidden->row_start[u],
						row_length(hidden, u), NULL, held + u * k);
		for (size_t j = 0; j < k; j++)
			sum += held[u * k + j];
		for (size_t j = 0; j < k && sum > 0; j++)
			held[u * k + j] = (float) (held[u * k + j] / sum);
	}
	if (status == UIML_OK)
		status = uiml_blend_fit_alpha(env, mass, held, model->prior, n, k, SPREAD, &alpha);
	if (status == UIML_OK)
		model->alpha = alpha;
	*loss = status == UIML_OK ? uiml_blend_loss(mass, held, model->prior, n, k, alpha) : NAN;
	uiml_free(env, mass);
	uiml_free(env, held);
	return status == UIML_EEMPTY ? UIML_OK : status;
}

/* Users who wrote texts and have hidden items that must be there for the weight of texts to be chosen. */
#define FEWEST_WRITERS 10

static const double text_weights[] = {.25, .5, 1, 2, 4};

/* The losses of users who wrote texts, under the model's parameters; NaN for all others. */
static UimlStatus
writer_losses(const UimlEnv *env, const UimlModel *model, const UimlHoldout *tuning, double *loss)
{
	size_t step = user_step(tuning->seen.n_users, SHARES_BUDGET / (double) model->n_items);
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

/* The mean of before - after over the users who have both, 0 where it is within its standard error. */
static double
certain_gain(const double *before, const double *after, size_t n)
{
	double sum = 0;
	double square = 0;
	double count = 0;
	double mean, error;

	for (size_t u = 0; u < n; u++)
	{
		double gain = before[u] - after[u];

		if (isnan(gain))
			continue;
		sum += gain;
		square += gain * gain;
		count++;
	}
	if (count < FEWEST_WRITERS)
		return 0;
	mean = sum / count;
	error = sqrt(fmax(square / count - mean * mean, 0) / (count - 1));
	return mean > error ? mean : 0;
}

/* The weight under which writers' hidden items are most likely; 0 where none is certain to be better. */
static UimlStatus
choose_text_weight(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double *weight)
{
	size_t n = tuning->seen.n_users;
	double *loss = uiml_alloc(env, n, 2 * sizeof(double));
	double best = 0;
	UimlStatus status = loss == NULL ? UIML_ENOMEM : writer_losses(env, model, tuning, loss);

	*weight = 0;
	for (size_t i = 0; status == UIML_OK && i < sizeof(text_weights) / sizeof(*text_weights); i++)
	{
		double gain;

		model->text_weight = text_weights[i];
		status = writer_losses(env, model, tuning, loss + n);
		gain = status == UIML_OK ? certain_gain(loss, loss + n, n) : 0;
		if (gain > best)
		{
			best = gain;
			*weight = text_weights[i];
		}
	}
	model->text_weight = 0;
	uiml_free(env, loss);
	return status;
}

/*
 * What texts count, and all else anew with them; everything stays as it is without them where interests are
 * then told worse.
 */
static UimlStatus
tune_texts(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning, double interest_loss)
{
	double alpha = model->alpha;
	double weight, with_texts, loss;
	UimlStatus status = choose_text_weight(env, model, tuning, &weight);

	if (status != UIML_OK || weight == 0)
		return status;
	model->text_weight = weight;
	status = tune_prior(env, model, tuning, &with_texts);
	if (status == UIML_OK && with_texts <= interest_loss)
		return uiml_model_tune_shares(env, model, tuning, &loss);
	model->text_weight = 0;
	model->alpha = alpha;
	return status;
}

UimlStatus
uiml_model_tune(const UimlEnv *env, UimlModel *model, const UimlHoldout *tuning)
{
	UimlStatus status;
	double interest_loss, loss;

	uiml_progress(env, "tuning", 0, 3);
	status = tune_prior(env, model, tuning, &interest_loss);
	uiml_progress(env, "tuning", 1, 3);
	if (status == UIML_OK)
		status = uiml_model_tune_shares(env, model, tuning, &loss);
	uiml_progress(env, "tuning", 2, 3);
	if (status == UIML_OK && model->n_texts > 0)
		status = tune_texts(env, model, tuning, interest_loss);
	uiml_progress(env, "tuning", 3, 3);
	return status;
}
