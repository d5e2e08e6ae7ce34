/*
 * sequence_import.c
 *	  uiml_import_sequence: a safetensors file as the sequence model of a domain's active version.
 *
 * The file may be anybody's.  Classes are found by their ids, not by their places: items by key, interests by number; all of
 * them, on both sides, for a network can't say what it has not seen.  What users did last is read from the events, as a training
 * does, since predictions of users need it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/sequence_exchange.h"
#include "core/sequencefile.h"
#include "pg/env.h"
#include "pg/itemcache.h"
#include "pg/modelfile.h"
#include "pg/sequence_catalog.h"
#include "pg/sequence_read.h"
#include "pg/sequence_store.h"
#include "pg/train_sequence.h"
#include "pg/train_transfer.h"

PG_FUNCTION_INFO_V1(uiml_import_sequence);

#define NAMES_RESET 1024

typedef struct Importing
{
	UimlDomain *domain;
	const UimlServing *serving; /* the active version */
	UimlServed *served;
	const UimlItemFile *items;
	UimlNextTarget target;
	UimlSequenceClasses classes; /* of the version */
	UimlModelInput data;
	MemoryContext context;
	UimlBudget budget;
	UimlPhases phases;
	UimlPgEnv pg;
	UimlEnv inner;
	UimlEnv env;
	UimlSequenceImport file;
	UimlNextModel model;
	UimlSequenceRow row;
} Importing;

/* --- the domain ----------------------------------------------------------------------------------------- */

static void
open_domain(Importing *importing)
{
	const UimlDomain *domain = importing->domain;
	char *name = psprintf("%s.%s", GetUserNameFromId(domain->owner, false), domain->name);

	importing->serving = linitial(uiml_serving_list(name));
	importing->served = uiml_served_open(importing->serving);
	importing->items = uiml_items_open(importing->served, importing->serving);
	importing->classes =
		(UimlSequenceClasses){.n = importing->items->n_items, .n_items = importing->items->n_items};
	if (importing->target == UIML_NEXT_ITEM)
		return;
	importing->classes.n = (size_t) importing->served->k;
	importing->classes.class_no = importing->items->interest;
}

/* --- the file ------------------------------------------------------------------------------------------- */

static void
check(const Importing *importing, UimlStatus status, const UimlFault *fault)
{
	if (status != UIML_OK)
		uiml_modelfile_check(&importing->data);
	if (status == UIML_ENOMEM && importing->budget.refused)
		uiml_budget_exceeded(&importing->budget, "the sequence model",
							 3 * (double) importing->data.input.size);
	if ((status == UIML_ECORRUPT || status == UIML_ENOTFINITE) && fault->text[0] != '\0')
		ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				errmsg("could not import a sequence model for domain \"%s\"", importing->domain->name),
				errdetail("%s", fault->text));
	uiml_check(status, "a sequence model");
}

static void
open_file(Importing *importing)
{
	UimlFault fault = {""};

	check(importing,
		  uiml_sequence_import_open(&importing->env, &importing->data.input, &importing->file, &fault),
		  &fault);
	if (importing->file.target != importing->target)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the sequence model is of target \"%s\", not \"%s\"",
					   uiml_sequence_target_name(importing->file.target),
					   uiml_sequence_target_name(importing->target)),
				errhint("Pass target => '%s'.", uiml_sequence_target_name(importing->file.target)));
	if (importing->file.needs_vectors && importing->file.item_vectors != importing->serving->digest)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("the ridge of the sequence model is one of other item vectors than those of domain \"%s\"",
				   importing->domain->name),
			errdetail("Each version has its own."),
			errhint("Train one of this version with uiml_train_sequence."));
}

/* --- classes -------------------------------------------------------------------------------------------- */

/* The version's class of an interest, by its number, or UINT32_MAX. */
static uint32
find_interest(const UimlServed *served, const char *id)
{
	for (int j = 0; j < served->k; j++)
	{
		char number[16];

		snprintf(number, sizeof(number), "%d", served->interest_id[j]);
		if (strcmp(number, id) == 0)
			return (uint32) j;
	}
	return UINT32_MAX;
}

/* The version's class of the file's class. */
static uint32
find_class(const Importing *importing, size_t file_class)
{
	const UimlClassNames *names = &importing->file.id;
	int length = names->start[file_class + 1] - names->start[file_class];
	char *utf8 = pnstrdup(names->text + names->start[file_class], (Size) length);
	char *id = pg_any_to_server(utf8, length, PG_UTF8);

	return importing->target == UIML_NEXT_ITEM ? uiml_itemfile_find(importing->items, id, strlen(id))
											   : find_interest(importing->served, id);
}

