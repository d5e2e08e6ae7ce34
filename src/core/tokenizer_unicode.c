/*
 * tokenizer_unicode.c
 *	  Characters as the tokenizers library sees them, whatever version of Unicode utf8proc has.
 *
 * The library takes categories from the crate unicode_categories 0.1.1, which is of Unicode 8.0, and
 * normalization from unicode-normalization-alignments 0.1.12, of Unicode 9.0; models were trained so.  Ids that
 * change with an update of the operating system would silently move every stored vector, so categories are a
 * table here (444 ranges of UnicodeData-8.0.0.txt, and ASCII's punctuation), and code points that Unicode
 * began to normalize after 9.0 are told by range and left as they are; what Unicode normalizes once it
 * normalizes for ever, so all others may come from utf8proc.  Code points that 8.0 hadn't assigned are in none
 * of the classes: clean_text keeps them, and punctuation among them is part of words.
 *
 * Lower case and \w are those of the Rust compiler and of the crate regex, which follow the newest Unicode;
 * here they are of utf8proc's.  That differs for letters that are newer than the models' vocabularies.
 */
#include <utf8proc.h>

#include "core/tokenizer_parts.h"

typedef enum CharClass
{
	NONE,
	O, /* other: control, format, private use */
	P, /* punctuation */
	N  /* nonspacing mark */
} CharClass;

/* more: how many code points follow the first. */
typedef struct ClassRange
{
	uint32_t first;
	uint16_t more;
	uint16_t class;
} ClassRange;

