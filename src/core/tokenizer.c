/*
 * tokenizer.c
 *	  Opening tokenizers, and from a text to its ids.
 *
 * A text is cut at added tokens; what lies between is normalized, cut at the added tokens that are looked for in
 * normalized text, cut into pieces, and the pieces into tokens.  Pieces are passed on one by one, the
 * innermost being the model's, so nothing is collected, and the walk ends as soon as enough ids are there.
 * Where BertNormalizer and BertPreTokenizer are all there is, which is so for nearly all BERT models,
 * normalizing is part of that walk too: a long text then costs what its wanted beginning costs.
 *
 * The steps inside use UIML_ELIMIT to say that there are enough ids.
 */
#include "core/parts.h"
#include "core/tokenizer_added.h"

/* Bytes that are checked for being UTF-8 between two questions after interruption. */
#define CHECK_BYTES ((size_t) 1 << 20)

/* ---------- the format ---------- */

bool
uiml_tokenizer_layout(const TokenizerSizes *sizes, TokenizerLayout *layout)
{
	size_t at = TOKENIZER_HEADER_SIZE;

	if (!uiml_part_place(&at, sizes->vocabulary, sizeof(uint32_t), &layout->ends) ||
		!uiml_part_place(&at, sizes->strings, 1, &layout->strings) ||
		!uiml_part_place(&at, sizes->n_slots, 2 * sizeof(uint32_t), &layout->slots) ||
		!uiml_part_place(&at, sizes->n_added, TOKENIZER_ADDED_SIZE, &layout->added) ||
		!uiml_part_place(&at, sizes->patterns, 1, &layout->patterns) ||
		!uiml_part_place(&at, sizes->steps, 1, &layout->steps) ||
		!uiml_part_place(&at, sizes->n_around, sizeof(uint32_t), &layout->around) ||
		!uiml_part_place(&at, sizes->model, 1, &layout->model))
		return false;
	layout->size = at;
	return true;
}

static bool
read_header(const unsigned char *bytes, size_t length, UimlTokenizer *tokenizer)
{
	static const unsigned char reserved[TOKENIZER_HEADER_SIZE - TOKENIZER_AT_RESERVED];

	if (length < TOKENIZER_HEADER_SIZE || memcmp(bytes, TOKENIZER_MAGIC, 8) != 0 ||
		encoder_load32(bytes + TOKENIZER_AT_VERSION) != TOKENIZER_VERSION ||
		memcmp(bytes + TOKENIZER_AT_RESERVED, reserved, sizeof(reserved)) != 0 ||
		encoder_load64(bytes + TOKENIZER_AT_SIZE) != length ||
		encoder_load64(bytes + TOKENIZER_AT_STRINGS) > length ||
		encoder_load64(bytes + TOKENIZER_AT_MODEL_SIZE) > length)
		return false;
	*tokenizer = (UimlTokenizer){.model = encoder_load32(bytes + TOKENIZER_AT_MODEL),
								 .vocabulary = encoder_load32(bytes + TOKENIZER_AT_VOCABULARY),
								 .prefix = encoder_load32(bytes + TOKENIZER_AT_PREFIX),
								 .suffix = encoder_load32(bytes + TOKENIZER_AT_SUFFIX),
								 .bytes = bytes,
								 .length = length,
								 .strings_size = (size_t) encoder_load64(bytes + TOKENIZER_AT_STRINGS),
								 .n_slots = encoder_load32(bytes + TOKENIZER_AT_SLOTS),
								 .longest = encoder_load32(bytes + TOKENIZER_AT_LONGEST),
								 .unknown = encoder_load32(bytes + TOKENIZER_AT_UNKNOWN),
								 .n_added = encoder_load32(bytes + TOKENIZER_AT_ADDED),
								 .n_added_raw = encoder_load32(bytes + TOKENIZER_AT_ADDED_RAW),
								 .patterns_size = encoder_load32(bytes + TOKENIZER_AT_PATTERNS),
								 .steps_size = encoder_load32(bytes + TOKENIZER_AT_STEPS),
								 .n_normalizers = encoder_load32(bytes + TOKENIZER_AT_NORMALIZERS),
								 .n_pre_tokenizers = encoder_load32(bytes + TOKENIZER_AT_PRE_TOKENIZERS),
								 .model_size = (size_t) encoder_load64(bytes + TOKENIZER_AT_MODEL_SIZE)};
	return tokenizer->vocabulary >= 1 && tokenizer->vocabulary <= UIML_TOKENIZER_MAX_VOCABULARY &&
		   tokenizer->prefix <= TOKENIZER_MAX_AROUND && tokenizer->suffix <= TOKENIZER_MAX_AROUND &&
		   tokenizer->n_slots > 0 && (tokenizer->n_slots & (tokenizer->n_slots - 1)) == 0 &&
		   tokenizer->longest <= TOKENIZER_MAX_TOKEN && tokenizer->unknown <= tokenizer->vocabulary &&
		   tokenizer->n_added <= TOKENIZER_MAX_ADDED && tokenizer->n_added_raw <= tokenizer->n_added &&
		   tokenizer->n_normalizers <= TOKENIZER_MAX_STEPS &&
		   tokenizer->n_pre_tokenizers <= TOKENIZER_MAX_STEPS;
}

