/*
 * tokenizer_parts.c
 *	  The parts that there are, the steps that they are compiled into, and bytes that grow.
 */
#include "core/tokenizer_parts.h"

/* ---------- the tables ---------- */

static const UimlNormalizer *const normalizers[] = {
	&uiml_normalizer_bert,        &uiml_normalizer_replace,   &uiml_normalizer_spaces,
	&uiml_normalizer_nfc,         &uiml_normalizer_nfd,       &uiml_normalizer_nfkc,
	&uiml_normalizer_nfkd,        &uiml_normalizer_lowercase, &uiml_normalizer_accents,
	&uiml_normalizer_strip,       &uiml_normalizer_prepend,   &uiml_normalizer_nmt,
	&uiml_normalizer_precompiled,
};

static const UimlPreTokenizer *const pre_tokenizers[] = {
	&uiml_pre_tokenizer_bert,        &uiml_pre_tokenizer_whitespace, &uiml_pre_tokenizer_whitespace_split,
	&uiml_pre_tokenizer_punctuation, &uiml_pre_tokenizer_metaspace,  &uiml_pre_tokenizer_byte_level,
};

static const UimlModel *const models[] = {
	&uiml_model_wordpiece,
	&uiml_model_unigram,
	&uiml_model_bpe,
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const UimlNormalizer *
uiml_normalizer_of(uint32_t kind)
{
	for (size_t i = 0; i < COUNT(normalizers); i++)
	{
		if (normalizers[i]->kind == kind)
			return normalizers[i];
	}
	return NULL;
}

const UimlNormalizer *
uiml_normalizer_named(const char *type)
{
	for (size_t i = 0; i < COUNT(normalizers); i++)
	{
		if (normalizers[i]->type != NULL && strcmp(normalizers[i]->type, type) == 0)
			return normalizers[i];
	}
	return NULL;
}

const UimlPreTokenizer *
uiml_pre_tokenizer_of(uint32_t kind)
{
	for (size_t i = 0; i < COUNT(pre_tokenizers); i++)
	{
		if (pre_tokenizers[i]->kind == kind)
			return pre_tokenizers[i];
	}
	return NULL;
}

const UimlPreTokenizer *
uiml_pre_tokenizer_named(const char *type)
{
	for (size_t i = 0; i < COUNT(pre_tokenizers); i++)
	{
		if (strcmp(pre_tokenizers[i]->type, type) == 0)
			return pre_tokenizers[i];
	}
	return NULL;
}

const UimlModel *
uiml_model_of(uint32_t model)
{
	for (size_t i = 0; i < COUNT(models); i++)
	{
		if ((uint32_t) models[i]->model == model)
			return models[i];
	}
	return NULL;
}

const UimlModel *
uiml_model_named(const char *type)
{
	for (size_t i = 0; i < COUNT(models); i++)
	{
		if (strcmp(models[i]->type, type) == 0)
			return models[i];
	}
	return NULL;
}

/* ---------- bytes that grow ---------- */

UimlStatus
uiml_buffer_reserve(const UimlEnv *env, UimlBuffer *buffer, size_t size)
{
	unsigned char *bytes;
	size_t room;

	if (size <= buffer->room - buffer->length)
		return UIML_OK;
	if (size > SIZE_MAX / 4 || buffer->length > SIZE_MAX / 4)
		return UIML_ENOMEM;
	room = buffer->length + size + buffer->length / 2;
	room = room < 256 ? 256 : room;
	bytes = uiml_alloc(env, room, 1);
	if (bytes == NULL)
		return UIML_ENOMEM;
	if (buffer->length > 0)
		memcpy(bytes, buffer->bytes, buffer->length);
	uiml_free(env, buffer->bytes);
	buffer->bytes = bytes;
	buffer->room = room;
	return UIML_OK;
}

UimlStatus
uiml_buffer_append(const UimlEnv *env, UimlBuffer *buffer, const void *bytes, size_t size)
{
	UimlStatus status = uiml_buffer_reserve(env, buffer, size);

	if (status != UIML_OK)
		return status;
	if (size > 0)
		memcpy(buffer->bytes + buffer->length, bytes, size);
	buffer->length += size;
	return UIML_OK;
}

UimlStatus
uiml_buffer_append32(const UimlEnv *env, UimlBuffer *buffer, uint32_t value)
{
	unsigned char bytes[4];

	encoder_store32(bytes, value);
	return uiml_buffer_append(env, buffer, bytes, sizeof(bytes));
}

void
uiml_buffer_free(const UimlEnv *env, UimlBuffer *buffer)
{
	uiml_free(env, buffer->bytes);
	*buffer = (UimlBuffer){0};
}

/* ---------- steps ---------- */

UimlStatus
uiml_steps_append(const UimlEnv *env, UimlSteps *steps, uint32_t kind, const void *bytes, size_t size)
{
	static const unsigned char padding[TOKENIZER_STEP_ALIGN];
	UimlBuffer *buffer = &steps->buffer;
	size_t start = buffer->length;
	UimlStatus status;

	if (size > UINT32_MAX / 2)
		return UIML_ECORRUPT;
	status = uiml_buffer_append32(env, buffer, kind);
	if (status == UIML_OK)
		status = uiml_buffer_append32(env, buffer, (uint32_t) size);
	if (status == UIML_OK)
		status = uiml_buffer_append(env, buffer, bytes, size);
	if (status == UIML_OK)
		status =
			uiml_buffer_append(env, buffer, padding,
							   (TOKENIZER_STEP_ALIGN - size % TOKENIZER_STEP_ALIGN) % TOKENIZER_STEP_ALIGN);
	if (status != UIML_OK)
		return status;
	steps->last = start;
	steps->n++;
	return UIML_OK;
}

bool
uiml_steps_last(const UimlSteps *steps, UimlStep *step)
{
	const unsigned char *header;

	if (steps->last >= steps->buffer.length)
		return false;
	header = steps->buffer.bytes + steps->last;
	step->kind = encoder_load32(header);
	step->size = encoder_load32(header + 4);
	step->bytes = header + TOKENIZER_STEP_HEADER;
	return true;
}

/* What was before the last step isn't known to be its neighbour any more: the next one stands by itself. */
void
uiml_steps_drop(UimlSteps *steps)
{
	steps->buffer.length = steps->last;
	steps->n--;
}

bool
uiml_steps_next(const unsigned char *steps, size_t size, size_t *at, UimlStep *step)
{
	if (size - *at < TOKENIZER_STEP_HEADER)
		return false;
	step->kind = encoder_load32(steps + *at);
	step->size = encoder_load32(steps + *at + 4);
	step->bytes = steps + *at + TOKENIZER_STEP_HEADER;
	*at += TOKENIZER_STEP_HEADER;
	if (step->size > size - *at)
		return false;
	*at += step->size;
	while (*at < size && *at % TOKENIZER_STEP_ALIGN != 0)
		*at += 1;
	return true;
}
