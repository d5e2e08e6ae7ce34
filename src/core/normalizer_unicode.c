/*
 * normalizer_unicode.c
 *	  Normalizers over characters: NFC, NFD, NFKC and NFKD, Lowercase, StripAccents and Nmt.
 *
 * Text is decomposed, marks that follow one another are ordered by their combining class, and, for NFC and
 * NFKC, composed again: a mark composes with the last starter unless a mark between them has its class or a
 * higher one (Unicode Standard Annex 15).  All as of Unicode 9.0, as in the tokenizers library: see
 * core/tokenizer_unicode.c.  What is newer isn't decomposed there, so a composition counts only if its result
 * decomposes.
 *
 * The library's StripAccents removes all marks, also those with a width; the table is of Unicode 9.0 too.
 */
#include <utf8proc.h>

#include "core/tokenizer_parts.h"

/* General categories Mn, Mc and Me of UnicodeData-9.0.0.txt: 2,097 code points. */
static const struct
{
	uint32_t first;
	uint32_t last;
} marks[] = {
	{0x0300, 0x036F},   {0x0483, 0x0489},   {0x0591, 0x05BD},   {0x05BF, 0x05BF},   {0x05C1, 0x05C2},
	{0x05C4, 0x05C5},   {0x05C7, 0x05C7},   {0x0610, 0x061A},   {0x064B, 0x065F},   {0x0670, 0x0670},
	{0x06D6, 0x06DC},   {0x06DF, 0x06E4},   {0x06E7, 0x06E8},   {0x06EA, 0x06ED},   {0x0711, 0x0711},
	{0x0730, 0x074A},   {0x07A6, 0x07B0},   {0x07EB, 0x07F3},   {0x0816, 0x0819},   {0x081B, 0x0823},
	{0x0825, 0x0827},   {0x0829, 0x082D},   {0x0859, 0x085B},   {0x08D4, 0x08E1},   {0x08E3, 0x0903},
	{0x093A, 0x093C},   {0x093E, 0x094F},   {0x0951, 0x0957},   {0x0962, 0x0963},   {0x0981, 0x0983},
	{0x09BC, 0x09BC},   {0x09BE, 0x09C4},   {0x09C7, 0x09C8},   {0x09CB, 0x09CD},   {0x09D7, 0x09D7},
	{0x09E2, 0x09E3},   {0x0A01, 0x0A03},   {0x0A3C, 0x0A3C},   {0x0A3E, 0x0A42},   {0x0A47, 0x0A48},
	{0x0A4B, 0x0A4D},   {0x0A51, 0x0A51},   {0x0A70, 0x0A71},   {0x0A75, 0x0A75},   {0x0A81, 0x0A83},
	{0x0ABC, 0x0ABC},   {0x0ABE, 0x0AC5},   {0x0AC7, 0x0AC9},   {0x0ACB, 0x0ACD},   {0x0AE2, 0x0AE3},
	{0x0B01, 0x0B03},   {0x0B3C, 0x0B3C},   {0x0B3E, 0x0B44},   {0x0B47, 0x0B48},   {0x0B4B, 0x0B4D},
	{0x0B56, 0x0B57},   {0x0B62, 0x0B63},   {0x0B82, 0x0B82},   {0x0BBE, 0x0BC2},   {0x0BC6, 0x0BC8},
	{0x0BCA, 0x0BCD},   {0x0BD7, 0x0BD7},   {0x0C00, 0x0C03},   {0x0C3E, 0x0C44},   {0x0C46, 0x0C48},
	{0x0C4A, 0x0C4D},   {0x0C55, 0x0C56},   {0x0C62, 0x0C63},   {0x0C81, 0x0C83},   {0x0CBC, 0x0CBC},
	{0x0CBE, 0x0CC4},   {0x0CC6, 0x0CC8},   {0x0CCA, 0x0CCD},   {0x0CD5, 0x0CD6},   {0x0CE2, 0x0CE3},
	{0x0D01, 0x0D03},   {0x0D3E, 0x0D44},   {0x0D46, 0x0D48},   {0x0D4A, 0x0D4D},   {0x0D57, 0x0D57},
	{0x0D62, 0x0D63},   {0x0D82, 0x0D83},   {0x0DCA, 0x0DCA},   {0x0DCF, 0x0DD4},   {0x0DD6, 0x0DD6},
	{0x0DD8, 0x0DDF},   {0x0DF2, 0x0DF3},   {0x0E31, 0x0E31},   {0x0E34, 0x0E3A},   {0x0E47, 0x0E4E},
	{0x0EB1, 0x0EB1},   {0x0EB4, 0x0EB9},   {0x0EBB, 0x0EBC},   {0x0EC8, 0x0ECD},   {0x0F18, 0x0F19},
	{0x0F35, 0x0F35},   {0x0F37, 0x0F37},   {0x0F39, 0x0F39},   {0x0F3E, 0x0F3F},   {0x0F71, 0x0F84},
	{0x0F86, 0x0F87},   {0x0F8D, 0x0F97},   {0x0F99, 0x0FBC},   {0x0FC6, 0x0FC6},   {0x102B, 0x103E},
	{0x1056, 0x1059},   {0x105E, 0x1060},   {0x1062, 0x1064},   {0x1067, 0x106D},   {0x1071, 0x1074},
	{0x1082, 0x108D},   {0x108F, 0x108F},   {0x109A, 0x109D},   {0x135D, 0x135F},   {0x1712, 0x1714},
	{0x1732, 0x1734},   {0x1752, 0x1753},   {0x1772, 0x1773},   {0x17B4, 0x17D3},   {0x17DD, 0x17DD},
	{0x180B, 0x180D},   {0x1885, 0x1886},   {0x18A9, 0x18A9},   {0x1920, 0x192B},   {0x1930, 0x193B},
	{0x1A17, 0x1A1B},   {0x1A55, 0x1A5E},   {0x1A60, 0x1A7C},   {0x1A7F, 0x1A7F},   {0x1AB0, 0x1ABE},
	{0x1B00, 0x1B04},   {0x1B34, 0x1B44},   {0x1B6B, 0x1B73},   {0x1B80, 0x1B82},   {0x1BA1, 0x1BAD},
	{0x1BE6, 0x1BF3},   {0x1C24, 0x1C37},   {0x1CD0, 0x1CD2},   {0x1CD4, 0x1CE8},   {0x1CED, 0x1CED},
	{0x1CF2, 0x1CF4},   {0x1CF8, 0x1CF9},   {0x1DC0, 0x1DF5},   {0x1DFB, 0x1DFF},   {0x20D0, 0x20F0},
	{0x2CEF, 0x2CF1},   {0x2D7F, 0x2D7F},   {0x2DE0, 0x2DFF},   {0x302A, 0x302F},   {0x3099, 0x309A},
	{0xA66F, 0xA672},   {0xA674, 0xA67D},   {0xA69E, 0xA69F},   {0xA6F0, 0xA6F1},   {0xA802, 0xA802},
	{0xA806, 0xA806},   {0xA80B, 0xA80B},   {0xA823, 0xA827},   {0xA880, 0xA881},   {0xA8B4, 0xA8C5},
	{0xA8E0, 0xA8F1},   {0xA926, 0xA92D},   {0xA947, 0xA953},   {0xA980, 0xA983},   {0xA9B3, 0xA9C0},
	{0xA9E5, 0xA9E5},   {0xAA29, 0xAA36},   {0xAA43, 0xAA43},   {0xAA4C, 0xAA4D},   {0xAA7B, 0xAA7D},
	{0xAAB0, 0xAAB0},   {0xAAB2, 0xAAB4},   {0xAAB7, 0xAAB8},   {0xAABE, 0xAABF},   {0xAAC1, 0xAAC1},
	{0xAAEB, 0xAAEF},   {0xAAF5, 0xAAF6},   {0xABE3, 0xABEA},   {0xABEC, 0xABED},   {0xFB1E, 0xFB1E},
	{0xFE00, 0xFE0F},   {0xFE20, 0xFE2F},   {0x101FD, 0x101FD}, {0x102E0, 0x102E0}, {0x10376, 0x1037A},
	{0x10A01, 0x10A03}, {0x10A05, 0x10A06}, {0x10A0C, 0x10A0F}, {0x10A38, 0x10A3A}, {0x10A3F, 0x10A3F},
	{0x10AE5, 0x10AE6}, {0x11000, 0x11002}, {0x11038, 0x11046}, {0x1107F, 0x11082}, {0x110B0, 0x110BA},
	{0x11100, 0x11102}, {0x11127, 0x11134}, {0x11173, 0x11173}, {0x11180, 0x11182}, {0x111B3, 0x111C0},
	{0x111CA, 0x111CC}, {0x1122C, 0x11237}, {0x1123E, 0x1123E}, {0x112DF, 0x112EA}, {0x11300, 0x11303},
	{0x1133C, 0x1133C}, {0x1133E, 0x11344}, {0x11347, 0x11348}, {0x1134B, 0x1134D}, {0x11357, 0x11357},
	{0x11362, 0x11363}, {0x11366, 0x1136C}, {0x11370, 0x11374}, {0x11435, 0x11446}, {0x114B0, 0x114C3},
	{0x115AF, 0x115B5}, {0x115B8, 0x115C0}, {0x115DC, 0x115DD}, {0x11630, 0x11640}, {0x116AB, 0x116B7},
	{0x1171D, 0x1172B}, {0x11C2F, 0x11C36}, {0x11C38, 0x11C3F}, {0x11C92, 0x11CA7}, {0x11CA9, 0x11CB6},
	{0x16AF0, 0x16AF4}, {0x16B30, 0x16B36}, {0x16F51, 0x16F7E}, {0x16F8F, 0x16F92}, {0x1BC9D, 0x1BC9E},
	{0x1D165, 0x1D169}, {0x1D16D, 0x1D172}, {0x1D17B, 0x1D182}, {0x1D185, 0x1D18B}, {0x1D1AA, 0x1D1AD},
	{0x1D242, 0x1D244}, {0x1DA00, 0x1DA36}, {0x1DA3B, 0x1DA6C}, {0x1DA75, 0x1DA75}, {0x1DA84, 0x1DA84},
	{0x1DA9B, 0x1DA9F}, {0x1DAA1, 0x1DAAF}, {0x1E000, 0x1E006}, {0x1E008, 0x1E018}, {0x1E01B, 0x1E021},
	{0x1E023, 0x1E024}, {0x1E026, 0x1E02A}, {0x1E8D0, 0x1E8D6}, {0x1E944, 0x1E94A}, {0xE0100, 0xE01EF}};

