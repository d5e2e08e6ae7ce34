/*
 * encoder_train.c
 *	  uiml_train_encoder, and where encoders are stored.
 *
 * Texts are read as the caller, under his rights and row-level security; the encoder is stored as the
 * domain's owner.  Memory: one context, watched against maintenance_work_mem.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/budget.h"
#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/phases.h"
#include "pg/toolargs.h"

PG_FUNCTION_INFO_V1(uiml_train_encoder);

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
add_text(void *ctx, const char *utf8, size_t length)
{
	EncoderTraining *training = ctx;

	check_training(training, uiml_encoder_train_add(training->trainer, utf8, length));
}

static void
read_texts(EncoderTraining *training)
{
	uiml_encoder_check_texts(training->domain);
	uiml_phases_enter(&training->phases, "reading");
	training->trainer = uiml_encoder_train_begin(&training->env, &training->params);
	if (training->trainer == NULL)
		check_training(training, UIML_ENOMEM);
	uiml_encoder_texts(training->domain, training->budget.context, add_text, training);
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
