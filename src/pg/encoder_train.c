/*
 * encoder_train.c
 *	  uiml_train_encoder, and where encoders are stored.
 *
 * Texts are read as the caller, under his rights and row-level security; the encoder is stored as the
 * domain's owner.  Memory: one context, watched against maintenance_work_mem.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/budget.h"
#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/phases.h"
#include "pg/source.h"
#include "pg/sql.h"
#include "pg/storage.h"
#include "pg/toolargs.h"
#include "pg/utf8.h"

PG_FUNCTION_INFO_V1(uiml_train_encoder);
PG_FUNCTION_INFO_V1(uiml_drop_encoder);

#define PART_BYTES ((Size) 1024 * 1024)

/* --- storing -------------------------------------------------------------------------------------------- */

typedef struct Namesake
{
	int64 encoder_id; /* 0: there is none */
	int32 domain_id;
} Namesake;

static void
read_namesake(TupleTableSlot *slot, void *ctx)
{
	Namesake *namesake = ctx;
	bool null;

	namesake->encoder_id = DatumGetInt64(slot_getattr(slot, 1, &null));
	namesake->domain_id = DatumGetInt32(slot_getattr(slot, 2, &null));
}

/* The encoder of that name that the domain's owner has, be it of this domain or of another. */
static Namesake
find_namesake(const UimlDomain *domain, const char *name)
{
	UimlSqlParams params = {0};
	Namesake namesake = {0};

	uiml_sql_param_text(&params, name);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(domain->owner), false);
	uiml_sql_each("SELECT e.encoder_id, COALESCE(e.domain_id, 0) FROM uiml.encoder e "
				  "WHERE e.name OPERATOR(pg_catalog.=) $1 AND e.owner OPERATOR(pg_catalog.=) $2",
				  &params, false, read_namesake, &namesake);
	return namesake;
}

void
uiml_encoder_check_name(const UimlDomain *domain, const char *name)
{
	size_t length = strlen(name);
	Namesake namesake;

	if (length < 1 || length > UIML_MAX_DOMAIN_NAME || strchr(name, '.') != NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_NAME), errmsg("invalid encoder name: \"%s\"", name),
				errdetail("A name has 1 to %d bytes and no period.", UIML_MAX_DOMAIN_NAME));
	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		ereport(ERROR, errcode(ERRCODE_RESERVED_NAME), errmsg("encoder name \"%s\" is reserved", name),
				errdetail("It is the name of the built-in encoder."), errhint("Pass another name."));
	namesake = find_namesake(domain, name);
	if (namesake.encoder_id != 0 && namesake.domain_id != domain->domain_id)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("encoder \"%s\" already exists for another domain", name),
				errhint("Pass another name, or drop that one with uiml_drop_encoder."));
}

static void
delete_encoder(int64 encoder_id)
{
	UimlSqlParams params = {0};

	uiml_sql_param(&params, INT8OID, Int64GetDatum(encoder_id), false);
	(void) uiml_catalog_delete("DELETE FROM uiml.encoder WHERE encoder_id OPERATOR(pg_catalog.=) $1",
							   &params);
}

static void
take_id(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(int64 *) ctx = DatumGetInt64(slot_getattr(slot, 1, &null));
}

