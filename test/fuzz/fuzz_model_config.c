/*
 * fuzz_model_config.c
 *	  uiml_model_config_read on arbitrary texts; whatever it accepts of a transformer has a layout.
 *
 * The first byte is the options; the texts of config.json, modules.json, 1_Pooling/config.json,
 * sentence_bert_config.json and tokenizer_config.json follow, separated by zero bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/model_config.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* The text up to the next zero byte; an empty one is a file that isn't there. */
static UimlModelFile
next_file(const uint8_t **at, const uint8_t *end)
{
	UimlModelFile file = {.bytes = (const char *) *at};
	const uint8_t *zero = memchr(*at, 0, (size_t) (end - *at));

	file.length = (size_t) ((zero != NULL ? zero : end) - *at);
	*at = zero != NULL ? zero + 1 : end;
	if (file.length == 0)
		file.bytes = NULL;
	return file;
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	UimlEnv env = uiml_env_malloc();
	const uint8_t *end = input + size;
	UimlModelOptions options;
	UimlModelFiles files;
	UimlModelConfig config;
	UimlFault fault = {""};
	UimlStatus status;
	UimlBertShape shape;
	UimlBertLayout layout;

	if (size < 1)
		return 0;
	options = (UimlModelOptions){
		.pooling = (UimlPooling) (*input % 4), .normalize = *input / 4 % 3 - 1, .max_tokens = *input / 12};
	input++;
	files = (UimlModelFiles){.config = next_file(&input, end)};
	files.modules = next_file(&input, end);
	files.pooling = next_file(&input, end);
	files.sentences = next_file(&input, end);
	files.tokenizer_config = next_file(&input, end);
	status = uiml_model_config_read(&env, &files, &options, &config, &fault);
	if ((status == UIML_OK) != (fault.text[0] == '\0'))
		abort();
	if (status != UIML_OK || config.kind != UIML_ENCODER_BERT)
		return 0;
	shape = (UimlBertShape){.vocabulary = config.vocabulary,
							.hidden = config.hidden,
							.layers = config.layers,
							.heads = config.heads,
							.ffn = config.ffn,
							.positions = config.positions - config.position_first,
							.max_tokens = config.max_tokens,
							.tokenizer = 1,
							.eps = (float) config.eps,
							.activation = config.activation,
							.pooling = config.pooling};
	if (!uiml_bert_layout(&shape, &layout))
		abort();
	return 0;
}
