/*
 * pretokenizer.c
 *	  The pre-tokenizers Whitespace, WhitespaceSplit, Punctuation and Metaspace.
 *
 * The first three cut a piece where its characters change class, or around characters of a class.  Metaspace is
 * SentencePiece's: spaces become a visible character, by which words begin, and one is put before the first.
 */
#include "core/tokenizer_parts.h"

/* ---------- Whitespace ---------- */

typedef enum CharClass
{
	SPACE,
	WORD,
	OTHER
} CharClass;

/* The regular expression \w+|[^\w\s]+: runs of word characters and runs of what is neither word nor space. */
static CharClass
class_of(uint32_t code)
{
	if (uiml_unicode_space(code))
		return SPACE;
	return uiml_unicode_word(code) ? WORD : OTHER;
}

static CharClass
class_without_words(uint32_t code)
{
	return uiml_unicode_space(code) ? SPACE : OTHER;
}

/* Visits the runs of one class, but for spaces. */
static UimlStatus
visit_runs(UimlTokenizing *run, const char *piece, size_t length, bool at_start,
		   CharClass (*class_of_code)(uint32_t code), UimlPieceVisit visit, void *ctx)
{
	CharClass current = SPACE;
	size_t begin = 0;
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (at < length && status == UIML_OK)
	{
		size_t here = at;
		CharClass class = class_of_code(uiml_utf8_next(piece, length, &at));

		status = uiml_tokenizing_worked(run, 1);
		if (class == current || status != UIML_OK)
			continue;
		if (current != SPACE)
			status = visit(ctx, piece + begin, here - begin, at_start && begin == 0);
		current = class;
		begin = here;
	}
	if (current != SPACE && status == UIML_OK)
		status = visit(ctx, piece + begin, length - begin, at_start && begin == 0);
	return status;
}

/* Of those that keep nothing but their kind. */
static UimlStatus
compile_kind(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const UimlPreTokenizer *pre_tokenizer = type != NULL ? uiml_pre_tokenizer_named(type) : NULL;

	if (pre_tokenizer == NULL)
		return uiml_fault(fault, "A pre-tokenizer has no type.");
	return uiml_steps_append(env, steps, pre_tokenizer->kind, NULL, 0);
}

static bool
check_kind(const UimlStep *step)
{
	return step->size == 0;
}

static UimlStatus
run_whitespace(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length, bool at_start,
			   UimlPieceVisit visit, void *ctx)
{
	(void) step;
	return visit_runs(run, piece, length, at_start, class_of, visit, ctx);
}

static UimlStatus
run_whitespace_split(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length,
					 bool at_start, UimlPieceVisit visit, void *ctx)
{
	(void) step;
	return visit_runs(run, piece, length, at_start, class_without_words, visit, ctx);
}

const UimlPreTokenizer uiml_pre_tokenizer_whitespace = {.kind = UIML_PRE_TOKENIZER_WHITESPACE,
														.type = "Whitespace",
														.compile = compile_kind,
														.check = check_kind,
														.run = run_whitespace};

const UimlPreTokenizer uiml_pre_tokenizer_whitespace_split = {.kind = UIML_PRE_TOKENIZER_WHITESPACE_SPLIT,
															  .type = "WhitespaceSplit",
															  .compile = compile_kind,
															  .check = check_kind,
															  .run = run_whitespace_split};

/* ---------- Punctuation ---------- */

/* What becomes of the characters that a piece is cut at; the step keeps it as uint32. */
typedef enum Behavior
{
	REMOVED,
	ISOLATED,
	MERGED_WITH_PREVIOUS,
	MERGED_WITH_NEXT,
	CONTIGUOUS,
	N_BEHAVIORS
} Behavior;

static UimlStatus
compile_punctuation(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	static const char *const names[N_BEHAVIORS] = {"Removed", "Isolated", "MergedWithPrevious",
												   "MergedWithNext", "Contiguous"};
	const char *name;
	unsigned char bytes[4];
	UimlStatus status = uiml_json_string(object, "Punctuation", "behavior", names[ISOLATED], &name, fault);

	if (status != UIML_OK)
		return status;
	for (uint32_t behavior = 0; behavior < N_BEHAVIORS; behavior++)
	{
		if (strcmp(name, names[behavior]) == 0)
		{
			encoder_store32(bytes, behavior);
			return uiml_steps_append(env, steps, UIML_PRE_TOKENIZER_PUNCTUATION, bytes, sizeof(bytes));
		}
	}
	return uiml_fault(fault, "The pre-tokenizer Punctuation has the unknown behavior \"%.100s\".", name);
}

