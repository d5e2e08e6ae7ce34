/*
 * pretokenizer_bytes.c
 *	  The pre-tokenizer ByteLevel, of RoBERTa and GPT-2: words with the space before them, each byte a letter.
 *
 * Texts are cut by the regular expression
 *
 *		's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * which takes, wherever it is, an ending of English after an apostrophe; or a run of letters, of digits or
 * of anything else but whitespace, with a space before it; or whitespace, of which the last character is left to
 * what follows.  So it needs no engine.  Then every byte is written as a character that can be seen: printable
 * ones of Latin 1 as themselves, the others as those from U+0100 on.
 *
 * Letters and digits are of the library's regular expressions, which follow the newest Unicode; here they
 * are utf8proc's.
 */
#include <utf8proc.h>

#include "core/tokenizer_parts.h"

/* What the step keeps. */
#define AT_PREFIX_SPACE 0 /* uint32: a space comes before a piece that has none */
#define AT_REGEX        4 /* uint32: pieces are cut */
#define STEP_SIZE       8

typedef enum CharClass
{
	SPACE,
	LETTER,
	NUMBER,
	OTHER
} CharClass;

static CharClass
class_of(uint32_t code)
{
	if (code < 0x80)
	{
		if ((code | 0x20) >= 'a' && (code | 0x20) <= 'z')
			return LETTER;
		if (code >= '0' && code <= '9')
			return NUMBER;
		return uiml_unicode_space(code) ? SPACE : OTHER;
	}
	if (uiml_unicode_space(code))
		return SPACE;
	switch (utf8proc_category((utf8proc_int32_t) code))
	{
		case UTF8PROC_CATEGORY_LU:
		case UTF8PROC_CATEGORY_LL:
		case UTF8PROC_CATEGORY_LT:
		case UTF8PROC_CATEGORY_LM:
		case UTF8PROC_CATEGORY_LO:
			return LETTER;
		case UTF8PROC_CATEGORY_ND:
		case UTF8PROC_CATEGORY_NL:
		case UTF8PROC_CATEGORY_NO:
			return NUMBER;
		default:
			return OTHER;
	}
}

/* ---------- cutting ---------- */

typedef struct Cutter
{
	UimlTokenizing *run;
	const char *text;
	size_t length;
	bool spaced; /* a space is meant to be before what comes next */
} Cutter;

/* Bytes of one of the endings that the expression begins with, 0 for none. */
static size_t
contraction(const char *text, size_t length)
{
	if (length < 2 || text[0] != '\'')
		return 0;
	if (strchr("stmd", text[1]) != NULL && text[1] != '\0')
		return 2;
	if (length >= 3 &&
		(memcmp(text + 1, "re", 2) == 0 || memcmp(text + 1, "ve", 2) == 0 || memcmp(text + 1, "ll", 2) == 0))
		return 3;
	return 0;
}

