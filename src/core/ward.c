/*
 * ward.c
 *	  Ward's hierarchical clustering by the nearest-neighbour chain.
 *
 * The chain walks from a cluster to its nearest one, from there to the nearest of that, until two are each
 * other's nearest: these merge (Benzecri 1982; Murtagh 1983).  As Ward's distance never gets smaller by a
 * merge of others (it is reducible), the chain's rest stays valid, and the hierarchy is that of always
 * merging the nearest pair, found in O(n^2) instead of O(n^3); only the order of the merges differs, so they
 * are sorted at the end.
 *
 * Squared distances to a merged cluster follow from those to its parts (Lance & Williams 1967), so means are
 * never formed.  Rounding can make one slightly negative, or a parent slightly lower than its child: both are
 * put right.
 */
#include "core/ward.h"

#include <math.h>

#include "core/vector.h"

/* The clusters that are left, each under the number of its lowest point. */
typedef struct Linkage
{
	size_t n;
	double *square;  /* n x n, symmetric: squared distances */
	double *size;    /* n: points of a cluster, 0 where it has become part of another */
	double *height;  /* n: of its last merge, 0 for a single point */
	uint32_t *chain; /* n */
	size_t length;   /* of the chain */
} Linkage;

static UimlStatus
fill_distances(const UimlEnv *env, Linkage *linkage, const float *const *point, size_t d)
{
	size_t n = linkage->n;

	for (size_t i = 0; i < n; i++)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		linkage->square[i * n + i] = 0;
		for (size_t j = 0; j < i; j++)
		{
			double square = uiml_vector_l2_squared(point[i], point[j], d);

			if (!isfinite(square))
				return UIML_ENOTFINITE;
			linkage->square[i * n + j] = linkage->square[j * n + i] = square;
		}
	}
	return UIML_OK;
}

/* The nearest cluster; among equals the one before in the chain (or it would never end), else the lowest. */
static uint32_t
nearest(const Linkage *linkage, uint32_t from)
{
	const double *square = linkage->square + from * linkage->n;
	uint32_t best = linkage->length > 1 ? linkage->chain[linkage->length - 2] : UINT32_MAX;
	double least = best != UINT32_MAX ? square[best] : INFINITY;

	for (uint32_t i = 0; i < linkage->n; i++)
	{
		if (i == from || linkage->size[i] == 0)
			continue;
		if (square[i] < least || best == UINT32_MAX)
		{
			best = i;
			least = square[i];
		}
	}
	return best;
}

/* Makes b part of a. */
static void
merge_clusters(Linkage *linkage, uint32_t a, uint32_t b)
{
	size_t n = linkage->n;
	double between = linkage->square[a * n + b];

	linkage->height[a] = fmax(sqrt(between), fmax(linkage->height[a], linkage->height[b]));
	for (size_t i = 0; i < n; i++)
	{
		double size = linkage->size[i];
		double square;

		if (size == 0 || i == a || i == b)
			continue;
		square = ((linkage->size[a] + size) * linkage->square[a * n + i] +
				  (linkage->size[b] + size) * linkage->square[b * n + i] - size * between) /
				 (linkage->size[a] + linkage->size[b] + size);
		linkage->square[a * n + i] = linkage->square[i * n + a] = fmax(square, 0);
	}
	linkage->size[a] += linkage->size[b];
	linkage->size[b] = 0;
}

/* Follows the chain to two clusters that are each other's nearest, and takes them off it. */
static void
next_pair(Linkage *linkage, uint32_t *a, uint32_t *b)
{
	if (linkage->length == 0)
	{
		uint32_t first = 0;

		while (linkage->size[first] == 0)
			first++;
		linkage->chain[linkage->length++] = first;
	}
	for (;;)
	{
		uint32_t top = linkage->chain[linkage->length - 1];
		uint32_t next = nearest(linkage, top);

		if (linkage->length > 1 && next == linkage->chain[linkage->length - 2])
		{
			linkage->length -= 2;
			*a = top < next ? top : next;
			*b = top < next ? next : top;
			return;
		}
		linkage->chain[linkage->length++] = next;
	}
}

/* Stable, so that of equal heights a child stays before its parent. */
static void
sort_merges(UimlWardMerge *merge, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		UimlWardMerge moved = merge[i];
		size_t at = i;

		for (; at > 0 && merge[at - 1].height > moved.height; at--)
			merge[at] = merge[at - 1];
		merge[at] = moved;
	}
}

UimlStatus
uiml_ward_link(const UimlEnv *env, const float *const *point, size_t n, size_t d, UimlWardMerge *merge)
{
	Linkage linkage = {.n = n};
	UimlStatus status = UIML_ENOMEM;

	if (n > UIML_WARD_MAX_POINTS)
		return UIML_ELIMIT;
	linkage.square = uiml_alloc(env, n * n, sizeof(double));
	linkage.size = uiml_alloc(env, n, sizeof(double));
	linkage.height = uiml_alloc0(env, n, sizeof(double));
	linkage.chain = uiml_alloc(env, n, sizeof(uint32_t));
	if (linkage.square != NULL && linkage.size != NULL && linkage.height != NULL && linkage.chain != NULL)
		status = fill_distances(env, &linkage, point, d);
	for (size_t i = 0; status == UIML_OK && i < n; i++)
		linkage.size[i] = 1;
	for (size_t i = 0; status == UIML_OK && i + 1 < n; i++)
	{
		if (uiml_interrupted(env))
			status = UIML_EINTERRUPTED;
		next_pair(&linkage, &merge[i].a, &merge[i].b);
		merge_clusters(&linkage, merge[i].a, merge[i].b);
		merge[i].height = linkage.height[merge[i].a];
	}
	if (status == UIML_OK && n > 0)
		sort_merges(merge, n - 1);
	uiml_free(env, linkage.chain);
	uiml_free(env, linkage.height);
	uiml_free(env, linkage.size);
	uiml_free(env, linkage.square);
	return status;
}

size_t
uiml_ward_cut(const UimlWardMerge *merge, size_t n, double cut, uint32_t *cluster)
{
	uint32_t found = 0;

	/* first each point's cluster by its lowest point, or by a point below it that knows */
	for (size_t i = 0; i < n; i++)
		cluster[i] = (uint32_t) i;
	for (size_t i = 0; i + 1 < n && merge[i].height <= cut; i++)
		cluster[merge[i].b] = merge[i].a;
	for (size_t i = 0; i < n; i++)
		cluster[i] = cluster[i] == i ? found++ : cluster[cluster[i]];
	return found;
}

size_t
uiml_ward_medoid(const float *const *point, const uint32_t *cluster, size_t n, size_t d, uint32_t number,
				 double *mean)
{
	double least = INFINITY;
	double size = 0;
	size_t medoid = SIZE_MAX;

	for (size_t j = 0; j < d; j++)
		mean[j] = 0;
	for (size_t i = 0; i < n; i++)
	{
		if (cluster[i] != number)
			continue;
		uiml_vector_accumulate(point[i], 1, d, mean);
		size += 1;
	}
	for (size_t i = 0; i < n; i++)
	{
		double square = 0;

		if (cluster[i] != number)
			continue;
		for (size_t j = 0; j < d; j++)
			square += (point[i][j] - mean[j] / size) * (point[i][j] - mean[j] / size);
		if (medoid == SIZE_MAX || square < least)
		{
			medoid = i;
			least = square;
		}
	}
	return medoid;
}
