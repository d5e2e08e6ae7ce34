/*
 * tokenizer_added.c
 *	  Added tokens: found in a text before the model sees it, the leftmost first, and the longest there.
 *
 * Patterns are in the order of their bytes, so those that begin with what a text has at a place are a range
 * that each further byte narrows.  A bitmap of first bytes passes over the places where none begins.
 *
 * What a match does follows the library to the letter, oddities included: a match that is no single word is
 * passed over as a whole; the space that lstrip takes ends where the last match ended, stripped space
 * included; and the search goes on behind the match itself, so a pattern that begins with the space that rstrip
 * took is still found, and what follows it is seen again.
 */
#include "core/tokenizer_added.h"

/* Bytes between two questions after interruption. */
#define MAX_SKIP ((size_t) UIML_TOKENIZING_WORK)

/* ---------- the records ---------- */

typedef struct Added
{
	uint32_t id;
	uint32_t flags;
	size_t length;
	const unsigned char *pattern;
} Added;

static Added
added_at(const UimlTokenizer *tokenizer, size_t i)
{
	const unsigned char *record = tokenizer->added + i * TOKENIZER_ADDED_SIZE;

	return (Added){.id = encoder_load32(record),
				   .flags = encoder_load32(record + 4),
				   .length = encoder_load32(record + 8),
				   .pattern = tokenizer->patterns + encoder_load32(record + 12)};
}

