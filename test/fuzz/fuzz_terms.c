/*
 * fuzz_terms.c
 *	  Splitting, counting and labelling arbitrary bytes.
 *
 * The first byte chooses the memory limit, so that tables which are full are used too; zero bytes separate
 * texts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/terms.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define N_CLASSES 3
#define N_TOP     8

/* Every term has 1 to 64 bytes, all of them readable. */
static UimlStatus
check_term(void *ctx, const char *term, size_t length)
{
	unsigned *sum = ctx;

	if (length < 1 || length > 64)
		abort();
	for (size_t i = 0; i < length; i++)
		*sum += (unsigned char) term[i];
	return UIML_OK;
}

static void
check_top(UimlTerms *terms, uint32_t class_number, unsigned *sum)
{
	const char *term[N_TOP];
	size_t length[N_TOP];
	double weight[N_TOP];
	size_t found;

	if (uiml_terms_top(terms, class_number, N_TOP, term, length, weight, NULL, &found) != UIML_OK ||
		found > N_TOP)
		abort();
	for (size_t i = 0; i < found; i++)
	{
		if (!(weight[i] >= 0))
			abort();
		check_term(sum, term[i], length[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	UimlEnv env = uiml_env_malloc();
	volatile unsigned sink;
	unsigned sum = 0;
	UimlTerms *terms;
	const char *text;
	uint32_t number = 0;

	if (size == 0)
		return 0;
	text = (const char *) input + 1;
	size--;
	if (uiml_terms_each(&env, text, size, check_term, &sum) != UIML_OK)
		abort();

	terms = uiml_terms_create(&env, N_CLASSES, (size_t) input[0] * 512);
	if (terms == NULL)
		return 0;
	while (size > 0)
	{
		const char *end = memchr(text, '\0', size);
		size_t length = end != NULL ? (size_t) (end - text) : size;
		UimlStatus status = uiml_terms_add(terms, number % N_CLASSES, 1 + number % 7, text, length);

		if (status != UIML_OK && status != UIML_ELIMIT)
			abort();
		number++;
		length += end != NULL;
		text += length;
		size -= length;
	}
	for (uint32_t c = 0; c < N_CLASSES; c++)
		check_top(terms, c, &sum);
	uiml_terms_destroy(terms);
	sink = sum;
	(void) sink;
	return 0;
}
