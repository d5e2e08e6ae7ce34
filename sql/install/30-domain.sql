/*
 * 30-domain.sql
 *	  Registering, changing, sharing and listing domains.
 */
CREATE FUNCTION uiml_create_domain(
	name text, events pg_catalog.regclass,
	user_col name DEFAULT NULL, item_col name DEFAULT NULL, time_col name DEFAULT NULL, kind_col name DEFAULT NULL,
	weight_col name DEFAULT NULL, text_cols name[] DEFAULT NULL,
	items pg_catalog.regclass DEFAULT NULL, item_key name DEFAULT NULL, item_text name[] DEFAULT NULL,
	kind_weights jsonb DEFAULT NULL, half_life interval DEFAULT NULL, features text DEFAULT 'auto',
	dims integer DEFAULT NULL, interests integer DEFAULT NULL, schema name DEFAULT NULL, options jsonb DEFAULT '{}')
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_create_domain'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_create_domain(text, pg_catalog.regclass, name, name, name, name, name, name[],
	pg_catalog.regclass, name, name[], jsonb, interval, text, integer, integer, name, jsonb) IS
	'Registers a table of events as a domain. Columns that are not given are recognised by name and type and told in a NOTICE (time_col, kind_col, weight_col: '''' for none). items with item_key and item_text hold the texts of items. kind_weights: weight of each kind of event, as JSON. half_life: ''0'' for no decay; NULL lets training choose it. dims 1..1024 and interests 1..4096: NULL lets training choose. schema: where the derived tables go. features: behaviour, text, hybrid or auto (hybrid where there are texts). options: seed, row_scale, col_scale, encoder, whitening';

CREATE FUNCTION uiml_alter_domain(
	name text, events pg_catalog.regclass DEFAULT NULL,
	user_col name DEFAULT NULL, item_col name DEFAULT NULL, time_col name DEFAULT NULL, kind_col name DEFAULT NULL,
	weight_col name DEFAULT NULL, text_cols name[] DEFAULT NULL,
	items pg_catalog.regclass DEFAULT NULL, item_key name DEFAULT NULL, item_text name[] DEFAULT NULL,
	kind_weights jsonb DEFAULT NULL, half_life interval DEFAULT NULL, features text DEFAULT NULL,
	dims integer DEFAULT NULL, interests integer DEFAULT NULL, options jsonb DEFAULT NULL, unset name[] DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_alter_domain'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_alter_domain(text, pg_catalog.regclass, name, name, name, name, name, name[],
	pg_catalog.regclass, name, name[], jsonb, interval, text, integer, integer, jsonb, name[]) IS
	'Changes what a domain reads and how it trains, from the next training on; NULL leaves a property as it is. unset lists properties to take away: time_col, kind_col, weight_col, text_cols, items, half_life, dims, interests. The types of the keys can''t change';

CREATE FUNCTION uiml_drop_domain(name text)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_drop_domain'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_drop_domain(text) IS
	'Drops a domain with its versions, derived tables, views and encoders; the events stay';

CREATE FUNCTION uiml_grant(domain text, role name, privilege text DEFAULT 'predict')
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_grant'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_grant(text, name, text) IS
	'Lets a role (public: everybody) use a domain. privilege: predict reads predictions and derived tables; train also trains, reading the events with the role''s own rights; own also alters, grants and drops. Replaces the role''s former privilege';

CREATE FUNCTION uiml_revoke(domain text, role name)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_revoke'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_revoke(text, name) IS 'Takes a role''s privilege on a domain away';

/*
 * Views run with their owner's rights in PostgreSQL 14, past the policies of uiml.domain: the condition here
 * repeats them.  security_barrier keeps a caller's own functions from seeing other rows before it is applied.
 */
CREATE VIEW uiml.domains WITH (security_barrier) AS
	SELECT d.name AS domain, d.owner, d.events, v.version, v.trained_at, v.data_until, v.users, v.items,
		v.events AS events_count, v.dims, v.interests,
		COALESCE(d.half_life, CASE WHEN v.version IS NOT NULL THEN COALESCE(pg_catalog.justify_hours(
			pg_catalog.make_interval(secs => v.half_life)), '0'::pg_catalog.interval) END) AS half_life,
		pg_catalog.concat_ws(', ', 'user ' OPERATOR(pg_catalog.||) d.user_col::text,
			'item ' OPERATOR(pg_catalog.||) d.item_col::text, 'time ' OPERATOR(pg_catalog.||) d.time_col::text,
			'kind ' OPERATOR(pg_catalog.||) d.kind_col::text, 'weight ' OPERATOR(pg_catalog.||) d.weight_col::text) AS columns,
		d.items AS items_table, COALESCE(d.item_text, d.text_cols) AS texts,
		pg_catalog.pg_size_pretty((SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(t.inhrelid))
			FROM pg_catalog.pg_inherits t WHERE t.inhparent OPERATOR(pg_catalog.=) ANY
				(ARRAY[d.items_table::pg_catalog.oid, d.interests_table::pg_catalog.oid, d.users_table::pg_catalog.oid, d.sequences_table::pg_catalog.oid]))) AS size
	FROM uiml.domain d LEFT JOIN uiml.version v ON v.domain_id OPERATOR(pg_catalog.=) d.domain_id AND v.active
	WHERE pg_catalog.pg_has_role(d.owner, 'USAGE')
		OR uiml_is_grantee(d.domain_id);
COMMENT ON VIEW uiml.domains IS
	'The domains the caller may use, with the columns they read and the figures of the active version (NULL: not trained yet); half_life is the registered one, else what the active version chose (0: no decay)';
GRANT SELECT ON uiml.domains TO PUBLIC;
