/*
 * distill.c
 *	  uiml_distill: a static encoder from a transformer.
 *
 * The encoder is of the caller and of no domain, or with a domain, whose texts are read as the caller, of that
 * domain and its owner.  The bytes go into the catalog as they are made.  Memory: one context, watched against
 * maintenance_work_mem; nearly all of it are the vectors of the vocabulary.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/bert_format.h"
#include "core/distill.h"
#include "pg/budget.h"
#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/phases.h"
#include "pg/sql.h"
#include "pg/toolargs.h"

PG_FUNCTION_INFO_V1(uiml_distill);

typedef struct Distilling
{
	const UimlEncoderRow *row; /* of the transformer */
	const UimlEncoder *encoder;
	const UimlDomain *domain; /* NULL: none */
	const char *name;         /* of what is made */
	char *licence;
	UimlDistillParams params;
	UimlBudget budget;
	UimlPhases phases;
	UimlPgEnv pg;
	UimlEnv env; /* watched by budget */
	UimlDistiller *distiller;
	UimlDistilled distilled;
	UimlEncoderStore store;
	UimlActing saved;
	bool begun;
} Distilling;

/* --- arguments ------------------------------------------------------------------------------------------ */

pg_noreturn static void
refuse_kind(const char *name, const char *kind)
{
	ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("encoder \"%s\" cannot be distilled", name),
			errdetail("It is of kind \"%s\".", kind),
			errhint("Distil a transformer (kind \"bert\"), as uiml_load_encoder stores them."));
}

static void
read_encoder(Distilling *distilling, const char *name)
{
	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		refuse_kind(name, uiml_encoder_kind_name(UIML_ENCODER_HASH));
	distilling->row = uiml_encoder_row(name, false);
	distilling->encoder = uiml_encoder_get(name, false);
	if (distilling->encoder->kind != UIML_ENCODER_BERT)
		refuse_kind(name, uiml_encoder_kind_name(distilling->encoder->kind));
	if (distilling->domain != NULL && uiml_encoder_tokenizer(distilling->encoder)->model != UIML_WORDPIECE)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("no words can be added to the vocabulary of encoder \"%s\"", name),
				errdetail("Its tokenizer is not of kind WordPiece."), errhint("Leave out the domain."));
}

/* An encoder's content never changes; one of a domain is replaced, as by a training. */
static void
check_name(const Distilling *distilling)
{
	if (distilling->domain != NULL)
	{
		uiml_encoder_check_name(distilling->domain, distilling->name);
		return;
	}
	uiml_encoder_check_word(distilling->name);
	if (uiml_encoder_namesake(GetUserId(), distilling->name).encoder_id != 0)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("encoder \"%s\" already exists", distilling->name),
				errdetail("The content of an encoder does not change: vectors that are stored rely on it."),
				errhint("Pass another name, or drop that one with uiml_drop_encoder."));
}

/* uiml_distill(encoder, dims, name, domain) */
static void
read_args(Distilling *distilling, FunctionCallInfo fcinfo)
{
	uiml_arg_required(fcinfo, 0, "encoder");
	distilling->params = uiml_distill_defaults();
	distilling->params.dims = (size_t) uiml_arg_int(fcinfo, 1, "dims", 1, UIML_ENCODER_MAX_DIMS);
	if (!PG_ARGISNULL(3))
	{
		distilling->domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(3)), UIML_TRAIN);
		uiml_encoder_check_texts(distilling->domain);
	}
	read_encoder(distilling, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	distilling->name = PG_ARGISNULL(2) ? psprintf("%s_distilled", distilling->row->name)
									   : text_to_cstring(PG_GETARG_TEXT_PP(2));
	check_name(distilling);
}

static void
take_licence(TupleTableSlot *slot, void *ctx)
{
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (!null)
		*(char **) ctx = TextDatumGetCString(value);
}

/* What is made of a model is under its licence. */
static void
read_licence(Distilling *distilling)
{
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, distilling->row->encoder_id);
	uiml_sql_each("SELECT e.licence FROM uiml.encoder e WHERE e.encoder_id OPERATOR(pg_catalog.=) $1",
				  &params, false, take_licence, &distilling->licence);
}

/* --- distilling ----------------------------------------------------------------------------------------- */

static void
check_status(Distilling *distilling, UimlStatus status)
{
	const UimlEncoder *encoder = distilling->encoder;
	size_t rows = encoder->features;

	if (status == UIML_EEMPTY)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("encoder \"%s\" gives all tokens the same vector", distilling->row->name));
	if (status == UIML_ENOMEM && distilling->budget.refused)
		uiml_budget_exceeded(&distilling->budget,
							 psprintf("%zu tokens of %zu dimensions", rows, encoder->dims),
							 (double) rows * (double) encoder->dims * sizeof(float) * 1.25);
	uiml_encoder_check(status, "a static encoder");
}

