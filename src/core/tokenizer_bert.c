/*
 * tokenizer_bert.c
 *	  BertNormalizer and BertPreTokenizer, one after the other or both at once.
 *
 * The normalizer is, in this order: clean_text (control characters, U+0000 and U+FFFD go, whitespace becomes
 * a space), spaces around Han characters, strip_accents (canonical decomposition, without the nonspacing
 * marks), lower case.  Each works on one character at a time but for the decomposition, which sorts marks
 * by their combining class: those that stay (spacing marks with a class, a rarity) wait in a buffer until a
 * character without a class comes.  So a text can be normalized as a stream, and where BertPreTokenizer follows,
 * it is cut into words on the way, and no more of a long text is read than is wanted of its ids.
 *
 * The pre-tokenizer drops whitespace and makes each punctuation character a piece of its own.
 */
#include "core/tokenizer_parts.h"

#define CLEAN   1u
#define CHINESE 2u
#define ACCENTS 4u
#define LOWER   8u

/* Bytes of a run of ASCII that are copied at a time. */
#define MAX_RUN ((size_t) 4096)

/*
 * What each ASCII character is: a letter or digit, punctuation, whitespace, a control character, or one that
 * is both of the last two.
 */
static const char ascii[] = "cccccccccssvvscc"
							"cccccccccccccccc"
							"sppppppppppppppp"
							"aaaaaaaaaapppppp"
							"paaaaaaaaaaaaaaa"
							"aaaaaaaaaaappppp"
							"paaaaaaaaaaaaaaa"
							"aaaaaaaaaaappppc";

/* A mark that waits to be sorted. */
typedef struct Mark
{
	uint32_t code;
	uint32_t class;
} Mark;

typedef struct Bert
{
	UimlTokenizing *run;
	uint32_t flags;
	UimlBuffer *out;      /* the normalized text; the current word where there is a visitor */
	UimlPieceVisit visit; /* NULL: not cut into words */
	void *ctx;
	UimlBuffer marks;
} Bert;

/* ---------- compiling ---------- */

UimlStatus
uiml_bert_append(const UimlEnv *env, UimlSteps *steps, bool clean, bool chinese, bool accents, bool lower)
{
	unsigned char bytes[4];

	encoder_store32(bytes, (clean ? CLEAN : 0) | (chinese ? CHINESE : 0) | (accents ? ACCENTS : 0) |
							   (lower ? LOWER : 0));
	return uiml_steps_append(env, steps, UIML_NORMALIZER_BERT, bytes, sizeof(bytes));
}

static UimlStatus
normalizer_compile(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const char *what = "BertNormalizer";
	bool clean;
	bool chinese;
	bool lower;
	bool accents;
	UimlStatus status = uiml_json_boolean(object, what, "clean_text", true, &clean, fault);

	if (status == UIML_OK)
		status = uiml_json_boolean(object, what, "handle_chinese_chars", true, &chinese, fault);
	if (status == UIML_OK)
		status = uiml_json_boolean(object, what, "lowercase", true, &lower, fault);

	/* null: as BERT itself does. */
	if (status == UIML_OK)
		status = uiml_json_boolean(object, what, "strip_accents", lower, &accents, fault);
	if (status != UIML_OK)
		return status;
	return uiml_bert_append(env, steps, clean, chinese, accents, lower);
}

static bool
normalizer_check(const UimlStep *step)
{
	return step->size == 4 && encoder_load32(step->bytes) <= (CLEAN | CHINESE | ACCENTS | LOWER);
}

static UimlStatus
pre_tokenizer_compile(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	(void) object;
	(void) fault;
	return uiml_steps_append(env, steps, UIML_PRE_TOKENIZER_BERT, NULL, 0);
}

static bool
pre_tokenizer_check(const UimlStep *step)
{
	return step->size == 0;
}

/* ---------- what comes out ---------- */

static UimlStatus
end_word(Bert *bert)
{
	size_t length = bert->out->length;

	bert->out->length = 0;
	return length > 0 ? bert->visit(bert->ctx, (const char *) bert->out->bytes, length, false) : UIML_OK;
}

static UimlStatus
append(Bert *bert, uint32_t code)
{
	UimlBuffer *out = bert->out;
	UimlStatus status = uiml_buffer_reserve(bert->run->env, out, 4);

	if (status != UIML_OK)
		return status;
	if (code < 0x80)
		out->bytes[out->length++] = (unsigned char) code;
	else
		out->length += uiml_utf8_put(out->bytes + out->length, code);
	return UIML_OK;
}

/* A character that is a word by itself. */
static UimlStatus
append_word(Bert *bert, uint32_t code)
{
	UimlStatus status = end_word(bert);

	if (status == UIML_OK)
		status = append(bert, code);
	return status == UIML_OK ? end_word(bert) : status;
}

