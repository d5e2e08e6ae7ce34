/*
 * domain.h
 *	  Registering a domain: which table, which columns play which role.
 */
#ifndef UIML_PG_DOMAIN_H
#define UIML_PG_DOMAIN_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "pg/catalog.h"

/* Limits of what can be asked for; training may choose less. */
#define UIML_MAX_DIMS      1024
#define UIML_MAX_INTERESTS 4096

/* The arguments that uiml_create_domain and uiml_train share, from events on. */
#define UIML_DOMAIN_ARGS 17

/*
 * What a caller said of a domain.  Absent (SQL NULL) arguments are InvalidOid, NULL, NIL or 0, and ask for
 * recognition or a default; has_text_cols and has_item_text tell an empty array, which asks for none, from an
 * absent one, as does '' for the columns of time, kind and weight.
 */
typedef struct UimlDomainArgs
{
	const char *name;
	Oid events;
	const char *user_col;
	const char *item_col;
	const char *time_col;
	const char *kind_col;
	const char *weight_col;
	bool has_text_cols;
	List *text_cols; /* of char * */
	Oid items;
	const char *item_key;
	bool has_item_text;
	List *item_text; /* of char * */
	Jsonb *kind_weights;
	bool has_half_life;
	double half_life; /* seconds; INFINITY: no decay; 0 (NULL): chosen in training */
	const char *features;
	int dims;
	int interests;
	const char *schema;
	Jsonb *options;
} UimlDomainArgs;

/*
 * uiml_domain_args_read
 *		Reads and checks the UIML_DOMAIN_ARGS function arguments from position first (0-based) on, in the
 *		order of uiml_create_domain: events, user_col, item_col, time_col, kind_col, weight_col, text_cols,
 *		items, item_key, item_text, kind_weights, half_life, features, dims, interests, schema, options.  name
 *		is left to the caller. Errors (INVALID_PARAMETER_VALUE and the like) name the argument.
 */
extern void uiml_domain_args_read(FunctionCallInfo fcinfo, int first, UimlDomainArgs *args);

/* The same for uiml_alter_domain, whose list is without schema. */
extern void uiml_domain_changes_read(FunctionCallInfo fcinfo, int first, UimlDomainArgs *args);

/*
 * uiml_domain_create
 *		Recognises the columns that were not given, tells the choice in a NOTICE, creates the storage and
 *		registers the domain, owned by the current user.
 *
 * Errors: INVALID_NAME, DUPLICATE_OBJECT, AMBIGUOUS_COLUMN and UNDEFINED_COLUMN (hint: the argument to pass),
 * DATATYPE_MISMATCH, WRONG_OBJECT_TYPE, DUPLICATE_TABLE (hint: the argument schema), INSUFFICIENT_PRIVILEGE.
 */
extern UimlDomain *uiml_domain_create(const UimlDomainArgs *args);

/*
 * Checks of values that come from arguments or from the catalog: NULL where the value is fine, else what is
 * wrong with it, as an error detail.
 */
extern char *uiml_kind_weights_problem(Jsonb *kind_weights);
extern char *uiml_options_problem(Jsonb *options);

/* Is there an option of a domain of that name, and all there are: "col_scale, encoder, ..."; palloc'd. */
extern bool uiml_option_known(const char *name);
extern char *uiml_options_list(void);

/* A JSON number as double, infinite where it is too large; NaN for any other value. */
extern double uiml_jsonb_number(const JsonbValue *value);
extern bool uiml_features_known(const char *features);

/* Raises an error for features that are not known. */
extern void uiml_features_check(const char *features);

/*
 * Seconds, INFINITY for none ('0'); months count 30 days, as everywhere in PostgreSQL where a length is
 * needed.  INVALID_PARAMETER_VALUE for less than none, or more than 10,000 years.
 */
extern double uiml_half_life_seconds(const Interval *interval);

/*
 * An array of text or name as a List of char *, and back to text[].  NULL elements are refused, naming the
 * argument.
 */
extern List *uiml_text_list(ArrayType *array, const char *argument);
extern Datum uiml_text_array(List *texts);

#endif /* UIML_PG_DOMAIN_H */