static void
add_text(void *ctx, const char *utf8, size_t length)
{
	Distilling *distilling = ctx;

	check_status(distilling, uiml_distill_add(distilling->distiller, utf8, length));
}

static UimlEncoderRecord
record_of(const Distilling *distilling)
{
	const UimlDistilled *distilled = &distilling->distilled;
	const UimlDomain *domain = distilling->domain;

	return (UimlEncoderRecord){.owner = domain != NULL ? domain->owner : GetUserId(),
							   .domain_id = domain != NULL ? domain->domain_id : 0,
							   .name = distilling->name,
							   .kind = UIML_ENCODER_STATIC,
							   .dims = distilled->dims,
							   .bytes = (int64) distilled->size,
							   .architecture = "model2vec",
							   .vocabulary = distilled->vocabulary,
							   .pooling = uiml_pooling_name(UIML_POOLING_MEAN),
							   .normalized = true,
							   .parameters = (uint64) distilled->vocabulary * distilled->dims,
							   .licence = distilling->licence};
}

/* UimlOutput.write; from the first bytes on as the domain's owner. */
static UimlStatus
take_bytes(void *ctx, const void *bytes, size_t count)
{
	Distilling *distilling = ctx;

	if (!distilling->begun)
	{
		UimlEncoderRecord record = record_of(distilling);

		uiml_phases_enter(&distilling->phases, "storing");
		if (distilling->domain != NULL)
		{
			UimlNamesake namesake;

			uiml_act_as_owner(distilling->domain, &distilling->saved);
			namesake = uiml_encoder_namesake(record.owner, record.name);
			if (namesake.encoder_id != 0)
				uiml_encoder_delete(namesake.encoder_id);
		}
		uiml_encoder_store_begin(&distilling->store, &record);
		distilling->begun = true;
	}
	uiml_encoder_store_write(&distilling->store, bytes, count);
	return UIML_OK;
}

/* Everything lives in the budget's context and goes with it. */
static void
distil(Distilling *distilling)
{
	UimlOutput out = {.write = take_bytes, .ctx = distilling};
	UimlBudget *budget = &distilling->budget;
	UimlEnv inner = uiml_env_pg(&distilling->pg, budget->context, uiml_phases_progress, &distilling->phases);
	UimlStatus status;

	distilling->env = uiml_budget_env(budget, &inner);
	check_status(distilling, uiml_distill_begin(&distilling->env, distilling->encoder, &distilling->params,
												distilling->domain != NULL, &distilling->distiller));
	if (distilling->domain != NULL)
		uiml_encoder_texts(distilling->domain, budget->context, add_text, distilling);
	uiml_phases_enter(&distilling->phases, "encoding");
	uiml_blas_begin();
	status = uiml_distill_finish(distilling->distiller, &out, &distilling->distilled);
	uiml_blas_end();
	check_status(distilling, status);
	uiml_encoder_store_end(&distilling->store);
	if (distilling->domain != NULL)
		uiml_act_as_self(&distilling->saved);
	uiml_distill_destroy(distilling->distiller);
	uiml_phases_enter(&distilling->phases, NULL);
}

static HeapTuple
result_tuple(const Distilling *distilling, TupleDesc desc, TimestampTz started)
{
	const UimlDistilled *distilled = &distilling->distilled;
	Interval *elapsed = palloc0(sizeof(Interval));
	bool null[7] = {false};
	Datum value[7];

	elapsed->time = GetCurrentTimestamp() - started;
	value[0] = CStringGetTextDatum(distilling->name);
	value[1] = Int32GetDatum((int32) distilled->dims);
	value[2] = Int32GetDatum((int32) distilled->vocabulary);
	value[3] = Int32GetDatum((int32) distilled->words);
	value[4] = Float8GetDatum(rint(distilled->explained * 1e4) / 1e4);
	value[5] = DirectFunctionCall1(pg_size_pretty, Int64GetDatum(distilling->store.size));
	value[6] = IntervalPGetDatum(elapsed);
	return heap_form_tuple(BlessTupleDesc(desc), value, null);
}

Datum
uiml_distill(PG_FUNCTION_ARGS)
{
	TimestampTz started = GetCurrentTimestamp();
	Distilling distilling = {0};
	MemoryContext context;
	TupleDesc desc;
	HeapTuple tuple;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	read_args(&distilling, fcinfo);
	read_licence(&distilling);
	uiml_phases_begin(&distilling.phases, distilling.name);
	distilling.phases.activity = "distilling";
	context = AllocSetContextCreate(CurrentMemoryContext, "uiml distillation", ALLOCSET_DEFAULT_SIZES);
	uiml_budget_init(&distilling.budget, context);
	distilling.budget.purpose = "distillation";
	distil(&distilling);
	tuple = result_tuple(&distilling, desc, started);
	MemoryContextDelete(context);
	uiml_budget_release();
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
