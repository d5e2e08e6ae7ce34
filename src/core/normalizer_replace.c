/*
 * normalizer_replace.c
 *	  The normalizer Replace: a string, a character or a run of characters for another string.
 *
 * Tokenizers of distilled models set punctuation off by some thirty steps that replace one character each; so
 * replacements of single ASCII characters that follow one another become one table.  That is exact: a step
 * sees what those before it have written, so it is applied to the table's strings when it is added, and a
 * character that an earlier step took away is found by a later one in nothing but them.
 *
 * Of regular expressions those are known that stand for runs of one kind of character: \s, or a letter, digit,
 * space or underscore, followed by nothing, + or {n,}.  They leave no choice in what they match.
 */
#include "core/tokenizer_parts.h"

/* The first uint32 of UIML_NORMALIZER_REPLACE. */
#define FORM_STRING 1 /* uint32 length of the pattern; pattern; content */
#define FORM_TABLE  2 /* keys: 128 bytes, 1 for a character to replace; ends: 129 x uint32; contents */

#define AT_PATTERN_LENGTH 4
#define AT_PATTERN        ((size_t) 8)

#define AT_KEYS     4
#define AT_ENDS     (4 + 128)
#define AT_CONTENTS ((size_t) 4 + 128 + 129 * 4)

/* Contents may contain keys, and grow by steps that follow. */
#define MAX_CONTENT  64    /* bytes for a character of a table, when it is added */
#define MAX_CONTENTS 65536 /* bytes of all of them */

/* UIML_NORMALIZER_SPACES */
#define AT_CHARACTER   0 /* uint32: code point + 1; 0: any whitespace */
#define AT_LEAST       4 /* uint32: characters of a run */
#define AT_ONE_BY_ONE  8 /* uint32: each character is a match of its own */
#define AT_RUN_CONTENT ((size_t) 12)
#define MAX_LEAST      1000

/* ---------- a table of characters ---------- */

/* What a byte is replaced with in a table. */
static const unsigned char *
table_content(const unsigned char *table, unsigned char byte, size_t *length)
{
	uint32_t begin = encoder_load32(table + AT_ENDS + 4 * (size_t) byte);

	*length = encoder_load32(table + AT_ENDS + 4 * (size_t) byte + 4) - begin;
	return table + AT_CONTENTS + begin;
}

/* Appends a text in which content stands for each byte; what the C library finds fast is looked for by it. */
static UimlStatus
append_replaced(const UimlEnv *env, UimlBuffer *buffer, const unsigned char *text, size_t length,
				unsigned char byte, const char *content, size_t content_length)
{
	size_t at = 0;

	while (at < length)
	{
		const unsigned char *found = memchr(text + at, byte, length - at);
		size_t plain = found == NULL ? length - at : (size_t) (found - (text + at));
		UimlStatus status = plain > 0 ? uiml_buffer_append(env, buffer, text + at, plain) : UIML_OK;

		if (status == UIML_OK && found != NULL && content_length > 0)
			status = uiml_buffer_append(env, buffer, content, content_length);
		if (status != UIML_OK)
			return status;
		at += plain + (found != NULL);
	}
	return UIML_OK;
}

/* The table before (NULL: an empty one) and then a replacement of byte. */
static UimlStatus
table_extend(const UimlEnv *env, const unsigned char *before, unsigned char byte, const char *content,
			 size_t content_length, UimlBuffer *table)
{
	static const unsigned char zero[AT_CONTENTS];
	UimlStatus status = uiml_buffer_append(env, table, before != NULL ? before : zero, AT_CONTENTS);

	if (status != UIML_OK)
		return status;
	encoder_store32(table->bytes, FORM_TABLE);
	for (unsigned int key = 0; key < 128 && status == UIML_OK; key++)
	{
		bool known = before != NULL && before[AT_KEYS + key] != 0;
		size_t length;

		encoder_store32(table->bytes + AT_ENDS + 4 * key, (uint32_t) (table->length - AT_CONTENTS));
		if (known)
		{
			const unsigned char *old = table_content(before, (unsigned char) key, &length);

			status = append_replaced(env, table, old, length, byte, content, content_length);
		}
		else if (key == byte)
		{
			table->bytes[AT_KEYS + key] = 1;
			if (content_length > 0)
				status = uiml_buffer_append(env, table, content, content_length);
		}
	}
	encoder_store32(table->bytes + AT_ENDS + 4 * 128, (uint32_t) (table->length - AT_CONTENTS));
	return status;
}

