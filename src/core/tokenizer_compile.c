/*
 * tokenizer_compile.c
 *	  From tokenizer.json or vocab.txt to the bytes of a tokenizer.
 *
 * A tokenizer is exact or refused: what isn't known here is a fault, and so is what the tokenizers library only
 * warns of (an added token whose id isn't the one that the library would give it), as ids would not be
 * those of the model's rows.  Members that don't change ids (decoder, padding, offsets) are passed over.
 */
#include "core/tokenizer_draft.h"

static UimlStatus
draft_begin(UimlDraft *draft, const UimlEnv *env, UimlFault *fault)
{
	*draft = (UimlDraft){.env = env, .fault = fault, .vocabulary = uiml_vocabulary_create(env)};
	return draft->vocabulary != NULL ? UIML_OK : UIML_ENOMEM;
}

static void
draft_end(UimlDraft *draft)
{
	uiml_vocabulary_destroy(draft->vocabulary);
	uiml_buffer_free(draft->env, &draft->model_bytes);
	uiml_buffer_free(draft->env, &draft->steps.buffer);
	uiml_buffer_free(draft->env, &draft->added);
	uiml_buffer_free(draft->env, &draft->patterns);
}

/* ---------- normalizers and pre-tokenizers ---------- */

typedef UimlStatus (*CompileStep)(const UimlEnv *env, const json_t *object, UimlSteps *steps,
								  UimlFault *fault);

static UimlStatus
compile_normalizer(UimlDraft *draft, const char *type, const json_t *object)
{
	const UimlNormalizer *normalizer = uiml_normalizer_named(type);

	if (normalizer == NULL)
		return uiml_fault(draft->fault, "Normalizer \"%s\" is not supported.", type);
	return normalizer->compile(draft->env, object, &draft->steps, draft->fault);
}

static UimlStatus
compile_pre_tokenizer(UimlDraft *draft, const char *type, const json_t *object)
{
	const UimlPreTokenizer *pre_tokenizer = uiml_pre_tokenizer_named(type);

	if (pre_tokenizer == NULL)
		return uiml_fault(draft->fault, "Pre-tokenizer \"%s\" is not supported.", type);
	return pre_tokenizer->compile(draft->env, object, &draft->steps, draft->fault);
}