/* A normalized character. */
static UimlStatus
put(Bert *bert, uint32_t code)
{
	if (bert->visit == NULL)
		return append(bert, code);
	if (uiml_unicode_space(code))
		return end_word(bert);
	if (uiml_unicode_punctuation(code))
		return append_word(bert, code);
	return append(bert, code);
}

/* ---------- one character ---------- */

static UimlStatus
put_lower(Bert *bert, uint32_t code)
{
	uint32_t lower[2];
	size_t n;
	UimlStatus status;

	if ((bert->flags & LOWER) == 0)
		return put(bert, code);
	n = uiml_unicode_lower(code, lower);
	status = put(bert, lower[0]);
	return status == UIML_OK && n > 1 ? put(bert, lower[1]) : status;
}

/* The marks that wait, in the order of their classes, equal ones as they came. */
static UimlStatus
put_marks(Bert *bert)
{
	size_t n = bert->marks.length / sizeof(Mark);
	size_t count[256] = {0};
	size_t before = 0;
	const Mark *mark = (const Mark *) (const void *) bert->marks.bytes;
	uint32_t *sorted;
	UimlStatus status = UIML_OK;

	bert->marks.length = 0;
	if (n == 1)
		return put_lower(bert, mark[0].code);
	sorted = uiml_alloc(bert->run->env, n, sizeof(uint32_t));
	if (sorted == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		count[mark[i].class]++;
	for (size_t class = 0; class < 256; class ++)
	{
		before += count[class];
		count[class] = before - count[class];
	}
	for (size_t i = 0; i < n; i++)
		sorted[count[mark[i].class]++] = mark[i].code;
	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		status = put_lower(bert, sorted[i]);
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(bert->run, 4);
	}
	uiml_free(bert->run->env, sorted);
	return status;
}

static UimlStatus
put_without_accents(Bert *bert, uint32_t code)
{
	uint32_t part[UIML_UNICODE_DECOMPOSED];
	size_t n = uiml_unicode_decompose(code, false, part);
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		Mark mark = {.code = part[i], .class = (uint32_t) uiml_unicode_combining_class(part[i]) & 0xFF};

		if (mark.class == 0 && bert->marks.length > 0)
			status = put_marks(bert);
		if (status != UIML_OK || uiml_unicode_nonspacing(mark.code))
			continue;
		if (mark.class == 0)
			status = put_lower(bert, mark.code);
		else
			status = uiml_buffer_append(bert->run->env, &bert->marks, &mark, sizeof(mark));
	}
	return status;
}

static bool
is_chinese(uint32_t code)
{
	return (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0x3400 && code <= 0x4DBF) ||
		   (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2B73F) ||
		   (code >= 0x2B740 && code <= 0x2B81F) || (code >= 0x2B920 && code <= 0x2CEAF) ||
		   (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x2F800 && code <= 0x2FA1F);
}

/* A character beyond ASCII. */
static UimlStatus
put_character(Bert *bert, uint32_t code)
{
	bool alone = (bert->flags & CHINESE) != 0 && is_chinese(code);
	bool ideograph;
	UimlStatus status = UIML_OK;

	if ((bert->flags & CLEAN) != 0)
	{
		if (code == 0xFFFD || uiml_unicode_other(code))
			return UIML_OK;
		if (uiml_unicode_space(code))
			code = ' ';
	}
	ideograph = code >= 0x3400 && code <= 0x9FFF;
	if (bert->marks.length > 0 && (alone || ideograph))
		status = put_marks(bert);
	if (status == UIML_OK && alone)
		status = put(bert, ' ');
	if (status != UIML_OK)
		return status;

	/* Unified ideographs are what they decompose into, and have no case. */
	if (ideograph)
		status = put(bert, code);
	else if ((bert->flags & ACCENTS) != 0)
		status = put_without_accents(bert, code);
	else
		status = put_lower(bert, code);
	return status == UIML_OK && alone ? put(bert, ' ') : status;
}

/* ---------- a text ---------- */

/* The end of the run of ASCII from at on that needs no thought but for lower case. */
static size_t
plain_end(const Bert *bert, const char *text, size_t at, size_t length)
{
	size_t end = length - at > MAX_RUN ? at + MAX_RUN : length;

	if (bert->visit != NULL)
	{
		while (at < end && (unsigned char) text[at] < 0x80 && ascii[(unsigned char) text[at]] == 'a')
			at++;
	}
	else
	{
		while (at < end && text[at] >= ' ' && text[at] < 0x7F)
			at++;
	}
	return at;
}