static bool
place_parts(UimlTokenizer *tokenizer)
{
	TokenizerSizes sizes = {.vocabulary = tokenizer->vocabulary,
							.strings = tokenizer->strings_size,
							.n_slots = tokenizer->n_slots,
							.n_added = tokenizer->n_added,
							.patterns = tokenizer->patterns_size,
							.steps = tokenizer->steps_size,
							.n_around = tokenizer->prefix + tokenizer->suffix,
							.model = tokenizer->model_size};
	TokenizerLayout layout;

	if (!uiml_tokenizer_layout(&sizes, &layout) || layout.size != tokenizer->length)
		return false;
	tokenizer->ends = tokenizer->bytes + layout.ends;
	tokenizer->strings = tokenizer->bytes + layout.strings;
	tokenizer->slots = tokenizer->bytes + layout.slots;
	tokenizer->added = tokenizer->bytes + layout.added;
	tokenizer->patterns = tokenizer->bytes + layout.patterns;
	tokenizer->steps = tokenizer->bytes + layout.steps;
	tokenizer->around = tokenizer->bytes + layout.around;
	tokenizer->model_bytes = tokenizer->bytes + layout.model;
	return true;
}

/* All steps are there, and known. */
static bool
steps_are_known(const UimlTokenizer *tokenizer)
{
	size_t at = 0;

	for (size_t i = 0; i < tokenizer->n_normalizers + tokenizer->n_pre_tokenizers; i++)
	{
		UimlStep step;

		if (!uiml_steps_next(tokenizer->steps, tokenizer->steps_size, &at, &step))
			return false;
		if (i < tokenizer->n_normalizers)
		{
			const UimlNormalizer *normalizer = uiml_normalizer_of(step.kind);

			if (normalizer == NULL || !normalizer->check(&step))
				return false;
		}
		else
		{
			const UimlPreTokenizer *pre_tokenizer = uiml_pre_tokenizer_of(step.kind);

			if (pre_tokenizer == NULL || !pre_tokenizer->check(&step))
				return false;
		}
	}
	return at == tokenizer->steps_size;
}

/* Every token that has a slot is found there, under its hash. */
static bool
slots_are_right(const UimlTokenizer *tokenizer)
{
	size_t n_free = 0;

	for (size_t i = 0; i < tokenizer->n_slots; i++)
	{
		uint32_t number = encoder_load32(tokenizer->slots + 8 * i + 4);
		const char *token;
		size_t length;
		uint32_t id;

		if (number == 0)
		{
			n_free++;
			continue;
		}
		token = uiml_tokenizer_token(tokenizer, number - 1, &length);
		if (number > tokenizer->vocabulary || length > tokenizer->longest ||
			!uiml_tokenizer_find(tokenizer, token, length, &id) || id != number - 1)
			return false;
	}
	return n_free > 0;
}