/* A code point and its combining class, in one number: what is sorted is compared by class. */
#define WITH_CLASS(code, class) ((uint32_t) (class) << 24 | (code))
#define CODE_OF(item)           ((item) &0x1FFFFF)
#define CLASS_OF(item)          ((item) >> 24)

/* More marks than this are sorted by counting: nothing that is written has them, but a text may. */
#define FEW_MARKS 32

/* ---------- composing ---------- */

typedef struct Composer
{
	UimlTokenizing *run;
	bool compatibility;
	bool compose;
	UimlBuffer *out;
	UimlBuffer marks; /* uint32 items: marks that were decomposed and wait for their order */
	UimlBuffer kept;  /* bytes of what follows the starter and didn't compose with it */
	bool has_starter;
	uint32_t starter;
	uint32_t last_class; /* of what was kept last; 0: nothing was kept */
} Composer;

static UimlStatus
append_code(const Composer *c, UimlBuffer *buffer, uint32_t code)
{
	unsigned char bytes[4];

	return uiml_buffer_append(c->run->env, buffer, bytes, uiml_utf8_put(bytes, code));
}

/* The code point that two compose to, or 0. */
static uint32_t
composed(uint32_t first, uint32_t second)
{
	utf8proc_int32_t pair[3] = {(utf8proc_int32_t) first, (utf8proc_int32_t) second, 0};
	uint32_t parts[UIML_UNICODE_DECOMPOSED];

	/* Nothing below composes with what comes before. */
	if (second < 0x300 || utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) != 1 ||
		uiml_unicode_decompose((uint32_t) pair[0], false, parts) < 2)
		return 0;
	return (uint32_t) pair[0];
}

