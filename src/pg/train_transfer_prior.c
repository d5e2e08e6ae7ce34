/*
 * train_transfer_prior.c
 *	  The matrix W0 that a map of vectors is drawn towards, where the caller gave none.
 *
 * Where both domains lie in the space of one encoder, what somebody likes in the one is what he likes in the
 * other: the identity.  Whether it helps is left to the verdict, of which W0 is but a candidate.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/sql.h"
#include "pg/train_transfer.h"

static void
take_text(TupleTableSlot *slot, void *ctx)
{
	bool null;
	Datum value = slot_getattr(slot, 1, &null);

	if (!null)
		*(char **) ctx = TextDatumGetCString(value);
}

/* The encoder whose space the version's items lie in; NULL where it is one of behaviour. */
static char *
encoder_of(const UimlServing *serving)
{
	UimlSqlParams params = {0};
	char *encoder = NULL;

	uiml_sql_param(&params, INT8OID, Int64GetDatum(serving->version_id), false);
	uiml_sql_each("SELECT v.settings OPERATOR(pg_catalog.->>) 'encoder' FROM uiml.version v "
				  "WHERE v.version_id OPERATOR(pg_catalog.=) $1 "
				  "AND v.settings OPERATOR(pg_catalog.->>) 'features' OPERATOR(pg_catalog.=) 'text'",
				  &params, true, take_text, &encoder);
	return encoder;
}

/* Encoders of two owners may share a name; as a candidate, another space's identity does no harm. */
static bool
same_space(const TransferTraining *training)
{
	const UimlServing *source = training->source.serving;
	const UimlServing *target = training->target.serving;
	char *encoder;
	char *other;

	if (source->dims != target->dims)
		return false;
	encoder = encoder_of(source);
	other = encoder != NULL ? encoder_of(target) : NULL;
	return other != NULL && strcmp(encoder, other) == 0;
}

static const double *
identity(const TransferTraining *training)
{
	size_t d = (size_t) training->source.serving->dims;
	double *w = MemoryContextAllocZero(training->context, d * d * sizeof(double));

	for (size_t i = 0; i < d; i++)
		w[i * d + i] = 1;
	return w;
}

const double *
uiml_transfer_default_prior(const TransferTraining *training)
{
	return same_space(training) ? identity(training) : NULL;
}