int
uiml_added_compare(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* The byte that all patterns of a set begin with, or -1. */
static int
only_byte(const uint64_t *first)
{
	int only = -1;

	for (int byte = 0; byte < 256; byte++)
	{
		if ((first[byte / 64] >> byte % 64 & 1) == 0)
			continue;
		if (only >= 0)
			return -1;
		only = byte;
	}
	return only;
}

bool
uiml_added_check(UimlTokenizer *tokenizer)
{
	memset(tokenizer->added_first, 0, sizeof(tokenizer->added_first));
	for (size_t i = 0; i < tokenizer->n_added; i++)
	{
		const unsigned char *record = tokenizer->added + i * TOKENIZER_ADDED_SIZE;
		size_t at = encoder_load32(record + 12);
		int set = i < tokenizer->n_added_raw ? 0 : 1;
		Added added;

		if (at > tokenizer->patterns_size || encoder_load32(record + 8) < 1 ||
			encoder_load32(record + 8) > tokenizer->patterns_size - at)
			return false;
		added = added_at(tokenizer, i);
		if (added.id >= tokenizer->vocabulary ||
			(added.flags &
			 ~(TOKENIZER_ADDED_SINGLE_WORD | TOKENIZER_ADDED_LSTRIP | TOKENIZER_ADDED_RSTRIP)) != 0)
			return false;
		tokenizer->added_first[set][added.pattern[0] / 64] |= UINT64_C(1) << added.pattern[0] % 64;
		if (i > 0 && i != tokenizer->n_added_raw)
		{
			Added before = added_at(tokenizer, i - 1);

			if (uiml_added_compare(before.pattern, before.length, added.pattern, added.length) >= 0)
				return false;
		}
	}
	tokenizer->added_only[0] = only_byte(tokenizer->added_first[0]);
	tokenizer->added_only[1] = only_byte(tokenizer->added_first[1]);
	return true;
}

/* ---------- searching ---------- */

/* The first of low .. high - 1, whose patterns have more than depth bytes, with at least this one there. */
static size_t
lower_bound(const UimlTokenizer *tokenizer, size_t low, size_t high, size_t depth, unsigned byte)
{
	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (added_at(tokenizer, middle).pattern[depth] < byte)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The longest pattern of low .. high - 1 that text begins with, or SIZE_MAX; *work: bytes compared. */
static size_t
longest_at(const UimlTokenizer *tokenizer, size_t low, size_t high, const unsigned char *text, size_t length,
		   size_t *work)
{
	size_t found = SIZE_MAX;
	size_t depth;

	for (depth = 0; low < high; depth++)
	{
		/* The one that ends here comes first. */
		if (added_at(tokenizer, low).length == depth)
			found = low++;
		if (depth == length)
			break;
		low = lower_bound(tokenizer, low, high, depth, text[depth]);
		high = lower_bound(tokenizer, low, high, depth, text[depth] + 1u);
	}
	*work = depth + 1;
	return found;
}

/*
 * The next place from i on where a pattern may begin, or end.  The special tokens of most models begin with
 * the same byte, and memchr is some ten times as fast as a look at each.
 */
static size_t
next_first(const uint64_t *first, int only, const unsigned char *text, size_t i, size_t end)
{
	if (only >= 0)
	{
		const unsigned char *found = memchr(text + i, only, end - i);

		return found != NULL ? (size_t) (found - text) : end;
	}
	while (i < end && (first[text[i] / 64] >> text[i] % 64 & 1) == 0)
		i++;
	return i;
}

/* The next match from *at on: its token and where it starts; *at is behind it.  Length 0: there is none. */
static UimlStatus
next_match(UimlAddedSearch *search, size_t *at, size_t *start, Added *added)
{
	const UimlTokenizer *tokenizer = search->run->tokenizer;
	int set = search->normalized ? 1 : 0;
	size_t low = search->normalized ? tokenizer->n_added_raw : 0;
	size_t high = search->normalized ? tokenizer->n_added : tokenizer->n_added_raw;
	const unsigned char *text = (const unsigned char *) search->text;
	int only = tokenizer->added_only[set];

	added->length = 0;
	for (size_t i = *at; i < search->length; i++)
	{
		size_t end = search->length - i > MAX_SKIP ? i + MAX_SKIP : search->length;
		size_t place = next_first(tokenizer->added_first[set], only, text, i, end);
		size_t found = SIZE_MAX;
		size_t work = 0;
		UimlStatus status;

		if (place < end)
			found = longest_at(tokenizer, low, high, text + place, search->length - place, &work);
		status = uiml_tokenizing_worked(search->run, work + (place - i) / (only >= 0 ? 16 : 1));
		if (status != UIML_OK)
			return status;
		i = place < end ? place : end - 1;
		if (found == SIZE_MAX)
			continue;
		*added = added_at(tokenizer, found);
		*start = place;
		*at = place + added->length;
		return UIML_OK;
	}
	return UIML_OK;
}

/* ---------- what a match takes ---------- */

/* The character that ends before at; at > 0. */
static uint32_t
character_before(const char *text, size_t at)
{
	size_t start = at - 1;

	while (start > 0 && at - start < 4 && ((unsigned char) text[start] & 0xC0) == 0x80)
		start--;
	return uiml_utf8_next(text, at, &start);
}

static bool
is_single_word(const UimlAddedSearch *search, size_t start, size_t end)
{
	size_t at = end;

	if (start > 0 && uiml_unicode_word(character_before(search->text, start)))
		return false;
	return end == search->length || !uiml_unicode_word(uiml_utf8_next(search->text, search->length, &at));
}

/* Where the whitespace before start begins, but not before floor. */
static UimlStatus
strip_left(const UimlAddedSearch *search, size_t floor, size_t *start)
{
	UimlStatus status = UIML_OK;

	while (*start > floor && status == UIML_OK)
	{
		size_t before = *start - 1;

		while (before > floor && ((unsigned char) search->text[before] & 0xC0) == 0x80)
			before--;
		if (!uiml_unicode_space(character_before(search->text, *start)))
			break;
		*start = before;
		status = uiml_tokenizing_worked(search->run, 1);
	}
	return status;
}

/*
 * Where the whitespace from *end on ends.  Matches within whitespace all end where it does: that place is kept,
 * as each of them would walk there.
 */
static UimlStatus
strip_right(UimlAddedSearch *search, size_t *end)
{
	size_t at = *end;
	UimlStatus status = UIML_OK;

	if (at >= search->space_start && at < search->space_end)
		at = search->space_end;
	search->space_start = *end;
	while (at < search->length && status == UIML_OK)
	{
		size_t next = at;

		if (!uiml_unicode_space(uiml_utf8_next(search->text, search->length, &next)))
			break;
		at = next;
		status = uiml_tokenizing_worked(search->run, 1);
	}
	search->space_end = at;
	*end = at;
	return status;
}

UimlStatus
uiml_added_next(UimlAddedSearch *search, size_t *gap_end, size_t *end, uint32_t *id, bool *found)
{
	Added added;
	size_t start;

	for (;;)
	{
		UimlStatus status = next_match(search, &search->at, &start, &added);

		*found = false;
		if (status != UIML_OK || added.length == 0)
			return status;
		if ((added.flags & TOKENIZER_ADDED_SINGLE_WORD) != 0 && !is_single_word(search, start, search->at))
			continue;
		*end = search->at;
		if ((added.flags & TOKENIZER_ADDED_LSTRIP) != 0)
			status = strip_left(search, search->gap_start, &start);
		if (status == UIML_OK && (added.flags & TOKENIZER_ADDED_RSTRIP) != 0)
			status = strip_right(search, end);
		*gap_end = start;
		*id = added.id;
		*found = status == UIML_OK;
		return status;
	}
}
