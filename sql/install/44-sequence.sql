/*
 * 44-sequence.sql
 *	  Sequence models: from what users did, in order of time, to what they do next.
 */
CREATE FUNCTION uiml_drop_sequence(domain text, target text DEFAULT 'interest')
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_drop_sequence'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_drop_sequence(text, text) IS
	'Drops a domain''s sequence model for a target, interest or item, so that predictions are made without it and no training renews it; needs train';

CREATE FUNCTION uiml_sequence_report(domain text, target text DEFAULT 'interest')
	RETURNS TABLE (
		network text, epoch integer, loss double precision, accuracy double precision,
		validation_loss double precision, validation_accuracy double precision,
		test_loss double precision, test_accuracy double precision,
		events_per_second double precision, kept boolean)
	AS 'MODULE_PATHNAME', 'uiml_sequence_report'
	LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 20 COST 1000;
COMMENT ON FUNCTION uiml_sequence_report(text, text) IS
	'How the networks of the sequence model of a domain''s active version were trained: per epoch the loss in nats per event and the accuracy on training, validation and test users (NULL: not measured), the speed, and whether these weights were kept. What was judged beside them is in metrics of uiml.sequence_model';

-- As uiml.transfers (42-transfer.sql), the view repeats the policy of its table.
CREATE VIEW uiml.sequence_models WITH (security_barrier) AS
	SELECT v.domain, m.target, m.kind AS model, v.version, v.active AS serving, m.users, m.classes,
		pg_catalog.pg_size_pretty(m.bytes) AS size,
		(SELECT pg_catalog.round((r.result OPERATOR(pg_catalog.->>) 'loss')::numeric, 4)
			FROM pg_catalog.jsonb_array_elements(m.metrics OPERATOR(pg_catalog.->) 'results') r (result)
			WHERE (r.result OPERATOR(pg_catalog.->>) 'model') OPERATOR(pg_catalog.=) m.kind LIMIT 1) AS loss,
		m.events, m.embedding, m.hidden, m.max_length, m.owner, m.trained_by, m.trained_at
	FROM (SELECT DISTINCT ON (l.domain_id, l.target) l.* FROM uiml.sequence_model l
			ORDER BY l.domain_id, l.target, l.version_id DESC) m
		JOIN uiml.version v ON v.version_id OPERATOR(pg_catalog.=) m.version_id
	WHERE pg_catalog.pg_has_role(m.owner, 'USAGE') OR uiml_is_grantee(m.domain_id);
COMMENT ON VIEW uiml.sequence_models IS
	'The newest sequence model of each domain and target that the caller may use: what was kept, whether it serves (its version is active), training users, classes, and its loss on test users in nats per event';
GRANT SELECT ON uiml.sequence_models TO PUBLIC;