static int64
insert_encoder(const UimlDomain *domain, const char *name, const UimlEncoder *encoder)
{
	UimlSqlParams params = {0};
	uint64 digest = hash_bytes_extended(encoder->bytes, (int) encoder->length, 0);
	int64 encoder_id = 0;

	uiml_sql_param(&params, INT4OID, Int32GetDatum(domain->domain_id), false);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(domain->owner), false);
	uiml_sql_param_text(&params, name);
	uiml_sql_param_text(&params, uiml_encoder_kind_name(encoder->kind));
	uiml_sql_param(&params, INT4OID, Int32GetDatum((int32) encoder->dims), false);
	uiml_sql_param_text(&params, uiml_whitening_name(encoder->whitening));
	uiml_sql_param(&params, INT8OID, Int64GetDatum((int64) encoder->texts), false);
	uiml_sql_param(&params, INT8OID, Int64GetDatum((int64) encoder->features), false);
	uiml_sql_param(&params, INT8OID, Int64GetDatum((int64) encoder->length), false);
	uiml_sql_param(&params, INT8OID, Int64GetDatum((int64) digest), false);
	uiml_sql_each(
		"INSERT INTO uiml.encoder AS e (domain_id, owner, name, kind, dims, whitening, texts, features, "
		"bytes, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING e.encoder_id",
		&params, false, take_id, &encoder_id);
	return encoder_id;
}

static void
insert_part(int64 encoder_id, Oid owner, int32 part, const char *bytes, Size size)
{
	UimlSqlParams params = {0};
	bytea *data = palloc(VARHDRSZ + size);

	SET_VARSIZE(data, VARHDRSZ + size);
	memcpy(VARDATA(data), bytes, size);
	uiml_sql_param(&params, INT8OID, Int64GetDatum(encoder_id), false);
	uiml_sql_param(&params, OIDOID, ObjectIdGetDatum(owner), false);
	uiml_sql_param(&params, INT4OID, Int32GetDatum(part), false);
	uiml_sql_param(&params, BYTEAOID, PointerGetDatum(data), false);
	uiml_sql_run("INSERT INTO uiml.encoder_part (encoder_id, owner, part, data) VALUES ($1, $2, $3, $4)",
				 &params);
	pfree(data);
}

void
uiml_encoder_put(const UimlDomain *domain, const char *name, const void *bytes, size_t length)
{
	UimlEncoder encoder;
	Namesake namesake;
	int64 encoder_id;
	int32 part = 0;

	uiml_encoder_check_name(domain, name);
	if (length > PG_INT32_MAX)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("encoder \"%s\" is too large", name));
	uiml_check(uiml_encoder_open(bytes, length, true, &encoder), "an encoder");
	namesake = find_namesake(domain, name);
	if (namesake.encoder_id != 0)
		delete_encoder(namesake.encoder_id);
	encoder_id = insert_encoder(domain, name, &encoder);
	for (Size at = 0; at < length; at += PART_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		insert_part(encoder_id, domain->owner, part++, (const char *) bytes + at,
					Min(PART_BYTES, length - at));
	}
}

/* --- training ------------------------------------------------------------------------------------------- */

typedef struct EncoderTraining
{
	const UimlDomain *domain;
	UimlEncoderParams params;
	UimlBudget budget;
	UimlPhases phases;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env; /* inner, watched by budget */
	MemoryContext row_context;
	UimlEncoderTrainer *trainer;
	void *bytes;
	size_t length;
} EncoderTraining;

static void
check_training(const EncoderTraining *training, UimlStatus status)
{
	if (status == UIML_EEMPTY)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the texts of domain \"%s\" have no words", training->domain->name));
	if (status == UIML_ELIMIT || (status == UIML_ENOMEM && training->budget.refused))
		ereport(
			ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("an encoder of %zu dimensions doesn't fit maintenance_work_mem", training->params.dims),
			errhint(
				"Raise maintenance_work_mem (64MB is enough for 128 dimensions), or ask for fewer dims."));
	uiml_check(status, "an encoder");
}

static void
read_text(TupleTableSlot *slot, void *ctx)
{
	EncoderTraining *training = ctx;
	MemoryContext old;
	bool null;
	Datum value = slot_getattr(slot, 1, &null);
	text *body;
	const char *utf8;
	size_t length;

	if (null)
		return;
	MemoryContextReset(training->row_context);
	old = MemoryContextSwitchTo(training->row_context);
	body = DatumGetTextPP(value);
	utf8 = uiml_utf8_from_server(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &length);
	MemoryContextSwitchTo(old);
	check_training(training, uiml_encoder_train_add(training->trainer, utf8, length));
}