/* Writes the starter and what was kept after it. */
static UimlStatus
composer_flush(Composer *c)
{
	UimlStatus status = UIML_OK;

	if (c->has_starter)
		status = append_code(c, c->out, c->starter);
	if (status == UIML_OK && c->kept.length > 0)
		status = uiml_buffer_append(c->run->env, c->out, c->kept.bytes, c->kept.length);
	c->kept.length = 0;
	c->has_starter = false;
	c->last_class = 0;
	return status;
}

/* The next code point in canonical order. */
static UimlStatus
composer_add(Composer *c, uint32_t code, uint32_t class)
{
	UimlStatus status;

	if (!c->compose || (!c->has_starter && class != 0))
		return append_code(c, c->out, code);
	if (c->has_starter && (c->last_class == 0 || c->last_class < class))
	{
		uint32_t both = composed(c->starter, code);

		if (both != 0)
		{
			c->starter = both;
			return UIML_OK;
		}
	}
	if (class != 0)
	{
		c->last_class = class;
		return append_code(c, &c->kept, code);
	}
	status = composer_flush(c);
	c->has_starter = true;
	c->starter = code;
	return status;
}

/* ---------- canonical order ---------- */

static void
sort_few(uint32_t *item, size_t n)
{
	for (size_t i = 1; i < n; i++)
	{
		uint32_t moved = item[i];
		size_t j = i;

		for (; j > 0 && CLASS_OF(item[j - 1]) > CLASS_OF(moved); j--)
			item[j] = item[j - 1];
		item[j] = moved;
	}
}

