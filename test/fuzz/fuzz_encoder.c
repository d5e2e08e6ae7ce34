/*
 * fuzz_encoder.c
 *	  uiml_encoder_open on arbitrary bytes; whatever it accepts embeds texts.
 *
 * Random bytes hardly ever carry a right magic and total size, so the first input byte can ask for a trained
 * encoder instead; the other bytes then are the damage done to it.  Of models of language there are seeds with all
 * their bytes.  The input is a text, too.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/encoder.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A good encoder of few dims; receives its length. */
static unsigned char *
trained(UimlEncoderKind kind, UimlWhitening whitening, size_t *length)
{
	static const char *const text[] = {"red apples", "red pears", "人工智能", "人工 apples", "pears"};
	UimlEnv env = uiml_env_malloc();
	UimlEncoderParams params = uiml_encoder_defaults(kind);
	UimlEncoderTrainer *trainer;
	void *bytes;

	params.dims = 3;
	params.whitening = whitening;
	params.max_bytes = 1024 * 1024;
	trainer = uiml_encoder_train_begin(&env, &params);
	if (trainer == NULL)
		abort();
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
	{
		if (uiml_encoder_train_add(trainer, text[i], strlen(text[i])) != UIML_OK)
			abort();
	}
	if (uiml_encoder_train_finish(trainer, &bytes, length) != UIML_OK)
		abort();
	uiml_encoder_train_destroy(trainer);
	return bytes;
}

/* Each three bytes of the input are a position and a value; half of them fall into the header. */
static void
damage(unsigned char *bytes, size_t size, const uint8_t *input, size_t length)
{
	for (size_t i = 0; i + 3 <= length; i += 3)
	{
		size_t at = ((size_t) input[i] << 8 | input[i + 1]) % size;

		bytes[i % 2 == 0 ? at % 128 : at] = input[i + 2];
	}
}

/* The bytes that an input asks for. */
static unsigned char *
bytes_of(const uint8_t *input, size_t size, size_t *length)
{
	static unsigned char *kept[2][3];
	static size_t kept_length[2][3];
	uint8_t mode = input[0];
	int lsa = mode / 2 % 2;
	int whitening = mode / 4 % 3;
	unsigned char *bytes;

	if (mode % 2 == 0)
	{
		*length = size - 1;
		bytes = malloc(*length);
		if (bytes != NULL)
			memcpy(bytes, input + 1, *length);
		return bytes;
	}
	if (kept[lsa][whitening] == NULL)
		kept[lsa][whitening] =
			trained(lsa == 1 ? UIML_ENCODER_LSA : UIML_ENCODER_HASH, whitening, &kept_length[lsa][whitening]);
	*length = kept_length[lsa][whitening];
	bytes = malloc(*length);
	if (bytes != NULL)
	{
		memcpy(bytes, kept[lsa][whitening], *length);
		damage(bytes, *length, input + 1, size - 1);
	}
	return bytes;
}

/*
 * Embeds a text: finite numbers, or a status that models of language may return, for bytes that aren't UTF-8,
 * weights that are damaged or overflow, or a tokenizer that makes too much of a text.
 */
static void
embed(const UimlEncoder *encoder, const char *text, size_t length)
{
	UimlEnv env = uiml_env_malloc();
	float *x = malloc(encoder->dims * sizeof(float));
	UimlStatus status;

	if (x == NULL)
		return;
	status = uiml_encoder_embed(&env, encoder, text, length, x);
	if (status != UIML_OK && (encoder->kind == UIML_ENCODER_HASH || encoder->kind == UIML_ENCODER_LSA ||
							  (status != UIML_EINVALID && status != UIML_ECORRUPT &&
							   status != UIML_ENOTFINITE && status != UIML_ELIMIT)))
		abort();
	for (size_t j = 0; j < encoder->dims && status == UIML_OK; j++)
	{
		if (!isfinite(x[j]))
			abort();
	}
	free(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const char text[] = "red apples 人工智能";
	UimlEncoder encoder;
	unsigned char *bytes;
	size_t length;

	if (size < 2)
		return 0;
	bytes = bytes_of(input, size, &length);
	if (bytes != NULL && uiml_encoder_open(bytes, length, input[0] >= 0xC0, &encoder) == UIML_OK)
	{
		embed(&encoder, (const char *) input, size);
		embed(&encoder, text, sizeof(text) - 1);
	}
	free(bytes);
	return 0;
}