static bool
check_punctuation(const UimlStep *step)
{
	return step->size == 4 && encoder_load32(step->bytes) < N_BEHAVIORS;
}

/*
 * Whether a piece ends before a character, given that it is punctuation or not, and what the one before was.
 * Of punctuation in a row, the first goes with what is before and the last with what follows.
 */
static bool
cuts(Behavior behavior, bool before, bool here)
{
	switch (behavior)
	{
		case CONTIGUOUS:
			return before != here;
		case MERGED_WITH_PREVIOUS:
			return before;
		case MERGED_WITH_NEXT:
			return here;
		default:
			return before || here;
	}
}

static UimlStatus
run_punctuation(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length, bool at_start,
				UimlPieceVisit visit, void *ctx)
{
	Behavior behavior = (Behavior) encoder_load32(step->bytes);
	bool before = false;
	size_t begin = 0;
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (at < length && status == UIML_OK)
	{
		size_t here = at;
		bool punctuation = uiml_unicode_punctuation(uiml_utf8_next(piece, length, &at));

		status = uiml_tokenizing_worked(run, 1);
		if (status == UIML_OK && here > begin && cuts(behavior, before, punctuation))
		{
			if (behavior != REMOVED || !before)
				status = visit(ctx, piece + begin, here - begin, at_start && begin == 0);
			begin = here;
		}
		before = punctuation;
	}
	if (status == UIML_OK && begin < length && (behavior != REMOVED || !before))
		status = visit(ctx, piece + begin, length - begin, at_start && begin == 0);
	return status;
}

const UimlPreTokenizer uiml_pre_tokenizer_punctuation = {.kind = UIML_PRE_TOKENIZER_PUNCTUATION,
														 .type = "Punctuation",
														 .compile = compile_punctuation,
														 .check = check_punctuation,
														 .run = run_punctuation};

/* ---------- Metaspace ---------- */

typedef enum PrependScheme
{
	NEVER,
	FIRST, /* only where the text begins */
	ALWAYS,
	N_SCHEMES
} PrependScheme;

/* What the step keeps. */
#define AT_SCHEME      0 /* uint32 */
#define AT_SPLIT       4 /* uint32: pieces begin at the replacement */
#define AT_REPLACEMENT ((size_t) 8)

/*
 * add_prefix_space is how older files say it; where both speak they agree, or the library refuses the file.
 */
static UimlStatus
read_scheme(const json_t *object, PrependScheme *scheme, UimlFault *fault)
{
	static const char *const names[N_SCHEMES] = {"never", "first", "always"};
	const char *name;
	bool prefix_space;
	UimlStatus status =
		uiml_json_boolean(object, "Metaspace", "add_prefix_space", true, &prefix_space, fault);

	if (status == UIML_OK)
		status = uiml_json_string(object, "Metaspace", "prepend_scheme", names[prefix_space ? ALWAYS : NEVER],
								  &name, fault);
	if (status != UIML_OK)
		return status;
	for (*scheme = NEVER; *scheme < N_SCHEMES && strcmp(name, names[*scheme]) != 0;)
		++*scheme;
	if (*scheme == N_SCHEMES || (!prefix_space && *scheme != NEVER))
		return uiml_fault(
			fault,
			"The pre-tokenizer Metaspace has the prepend_scheme \"%.100s\", which is unknown or "
			"contradicts add_prefix_space.",
			name);
	return UIML_OK;
}

static UimlStatus
compile_metaspace(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const json_t *replacement = json_object_get(object, "replacement");
	size_t length = json_string_length(replacement);
	unsigned char bytes[AT_REPLACEMENT + 4];
	PrependScheme scheme;
	bool split;
	size_t at = 0;
	UimlStatus status = read_scheme(object, &scheme, fault);

	if (status == UIML_OK)
		status = uiml_json_boolean(object, "Metaspace", "split", true, &split, fault);
	if (status != UIML_OK)
		return status;
	if (length > 0)
		uiml_utf8_next(json_string_value(replacement), length, &at);
	if (length == 0 || at != length)
		return uiml_fault(fault, "The pre-tokenizer Metaspace has no replacement of one character.");
	encoder_store32(bytes + AT_SCHEME, scheme);
	encoder_store32(bytes + AT_SPLIT, split);
	memcpy(bytes + AT_REPLACEMENT, json_string_value(replacement), length);
	return uiml_steps_append(env, steps, UIML_PRE_TOKENIZER_METASPACE, bytes, AT_REPLACEMENT + length);
}

