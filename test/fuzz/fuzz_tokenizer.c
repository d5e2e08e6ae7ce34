/*
 * fuzz_tokenizer.c
 *	  uiml_tokenizer_open on arbitrary bytes; whatever it accepts cuts texts.
 *
 * Random bytes hardly ever carry a right magic and total size, so the first input byte can ask for a compiled
 * tokenizer instead; the other bytes then are the damage done to it.  The end of the input is a text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/tokenizer.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define ADDED                                                                                                \
	"\"added_tokens\": [{\"id\": 0, \"content\": \"[CLS]\", \"special\": true, \"normalized\": false}, "     \
	"{\"id\": 5, \"content\": \"<m>\", \"normalized\": true, \"lstrip\": true, \"rstrip\": true}, "          \
	"{\"id\": 6, \"content\": \"ony\", \"normalized\": true, \"single_word\": true}], "
#define POST_PROCESSOR                                                                                       \
	"\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"a\", 2], \"cls\": [\"[CLS]\", 0]}, "

static const char *const document[2] = {
	"{" ADDED POST_PROCESSOR "\"normalizer\": {\"type\": \"BertNormalizer\"}, \"pre_tokenizer\": "
	"{\"type\": \"BertPreTokenizer\"}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"u\", "
	"\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, "
	"\"vocab\": {\"[CLS]\": 0, \"u\": 1, \"a\": 2, \"##a\": 3, \"##want\": 4}}}",
	"{" ADDED POST_PROCESSOR
	"\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}, "
	"{\"type\": \"Replace\", \"pattern\": {\"String\": \"want\"}, \"content\": \"a u\"}, {\"type\": "
	"\"Lowercase\"}, "
	"{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}]}, \"pre_tokenizer\": {\"type\": "
	"\"Sequence\", \"pretokenizers\": [{\"type\": \"Punctuation\"}, {\"type\": \"Metaspace\", "
	"\"replacement\": "
	"\"\\u2581\", \"prepend_scheme\": \"always\"}]}, \"model\": {\"type\": \"Unigram\", \"unk_id\": 1, "
	"\"vocab\": "
	"[[\"[CLS]\", 0], [\"<unk>\", 0], [\"a\", -1.5], [\"\\u2581a\", -1], [\"\\u2581\", -2]]}}"};

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

static void
run(const UimlEnv *env, const UimlTokenizer *tokenizer, const char *text, size_t text_length)
{
	uint32_t ids[256];
	size_t n = 0;
	UimlStatus status = uiml_tokenizer_run(env, tokenizer, text, text_length, 256, ids, &n, NULL);

	if (status == UIML_EINVALID || status == UIML_ELIMIT || status == UIML_ECORRUPT)
		return;
	if (status != UIML_OK || n > 256)
		abort();
	for (size_t i = 0; i < n; i++)
	{
		size_t length;
		const char *token = uiml_tokenizer_token(tokenizer, ids[i], &length);
		uint32_t id;

		if (ids[i] >= tokenizer->vocabulary)
			abort();
		(void) uiml_tokenizer_find(tokenizer, token, length, &id);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const char text[] =
		"unwanted <m> [CLS] Caf\xC3\xA9, aa! \xE4\xBA\xBA x\xE3\x80\xAE ony want awant";
	static unsigned char *kept[2];
	static size_t kept_length[2];
	UimlEnv env = uiml_env_malloc();
	UimlTokenizer tokenizer;
	unsigned char *bytes;
	size_t length;
	int which;

	if (size < 2)
		return 0;
	which = input[0] / 2 % 2;
	if (kept[which] == NULL &&
		uiml_tokenizer_compile(&env, document[which], strlen(document[which]), (void **) &kept[which],
							   &kept_length[which], NULL) != UIML_OK)
		abort();
	length = input[0] % 2 == 1 ? kept_length[which] : size - 1;
	bytes = malloc(length);
	if (bytes == NULL)
		return 0;
	if (input[0] % 2 == 1)
	{
		memcpy(bytes, kept[which], length);
		damage(bytes, length, input + 1, size - 1);
	}
	else
		memcpy(bytes, input + 1, length);
	if (uiml_tokenizer_open(bytes, length, input[0] >= 0xC0, &tokenizer) == UIML_OK)
	{
		run(&env, &tokenizer, text, sizeof(text) - 1);
		run(&env, &tokenizer, (const char *) input + size / 2, size - size / 2);
	}
	free(bytes);
	return 0;
}