/* A step for one ASCII character, which is put into the table of the step before, if there is one. */
static UimlStatus
compile_character(const UimlEnv *env, unsigned char byte, const char *content, size_t content_length,
				  UimlSteps *steps)
{
	UimlBuffer table = {0};
	UimlStep last;
	bool extend = uiml_steps_last(steps, &last) && last.kind == UIML_NORMALIZER_REPLACE &&
				  encoder_load32(last.bytes) == FORM_TABLE;
	UimlStatus status = table_extend(env, extend ? last.bytes : NULL, byte, content, content_length, &table);

	if (status == UIML_OK && extend && table.length - AT_CONTENTS > MAX_CONTENTS)
	{
		table.length = 0;
		extend = false;
		status = table_extend(env, NULL, byte, content, content_length, &table);
	}
	if (status == UIML_OK)
	{
		if (extend)
			uiml_steps_drop(steps);
		status = uiml_steps_append(env, steps, UIML_NORMALIZER_REPLACE, table.bytes, table.length);
	}
	uiml_buffer_free(env, &table);
	return status;
}

static bool
check_table(const UimlStep *step)
{
	uint32_t before = 0;

	if (step->size < AT_CONTENTS)
		return false;
	for (size_t i = 0; i <= 128; i++)
	{
		uint32_t end = encoder_load32(step->bytes + AT_ENDS + 4 * i);

		if (end < before || end > step->size - AT_CONTENTS)
			return false;
		before = end;
	}
	return true;
}