static const ClassRange class_ranges[] = {
	{0x0000, 31, O},  {0x0021, 14, P},   {0x003A, 6, P},      {0x005B, 5, P},       {0x007B, 3, P},
	{0x007F, 32, O},  {0x00A1, 0, P},    {0x00A7, 0, P},      {0x00AB, 0, P},       {0x00AD, 0, O},
	{0x00B6, 1, P},   {0x00BB, 0, P},    {0x00BF, 0, P},      {0x0300, 111, N},     {0x037E, 0, P},
	{0x0387, 0, P},   {0x0483, 4, N},    {0x055A, 5, P},      {0x0589, 1, P},       {0x0591, 44, N},
	{0x05BE, 0, P},   {0x05BF, 0, N},    {0x05C0, 0, P},      {0x05C1, 1, N},       {0x05C3, 0, P},
	{0x05C4, 1, N},   {0x05C6, 0, P},    {0x05C7, 0, N},      {0x05F3, 1, P},       {0x0600, 5, O},
	{0x0609, 1, P},   {0x060C, 1, P},    {0x0610, 10, N},     {0x061B, 0, P},       {0x061C, 0, O},
	{0x061E, 1, P},   {0x064B, 20, N},   {0x066A, 3, P},      {0x0670, 0, N},       {0x06D4, 0, P},
	{0x06D6, 6, N},   {0x06DD, 0, O},    {0x06DF, 5, N},      {0x06E7, 1, N},       {0x06EA, 3, N},
	{0x0700, 13, P},  {0x070F, 0, O},    {0x0711, 0, N},      {0x0730, 26, N},      {0x07A6, 10, N},
	{0x07EB, 8, N},   {0x07F7, 2, P},    {0x0816, 3, N},      {0x081B, 8, N},       {0x0825, 2, N},
	{0x0829, 4, N},   {0x0830, 14, P},   {0x0859, 2, N},      {0x085E, 0, P},       {0x08E3, 31, N},
	{0x093A, 0, N},   {0x093C, 0, N},    {0x0941, 7, N},      {0x094D, 0, N},       {0x0951, 6, N},
	{0x0962, 1, N},   {0x0964, 1, P},    {0x0970, 0, P},      {0x0981, 0, N},       {0x09BC, 0, N},
	{0x09C1, 3, N},   {0x09CD, 0, N},    {0x09E2, 1, N},      {0x0A01, 1, N},       {0x0A3C, 0, N},
	{0x0A41, 1, N},   {0x0A47, 1, N},    {0x0A4B, 2, N},      {0x0A51, 0, N},       {0x0A70, 1, N},
	{0x0A75, 0, N},   {0x0A81, 1, N},    {0x0ABC, 0, N},      {0x0AC1, 4, N},       {0x0AC7, 1, N},
	{0x0ACD, 0, N},   {0x0AE2, 1, N},    {0x0AF0, 0, P},      {0x0B01, 0, N},       {0x0B3C, 0, N},
	{0x0B3F, 0, N},   {0x0B41, 3, N},    {0x0B4D, 0, N},      {0x0B56, 0, N},       {0x0B62, 1, N},
	{0x0B82, 0, N},   {0x0BC0, 0, N},    {0x0BCD, 0, N},      {0x0C00, 0, N},       {0x0C3E, 2, N},
	{0x0C46, 2, N},   {0x0C4A, 3, N},    {0x0C55, 1, N},      {0x0C62, 1, N},       {0x0C81, 0, N},
	{0x0CBC, 0, N},   {0x0CBF, 0, N},    {0x0CC6, 0, N},      {0x0CCC, 1, N},       {0x0CE2, 1, N},
	{0x0D01, 0, N},   {0x0D41, 3, N},    {0x0D4D, 0, N},      {0x0D62, 1, N},       {0x0DCA, 0, N},
	{0x0DD2, 2, N},   {0x0DD6, 0, N},    {0x0DF4, 0, P},      {0x0E31, 0, N},       {0x0E34, 6, N},
	{0x0E47, 7, N},   {0x0E4F, 0, P},    {0x0E5A, 1, P},      {0x0EB1, 0, N},       {0x0EB4, 5, N},
	{0x0EBB, 1, N},   {0x0EC8, 5, N},    {0x0F04, 14, P},     {0x0F14, 0, P},       {0x0F18, 1, N},
	{0x0F35, 0, N},   {0x0F37, 0, N},    {0x0F39, 0, N},      {0x0F3A, 3, P},       {0x0F71, 13, N},
	{0x0F80, 4, N},   {0x0F85, 0, P},    {0x0F86, 1, N},      {0x0F8D, 10, N},      {0x0F99, 35, N},
	{0x0FC6, 0, N},   {0x0FD0, 4, P},    {0x0FD9, 1, P},      {0x102D, 3, N},       {0x1032, 5, N},
	{0x1039, 1, N},   {0x103D, 1, N},    {0x104A, 5, P},      {0x1058, 1, N},       {0x105E, 2, N},
	{0x1071, 3, N},   {0x1082, 0, N},    {0x1085, 1, N},      {0x108D, 0, N},       {0x109D, 0, N},
	{0x10FB, 0, P},   {0x135D, 2, N},    {0x1360, 8, P},      {0x1400, 0, P},       {0x166D, 1, P},
	{0x169B, 1, P},   {0x16EB, 2, P},    {0x1712, 2, N},      {0x1732, 2, N},       {0x1735, 1, P},
	{0x1752, 1, N},   {0x1772, 1, N},    {0x17B4, 1, N},      {0x17B7, 6, N},       {0x17C6, 0, N},
	{0x17C9, 10, N},  {0x17D4, 2, P},    {0x17D8, 2, P},      {0x17DD, 0, N},       {0x1800, 10, P},
	{0x180B, 2, N},   {0x180E, 0, O},    {0x18A9, 0, N},      {0x1920, 2, N},       {0x1927, 1, N},
	{0x1932, 0, N},   {0x1939, 2, N},    {0x1944, 1, P},      {0x1A17, 1, N},       {0x1A1B, 0, N},
	{0x1A1E, 1, P},   {0x1A56, 0, N},    {0x1A58, 6, N},      {0x1A60, 0, N},       {0x1A62, 0, N},
	{0x1A65, 7, N},   {0x1A73, 9, N},    {0x1A7F, 0, N},      {0x1AA0, 6, P},       {0x1AA8, 5, P},
	{0x1AB0, 13, N},  {0x1B00, 3, N},    {0x1B34, 0, N},      {0x1B36, 4, N},       {0x1B3C, 0, N},
	{0x1B42, 0, N},   {0x1B5A, 6, P},    {0x1B6B, 8, N},      {0x1B80, 1, N},       {0x1BA2, 3, N},
	{0x1BA8, 1, N},   {0x1BAB, 2, N},    {0x1BE6, 0, N},      {0x1BE8, 1, N},       {0x1BED, 0, N},
	{0x1BEF, 2, N},   {0x1BFC, 3, P},    {0x1C2C, 7, N},      {0x1C36, 1, N},       {0x1C3B, 4, P},
	{0x1C7E, 1, P},   {0x1CC0, 7, P},    {0x1CD0, 2, N},      {0x1CD3, 0, P},       {0x1CD4, 12, N},
	{0x1CE2, 6, N},   {0x1CED, 0, N},    {0x1CF4, 0, N},      {0x1CF8, 1, N},       {0x1DC0, 53, N},
	{0x1DFC, 3, N},   {0x200B, 4, O},    {0x2010, 23, P},     {0x202A, 4, O},       {0x2030, 19, P},
	{0x2045, 12, P},  {0x2053, 11, P},   {0x2060, 4, O},      {0x2066, 9, O},       {0x207D, 1, P},
	{0x208D, 1, P},   {0x20D0, 12, N},   {0x20E1, 0, N},      {0x20E5, 11, N},      {0x2308, 3, P},
	{0x2329, 1, P},   {0x2768, 13, P},   {0x27C5, 1, P},      {0x27E6, 9, P},       {0x2983, 21, P},
	{0x29D8, 3, P},   {0x29FC, 1, P},    {0x2CEF, 2, N},      {0x2CF9, 3, P},       {0x2CFE, 1, P},
	{0x2D70, 0, P},   {0x2D7F, 0, N},    {0x2DE0, 31, N},     {0x2E00, 46, P},      {0x2E30, 18, P},
	{0x3001, 2, P},   {0x3008, 9, P},    {0x3014, 11, P},     {0x302A, 3, N},       {0x3030, 0, P},
	{0x303D, 0, P},   {0x3099, 1, N},    {0x30A0, 0, P},      {0x30FB, 0, P},       {0xA4FE, 1, P},
	{0xA60D, 2, P},   {0xA66F, 0, N},    {0xA673, 0, P},      {0xA674, 9, N},       {0xA67E, 0, P},
	{0xA69E, 1, N},   {0xA6F0, 1, N},    {0xA6F2, 5, P},      {0xA802, 0, N},       {0xA806, 0, N},
	{0xA80B, 0, N},   {0xA825, 1, N},    {0xA874, 3, P},      {0xA8C4, 0, N},       {0xA8CE, 1, P},
	{0xA8E0, 17, N},  {0xA8F8, 2, P},    {0xA8FC, 0, P},      {0xA926, 7, N},       {0xA92E, 1, P},
	{0xA947, 10, N},  {0xA95F, 0, P},    {0xA980, 2, N},      {0xA9B3, 0, N},       {0xA9B6, 3, N},
	{0xA9BC, 0, N},   {0xA9C1, 12, P},   {0xA9DE, 1, P},      {0xA9E5, 0, N},       {0xAA29, 5, N},
	{0xAA31, 1, N},   {0xAA35, 1, N},    {0xAA43, 0, N},      {0xAA4C, 0, N},       {0xAA5C, 3, P},
	{0xAA7C, 0, N},   {0xAAB0, 0, N},    {0xAAB2, 2, N},      {0xAAB7, 1, N},       {0xAABE, 1, N},
	{0xAAC1, 0, N},   {0xAADE, 1, P},    {0xAAEC, 1, N},      {0xAAF0, 1, P},       {0xAAF6, 0, N},
	{0xABE5, 0, N},   {0xABE8, 0, N},    {0xABEB, 0, P},      {0xABED, 0, N},       {0xE000, 6399, O},
	{0xFB1E, 0, N},   {0xFD3E, 1, P},    {0xFE00, 15, N},     {0xFE10, 9, P},       {0xFE20, 15, N},
	{0xFE30, 34, P},  {0xFE54, 13, P},   {0xFE63, 0, P},      {0xFE68, 0, P},       {0xFE6A, 1, P},
	{0xFEFF, 0, O},   {0xFF01, 2, P},    {0xFF05, 5, P},      {0xFF0C, 3, P},       {0xFF1A, 1, P},
	{0xFF1F, 1, P},   {0xFF3B, 2, P},    {0xFF3F, 0, P},      {0xFF5B, 0, P},       {0xFF5D, 0, P},
	{0xFF5F, 6, P},   {0xFFF9, 2, O},    {0x10100, 2, P},     {0x101FD, 0, N},      {0x102E0, 0, N},
	{0x10376, 4, N},  {0x1039F, 0, P},   {0x103D0, 0, P},     {0x1056F, 0, P},      {0x10857, 0, P},
	{0x1091F, 0, P},  {0x1093F, 0, P},   {0x10A01, 2, N},     {0x10A05, 1, N},      {0x10A0C, 3, N},
	{0x10A38, 2, N},  {0x10A3F, 0, N},   {0x10A50, 8, P},     {0x10A7F, 0, P},      {0x10AE5, 1, N},
	{0x10AF0, 6, P},  {0x10B39, 6, P},   {0x10B99, 3, P},     {0x11001, 0, N},      {0x11038, 14, N},
	{0x11047, 6, P},  {0x1107F, 2, N},   {0x110B3, 3, N},     {0x110B9, 1, N},      {0x110BB, 1, P},
	{0x110BD, 0, O},  {0x110BE, 3, P},   {0x11100, 2, N},     {0x11127, 4, N},      {0x1112D, 7, N},
	{0x11140, 3, P},  {0x11173, 0, N},   {0x11174, 1, P},     {0x11180, 1, N},      {0x111B6, 8, N},
	{0x111C5, 4, P},  {0x111CA, 2, N},   {0x111CD, 0, P},     {0x111DB, 0, P},      {0x111DD, 2, P},
	{0x1122F, 2, N},  {0x11234, 0, N},   {0x11236, 1, N},     {0x11238, 5, P},      {0x112A9, 0, P},
	{0x112DF, 0, N},  {0x112E3, 7, N},   {0x11300, 1, N},     {0x1133C, 0, N},      {0x11340, 0, N},
	{0x11366, 6, N},  {0x11370, 4, N},   {0x114B3, 5, N},     {0x114BA, 0, N},      {0x114BF, 1, N},
	{0x114C2, 1, N},  {0x114C6, 0, P},   {0x115B2, 3, N},     {0x115BC, 1, N},      {0x115BF, 1, N},
	{0x115C1, 22, P}, {0x115DC, 1, N},   {0x11633, 7, N},     {0x1163D, 0, N},      {0x1163F, 1, N},
	{0x11641, 2, P},  {0x116AB, 0, N},   {0x116AD, 0, N},     {0x116B0, 5, N},      {0x116B7, 0, N},
	{0x1171D, 2, N},  {0x11722, 3, N},   {0x11727, 4, N},     {0x1173C, 2, P},      {0x12470, 4, P},
	{0x16A6E, 1, P},  {0x16AF0, 4, N},   {0x16AF5, 0, P},     {0x16B30, 6, N},      {0x16B37, 4, P},
	{0x16B44, 0, P},  {0x16F8F, 3, N},   {0x1BC9D, 1, N},     {0x1BC9F, 0, P},      {0x1BCA0, 3, O},
	{0x1D167, 2, N},  {0x1D173, 7, O},   {0x1D17B, 7, N},     {0x1D185, 6, N},      {0x1D1AA, 3, N},
	{0x1D242, 2, N},  {0x1DA00, 54, N},  {0x1DA3B, 49, N},    {0x1DA75, 0, N},      {0x1DA84, 0, N},
	{0x1DA87, 4, P},  {0x1DA9B, 4, N},   {0x1DAA1, 14, N},    {0x1E8D0, 6, N},      {0xE0001, 0, O},
	{0xE0020, 95, O}, {0xE0100, 239, N}, {0xF0000, 65533, O}, {0x100000, 65533, O},
};

