/*
 * prediction.h
 *	  What uiml_predict, uiml_recommend and their relatives share: arguments, forecasts, result rows.
 */
#ifndef UIML_PG_PREDICTION_H
#define UIML_PG_PREDICTION_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/tuplestore.h"

#include "core/itemfile.h"
#include "pg/attempt.h"
#include "pg/catalog.h"
#include "pg/served.h"

/* Rows of one call, in a tuplestore that spills to disk beyond work_mem. */
typedef struct UimlResult
{
	Tuplestorestate *store;
	TupleDesc desc;
} UimlResult;

/* What a prediction can rest on. */
typedef enum UimlBasis
{
	UIML_BASIS_HISTORY = 0, /* what the user did in the domain */
	UIML_BASIS_TRANSFER,    /* what he did in others */
	UIML_BASIS_PRIOR,       /* what everybody did in the domain */
	UIML_BASIS_SEQUENCE     /* what comes next after what the user did last (pg/sequence_serving.h) */
} UimlBasis;

/* A share among the next events: expected value, interval, and what it rests on most. */
typedef struct UimlForecast
{
	double score;
	double low;
	double high;
	UimlBasis basis;
	double basis_share;
} UimlForecast;

/* Starts a set-returning call whose rows have n columns. */
extern void uiml_result_begin(FunctionCallInfo fcinfo, int n, UimlResult *result);

/* Adds a row; the arrays have n elements. */
extern void uiml_result_put(UimlResult *result, const Datum *values, const bool *nulls);

/*
 * uiml_forecast
 *		A share and the parts of it that history and the sequence model give, with its 90 % interval among the
 *		next 20 events.
 *
 * rest: what gives the remaining part, the transfer or the prior
 * strength: weight of the posterior in events (uiml_blend_strength)
 */
extern UimlForecast uiml_forecast(double score, double history_part, double sequence_part, UimlBasis rest,
								  double strength);

/* Fills the six columns score, low, high, basis, basis_share, version from values[0] on. */
extern void uiml_forecast_columns(const UimlForecast *forecast, int32 version, Datum *values);

/* The argument k: 1 .. 10000, else an error. */
extern int uiml_arg_k(FunctionCallInfo fcinfo, int argument);

/*
 * The argument domain: the one of that name, or for NULL all that are trained and visible; never an empty
 * list.
 */
extern List *uiml_arg_domains(FunctionCallInfo fcinfo, int argument);

/*
 * uiml_arg_user
 *		Converts the first argument, a key of any type or NULL, to the key type of a domain.
 *
 * Returns false where it isn't a value of that type and the domain was not named (so that the domain is to be
 * skipped); an error where it was.  *known is false for NULL, which stands for somebody nothing is known of.
 */
extern bool uiml_arg_user(FunctionCallInfo fcinfo, const UimlServing *serving, Oid key_type, bool named,
						  Datum *key, bool *known);

/*
 * uiml_item_number
 *		The number of the item with a given key of a given type, or UINT32_MAX; a key of a wrong type is an
 *		error where the domain was named and no item of it where it was not.
 */
extern uint32 uiml_item_number(const UimlItemFile *file, const UimlServed *served, const UimlServing *serving,
							   bool named, Oid type, Datum value);

/* The trained state of one domain, as far as a call reads it. */
typedef struct UimlState
{
	const UimlServing *serving;
	bool named; /* the domain was, by the caller */
	UimlServed *served;
	const UimlItemFile *file; /* NULL unless asked for */
	const double *sigma;      /* dims, singular values of the item space; NULL unless asked for */
} UimlState;

/* What to open beside the interests. */
#define UIML_STATE_USERS 1
#define UIML_STATE_ITEMS 2
#define UIML_STATE_SIGMA 4

/*
 * uiml_state_open
 *		Opens a domain's interests and the parts asked for, an OR of UIML_STATE_*.
 *
 * Returns false where that fails and the domain is somebody else's, not named but one of all: then it is to
 * be left out, so that nobody can break the predictions of others with a broken domain.  An error where it
 * was named or is one's own, and for what is no fault of the domain, such as a cancel.
 */
extern bool uiml_state_open(UimlState *state, const UimlServing *serving, bool named, int parts);

/* uiml_served_user; false as uiml_state_open. */
extern bool uiml_state_user(UimlState *state, Datum key, UimlUserPart part, UimlUserRow *row);

/*
 * uiml_read_or_leave_out
 *		Runs read, which reads what belongs to a role; false as uiml_state_open where it fails by the fault of
 *		what it reads and strict is false.  what: for the server log at DEBUG1.
 */
extern bool uiml_read_or_leave_out(UimlAttemptFn read, void *ctx, bool strict, const char *what);

/* Items that stand for a user's history, with a weight each. */
typedef struct UimlHistory
{
	int n;
	Oid type; /* of the keys */
	Datum *key;
	float *weight;
} UimlHistory;

/*
 * The arguments history (an array of keys) and weights (real[] of the same length, or NULL: 1 each; argument -1: there
 * is none).
 */
extern UimlHistory uiml_arg_history(FunctionCallInfo fcinfo, int history_argument, int weights_argument);

/* A history as a user of the domain would have it. */
typedef struct UimlFolded
{
	float *vector; /* dims */
	int n_items;   /* of an interest, with a weight above 0: what the user is known by */
	int32 *items;  /* n_items, each once */
	bool *named;   /* n_items of the domain: it is in the history, whatever its weight */
	int n_events;  /* with a weight above 0, of any item: */
	uint32 *event; /* n_events items, in the order of the history */
} UimlFolded;

/* Folds in a history; state has its items open.  Unknown items count nothing. */
extern UimlFolded uiml_history_fold(const UimlState *state, const UimlHistory *history);

#endif /* UIML_PG_PREDICTION_H */
