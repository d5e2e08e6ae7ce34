/*
 * eventreader.c
 *	  What a row of a domain's events says: who did what to which item, when, and how much it counts.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "pg/domain.h"
#include "pg/eventreader.h"

#define MILLISECONDS     1e11 /* epochs beyond this are milliseconds: as seconds they are after 5138 */
#define UNIX_TO_POSTGRES ((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)
#define TELL_EVERY       0x3fff

static double
seconds_of(TimeKind kind, Datum value)
{
	double epoch;

	switch (kind)
	{
		case TIME_STAMP:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
				return INFINITY;
			return (double) DatumGetTimestamp(value) / USECS_PER_SEC;
		case TIME_DATE:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				return INFINITY;
			return (double) DatumGetDateADT(value) * SECS_PER_DAY;
		default:
			epoch = DatumGetFloat8(value);
			if (fabs(epoch) > MILLISECONDS)
				epoch /= 1000;
			return epoch - UNIX_TO_POSTGRES;
	}
}

/* A time beyond what timestamptz can hold is an error: a column that is no time at all, most likely. */
static double
checked_seconds(const EventReader *reader, Datum value)
{
	double seconds = seconds_of(reader->time_kind, value);

	if (isfinite(seconds) && !(seconds * USECS_PER_SEC > (double) MIN_TIMESTAMP &&
							   seconds * USECS_PER_SEC < (double) END_TIMESTAMP))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_FIELD_OVERFLOW), errmsg("event time out of range"),
						errdetail("Column \"%s\" holds %g, which is no Unix time in seconds or milliseconds.",
								  reader->domain->time_col, DatumGetFloat8(value))));
	return seconds;
}

/* The weight in kind_weights, or -1 where the kind has none. */
static float
lookup_kind(const UimlDomain *domain, const char *kind, int length)
{
	JsonbValue value;
	double weight;

	if (domain->kind_weights == NULL || !JB_ROOT_IS_OBJECT(domain->kind_weights) ||
		getKeyJsonValueFromContainer(&domain->kind_weights->root, kind, length, &value) == NULL)
		return -1;
	weight = uiml_jsonb_number(&value);
	if (!(weight >= 0 && weight <= FLT_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight of kind \"%.*s\" must be a finite number greater than or equal to zero",
						length, kind)));
	return (float) weight;
}

static float
kind_weight(EventReader *reader, Datum kind)
{
	size_t known = uiml_keys_count(reader->kinds);
	uint32 number = uiml_keys_number(reader->kinds, kind);

	if (number == UIML_NO_KEY)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many kinds of events"),
						errdetail("Column \"%s\" holds more than %zu different values.",
								  reader->domain->kind_col, known)));
	if (number >= known)
	{
		text *name = DatumGetTextPP(kind);

		if (number >= reader->kind_capacity)
		{
			reader->kind_capacity *= 2;
			reader->kind_weight = repalloc_huge(reader->kind_weight, reader->kind_capacity * sizeof(float));
		}
		reader->kind_weight[number] =
			lookup_kind(reader->domain, VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name));
	}
	return reader->kind_weight[number] < 0 ? 1 : reader->kind_weight[number];
}

/* The number of the row's item, or of its text where it has none; UIML_NO_KEY where there is no room. */
static uint32
item_number(EventReader *reader, TupleTableSlot *slot)
{
	uint32 text;

	if (!slot->tts_isnull[1])
		return uiml_keys_number(reader->items, slot->tts_values[1]);
	text = uiml_keys_number(reader->texts, slot->tts_values[reader->text_at]);
	return text == UIML_NO_KEY ? UIML_NO_KEY : text | UIML_TEXT_BIT;
}

/* Room for one more event; false where maintenance_work_mem is exhausted. */
static bool
make_room(EventReader *reader)
{
	UimlSource *source = reader->source;
	size_t capacity = reader->capacity + reader->capacity / 4;

	if (source->n_events < reader->capacity)
		return true;
	if (!uiml_budget_fits(&reader->budget, (capacity - reader->capacity) * sizeof(UimlEvent)))
		return false;
	source->events = repalloc_huge(source->events, capacity * sizeof(UimlEvent));
	reader->capacity = capacity;
	return true;
}

static void
store_event(EventReader *reader, TupleTableSlot *slot, double at, double weight)
{
	UimlSource *source = reader->source;
	UimlEvent event = {.at = at};

	if (reader->full || (reader->spool == NULL && !make_room(reader)))
	{
		reader->full = true;
		reader->overflow++;
		return;
	}
	event.user = uiml_keys_number(reader->users, slot->tts_values[0]);
	event.item = item_number(reader, slot);
	if (event.user == UIML_NO_KEY || event.item == UIML_NO_KEY)
	{
		reader->full = true;
		reader->overflow++;
		return;
	}
	event.weight = (float) Max(weight, FLT_MIN);
	if (reader->spool == NULL)
		source->events[source->n_events] = event;
	else if (!uiml_spool_add(reader->spool, &event))
	{
		reader->full = true;
		reader->overflow++;
		return;
	}
	source->n_events++;
	if (reader->time_kind != TIME_NONE && (source->n_events == 1 || at > source->until))
		source->until = at;
}

/*
 * The product of kind weight and weight column; 0 where the row does not count, *skipped where that should be
 * told.
 */
static double
weight_of(EventReader *reader, TupleTableSlot *slot, bool *skipped)
{
	double weight = 1;

	*skipped = false;
	if (reader->weight_at >= 0)
	{
		weight =
			slot->tts_isnull[reader->weight_at] ? 0 : DatumGetFloat8(slot->tts_values[reader->weight_at]);
		if (isnan(weight) || isinf(weight))
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("event weight must be finite"),
							errdetail("Column \"%s\" holds NaN or infinity.", reader->domain->weight_col)));
		*skipped = !(weight > 0);
	}
	if (reader->kind_at >= 0 && !slot->tts_isnull[reader->kind_at])
		weight *= kind_weight(reader, slot->tts_values[reader->kind_at]);
	if (weight > FLT_MAX)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("event weight out of range"),
						errdetail("A weight of %g exceeds %g.", weight, FLT_MAX)));
	return weight;
}

/* Without a user, or with neither an item nor a text that counts. */
static bool
is_incomplete(const EventReader *reader, const TupleTableSlot *slot)
{
	return slot->tts_isnull[0] ||
		   (slot->tts_isnull[1] && (reader->texts == NULL || slot->tts_isnull[reader->text_at]));
}

void
uiml_event_read(TupleTableSlot *slot, void *ctx)
{
	EventReader *reader = ctx;
	UimlSource *source = reader->source;
	double at = 0;
	double weight;
	bool skipped;

	if (reader->progress != NULL && (reader->rows++ & TELL_EVERY) == 0)
		reader->progress(reader->progress_ctx, "reading", (double) reader->rows, reader->expected_rows);
	slot_getallattrs(slot);
	if (is_incomplete(reader, slot))
	{
		source->skipped_null++;
		return;
	}
	if (reader->time_at >= 0)
	{
		at = slot->tts_isnull[reader->time_at] ? INFINITY
											   : checked_seconds(reader, slot->tts_values[reader->time_at]);
		if (!isfinite(at))
		{
			source->skipped_time++;
			return;
		}
	}
	weight = weight_of(reader, slot, &skipped);
	if (skipped)
		source->skipped_weight++;
	else if (weight > 0)
		store_event(reader, slot, at, weight);
}