/* Stable as the other one. */
static UimlStatus
sort_many(const UimlEnv *env, uint32_t *item, size_t n)
{
	size_t place[257] = {0};
	uint32_t *sorted = uiml_alloc(env, n, sizeof(*sorted));

	if (sorted == NULL)
		return UIML_ENOMEM;
	for (size_t i = 0; i < n; i++)
		place[CLASS_OF(item[i]) + 1]++;
	for (size_t class = 1; class < 257; class ++)
		place[class] += place[class - 1];
	for (size_t i = 0; i < n; i++)
		sorted[place[CLASS_OF(item[i])]++] = item[i];
	memcpy(item, sorted, n * sizeof(*item));
	uiml_free(env, sorted);
	return UIML_OK;
}

/* Passes on the marks that wait, in their order. */
static UimlStatus
order_marks(Composer *c)
{
	uint32_t *item = (uint32_t *) c->marks.bytes;
	size_t n = c->marks.length / sizeof(uint32_t);
	UimlStatus status = UIML_OK;

	if (n <= FEW_MARKS)
		sort_few(item, n);
	else
		status = sort_many(c->run->env, item, n);
	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		status = composer_add(c, CODE_OF(item[i]), CLASS_OF(item[i]));
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(c->run, 1);
	}
	c->marks.length = 0;
	return status;
}

/* A code point of the text. */
static UimlStatus
composer_decompose(Composer *c, uint32_t code)
{
	uint32_t part[UIML_UNICODE_DECOMPOSED];
	size_t n = uiml_unicode_decompose(code, c->compatibility, part);
	UimlStatus status = UIML_OK;

	for (size_t i = 0; i < n && status == UIML_OK; i++)
	{
		uint32_t class = (uint32_t) uiml_unicode_combining_class(part[i]);
		uint32_t item = WITH_CLASS(part[i], class);

		if (class != 0)
		{
			status = uiml_buffer_append(c->run->env, &c->marks, &item, sizeof(item));
			continue;
		}
		if (c->marks.length > 0)
			status = order_marks(c);
		if (status == UIML_OK)
			status = composer_add(c, part[i], 0);
	}
	return status;
}

/* Bytes from a position on that are ASCII and followed by ASCII or the end: no normal form changes them. */
static size_t
plain_length(const char *text, size_t length, size_t at)
{
	size_t end = at;

	while (end < length && (unsigned char) text[end] < 0x80 && end - at < UIML_TOKENIZING_WORK)
		end++;
	return end - at - (end > at && end < length);
}

static UimlStatus
normalize(Composer *c, const char *text, size_t length)
{
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (at < length && status == UIML_OK)
	{
		size_t plain = plain_length(text, length, at);
		size_t begin = at;

		if (plain > 0)
		{
			if (c->marks.length > 0)
				status = order_marks(c);
			if (status == UIML_OK)
				status = composer_flush(c);
			if (status == UIML_OK)
				status = uiml_buffer_append(c->run->env, c->out, text + at, plain);
			at += plain;
		}
		else
			status = composer_decompose(c, uiml_utf8_next(text, length, &at));
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(c->run, at - begin);
	}
	if (status == UIML_OK && c->marks.length > 0)
		status = order_marks(c);
	return status == UIML_OK ? composer_flush(c) : status;
}

/* ---------- the steps ---------- */

/* Of steps that keep nothing but their kind. */
static UimlStatus
compile_kind(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const UimlNormalizer *normalizer = type != NULL ? uiml_normalizer_named(type) : NULL;

	if (normalizer == NULL)
		return uiml_fault(fault, "A normalizer has no type.");
	return uiml_steps_append(env, steps, normalizer->kind, NULL, 0);
}

static bool
check_kind(const UimlStep *step)
{
	return step->size == 0;
}

static UimlStatus
run_form(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	Composer c = {.run = run, .out = out};
	UimlStatus status;

	c.compatibility = step->kind == UIML_NORMALIZER_NFKC || step->kind == UIML_NORMALIZER_NFKD;
	c.compose = step->kind == UIML_NORMALIZER_NFC || step->kind == UIML_NORMALIZER_NFKC;
	status = normalize(&c, text, length);
	uiml_buffer_free(run->env, &c.marks);
	uiml_buffer_free(run->env, &c.kept);
	return status;
}