/* All texts of the items table, or each text of the events once: what many did would count many times. */
static char *
texts_query(const UimlDomain *domain)
{
	bool from_items = OidIsValid(domain->items);
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %spg_catalog.concat_ws(' '", from_items ? "" : "DISTINCT ");
	foreach (cell, from_items ? domain->item_text : domain->text_cols)
		appendStringInfo(&sql, ", (t.%s)::pg_catalog.text", quote_identifier(lfirst(cell)));
	appendStringInfo(&sql, ") FROM %s t", uiml_relation_name(from_items ? domain->items : domain->events));
	return sql.data;
}

static void
read_texts(EncoderTraining *training)
{
	const UimlDomain *domain = training->domain;

	if (OidIsValid(domain->items))
		uiml_source_check_items(domain);
	else
		uiml_source_check_events(domain);
	if ((OidIsValid(domain->items) ? domain->item_text : domain->text_cols) == NIL)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("domain \"%s\" has no texts", domain->name),
			errhint("Name them with uiml_alter_domain: items, item_key and item_text, or text_cols of the "
					"events."));
	uiml_phases_enter(&training->phases, "reading");
	training->row_context =
		AllocSetContextCreate(training->budget.context, "uiml text", ALLOCSET_DEFAULT_SIZES);
	training->trainer = uiml_encoder_train_begin(&training->env, &training->params);
	if (training->trainer == NULL)
		check_training(training, UIML_ENOMEM);
	uiml_sql_each(texts_query(domain), NULL, false, read_text, training);
}

/* Everything lives in the budget's context and goes with it. */
static void
train(EncoderTraining *training)
{
	UimlStatus status;

	training->params.max_bytes = training->budget.limit;
	training->inner =
		uiml_env_pg(&training->pg, training->budget.context, uiml_phases_progress, &training->phases);
	training->env = uiml_budget_env(&training->budget, &training->inner);
	read_texts(training);
	uiml_phases_enter(&training->phases, "training");
	uiml_blas_begin();
	status = uiml_encoder_train_finish(training->trainer, &training->bytes, &training->length);
	uiml_blas_end();
	check_training(training, status);
	uiml_encoder_train_destroy(training->trainer);
}

/* --- arguments ------------------------------------------------------------------------------------------ */

static UimlEncoderKind
kind_arg(const char *kind)
{
	if (strcmp(kind, "lsa") == 0)
		return UIML_ENCODER_LSA;
	if (strcmp(kind, "hash") == 0)
		return UIML_ENCODER_HASH;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized kind of encoder: \"%s\"", kind), errhint("Use \"lsa\" or \"hash\"."));
}

static UimlWhitening
whitening_arg(const char *name)
{
	UimlWhitening whitening;

	if (!uiml_whitening_named(name, &whitening))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized whitening: \"%s\"", name),
				errhint("Use \"none\", \"relaxed\" or \"full\"."));
	return whitening;
}

