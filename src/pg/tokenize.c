/*
 * tokenize.c
 *	  uiml_tokenize: the tokens of a text as a language model reads them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/prediction.h"
#include "pg/utf8.h"

PG_FUNCTION_INFO_V1(uiml_tokenize);

/* What the database can't hold is shown as U&'' would have it, what is no character by its byte. */
static size_t
append_character(StringInfo out, const char *token, size_t length)
{
	const unsigned char *byte = (const unsigned char *) token;
	size_t n = (size_t) pg_utf_mblen(byte);
	char *character;

	if (*byte == '\0' || n > length || !pg_utf8_islegal(byte, (int) n))
	{
		appendStringInfo(out, "\\x%02x", *byte);
		return 1;
	}
	character = uiml_utf8_to_server(token, n);
	if (character != NULL)
		appendStringInfoString(out, character);
	else
	{
		unsigned int code = (unsigned int) utf8_to_unicode(byte);

		appendStringInfo(out, code > 0xFFFF ? "\\+%06X" : "\\%04X", code);
	}
	return n;
}

static Datum
token_text(const UimlTokenizer *tokenizer, uint32 id)
{
	StringInfoData out;
	Datum value;
	size_t length;
	const char *token = uiml_tokenizer_token(tokenizer, id, &length);

	initStringInfo(&out);
	for (size_t at = 0; at < length;)
		at += append_character(&out, token + at, length - at);
	value = CStringGetTextDatum(out.data);
	pfree(out.data);
	return value;
}

/* The ids that the encoder would read, in the current memory context. */
static uint32 *
token_ids(const UimlEnv *env, const UimlEncoder *encoder, const text *input, size_t *n)
{
	const UimlTokenizer *tokenizer = uiml_encoder_tokenizer(encoder);
	size_t most = tokenizer->prefix + tokenizer->suffix;
	size_t length;
	size_t total;
	const char *utf8 = uiml_utf8_from_server(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &length);
	uint32 *id = palloc(sizeof(uint32) * Max(most, 1));

	/* once to know how many there are, where nothing limits them */
	if (encoder->max_tokens > 0)
		most = encoder->max_tokens;
	else
	{
		uiml_encoder_check(uiml_tokenizer_run(env, tokenizer, utf8, length, most, id, n, &total),
						   "the tokens of a text");
		most = total;
	}
	pfree(id);
	id = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * Max(most, 1));
	uiml_encoder_check(uiml_tokenizer_run(env, tokenizer, utf8, length, most, id, n, NULL),
					   "the tokens of a text");
	return id;
}

/* uiml_tokenize(text, encoder) */
Datum
uiml_tokenize(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const UimlEncoder *encoder = uiml_encoder_get(name, true);
	MemoryContext scratch;
	MemoryContext old;
	UimlPgEnv pg;
	UimlEnv env;
	UimlResult result;
	uint32 *id;
	size_t n;

	if (uiml_encoder_tokenizer(encoder) == NULL)
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("encoder \"%s\" has no tokenizer", name),
				errdetail("Encoders of kind %s read words and runs of characters.",
						  uiml_encoder_kind_name(encoder->kind)),
				errhint("uiml_terms shows the words of a text."));
	uiml_result_begin(fcinfo, 2, &result);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "uiml tokens", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	env = uiml_env_pg(&pg, scratch, NULL, NULL);
	id = token_ids(&env, encoder, PG_GETARG_TEXT_PP(0), &n);
	for (size_t i = 0; i < n; i++)
	{
		Datum value[2] = {Int32GetDatum((int32) id[i]), token_text(uiml_encoder_tokenizer(encoder), id[i])};
		bool null[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		uiml_result_put(&result, value, null);
		pfree(DatumGetPointer(value[1]));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return (Datum) 0;
}
