/*
 * json.h
 *	  JSON of unknown origin: the only door to jansson.
 *
 * jansson allocates by malloc: nothing here may be held while something can longjmp, so a tree lives within one
 * function of the core.  It takes up to some 30 times the text's length, so callers bound that.
 *
 * Duplicate keys, invalid UTF-8, a null character in a key and nesting beyond 2,048 levels (jansson's own limit)
 * are errors of the text.  Strings may contain null characters, which a token can: who takes one by
 * json_string_value asks json_string_length too.
 */
#ifndef UIML_JSON_H
#define UIML_JSON_H

#include <jansson.h>

#include "core/fault.h"

/*
 * uiml_json_parse
 *		The tree of a text, to be given back with json_decref.
 *
 * what: "config.json", for the fault.  Asks env->interrupted first and every 64 KiB.  Where an integer has more
 * than 64 bits, all numbers of the tree are reals: ask uiml_json_whole, not json_is_integer.  UIML_OK;
 * UIML_ECORRUPT with a fault that has line and column; UIML_EINTERRUPTED; UIML_ENOMEM (as far as jansson
 * tells: it calls some tokens that it had no memory for invalid).
 */
extern UimlStatus uiml_json_parse(const UimlEnv *env, const char *what, const char *text, size_t length,
								  json_t **root, UimlFault *fault);

/* The value of a whole number, written as an integer or as a real; false for anything else. */
extern bool uiml_json_whole(const json_t *value, long long *whole);

/*
 * Members of an object, with a default where there is none (or null); another type, or a number out of range,
 * is UIML_ECORRUPT with a fault.  A string is the tree's, and has no null character.
 */
extern UimlStatus uiml_json_integer(const json_t *object, const char *what, const char *key, long long least,
									long long most, long long absent, long long *value, UimlFault *fault);
extern UimlStatus uiml_json_real(const json_t *object, const char *what, const char *key, double absent,
								 double *value, UimlFault *fault);
extern UimlStatus uiml_json_boolean(const json_t *object, const char *what, const char *key, bool absent,
									bool *value, UimlFault *fault);
extern UimlStatus uiml_json_string(const json_t *object, const char *what, const char *key,
								   const char *absent, const char **value, UimlFault *fault);

#endif /* UIML_JSON_H */
