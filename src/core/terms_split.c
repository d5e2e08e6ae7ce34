/*
 * terms_split.c
 *	  Text into terms.
 *
 * Code points are compatibility-decomposed, case-folded and composed again (NFKC_Casefold but for what it
 * drops), so full-width letters, ligatures and decomposed accents all meet their plain forms.  Then a code
 * point extends the current word, extends the current run of a script without spaces, or separates.
 *
 * Chinese function characters (such as the particle DE) separate too: they hardly ever belong to a word that
 * names a topic, and pairs across them are never words.
 *
 * utf8proc 2.x tells categories but not scripts, so scripts without spaces are told by code point ranges.
 */
#include <string.h>
#include <utf8proc.h>

#include "core/terms_split.h"

/* Bytes between two questions after interruption. */
#define CHECK_BYTES 65536

#define UNIT_BYTES     20 /* one character and its marks; marks beyond that are dropped */
#define MAX_DECOMPOSED 32 /* the longest decomposition of a code point has 18 */

typedef enum CharClass
{
	CHAR_SEPARATOR,
	CHAR_IGNORED, /* soft hyphen, joiners, byte order mark: invisible inside a word */
	CHAR_LETTER,
	CHAR_MARK,
	CHAR_DIGIT
} CharClass;

/* Scripts written without spaces; SPACED is all others. */
typedef enum Script
{
	SPACED,
	HAN,
	HIRAGANA,
	KATAKANA,
	THAI,
	LAO,
	KHMER
} Script;

/* A character of a script without spaces, with its marks. */
typedef struct Unit
{
	char bytes[UNIT_BYTES];
	size_t length;
	utf8proc_int32_t last; /* its last code point, for composing marks */
	size_t last_at;        /* where that starts */
} Unit;

typedef struct Splitter
{
	UimlTermVisit visit;
	void *ctx;
	UimlStatus status;

	/* The current word; nothing when word_length is 0. */
	char word[UIML_TERM_MAX_LENGTH];
	size_t word_length;
	size_t word_letters; /* without marks and digits */
	size_t word_digits;
	utf8proc_int32_t word_last; /* last code point and where it starts, for composing marks */
	size_t word_last_at;
	bool word_too_long;
	bool ends_with_letter;
	char joiner; /* hyphen or apostrophe that waits for a letter, or 0 */

	/* The current run: its last up to three characters, the newest in unit[(run_length - 1) % 3]. */
	Unit unit[3];
	size_t run_length;
	Script run_script;
	bool run_isolated; /* began after a separator */
	bool run_content;  /* its last pair but the newest was no function word */
	bool touching;     /* the last thing seen was no separator */
} Splitter;

/*
 * Function words, in byte order: English ones, Romance articles, titles and Roman numerals that film and book
 * titles are full of, and Chinese ones of two characters.
 */
static const char *const stop_words[] = {
	"about",    "above",   "after",      "again",   "against",   "all",     "also",    "am",      "an",
	"and",      "any",     "are",        "aren't",  "as",        "at",      "be",      "because", "been",
	"before",   "being",   "below",      "between", "both",      "but",     "by",      "can",     "can't",
	"cannot",   "could",   "couldn't",   "de",      "des",       "di",      "did",     "didn't",  "do",
	"does",     "doesn't", "doing",      "don't",   "down",      "du",      "during",  "each",    "el",
	"else",     "few",     "for",        "from",    "further",   "had",     "has",     "hasn't",  "have",
	"haven't",  "having",  "he",         "her",     "here",      "hers",    "herself", "him",     "himself",
	"his",      "how",     "i'd",        "i'll",    "i'm",       "i've",    "if",      "ii",      "iii",
	"il",       "in",      "into",       "is",      "isn't",     "it",      "it's",    "its",     "itself",
	"iv",       "ix",      "just",       "la",      "las",       "le",      "les",     "like",    "los",
	"me",       "more",    "most",       "mr",      "mrs",       "my",      "myself",  "no",      "nor",
	"not",      "now",     "of",         "off",     "on",        "once",    "one",     "only",    "onto",
	"or",       "other",   "our",        "ours",    "ourselves", "out",     "over",    "own",     "same",
	"she",      "should",  "so",         "some",    "such",      "than",    "that",    "the",     "their",
	"theirs",   "them",    "themselves", "then",    "there",     "these",   "they",    "they're", "this",
	"those",    "through", "to",         "too",     "una",       "under",   "une",     "until",   "up",
	"upon",     "us",      "very",       "vi",      "via",       "vii",     "viii",    "vs",      "was",
	"wasn't",   "we",      "we're",      "we've",   "were",      "weren't", "what",    "when",    "where",
	"which",    "while",   "who",        "whom",    "whose",     "why",     "will",    "with",    "within",
	"without",  "won't",   "would",      "yet",     "you",       "you're",  "you've",  "your",    "yours",
	"yourself", "一下",    "一个",       "一些",    "一次",      "一种",    "一辆",    "不会",    "不是",
	"不能",     "不要",    "为何",       "但是",    "只有",      "可以",    "可能",    "因为",    "多少",
	"如何",     "如果",    "就是",       "已经",    "应该",      "或者",    "所以",    "没有",    "知道",
	"而且",     "自己",    "觉得",       "认为",    "还是",      "还有"};

