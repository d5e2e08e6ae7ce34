/*
 * fuzz_kmeans_state.c
 *	  The reader of a k-means pass on arbitrary bytes; what it accepts goes through every operation.
 *
 * Random bytes hardly ever carry a right head, so the first input byte may ask for one that fits the length: its upper
 * bits are the number of dimensions.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/kmeans_pass.h"

#define LIMIT 16

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Magic, version, lengths for as many centroids as the bytes hold; returns how many of the bytes to use. */
static size_t
fit_head(uint8_t *bytes, size_t size, size_t d)
{
	size_t each = uiml_kmeans_pass_binary_size(1, d) - UIML_KMEANS_PASS_HEADER, k;

	if (size < uiml_kmeans_pass_binary_size(1, d))
		return size;
	k = (size - UIML_KMEANS_PASS_HEADER) / each;
	size = uiml_kmeans_pass_binary_size(k, d);
	memcpy(bytes, "ukms\1\0", 6);
	bytes[6] &= 1;
	bytes[7] = 0;
	for (int i = 0; i < 8; i++)
	{
		bytes[8 + i] = (uint8_t) ((uint64_t) size >> (8 * i));
		bytes[16 + i] = (uint8_t) ((uint64_t) k >> (8 * i) | (uint64_t) d << 32 >> (8 * i));
	}
	return size;
}

/* A state that was read is written back as it came, and neither rows nor other states make it trap. */
static void
use_pass(const uint8_t *bytes, size_t size, UimlKmeansPass *pass, UimlKmeansPass *other)
{
	static const float row[LIMIT] = {1, -1, 3e14f};
	float rows[UIML_NEAREST_POINTS * LIMIT] = {0};
	size_t k = pass->k, d = pass->d;
	uint8_t *written = malloc(size);
	UimlKmeansCluster *each = malloc(k * sizeof(UimlKmeansCluster));
	void *layout = malloc(uiml_centroids_memory(k, d));
	UimlCentroids centroids;

	if (written == NULL || each == NULL || layout == NULL)
		abort();
	uiml_kmeans_pass_write(pass, written);
	if (memcmp(bytes, written, size) != 0)
		abort();
	memcpy(other, pass, uiml_kmeans_pass_size(k, d));
	uiml_centroids_init(&centroids, k, d, pass->spherical != 0, layout);
	uiml_centroids_set(&centroids, uiml_kmeans_pass_centroid(pass), k);
	(void) uiml_kmeans_pass_add(pass, row, 0.5);
	uiml_kmeans_pass_flush(pass, &centroids, rows);
	uiml_kmeans_pass_merge(pass, other);
	for (size_t c = 0; c < k; c++)
		if (!(uiml_kmeans_pass_cluster(pass)[c].size < 1e15))
			uiml_kmeans_pass_cluster(pass)[c].size = 0;
	uiml_kmeans_pass_describe(pass, each);
	free(written);
	free(each);
	free(layout);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;
	size_t k, d;

	if (size < 2)
		return 0;
	size--;
	bytes = malloc(size);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, input + 1, size);
	if (input[0] % 4 != 0)
		size = fit_head(bytes, size, 1 + (size_t) input[0] / 4 % LIMIT);
	if (uiml_kmeans_pass_read_head(bytes, size, LIMIT, &k, &d) == UIML_OK)
	{
		UimlKmeansPass *pass = malloc(uiml_kmeans_pass_size(k, d));
		UimlKmeansPass *other = malloc(uiml_kmeans_pass_size(k, d));

		if (pass == NULL || other == NULL)
			abort();
		pass->length_word = 0;
		if (uiml_kmeans_pass_read(bytes, k, d, pass) == UIML_OK)
			use_pass(bytes, size, pass, other);
		free(pass);
		free(other);
	}
	free(bytes);
	return 0;
}
