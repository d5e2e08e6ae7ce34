/*
 * wardstate.c
 *	  The heaviest events of a group, and the interests they fall into.
 *
 * Events have a total order, by weight, heaviest first, then by vector.  Up to UIML_WARD_MAX_POINTS they are
 * just appended; with the last one they become a heap with the last of that order on top, which the next one
 * may replace.  Before clustering they are sorted, so that nothing depends on how they came.
 */
#include "core/wardstate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/vector.h"

static const char magic[4] = {'u', 'w', 's', 't'};

#define VERSION 1

/* ---------- events ---------- */

void
uiml_ward_state_init(UimlWardState *state, size_t dim, size_t capacity, double cut)
{
	state->dim = (uint32_t) dim;
	state->n = 0;
	state->capacity = (uint32_t) capacity;
	state->cut = cut;

	/* the padding of odd dimensions too: equal states have equal bytes */
	memset(state->event, 0, UIML_WARD_STATE_SIZE(dim, capacity) - sizeof(UimlWardState));
}

static double *
event_at(const UimlWardState *state, size_t i)
{
	return (double *) state->event + i * UIML_WARD_STRIDE(state->dim);
}

double
uiml_ward_state_weight(const UimlWardState *state, size_t i)
{
	return *event_at(state, i);
}

static const float *
vector_at(const UimlWardState *state, size_t i)
{
	return (const float *) (event_at(state, i) + 1);
}

/* < 0 where event (weight, x) comes before event i. */
static int
compare_with(const UimlWardState *state, double weight, const float *x, size_t i)
{
	double other = uiml_ward_state_weight(state, i);

	if (weight != other)
		return weight > other ? -1 : 1;
	return uiml_vector_compare(x, state->dim, vector_at(state, i), state->dim);
}

static bool
comes_after(const UimlWardState *state, size_t i, size_t j)
{
	return compare_with(state, uiml_ward_state_weight(state, i), vector_at(state, i), j) > 0;
}

static void
put_event(UimlWardState *state, size_t i, double weight, const float *x)
{
	float *own = (float *) (event_at(state, i) + 1);

	*event_at(state, i) = weight;

	/* -0 sorts with 0 but would look different as a medoid */
	for (size_t j = 0; j < state->dim; j++)
		own[j] = x[j] + 0.0f;
}

/* ---------- the heap ---------- */

static void
swap_events(UimlWardState *state, size_t i, size_t j)
{
	unsigned char *a = (unsigned char *) event_at(state, i);
	unsigned char *b = (unsigned char *) event_at(state, j);

	for (size_t k = 0; k < sizeof(double) * UIML_WARD_STRIDE(state->dim); k++)
	{
		unsigned char kept = a[k];

		a[k] = b[k];
		b[k] = kept;
	}
}

/* Moves an event down until none below comes after it. */
static void
sift_down(UimlWardState *state, size_t at)
{
	for (;;)
	{
		size_t child = 2 * at + 1;

		if (child >= state->n)
			return;
		if (child + 1 < state->n && comes_after(state, child + 1, child))
			child++;
		if (!comes_after(state, child, at))
			return;
		swap_events(state, at, child);
		at = child;
	}
}

static void
make_heap(UimlWardState *state)
{
	for (size_t i = state->n / 2; i-- > 0;)
		sift_down(state, i);
}

void
uiml_ward_state_add(UimlWardState *state, const float *x, double weight)
{
	if (state->n == UIML_WARD_MAX_POINTS)
	{
		if (compare_with(state, weight, x, 0) >= 0)
			return;
		put_event(state, 0, weight, x);
		sift_down(state, 0);
		return;
	}
	put_event(state, state->n++, weight, x);
	if (state->n == UIML_WARD_MAX_POINTS)
		make_heap(state);
}

void
uiml_ward_state_merge(UimlWardState *state, const UimlWardState *other)
{
	for (size_t i = 0; i < other->n; i++)
		uiml_ward_state_add(state, vector_at(other, i), uiml_ward_state_weight(other, i));
}

/* ---------- clusters ---------- */

typedef struct Event
{
	const float *x;
	double weight;
	size_t dim;
} Event;

static int
compare_events(const void *a, const void *b)
{
	const Event *x = a;
	const Event *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return uiml_vector_compare(x->x, x->dim, y->x, y->dim);
}

/* Workspace of a clustering of n events. */
typedef struct Clustering
{
	size_t n;
	size_t dim;
	Event *event;        /* n, sorted */
	const float **point; /* n */
	UimlWardMerge *merge;
	uint32_t *cluster; /* n */
	double *mean;      /* dim */
} Clustering;

static bool
clustering_create(const UimlEnv *env, const UimlWardState *state, Clustering *work)
{
	size_t n = state->n;

	*work = (Clustering){.n = n, .dim = state->dim};
	work->event = uiml_alloc(env, n, sizeof(Event));
	work->point = uiml_alloc(env, n, sizeof(float *));
	work->merge = uiml_alloc(env, n, sizeof(UimlWardMerge));
	work->cluster = uiml_alloc(env, n, sizeof(uint32_t));
	work->mean = uiml_alloc(env, state->dim, sizeof(double));
	return work->event != NULL && work->point != NULL && work->merge != NULL && work->cluster != NULL &&
		   work->mean != NULL;
}

