/*
 * fuzz_tokenizer_json.c
 *	  uiml_tokenizer_compile on arbitrary bytes (uiml_tokenizer_compile_vocabulary on those that don't begin as
 *	  JSON does); what it makes is opened, every part verified, and cuts texts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/tokenizer.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A text of some kinds of characters, and the end of the input where that is UTF-8. */
static void
run(const UimlEnv *env, const UimlTokenizer *tokenizer, const char *text, size_t length)
{
	uint32_t ids[256];
	size_t around = tokenizer->prefix + tokenizer->suffix;
	size_t n = 0;
	size_t total = 0;
	UimlStatus status = uiml_tokenizer_run(env, tokenizer, text, length, 256, ids, &n, &total);

	if (status == UIML_EINVALID || status == UIML_ELIMIT)
		return;
	if (status != UIML_OK || n > 256 || n > total || n < around)
		abort();
	for (size_t i = 0; i < n; i++)
	{
		if (ids[i] >= tokenizer->vocabulary)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const char text[] =
		"unwanted [MASK]  Caf\xC3\xA9, cafe\xCC\x81! \xE4\xBA\xBA\xE5\xB7\xA5 x\xE3\x80\xAE <s>a</s>";
	const UimlWordPieceOptions options = {
		.lowercase = size % 2 == 0, .chinese = true, .strip_accents = size % 4 < 2};
	UimlEnv env = uiml_env_malloc();
	UimlFault fault = {.text = ""};
	UimlTokenizer tokenizer;
	UimlStatus status;
	void *bytes;
	size_t length;

	if (size > 0 && (input[0] == '{' || input[0] == ' '))
		status = uiml_tokenizer_compile(&env, (const char *) input, size, &bytes, &length, &fault);
	else
		status = uiml_tokenizer_compile_vocabulary(&env, (const char *) input, size, &options, &bytes,
												   &length, &fault);
	if (status == UIML_ECORRUPT && fault.text[0] == '\0')
		abort();
	if (status != UIML_OK)
		return 0;
	if (uiml_tokenizer_open(bytes, length, true, &tokenizer) != UIML_OK)
		abort();
	run(&env, &tokenizer, text, sizeof(text) - 1);
	run(&env, &tokenizer, (const char *) input + size / 2, size - size / 2);
	uiml_free(&env, bytes);
	return 0;
}
