/*
 * encoder.c
 *	  The door to encoders of any architecture: what is common to them, and the table of those there are.
 */
#include <float.h>
#include <math.h>

#include "core/encoder_architecture.h"

static const UimlArchitecture *const architectures[] = {
	&uiml_architecture_hash,
	&uiml_architecture_lsa,
	&uiml_architecture_static,
	&uiml_architecture_bert,
};

#define N_ARCHITECTURES (sizeof(architectures) / sizeof(architectures[0]))

static const UimlArchitecture *
architecture_of(uint32_t kind)
{
	for (size_t i = 0; i < N_ARCHITECTURES; i++)
	{
		if ((uint32_t) architectures[i]->kind == kind)
			return architectures[i];
	}
	return NULL;
}

const char *
uiml_encoder_kind_name(UimlEncoderKind kind)
{
	const UimlArchitecture *architecture = architecture_of(kind);

	return architecture != NULL ? architecture->name : NULL;
}

/* ---------- the header ---------- */

void
uiml_encoder_put_header(unsigned char *header, UimlEncoderKind kind, UimlWhitening whitening, size_t dims,
						size_t size)
{
	memset(header, 0, ENCODER_HEADER_SIZE);
	memcpy(header, ENCODER_MAGIC, 8);
	encoder_store32(header + ENCODER_AT_VERSION, ENCODER_VERSION);
	encoder_store32(header + ENCODER_AT_KIND, kind);
	encoder_store32(header + ENCODER_AT_WHITENING, whitening);
	encoder_store32(header + ENCODER_AT_DIMS, (uint32_t) dims);
	encoder_store64(header + ENCODER_AT_SIZE, size);
}

static UimlStatus
open_encoder(const void *data, size_t length, const UimlEnv *verify, UimlEncoder *encoder)
{
	const unsigned char *bytes = data;
	const UimlArchitecture *architecture;

	if (length < ENCODER_HEADER_SIZE || length % 8 != 0 || memcmp(bytes, ENCODER_MAGIC, 8) != 0 ||
		encoder_load32(bytes + ENCODER_AT_VERSION) != ENCODER_VERSION ||
		encoder_load64(bytes + ENCODER_AT_SIZE) != length ||
		encoder_load32(bytes + ENCODER_AT_WHITENING) > UIML_WHITENING_FULL)
		return UIML_ECORRUPT;
	architecture = architecture_of(encoder_load32(bytes + ENCODER_AT_KIND));
	if (architecture == NULL)
		return UIML_ECORRUPT;
	*encoder = (UimlEncoder){.architecture = architecture,
							 .kind = architecture->kind,
							 .whitening = encoder_load32(bytes + ENCODER_AT_WHITENING),
							 .dims = encoder_load32(bytes + ENCODER_AT_DIMS),
							 .bytes = bytes,
							 .length = length};
	return encoder->dims > 0 ? architecture->open(encoder, verify) : UIML_ECORRUPT;
}

UimlStatus
uiml_encoder_open(const void *data, size_t length, bool verify, UimlEncoder *encoder)
{
	UimlEnv env = uiml_env_malloc();

	return open_encoder(data, length, verify ? &env : NULL, encoder);
}

UimlStatus
uiml_encoder_verify(const UimlEnv *env, const void *data, size_t length, UimlEncoder *encoder)
{
	return open_encoder(data, length, env, encoder);
}

/* ---------- use ---------- */

const UimlTokenizer *
uiml_encoder_tokenizer(const UimlEncoder *encoder)
{
	return encoder->has_tokenizer ? &encoder->tokenizer : NULL;
}

UimlStatus
uiml_encoder_embed_all(const UimlEnv *env, const UimlEncoder *encoder, const UimlText *texts, size_t n,
					   float *x)
{
	return n > 0 ? encoder->architecture->embed(env, encoder, texts, n, x) : UIML_OK;
}

UimlStatus
uiml_encoder_embed(const UimlEnv *env, const UimlEncoder *encoder, const char *text, size_t length, float *x)
{
	UimlText one = {.text = text, .length = length};

	return uiml_encoder_embed_all(env, encoder, &one, 1, x);
}

void
uiml_unit(float *x, size_t dims)
{
	double squares = 0;
	double factor;

	for (size_t j = 0; j < dims; j++)
		squares += (double) x[j] * x[j];
	if (!(squares > 0 && squares <= DBL_MAX))
	{
		memset(x, 0, dims * sizeof(float));
		return;
	}
	factor = 1 / sqrt(squares);
	for (size_t j = 0; j < dims; j++)
		x[j] = (float) (x[j] * factor);
}

static const char *const whitening_names[] = {
	[UIML_WHITENING_NONE] = "none", [UIML_WHITENING_RELAXED] = "relaxed", [UIML_WHITENING_FULL] = "full"};

const char *
uiml_whitening_name(UimlWhitening whitening)
{
	return whitening_names[whitening];
}

bool
uiml_whitening_named(const char *name, UimlWhitening *whitening)
{
	for (int w = UIML_WHITENING_NONE; w <= UIML_WHITENING_FULL; w++)
	{
		if (strcmp(name, whitening_names[w]) != 0)
			continue;
		*whitening = (UimlWhitening) w;
		return true;
	}
	return false;
}