static bool
check_metaspace(const UimlStep *step)
{
	return step->size > AT_REPLACEMENT && step->size <= AT_REPLACEMENT + 4 &&
		   encoder_load32(step->bytes + AT_SCHEME) < N_SCHEMES;
}

static bool
begins_with(const char *text, size_t length, const unsigned char *mark, size_t mark_length)
{
	return length >= mark_length && memcmp(text, mark, mark_length) == 0;
}

/* The piece with its spaces replaced, and one before it where the scheme wants it. */
static UimlStatus
replace_spaces(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length, bool at_start,
			   UimlBuffer *out)
{
	const unsigned char *mark = step->bytes + AT_REPLACEMENT;
	size_t mark_length = step->size - AT_REPLACEMENT;
	PrependScheme scheme = (PrependScheme) encoder_load32(step->bytes + AT_SCHEME);
	bool marked = piece[0] == ' ' || begins_with(piece, length, mark, mark_length);
	size_t at = 0;
	UimlStatus status = uiml_buffer_reserve(run->env, out, length + length / 2 + mark_length);

	if (status == UIML_OK && !marked && (scheme == ALWAYS || (scheme == FIRST && at_start)))
		status = uiml_buffer_append(run->env, out, mark, mark_length);
	while (at < length && status == UIML_OK)
	{
		size_t left = length - at < UIML_TOKENIZING_WORK ? length - at : UIML_TOKENIZING_WORK;
		const char *space = memchr(piece + at, ' ', left);
		size_t plain = space == NULL ? left : (size_t) (space - (piece + at));

		if (plain > 0)
			status = uiml_buffer_append(run->env, out, piece + at, plain);
		if (status == UIML_OK && space != NULL)
			status = uiml_buffer_append(run->env, out, mark, mark_length);
		at += plain + (space != NULL);
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(run, plain + 1);
	}
	return status;
}

/* Visits the pieces that begin at the replacement, or all as one. */
static UimlStatus
visit_words(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, bool at_start,
			UimlPieceVisit visit, void *ctx)
{
	const unsigned char *mark = step->bytes + AT_REPLACEMENT;
	size_t mark_length = step->size - AT_REPLACEMENT;
	size_t begin = 0;
	size_t at = 1;
	UimlStatus status = UIML_OK;

	if (encoder_load32(step->bytes + AT_SPLIT) == 0)
		return visit(ctx, text, length, at_start);
	while (at < length && status == UIML_OK)
	{
		size_t left = length - at < UIML_TOKENIZING_WORK ? length - at : UIML_TOKENIZING_WORK;
		const char *first = memchr(text + at, mark[0], left);

		status = uiml_tokenizing_worked(run, first == NULL ? left : (size_t) (first - text) - at + 1);
		if (status != UIML_OK)
			return status;
		at = first == NULL ? at + left : (size_t) (first - text);
		if (first != NULL && begins_with(first, length - at, mark, mark_length))
		{
			status = visit(ctx, text + begin, at - begin, at_start && begin == 0);
			begin = at;
		}
		at += first != NULL;
	}
	return status == UIML_OK ? visit(ctx, text + begin, length - begin, at_start && begin == 0) : status;
}

static UimlStatus
run_metaspace(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length, bool at_start,
			  UimlPieceVisit visit, void *ctx)
{
	/* What follows may rewrite pieces as well, so this one's bytes are out of its reach meanwhile. */
	UimlBuffer text = run->piece;
	UimlStatus status;

	run->piece = (UimlBuffer){0};
	text.length = 0;
	status = replace_spaces(run, step, piece, length, at_start, &text);
	if (status == UIML_OK)
		status = visit_words(run, step, (const char *) text.bytes, text.length, at_start, visit, ctx);
	uiml_buffer_free(run->env, &run->piece);
	run->piece = text;
	return status;
}

const UimlPreTokenizer uiml_pre_tokenizer_metaspace = {.kind = UIML_PRE_TOKENIZER_METASPACE,
													   .type = "Metaspace",
													   .compile = compile_metaspace,
													   .check = check_metaspace,
													   .run = run_metaspace};