/* Code points that have a decomposition or a combining class, but had none in Unicode 9.0. */
static const struct
{
	uint32_t first;
	uint32_t last;
} normalized_later[] = {
	{0x07FD, 0x07FD},   {0x0897, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},   {0x0C3C, 0x0C3C},
	{0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},   {0x1ABF, 0x1AFF},   {0x1DF6, 0x1DFA},
	{0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x105C0, 0x105FF},
	{0x10781, 0x107BA}, {0x10D24, 0x10D8F}, {0x10EAB, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B},
	{0x11380, 0x113FF}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11938, 0x11A99}, {0x11B60, 0x11B7F},
	{0x11D42, 0x11F42}, {0x16100, 0x1613F}, {0x16D40, 0x16D7F}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E6FF},
	{0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
};

static const size_t n_class_ranges = sizeof(class_ranges) / sizeof(class_ranges[0]);

/* ---------- UTF-8 ---------- */

uint32_t
uiml_utf8_next(const char *text, size_t length, size_t *at)
{
	const unsigned char *byte = (const unsigned char *) text + *at;
	size_t left = length - *at;
	uint32_t code = byte[0];
	size_t size = code < 0x80 ? 1 : code < 0xE0 ? 2 : code < 0xF0 ? 3 : 4;

	if (size == 1)
	{
		*at += 1;
		return code;
	}
	if (size > left || code < 0xC2 || code > 0xF4)
	{
		*at += 1;
		return 0xFFFD;
	}
	*at += size;
	code &= 0x7Fu >> size;
	for (size_t i = 1; i < size; i++)
		code = code << 6 | (byte[i] & 0x3Fu);
	return code <= 0x10FFFF ? code : 0xFFFD;
}

