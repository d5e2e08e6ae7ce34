/*
 * tokenizer_compile_added.c
 *	  The added tokens of a tokenizer.json.
 *
 * Each has the id of the same token of the model, or the next one behind the vocabulary, and is looked for in
 * the text as it comes, or in normalized text and then is normalized itself.
 */
#include <stdlib.h>

#include "core/tokenizer_added.h"
#include "core/tokenizer_draft.h"

size_t
uiml_draft_added_count(const UimlDraft *draft)
{
	return draft->added.length / sizeof(UimlAddedToken);
}

const UimlAddedToken *
uiml_draft_added_tokens(const UimlDraft *draft)
{
	return (const UimlAddedToken *) (const void *) draft->added.bytes;
}

static UimlAddedToken *
added_tokens(const UimlDraft *draft)
{
	return (UimlAddedToken *) (void *) draft->added.bytes;
}

/* The pattern of a token: itself, normalized where it is looked for in normalized text. */
static UimlStatus
append_pattern(UimlDraft *draft, const char *content, UimlAddedToken *token)
{
	UimlTokenizing run = {.env = draft->env};
	const char *text = content;
	size_t length = strlen(content);
	size_t at = 0;
	UimlStatus status = UIML_OK;

	if (token->normalized)
		status = uiml_tokenizing_normalize(&run, draft->steps.buffer.bytes, draft->steps.buffer.length,
										   draft->n_normalizers, &at, &text, &length);
	if (status == UIML_OK && (length == 0 || length > TOKENIZER_MAX_TOKEN))
		status = uiml_fault(draft->fault, "Added token \"%s\" has %zu bytes when it is normalized.", content,
							length);
	token->at = (uint32_t) draft->patterns.length;
	token->length = (uint32_t) length;
	if (status == UIML_OK)
		status = uiml_buffer_append(draft->env, &draft->patterns, text, length);
	uiml_tokenizing_end(&run);
	return status;
}

/*
 * The id that the library gives an added token: the model's, or the next one behind the vocabulary and the
 * tokens added so far.
 */
static UimlStatus
identify_added(UimlDraft *draft, const char *content, long long stated, UimlAddedToken *token)
{
	UimlVocabulary *vocabulary = draft->vocabulary;
	size_t length = strlen(content);
	UimlStatus status = UIML_OK;

	if (!uiml_vocabulary_find(vocabulary, content, length, &token->id))
	{
		token->id = (uint32_t) (vocabulary->n_tokens + draft->n_named++);
		status = uiml_vocabulary_name(vocabulary, token->id, content, length, draft->fault);
	}
	if (status == UIML_OK && stated >= 0 && (uint32_t) stated != token->id)
		return uiml_fault(draft->fault, "Added token \"%s\" has the id %lld, but the vocabulary makes it %u.",
						  content, stated, token->id);
	return status;
}

UimlStatus
uiml_draft_add(UimlDraft *draft, const char *content, long long stated, uint32_t flags, bool normalized)
{
	UimlAddedToken token = {.flags = flags, .normalized = normalized};
	UimlStatus status;

	/* The library passes over them. */
	if (content[0] == '\0')
		return UIML_OK;
	if (uiml_draft_added_count(draft) == TOKENIZER_MAX_ADDED)
		return uiml_fault(draft->fault, "The tokenizer has more than %zu added tokens.", TOKENIZER_MAX_ADDED);
	status = identify_added(draft, content, stated, &token);
	if (status == UIML_OK)
		status = append_pattern(draft, content, &token);
	if (status == UIML_OK)
		status = uiml_buffer_append(draft->env, &draft->added, &token, sizeof(token));
	return status;
}

UimlStatus
uiml_draft_added(UimlDraft *draft, const json_t *array)
{
	const char *what = "added_tokens";
	const json_t *object;
	size_t i;

	if (array == NULL || json_is_null(array))
		return UIML_OK;
	if (!json_is_array(array))
		return uiml_fault(draft->fault, "Member \"added_tokens\" is not an array.");
	json_array_foreach(array, i, object)
	{
		const char *content;
		long long id;
		bool flag[5] = {false};
		UimlStatus status;

		if (!json_is_object(object))
			return uiml_fault(draft->fault, "Added token %zu is not an object.", i);
		status = uiml_json_string(object, what, "content", "", &content, draft->fault);
		if (status == UIML_OK)
			status = uiml_json_integer(object, what, "id", 0, UINT32_MAX, -1, &id, draft->fault);
		if (status == UIML_OK)
			status = uiml_json_boolean(object, what, "single_word", false, &flag[0], draft->fault);
		if (status == UIML_OK)
			status = uiml_json_boolean(object, what, "lstrip", false, &flag[1], draft->fault);
		if (status == UIML_OK)
			status = uiml_json_boolean(object, what, "rstrip", false, &flag[2], draft->fault);
		if (status == UIML_OK)
			status = uiml_json_boolean(object, what, "special", false, &flag[3], draft->fault);
		if (status == UIML_OK)
			status = uiml_json_boolean(object, what, "normalized", !flag[3], &flag[4], draft->fault);
		if (status == UIML_OK)
			status = uiml_draft_add(draft, content, id,
									(flag[0] ? TOKENIZER_ADDED_SINGLE_WORD : 0) |
										(flag[1] ? TOKENIZER_ADDED_LSTRIP : 0) |
										(flag[2] ? TOKENIZER_ADDED_RSTRIP : 0),
									flag[4]);
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

/* Raw ones first, each set in the order of its patterns. */
static int
compare_added(const void *left, const void *right)
{
	const UimlAddedToken *a = left;
	const UimlAddedToken *b = right;

	if (a->normalized != b->normalized)
		return a->normalized ? 1 : -1;
	return uiml_added_compare(a->pattern, a->length, b->pattern, b->length);
}

UimlStatus
uiml_draft_sort_added(UimlDraft *draft)
{
	UimlAddedToken *token = added_tokens(draft);
	size_t n = uiml_draft_added_count(draft);

	for (size_t i = 0; i < n; i++)
		token[i].pattern = draft->patterns.bytes + token[i].at;
	if (n > 1)
		qsort(token, n, sizeof(*token), compare_added);
	for (size_t i = 1; i < n; i++)
	{
		if (compare_added(&token[i - 1], &token[i]) == 0)
			return uiml_fault(draft->fault, "Added tokens %u and %u are looked for as the same text.",
							  token[i - 1].id, token[i].id);
	}
	return UIML_OK;
}
