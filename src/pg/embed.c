/*
 * embed.c
 *	  uiml_embed: texts to vectors, one by one and in arrays.
 *
 * What the core takes while it works goes with a context that is emptied after each call, so that a statement
 * over any number of rows needs the memory of one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/interest_vector.h"
#include "pg/served.h"
#include "pg/utf8.h"

PG_FUNCTION_INFO_V1(uiml_embed);
PG_FUNCTION_INFO_V1(uiml_embed_array);

/* Texts that the core gets at a time: enough of them to sort by length. */
#define BATCH_TEXTS 256

/* The encoder of the calls before, for as long as its right to be used holds without another look. */
typedef struct EmbedState
{
	text *name; /* NULL: none yet */
	Oid user;
	uint64 transaction;
	CommandId command;
	const UimlEncoder *encoder;
	MemoryContext scratch; /* of a call */
} EmbedState;

static bool
state_holds(const EmbedState *state, const text *name)
{
	return state->name != NULL && state->user == GetUserId() &&
		   state->transaction == uiml_transaction_number() && state->command == GetCurrentCommandId(false) &&
		   VARSIZE_ANY(name) == VARSIZE_ANY(state->name) && memcmp(name, state->name, VARSIZE_ANY(name)) == 0;
}

static EmbedState *
embed_state(FmgrInfo *flinfo, const text *name)
{
	EmbedState *state = flinfo->fn_extra;

	if (state == NULL)
	{
		state = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(EmbedState));
		state->scratch = AllocSetContextCreate(flinfo->fn_mcxt, "uiml embed", ALLOCSET_DEFAULT_SIZES);
		flinfo->fn_extra = state;
	}
	MemoryContextReset(state->scratch); /* of a call that ended in an error, caught in a function */
	if (state_holds(state, name))
		return state;
	if (state->name != NULL)
		pfree(state->name);
	state->name = NULL;
	state->encoder = uiml_encoder_get(text_to_cstring(name), true);
	state->user = GetUserId();
	state->transaction = uiml_transaction_number();
	state->command = GetCurrentCommandId(false);
	state->name = MemoryContextAlloc(flinfo->fn_mcxt, VARSIZE_ANY(name));
	memcpy(state->name, name, VARSIZE_ANY(name));
	return state;
}

void
uiml_encoder_check(UimlStatus status, const char *what)
{
	if (status == UIML_EINVALID)
		ereport(
			ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("a text is not valid UTF-8"),
			errdetail("Language models read UTF-8, and a database of encoding SQL_ASCII takes any bytes."));
	if (status == UIML_ELIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a text is too long for the tokenizer of its encoder"),
				 errdetail("It has megabytes without a place to cut, or the tokenizer makes 64 times as "
						   "much of it.")));
	if (status == UIML_ENOTFINITE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("the vector of a text is not finite"),
				 errdetail("The weights of its encoder make numbers that overflow.")));
	uiml_check(status, what);
}

Datum
uiml_embed(PG_FUNCTION_ARGS)
{
	text *input = PG_GETARG_TEXT_PP(0);
	EmbedState *state = embed_state(fcinfo->flinfo, PG_GETARG_TEXT_PP(1));
	InterestVector *vector = uiml_vector_new((int) state->encoder->dims);
	MemoryContext old = MemoryContextSwitchTo(state->scratch);
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, state->scratch, NULL, NULL);
	size_t length;
	const char *utf8 = uiml_utf8_from_server(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &length);

	uiml_encoder_check(uiml_encoder_embed(&env, state->encoder, utf8, length, vector->x),
					   "the vector of a text");
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->scratch);
	PG_FREE_IF_COPY(input, 0);
	PG_RETURN_INTEREST_VECTOR_P(vector);
}

/* --- arrays --------------------------------------------------------------------------------------------- */

/* Elements on their way to the core. */
typedef struct TextBatch
{
	const EmbedState *state;
	Datum *value; /* of the array: a text, then its vector */
	size_t n;
	int element[BATCH_TEXTS];
	UimlText text[BATCH_TEXTS];
} TextBatch;

/* Texts become vectors, in the caller's memory context. */
static void
batch_flush(TextBatch *batch)
{
	const UimlEncoder *encoder = batch->state->encoder;
	MemoryContext scratch = batch->state->scratch;
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, scratch, NULL, NULL);
	float *x = MemoryContextAllocHuge(scratch, BATCH_TEXTS * encoder->dims * sizeof(float));

	uiml_encoder_check(uiml_encoder_embed_all(&env, encoder, batch->text, batch->n, x), "vectors of texts");
	for (size_t i = 0; i < batch->n; i++)
		batch->value[batch->element[i]] =
			PointerGetDatum(uiml_vector_from_floats(x + i * encoder->dims, (int) encoder->dims));
	batch->n = 0;
	MemoryContextReset(scratch);
}

static void
batch_add(TextBatch *batch, int element)
{
	MemoryContext old = MemoryContextSwitchTo(batch->state->scratch);
	text *input = DatumGetTextPP(batch->value[element]);
	UimlText *next = &batch->text[batch->n];

	next->text = uiml_utf8_from_server(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &next->length);
	batch->element[batch->n++] = element;
	MemoryContextSwitchTo(old);
}

/* Before the work, and before memory is taken for vectors that no array can hold. */
static void
check_size(const bool *null, int n, const UimlEncoder *encoder)
{
	Size vectors = 0;

	for (int i = 0; i < n; i++)
		vectors += !null[i];
	if (vectors > MaxAllocSize / UIML_VECTOR_SIZE(encoder->dims))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("an array cannot hold %zu vectors of %zu dimensions", vectors, encoder->dims),
						errhint("Pass fewer texts at a time, at most %zu.",
								(Size) MaxAllocSize / UIML_VECTOR_SIZE(encoder->dims))));
}

Datum
uiml_embed_array(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	EmbedState *state = embed_state(fcinfo->flinfo, PG_GETARG_TEXT_PP(1));
	Oid type = uiml_vector_type();
	TextBatch *batch = palloc(sizeof(TextBatch));
	bool *null;
	int n;

	batch->state = state;
	batch->n = 0;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &batch->value, &null, &n);
	if (n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(type));
	check_size(null, n, state->encoder);
	for (int i = 0; i < n; i++)
	{
		if (null[i])
			continue;
		batch_add(batch, i);
		if (batch->n == BATCH_TEXTS)
			batch_flush(batch);
	}
	if (batch->n > 0)
		batch_flush(batch);
	PG_RETURN_ARRAYTYPE_P(construct_md_array(batch->value, null, ARR_NDIM(array), ARR_DIMS(array),
											 ARR_LBOUND(array), type, -1, false, TYPALIGN_INT));
}
