/*
 * model.c
 *	  The behaviour model of a domain: item space, interests and priors.
 *
 * Space: the leading right singular vectors V of the popularity-scaled user x item matrix (core/svd.h) on
 * log2(1 + strength), so that one view counts 1 and the hundredth little.  A user is the sum of mass *
 * in(item) and an item's score out(item)'user, with in = v / f and out = v * f for the item's scale f: with
 * all singular vectors in the span, scores of a training user give back his own row of the matrix.
 *
 * Interests: spherical k-means over the rows of V diag(sigma), the singular values kept, since directions
 * that explain little should count little.  The prior over interests is the mean of the users' own
 * distributions, each with one say, because it stands for a user who is not known yet, and not for the next
 * event of whoever is most active.
 *
 * They are found in the first 32 dimensions: what follows tells items apart but not kinds of items, and blurs
 * the clusters.  On generated news of 8 topics in two languages (test/demo) a space of 128 dimensions gives
 * 12 clusters, five of them mixed, and its first 32 give the 16 planted ones.
 *
 * Items weigh by the square root of their popularity when they are clustered.  Nats per hidden item that the
 * blend of interests gains over popularity (item share = share of its interest * popularity within it), 24
 * interests, two splits:
 *
 *	weight				1		sqrt(popularity)	popularity
 *	movielens-1m	   .410			 .445			   .448
 *	amazon-beauty	   .555			 .561			   .579
 *
 * The largest interest then holds a tenth of the mass instead of a fifth.  The full popularity gains little
 * more, and lets the few most popular items alone decide what the interests are.
 */
#include "core/model.h"

#include <math.h>
#include <string.h>

#include "core/centroids.h"
#include "core/generalize.h"
#include "core/kmeans.h"
#include "core/place.h"
#include "core/svd.h"

#define DEFAULT_DIMS 64

/*
 * Recall@20 / NDCG@100 on two splits of movielens-1m, 64 dims, by iterations: 2 .358 / .435 and .359 / .436,
 * 4 .367 / .446 and .371 / .444, 6 .368 / .447 and .374 / .445, 10 .368 / .448 and .376 / .447; exact
 * (ARPACK) .370 / .446 and .374 / .445.
 */
#define SUBSPACE_ITERATIONS 6

/* Singular values below this share of the first are noise of rounding. */
#define RANK_TOLERANCE 1e-6

/* The largest number of interests that silhouette may choose, and the items per interest it must leave. */
#define MOST_INTERESTS     64
#define ITEMS_PER_INTEREST 8

/* Interests are found in so many leading dimensions. */
#define MOST_INTEREST_DIMS 32
/* A cluster of fewer items is an outlier and no interest; it takes some rounds to be rid of all. */
#define FEWEST_ITEMS  3
#define DROP_ATTEMPTS 5

UimlModelParams
uiml_model_defaults(void)
{
	return (UimlModelParams){.row_scale = .25, .col_scale = .25};
}

static bool
params_valid(const UimlModelParams *params)
{
	return params->dims <= 1024 && params->interests <= 4096 && params->row_scale >= 0 &&
		   params->row_scale <= 1 && params->col_scale >= 0 && params->col_scale <= 1 &&
		   (params->features == UIML_FEATURES_BEHAVIOUR || (params->text != NULL && params->text_dims > 0));
}

/* The size of the space to ask for: no more than n_rows users with entries or n_items items can span. */
static size_t
dims_wanted(size_t n_rows, size_t n_items, size_t dims)
{
	if (dims == 0)
		dims = DEFAULT_DIMS;
	dims = dims < n_rows ? dims : n_rows;
	return dims < n_items ? dims : n_items;
}

/* Cuts the dimensions that have no singular value, in place of a space of stride d. */
static void
cut_columns(float *rows, size_t n, size_t d, size_t kept)
{
	if (kept == d)
		return;
	for (size_t i = 0; i < n; i++)
		memmove(rows + i * kept, rows + i * d, kept * sizeof(float));
}

/* From singular vectors in model->out to in- and out-vectors. */
static void
scale_vectors(UimlModel *model, const float *col_factor)
{
	size_t d = model->dims;

	for (size_t i = 0; i < model->n_items; i++)
	{
		float f = col_factor[i];
		float inverse = f > 0 ? 1 / f : 0;

		for (size_t j = 0; j < d; j++)
		{
			model->in[i * d + j] = model->out[i * d + j] * inverse;
			model->out[i * d + j] *= f;
		}
	}
}