/*
 * Chinese particles, pronouns, copulas and characters of question words, ascending:
 * 么 也 了 什 他 们 你 吗 吧 呀 呢 哪 啊 嘛 在 她 它 很 怎 您 我 把 是 的 被 谁 这 那
 */
static const utf8proc_int32_t stop_characters[] = {0x4E48, 0x4E5F, 0x4E86, 0x4EC0, 0x4ED6, 0x4EEC, 0x4F60,
												   0x5417, 0x5427, 0x5440, 0x5462, 0x54EA, 0x554A, 0x561B,
												   0x5728, 0x5979, 0x5B83, 0x5F88, 0x600E, 0x60A8, 0x6211,
												   0x628A, 0x662F, 0x7684, 0x88AB, 0x8C01, 0x8FD9, 0x90A3};

static bool
is_stop_word(const char *word, size_t length)
{
	size_t low = 0;
	size_t high = sizeof(stop_words) / sizeof(stop_words[0]);

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		int order = strncmp(word, stop_words[middle], length);

		if (order == 0 && stop_words[middle][length] == '\0')
			return true;
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool
is_stop_character(utf8proc_int32_t c)
{
	for (size_t i = 0; i < sizeof(stop_characters) / sizeof(stop_characters[0]); i++)
	{
		if (stop_characters[i] == c)
			return true;
	}
	return false;
}

static Script
script_of(utf8proc_int32_t c)
{
	static const struct
	{
		utf8proc_int32_t first;
		utf8proc_int32_t last;
		Script script;
	} range[] = {
		{0x0E00, 0x0E7F, THAI},     {0x0E80, 0x0EFF, LAO},      {0x1780, 0x17FF, KHMER},
		{0x3005, 0x3007, HAN},      {0x3021, 0x3029, HAN},      {0x3038, 0x303B, HAN},
		{0x3041, 0x309F, HIRAGANA}, {0x30A0, 0x30FF, KATAKANA}, {0x31F0, 0x31FF, KATAKANA},
		{0x3400, 0x4DBF, HAN},      {0x4E00, 0x9FFF, HAN},      {0xF900, 0xFAFF, HAN},
		{0x20000, 0x323AF, HAN},
	};

	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]) && c >= range[i].first; i++)
	{
		if (c <= range[i].last)
			return range[i].script;
	}
	return SPACED;
}

static CharClass
class_of(utf8proc_int32_t c)
{
	switch (utf8proc_category(c))
	{
		case UTF8PROC_CATEGORY_LU:
		case UTF8PROC_CATEGORY_LL:
		case UTF8PROC_CATEGORY_LT:
		case UTF8PROC_CATEGORY_LM:
		case UTF8PROC_CATEGORY_LO:
			return CHAR_LETTER;
		case UTF8PROC_CATEGORY_MN:
		case UTF8PROC_CATEGORY_MC:
		case UTF8PROC_CATEGORY_ME:
			return CHAR_MARK;
		case UTF8PROC_CATEGORY_ND:
		case UTF8PROC_CATEGORY_NL:
		case UTF8PROC_CATEGORY_NO:
			/* The ideographic zero counts as a letter of its script. */
			return script_of(c) == HAN ? CHAR_LETTER : CHAR_DIGIT;
		case UTF8PROC_CATEGORY_CF:
			return CHAR_IGNORED;
		default:
			return CHAR_SEPARATOR;
	}
}

/* Visits a term; false for a function word. */
static bool
emit(Splitter *s, UimlTermKind kind, const char *term, size_t length)
{
	if (is_stop_word(term, length))
		return false;
	if (s->status == UIML_OK && length <= UIML_TERM_MAX_LENGTH)
		s->status = s->visit(s->ctx, kind, term, length);
	return true;
}

