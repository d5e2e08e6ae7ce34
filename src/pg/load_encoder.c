/*
 * load_encoder.c
 *	  uiml_load_encoder: a pretrained language model into the catalog.
 *
 * The weights are read twice, in pieces: once for their SHA-256, once for the conversion, whose bytes go into the
 * catalog's parts as they come.  Memory is that of the tokenizer's text and some megabytes, whatever the model.
 *
 * Vectors that somebody stored rely on what a name stands for.  So its content never changes: where the name is
 * taken, the files are converted all the same, and the digest of what comes out decides whether that is the same
 * model once more.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/model_convert.h"
#include "pg/encoder.h"
#include "pg/env.h"
#include "pg/modeldirectory.h"
#include "pg/phases.h"
#include "pg/toolargs.h"

PG_FUNCTION_INFO_V1(uiml_load_encoder_directory);
PG_FUNCTION_INFO_V1(uiml_load_encoder_bytes);

typedef struct Loading
{
	char *name;
	const char *licence;
	UimlModelOptions options;
	UimlModelFiles files;
	UimlModelInput weights;
	char *sha256;
	UimlNamesake namesake;
	UimlModelInfo info;
	UimlPhases phases;
	UimlEncoderStore store;
	bool begun;
} Loading;

/* --- arguments ------------------------------------------------------------------------------------------ */

/* The name, and pooling, normalized, max_tokens and licence from argument first on. */
static void
read_args(Loading *loading, FunctionCallInfo fcinfo, int first)
{
	loading->name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	loading->options.normalize = PG_ARGISNULL(first + 1) ? -1 : PG_GETARG_BOOL(first + 1);
	if (!PG_ARGISNULL(first))
	{
		const char *pooling = text_to_cstring(PG_GETARG_TEXT_PP(first));

		if (!uiml_pooling_named(pooling, &loading->options.pooling))
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unrecognized pooling: \"%s\"", pooling),
					errhint("Use \"mean\", \"cls\" or \"max\"."));
	}
	if (!PG_ARGISNULL(first + 2))
		loading->options.max_tokens =
			(size_t) uiml_arg_int(fcinfo, first + 2, "max_tokens", 1, (int32) UIML_BERT_MAX_POSITIONS);
	if (!PG_ARGISNULL(first + 3))
		loading->licence = text_to_cstring(PG_GETARG_TEXT_PP(first + 3));
}

/* The name is free, or stands for a language model that may turn out to be this one. */
static void
check_name(Loading *loading)
{
	uiml_encoder_check_word(loading->name);
	loading->namesake = uiml_encoder_namesake(GetUserId(), loading->name);
	if (loading->namesake.domain_id != 0)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("encoder \"%s\" already exists", loading->name),
				errdetail("It was trained on the texts of a domain."),
				errhint("Pass another name, or drop that one with uiml_drop_encoder."));
}

/* --- files ---------------------------------------------------------------------------------------------- */

static UimlModelFile
text_argument(FunctionCallInfo fcinfo, int argument, const char *name, Size most)
{
	UimlModelInput file;
	UimlModelFile text;

	uiml_arg_required(fcinfo, argument, name);
	uiml_modelfile_of_bytea(&file, (struct varlena *) PG_GETARG_POINTER(argument));
	text.bytes = uiml_modelfile_whole(&file, name, most);
	text.length = (size_t) file.input.size;
	return text;
}

/* A tokenizer.json is an object; a vocabulary begins with a token, which no brace is in BERT's. */
static bool
is_json(const UimlModelFile *text)
{
	size_t i = 0;

	while (i < text->length && strchr(" \t\r\n", text->bytes[i]) != NULL)
		i++;
	return i < text->length && text->bytes[i] == '{';
}

