/*
 * transfer_report.c
 *	  uiml_transfer_report: what a transfer is worth and what it found, in lines for people.
 *
 * The figures are those of uiml.transfer and its metrics (train_transfer_json.c).  Lines have at most 79
 * characters, so that psql's table of them fits a terminal.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "pg/domain.h"
#include "pg/prediction.h"
#include "pg/sql.h"
#include "pg/transfer_links.h"

PG_FUNCTION_INFO_V1(uiml_transfer_report);

/* Links that are told. */
#define REPORTED_LINKS 10

/* Bytes of a label that are shown. */
#define LABEL_BYTES 28

/* Every so many penalties of the path are told, and the best. */
#define PATH_STEP 4

typedef struct Report
{
	UimlSide source;
	UimlSide target;
	UimlTransferRow *row;
	Jsonb *metrics;
	UimlResult result;
} Report;

static void pg_attribute_printf(2, 3) add_line(Report *report, const char *format, ...)
{
	const bool null = false;
	StringInfoData line;
	Datum value;

	initStringInfo(&line);
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, format);
		needed = appendStringInfoVA(&line, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&line, needed);
	}
	value = CStringGetTextDatum(line.data);
	uiml_result_put(&report->result, &value, &null);
	pfree(line.data);
}

/* --- metrics -------------------------------------------------------------------------------------------- */

static void
take_metrics(TupleTableSlot *slot, void *ctx)
{
	bool null;

	*(Jsonb **) ctx = DatumGetJsonbPCopy(slot_getattr(slot, 1, &null));
}

static Jsonb *
metrics_of(const UimlTransferRow *row)
{
	Jsonb *metrics = NULL;
	UimlSqlParams params = {0};

	uiml_sql_param_int8(&params, row->transfer_id);
	uiml_sql_each("SELECT t.metrics FROM uiml.transfer t WHERE t.transfer_id OPERATOR(pg_catalog.=) $1",
				  &params, true, take_metrics, &metrics);
	return metrics;
}

/* A member of an object; NULL where it is missing, or the object is none. */
static JsonbValue *
member(JsonbContainer *object, const char *name)
{
	if (object == NULL || !JsonContainerIsObject(object))
		return NULL;
	return getKeyJsonValueFromContainer(object, name, (int) strlen(name), NULL);
}

/* A member that is an object or array itself. */
static JsonbContainer *
container(JsonbContainer *object, const char *name)
{
	JsonbValue *value = member(object, name);

	return value != NULL && value->type == jbvBinary ? value->val.binary.data : NULL;
}

static double
number(JsonbContainer *object, const char *name)
{
	JsonbValue *value = member(object, name);

	return value != NULL ? uiml_jsonb_number(value) : NAN;
}

/* An element of an array. */
static JsonbValue *
element(JsonbContainer *array, uint32 i)
{
	if (array == NULL || !JsonContainerIsArray(array))
		return NULL;
	return getIthJsonbValueFromContainer(array, i);
}

static double
element_number(JsonbContainer *array, uint32 i)
{
	JsonbValue *value = element(array, i);

	return value != NULL ? uiml_jsonb_number(value) : NAN;
}

/* --- sections ------------------------------------------------------------------------------------------- */

static void
add_head(Report *report)
{
	const UimlTransferRow *row = report->row;
	char *role = GetUserNameFromId(row->trained_by, true);
	double sample = number(&report->metrics->root, "sample");

	add_line(report, "Transfer from %s (version %d) to %s (version %d)", report->source.serving->domain,
			 report->source.serving->version, report->target.serving->domain,
			 report->target.serving->version);
	add_line(report, "Trained %.16s by %s", timestamptz_to_str(row->trained_at),
			 role != NULL ? role : "a role that was dropped");
	add_line(report, INT64_FORMAT " users are active in both", row->users);
	if (sample < (double) row->users)
		add_line(report, "(the vectors on all of them, the rest on a sample of %.0f)", sample);
}

static void
add_verdict(Report *report, const char *what, const UimlTransferVerdict *verdict, const char *unit,
			const char *over)
{
	add_line(report, "%s", "");
	if (isnan(verdict->gain))
	{
		add_line(report, "%s: not fitted, too few users", what);
		return;
	}
	add_line(report, "%s: %s", what,
			 verdict->used ? "used" : "not used, the gain is not above one standard error");
	add_line(report, "  Gain on held-out users: %.4f nats per %s over %s,", verdict->gain, unit, over);
	add_line(report, "  standard error %.4f", verdict->gain_se);
}

static void
add_folds(Report *report, JsonbContainer *section)
{
	JsonbContainer *gains = container(section, "fold_gain");
	StringInfoData line;
	JsonbValue *value;

	if (gains == NULL)
		return;
	initStringInfo(&line);
	for (uint32 i = 0; (value = element(gains, i)) != NULL; i++)
		appendStringInfo(&line, " %5.2f", uiml_jsonb_number(value));
	add_line(report, "  By fold:%s", line.data);
}

