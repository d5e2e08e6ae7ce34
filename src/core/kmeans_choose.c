/*
 * kmeans_choose.c
 *	  The number of clusters, by simplified silhouette.
 *
 * Rousseeuw's silhouette compares a point's mean distance to its own cluster with that to the nearest other
 * one; the simplified silhouette (Hruschka, de Castro & Campello 2004) takes the distances to the centroids,
 * which costs one product of points and centroids instead of one of points and points.
 *
 * Its maximum alone is no rule for item vectors.  Catalogues are continua: where no true number of clusters
 * exists the curve climbs to a plateau, and its maximum is wherever the seeding happened to be lucky on it.
 * d = 64, rows of V * sigma of the popularity-scaled decomposition, three restarts of plain k-means++ (the
 * seeding has become greedy since, and the model clusters in 32 dimensions: what it finds is in model.c):
 *
 *		k								4	 8	  12   16	24	 32   48   64	96	 128
 *		MovieLens 1M, 2,952 items	   .354 .366 .366 .388 .377 .384 .383 .387 .381 .379
 *		MovieLens small, 9,724		   .274 .320 .360 .393 .434 .453 .486 .490 .506 .523
 *		Last.fm, 3,646 artists		   .256 .280 .299 .295 .320 .327 .334 .327 .324 .321
 *		Amazon beauty, 12,101		   .194 .227 .248 .247 .265 .282 .289 .284 .301 .296
 *		Amazon video, 8,751			   .254 .303 .331 .344 .380 .390 .393 .402 .396 .370
 *		Amazon games, 12,319		   .196 .226 .241 .245 .273 .280 .292 .305 .307 .326
 *
 * The maximum would give 16 to 128 interests, 128 for two of the six.  Interests are read by people and
 * estimated from a few tens of a user's events, so the rule is parsimony, as in the one-standard-error rule
 * (Breiman et al. 1984):
 *
 * 1. Among k up to READABLE, the smallest whose silhouette reaches NEAR_BEST of the highest; 3 % is about the
 *    spread between seedings.
 * 2. A larger k only where it shows what a smaller one can't: a silhouette CLEARLY above all up to READABLE,
 *    as
 *    64 well separated clusters do.  Again the smallest near the best is taken.
 * 3. Where rule 1 ends below FEW, but the curve is flat up to FEW and a cluster would hold ROOM points there,
 *    FEW is
 *    taken: half as many interests say half as much about a user.  Well separated clusters, 4 of them say,
 *    keep
 *    their number, since splitting them costs more than PLATEAU allows.
 *
 * Over four seeds that gives 12 or 32 for MovieLens 1M, and 24 or 32 for the others.
 */
#include "core/kmeans.h"

#include "core/kmeans_state.h"

#define READABLE  32
#define NEAR_BEST .97
#define CLEARLY   1.25
#define FEW       12
#define PLATEAU   .9
#define ROOM      20

static const size_t grid[] = {4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};

#define GRID_SIZE (sizeof(grid) / sizeof(grid[0]))

/* What was tried: clusters that held points, and their silhouette. */
typedef struct Curve
{
	size_t n;
	size_t k[GRID_SIZE];
	double silhouette[GRID_SIZE];
} Curve;

/* Highest silhouette with low <= k <= high; -1 when none was tried. */
static double
highest(const Curve *curve, size_t low, size_t high)
{
	double best = -1;

	for (size_t i = 0; i < curve->n; i++)
		if (curve->k[i] >= low && curve->k[i] <= high && curve->silhouette[i] > best)
			best = curve->silhouette[i];
	return best;
}

/* Index of the k that the rules above pick for n points. */
static size_t
pick(const Curve *curve, size_t n)
{
	double best = highest(curve, 0, READABLE);
	double beyond = highest(curve, READABLE + 1, SIZE_MAX);
	size_t i = 0;

	if (beyond > 0 && beyond > CLEARLY * best)
		best = beyond;
	if (best <= 0)
		return 0; /* nothing separates: the fewest */
	while (curve->silhouette[i] < NEAR_BEST * best)
		i++;
	for (size_t few = i; few < curve->n && n >= FEW * ROOM && curve->k[i] < FEW; few++)
		if (curve->k[few] == FEW && curve->silhouette[few] >= PLATEAU * best)
			i = few;
	return i;
}

/*
 * Clusters the sample for each k.  Few restarts and a coarse tolerance: what more of them change is less than
 * what the rule looks at, above all beyond READABLE, where most of the time goes.
 */
static UimlStatus
trace_curve(Kmeans *state, size_t max_k, UimlRng *rng, Curve *curve)
{
	UimlKmeansCluster each[128];

	curve->n = 0;
	for (size_t i = 0; i < GRID_SIZE; i++)
	{
		UimlKmeansParams params = uiml_kmeans_defaults(grid[i] < max_k ? grid[i] : max_k);
		UimlStatus status;

		params.restarts = params.k <= READABLE ? 2 : 1;
		params.max_iterations = 30;
		params.tolerance = 1e-3;
		uiml_progress(state->env, "number of interests", (double) i, (double) GRID_SIZE);
		params.spherical = state->spherical;
		status = uiml_kmeans_run(state, &params, rng);
		if (status == UIML_OK)
			status = uiml_kmeans_describe(state, each, &curve->silhouette[curve->n]);
		if (status != UIML_OK)
			return status;
		curve->k[curve->n++] = state->k;
		/* fewer clusters than asked for: all distinct points are centroids already */
		if (state->k < params.k || i + 1 == GRID_SIZE || grid[i + 1] > max_k)
			break;
	}
	return UIML_OK;
}

UimlStatus
uiml_kmeans_choose(const UimlEnv *env, const float *points, const float *weight, size_t n, size_t d,
				   bool spherical, size_t max_k, uint64_t seed, size_t *k, double *silhouette)
{
	Kmeans state;
	Curve curve;
	UimlRng rng;
	size_t usable, chosen, sample;
	bool has_weight;
	UimlStatus status;

	if (max_k < 1 || d < 1)
		return UIML_EINVALID;
	status = uiml_kmeans_check(env, points, weight, n, d, spherical, &usable, &has_weight);
	if (status != UIML_OK)
		return status;
	if (!has_weight)
		return UIML_EEMPTY;
	if (max_k > usable)
		max_k = usable;
	if (max_k > grid[GRID_SIZE - 1])
		max_k = grid[GRID_SIZE - 1];
	uiml_rng_init(&rng, seed);
	sample = usable < UIML_KMEANS_CHOOSE_POINTS ? usable : UIML_KMEANS_CHOOSE_POINTS;
	status = uiml_kmeans_allocate(&state, env, sample, d, spherical, max_k, true);
	if (status == UIML_OK)
		status = uiml_kmeans_load(&state, points, weight, n, usable, &rng);
	if (status == UIML_OK)
		status = trace_curve(&state, max_k, &rng, &curve);
	uiml_kmeans_release(&state);
	if (status != UIML_OK)
		return status;
	chosen = pick(&curve, usable);
	*k = curve.k[chosen];
	if (silhouette != NULL)
		*silhouette = curve.silhouette[chosen];
	return UIML_OK;
}