static bool
strings_are_right(const UimlTokenizer *tokenizer)
{
	size_t start = 0;

	for (size_t id = 0; id < tokenizer->vocabulary; id++)
	{
		size_t end = encoder_load32(tokenizer->ends + 4 * id);

		if (end < start || end > tokenizer->strings_size || end - start > TOKENIZER_MAX_TOKEN ||
			!uiml_utf8_valid((const char *) tokenizer->strings + start, end - start))
			return false;
		start = end;
	}
	return start == tokenizer->strings_size;
}

UimlStatus
uiml_tokenizer_open(const void *data, size_t length, bool verify, UimlTokenizer *tokenizer)
{
	const UimlModel *model;

	if (!read_header(data, length, tokenizer) || !place_parts(tokenizer))
		return UIML_ECORRUPT;
	for (size_t i = 0; i < tokenizer->prefix + tokenizer->suffix; i++)
	{
		if (encoder_load32(tokenizer->around + 4 * i) >= tokenizer->vocabulary)
			return UIML_ECORRUPT;
	}
	model = uiml_model_of(tokenizer->model);
	if (model == NULL || !steps_are_known(tokenizer) || !uiml_added_check(tokenizer))
		return UIML_ECORRUPT;
	if (verify && (!strings_are_right(tokenizer) || !slots_are_right(tokenizer)))
		return UIML_ECORRUPT;
	return model->check(tokenizer, verify) ? UIML_OK : UIML_ECORRUPT;
}

/* ---------- tokens ---------- */

const char *
uiml_tokenizer_token(const UimlTokenizer *tokenizer, uint32_t id, size_t *length)
{
	size_t start;
	size_t end;

	*length = 0;
	if (id >= tokenizer->vocabulary)
		return "";
	start = id > 0 ? encoder_load32(tokenizer->ends + 4 * (id - (size_t) 1)) : 0;
	end = encoder_load32(tokenizer->ends + 4 * (size_t) id);
	if (start > end || end > tokenizer->strings_size)
		return "";
	*length = end - start;
	return (const char *) tokenizer->strings + start;
}

bool
uiml_tokenizer_lookup(const UimlTokenizer *tokenizer, uint64_t hash, const void *head, size_t head_length,
					  const void *tail, size_t tail_length, uint32_t *id)
{
	hash = tokenizer_hash_end(hash);
	for (size_t probe = 0; probe < TOKENIZER_MAX_PROBES; probe++)
	{
		const unsigned char *slot = tokenizer->slots + 8 * ((hash + probe) & (tokenizer->n_slots - 1));
		uint32_t number = encoder_load32(slot + 4);
		const char *token;
		size_t length;

		if (number == 0 || number > tokenizer->vocabulary)
			return false;
		if (encoder_load32(slot) != (uint32_t) (hash >> 32))
			continue;
		token = uiml_tokenizer_token(tokenizer, number - 1, &length);
		if (length == head_length + tail_length && memcmp(token, head, head_length) == 0 &&
			memcmp(token + head_length, tail, tail_length) == 0)
		{
			*id = number - 1;
			return true;
		}
	}
	return false;
}

bool
uiml_tokenizer_find(const UimlTokenizer *tokenizer, const char *token, size_t length, uint32_t *id)
{
	uint64_t hash = TOKENIZER_HASH_START;

	for (size_t i = 0; i < length; i++)
		hash = tokenizer_hash_byte(hash, (unsigned char) token[i]);
	if (uiml_tokenizer_lookup(tokenizer, hash, token, 0, token, length, id))
		return true;

	/* An added token that the model doesn't know. */
	for (size_t i = 0; i < tokenizer->n_added; i++)
	{
		uint32_t added = encoder_load32(tokenizer->added + i * TOKENIZER_ADDED_SIZE);
		size_t added_length;
		const char *text = uiml_tokenizer_token(tokenizer, added, &added_length);

		if (length > 0 && added_length == length && memcmp(text, token, length) == 0)
		{
			*id = added;
			return true;
		}
	}
	return false;
}

