/*
 * encode_bench.c
 *	  Times a transformer from texts to vectors, beside cblas_sgemm on the products of its linear layers alone.
 *
 * usage: encode_bench FOLDER SECONDS SHAPE...
 * A SHAPE is TEXTSxTOKENS: so many texts of so many tokens each, the special ones included.  For each the two take
 * turns until so many seconds are over, and each one's fastest turn counts, in processor time of one thread: lines of
 * "SHAPE uiml TOKENS/S" and "SHAPE sgemm TOKENS/S".  sgemm gets the rows of all texts at once and does nothing else: no
 * attention, no bias, no activation, no norm.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bert_format.h"
#include "core/encoder.h"
#include "core/features.h"
#include "../unit/modelfiles.h"

#define MAX_TEXTS 64

/* Linear layers of a model: qkv, out, up, down. */
typedef struct Linear
{
	int k, n;
	float *weights; /* of all layers, n x k each */
} Linear;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static float *
random_floats(size_t n)
{
	float *x = malloc(n * sizeof(float));

	if (x == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		x[i] = (float) (uiml_mix(i) >> 40) / 16777216 - .5F;
	return x;
}

static double
time_sgemm(const UimlBertShape *model, const Linear *linear, int rows, const float *x, float *y)
{
	double start = now();

	for (size_t layer = 0; layer < model->layers; layer++)
		for (int i = 0; i < 4; i++)
			cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, linear[i].n, linear[i].k, 1, x,
						linear[i].k, linear[i].weights + layer * (size_t) linear[i].n * (size_t) linear[i].k,
						linear[i].k, 0, y, linear[i].n);
	return now() - start;
}

static double
time_encoder(const UimlEncoder *encoder, const UimlText *texts, size_t n, float *x)
{
	UimlEnv env = uiml_env_malloc();
	double start = now();

	if (uiml_encoder_embed_all(&env, encoder, texts, n, x) != UIML_OK)
		abort();
	return now() - start;
}

/* A text of so many tokens: words that every vocabulary has. */
static char *
text_of(const UimlEncoder *encoder, size_t tokens)
{
	static const char *const word[] = {"the ", "of ", "and ", "in ", "to "};
	const UimlTokenizer *tokenizer = uiml_encoder_tokenizer(encoder);
	char *text = calloc(tokens, 8);

	if (text == NULL)
		abort();
	for (size_t i = tokenizer->prefix + tokenizer->suffix; i < tokens; i++)
		strcat(text, word[i % 5]);
	return text;
}

static void
time_shape(const UimlEncoder *encoder, const UimlBertShape *model, const Linear *linear, size_t n,
		   size_t tokens, double seconds)
{
	char *text = text_of(encoder, tokens);
	UimlText texts[MAX_TEXTS];
	size_t widest = model->ffn > 3 * model->hidden ? model->ffn : 3 * model->hidden;
	float *x = random_floats(n * tokens * widest);
	float *y = random_floats(n * tokens * widest);
	double ours = 1e9, sgemm = 1e9;
	double rows = (double) (n * tokens);
	double end = now() + seconds;

	for (size_t i = 0; i < n; i++)
		texts[i] = (UimlText){.text = text, .length = strlen(text)};
	do
	{
		double t = time_encoder(encoder, texts, n, y);
		double u = time_sgemm(model, linear, (int) (n * tokens), x, y);

		ours = t < ours ? t : ours;
		sgemm = u < sgemm ? u : sgemm;
	} while (now() < end);
	printf("%zux%zu uiml %.0f\n%zux%zu sgemm %.0f\n", n, tokens, rows / ours, n, tokens, rows / sgemm);
	fflush(stdout);
	free(text);
	free(x);
	free(y);
}

static void
time_shapes(const UimlEncoder *encoder, const UimlBertShape *model, double seconds, char **shape,
			int n_shapes)
{
	int hidden = (int) model->hidden, ffn = (int) model->ffn;
	Linear linear[4] = {{.k = hidden, .n = 3 * hidden},
						{.k = hidden, .n = hidden},
						{.k = hidden, .n = ffn},
						{.k = ffn, .n = hidden}};

	for (size_t i = 0; i < 4; i++)
		linear[i].weights = random_floats(model->layers * (size_t) linear[i].n * (size_t) linear[i].k);
	for (int i = 0; i < n_shapes; i++)
	{
		size_t n, tokens;

		if (sscanf(shape[i], "%zux%zu", &n, &tokens) == 2 && n <= MAX_TEXTS && tokens <= encoder->max_tokens)
			time_shape(encoder, model, linear, n, tokens, seconds);
	}
	for (size_t i = 0; i < 4; i++)
		free(linear[i].weights);
}

int
main(int argc, char **argv)
{
	static const UimlModelOptions options = {.normalize = -1};
	UimlBertShape model;
	UimlBertLayout layout;
	UimlEncoder encoder;
	size_t length;
	unsigned char *bytes;

	if (argc < 4)
	{
		fprintf(stderr, "usage: encode_bench FOLDER SECONDS SHAPE...\n");
		return 1;
	}
	bytes = model_load(argv[1], &options, &length);
	if (uiml_encoder_open(bytes, length, true, &encoder) != UIML_OK ||
		uiml_bert_get_header(bytes, length, &model, &layout) != UIML_OK)
		return 1;

	time_shapes(&encoder, &model, atof(argv[2]), argv + 3, argc - 3);
	free(bytes);
	return 0;
}