size_t
uiml_utf8_put(unsigned char *bytes, uint32_t code)
{
	return (size_t) utf8proc_encode_char((utf8proc_int32_t) code, bytes);
}

/* How many of the length bytes at byte are the next character of valid UTF-8; 0: it isn't. */
static size_t
valid_size(const unsigned char *byte, size_t length)
{
	unsigned char least = 0x80;
	unsigned char most = 0xBF;
	size_t size;

	if (byte[0] < 0x80)
		return 1;
	if (byte[0] < 0xC2 || byte[0] > 0xF4)
		return 0;
	size = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
	if (size > length)
		return 0;

	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if (byte[0] == 0xE0)
		least = 0xA0;
	else if (byte[0] == 0xED)
		most = 0x9F;
	else if (byte[0] == 0xF0)
		least = 0x90;
	else if (byte[0] == 0xF4)
		most = 0x8F;
	if (byte[1] < least || byte[1] > most)
		return 0;
	for (size_t i = 2; i < size; i++)
	{
		if ((byte[i] & 0xC0) != 0x80)
			return 0;
	}
	return size;
}

bool
uiml_utf8_valid(const char *text, size_t length)
{
	const unsigned char *byte = (const unsigned char *) text;
	size_t at = 0;

	while (at < length)
	{
		uint64_t word;
		size_t size;

		if (length - at >= sizeof(word))
		{
			memcpy(&word, byte + at, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) == 0)
			{
				at += sizeof(word);
				continue;
			}
		}
		size = valid_size(byte + at, length - at);
		if (size == 0)
			return false;
		at += size;
	}
	return true;
}

