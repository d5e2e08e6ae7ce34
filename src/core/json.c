/*
 * json.c
 *	  JSON of unknown origin: the only door to jansson.
 */
#include <math.h>
#include <string.h>

#include "core/json.h"

/* Bytes between two questions whether to stop: some hundred microseconds. */
#define STRIDE ((size_t) 64 * 1024)

/* Doubles are exact for whole numbers up to here. */
#define WHOLE_LIMIT 9007199254740992.0

/* What jansson asks its pieces of; it wants about a kilobyte at a time. */
typedef struct Source
{
	const UimlEnv *env;
	const char *text;
	size_t left;
	size_t unasked; /* bytes since the last question */
	bool interrupted;
} Source;

static size_t
next_piece(void *buffer, size_t size, void *data)
{
	Source *source = data;
	size_t count = source->left < size ? source->left : size;

	source->unasked += count;
	if (source->unasked >= STRIDE)
	{
		source->unasked = 0;
		if (uiml_interrupted(source->env))
		{
			source->interrupted = true;
			return (size_t) -1;
		}
	}
	if (count > 0)
		memcpy(buffer, source->text, count);
	source->text += count;
	source->left -= count;
	return count;
}

static json_t *
load(Source *source, const UimlEnv *env, const char *text, size_t length, size_t flags, json_error_t *error)
{
	*source = (Source){.env = env, .text = text, .left = length, .unasked = STRIDE};
	memset(error, 0, sizeof(*error));
	return json_load_callback(next_piece, source, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | flags, error);
}

UimlStatus
uiml_json_parse(const UimlEnv *env, const char *what, const char *text, size_t length, json_t **root,
				UimlFault *fault)
{
	Source source;
	json_error_t error;

	*root = load(&source, env, text, length, 0, &error);

	/* A length of 10^30, the customary "none", is whole, but no integer of 64 bits. */
	if (*root == NULL && !source.interrupted && json_error_code(&error) == json_error_numeric_overflow)
		*root = load(&source, env, text, length, JSON_DECODE_INT_AS_REAL, &error);
	if (*root != NULL)
		return UIML_OK;
	if (source.interrupted)
		return UIML_EINTERRUPTED;
	if (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory)
		return UIML_ENOMEM;
	return uiml_fault(fault, "%s is not valid JSON: line %d, column %d: %s.", what, error.line, error.column,
					  error.text);
}

bool
uiml_json_whole(const json_t *value, long long *whole)
{
	double real;

	if (json_is_integer(value))
	{
		*whole = json_integer_value(value);
		return true;
	}
	real = json_real_value(value);
	if (!json_is_real(value) || real != floor(real) || fabs(real) > WHOLE_LIMIT)
		return false;
	*whole = (long long) real;
	return true;
}

UimlStatus
uiml_json_integer(const json_t *object, const char *what, const char *key, long long least, long long most,
				  long long absent, long long *value, UimlFault *fault)
{
	const json_t *member = json_object_get(object, key);

	*value = absent;
	if (member == NULL || json_is_null(member))
		return UIML_OK;
	if (!uiml_json_whole(member, value) || *value < least || *value > most)
		return uiml_fault(fault, "\"%s\" of %s must be a whole number from %lld to %lld.", key, what, least,
						  most);
	return UIML_OK;
}

UimlStatus
uiml_json_real(const json_t *object, const char *what, const char *key, double absent, double *value,
			   UimlFault *fault)
{
	const json_t *member = json_object_get(object, key);

	*value = absent;
	if (member == NULL || json_is_null(member))
		return UIML_OK;
	if (!json_is_number(member))
		return uiml_fault(fault, "\"%s\" of %s must be a number.", key, what);
	*value = json_number_value(member);
	return UIML_OK;
}

UimlStatus
uiml_json_boolean(const json_t *object, const char *what, const char *key, bool absent, bool *value,
				  UimlFault *fault)
{
	const json_t *member = json_object_get(object, key);

	*value = absent;
	if (member == NULL || json_is_null(member))
		return UIML_OK;
	if (!json_is_boolean(member))
		return uiml_fault(fault, "\"%s\" of %s must be true or false.", key, what);
	*value = json_is_true(member);
	return UIML_OK;
}

UimlStatus
uiml_json_string(const json_t *object, const char *what, const char *key, const char *absent,
				 const char **value, UimlFault *fault)
{
	const json_t *member = json_object_get(object, key);

	*value = absent;
	if (member == NULL || json_is_null(member))
		return UIML_OK;
	if (!json_is_string(member))
		return uiml_fault(fault, "\"%s\" of %s must be a string.", key, what);
	if (strlen(json_string_value(member)) != json_string_length(member))
		return uiml_fault(fault, "\"%s\" of %s contains a null character.", key, what);
	*value = json_string_value(member);
	return UIML_OK;
}
