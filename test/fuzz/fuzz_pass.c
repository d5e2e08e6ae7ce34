/*
 * fuzz_pass.c
 *	  Packed users and states of passes from arbitrary bytes; what the readers accept goes through every operation.
 *
 * Random bytes hardly ever carry a right head, so the first input byte may ask for heads that fit the length.  The
 * second chooses the kind of pass.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/pass.h"

#define ITEMS 8
#define WIDTH 5

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void *
allocate(size_t size)
{
	void *p = malloc(size > 0 ? size : 1);

	if (p == NULL)
		abort();
	return p;
}

/* A head for as many events as the bytes hold; returns how many of them to use. */
static size_t
fit_user(uint8_t *bytes, size_t size)
{
	size_t n;

	if (size < UIML_USERPACK_HEADER)
		return size;
	n = (size - UIML_USERPACK_HEADER) / 16;
	size = uiml_userpack_size(n, true);
	memcpy(bytes, "uvev\1\0\1\0", 8);
	for (int i = 0; i < 4; i++)
	{
		bytes[8 + i] = (uint8_t) (size >> (8 * i));
		bytes[12 + i] = (uint8_t) (n >> (8 * i));
	}
	return size;
}

/* A job of a kind over ITEMS items, with bytes for a payload: the reader must live with any. */
static uint8_t *
make_job(uint32_t kind, uint8_t filler, UimlPass *pass)
{
	UimlPassJob job = {.mark = UIML_PASS_MARK,
					   .kind = kind,
					   .n_items = ITEMS,
					   .width = WIDTH,
					   .n_excluded = 1,
					   .window = {-INFINITY, INFINITY, 0, 86400},
					   .row_scale = .25,
					   .scale = 1};
	size_t size = uiml_pass_job_size(&job);
	uint8_t *bytes = allocate(size);

	memset(bytes, filler, size);
	memcpy(bytes, &job, sizeof(job));
	if (uiml_pass_open(bytes, size, pass) != UIML_OK)
		abort();
	return bytes;
}

static void
add_user(uint32_t kind, uint8_t filler, const uint8_t *bytes, size_t size)
{
	UimlEnv env = uiml_env_malloc();
	UimlPass pass;
	uint8_t *job = make_job(kind, filler, &pass);
	UimlPassState *state = allocate(uiml_pass_state_size(kind, ITEMS, WIDTH));

	uiml_pass_state_init(state, kind, ITEMS, WIDTH);
	(void) uiml_pass_add(&env, &pass, 7, bytes, size, state);
	uiml_pass_merge(state, state);
	free(state);
	free(job);
}

/* A state that was read is written back as it came. */
static void
read_state(const uint8_t *bytes, size_t length)
{
	size_t size;
	UimlPassState *state;
	uint8_t *written;

	if (uiml_pass_state_read_size(bytes, length, &size) != UIML_OK)
		return;
	state = allocate(size);
	uiml_pass_state_read(bytes, state);
	written = allocate(uiml_pass_state_binary_size(state));
	uiml_pass_state_write(state, written);
	if (memcmp(bytes, written, length) != 0)
		abort();
	uiml_pass_merge(state, state);
	free(written);
	free(state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *bytes;
	UimlPass pass;

	if (size < 3)
		return 0;
	bytes = allocate(size - 2);
	memcpy(bytes, input + 2, size - 2);
	size -= 2;
	read_state(bytes, size);
	(void) uiml_pass_open(bytes, size, &pass);
	if (input[0] % 4 != 0)
		size = fit_user(bytes, size);
	add_user(1 + input[1] % 4, input[0], bytes, size);
	free(bytes);
	return 0;
}