static UimlStatus
put_plain(Bert *bert, const char *text, size_t length)
{
	UimlStatus status = uiml_buffer_reserve(bert->run->env, bert->out, length);
	bool lower = (bert->flags & LOWER) != 0;
	unsigned char *to;

	if (status != UIML_OK)
		return status;
	to = bert->out->bytes + bert->out->length;
	for (size_t i = 0; i < length; i++)
		to[i] = (unsigned char) (lower && text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	bert->out->length += length;
	return UIML_OK;
}

/* What clean_text drops separates nothing, not even marks. */
static bool
is_dropped(unsigned char byte)
{
	return ascii[byte] == 'c' || ascii[byte] == 'v';
}

/* An ASCII character that is no plain one. */
static UimlStatus
put_ascii(Bert *bert, unsigned char byte)
{
	bool clean = (bert->flags & CLEAN) != 0;
	char class = ascii[byte];

	if (clean && is_dropped(byte))
		return UIML_OK;
	if (bert->visit == NULL)
		return append(bert, clean && class == 's' ? ' ' : byte);
	if (class == 's' || class == 'v')
		return end_word(bert);
	return class == 'p' ? append_word(bert, byte) : append(bert, byte);
}

static UimlStatus
put_text(Bert *bert, const char *text, size_t length)
{
	UimlStatus status = UIML_OK;

	for (size_t at = 0; at < length && status == UIML_OK;)
	{
		size_t start = at;

		if ((unsigned char) text[at] >= 0x80)
			status = put_character(bert, uiml_utf8_next(text, length, &at));
		else
		{
			bool dropped = (bert->flags & CLEAN) != 0 && is_dropped((unsigned char) text[at]);

			if (bert->marks.length > 0 && !dropped)
				status = put_marks(bert);
			at = plain_end(bert, text, at, length);
			if (status == UIML_OK && at > start)
				status = put_plain(bert, text + start, at - start);
			else if (status == UIML_OK)
				status = put_ascii(bert, (unsigned char) text[at++]);
		}
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(bert->run, at - start);
	}
	if (status == UIML_OK && bert->marks.length > 0)
		status = put_marks(bert);
	if (status == UIML_OK && bert->visit != NULL)
		status = end_word(bert);
	return status;
}

/* Whether a character with which a text begins is dropped. */
static bool
drops(uint32_t flags, uint32_t code)
{
	if (code < 0x80)
		return (flags & CLEAN) != 0 && is_dropped((unsigned char) code);
	return ((flags & CLEAN) != 0 && (code == 0xFFFD || uiml_unicode_other(code))) ||
		   ((flags & ACCENTS) != 0 && uiml_unicode_nonspacing(code));
}

static UimlStatus
normalizer_run(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	Bert bert = {.run = run, .flags = encoder_load32(step->bytes), .out = out};
	UimlStatus status = put_text(&bert, text, length);
	size_t at = 0;

	run->moved |= length > 0 && drops(bert.flags, uiml_utf8_next(text, length, &at));
	uiml_buffer_free(run->env, &bert.marks);
	return status;
}

UimlStatus
uiml_bert_words(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length,
				UimlPieceVisit visit, void *ctx)
{
	Bert bert = {.run = run,
				 .flags = encoder_load32(step->bytes),
				 .out = &run->normalized[0],
				 .visit = visit,
				 .ctx = ctx};
	UimlStatus status;

	run->normalized[0].length = 0;
	status = put_text(&bert, text, length);
	uiml_buffer_free(run->env, &bert.marks);
	return status;
}

/* ---------- the pre-tokenizer by itself ---------- */

static UimlStatus
pre_tokenizer_run(UimlTokenizing *run, const UimlStep *step, const char *piece, size_t length, bool at_start,
				  UimlPieceVisit visit, void *ctx)
{
	UimlStatus status = UIML_OK;
	size_t word = 0;

	(void) step;
	for (size_t at = 0; at < length && status == UIML_OK;)
	{
		size_t start = at;
		uint32_t code = uiml_utf8_next(piece, length, &at);
		bool space = uiml_unicode_space(code);

		if (space || uiml_unicode_punctuation(code))
		{
			if (start > word)
				status = visit(ctx, piece + word, start - word, at_start && word == 0);
			if (status == UIML_OK && !space)
				status = visit(ctx, piece + start, at - start, at_start && start == 0);
			word = at;
		}
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(run, at - start);
	}
	if (status == UIML_OK && length > word)
		status = visit(ctx, piece + word, length - word, at_start && word == 0);
	return status;
}

const UimlNormalizer uiml_normalizer_bert = {.kind = UIML_NORMALIZER_BERT,
											 .type = "BertNormalizer",
											 .compile = normalizer_compile,
											 .check = normalizer_check,
											 .run = normalizer_run};

const UimlPreTokenizer uiml_pre_tokenizer_bert = {.kind = UIML_PRE_TOKENIZER_BERT,
												  .type = "BertPreTokenizer",
												  .compile = pre_tokenizer_compile,
												  .check = pre_tokenizer_check,
												  .run = pre_tokenizer_run};
