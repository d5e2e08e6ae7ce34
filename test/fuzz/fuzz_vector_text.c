/*
 * fuzz_vector_text.c
 *	  uiml_vector_parse on arbitrary bytes: it reads and writes within bounds, and accepts finite elements
 *	  only.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vector.h"

#define LIMIT 64

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	char *text = malloc(size > 0 ? size : 1);
	size_t capacity;
	float *x;
	UimlVectorParse parse;
	UimlStatus status;

	if (text == NULL)
		return 0;
	memcpy(text, input, size);
	capacity = uiml_vector_capacity(text, size);
	capacity = capacity < LIMIT ? capacity : LIMIT;
	x = malloc(capacity * sizeof(float));
	if (x == NULL)
		abort();

	status = uiml_vector_parse(text, size, capacity, x, &parse);
	if (status == UIML_OK && (parse.dim != capacity || !uiml_vector_is_finite(x, parse.dim)))
		abort();
	if (parse.fault != UIML_VECTOR_FAULT_NONE && parse.offset + parse.length > size)
		abort();
	free(x);
	free(text);
	return 0;
}