static UimlStatus
run_table(UimlTokenizing *run, const unsigned char *table, const char *text, size_t length, UimlBuffer *out)
{
	size_t plain = 0;
	UimlStatus status = uiml_buffer_reserve(run->env, out, length + length / 4);

	for (size_t at = 0; at < length && status == UIML_OK; at++)
	{
		unsigned char byte = (unsigned char) text[at];
		const unsigned char *content;
		size_t content_length;

		if (uiml_tokenizing_worked(run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
		if (byte >= 0x80 || table[AT_KEYS + byte] == 0)
			continue;
		content = table_content(table, byte, &content_length);
		run->moved |= at == 0 && content_length == 0;
		status = uiml_buffer_reserve(run->env, out, at - plain + content_length);
		if (status != UIML_OK)
			return status;
		memcpy(out->bytes + out->length, text + plain, at - plain);
		out->length += at - plain;
		memcpy(out->bytes + out->length, content, content_length);
		out->length += content_length;
		if (uiml_tokenizing_overflows(run, out))
			return UIML_ELIMIT;
		plain = at + 1;
	}
	if (status == UIML_OK && plain < length)
		status = uiml_buffer_append(run->env, out, text + plain, length - plain);
	return status;
}

/* ---------- a string ---------- */

static UimlStatus
compile_string(const UimlEnv *env, const char *pattern, size_t pattern_length, const char *content,
			   size_t content_length, UimlSteps *steps)
{
	UimlBuffer bytes = {0};
	UimlStatus status = uiml_buffer_append32(env, &bytes, FORM_STRING);

	if (status == UIML_OK)
		status = uiml_buffer_append32(env, &bytes, (uint32_t) pattern_length);
	if (status == UIML_OK)
		status = uiml_buffer_append(env, &bytes, pattern, pattern_length);
	if (status == UIML_OK && content_length > 0)
		status = uiml_buffer_append(env, &bytes, content, content_length);
	if (status == UIML_OK)
		status = uiml_steps_append(env, steps, UIML_NORMALIZER_REPLACE, bytes.bytes, bytes.length);
	uiml_buffer_free(env, &bytes);
	return status;
}

/* Bytes of the character that a string begins with. */
static size_t
first_length(const unsigned char *string)
{
	if (string[0] < 0x80)
		return 1;
	if (string[0] < 0xE0)
		return 2;
	return string[0] < 0xF0 ? 3 : 4;
}

static UimlStatus
run_string(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	const unsigned char *pattern = step->bytes + AT_PATTERN;
	size_t pattern_length = encoder_load32(step->bytes + AT_PATTERN_LENGTH);
	const unsigned char *content = pattern + pattern_length;
	size_t content_length = step->size - AT_PATTERN - pattern_length;
	size_t plain = 0;
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (length - at >= pattern_length && status == UIML_OK)
	{
		size_t begin = at;
		size_t places = length - at - pattern_length + 1;
		const char *first;

		places = places < UIML_TOKENIZING_WORK ? places : UIML_TOKENIZING_WORK;
		first = memchr(text + at, pattern[0], places);
		at = first == NULL ? at + places : (size_t) (first - text);
		if (first == NULL || memcmp(first, pattern, pattern_length) != 0)
			at += first != NULL;
		else
		{
			if (at > plain)
				status = uiml_buffer_append(run->env, out, text + plain, at - plain);
			if (status == UIML_OK && content_length > 0)
				status = uiml_buffer_append(run->env, out, content, content_length);
			run->moved |= at == 0 && (content_length == 0 || pattern_length > first_length(pattern));
			at += pattern_length;
			plain = at;
			if (uiml_tokenizing_overflows(run, out))
				return UIML_ELIMIT;
		}
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(run, at - begin);
	}
	if (status == UIML_OK && plain < length)
		status = uiml_buffer_append(run->env, out, text + plain, length - plain);
	return status;
}

/* ---------- runs of a character ---------- */

static bool
is_literal(unsigned char byte)
{
	return byte == ' ' || byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
		   (byte >= 'a' && byte <= 'z');
}

/* The n of {n,}; false for anything else. */
static bool
parse_least(const char *text, size_t length, uint32_t *least)
{
	size_t at = 1;

	*least = 0;
	if (length < 4 || text[0] != '{')
		return false;
	for (; at < length && text[at] >= '0' && text[at] <= '9' && *least <= MAX_LEAST; at++)
		*least = 10 * *least + (uint32_t) (text[at] - '0');
	return at > 1 && *least >= 1 && *least <= MAX_LEAST && length == at + 2 && text[at] == ',' &&
		   text[at + 1] == '}';
}

/* Reads a regular expression; false where it isn't one of those that are known. */
static bool
parse_run(const char *regex, size_t length, uint32_t *character, uint32_t *least, bool *one_by_one)
{
	size_t at = 1;

	if (length >= 2 && regex[0] == '\\' && regex[1] == 's')
	{
		*character = 0;
		at = 2;
	}
	else if (length >= 1 && is_literal((unsigned char) regex[0]))
		*character = (uint32_t) (unsigned char) regex[0] + 1;
	else
		return false;
	*least = 1;
	*one_by_one = at == length;
	if (at == length || (at + 1 == length && regex[at] == '+'))
		return true;
	return parse_least(regex + at, length - at, least);
}

static UimlStatus
compile_regex(const UimlEnv *env, const char *regex, size_t length, const char *content,
			  size_t content_length, UimlSteps *steps, UimlFault *fault)
{
	UimlBuffer bytes = {0};
	uint32_t character;
	uint32_t least;
	bool one_by_one;
	UimlStatus status;

	if (!parse_run(regex, length, &character, &least, &one_by_one))
		return uiml_fault(fault,
						  "The normalizer Replace has the regular expression \"%.100s\"; only runs of one "
						  "character or of \\s are known, as in \"\\s+\" and \" {2,}\".",
						  regex);
	status = uiml_buffer_append32(env, &bytes, character);
	if (status == UIML_OK)
		status = uiml_buffer_append32(env, &bytes, least);
	if (status == UIML_OK)
		status = uiml_buffer_append32(env, &bytes, one_by_one);
	if (status == UIML_OK && content_length > 0)
		status = uiml_buffer_append(env, &bytes, content, content_length);
	if (status == UIML_OK)
		status = uiml_steps_append(env, steps, UIML_NORMALIZER_SPACES, bytes.bytes, bytes.length);
	uiml_buffer_free(env, &bytes);
	return status;
}

static bool
check_spaces(const UimlStep *step)
{
	return step->size >= AT_RUN_CONTENT;
}

/* Appends what a run from begin to end becomes. */
static UimlStatus
append_run(UimlTokenizing *run, const UimlStep *step, const char *text, size_t begin, size_t end,
		   size_t characters, UimlBuffer *out)
{
	const unsigned char *content = step->bytes + AT_RUN_CONTENT;
	size_t content_length = step->size - AT_RUN_CONTENT;
	size_t times = encoder_load32(step->bytes + AT_ONE_BY_ONE) != 0 ? characters : 1;
	UimlStatus status = UIML_OK;

	if (characters < encoder_load32(step->bytes + AT_LEAST))
		return uiml_buffer_append(run->env, out, text + begin, end - begin);
	run->moved |= begin == 0 && (content_length == 0 || times < characters);
	for (size_t i = 0; i < times && content_length > 0 && status == UIML_OK; i++)
	{
		status = uiml_buffer_append(run->env, out, content, content_length);
		if (uiml_tokenizing_overflows(run, out))
			return UIML_ELIMIT;
		if (status == UIML_OK)
			status = uiml_tokenizing_worked(run, content_length);
	}
	return status;
}

static UimlStatus
run_spaces(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	uint32_t character = encoder_load32(step->bytes + AT_CHARACTER);
	size_t plain = 0; /* what wasn't copied yet begins here */
	size_t begin = 0; /* and the current run, if it has characters, here */
	size_t characters = 0;
	size_t at = 0;
	UimlStatus status = UIML_OK;

	while (status == UIML_OK)
	{
		size_t next = at;
		uint32_t code = at < length ? uiml_utf8_next(text, length, &next) : 0;
		bool matches = at < length && (character == 0 ? uiml_unicode_space(code) : code + 1 == character);

		if (uiml_tokenizing_worked(run, 1) != UIML_OK)
			return UIML_EINTERRUPTED;
		if (matches)
		{
			if (characters++ == 0)
				begin = at;
			at = next;
			continue;
		}
		if (characters > 0)
		{
			if (begin > plain)
				status = uiml_buffer_append(run->env, out, text + plain, begin - plain);
			if (status == UIML_OK)
				status = append_run(run, step, text, begin, at, characters, out);
			plain = at;
			characters = 0;
		}
		if (at == length)
			break;
		at = next;
	}
	if (status == UIML_OK && plain < length)
		status = uiml_buffer_append(run->env, out, text + plain, length - plain);
	return status;
}

const UimlNormalizer uiml_normalizer_spaces = {
	.kind = UIML_NORMALIZER_SPACES, .check = check_spaces, .run = run_spaces};

/* ---------- all of them ---------- */

static UimlStatus
compile_replace(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const json_t *pattern = json_object_get(object, "pattern");
	const json_t *content = json_object_get(object, "content");
	const json_t *string = json_object_get(pattern, "String");
	const json_t *regex = json_object_get(pattern, "Regex");
	size_t length;

	if (!json_is_string(content))
		return uiml_fault(fault, "The normalizer Replace has no string \"content\".");
	if (json_is_string(regex) && string == NULL)
		return compile_regex(env, json_string_value(regex), json_string_length(regex),
							 json_string_value(content), json_string_length(content), steps, fault);
	length = json_string_length(string);
	if (length == 0 || length > TOKENIZER_MAX_TOKEN || regex != NULL)
		return uiml_fault(fault, "The normalizer Replace has no pattern of 1 to %d bytes.",
						  TOKENIZER_MAX_TOKEN);
	if (length == 1 && json_string_length(content) <= MAX_CONTENT)
		return compile_character(env, (unsigned char) json_string_value(string)[0],
								 json_string_value(content), json_string_length(content), steps);
	return compile_string(env, json_string_value(string), length, json_string_value(content),
						  json_string_length(content), steps);
}

static bool
check_replace(const UimlStep *step)
{
	size_t pattern_length;

	if (step->size < AT_PATTERN)
		return false;
	if (encoder_load32(step->bytes) == FORM_TABLE)
		return check_table(step);
	pattern_length = encoder_load32(step->bytes + AT_PATTERN_LENGTH);
	return encoder_load32(step->bytes) == FORM_STRING && pattern_length > 0 &&
		   pattern_length <= step->size - AT_PATTERN;
}

static UimlStatus
run_replace(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	if (encoder_load32(step->bytes) == FORM_TABLE)
		return run_table(run, step->bytes, text, length, out);
	return run_string(run, step, text, length, out);
}

const UimlNormalizer uiml_normalizer_replace = {.kind = UIML_NORMALIZER_REPLACE,
												.type = "Replace",
												.compile = compile_replace,
												.check = check_replace,
												.run = run_replace};
