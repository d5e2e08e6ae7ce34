/*
 * kmeans_pass.c
 *	  The mergeable state of one pass of k-means over rows that don't fit into memory.
 */
#include "core/kmeans_pass.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"

#define VERSION 1
#define FIELDS  5 /* of UimlPassCluster */

static const char magic[4] = {'u', 'k', 'm', 's'};

/* --- the parts ------------------------------------------------------------------------------------------ */

/* Doubles of the clusters and the sums, then floats of the centroids, the waiting rows and their weights. */
size_t
uiml_kmeans_pass_size(size_t k, size_t d)
{
	size_t doubles, floats, bytes;

	if (__builtin_mul_overflow(k, d + FIELDS, &doubles) ||
		__builtin_mul_overflow(doubles, sizeof(double), &doubles) ||
		__builtin_mul_overflow(k + UIML_NEAREST_POINTS, d, &floats) ||
		__builtin_mul_overflow(floats + 1, sizeof(float), &floats) ||
		__builtin_add_overflow(doubles, floats, &bytes) ||
		__builtin_add_overflow(bytes, sizeof(UimlKmeansPass) + (UIML_NEAREST_POINTS + 1) * sizeof(double),
							   &bytes))
		return SIZE_MAX;
	return bytes / sizeof(double) * sizeof(double);
}

UimlPassCluster *
uiml_kmeans_pass_cluster(UimlKmeansPass *pass)
{
	return (UimlPassCluster *) (void *) pass->data;
}

double *
uiml_kmeans_pass_sum(UimlKmeansPass *pass)
{
	return pass->data + (size_t) pass->k * FIELDS;
}

/* Weights of the rows that wait. */
static double *
waiting_weight(UimlKmeansPass *pass)
{
	return uiml_kmeans_pass_sum(pass) + (size_t) pass->k * pass->d;
}

float *
uiml_kmeans_pass_centroid(UimlKmeansPass *pass)
{
	return (float *) (void *) (waiting_weight(pass) + UIML_NEAREST_POINTS);
}

static float *
waiting_row(UimlKmeansPass *pass, size_t i)
{
	return uiml_kmeans_pass_centroid(pass) + (pass->k + i) * pass->d;
}

/* Reading only; C has no other way to say so for one function of both. */
static UimlKmeansPass *
readable(const UimlKmeansPass *pass)
{
	return (UimlKmeansPass *) (uintptr_t) pass;
}

/* --- a pass --------------------------------------------------------------------------------------------- */

void
uiml_kmeans_pass_init(UimlKmeansPass *pass, size_t k, size_t d, bool spherical)
{
	pass->k = (uint32_t) k;
	pass->d = (uint32_t) d;
	pass->spherical = spherical;
	pass->waiting = 0;
	memset(pass->data, 0, k * (FIELDS + d) * sizeof(double));
	memset(waiting_weight(pass), 0, UIML_NEAREST_POINTS * sizeof(double));
	memset(waiting_row(pass, 0), 0, UIML_NEAREST_POINTS * d * sizeof(float));
}

bool
uiml_kmeans_pass_add(UimlKmeansPass *pass, const float *x, double weight)
{
	memcpy(waiting_row(pass, pass->waiting), x, pass->d * sizeof(float));
	waiting_weight(pass)[pass->waiting++] = weight;
	return pass->waiting == UIML_NEAREST_POINTS;
}

static void
add_point(UimlKmeansPass *pass, const UimlCentroids *centroids, const float *x, double scale, double weight,
		  const UimlNearest *nearest)
{
	bool spherical = pass->spherical != 0;
	UimlPassCluster *cluster = uiml_kmeans_pass_cluster(pass) + nearest->cluster;

	cluster->size++;
	if (weight == 0)
		return;
	cluster->members++;
	cluster->mass += weight;
	cluster->inertia += weight * (spherical ? nearest->distance / 2 : nearest->distance);
	cluster->silhouette +=
		weight * uiml_kmeans_point_silhouette(spherical, nearest->distance, nearest->second);
	centroids->kernels->accumulate_weighted(x, weight * scale, pass->d,
											uiml_kmeans_pass_sum(pass) + (size_t) nearest->cluster * pass->d);
}

void
uiml_kmeans_pass_flush(UimlKmeansPass *pass, const UimlCentroids *centroids, float *rows)
{
	UimlNearest nearest[UIML_NEAREST_POINTS];
	double scale[UIML_NEAREST_POINTS];
	size_t from[UIML_NEAREST_POINTS], n = 0;

	for (size_t i = 0; i < pass->waiting; i++)
	{
		scale[n] = pass->spherical ? uiml_direction_scale(waiting_row(pass, i), pass->d) : 1;
		if (scale[n] == 0)
			continue;
		uiml_centroids_place(centroids, waiting_row(pass, i), scale[n], rows + n * pass->d);
		from[n++] = i;
	}
	pass->waiting = 0;
	if (n == 0)
		return;
	uiml_centroids_nearest(centroids, rows, n, nearest);
	for (size_t i = 0; i < n; i++)
		add_point(pass, centroids, waiting_row(pass, from[i]), scale[i], waiting_weight(pass)[from[i]],
				  &nearest[i]);
}