const UimlNormalizer uiml_normalizer_nfc = {.kind = UIML_NORMALIZER_NFC,
											.type = "NFC",
											.compile = compile_kind,
											.check = check_kind,
											.run = run_form};

const UimlNormalizer uiml_normalizer_nfd = {.kind = UIML_NORMALIZER_NFD,
											.type = "NFD",
											.compile = compile_kind,
											.check = check_kind,
											.run = run_form};

const UimlNormalizer uiml_normalizer_nfkc = {.kind = UIML_NORMALIZER_NFKC,
											 .type = "NFKC",
											 .compile = compile_kind,
											 .check = check_kind,
											 .run = run_form};

const UimlNormalizer uiml_normalizer_nfkd = {.kind = UIML_NORMALIZER_NFKD,
											 .type = "NFKD",
											 .compile = compile_kind,
											 .check = check_kind,
											 .run = run_form};

/* ---------- characters one by one ---------- */

/* Bytes between two reservations of room. */
#define CHUNK 1024

/* ---------- characters one by one ---------- */

/* What a character becomes: returns how many code points, two at the most. */
typedef size_t (*MapCharacter)(uint32_t code, uint32_t mapped[2]);

static UimlStatus
map_characters(UimlTokenizing *run, const char *text, size_t length, UimlBuffer *out, MapCharacter map)
{
	size_t at = 0;

	while (at < length)
	{
		size_t begin = at;
		size_t end = length - at < CHUNK ? length : at + CHUNK;
		UimlStatus status = uiml_buffer_reserve(run->env, out, 8 * (end - at));

		if (status != UIML_OK)
			return status;
		while (at < end)
		{
			uint32_t mapped[2];
			size_t n = map(uiml_utf8_next(text, length, &at), mapped);

			run->moved |= n == 0 && out->length == 0;
			for (size_t i = 0; i < n; i++)
				out->length += uiml_utf8_put(out->bytes + out->length, mapped[i]);
		}
		status = uiml_tokenizing_worked(run, at - begin);
		if (status != UIML_OK)
			return status;
	}
	return UIML_OK;
}

static size_t
map_lowercase(uint32_t code, uint32_t mapped[2])
{
	if (code < 0x80)
	{
		mapped[0] = code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
		return 1;
	}
	return uiml_unicode_lower(code, mapped);
}

/* What the library calls Nmt: some controls go, other spaces and invisible characters become a space. */
static size_t
map_nmt(uint32_t code, uint32_t mapped[2])
{
	mapped[0] = code;
	if ((code >= 0x01 && code <= 0x08) || code == 0x0B || (code >= 0x0E && code <= 0x1F) || code == 0x7F ||
		code == 0x8F || code == 0x9F)
		return 0;
	if (code == '\t' || code == '\n' || code == '\f' || code == '\r' || code == 0x1680 ||
		(code >= 0x200B && code <= 0x200F) || code == 0x2028 || code == 0x2029 || code == 0x2581 ||
		code == 0xFEFF || code == 0xFFFD)
		mapped[0] = ' ';
	return 1;
}

static bool
is_mark(uint32_t code)
{
	size_t low = 0;
	size_t high = sizeof(marks) / sizeof(marks[0]);

	if (code < marks[0].first)
		return false;
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (marks[middle].last < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof(marks) / sizeof(marks[0]) && code >= marks[low].first;
}

static size_t
map_accents(uint32_t code, uint32_t mapped[2])
{
	mapped[0] = code;
	return !is_mark(code);
}

static UimlStatus
run_characters(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	if (step->kind == UIML_NORMALIZER_LOWERCASE)
		return map_characters(run, text, length, out, map_lowercase);
	if (step->kind == UIML_NORMALIZER_NMT)
		return map_characters(run, text, length, out, map_nmt);
	return map_characters(run, text, length, out, map_accents);
}

const UimlNormalizer uiml_normalizer_lowercase = {.kind = UIML_NORMALIZER_LOWERCASE,
												  .type = "Lowercase",
												  .compile = compile_kind,
												  .check = check_kind,
												  .run = run_characters};

const UimlNormalizer uiml_normalizer_nmt = {.kind = UIML_NORMALIZER_NMT,
											.type = "Nmt",
											.compile = compile_kind,
											.check = check_kind,
											.run = run_characters};

const UimlNormalizer uiml_normalizer_accents = {.kind = UIML_NORMALIZER_ACCENTS,
												.type = "StripAccents",
												.compile = compile_kind,
												.check = check_kind,
												.run = run_characters};
