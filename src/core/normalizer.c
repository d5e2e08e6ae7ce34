/*
 * normalizer.c
 *	  The normalizers Strip and Prepend, which change the ends of a text.
 */
#include "core/tokenizer_parts.h"

#define STRIP_LEFT  1u
#define STRIP_RIGHT 2u

static UimlStatus
compile_strip(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	unsigned char bytes[4];
	bool left;
	bool right;
	UimlStatus status = uiml_json_boolean(object, "Strip", "strip_left", true, &left, fault);

	if (status == UIML_OK)
		status = uiml_json_boolean(object, "Strip", "strip_right", true, &right, fault);
	if (status != UIML_OK)
		return status;
	encoder_store32(bytes, (left ? STRIP_LEFT : 0) | (right ? STRIP_RIGHT : 0));
	return uiml_steps_append(env, steps, UIML_NORMALIZER_STRIP, bytes, sizeof(bytes));
}

static bool
check_strip(const UimlStep *step)
{
	return step->size == 4;
}

/* Where the character before end begins; end > 0. */
static size_t
character_before(const char *text, size_t end)
{
	size_t at = end - 1;

	while (at > 0 && ((unsigned char) text[at] & 0xC0) == 0x80)
		at--;
	return at;
}

static UimlStatus
run_strip(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	uint32_t sides = encoder_load32(step->bytes);
	size_t begin = 0;
	size_t end = length;

	while (begin < end && (sides & STRIP_LEFT) != 0)
	{
		size_t next = begin;

		if (!uiml_unicode_space(uiml_utf8_next(text, length, &next)))
			break;
		if (uiml_tokenizing_worked(run, next - begin) != UIML_OK)
			return UIML_EINTERRUPTED;
		begin = next;
	}
	while (end > begin && (sides & STRIP_RIGHT) != 0)
	{
		size_t before = character_before(text, end);
		size_t at = before;

		if (!uiml_unicode_space(uiml_utf8_next(text, end, &at)))
			break;
		if (uiml_tokenizing_worked(run, end - before) != UIML_OK)
			return UIML_EINTERRUPTED;
		end = before;
	}
	run->moved |= begin > 0;
	if (end == begin)
		return UIML_OK;
	return uiml_buffer_append(run->env, out, text + begin, end - begin);
}

const UimlNormalizer uiml_normalizer_strip = {.kind = UIML_NORMALIZER_STRIP,
											  .type = "Strip",
											  .compile = compile_strip,
											  .check = check_strip,
											  .run = run_strip};

static UimlStatus
compile_prepend(const UimlEnv *env, const json_t *object, UimlSteps *steps, UimlFault *fault)
{
	const json_t *prepend = json_object_get(object, "prepend");

	if (!json_is_string(prepend))
		return uiml_fault(fault, "The normalizer Prepend has no string \"prepend\".");
	return uiml_steps_append(env, steps, UIML_NORMALIZER_PREPEND, json_string_value(prepend),
							 json_string_length(prepend));
}

static bool
check_any(const UimlStep *step)
{
	(void) step;
	return true;
}

/* Nothing comes before an empty text. */
static UimlStatus
run_prepend(UimlTokenizing *run, const UimlStep *step, const char *text, size_t length, UimlBuffer *out)
{
	UimlStatus status = UIML_OK;

	if (length == 0)
		return UIML_OK;
	if (step->size > 0)
		status = uiml_buffer_append(run->env, out, step->bytes, step->size);
	return status == UIML_OK ? uiml_buffer_append(run->env, out, text, length) : status;
}

const UimlNormalizer uiml_normalizer_prepend = {.kind = UIML_NORMALIZER_PREPEND,
												.type = "Prepend",
												.compile = compile_prepend,
												.check = check_any,
												.run = run_prepend};