bool
uiml_kmeans_pass_matches(const UimlKmeansPass *pass, const UimlKmeansPass *other)
{
	return pass->k == other->k && pass->d == other->d && pass->spherical == other->spherical &&
		   memcmp(uiml_kmeans_pass_centroid(readable(pass)), uiml_kmeans_pass_centroid(readable(other)),
				  (size_t) pass->k * pass->d * sizeof(float)) == 0;
}

void
uiml_kmeans_pass_merge(UimlKmeansPass *pass, const UimlKmeansPass *other)
{
	size_t n = (size_t) pass->k * (FIELDS + (size_t) pass->d);

	for (size_t i = 0; i < n; i++)
		pass->data[i] += other->data[i];
}

void
uiml_kmeans_pass_describe(const UimlKmeansPass *pass, UimlKmeansCluster *each)
{
	const UimlPassCluster *cluster = uiml_kmeans_pass_cluster(readable(pass));

	for (size_t c = 0; c < pass->k; c++)
	{
		/* alone in its cluster: 0 by convention, as in kmeans.c */
		bool alone = cluster[c].size < 2 || cluster[c].mass == 0;

		each[c] = (UimlKmeansCluster){.size = (size_t) cluster[c].size,
									  .mass = cluster[c].mass,
									  .inertia = cluster[c].inertia,
									  .silhouette = alone ? 0 : cluster[c].silhouette / cluster[c].mass};
	}
}

/* --- the binary form ------------------------------------------------------------------------------------ */

size_t
uiml_kmeans_pass_binary_size(size_t k, size_t d)
{
	size_t cluster, bytes;

	if (__builtin_mul_overflow(d, sizeof(double) + sizeof(float), &cluster) ||
		__builtin_mul_overflow(cluster + FIELDS * sizeof(double), k, &bytes) ||
		__builtin_add_overflow(bytes, (size_t) UIML_KMEANS_PASS_HEADER, &bytes))
		return SIZE_MAX;
	return bytes;
}

void
uiml_kmeans_pass_write(const UimlKmeansPass *pass, void *bytes)
{
	const float *centroid = uiml_kmeans_pass_centroid(readable(pass));
	size_t k = pass->k, d = pass->d;
	uint8_t *byte = bytes;

	memcpy(byte, magic, sizeof(magic));
	byte = uiml_put_bytes(byte + sizeof(magic), VERSION, 2);
	byte = uiml_put_bytes(byte, pass->spherical, 2);
	byte = uiml_put_bytes(byte, uiml_kmeans_pass_binary_size(k, d), 8);
	byte = uiml_put_bytes(byte, k, 4);
	byte = uiml_put_bytes(byte, d, 4);
	for (size_t i = 0; i < k * (FIELDS + d); i++)
		byte = uiml_put_f64(byte, pass->data[i]);
	for (size_t i = 0; i < k * d; i++)
		byte = uiml_put_f32(byte, centroid[i]);
}

UimlStatus
uiml_kmeans_pass_read_head(const void *bytes, size_t length, size_t max_d, size_t *k, size_t *d)
{
	const uint8_t *byte = bytes;

	if (length < UIML_KMEANS_PASS_HEADER || memcmp(byte, magic, sizeof(magic)) != 0 ||
		uiml_get_bytes(byte + 4, 2) != VERSION || uiml_get_bytes(byte + 6, 2) > 1 ||
		uiml_get_bytes(byte + 8, 8) != length)
		return UIML_ECORRUPT;
	*k = uiml_get_bytes(byte + 16, 4);
	*d = uiml_get_bytes(byte + 20, 4);
	if (*k > UIML_KMEANS_MAX_K || *d > max_d)
		return UIML_ELIMIT;
	if (*k == 0 || *d == 0 || length != uiml_kmeans_pass_binary_size(*k, *d))
		return UIML_ECORRUPT;
	return UIML_OK;
}

UimlStatus
uiml_kmeans_pass_read(const void *bytes, size_t k, size_t d, UimlKmeansPass *pass)
{
	const uint8_t *byte = bytes;
	const UimlPassCluster *cluster;
	float *centroid;
	bool finite = true;

	uiml_kmeans_pass_init(pass, k, d, uiml_get_bytes(byte + 6, 2) != 0);
	byte += UIML_KMEANS_PASS_HEADER;
	for (size_t i = 0; i < k * (FIELDS + d); i++, byte += sizeof(double))
	{
		pass->data[i] = uiml_get_f64(byte);
		finite &= isfinite(pass->data[i]) != 0;
	}
	centroid = uiml_kmeans_pass_centroid(pass);
	for (size_t i = 0; i < k * d; i++, byte += sizeof(float))
	{
		centroid[i] = uiml_get_f32(byte);
		finite &= isfinite(centroid[i]) != 0;
	}
	if (!finite)
		return UIML_ENOTFINITE;
	cluster = uiml_kmeans_pass_cluster(pass);
	for (size_t c = 0; c < k; c++)
		if (!(cluster[c].size >= 0 && cluster[c].members >= 0 && cluster[c].mass >= 0 &&
			  cluster[c].inertia >= 0))
			return UIML_ECORRUPT;
	return UIML_OK;
}
