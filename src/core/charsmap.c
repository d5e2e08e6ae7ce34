/*
 * charsmap.c
 *	  The normalizer Precompiled: SentencePiece's table of characters, as the crate spm_precompiled reads it.
 *
 * The table ("precompiled_charsmap", base64) is
 *
 *		uint32 bytes of the trie; the trie, uint32 units of a double array (Darts); strings, each ended by a 0
 *
 * and a key's value is where its string starts.  The library goes through a text by grapheme clusters.  A
 * cluster of less than six bytes is replaced as a whole by the string of the shortest key that it begins with;
 * where there is none, and in longer clusters, each of its characters is replaced by itself.  That a key shorter than
 * the cluster counts loses marks, but models were trained so.
 *
 * Clusters are those of utf8proc.  Which version of Unicode it knows hardly matters: a cluster of one character
 * is replaced the same either way, so only clusters of several within five bytes count, that is, letters of
 * scripts from before U+0800, their marks and U+000D U+000A.
 */
#include <utf8proc.h>

#include "core/tokenizer_parts.h"

#define CLUSTER_BYTES 6 /* from this length on, characters count */

/* ---------- table ---------- */

typedef struct Charsmap
{
	const unsigned char *units;
	size_t n_units;
	const unsigned char *strings;
	size_t strings_size;
} Charsmap;

/* Of bytes of unknown origin. */
static bool
charsmap_open(const unsigned char *bytes, size_t size, Charsmap *map)
{
	size_t trie;

	if (size < 4)
		return false;
	trie = encoder_load32(bytes) / 4 * 4;
	if (trie < 4 || trie > size - 4)
		return false;
	map->units = bytes + 4;
	map->n_units = trie / 4;
	map->strings = bytes + 4 + trie;
	map->strings_size = size - 4 - trie;
	return true;
}

static bool
unit_has_leaf(uint32_t unit)
{
	return (unit >> 8 & 1) != 0;
}

/* Of a unit that is reached by a byte: that byte; otherwise more than a byte. */
static uint32_t
unit_label(uint32_t unit)
{
	return unit & (UINT32_C(0x80000000) | 0xFF);
}

static size_t
unit_offset(uint32_t unit)
{
	return (size_t) (unit >> 10) << ((unit & UINT32_C(0x200)) >> 6);
}

/* The value of the shortest key that a text begins with; false where there is none. */
static bool
charsmap_find(const Charsmap *map, const char *text, size_t length, size_t *value)
{
	size_t at = unit_offset(encoder_load32(map->units));

	for (size_t i = 0; i < length && text[i] != '\0'; i++)
	{
		unsigned char byte = (unsigned char) text[i];
		uint32_t unit;

		at ^= byte;
		if (at >= map->n_units)
			return false;
		unit = encoder_load32(map->units + 4 * at);
		if (unit_label(unit) != byte)
			return false;
		at ^= unit_offset(unit);
		if (unit_has_leaf(unit))
		{
			if (at >= map->n_units)
				return false;
			*value = encoder_load32(map->units + 4 * at) & UINT32_C(0x7FFFFFFF);
			return true;
		}
	}
	return false;
}

/* What a text is replaced with; false where it stays.  A damaged table leaves it. */
static bool
charsmap_transform(const Charsmap *map, const char *text, size_t length, const char **string,
				   size_t *string_length)
{
	const unsigned char *end;
	size_t value;

	if (!charsmap_find(map, text, length, &value) || value > map->strings_size)
		return false;
	*string = (const char *) map->strings + value;
	*string_length = map->strings_size - value;
	if (*string_length == 0)
		return true;
	/* no string begins within a character */
	if ((map->strings[value] & 0xC0) == 0x80)
		return false;
	end = memchr(*string, '\0', *string_length);
	if (end != NULL)
		*string_length = (size_t) ((const char *) end - *string);
	return true;
}

/* ---------- clusters ---------- */