static void
read_bytes(Loading *loading, FunctionCallInfo fcinfo)
{
	UimlModelFile tokenizer;

	loading->files.config = text_argument(fcinfo, 1, "config", UIML_MAX_CONFIG_BYTES);
	tokenizer = text_argument(fcinfo, 2, "tokenizer", UIML_MAX_TOKENIZER_BYTES);
	if (is_json(&tokenizer))
		loading->files.tokenizer = tokenizer;
	else
		loading->files.vocabulary = tokenizer;
	uiml_arg_required(fcinfo, 3, "weights");
	uiml_modelfile_of_bytea(&loading->weights, (struct varlena *) PG_GETARG_POINTER(3));
}

/* --- conversion ----------------------------------------------------------------------------------------- */

/* UimlModelInfo.type may be missing. */
static const char *
architecture_of(const UimlModelInfo *info)
{
	return info->type[0] != '\0' ? info->type : uiml_encoder_kind_name(info->kind);
}

static UimlEncoderRecord
record_of(const Loading *loading)
{
	const UimlModelInfo *info = &loading->info;

	return (UimlEncoderRecord){.owner = GetUserId(),
							   .name = loading->name,
							   .kind = info->kind,
							   .dims = info->dims,
							   .bytes = (int64) info->size,
							   .architecture = architecture_of(info),
							   .max_tokens = info->max_tokens,
							   .vocabulary = info->vocabulary,
							   .pooling = info->pooling != 0 ? uiml_pooling_name(info->pooling) : NULL,
							   .normalized = info->normalize,
							   .parameters = info->parameters,
							   .sha256 = loading->sha256,
							   .licence = loading->licence};
}

/* UimlOutput.write; the first bytes come when all that is to be recorded is known. */
static UimlStatus
take_bytes(void *ctx, const void *bytes, size_t count)
{
	Loading *loading = ctx;

	if (!loading->begun)
	{
		UimlEncoderRecord record = record_of(loading);

		uiml_encoder_store_begin(&loading->store, loading->namesake.encoder_id == 0 ? &record : NULL);
		loading->begun = true;
	}
	uiml_encoder_store_write(&loading->store, bytes, count);
	uiml_phases_progress(&loading->phases, "converting", (double) loading->store.size,
						 (double) loading->info.size);
	return UIML_OK;
}

/* What git leaves of a large file where git-lfs is missing. */
static bool
is_pointer(UimlModelInput *weights)
{
	static const char beginning[] = "version https://git-lfs";
	char bytes[sizeof(beginning) - 1];

	return weights->input.size >= sizeof(bytes) &&
		   weights->input.read(weights->input.ctx, 0, bytes, sizeof(bytes)) == UIML_OK &&
		   memcmp(bytes, beginning, sizeof(bytes)) == 0;
}

static int
sqlstate_of(UimlStatus status)
{
	switch (status)
	{
		case UIML_EINVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case UIML_ENOTFINITE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case UIML_ELIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		default:
			return ERRCODE_INVALID_BINARY_REPRESENTATION;
	}
}

static void
convert(Loading *loading)
{
	UimlPgEnv pg;
	UimlEnv env = uiml_env_pg(&pg, CurrentMemoryContext, NULL, NULL);
	UimlOutput out = {.write = take_bytes, .ctx = loading};
	UimlFault fault = {0};
	UimlStatus status;

	loading->files.weights = &loading->weights.input;
	status = uiml_model_convert(&env, &loading->files, &loading->options, &out, &loading->info, &fault);
	if (status != UIML_OK)
		uiml_modelfile_check(&loading->weights);
	if (fault.text[0] != '\0' && status != UIML_OK)
		ereport(ERROR, errcode(sqlstate_of(status)), errmsg("could not load encoder \"%s\"", loading->name),
				errdetail("%s", fault.text),
				is_pointer(&loading->weights)
					? errhint("These weights are a pointer of Git LFS. Get the file "
							  "itself with \"git lfs pull\".")
					: 0);
	uiml_check(status, "a language model");
	uiml_encoder_store_end(&loading->store);
}