/* ---------- properties ---------- */

static CharClass
class_of(uint32_t code)
{
	size_t low = 0;
	size_t high = n_class_ranges;

	/* Han and Hangul, which whole texts consist of. */
	if ((code >= 0x3400 && code <= 0x9FFF) || (code >= 0xAC00 && code <= 0xD7FF))
		return NONE;
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (class_ranges[middle].first <= code)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || code - class_ranges[low - 1].first > class_ranges[low - 1].more)
		return NONE;
	return class_ranges[low - 1].class;
}

bool
uiml_unicode_other(uint32_t code)
{
	return class_of(code) == O;
}

bool
uiml_unicode_punctuation(uint32_t code)
{
	return class_of(code) == P;
}

bool
uiml_unicode_nonspacing(uint32_t code)
{
	return class_of(code) == N;
}

bool
uiml_unicode_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= '\t' && code <= '\r');
	return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
		   code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool
uiml_unicode_word(uint32_t code)
{
	switch (utf8proc_category((utf8proc_int32_t) code))
	{
		case UTF8PROC_CATEGORY_LU:
		case UTF8PROC_CATEGORY_LL:
		case UTF8PROC_CATEGORY_LT:
		case UTF8PROC_CATEGORY_LM:
		case UTF8PROC_CATEGORY_LO:
		case UTF8PROC_CATEGORY_MN:
		case UTF8PROC_CATEGORY_MC:
		case UTF8PROC_CATEGORY_ME:
		case UTF8PROC_CATEGORY_ND:
		case UTF8PROC_CATEGORY_NL:
		case UTF8PROC_CATEGORY_PC:
			return true;
		default:
			break;
	}

	/* Join_Control, and the circled and squared letters, which are symbols and alphabetic. */
	return code == 0x200C || code == 0x200D || (code >= 0x24B6 && code <= 0x24E9) ||
		   (code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
		   (code >= 0x1F170 && code <= 0x1F189);
}

size_t
uiml_unicode_lower(uint32_t code, uint32_t lower[2])
{
	/* The only one that becomes two: i and a dot above. */
	if (code == 0x130)
	{
		lower[0] = 'i';
		lower[1] = 0x307;
		return 2;
	}
	lower[0] = (uint32_t) utf8proc_tolower((utf8proc_int32_t) code);
	return 1;
}

/* ---------- normalization ---------- */

static bool
is_normalized_later(uint32_t code)
{
	size_t low = 0;
	size_t high = sizeof(normalized_later) / sizeof(normalized_later[0]);

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (normalized_later[middle].last < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof(normalized_later) / sizeof(normalized_later[0]) &&
		   code >= normalized_later[low].first;
}

int
uiml_unicode_combining_class(uint32_t code)
{
	int class = utf8proc_get_property((utf8proc_int32_t) code)->combining_class;

	return class != 0 && is_normalized_later(code) ? 0 : class;
}

size_t
uiml_unicode_decompose(uint32_t code, bool compatibility, uint32_t decomposed[UIML_UNICODE_DECOMPOSED])
{
	utf8proc_int32_t points[UIML_UNICODE_DECOMPOSED];
	utf8proc_option_t options = compatibility ? UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT : UTF8PROC_DECOMPOSE;
	utf8proc_ssize_t n = 0;

	if (code >= 0xA0 && !is_normalized_later(code))
		n = utf8proc_decompose_char((utf8proc_int32_t) code, points, UIML_UNICODE_DECOMPOSED, options, NULL);
	if (n <= 0 || n > UIML_UNICODE_DECOMPOSED)
	{
		decomposed[0] = code;
		return 1;
	}
	for (utf8proc_ssize_t i = 0; i < n; i++)
		decomposed[i] = (uint32_t) points[i];
	return (size_t) n;
}