static double
sum_of(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

/*
 * Where one event lies so far in the future that all others have faded to nothing, nothing is known of now, and what was
 * popular must do.
 */
UimlStatus
uiml_model_popularity(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used, float *popularity,
					  size_t *n_rows)
{
	double *mass = uiml_alloc(env, rows->n_items, sizeof(double));
	double total = 0;
	UimlStatus status = UIML_ENOMEM;

	if (mass != NULL)
		status = rows->masses(rows->ctx, env, row_used, true, mass, n_rows);
	if (status == UIML_OK)
		total = sum_of(mass, rows->n_items);
	if (status == UIML_OK && !(total > 0))
	{
		status = rows->masses(rows->ctx, env, row_used, false, mass, NULL);
		total = sum_of(mass, rows->n_items);
	}
	for (size_t i = 0; status == UIML_OK && i < rows->n_items; i++)
		popularity[i] = total > 0 ? (float) (mass[i] / total) : 0;
	uiml_free(env, mass);
	return status;
}

/* The singular vectors of the matrix into model->out, with rank-deficient dimensions cut. */
static UimlStatus
fit_svd(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used, const UimlModelParams *params,
		UimlModel *model, float *col_factor)
{
	UimlSvdParams svd = uiml_svd_defaults(model->dims);
	size_t rank = 0;
	UimlStatus status;

	svd.row_scale = params->row_scale;
	svd.col_scale = params->col_scale;
	svd.iterations = SUBSPACE_ITERATIONS;
	svd.seed = params->seed;
	status = rows->decompose(rows->ctx, env, row_used, &svd, model->out, model->sigma, col_factor,
							 &model->explained);
	if (status != UIML_OK)
		return status;
	while (rank < model->dims && model->sigma[rank] > RANK_TOLERANCE * model->sigma[0])
		rank++;
	cut_columns(model->out, model->n_items, model->dims, rank);
	model->dims = rank;
	return rank > 0 ? UIML_OK : UIML_EEMPTY;
}

/* Room for the space, once popularity and with it the number of rows are known. */
static UimlStatus
open_space(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used, const UimlModelParams *params,
		   UimlModel *m)
{
	size_t n_rows = 0;
	size_t cells;
	UimlStatus status;

	m->popularity = uiml_alloc(env, m->n_items, sizeof(float));
	if (m->popularity == NULL)
		return UIML_ENOMEM;
	status = uiml_model_popularity(env, rows, row_used, m->popularity, &n_rows);
	if (status != UIML_OK)
		return status;
	m->dims = params->features == UIML_FEATURES_TEXT ? params->text_dims
													 : dims_wanted(n_rows, m->n_items, params->dims);
	if (m->dims == 0)
		return UIML_EEMPTY;
	if (__builtin_mul_overflow(m->n_items, m->dims, &cells))
		return UIML_ELIMIT;
	m->out = uiml_alloc(env, cells, sizeof(float));
	m->sigma = uiml_alloc(env, m->dims, sizeof(double));
	return m->out == NULL || m->sigma == NULL ? UIML_ENOMEM : UIML_OK;
}

/* The space of what users do: in- and out-vectors from singular vectors. */
static UimlStatus
fit_behaviour(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
			  const UimlModelParams *params, UimlModel *m)
{
	float *col_factor = uiml_alloc(env, m->n_items, sizeof(float));
	UimlStatus status =
		col_factor == NULL ? UIML_ENOMEM : fit_svd(env, rows, row_used, params, m, col_factor);

	if (status == UIML_OK)
	{
		m->in = uiml_alloc(env, m->n_items * m->dims, sizeof(float));
		if (m->in == NULL)
			status = UIML_ENOMEM;
		else
			scale_vectors(m, col_factor);
	}
	uiml_free(env, col_factor);
	m->interest_dims = m->dims < MOST_INTEREST_DIMS ? m->dims : MOST_INTEREST_DIMS;
	return status;
}

/* The space of what items say: text vectors as they are, in all their dimensions. */
static UimlStatus
take_texts(const UimlEnv *env, const UimlModelParams *params, UimlModel *m)
{
	size_t cells = m->n_items * m->dims;

	m->in = uiml_alloc(env, cells, sizeof(float));
	if (m->in == NULL)
		return UIML_ENOMEM;
	memcpy(m->in, params->text, cells * sizeof(float));
	memcpy(m->out, params->text, cells * sizeof(float));
	for (size_t j = 0; j < m->dims; j++)
		m->sigma[j] = 1;
	m->interest_dims = m->dims;
	return UIML_OK;
}

UimlStatus
uiml_model_fit_space(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
					 const UimlModelParams *params, UimlModel *model)
{
	UimlModel m = {.n_items = rows->n_items,
				   .item_alpha = UIML_NEUTRAL_ITEM_ALPHA,
				   .temperature = UIML_NEUTRAL_TEMPERATURE};
	UimlStatus status;

	*model = (UimlModel){0};
	if (!params_valid(params))
		return UIML_EINVALID;
	uiml_progress(env, "item space", 0, 1);
	status = open_space(env, rows, row_used, params, &m);
	if (status == UIML_OK && params->features == UIML_FEATURES_TEXT)
		status = take_texts(env, params, &m);
	else if (status == UIML_OK)
		status = fit_behaviour(env, rows, row_used, params, &m);
	if (status != UIML_OK)
		uiml_model_free(env, &m);
	else
		*model = m;
	uiml_progress(env, "item space", 1, 1);
	return status;
}

/* Spreads k rows of c dimensions to rows of d, zero beyond; in place, from the last row on. */
static void
widen_rows(float *row, size_t k, size_t c, size_t d)
{
	for (size_t j = k; j-- > 0;)
	{
		memmove(row + j * d, row + j * c, c * sizeof(float));
		memset(row + j * d + c, 0, (d - c) * sizeof(float));
	}
}

/*
 * The points that are clustered: the first c dimensions of the rows of V diag(sigma).  V is the geometric
 * mean of in and out, which have the same signs: v^2 = in out.
 */
static void
interest_points(const UimlModel *model, size_t c, float *point, float *weight)
{
	size_t d = model->dims;

	for (size_t i = 0; i < model->n_items; i++)
	{
		const float *in = model->in + i * d;
		const float *out = model->out + i * d;

		for (size_t j = 0; j < c; j++)
			point[i * c + j] = copysignf(sqrtf(in[j] * out[j]), in[j]) * (float) model->sigma[j];
		weight[i] = sqrtf(model->popularity[i]);
	}
}

static size_t
most_interests(const UimlModel *model)
{
	size_t items = 0;
	size_t most;

	for (size_t i = 0; i < model->n_items; i++)
		items += model->popularity[i] > 0;
	most = items / ITEMS_PER_INTEREST;
	if (most > MOST_INTERESTS)
		return MOST_INTERESTS;
	return most > 4 ? most : 4;
}

/* How many clusters have fewer than FEWEST_ITEMS items. */
static UimlStatus
count_small(const UimlEnv *env, const UimlModel *model, size_t k, size_t *small)
{
	size_t *items = uiml_alloc0(env, k, sizeof(size_t));

	*small = 0;
	if (items == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < model->n_items; i++)
		if (model->interest[i] != UINT32_MAX)
			items[model->interest[i]]++;
	for (size_t j = 0; j < k; j++)
		*small += items[j] < FEWEST_ITEMS;
	uiml_free(env, items);
	return UIML_OK;
}

/* Clusters into k; where small clusters are to be dropped, into as many fewer as there are of them. */
static UimlStatus
cluster_points(const UimlEnv *env, const UimlModelParams *params, size_t k, const float *initial,
			   const float *point, const float *weight, UimlModel *model, UimlKmeansResult *result)
{
	for (int attempt = 0;; attempt++)
	{
		UimlKmeansParams kmeans = uiml_kmeans_defaults(k);
		size_t small = 0;
		UimlStatus status;

		kmeans.seed = params->seed;
		kmeans.spherical = true;
		kmeans.initial = initial;
		status = uiml_kmeans(env, point, weight, model->n_items, model->interest_dims, &kmeans,
							 model->centroid, model->interest, result, NULL);
		if (status == UIML_OK && params->drop_small && initial == NULL && attempt < DROP_ATTEMPTS)
			status = count_small(env, model, result->k, &small);
		if (status != UIML_OK || small == 0 || small >= result->k)
			return status;
		k = result->k - small;
	}
}

/*
 * Where the interests of params->initial lie among the points; NULL where one of them has no point any more,
 * and clustering starts from the seed.
 */
static UimlStatus
initial_centroids(const UimlEnv *env, const UimlModelParams *params, const float *point, const float *weight,
				  const UimlModel *model, float **initial)
{
	size_t k = params->interests;
	size_t d = model->interest_dims;
	float *sum = uiml_alloc0(env, k, d * sizeof(float));

	*initial = NULL;
	if (sum == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < model->n_items; i++)
	{
		float scale = weight[i] * (float) uiml_direction_scale(point + i * d, d);

		if (params->initial[i] >= k || !isfinite(scale))
			continue;
		for (size_t l = 0; l < d; l++)
			sum[params->initial[i] * d + l] += scale * point[i * d + l];
	}
	for (size_t j = 0; j < k; j++)
	{
		if (uiml_direction_scale(sum + j * d, d) > 0)
			continue;
		uiml_free(env, sum);
		return UIML_OK;
	}
	*initial = sum;
	return UIML_OK;
}

/* Clusters the points; k is params->interests or chosen. */
static UimlStatus
cluster_items(const UimlEnv *env, const UimlModelParams *params, const float *point, const float *weight,
			  UimlModel *model)
{
	size_t k = params->interests;
	float *initial = NULL;
	UimlKmeansResult result;
	UimlStatus status = UIML_OK;

	if (k == 0)
		status = uiml_kmeans_choose(env, point, weight, model->n_items, model->interest_dims, true,
									most_interests(model), params->seed, &k, NULL);
	if (status != UIML_OK)
		return status;
	model->centroid = uiml_alloc(env, k * model->dims, sizeof(float));
	model->interest = uiml_alloc(env, model->n_items, sizeof(uint32_t));
	if (model->centroid == NULL || model->interest == NULL)
		return UIML_ENOMEM;
	if (params->initial != NULL)
		status = initial_centroids(env, params, point, weight, model, &initial);
	if (status == UIML_OK)
		status = cluster_points(env, params, k, initial, point, weight, model, &result);
	uiml_free(env, initial);
	if (status == UIML_OK)
	{
		widen_rows(model->centroid, result.k, model->interest_dims, model->dims);
		model->n_interests = result.k;
		model->silhouette = result.silhouette;
		model->alpha = (double) result.k;
		model->event_mass = 1;
		model->dispersion = 0;
	}
	return status;
}

/* The mean of the used users' interest distributions. */
static UimlStatus
measure_prior(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used, UimlModel *model)
{
	size_t k = model->n_interests;
	double *sum = uiml_alloc(env, k, sizeof(double));
	double users = 0;
	UimlStatus status = UIML_ENOMEM;

	model->prior = uiml_alloc(env, k, sizeof(float));
	if (sum != NULL && model->prior != NULL)
		status = rows->prior(rows->ctx, env, row_used, model->interest, model->n_items, k, sum, &users);
	for (size_t j = 0; status == UIML_OK && j < k; j++)
		model->prior[j] = users > 0 ? (float) (sum[j] / users) : 1 / (float) k;
	uiml_free(env, sum);
	return status;
}

static void
drop_interests(const UimlEnv *env, UimlModel *model)
{
	uiml_free(env, model->centroid);
	uiml_free(env, model->interest);
	uiml_free(env, model->prior);
	uiml_free(env, model->generalization);
	model->generalization = NULL;
	model->centroid = NULL;
	model->interest = NULL;
	model->prior = NULL;
	model->n_interests = 0;
	model->n_texts = 0;
	model->text_weight = 0;
}

void
uiml_model_generalize(const UimlModel *model, float *mass, double *room)
{
	if (model->generalization != NULL)
		uiml_generalize_mass(model->generalization, model->n_interests, mass, room);
}

UimlStatus
uiml_model_fit_interests(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
						 const UimlModelParams *params, UimlModel *model)
{
	float *point;
	float *weight;
	UimlStatus status;

	drop_interests(env, model);
	if (!params_valid(params))
		return UIML_EINVALID;
	uiml_progress(env, "interests", 0, 1);
	point = uiml_alloc(env, model->n_items * model->interest_dims, sizeof(float));
	weight = uiml_alloc(env, model->n_items, sizeof(float));
	if (point == NULL || weight == NULL)
		status = UIML_ENOMEM;
	else
	{
		interest_points(model, model->interest_dims, point, weight);
		status = cluster_items(env, params, point, weight, model);
	}
	uiml_free(env, point);
	uiml_free(env, weight);
	if (status == UIML_OK)
		status = measure_prior(env, rows, row_used, model);
	uiml_progress(env, "interests", 1, 1);
	if (status == UIML_OK && params->features != UIML_FEATURES_BEHAVIOUR)
		status = uiml_model_place(env, params, rows->n_texts, model);
	if (status != UIML_OK)
		drop_interests(env, model);
	return status;
}

UimlStatus
uiml_model_fit(const UimlEnv *env, const UimlRows *rows, const uint8_t *row_used,
			   const UimlModelParams *params, UimlModel *model)
{
	UimlStatus status = uiml_model_fit_space(env, rows, row_used, params, model);

	if (status == UIML_OK)
		status = uiml_model_fit_interests(env, rows, row_used, params, model);
	if (status != UIML_OK)
		uiml_model_free(env, model);
	return status;
}

void
uiml_model_free(const UimlEnv *env, UimlModel *model)
{
	drop_interests(env, model);
	uiml_free(env, model->in);
	uiml_free(env, model->out);
	uiml_free(env, model->sigma);
	uiml_free(env, model->popularity);
	*model = (UimlModel){0};
}

void
uiml_model_truncate(UimlModel *model, size_t dims)
{
	double kept = 0;
	double all = 0;

	if (dims == 0 || dims >= model->dims)
		return;
	for (size_t j = 0; j < model->dims; j++)
	{
		all += model->sigma[j] * model->sigma[j];
		kept += j < dims ? model->sigma[j] * model->sigma[j] : 0;
	}
	model->explained *= kept / all;
	cut_columns(model->in, model->n_items, model->dims, dims);
	cut_columns(model->out, model->n_items, model->dims, dims);
	if (model->centroid != NULL)
	{
		cut_columns(model->centroid, model->n_interests, model->dims, dims);
		for (size_t c = 0; c < model->n_interests; c++)
		{
			float *row = model->centroid + c * dims;
			double square = 0;

			for (size_t j = 0; j < dims; j++)
				square += (double) row[j] * row[j];
			for (size_t j = 0; j < dims && square > 0; j++)
				row[j] = (float) (row[j] / sqrt(square));
		}
	}
	model->dims = dims;
	model->interest_dims = dims < model->interest_dims ? dims : model->interest_dims;
}

/*
 * What clustering takes, and the choice of k before it: of a sample, for up to 128 clusters
 * (kmeans_choose.c).
 */
static double
clustering_memory(size_t n_items, size_t c, size_t k, bool choose)
{
	size_t cluster = uiml_kmeans_memory(n_items, c, k);
	size_t chosen = choose ? uiml_kmeans_memory(n_items < 20000 ? n_items : 20000, c, 128) : 0;

	return (double) (cluster > chosen ? cluster : chosen);
}

size_t
uiml_model_memory(size_t n_users, size_t n_items, size_t n_entries, const UimlModelParams *params)
{
	size_t dims = params->dims > 0 ? params->dims : DEFAULT_DIMS;
	size_t k = params->interests > 0 ? params->interests : MOST_INTERESTS;
	size_t c;
	double n = (double) n_items;
	double vectors, bytes, space, interests;

	dims = dims < n_items ? dims : n_items;
	c = dims < MOST_INTEREST_DIMS ? dims : MOST_INTEREST_DIMS;
	k = k < n_items ? k : n_items;
	vectors = n * (double) dims * sizeof(float);

	/* Held throughout: interactions, out-vectors, singular values, popularity. */
	bytes = (double) (n_users + 1) * sizeof(size_t) +
			(double) n_entries * (sizeof(uint32_t) + 2 * sizeof(float)) + vectors +
			(double) dims * sizeof(double) + n * sizeof(float);

	/* Values of the matrix and item scales, then what the decomposition takes. */
	space = (double) n_entries * sizeof(float) + n * sizeof(float) +
			(double) uiml_svd_memory(n_users, n_items, n_entries, dims);

	/* In-vectors, points and their weights, interests and centroids, then what the clustering takes. */
	interests = vectors + n * (double) (c + 1) * sizeof(float) + n * sizeof(uint32_t) +
				(double) k * (double) dims * sizeof(float) +
				clustering_memory(n_items, c, k, params->interests == 0);
	bytes += space > interests ? space : interests;
	return bytes < .9 * (double) SIZE_MAX ? (size_t) bytes : SIZE_MAX;
}
