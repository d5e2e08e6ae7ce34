/*
 * fuzz_vector_binary.c
 *	  The reader of a vector's binary form on arbitrary bytes: what it accepts is written back as it came.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vector.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	int dim;

	if (bytes == NULL)
		return 0;
	memcpy(bytes, input, size);
	if (uiml_vector_read_dim(bytes, size, &dim) == UIML_OK && dim > 0)
	{
		size_t used = UIML_VECTOR_BINARY_SIZE(dim);
		float *x = malloc((size_t) dim * sizeof(float));
		uint8_t *written = malloc(used);

		if (x == NULL || written == NULL)
			abort();
		if (uiml_vector_read(bytes, (size_t) dim, x) == UIML_OK)
		{
			uiml_vector_write(x, (size_t) dim, written);
			if (memcmp(bytes, written, used) != 0)
				abort();
		}
		free(written);
		free(x);
	}
	free(bytes);
	return 0;
}