static void
clustering_free(const UimlEnv *env, Clustering *work)
{
	uiml_free(env, work->mean);
	uiml_free(env, work->cluster);
	uiml_free(env, work->merge);
	uiml_free(env, work->point);
	uiml_free(env, work->event);
}

/* Sums, heights and medoids of the found clusters. */
static UimlStatus
describe(const UimlEnv *env, const Clustering *work, double cut, UimlWardCluster *cluster, size_t found)
{
	memset(cluster, 0, found * sizeof(UimlWardCluster));
	for (size_t i = 0; i < work->n; i++)
	{
		UimlWardCluster *own = &cluster[work->cluster[i]];

		own->importance += work->event[i].weight;
		own->size++;
		if (isinf(own->importance))
			return UIML_ENOTFINITE;
	}
	for (size_t i = 0; i + 1 < work->n && work->merge[i].height <= cut; i++)
		cluster[work->cluster[work->merge[i].a]].height = work->merge[i].height;
	for (size_t c = 0; c < found; c++)
	{
		if (uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		cluster[c].medoid = work->point[uiml_ward_medoid(work->point, work->cluster, work->n, work->dim,
														 (uint32_t) c, work->mean)];
	}
	return UIML_OK;
}

/* Most important first; stable, and they come in the order of their heaviest events. */
static void
sort_clusters(UimlWardCluster *cluster, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		UimlWardCluster moved = cluster[i];
		size_t at = i;

		for (; at > 0 && cluster[at - 1].importance < moved.importance; at--)
			cluster[at] = cluster[at - 1];
		cluster[at] = moved;
	}
}

UimlStatus
uiml_ward_state_clusters(const UimlEnv *env, const UimlWardState *state, UimlWardCluster *cluster,
						 size_t *found)
{
	Clustering work;
	UimlStatus status = UIML_ENOMEM;

	*found = 0;
	if (clustering_create(env, state, &work))
	{
		for (size_t i = 0; i < work.n; i++)
			work.event[i] = (Event){vector_at(state, i), uiml_ward_state_weight(state, i), work.dim};
		qsort(work.event, work.n, sizeof(Event), compare_events);
		for (size_t i = 0; i < work.n; i++)
			work.point[i] = work.event[i].x;
		status = uiml_ward_link(env, work.point, work.n, work.dim, work.merge);
	}
	if (status == UIML_OK)
	{
		*found = uiml_ward_cut(work.merge, work.n, state->cut, work.cluster);
		status = describe(env, &work, state->cut, cluster, *found);
	}
	if (status == UIML_OK)
		sort_clusters(cluster, *found);
	clustering_free(env, &work);
	return status;
}

/* ---------- the binary form ---------- */

void
uiml_ward_state_write(const UimlWardState *state, void *bytes)
{
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, 0, 2);
	byte = uiml_put_bytes(byte, UIML_WARD_BINARY_SIZE(state->dim, state->n), 4);
	byte = uiml_put_bytes(byte, state->dim, 4);
	byte = uiml_put_bytes(byte, state->n, 4);
	byte = uiml_put_bytes(byte, 0, 4);
	byte = uiml_put_f64(byte, state->cut);
	for (size_t i = 0; i < state->n; i++)
	{
		const float *x = vector_at(state, i);

		byte = uiml_put_f64(byte, uiml_ward_state_weight(state, i));
		for (size_t j = 0; j < state->dim; j++)
			byte = uiml_put_f32(byte, x[j]);
	}
}

UimlStatus
uiml_ward_state_read_head(const void *bytes, size_t length, size_t max_dim, size_t *dim, size_t *n)
{
	const uint8_t *byte = bytes;

	if (length < UIML_WARD_HEADER || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) != 0 ||
		uiml_get_bytes(byte + 8, 4) != length || uiml_get_bytes(byte + 20, 4) != 0)
		return UIML_ECORRUPT;
	*dim = uiml_get_bytes(byte + 12, 4);
	*n = uiml_get_bytes(byte + 16, 4);
	if (*dim > max_dim || *n > UIML_WARD_MAX_POINTS)
		return UIML_ELIMIT;
	if (*dim == 0 || length != UIML_WARD_BINARY_SIZE(*dim, *n))
		return UIML_ECORRUPT;
	return UIML_OK;
}

UimlStatus
uiml_ward_state_read(const void *bytes, size_t dim, size_t n, UimlWardState *state)
{
	const uint8_t *byte = (const uint8_t *) bytes + UIML_WARD_HEADER;
	double cut = uiml_get_f64(byte - sizeof(double));

	uiml_ward_state_init(state, dim, n, cut);
	if (!(cut >= 0))
		return UIML_ECORRUPT;
	for (size_t i = 0; i < n; i++)
	{
		double weight = uiml_get_f64(byte);
		float *x = (float *) (event_at(state, i) + 1);

		byte += sizeof(double);
		for (size_t j = 0; j < dim; j++, byte += sizeof(float))
			x[j] = uiml_get_f32(byte) + 0.0f;
		if (!isfinite(weight) || !uiml_vector_is_finite(x, dim))
			return UIML_ENOTFINITE;
		if (weight < 0)
			return UIML_ECORRUPT;
		*event_at(state, i) = weight;
	}
	state->n = (uint32_t) n;
	if (n == UIML_WARD_MAX_POINTS)
		make_heap(state);
	return UIML_OK;
}
