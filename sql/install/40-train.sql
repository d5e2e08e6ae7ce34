/*
 * 40-train.sql
 *	  Training: from events to a version that predictions are made from.
 */
CREATE FUNCTION uiml_train(
	domain text,
	events pg_catalog.regclass DEFAULT NULL,
	user_col name DEFAULT NULL,
	item_col name DEFAULT NULL,
	time_col name DEFAULT NULL,
	kind_col name DEFAULT NULL,
	weight_col name DEFAULT NULL,
	text_cols name[] DEFAULT NULL,
	items pg_catalog.regclass DEFAULT NULL,
	item_key name DEFAULT NULL,
	item_text name[] DEFAULT NULL,
	kind_weights jsonb DEFAULT NULL,
	half_life interval DEFAULT NULL,
	features text DEFAULT 'auto',
	dims integer DEFAULT NULL,
	interests integer DEFAULT NULL,
	schema name DEFAULT NULL,
	options jsonb DEFAULT NULL)
	RETURNS TABLE (
		domain text, version integer, users bigint, items bigint, events bigint, dims integer, interests integer,
		explained double precision, elapsed interval, metrics jsonb)
	AS 'MODULE_PATHNAME', 'uiml_train'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1 COST 100000;
COMMENT ON FUNCTION uiml_train(text, pg_catalog.regclass, name, name, name, name, name, name[], pg_catalog.regclass, name, name[], jsonb,
	interval, text, integer, integer, name, jsonb) IS
	'Trains a domain on its events and makes the result its active version; registers the domain first where it is new (events and the other arguments as in uiml_create_domain). Returns one row: the version, what it was trained on, dims and interests chosen, share of variance explained, time taken, and metrics on users held out of the training';