static void
refuse_classes(const Importing *importing, size_t found)
{
	const char *what = importing->target == UIML_NEXT_ITEM ? "items" : "interests";

	ereport(
		ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		errmsg("the %s of the sequence model are not those of domain \"%s\"", what, importing->domain->name),
		errdetail("The model has %zu, version %d of the domain %zu; %zu are in both.",
				  importing->file.n_classes, importing->serving->version, importing->classes.n, found),
		errhint("A model of this version begins with the weights of the one before: SELECT * FROM "
				"uiml_train_sequence(%s, %s);",
				quote_literal_cstr(importing->domain->name),
				quote_literal_cstr(uiml_sequence_target_name(importing->target))));
}

/* The place of each of the file's classes in the version; an error unless that is a permutation. */
static uint32_t *
place_classes(const Importing *importing)
{
	size_t n = importing->file.n_classes;
	uint32_t *place = MemoryContextAllocHuge(importing->context, n * sizeof(uint32_t));
	bool *taken = MemoryContextAllocExtended(importing->context, importing->classes.n,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	MemoryContext scratch = AllocSetContextCreate(importing->context, "uiml names", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
	{
		place[i] = find_class(importing, i);
		if (place[i] != UINT32_MAX && !taken[place[i]])
		{
			taken[place[i]] = true;
			found++;
		}
		if ((i + 1) % NAMES_RESET != 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	if (found != n || found != importing->classes.n)
		refuse_classes(importing, found);
	return place;
}

/* Interests of other versions have the same numbers; their labels tell. */
static void
compare_labels(const Importing *importing, const uint32_t *place)
{
	const UimlClassNames *names = &importing->file.label;
	size_t different = 0;

	if (importing->target == UIML_NEXT_ITEM || names->start == NULL)
		return;
	for (size_t i = 0; i < importing->file.n_classes; i++)
	{
		Datum label = importing->served->label[place[i]];
		char *own = label != (Datum) 0 ? TextDatumGetCString(label) : "";
		char *utf8 = pg_server_to_any(own, (int) strlen(own), PG_UTF8);
		size_t length = (size_t) (names->start[i + 1] - names->start[i]);

		different += length != strlen(utf8) || memcmp(utf8, names->text + names->start[i], length) != 0;
	}
	if (different > 0)
		ereport(WARNING,
				errmsg("%zu of %zu interests of the sequence model have other labels than in domain \"%s\"",
					   different, importing->file.n_classes, importing->domain->name),
				errdetail("The model may be one of another version, whose interests have the same numbers "
						  "and mean something else."));
}

/* --- the model ------------------------------------------------------------------------------------------ */

static void
read_model(Importing *importing)
{
	const UimlItemFile *items = importing->items;
	UimlNextSpace space = {.n_items = items->n_items,
						   .dims = items->dims,
						   .in = items->in,
						   .out = items->out,
						   .interest = items->interest};
	uint32_t *place = place_classes(importing);
	UimlFault fault = {""};

	compare_labels(importing, place);
	check(importing,
		  uiml_sequence_import_model(&importing->env, &importing->file, place, &space, &importing->model,
									 &fault),
		  &fault);
}

/* The expert that is all of the model beside popularity, or "mixture". */
static const char *
kind_of(const UimlNextModel *model)
{
	int kind = UIML_EXPERT_POPULARITY;

	for (int e = UIML_EXPERT_POPULARITY + 1; e < UIML_N_EXPERTS; e++)
	{
		bool present = false;

		for (int i = 0; i < UIML_NEXT_LENGTHS; i++)
			present |= model->mix[i][e] > 0;
		if (present && kind != UIML_EXPERT_POPULARITY)
			return "mixture";
		if (present)
			kind = e;
	}
	return uiml_next_expert_name((UimlNextExpert) kind);
}

/* --- what users did last -------------------------------------------------------------------------------- */

static double
needs_nothing(void *ctx, const UimlSource *source)
{
	(void) ctx;
	(void) source;
	return 0;
}

static double
fit_needs_nothing(void *ctx, size_t sequences, size_t events)
{
	(void) ctx;
	(void) sequences;
	(void) events;
	return 0;
}

static void
store_user(void *ctx, Datum user, const uint32 *item, size_t n)
{
	uiml_sequence_store_add(ctx, user, item, n);
}

static void
store_sequences(Importing *importing)
{
	UimlSequenceReading reading = {.domain = importing->domain,
								   .file = importing->items,
								   .item_type = importing->served->item_type,
								   .classes = importing->classes,
								   .validation = .1,
								   .test = .1,
								   .budget = &importing->budget,
								   .env = importing->env,
								   .context = importing->context,
								   .phases = &importing->phases,
								   .source_needs = needs_nothing,
								   .fit_needs = fit_needs_nothing};
	UimlUserSequences *users = uiml_user_sequences_read(&reading);
	UimlSequenceStore *store;
	UimlActing acting;

	uiml_user_sequences_load(users);
	importing->row.users = (int64) (users->n_users[UIML_FIT]);
	uiml_act_as_owner(importing->domain, &acting);
	store = uiml_sequence_store_begin(importing->domain, importing->serving->version,
									  users->source->users.type->type);
	uiml_user_sequences_recent(users, store_user, store);
	importing->row.sequences_table = uiml_sequence_store_end(store);
	uiml_act_as_self(&acting);
	uiml_user_sequences_close(users);
}

/* --- storing -------------------------------------------------------------------------------------------- */

/* What a training of the next version goes by: the usual settings, and what the model tells of itself. */
static char *
settings_of(const UimlNextModel *model, const char *kind)
{
	UimlSequenceSettings settings = {.target = model->target,
									 .model = UIML_N_EXPERTS,
									 .embedding = (int32) model->lstm.shape.embedding,
									 .hidden = (int32) model->lstm.shape.hidden,
									 .epochs = 10,
									 .batch = 32,
									 .max_length = (int32) model->max_length,
									 .patience = 2,
									 .validation = .1,
									 .test = .1,
									 .mask = model->padded ? UIML_CHOICE_NO : UIML_CHOICE_DEFAULT,
									 .dropout = -1,
									 .negatives = -1,
									 .n_curve = -1};
	const UimlNextExpert trained[] = {UIML_EXPERT_RULES, UIML_EXPERT_RIDGE, UIML_EXPERT_LSTM};

	for (size_t i = 0; i < lengthof(trained); i++)
		if (strcmp(kind, uiml_next_expert_name(trained[i])) == 0)
			settings.model = trained[i];
	return uiml_sequence_settings_json(&settings);
}

/* Weights beyond the range are finite so far: NaN and infinity were refused by name. */
static void
pack(const Importing *importing, char *bytes, size_t size)
{
	UimlStatus status = uiml_sequencefile_pack(&importing->model, bytes, size);

	if (status == UIML_ENOTFINITE)
		ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("could not import a sequence model for domain \"%s\"", importing->domain->name),
				errdetail("A weight is beyond %g.", (double) UIML_SEQUENCEFILE_MAX_WEIGHT));
	uiml_check(status, "a sequence model");
}

static void
store_model(Importing *importing)
{
	const UimlNextModel *model = &importing->model;
	const char *kind = kind_of(model);
	size_t size = uiml_sequencefile_size(model);
	char *bytes = MemoryContextAllocHuge(importing->context, size);
	UimlSequenceContents contents = {.settings = settings_of(model, kind),
									 .metrics = "{\"networks\": [], \"results\": [], \"imported\": true}",
									 .data = bytes};
	UimlSequenceRow *row = &importing->row;

	pack(importing, bytes, size);
	row->domain_id = importing->domain->domain_id;
	row->owner = importing->serving->owner;
	row->version_id = importing->serving->version_id;
	row->target = importing->target;
	row->trained_by = GetUserId();
	row->kind = kind;
	row->classes = (int64) model->n_classes;
	row->embedding = (int32) model->lstm.shape.embedding;
	row->hidden = (int32) model->lstm.shape.hidden;
	row->max_length = (int32) model->max_length;
	row->bytes = (int64) size;
	uiml_sequence_put(row, &contents);
}

static void
import_model(Importing *importing)
{
	uiml_phases_begin(&importing->phases, importing->domain->name);
	importing->phases.activity = "importing";
	uiml_budget_init(&importing->budget, importing->context);
	importing->budget.purpose = "importing";
	importing->inner =
		uiml_env_pg(&importing->pg, importing->context, uiml_phases_progress, &importing->phases);
	importing->env = uiml_budget_env(&importing->budget, &importing->inner);
	uiml_transfer_snapshot_begin();
	open_domain(importing);
	open_file(importing);
	read_model(importing);
	store_sequences(importing);
	store_model(importing);
	uiml_transfer_snapshot_end();
}

/* uiml_import_sequence(domain, data, target) */
Datum
uiml_import_sequence(PG_FUNCTION_ARGS)
{
	Importing importing = {.target = uiml_sequence_target(text_to_cstring(PG_GETARG_TEXT_PP(2)))};
	MemoryContext caller = CurrentMemoryContext;

	importing.domain = uiml_domain_get_locked(text_to_cstring(PG_GETARG_TEXT_PP(0)), UIML_TRAIN);
	uiml_sequence_check_time(importing.domain);
	uiml_user_sequences_note_rls(importing.domain);
	uiml_modelfile_of_bytea(&importing.data, (struct varlena *) PG_GETARG_POINTER(1));
	importing.context = AllocSetContextCreate(caller, "uiml sequence import", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(importing.context);
	import_model(&importing);
	MemoryContextSwitchTo(caller);
	uiml_modelfile_close(&importing.data);
	MemoryContextDelete(importing.context);
	PG_RETURN_VOID();
}
