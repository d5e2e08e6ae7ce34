/*
 * model_convert.c
 *	  The files of a pretrained language model to the bytes of an encoder.
 *
 * Settings, tokenizer and header of the weights are read and checked first; what reads weights and writes bytes
 * is the conversion of an architecture.
 */
#include <string.h>

#include "core/json.h"
#include "core/model_convert.h"
#include "core/model_source.h"

static const struct
{
	UimlEncoderKind kind;
	UimlModelConversion convert;
} conversions[] = {
	{UIML_ENCODER_BERT, uiml_bert_convert},
	{UIML_ENCODER_STATIC, uiml_static_convert},
};

/* What BertTokenizer takes from tokenizer_config.json beside vocab.txt. */
static UimlStatus
wordpiece_options_read(const UimlEnv *env, const UimlModelFile *file, UimlWordPieceOptions *options,
					   UimlFault *fault)
{
	static const char what[] = "tokenizer_config.json";
	json_t *root;
	UimlStatus status;

	*options = (UimlWordPieceOptions){.lowercase = true, .chinese = true, .strip_accents = true};
	if (file->bytes == NULL)
		return UIML_OK;
	status = uiml_json_parse(env, what, file->bytes, file->length, &root, fault);
	if (status != UIML_OK)
		return status;
	status = uiml_json_boolean(root, what, "do_lower_case", true, &options->lowercase, fault);
	if (status == UIML_OK)
		status = uiml_json_boolean(root, what, "tokenize_chinese_chars", true, &options->chinese, fault);
	if (status == UIML_OK)
		status = uiml_json_boolean(root, what, "strip_accents", options->lowercase, &options->strip_accents,
								   fault);
	json_decref(root);
	return status;
}

/* Compiles the tokenizer into memory of env: its bytes are tokenizer->bytes. */
static UimlStatus
tokenizer_make(const UimlEnv *env, const UimlModelFiles *files, UimlTokenizer *tokenizer, void **bytes,
			   UimlFault *fault)
{
	UimlWordPieceOptions options;
	size_t length;
	UimlStatus status;

	*bytes = NULL;
	if (files->tokenizer.bytes != NULL)
		status = uiml_tokenizer_compile(env, files->tokenizer.bytes, files->tokenizer.length, bytes, &length,
										fault);
	else if (files->vocabulary.bytes != NULL)
	{
		status = wordpiece_options_read(env, &files->tokenizer_config, &options, fault);
		if (status == UIML_OK)
			status = uiml_tokenizer_compile_vocabulary(env, files->vocabulary.bytes, files->vocabulary.length,
													   &options, bytes, &length, fault);
	}
	else
		return uiml_fault(fault, "There is neither tokenizer.json nor vocab.txt.");
	if (status != UIML_OK)
	{
		*bytes = NULL;
		return status;
	}
	return uiml_tokenizer_open(*bytes, length, false, tokenizer);
}

/* Static models are published without config.json too, then by the name of their tensor. */
static UimlStatus
config_check(const UimlModelFiles *files, const UimlModelConfig *config, const UimlSafetensors *weights,
			 UimlFault *fault)
{
	if (config->type[0] != '\0' || uiml_safetensors_find(weights, "embeddings") != NULL ||
		uiml_safetensors_find(weights, "embedding.weight") != NULL)
		return UIML_OK;
	if (files->config.bytes == NULL)
		return uiml_fault(fault, "There is no config.json.");
	return uiml_fault(fault, "config.json doesn't tell the \"model_type\".");
}

static UimlStatus
convert(const UimlEnv *env, const UimlModelSource *source, UimlOutput *out, UimlModelInfo *info,
		UimlFault *fault)
{
	const char *type = source->config->type[0] != '\0' ? source->config->type : "static";

	*info = (UimlModelInfo){0};
	memcpy(info->type, type, strlen(type) + 1);
	for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++)
	{
		if (conversions[i].kind == source->config->kind)
			return conversions[i].convert(env, source, out, info, fault);
	}
	return UIML_EINVALID;
}

UimlStatus
uiml_model_convert(const UimlEnv *env, const UimlModelFiles *files, const UimlModelOptions *options,
				   UimlOutput *out, UimlModelInfo *info, UimlFault *fault)
{
	UimlModelConfig config;
	UimlSafetensors weights;
	UimlTokenizer tokenizer;
	UimlModelSource source = {.config = &config, .weights = &weights, .tokenizer = &tokenizer};
	void *bytes;
	UimlStatus status;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return uiml_fault(fault, "Language models need a little-endian machine.");
#endif
	status = uiml_model_config_read(env, files, options, &config, fault);
	if (status != UIML_OK)
		return status;
	status = uiml_safetensors_open(env, files->weights, &weights, fault);
	if (status != UIML_OK)
		return status;
	status = config_check(files, &config, &weights, fault);
	if (status == UIML_OK)
	{
		status = tokenizer_make(env, files, &tokenizer, &bytes, fault);
		if (status == UIML_OK)
			status = convert(env, &source, out, info, fault);
		uiml_free(env, bytes);
	}
	uiml_safetensors_close(env, &weights);
	return status;
}