/* Moves *at behind the characters of a class that follow; *last: where the last one began, *n: how many. */
static UimlStatus
skip_class(const Cutter *c, CharClass class, size_t *at, size_t *last, size_t *n)
{
	*n = 0;
	while (*at < c->length)
	{
		size_t next = *at;

		if (class_of(uiml_utf8_next(c->text, c->length, &next)) != class)
			break;
		if (uiml_tokenizing_worked(c->run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
		*last = *at;
		*at = next;
		++*n;
	}
	return UIML_OK;
}

/* Moves *at behind the match that begins there. */
static UimlStatus
cut_match(const Cutter *c, size_t *at)
{
	bool space = !c->spaced && c->text[*at] == ' ';
	size_t body = *at + space;
	size_t last = *at;
	UimlStatus status;
	size_t n;

	if (!c->spaced)
	{
		size_t ending = contraction(c->text + *at, c->length - *at);

		*at += ending;
		if (ending > 0)
			return UIML_OK;
	}
	if (body < c->length)
	{
		size_t next = body;
		CharClass class = class_of(uiml_utf8_next(c->text, c->length, &next));

		if (class != SPACE)
		{
			*at = body;
			return skip_class(c, class, at, &last, &n);
		}
	}
	status = skip_class(c, SPACE, at, &last, &n);
	if (*at < c->length && n + c->spaced > 1)
		*at = last;
	return status;
}

/* ---------- bytes as characters ---------- */

/* The character that stands for a byte. */
static uint32_t
character_of(unsigned char byte)
{
	if (byte <= 0x20)
		return 0x100 + (uint32_t) byte;
	if (byte >= 0x7F && byte <= 0xA0)
		return 0x121 + (uint32_t) (byte - 0x7F);
	return byte == 0xAD ? 0x143 : byte;
}

/* Visits the characters of a stretch of the text. */
static UimlStatus
visit_bytes(const Cutter *c, size_t begin, size_t end, bool at_start, UimlBuffer *out, UimlPieceVisit visit,
			void *ctx)
{
	UimlStatus status;

	out->length = 0;
	status = uiml_buffer_reserve(c->run->env, out, 2 * (end - begin + 1));
	if (status != UIML_OK)
		return status;
	if (c->spaced)
		out->length += uiml_utf8_put(out->bytes, character_of(' '));
	for (size_t i = begin; i < end; i++)
	{
		out->length += uiml_utf8_put(out->bytes + out->length, character_of((unsigned char) c->text[i]));
		if (uiml_tokenizing_worked(c->run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
	}
	return visit(ctx, (const char *) out->bytes, out->length, at_start);
}

static UimlStatus
visit_matches(Cutter *c, bool cuts, bool at_start, UimlBuffer *out, UimlPieceVisit visit, void *ctx)
{
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (at < c->length && status == UIML_OK)
	{
		size_t begin = at;

		if (cuts)
			status = cut_match(c, &at);
		else
			at = c->length;
		if (status == UIML_OK)
			status = visit_bytes(c, begin, at, at_start && begin == 0, out, visit, ctx);
		c->spaced = false;
	}
	return status;
}

static UimlStatus
run_byte_level(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length, bool at_start,
			   UimlPieceVisit visit, void *ctx)
{
	bool prefix = encoder_load32(step->bytes + AT_PREFIX_SPACE) != 0;
	Cutter c = {.run = run, .text = piece, .length = length, .spaced = prefix && piece[0] != ' '};
	UimlBuffer out = run->piece; /* as Metaspace's: what follows may need one too */
	UimlStatus status;

	run->piece = (UimlBuffer){0};
	status = visit_matches(&c, encoder_load32(step->bytes + AT_REGEX) != 0, at_start, &out, visit, ctx);
	uiml_buffer_free(run->env, &run->piece);
	run->piece = out;
	return status;
}

/* ---------- compiling ---------- */

static UimlStatus
compile_byte_level(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	unsigned char bytes[STEP_SIZE];
	bool prefix_space;
	bool regex;
	UimlStatus status =
		uiml_json_boolean(object, "ByteLevel", "add_prefix_space", true, &prefix_space, fault);

	if (status == UIML_OK)
		status = uiml_json_boolean(object, "ByteLevel", "use_regex", true, &regex, fault);
	if (status != UIML_OK)
		return status;
	encoder_store32(bytes + AT_PREFIX_SPACE, prefix_space);
	encoder_store32(bytes + AT_REGEX, regex);
	return uiml_steps_append(env, steps, UIML_PRE_TOKENIZER_BYTE_LEVEL, bytes, sizeof(bytes));
}

static bool
check_byte_level(const UimlStep *step)
{
	return step->size == STEP_SIZE;
}

const UimlPreTokenizer uiml_pre_tokenizer_byte_level = {.kind = UIML_PRE_TOKENIZER_BYTE_LEVEL,
														.type = "ByteLevel",
														.compile = compile_byte_level,
														.check = check_byte_level,
														.run = run_byte_level};
