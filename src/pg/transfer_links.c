/*
 * transfer_links.c
 *	  uiml_transfer_links: which interests of one domain go with which of another.
 *
 * A transfer knows places in the source's space, not interests.  So each source interest is put where
 * somebody would be who did nothing but its items, by their popularity.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/transferfile.h"
#include "pg/env.h"
#include "pg/itemcache.h"
#include "pg/prediction.h"
#include "pg/toolargs.h"
#include "pg/transfer_links.h"

PG_FUNCTION_INFO_V1(uiml_transfer_links);

#define RESULT_COLUMNS 6

UimlTransferRow *
uiml_transfer_sides(const char *source, const char *target, UimlSide *source_side, UimlSide *target_side)
{
	UimlTransferRow *row;

	source_side->serving = linitial(uiml_serving_list(source));
	target_side->serving = linitial(uiml_serving_list(target));
	if (source_side->serving->version_id == target_side->serving->version_id)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("source and target are both domain \"%s\"", source_side->serving->domain),
				errhint("A transfer leads from one domain to another."));
	row = uiml_transfer_find(source_side->serving->version_id, target_side->serving->version_id, true);
	if (row == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("there is no transfer from domain \"%s\" to domain \"%s\"",
					   source_side->serving->domain, target_side->serving->domain),
				errdetail("None was trained between their active versions."),
				errhint("Train it with: SELECT * FROM uiml_train_transfer(%s, %s);",
						quote_literal_cstr(source), quote_literal_cstr(target)));
	source_side->served = uiml_served_open(source_side->serving);
	target_side->served = uiml_served_open(target_side->serving);
	return row;
}

/* The transfer of interests; false where it isn't used.  Points into memory of the current context. */
static bool
open_interests(const UimlTransferRow *row, const UimlSide *source, const UimlSide *target,
			   UimlInterestTransfer *interests)
{
	UimlTransferFile file;
	char *bytes;

	if (!row->interests.used)
		return false;
	bytes = uiml_transfer_bytes(row, true, CurrentMemoryContext);
	if (UIML_TRANSFERFILE_FOREIGN && uiml_transferfile_swap(bytes, (size_t) row->bytes) != UIML_OK)
		uiml_transfer_refuse();
	if (uiml_transferfile_open(bytes, (size_t) row->bytes, true, &file) != UIML_OK || !file.interests.used ||
		file.interests.p != (size_t) source->serving->dims || file.interests.k != (size_t) target->served->k)
		uiml_transfer_refuse();
	*interests = file.interests;
	return true;
}

static int
compare_links(const void *a, const void *b)
{
	const UimlLink *x = a;
	const UimlLink *y = b;
	double worth_x = x->share * log(x->lift);
	double worth_y = y->share * log(y->lift);

	if (worth_x != worth_y)
		return worth_x > worth_y ? -1 : 1;
	return x->source != y->source ? x->source - y->source : x->target - y->target;
}

UimlLink *
uiml_transfer_strongest(const UimlTransferRow *row, const UimlSide *source, const UimlSide *target, size_t *n)
{
	size_t n_source = (size_t) source->served->k;
	size_t k = (size_t) target->served->k;
	size_t most = *n;
	UimlInterestTransfer interests;
	const UimlItemFile *items;
	UimlLink *links;
	float *place;
	double *lift;

	*n = 0;
	if (!open_interests(row, source, target, &interests))
		return NULL;
	items = uiml_items_open(source->served, source->serving);
	place = palloc_extended(n_source * items->dims * sizeof(float), MCXT_ALLOC_HUGE);
	lift = palloc_extended(n_source * k * sizeof(double), MCXT_ALLOC_HUGE);
	links = palloc_extended(n_source * k * sizeof(UimlLink), MCXT_ALLOC_HUGE);
	uiml_interest_places(items->in, items->interest, items->popularity, items->n_items, items->dims, n_source,
						 place);
	uiml_interest_links(&interests, place, n_source, target->served->prior, lift);
	for (size_t i = 0; i < n_source * k; i++)
	{
		if (lift[i] > 1)
			links[(*n)++] = (UimlLink){.source = (int) (i / k),
									   .target = (int) (i % k),
									   .share = lift[i] * target->served->prior[i % k],
									   .lift = lift[i]};
	}
	pg_qsort(links, *n, sizeof(UimlLink), compare_links);
	*n = Min(*n, most);
	return links;
}

static void
put_link(UimlResult *result, const UimlSide *source, const UimlSide *target, const UimlLink *link)
{
	Datum value[RESULT_COLUMNS] = {Int32GetDatum(source->served->interest_id[link->source]),
								   source->served->label[link->source],
								   Int32GetDatum(target->served->interest_id[link->target]),
								   target->served->label[link->target],
								   Float8GetDatum(rint(link->share * 1e4) / 1e4),
								   Float8GetDatum(rint(link->lift * 100) / 100)};
	bool null[RESULT_COLUMNS] = {false};

	null[1] = value[1] == (Datum) 0;
	null[3] = value[3] == (Datum) 0;
	uiml_result_put(result, value, null);
}

Datum
uiml_transfer_links(PG_FUNCTION_ARGS)
{
	UimlSide source;
	UimlSide target;
	UimlTransferRow *row;
	UimlResult result;
	UimlLink *links;
	size_t n;

	uiml_result_begin(fcinfo, RESULT_COLUMNS, &result);
	row = uiml_transfer_sides(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
							  &source, &target);
	n = (size_t) uiml_arg_k(fcinfo, 2);
	links = uiml_transfer_strongest(row, &source, &target, &n);
	for (size_t i = 0; i < n; i++)
		put_link(&result, &source, &target, &links[i]);
	return (Datum) 0;
}