/* Where the cluster that begins at *end ends. */
static UimlStatus
find_cluster_end(UimlTokenizing *run, const char *text, size_t length, size_t *end)
{
	utf8proc_int32_t state = 0;
	uint32_t code = uiml_utf8_next(text, length, end);

	while (*end < length)
	{
		size_t next = *end;
		uint32_t following;

		if (uiml_tokenizing_worked(run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
		/* ASCII begins a cluster, but for a line feed after a carriage return; marks aren't ASCII */
		if (code < 0x80 && (unsigned char) text[*end] < 0x80 && code != '\r')
			break;
		following = uiml_utf8_next(text, length, &next);
		if (utf8proc_grapheme_break_stateful((utf8proc_int32_t) code, (utf8proc_int32_t) following, &state))
			break;
		code = following;
		*end = next;
	}
	return UIML_OK;
}

/* Appends what a cluster or character becomes, itself where it isn't in the table; *found: it is. */
static UimlStatus
append_transformed(UimlTokenizing *run, const Charsmap *map, const char *text, size_t length, UimlBuffer *out,
				   bool *found)
{
	const char *string;
	size_t string_length;

	*found = charsmap_transform(map, text, length, &string, &string_length);
	if (!*found)
		return UIML_OK;
	if (uiml_tokenizing_overflows(run, out))
		return UIML_ELIMIT;
	return string_length > 0 ? uiml_buffer_append(run->env, out, string, string_length) : UIML_OK;
}

static UimlStatus
append_characters(UimlTokenizing *run, const Charsmap *map, const char *text, size_t length, UimlBuffer *out)
{
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (at < length && status == UIML_OK)
	{
		size_t begin = at;
		bool found;

		uiml_utf8_next(text, length, &at);
		status = append_transformed(run, map, text + begin, at - begin, out, &found);
		if (status == UIML_OK && !found)
			status = uiml_buffer_append(run->env, out, text + begin, at - begin);
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(run, at - begin);
	}
	return status;
}

static UimlStatus
run_precompiled(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	Charsmap map;
	size_t at = 0;
	UimlStatus status = UIML_OK;

	if (!charsmap_open(step->bytes, step->size, &map))
		return UIML_ECORRUPT;
	while (at < length && status == UIML_OK)
	{
		size_t end = at;
		bool found = false;

		status = find_cluster_end(run, text, length, &end);
		if (status == UIML_OK && end - at < CLUSTER_BYTES)
			status = append_transformed(run, &map, text + at, end - at, out, &found);
		if (status == UIML_OK && !found)
			status = append_characters(run, &map, text + at, end - at, out);
		at = end;
	}
	return status;
}

/* ---------- compiling ---------- */

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* False where it isn't base64 with its padding; bytes has room for 3 / 4 of length. */
static bool
base64_decode(const char *text, size_t length, unsigned char *bytes, size_t *n)
{
	size_t padding = 0;

	*n = 0;
	if (length % 4 != 0)
		return false;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t at = 0; at < length; at += 4)
	{
		size_t digits = at + 4 == length ? 4 - padding : 4;
		uint32_t bits = 0;

		for (size_t i = 0; i < 4; i++)
		{
			int digit = i < digits ? base64_digit(text[at + i]) : 0;

			if (digit < 0)
				return false;
			bits = bits << 6 | (uint32_t) digit;
		}
		/* bits that no byte takes are zero */
		if ((digits == 3 && (bits & 0xFF) != 0) || (digits == 2 && (bits & 0xFFFF) != 0))
			return false;
		for (size_t i = 0; i + 1 < digits; i++)
			bytes[(*n)++] = (unsigned char) (bits >> (16 - 8 * i));
	}
	return true;
}

static UimlStatus
append_charsmap(const UimlEnv *env, const unsigned char *bytes, size_t size, UimlSteps *steps,
				UimlFault *fault)
{
	Charsmap map;

	if (!charsmap_open(bytes, size, &map) || !uiml_utf8_valid((const char *) map.strings, map.strings_size))
		return uiml_fault(fault, "The \"precompiled_charsmap\" of the normalizer Precompiled is damaged.");
	return uiml_steps_append(env, steps, UIML_NORMALIZER_PRECOMPILED, bytes, size);
}

static UimlStatus
compile_precompiled(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const json_t *text = json_object_get(object, "precompiled_charsmap");
	unsigned char *bytes;
	size_t size;
	UimlStatus status;

	if (!json_is_string(text))
		return uiml_fault(fault, "The normalizer Precompiled has no string \"precompiled_charsmap\".");
	bytes = uiml_alloc(env, json_string_length(text) / 4 + 1, 3);
	if (bytes == NULL)
		return UIML_ENOMEM;
	if (base64_decode(json_string_value(text), json_string_length(text), bytes, &size))
		status = append_charsmap(env, bytes, size, steps, fault);
	else
		status =
			uiml_fault(fault, "The \"precompiled_charsmap\" of the normalizer Precompiled is not base64.");
	uiml_free(env, bytes);
	return status;
}

static bool
check_precompiled(const UimlStep *step)
{
	Charsmap map;

	return charsmap_open(step->bytes, step->size, &map);
}

const UimlNormalizer uiml_normalizer_precompiled = {.kind = UIML_NORMALIZER_PRECOMPILED,
													.type = "Precompiled",
													.compile = compile_precompiled,
													.check = check_precompiled,
													.run = run_precompiled};
