/*
 * tokenizer_compile_processor.c
 *	  The post-processors of a tokenizer.json: what they put around a single text.
 *
 * Each wraps what those before it have left, so a prefix grows to the left; it is kept in reverse until the
 * bytes are written.
 */
#include "core/tokenizer_draft.h"

static UimlStatus
put_around(UimlDraft *draft, UimlAround *around, const json_t *value)
{
	long long id;

	if (!uiml_json_whole(value, &id) || id < 0 || (size_t) id >= uiml_vocabulary_ids(draft->vocabulary))
		return uiml_fault(draft->fault, "A token of the post-processor has no id of the vocabulary.");
	if (around->n == TOKENIZER_MAX_AROUND)
		return uiml_fault(draft->fault, "The post-processor puts more than %d tokens around a text.",
						  TOKENIZER_MAX_AROUND);
	around->ids[around->n++] = (uint32_t) id;
	return UIML_OK;
}

/* BertProcessing and RobertaProcessing: "cls": [token, id], "sep": [token, id]. */
static UimlStatus
compile_bert_processing(UimlDraft *draft, const json_t *object)
{
	UimlStatus status = put_around(draft, &draft->prefix, json_array_get(json_object_get(object, "cls"), 1));

	if (status == UIML_OK)
		status = put_around(draft, &draft->suffix, json_array_get(json_object_get(object, "sep"), 1));
	return status;
}

/* A special token of a template, which stands for one id or several. */
static UimlStatus
put_special(UimlDraft *draft, const json_t *object, const char *name, bool before)
{
	const json_t *ids =
		json_object_get(json_object_get(json_object_get(object, "special_tokens"), name), "ids");
	size_t n = json_array_size(ids);

	if (!json_is_array(ids))
		return uiml_fault(draft->fault, "The template's special token \"%s\" has no ids.", name);
	for (size_t i = 0; i < n; i++)
	{
		UimlStatus status = before ? put_around(draft, &draft->prefix, json_array_get(ids, n - 1 - i))
								   : put_around(draft, &draft->suffix, json_array_get(ids, i));

		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

/* The place of the text in the template; where it has none, or more than one, its length. */
static size_t
place_of_text(const json_t *single)
{
	size_t place = json_array_size(single);

	for (size_t i = 0; i < json_array_size(single); i++)
	{
		if (json_object_get(json_array_get(single, i), "Sequence") == NULL)
			continue;
		if (place < json_array_size(single))
			return json_array_size(single);
		place = i;
	}
	return place;
}

/* A piece of a template: {"SpecialToken": {"id": name, "type_id": 0}} or {"Sequence": {"id": "A", ...}}. */
static UimlStatus
compile_template_piece(UimlDraft *draft, const json_t *object, const json_t *piece, bool before)
{
	const char *what = "TemplateProcessing";
	const json_t *special = json_object_get(piece, "SpecialToken");
	const json_t *value = special != NULL ? special : json_object_get(piece, "Sequence");
	const char *name;
	long long type;
	UimlStatus status;

	if (!json_is_object(value))
		return uiml_fault(draft->fault, "A piece of the post-processor's template is of unknown form.");
	status = uiml_json_string(value, what, "id", "", &name, draft->fault);
	if (status == UIML_OK)
		status = uiml_json_integer(value, what, "type_id", 0, UINT32_MAX, 0, &type, draft->fault);
	if (status != UIML_OK)
		return status;
	if (type != 0)
		return uiml_fault(draft->fault,
						  "The post-processor's template uses token type %lld; only 0 is supported.", type);
	if (special != NULL)
		return put_special(draft, object, name, before);
	return strcmp(name, "A") == 0
			   ? UIML_OK
			   : uiml_fault(draft->fault, "The post-processor's template for one text names another.");
}

static UimlStatus
compile_template(UimlDraft *draft, const json_t *object)
{
	const json_t *single = json_object_get(object, "single");
	size_t n = json_array_size(single);
	size_t text = place_of_text(single);
	UimlStatus status = UIML_OK;

	if (text == n)
		return uiml_fault(draft->fault, "The post-processor's template doesn't have the text once.");
	for (size_t i = text + 1; i-- > 0 && status == UIML_OK;)
		status = compile_template_piece(draft, object, json_array_get(single, i), true);
	for (size_t i = text + 1; i < n && status == UIML_OK; i++)
		status = compile_template_piece(draft, object, json_array_get(single, i), false);
	return status;
}

static UimlStatus
compile_processor(UimlDraft *draft, const json_t *object, int depth)
{
	const json_t *sequence = json_object_get(object, "processors");
	const json_t *member;
	const char *type;
	size_t i;
	UimlStatus status;

	if (object == NULL || json_is_null(object))
		return UIML_OK;
	if (!json_is_object(object))
		return uiml_fault(draft->fault, "The post-processor is not an object.");
	status = uiml_json_string(object, "post_processor", "type", "", &type, draft->fault);
	if (status != UIML_OK)
		return status;
	if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
		return compile_bert_processing(draft, object);
	if (strcmp(type, "TemplateProcessing") == 0)
		return compile_template(draft, object);
	if (strcmp(type, "ByteLevel") == 0) /* moves offsets only */
		return UIML_OK;
	if (strcmp(type, "Sequence") != 0 || !json_is_array(sequence) || depth == UIML_DRAFT_DEPTH)
		return uiml_fault(draft->fault, "Post-processor \"%s\" is not supported.", type);
	json_array_foreach(sequence, i, member)
	{
		status = json_is_object(member) ? compile_processor(draft, member, depth + 1)
										: uiml_fault(draft->fault, "A post-processor is not an object.");
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

UimlStatus
uiml_draft_processor(UimlDraft *draft, const json_t *object)
{
	return compile_processor(draft, object, 0);
}