static UimlEncoderParams
params_of_args(FunctionCallInfo fcinfo)
{
	UimlEncoderParams params;

	uiml_arg_required(fcinfo, 0, "domain");
	uiml_arg_required(fcinfo, 1, "kind");
	uiml_arg_required(fcinfo, 3, "whitening");
	params = uiml_encoder_defaults(kind_arg(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	if (!PG_ARGISNULL(2))
		params.dims = (size_t) uiml_arg_int(fcinfo, 2, "dims", 1, UIML_ENCODER_MAX_DIMS);
	params.whitening = whitening_arg(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	params.seed = uiml_arg_seed(fcinfo, 5);
	return params;
}

static Interval *
elapsed_since(TimestampTz started)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = GetCurrentTimestamp() - started;
	return interval;
}

static HeapTuple
result_tuple(const EncoderTraining *training, const char *name, TimestampTz started, TupleDesc desc)
{
	UimlEncoder encoder;
	bool null[8] = {false};
	Datum value[8];

	uiml_check(uiml_encoder_open(training->bytes, training->length, false, &encoder), "an encoder");
	value[0] = CStringGetTextDatum(name);
	value[1] = CStringGetTextDatum(uiml_encoder_kind_name(encoder.kind));
	value[2] = Int32GetDatum((int32) encoder.dims);
	value[3] = CStringGetTextDatum(uiml_whitening_name(encoder.whitening));
	value[4] = Int64GetDatum((int64) encoder.texts);
	value[5] = Int64GetDatum((int64) encoder.features);
	value[6] = Int64GetDatum((int64) encoder.length);
	value[7] = IntervalPGetDatum(elapsed_since(started));
	return heap_form_tuple(desc, value, null);
}

static HeapTuple
train_and_store(FunctionCallInfo fcinfo, MemoryContext context, TupleDesc desc)
{
	EncoderTraining training = {.params = params_of_args(fcinfo)};
	TimestampTz started = GetCurrentTimestamp();
	UimlDomain *domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_TRAIN);
	const char *name = PG_ARGISNULL(4) ? domain->name : text_to_cstring(PG_GETARG_TEXT_PP(4));
	UimlActing saved;

	uiml_encoder_check_name(domain, name);
	training.domain = domain;
	uiml_phases_begin(&training.phases, name);
	uiml_budget_init(&training.budget, context);
	train(&training);
	uiml_phases_enter(&training.phases, "storing");
	uiml_act_as_owner(domain, &saved);
	uiml_encoder_put(domain, name, training.bytes, training.length);
	uiml_act_as_self(&saved);
	uiml_phases_enter(&training.phases, NULL);
	return result_tuple(&training, name, started, desc);
}

/* One row; the training runs in the first call. */
Datum
uiml_train_encoder(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	HeapTuple tuple;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext context;
		MemoryContext old;
		TupleDesc desc;

		call = SRF_FIRSTCALL_INIT();
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		context =
			AllocSetContextCreate(CurrentMemoryContext, "uiml encoder training", ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(context);
		tuple = train_and_store(fcinfo, context, BlessTupleDesc(CreateTupleDescCopy(desc)));
		MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = heap_copytuple(tuple);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		uiml_budget_release();
	}
	call = SRF_PERCALL_SETUP();
	if (call->user_fctx == NULL)
		SRF_RETURN_DONE(call);
	tuple = call->user_fctx;
	call->user_fctx = NULL;
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(tuple));
}

static void
take_name(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(char **) ctx = TextDatumGetCString(slot_getattr(slot, 1, &null));
}

/* 'owner.name' of a domain that the caller may read; NULL where there is none. */
static char *
domain_name(int32 domain_id, Oid owner)
{
	UimlSqlParams params = {0};
	char *name = NULL;

	uiml_sql_param(&params, INT4OID, Int32GetDatum(domain_id), false);
	uiml_sql_each("SELECT d.name FROM uiml.domain d WHERE d.domain_id OPERATOR(pg_catalog.=) $1", &params,
				  false, take_name, &name);
	return name != NULL ? psprintf("%s.%s", GetUserNameFromId(owner, false), name) : NULL;
}

Datum
uiml_drop_encoder(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	UimlEncoderRow *row;

	if (strcmp(name, UIML_ENCODER_BUILTIN) == 0)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot drop encoder \"%s\" because it is built in", name));
	row = uiml_encoder_row(name, false);
	if (!has_privs_of_role(GetUserId(), row->owner))
	{
		const char *domain = domain_name(row->domain_id, row->owner);

		if (domain == NULL)
			ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied for encoder \"%s\"", name));
		(void) uiml_domain_get_locked(domain, UIML_OWN);
	}
	delete_encoder(row->encoder_id);
	PG_RETURN_VOID();
}