static void
add_candidates(Report *report, JsonbContainer *map)
{
	static const char *const name[][2] = {{"mean", "the mean of the target"},
										  {"ridge", "ridge to 0"},
										  {"biased", "ridge to the prior matrix"},
										  {"prior", "the prior matrix alone"}};
	static const char *const origin[][2] = {{"caller", "given by whoever trained"},
											{"previous", "that of the versions before, turned onto these"},
											{"identity", "the identity, for one encoder's space"}};
	JsonbContainer *errors = container(map, "error");
	JsonbValue *prior = member(map, "prior");

	add_line(report, "  Squared error of the vectors, out of fold:");
	for (size_t i = 0; i < lengthof(name); i++)
	{
		double error = number(errors, name[i][0]);

		if (!isnan(error))
			add_line(report, "    %.4f  %s%s", error, name[i][1],
					 strcmp(report->row->items_verdict, name[i][0]) == 0 ? " (best)" : "");
	}
	for (size_t i = 0; prior != NULL && prior->type == jbvString && i < lengthof(origin); i++)
		if (strlen(origin[i][0]) == (size_t) prior->val.string.len &&
			memcmp(origin[i][0], prior->val.string.val, (size_t) prior->val.string.len) == 0)
			add_line(report, "  The prior matrix is %s", origin[i][1]);
}

/* The path of the candidate that was chosen, or that of ridge to 0. */
static void
add_path(Report *report, JsonbContainer *map)
{
	bool biased = strcmp(report->row->items_verdict, "biased") == 0;
	JsonbContainer *path = container(map, biased ? "biased" : "path");
	JsonbValue *value;

	if (path == NULL)
		return;
	add_line(report, "      lambda      df   error      se");
	for (uint32 i = 0; (value = element(path, i)) != NULL; i++)
	{
		JsonbContainer *point = value->type == jbvBinary ? value->val.binary.data : NULL;
		double lambda = element_number(point, 0);
		bool best = lambda == report->row->items.lambda;

		if (i % PATH_STEP == 0 || best)
			add_line(report, "  %10.3g %7.1f  %6.4f  %6.4f%s", lambda, element_number(point, 1),
					 element_number(point, 2), element_number(point, 3), best ? "  <- best" : "");
	}
}

static void
add_weights(Report *report, JsonbContainer *items)
{
	static const char *const name[][2] = {{"map", "the map of vectors"},
										  {"neighbours", "users with a similar history in the source"},
										  {"overlap", "popularity among users of both domains"},
										  {"popularity", "popularity in the target"}};
	JsonbContainer *weights = container(items, "weights");

	add_line(report, "  What items are drawn from:");
	for (size_t i = 0; i < lengthof(name); i++)
		add_line(report, "    %3.0f %%  %s", 100 * number(weights, name[i][0]), name[i][1]);
	add_line(report, "  Counts as much as %.1f items beside a history in the target",
			 number(items, "strength"));
}

static void
add_items(Report *report)
{
	JsonbContainer *root = &report->metrics->root;
	JsonbContainer *map = container(root, "map");

	add_verdict(report, "Items", &report->row->items, "item", "popularity");
	if (map == NULL)
		return;
	add_folds(report, container(root, "items"));
	add_weights(report, container(root, "items"));
	add_candidates(report, map);
	add_path(report, map);
}

/* A label, cut between characters where it is long. */
static char *
short_label(const UimlServed *served, int interest)
{
	char *label;
	int length;
	int shown;

	if (served->label[interest] == (Datum) 0)
		return psprintf("interest %d", served->interest_id[interest]);
	label = TextDatumGetCString(served->label[interest]);
	length = (int) strlen(label);
	shown = pg_mbcliplen(label, length, LABEL_BYTES);
	return shown < length ? psprintf("%.*s...", shown, label) : label;
}

static void
add_links(Report *report)
{
	size_t n = REPORTED_LINKS;
	UimlLink *links = uiml_transfer_strongest(report->row, &report->source, &report->target, &n);

	if (n == 0)
		return;
	add_line(report, "  Strongest links, with the share of the target's interest and its lift:");
	for (size_t i = 0; i < n; i++)
		add_line(report, "    %s -> %s: %.0f %%, %.1f times",
				 short_label(report->source.served, links[i].source),
				 short_label(report->target.served, links[i].target), 100 * links[i].share, links[i].lift);
}

static void
add_interests(Report *report)
{
	JsonbContainer *interests = container(&report->metrics->root, "interests");

	add_verdict(report, "Interests", &report->row->interests, "event", "the prior");
	if (interests == NULL)
		return;
	add_folds(report, interests);
	add_line(report, "  Log-loss %.4f nats under the prior, %.4f under the transfer",
			 number(interests, "prior_loss"), number(interests, "loss"));
	add_line(report, "  Penalty %.3g per event, mixed with %.0f %% of the average",
			 report->row->interests.lambda, 100 * number(interests, "mixing"));
	add_line(report, "  Counts as much as a mass of %.1f beside a history in the target",
			 number(interests, "alpha"));
	add_links(report);
}

Datum
uiml_transfer_report(PG_FUNCTION_ARGS)
{
	Report report;

	uiml_result_begin(fcinfo, 1, &report.result);
	report.row = uiml_transfer_sides(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									 text_to_cstring(PG_GETARG_TEXT_PP(1)), &report.source, &report.target);
	report.metrics = metrics_of(report.row);
	if (report.metrics == NULL)
		uiml_transfer_refuse();
	add_head(&report);
	add_items(&report);
	add_interests(&report);
	return (Datum) 0;
}