/* ---------- pieces ---------- */

/* What remains to be done to a piece: the pre-tokenizers from this one on, then the model. */
typedef struct Remaining
{
	UimlTokenizing *run;
	size_t n;  /* pre-tokenizers */
	size_t at; /* of the next one */
} Remaining;

static UimlStatus
visit_piece(void *ctx, const char *piece, size_t length, bool at_start)
{
	const Remaining *remaining = ctx;
	UimlTokenizing *run = remaining->run;
	const UimlTokenizer *tokenizer = run->tokenizer;
	Remaining next = *remaining;
	UimlStep step;
	UimlStatus status;

	if (length == 0)
		return UIML_OK;
	if (next.n > 0 && uiml_steps_next(tokenizer->steps, tokenizer->steps_size, &next.at, &step))
	{
		next.n--;
		return uiml_pre_tokenizer_of(step.kind)->run(run, &step, piece, length, at_start, visit_piece, &next);
	}
	status = uiml_model_of(tokenizer->model)->run(run, piece, length);
	return status == UIML_OK && uiml_tokenizing_full(run) ? UIML_ELIMIT : status;
}

static UimlStatus
visit_added(UimlTokenizing *run, uint32_t id)
{
	uiml_tokenizing_emit(run, id);
	return uiml_tokenizing_full(run) ? UIML_ELIMIT : UIML_OK;
}

/* ---------- normalizing ---------- */

UimlStatus
uiml_tokenizing_normalize(UimlTokenizing *run, const unsigned char *steps, size_t steps_size, size_t n,
						  size_t *at, const char **text, size_t *length)
{
	for (size_t i = 0; i < n; i++)
	{
		UimlBuffer *out = &run->normalized[i % 2];
		UimlStep step;
		UimlStatus status;

		if (!uiml_steps_next(steps, steps_size, at, &step))
			return UIML_ECORRUPT;
		out->length = 0;
		status = uiml_normalizer_of(step.kind)->run(run, &step, *text, *length, out);
		if (status == UIML_OK && uiml_tokenizing_overflows(run, out))
			status = UIML_ELIMIT;
		if (status != UIML_OK)
			return status;
		*text = out->length > 0 ? (const char *) out->bytes : "";
		*length = out->length;
	}
	return UIML_OK;
}

/* Emits the added tokens of a text, if there are any to look for, and visits what is between them. */
static UimlStatus
cut_at_added(UimlAddedSearch *search, bool any, bool at_start, UimlPieceVisit visit, void *ctx)
{
	const char *text = search->text;

	while (any)
	{
		size_t gap_end;
		size_t end;
		uint32_t id;
		UimlStatus status = uiml_added_next(search, &gap_end, &end, &id, &any);

		if (status != UIML_OK)
			return status;
		if (!any)
			break;
		if (gap_end > search->gap_start)
			status = visit(ctx, text + search->gap_start, gap_end - search->gap_start,
						   at_start && search->gap_start == 0);
		if (status == UIML_OK)
			status = visit_added(search->run, id);
		if (status != UIML_OK)
			return status;
		search->gap_start = end;
	}
	return visit(ctx, text + search->gap_start, search->length - search->gap_start,
				 at_start && search->gap_start == 0);
}