/* A name that was taken stands for this model, or for another. */
static void
compare(const Loading *loading)
{
	const UimlNamesake *namesake = &loading->namesake;

	if (namesake->encoder_id == 0)
		return;
	if (namesake->bytes != loading->store.size || (uint64) namesake->digest != loading->store.digest)
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("encoder \"%s\" already exists with other content", loading->name),
				errdetail("The content of an encoder does not change: vectors that are stored rely on it."),
				errhint("Pass another name, or drop that one with uiml_drop_encoder."));
	ereport(NOTICE, errmsg("encoder \"%s\" already exists with this content, skipping", loading->name));
}

/* --- result --------------------------------------------------------------------------------------------- */

static Datum
result_row(const Loading *loading, FunctionCallInfo fcinfo, TimestampTz started)
{
	const UimlModelInfo *info = &loading->info;
	Interval *elapsed = palloc0(sizeof(Interval));
	bool null[7] = {false};
	Datum value[7];
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	elapsed->time = GetCurrentTimestamp() - started;
	null[3] = info->max_tokens == 0;
	value[0] = CStringGetTextDatum(loading->name);
	value[1] = CStringGetTextDatum(uiml_encoder_kind_name(info->kind));
	value[2] = Int32GetDatum((int32) info->dims);
	value[3] = Int32GetDatum((int32) info->max_tokens);
	value[4] = Int64GetDatum((int64) info->parameters);
	value[5] = DirectFunctionCall1(pg_size_pretty, Int64GetDatum(loading->store.size));
	value[6] = IntervalPGetDatum(elapsed);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), value, null));
}

/* What both forms do once the files are open. */
static Datum
load(Loading *loading, FunctionCallInfo fcinfo, TimestampTz started)
{
	uiml_phases_begin(&loading->phases, loading->name);
	loading->phases.activity = "loading";
	loading->sha256 = uiml_modelfile_sha256(&loading->weights);
	convert(loading);
	uiml_modelfile_check(&loading->weights);
	uiml_modelfile_close(&loading->weights);
	compare(loading);
	return result_row(loading, fcinfo, started);
}

static void
check_machine(void)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("language models are not supported on big-endian machines"));
#endif
}

/* uiml_load_encoder(name, directory, pooling, normalized, max_tokens, licence) */
Datum
uiml_load_encoder_directory(PG_FUNCTION_ARGS)
{
	TimestampTz started = GetCurrentTimestamp();
	Loading loading = {0};
	char *directory;

	check_machine();
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(
			ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied to read files of the server"),
			errdetail("Only roles with privileges of the role \"%s\" may.", "pg_read_server_files"),
			errhint("Pass the contents of the files: uiml_load_encoder(name, config, tokenizer, weights)."));
	uiml_arg_required(fcinfo, 0, "name");
	uiml_arg_required(fcinfo, 1, "directory");
	read_args(&loading, fcinfo, 2);
	directory = text_to_cstring(PG_GETARG_TEXT_PP(1));
	canonicalize_path(directory);
	if (!is_absolute_path(directory))
		ereport(ERROR, errcode(ERRCODE_INVALID_NAME),
				errmsg("relative path not allowed for the directory of a language model"),
				errdetail("\"%s\" does not begin with a slash.", directory));
	check_name(&loading);
	uiml_modeldirectory_read(directory, &loading.files, &loading.weights);
	return load(&loading, fcinfo, started);
}

/* uiml_load_encoder(name, config, tokenizer, weights, pooling, normalized, max_tokens, licence) */
Datum
uiml_load_encoder_bytes(PG_FUNCTION_ARGS)
{
	TimestampTz started = GetCurrentTimestamp();
	Loading loading = {0};

	check_machine();
	uiml_arg_required(fcinfo, 0, "name");
	read_args(&loading, fcinfo, 4);
	check_name(&loading);
	read_bytes(&loading, fcinfo);
	return load(&loading, fcinfo, started);
}