/* A step, or a sequence of them, which may hold sequences. */
static UimlStatus
compile_steps(UimlDraft *draft, const char *what, const char *members, const json_t *object, int depth,
			  UimlStatus (*compile)(UimlDraft *draft, const char *type, const json_t *object))
{
	const json_t *sequence;
	const json_t *member;
	const char *type;
	size_t i;
	UimlStatus status;

	if (object == NULL || json_is_null(object))
		return UIML_OK;
	if (!json_is_object(object))
		return uiml_fault(draft->fault, "The %s is not an object.", what);
	status = uiml_json_string(object, what, "type", "", &type, draft->fault);
	if (status != UIML_OK)
		return status;
	if (strcmp(type, "Sequence") != 0)
	{
		status = compile(draft, type, object);
		if (status == UIML_OK && draft->steps.n > TOKENIZER_MAX_STEPS)
			return uiml_fault(draft->fault, "The tokenizer has more than %d steps.", TOKENIZER_MAX_STEPS);
		return status;
	}
	sequence = json_object_get(object, members);
	if (!json_is_array(sequence) || depth == UIML_DRAFT_DEPTH)
		return uiml_fault(draft->fault, "A sequence of the %s has no array \"%s\", or is too deep.", what,
						  members);
	json_array_foreach(sequence, i, member)
	{
		status = json_is_object(member)
					 ? compile_steps(draft, what, members, member, depth + 1, compile)
					 : uiml_fault(draft->fault, "A member of \"%s\" is not an object.", members);
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

/* ---------- the model ---------- */

static UimlStatus
compile_model(UimlDraft *draft, const json_t *object)
{
	const UimlModel *model;
	const char *type;
	UimlStatus status;

	if (!json_is_object(object))
		return uiml_fault(draft->fault, "The tokenizer has no object \"model\".");

	/* Older files don't name it. */
	status = uiml_json_string(object, "model", "type",
							  json_object_get(object, "max_input_chars_per_word") != NULL ? "WordPiece" : "",
							  &type, draft->fault);
	if (status != UIML_OK)
		return status;
	model = uiml_model_named(type);
	if (model == NULL)
		return uiml_fault(draft->fault, "Tokenizer model \"%s\" is not supported.", type);
	draft->model = model->model;
	status = model->compile(draft->env, object, draft->vocabulary, &draft->model_bytes, draft->fault);
	if (status == UIML_OK && uiml_vocabulary_ids(draft->vocabulary) == 0)
		return uiml_fault(draft->fault, "The vocabulary is empty.");
	return status;
}

/* ---------- putting it together ---------- */

static void
write_header(const UimlDraft *draft, const TokenizerSizes *sizes, const TokenizerLayout *layout, size_t n_raw,
			 unsigned char *bytes)
{
	memcpy(bytes, TOKENIZER_MAGIC, 8);
	encoder_store32(bytes + TOKENIZER_AT_VERSION, TOKENIZER_VERSION);
	encoder_store32(bytes + TOKENIZER_AT_MODEL, (uint32_t) draft->model);
	encoder_store32(bytes + TOKENIZER_AT_VOCABULARY, (uint32_t) sizes->vocabulary);
	encoder_store32(bytes + TOKENIZER_AT_SLOTS, (uint32_t) sizes->n_slots);
	encoder_store32(bytes + TOKENIZER_AT_LONGEST, (uint32_t) draft->vocabulary->longest);
	encoder_store32(bytes + TOKENIZER_AT_UNKNOWN, draft->vocabulary->unknown);
	encoder_store32(bytes + TOKENIZER_AT_ADDED, (uint32_t) sizes->n_added);
	encoder_store32(bytes + TOKENIZER_AT_ADDED_RAW, (uint32_t) n_raw);
	encoder_store32(bytes + TOKENIZER_AT_PATTERNS, (uint32_t) sizes->patterns);
	encoder_store32(bytes + TOKENIZER_AT_NORMALIZERS, (uint32_t) draft->n_normalizers);
	encoder_store32(bytes + TOKENIZER_AT_PRE_TOKENIZERS, (uint32_t) draft->n_pre_tokenizers);
	encoder_store32(bytes + TOKENIZER_AT_STEPS, (uint32_t) sizes->steps);
	encoder_store32(bytes + TOKENIZER_AT_PREFIX, (uint32_t) draft->prefix.n);
	encoder_store32(bytes + TOKENIZER_AT_SUFFIX, (uint32_t) draft->suffix.n);
	encoder_store64(bytes + TOKENIZER_AT_STRINGS, sizes->strings);
	encoder_store64(bytes + TOKENIZER_AT_MODEL_SIZE, sizes->model);
	encoder_store64(bytes + TOKENIZER_AT_SIZE, layout->size);
}

/* The rest: returns how many added tokens are looked for before normalization. */
static size_t
write_parts(const UimlDraft *draft, const TokenizerLayout *layout, unsigned char *bytes)
{
	const UimlAddedToken *token = uiml_draft_added_tokens(draft);
	unsigned char *record = bytes + layout->added;
	unsigned char *id = bytes + layout->around;
	size_t n_raw = 0;

	for (size_t i = 0; i < uiml_draft_added_count(draft); i++, record += TOKENIZER_ADDED_SIZE)
	{
		encoder_store32(record, token[i].id);
		encoder_store32(record + 4, token[i].flags);
		encoder_store32(record + 8, token[i].length);
		encoder_store32(record + 12, token[i].at);
		n_raw += !token[i].normalized;
	}
	for (size_t i = draft->prefix.n; i-- > 0; id += 4)
		encoder_store32(id, draft->prefix.ids[i]);
	for (size_t i = 0; i < draft->suffix.n; i++, id += 4)
		encoder_store32(id, draft->suffix.ids[i]);
	if (draft->patterns.length > 0)
		memcpy(bytes + layout->patterns, draft->patterns.bytes, draft->patterns.length);
	if (draft->steps.buffer.length > 0)
		memcpy(bytes + layout->steps, draft->steps.buffer.bytes, draft->steps.buffer.length);
	if (draft->model_bytes.length > 0)
		memcpy(bytes + layout->model, draft->model_bytes.bytes, draft->model_bytes.length);
	return n_raw;
}

static UimlStatus
assemble(UimlDraft *draft, void **result, size_t *length)
{
	const UimlVocabulary *vocabulary = draft->vocabulary;
	TokenizerSizes sizes = {.vocabulary = uiml_vocabulary_ids(vocabulary),
							.strings = vocabulary->strings.length,
							.n_slots = vocabulary->n_slots,
							.n_added = uiml_draft_added_count(draft),
							.patterns = draft->patterns.length,
							.steps = draft->steps.buffer.length,
							.n_around = draft->prefix.n + draft->suffix.n,
							.model = draft->model_bytes.length};
	TokenizerLayout layout;
	unsigned char *bytes;

	if (!uiml_tokenizer_layout(&sizes, &layout))
		return UIML_ENOMEM;
	if (uiml_draft_sort_added(draft) != UIML_OK)
		return UIML_ECORRUPT;
	if (vocabulary->n_slots == 0)
		return uiml_fault(draft->fault, "The vocabulary is empty.");
	bytes = uiml_alloc0(draft->env, layout.size, 1);
	if (bytes == NULL)
		return UIML_ENOMEM;
	uiml_vocabulary_write(vocabulary, &layout, bytes);
	write_header(draft, &sizes, &layout, write_parts(draft, &layout, bytes), bytes);
	*result = bytes;
	*length = layout.size;
	return UIML_OK;
}

/* ---------- tokenizer.json ---------- */

/* What changes ids, and belongs to whoever calls. */
static UimlStatus
check_document(UimlDraft *draft, const json_t *root)
{
	const json_t *truncation;
	const char *version;
	const char *direction;
	UimlStatus status;

	if (!json_is_object(root))
		return uiml_fault(draft->fault, "tokenizer.json is not an object.");
	status = uiml_json_string(root, "tokenizer.json", "version", "1.0", &version, draft->fault);
	if (status == UIML_OK && strcmp(version, "1.0") != 0)
		return uiml_fault(draft->fault, "tokenizer.json is of version \"%s\"; 1.0 is supported.", version);
	truncation = json_object_get(root, "truncation");
	if (status != UIML_OK || !json_is_object(truncation))
		return status;
	status = uiml_json_string(truncation, "truncation", "direction", "Right", &direction, draft->fault);
	if (status == UIML_OK && strcmp(direction, "Right") != 0)
		return uiml_fault(draft->fault, "tokenizer.json cuts the beginning of long texts off.");
	return status;
}

static UimlStatus
compile_document(UimlDraft *draft, const json_t *root, void **bytes, size_t *length)
{
	UimlStatus status = check_document(draft, root);

	if (status == UIML_OK)
		status = compile_model(draft, json_object_get(root, "model"));
	if (status == UIML_OK)
		status = compile_steps(draft, "normalizer", "normalizers", json_object_get(root, "normalizer"), 0,
							   compile_normalizer);
	draft->n_normalizers = draft->steps.n;

	/* Nothing of a pre-tokenizer is part of a normalizer. */
	draft->steps.last = draft->steps.buffer.length;
	if (status == UIML_OK)
		status = compile_steps(draft, "pre-tokenizer", "pretokenizers",
							   json_object_get(root, "pre_tokenizer"), 0, compile_pre_tokenizer);
	draft->n_pre_tokenizers = draft->steps.n - draft->n_normalizers;
	if (status == UIML_OK)
		status = uiml_draft_added(draft, json_object_get(root, "added_tokens"));
	if (status == UIML_OK)
		status = uiml_draft_processor(draft, json_object_get(root, "post_processor"));
	if (status == UIML_OK)
		status = assemble(draft, bytes, length);
	return status;
}

UimlStatus
uiml_tokenizer_compile(const UimlEnv *env, const char *json, size_t json_length, void **bytes, size_t *length,
					   UimlFault *fault)
{
	UimlDraft draft;
	json_t *root;
	UimlStatus status = uiml_json_parse(env, "tokenizer.json", json, json_length, &root, fault);

	if (status != UIML_OK)
		return status;
	status = draft_begin(&draft, env, fault);
	if (status == UIML_OK)
		status = compile_document(&draft, root, bytes, length);
	draft_end(&draft);
	json_decref(root);
	return status;
}

/* ---------- vocab.txt ---------- */

/* Without the whitespace at its end, as the library reads it. */
static size_t
trimmed(const char *line, size_t length)
{
	while (length > 0)
	{
		size_t start = length - 1;
		size_t at;

		while (start > 0 && ((unsigned char) line[start] & 0xC0) == 0x80)
			start--;
		at = start;
		if (!uiml_unicode_space(uiml_utf8_next(line, length, &at)))
			break;
		length = start;
	}
	return length;
}

static UimlStatus
add_lines(UimlDraft *draft, const char *text, size_t length)
{
	size_t start = 0;
	size_t id = 0;
	UimlStatus status = UIML_OK;

	for (size_t at = 0; at <= length && status == UIML_OK; at++)
	{
		if (at < length ? text[at] != '\n' : at == start)
			continue;
		if (id == UIML_TOKENIZER_MAX_VOCABULARY)
			return uiml_fault(draft->fault, "vocab.txt has more than %zu lines.",
							  UIML_TOKENIZER_MAX_VOCABULARY);
		if (!uiml_utf8_valid(text + start, at - start))
			return uiml_fault(draft->fault, "Line %zu of vocab.txt is not UTF-8.", id + 1);

		/* The last of several equal lines is the token's id. */
		status = uiml_vocabulary_add(draft->vocabulary, (uint32_t) id++, text + start,
									 trimmed(text + start, at - start), true, draft->fault);
		start = at + 1;
	}
	return status;
}

static UimlStatus
compile_lines(UimlDraft *draft, const char *text, size_t length, const UimlWordPieceOptions *options,
			  void **bytes, size_t *result_length)
{
	static const char *const special[] = {"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"};
	UimlStatus status = add_lines(draft, text, length);
	uint32_t id;

	draft->model = UIML_WORDPIECE;
	if (status == UIML_OK)
		status = uiml_wordpiece_finish(draft->env, draft->vocabulary, "[UNK]", "##", 100, &draft->model_bytes,
									   draft->fault);
	if (status == UIML_OK)
		status = uiml_bert_append(draft->env, &draft->steps, true, options->chinese, options->strip_accents,
								  options->lowercase);
	if (status == UIML_OK)
		status = uiml_steps_append(draft->env, &draft->steps, UIML_PRE_TOKENIZER_BERT, NULL, 0);
	draft->n_normalizers = 1;
	draft->n_pre_tokenizers = 1;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]) && status == UIML_OK; i++)
	{
		if (uiml_vocabulary_find(draft->vocabulary, special[i], strlen(special[i]), &id))
			status = uiml_draft_add(draft, special[i], -1, 0, false);
	}
	if (status != UIML_OK)
		return status;
	if (!uiml_vocabulary_find(draft->vocabulary, "[CLS]", 5, &draft->prefix.ids[0]) ||
		!uiml_vocabulary_find(draft->vocabulary, "[SEP]", 5, &draft->suffix.ids[0]))
		return uiml_fault(draft->fault, "vocab.txt doesn't have [CLS] and [SEP].");
	draft->prefix.n = 1;
	draft->suffix.n = 1;
	return assemble(draft, bytes, result_length);
}

UimlStatus
uiml_tokenizer_compile_vocabulary(const UimlEnv *env, const char *text, size_t text_length,
								  const UimlWordPieceOptions *options, void **bytes, size_t *length,
								  UimlFault *fault)
{
	UimlDraft draft;
	UimlStatus status = draft_begin(&draft, env, fault);

	if (status == UIML_OK)
		status = compile_lines(&draft, text, text_length, options, bytes, length);
	draft_end(&draft);
	return status;
}