/* Normalizes a text between two added tokens, and so on. */
static UimlStatus
run_between(void *ctx, const char *text, size_t length, bool at_start)
{
	UimlTokenizing *run = ctx;
	const UimlTokenizer *tokenizer = run->tokenizer;
	UimlAddedSearch search = {.run = run, .normalized = true};
	Remaining pieces = {.run = run, .n = tokenizer->n_pre_tokenizers};
	UimlStep first;
	UimlStep second;
	UimlStatus status;

	if (length == 0)
		return UIML_OK;
	if (tokenizer->n_normalizers == 1 && tokenizer->n_pre_tokenizers == 1 &&
		tokenizer->n_added == tokenizer->n_added_raw &&
		uiml_steps_next(tokenizer->steps, tokenizer->steps_size, &pieces.at, &first) &&
		uiml_steps_next(tokenizer->steps, tokenizer->steps_size, &pieces.at, &second) &&
		first.kind == UIML_NORMALIZER_BERT && second.kind == UIML_PRE_TOKENIZER_BERT)
	{
		pieces.n = 0;
		return uiml_bert_words(run, &first, text, length, visit_piece, &pieces);
	}
	pieces.at = 0;
	run->moved = false;
	status = uiml_tokenizing_normalize(run, tokenizer->steps, tokenizer->steps_size, tokenizer->n_normalizers,
									   &pieces.at, &text, &length);
	if (status != UIML_OK || length == 0)
		return status;
	search.text = text;
	search.length = length;
	return cut_at_added(&search, tokenizer->n_added > tokenizer->n_added_raw, at_start && !run->moved,
						visit_piece, &pieces);
}

/* Cuts a text at the added tokens that are looked for first. */
static UimlStatus
run_text(UimlTokenizing *run, const char *text, size_t length)
{
	UimlAddedSearch search = {.run = run, .text = text, .length = length};

	return cut_at_added(&search, run->tokenizer->n_added_raw > 0, true, run_between, run);
}

/* ---------- a call ---------- */

/* Normalized bytes for each byte of a text and of 1,024 more: decompositions make eleven, punctuation three. */
#define MAX_GROWTH 64

static UimlStatus
check_utf8(const UimlEnv *env, const char *text, size_t length)
{
	while (length > 0)
	{
		size_t count = length < CHECK_BYTES ? length : CHECK_BYTES;

		while (count < length && count > CHECK_BYTES - 4 && ((unsigned char) text[count] & 0xC0) == 0x80)
			count--;
		if (!uiml_utf8_valid(text, count))
			return UIML_EINVALID;
		text += count;
		length -= count;
		if (length > 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
	}
	return UIML_OK;
}

void
uiml_tokenizing_end(UimlTokenizing *run)
{
	uiml_buffer_free(run->env, &run->normalized[0]);
	uiml_buffer_free(run->env, &run->normalized[1]);
	uiml_buffer_free(run->env, &run->scratch);
	uiml_buffer_free(run->env, &run->piece);
}

UimlStatus
uiml_tokenizer_run(const UimlEnv *env, const UimlTokenizer *tokenizer, const char *text, size_t length,
				   size_t max_tokens, uint32_t *ids, size_t *n, size_t *total)
{
	size_t around = tokenizer->prefix + tokenizer->suffix;
	UimlTokenizing run = {
		.env = env, .tokenizer = tokenizer, .ids = ids + tokenizer->prefix, .count_all = total != NULL};
	UimlStatus status;
	size_t kept;

	if (max_tokens < around)
		return UIML_EINVALID;
	run.room = max_tokens - around;
	run.most = length < SIZE_MAX / MAX_GROWTH - MAX_GROWTH ? (length + 1024) * MAX_GROWTH : SIZE_MAX;
	status = check_utf8(env, text, length);
	if (status == UIML_OK)
		status = run_text(&run, text, length);
	uiml_tokenizing_end(&run);
	if (status != UIML_OK && !(status == UIML_ELIMIT && uiml_tokenizing_full(&run)))
		return status;

	kept = run.n < run.room ? run.n : run.room;
	for (size_t i = 0; i < tokenizer->prefix; i++)
		ids[i] = encoder_load32(tokenizer->around + 4 * i);
	for (size_t i = tokenizer->prefix; i < around; i++)
		ids[kept + i] = encoder_load32(tokenizer->around + 4 * i);
	*n = kept + around;
	if (total != NULL)
		*total = run.n + around;
	return UIML_OK;
}