/* ---------- words ---------- */

static void
word_end(Splitter *s)
{
	size_t length = s->word_length;
	bool number = s->word_letters == 0;
	bool single = s->word_letters + s->word_digits < 2;

	/* "Ocean's" is about an ocean. */
	if (length > 2 && memcmp(s->word + length - 2, "'s", 2) == 0)
		length -= 2;
	if (!s->word_too_long && !single)
		emit(s, number ? UIML_TERM_NUMBER : UIML_TERM_WORD, s->word, length);
	s->word_length = s->word_letters = s->word_digits = 0;
	s->word_too_long = s->ends_with_letter = false;
	s->joiner = 0;
}

static void
word_append(Splitter *s, utf8proc_int32_t c)
{
	utf8proc_uint8_t bytes[4];
	size_t length = (size_t) utf8proc_encode_char(c, bytes);

	if (length > sizeof(s->word) - s->word_length)
	{
		s->word_too_long = true;
		return;
	}
	memcpy(s->word + s->word_length, bytes, length);
	s->word_last = c;
	s->word_last_at = s->word_length;
	s->word_length += length;
}

static void
word_add(Splitter *s, utf8proc_int32_t c, CharClass class)
{
	if (s->joiner != 0)
	{
		if (class == CHAR_LETTER)
			word_append(s, s->joiner);
		else
			word_end(s);
		s->joiner = 0;
	}
	word_append(s, c);
	s->word_letters += class == CHAR_LETTER;
	s->word_digits += class == CHAR_DIGIT;
	s->ends_with_letter = class == CHAR_LETTER;
}

/* ---------- runs of scripts without spaces ---------- */

/* Visits the last n characters of the run, the newest of which is complete by now, as one term. */
static bool
run_emit(Splitter *s, size_t n, UimlTermKind kind)
{
	char term[3 * UNIT_BYTES];
	size_t length = 0;

	for (size_t i = s->run_length - n; i < s->run_length; i++)
	{
		const Unit *unit = &s->unit[i % 3];

		memcpy(term + length, unit->bytes, unit->length);
		length += unit->length;
	}
	return emit(s, kind, term, length);
}

/* Called when no mark can follow the newest character any more.  No term grows across a function word. */
static void
run_emit_newest(Splitter *s)
{
	bool content;

	if (s->run_length < 2)
		return;
	content = run_emit(s, 2, UIML_TERM_PAIR);
	if (s->run_length >= 3 && content && s->run_content)
		run_emit(s, 3, UIML_TERM_TRIPLE);
	s->run_content = content;
}

/*
 * A single character is a term where separators stand on both sides.  Beside a digit it is a counter (3 +
 * "month"), beside a function character a rest.
 */
static void
run_end(Splitter *s, bool at_separator)
{
	if (s->run_length == 1 && s->run_isolated && at_separator)
		run_emit(s, 1, UIML_TERM_CHARACTER);
	else
		run_emit_newest(s);
	s->run_length = 0;
}

static void
run_add(Splitter *s, utf8proc_int32_t c, Script script)
{
	Unit *unit;

	if (s->run_length > 0 && s->run_script != script)
		run_end(s, false);
	if (s->run_length == 0)
	{
		s->run_script = script;
		s->run_isolated = !s->touching;
	}
	else
		run_emit_newest(s);
	unit = &s->unit[s->run_length++ % 3];
	unit->last = c;
	unit->last_at = 0;
	unit->length = (size_t) utf8proc_encode_char(c, (utf8proc_uint8_t *) unit->bytes);
}

/* ---------- marks ---------- */

/*
 * The code point that base and mark compose to, or 0.  Hangul vowels and finals compose as well, but are
 * letters to class_of.
 */
static utf8proc_int32_t
compose(utf8proc_int32_t base, utf8proc_int32_t mark)
{
	utf8proc_int32_t pair[3] = {base, mark, 0};

	if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) == 1)
		return pair[0];
	return 0;
}

static bool
is_hangul_vowel_or_final(utf8proc_int32_t c)
{
	return (c >= 0x1161 && c <= 0x1175) || (c >= 0x11A8 && c <= 0x11C2);
}

static void
run_add_mark(Splitter *s, utf8proc_int32_t mark)
{
	Unit *unit = &s->unit[(s->run_length - 1) % 3];
	utf8proc_int32_t composed = compose(unit->last, mark);
	utf8proc_uint8_t bytes[4];
	size_t length;

	if (composed != 0)
	{
		unit->length = unit->last_at;
		mark = composed;
	}
	length = (size_t) utf8proc_encode_char(mark, bytes);
	if (length > sizeof(unit->bytes) - unit->length)
		return;
	memcpy(unit->bytes + unit->length, bytes, length);
	unit->last = mark;
	unit->last_at = unit->length;
	unit->length += length;
}

