/*
 * settings.c
 *	  A domain as it would be with other settings, given as JSON.
 *
 * A setting is a property of a domain, so that whatever reads a domain reads the setting: nothing else has to
 * know that it is only tried.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "pg/domain.h"
#include "pg/settings.h"
#include "pg/sql.h"

/* What a version was trained with. */
typedef struct VersionSettings
{
	MemoryContext context;
	Jsonb *settings; /* NULL: there is no such version */
	int dims;
	int interests;
	double half_life;
} VersionSettings;

static void
invalid_setting(const char *argument, const char *name, const char *problem)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid value for setting \"%s\" in %s", name, argument), errdetail("%s", problem));
}

/* A whole number of 1 to max; 0 for null, where null_allowed. */
static int
whole_number(const JsonbValue *value, const char *argument, const char *name, int max, bool null_allowed)
{
	double number = value->type == jbvNull && null_allowed ? 0 : uiml_jsonb_number(value);

	if (number == 0 && value->type == jbvNull)
		return 0;
	if (!(number >= 1 && number <= max) || number != rint(number))
		invalid_setting(argument, name,
						psprintf("It must be an integer between 1 and %d%s.", max,
								 null_allowed ? ", or null to let training choose" : ""));
	return (int) number;
}

static double
half_life(const JsonbValue *value, const char *argument)
{
	char *text;

	if (value->type == jbvNull)
		return 0;
	if (value->type != jbvString)
		invalid_setting(argument, "half_life",
						"It must be an interval as text, such as \"30 days\", \"0\" for no decay, or null to "
						"let training choose.");
	text = pnstrdup(value->val.string.val, value->val.string.len);
	return uiml_half_life_seconds(DatumGetIntervalP(DirectFunctionCall3(
		interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

static char *
features(const JsonbValue *value, const char *argument)
{
	char *text;

	if (value->type != jbvString)
		invalid_setting(argument, "features", "It must be text.");
	text = pnstrdup(value->val.string.val, value->val.string.len);
	uiml_features_check(text);
	return text;
}

/* Options of the domain and, where they have the same name, the object's instead. */
static Jsonb *
joined(Jsonb *options, Jsonb *object)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(options), JsonbPGetDatum(object)));
}

static Jsonb *
without(Jsonb *object, const char *name)
{
	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(object), CStringGetTextDatum(name)));
}

static void
take_version(TupleTableSlot *slot, void *ctx)
{
	VersionSettings *version = ctx;
	MemoryContext old = MemoryContextSwitchTo(version->context);
	bool null;

	version->settings = DatumGetJsonbPCopy(slot_getattr(slot, 1, &null));
	version->dims = DatumGetInt32(slot_getattr(slot, 2, &null));
	version->interests = DatumGetInt32(slot_getattr(slot, 3, &null));
	version->half_life = DatumGetFloat8(slot_getattr(slot, 4, &null));
	if (null)
		version->half_life = INFINITY;
	MemoryContextSwitchTo(old);
}

static void
take_text(TupleTableSlot *slot, void *ctx)
{
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	strlcpy(ctx, null ? "" : TextDatumGetCString(value), NAMEDATALEN * 4);
}

static void
no_version(const UimlDomain *domain, int version)
{
	UimlSqlParams params = {0};
	char known[NAMEDATALEN * 4] = "";

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_each("SELECT pg_catalog.string_agg(v.version::pg_catalog.text, ', ' ORDER BY v.version) "
				  "FROM uiml.version v WHERE v.domain_id OPERATOR(pg_catalog.=) $1",
				  &params, true, take_text, known);
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("version %d of domain \"%s\" does not exist", version, domain->name),
			known[0] != '\0' ? errhint("Versions of the domain: %s.", known)
							 : errhint("The domain has no version: train it with uiml_train."));
}

/* What a version was trained with; what is no option of a domain tells how it was judged, and is left out. */
static void
apply_version(UimlDomain *domain, int number)
{
	UimlSqlParams params = {0};
	VersionSettings version = {.context = CurrentMemoryContext};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = NULL;
	Jsonb *options;

	uiml_sql_param_int4(&params, domain->domain_id);
	uiml_sql_param_int4(&params, number);
	uiml_sql_each("SELECT v.settings, v.dims, v.interests, v.half_life FROM uiml.version v "
				  "WHERE v.domain_id OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.=) $2",
				  &params, true, take_version, &version);
	if (version.settings == NULL)
		no_version(domain, number);
	domain->dims = version.dims;
	domain->interests = version.interests;
	domain->half_life = version.half_life;
	options = version.settings;
	iterator = JsonbIteratorInit(&version.settings->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (strcmp(name, "features") == 0)
			domain->features = features(&value, psprintf("version %d", number));
		if (!uiml_option_known(name))
			options = without(options, name);
	}
	/* A row of the catalog could have been written by hand. */
	if (domain->dims < 1 || domain->dims > UIML_MAX_DIMS || domain->interests < 1 ||
		domain->interests > UIML_MAX_INTERESTS || !(domain->half_life > 0) ||
		uiml_options_problem(options) != NULL)
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("version %d of domain \"%s\" can't be used", number, domain->name),
				errdetail("Its row in uiml.version has a value out of range."));
	domain->options = joined(domain->options, options);
}

/* Applies one setting; false where it is no property of a domain but an option, or unknown. */
static bool
apply_setting(UimlDomain *domain, const char *argument, const char *name, const JsonbValue *value)
{
	if (strcmp(name, "version") == 0)
		return true; /* has been applied */
	if (strcmp(name, "dims") == 0)
		domain->dims = whole_number(value, argument, name, UIML_MAX_DIMS, true);
	else if (strcmp(name, "interests") == 0)
		domain->interests = whole_number(value, argument, name, UIML_MAX_INTERESTS, true);
	else if (strcmp(name, "half_life") == 0)
		domain->half_life = half_life(value, argument);
	else if (strcmp(name, "features") == 0)
		domain->features = features(value, argument);
	else
		return false;
	return true;
}

UimlDomain *
uiml_domain_with(const UimlDomain *registered, Jsonb *settings, const char *argument)
{
	UimlDomain *domain = palloc(sizeof(UimlDomain));
	Jsonb *options = settings;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = NULL;
	char *problem;

	*domain = *registered;
	if (settings == NULL)
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", argument),
				errhint("Pass '{}' for the settings of the domain."));
	if (!JB_ROOT_IS_OBJECT(settings))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be a JSON object", argument),
				errhint("Pass '{}' for the settings of the domain, or those that differ, such as "
						"'{\"dims\": 64}'."));
	if (getKeyJsonValueFromContainer(&settings->root, "version", strlen("version"), &value) != NULL)
		apply_version(domain, whole_number(&value, argument, "version", PG_INT32_MAX, false));
	iterator = JsonbIteratorInit(&settings->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (apply_setting(domain, argument, name, &value))
			options = without(options, name);
		else if (!uiml_option_known(name))
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unrecognized setting \"%s\" in %s", name, argument),
					errhint("Settings are version, dims, interests, half_life, features, and the options "
							"of a domain: %s.",
							uiml_options_list()));
	}
	problem = uiml_options_problem(options);
	if (problem != NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value in %s", argument),
				errdetail("%s", problem));
	domain->options = joined(domain->options, options);
	return domain;
}