static void
word_add_mark(Splitter *s, utf8proc_int32_t mark)
{
	utf8proc_int32_t composed = s->joiner == 0 && !s->word_too_long ? compose(s->word_last, mark) : 0;

	if (composed != 0)
	{
		s->word_length = s->word_last_at;
		mark = composed;
	}
	word_append(s, mark);
}

/* A mark belongs to what it follows; one that follows nothing is left out. */
static void
add_mark(Splitter *s, utf8proc_int32_t mark)
{
	if (s->run_length > 0)
		run_add_mark(s, mark);
	else if (s->word_length > 0)
		word_add_mark(s, mark);
}

/* ---------- code points ---------- */

static void
separate(Splitter *s)
{
	word_end(s);
	run_end(s, true);
	s->touching = false;
}

/* A code point that is folded and decomposed. */
static void
add_folded(Splitter *s, utf8proc_int32_t c)
{
	CharClass class = class_of(c);
	Script script;

	if (class == CHAR_IGNORED)
		return;
	if (class == CHAR_MARK || (is_hangul_vowel_or_final(c) && s->word_length > 0))
	{
		add_mark(s, c);
		return;
	}
	if (class == CHAR_SEPARATOR)
	{
		separate(s);
		return;
	}
	script = class == CHAR_LETTER ? script_of(c) : SPACED;
	if (script == SPACED)
	{
		run_end(s, false);
		word_add(s, c, class);
	}
	else
	{
		word_end(s);
		if (is_stop_character(c))
			run_end(s, false);
		else
			run_add(s, c, script);
	}
	s->touching = true;
}

/* Hyphens and apostrophes are kept between two letters. */
static void
add_joiner(Splitter *s, char joiner)
{
	if (s->ends_with_letter && s->joiner == 0)
		s->joiner = joiner;
	else
		separate(s);
}

static void
add_ascii(Splitter *s, char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char) (c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
	{
		if (s->run_length > 0)
			run_end(s, false);
		word_add(s, c, c <= '9' ? CHAR_DIGIT : CHAR_LETTER);
		s->touching = true;
	}
	else if (c == '-' || c == '\'')
		add_joiner(s, c);
	else
		separate(s);
}

static void
add_code_point(Splitter *s, utf8proc_int32_t c)
{
	utf8proc_int32_t folded[MAX_DECOMPOSED];
	utf8proc_ssize_t n;
	int boundclass = 0;

	if (c < 0x80)
		add_ascii(s, (char) c);
	else if (c == 0x2019 || c == 0x2010 || c == 0x2011)
		add_joiner(s, c == 0x2019 ? '\'' : '-');
	else if ((c >= 0x3041 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3))
	{
		/* Kana, unified ideographs and Hangul syllables: most text, and nothing to fold. */
		add_folded(s, c);
	}
	else if (class_of(c) == CHAR_SEPARATOR)
	{
		/* Before decomposition: a trademark sign is not the letters t and m. */
		separate(s);
	}
	else
	{
		n = utf8proc_decompose_char(c, folded, MAX_DECOMPOSED,
									UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD, &boundclass);
		for (utf8proc_ssize_t i = 0; i < n && i < MAX_DECOMPOSED; i++)
			add_folded(s, folded[i]);
	}
}

UimlStatus
uiml_terms_split(const UimlEnv *env, const char *text, size_t length, UimlTermVisit visit, void *ctx)
{
	Splitter s = {.visit = visit, .ctx = ctx, .status = UIML_OK};
	size_t at = 0;
	size_t checked = 0;

	while (at < length && s.status == UIML_OK)
	{
		size_t left = length - at < 4 ? length - at : 4;
		utf8proc_int32_t c;
		utf8proc_ssize_t used;

		/* a text may be long and have no term */
		if (at - checked >= CHECK_BYTES)
		{
			if (uiml_interrupted(env))
				return UIML_EINTERRUPTED;
			checked = at;
		}
		used = utf8proc_iterate((const utf8proc_uint8_t *) text + at, (utf8proc_ssize_t) left, &c);

		if (used > 0)
		{
			add_code_point(&s, c);
			at += (size_t) used;
		}
		else
		{
			separate(&s);
			at++;
		}
	}
	separate(&s);
	return s.status;
}
