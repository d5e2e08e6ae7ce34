/*
 * 44-sequence.sql
 *	  Sequence models: from what users did, in order of time, to what they do next.
 */
CREATE FUNCTION uiml_train_sequence(
	domain text,
	target text DEFAULT 'interest',
	model text DEFAULT 'auto',
	embedding integer DEFAULT NULL,
	hidden integer DEFAULT NULL,
	epochs integer DEFAULT 10,
	batch integer DEFAULT 32,
	learning_rate double precision DEFAULT NULL,
	max_length integer DEFAULT 50,
	from_domain text DEFAULT NULL,
	freeze text[] DEFAULT NULL,
	patience integer DEFAULT 2,
	validation double precision DEFAULT 0.1,
	test double precision DEFAULT 0.1,
	users integer[] DEFAULT NULL,
	seed bigint DEFAULT 0,
	options jsonb DEFAULT NULL)
	RETURNS TABLE (
		model text, users bigint, epochs integer, validation_loss double precision,
		validation_accuracy double precision, loss double precision, accuracy double precision,
		hr double precision, ndcg double precision, used boolean)
	AS 'MODULE_PATHNAME', 'uiml_train_sequence'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 7 COST 100000;
COMMENT ON FUNCTION uiml_train_sequence(text, text, text, integer, integer, integer, integer, double precision, integer, text, text[],
	integer, double precision, double precision, integer[], bigint, jsonb) IS
	'Trains a model of what users do next on the events of a trained domain in order of time, for its active version, and stores it in place of the one before. target: interest or item. model: auto keeps what held-out users (validation) speak for; lstm, rules or ridge keep that one. from_domain: the LSTM starts from that of another domain, carried over by the transfer between the two. freeze: layers (embedding, recurrent, output) that keep the weights they start from. Returns a row per model with its loss in nats per event and accuracy on validation and test users, HR and NDCG at 10 for items, and which are used; history and blend tell what predictions say without and with it. These are of the last five events of each user and of experts beside popularity; what is told of epochs, and the networks that from_domain compares, are of the network alone on up to 50 events of each';

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
	'How the networks of the sequence model of a domain''s active version were trained: per epoch the loss in nats per event and the accuracy on training, validation and test users (NULL: not measured; of the network alone on up to 50 events of each user, not comparable with the rows of uiml_train_sequence), the speed, and whether these weights were kept. What was judged beside them is in metrics of uiml.sequence_model';

-- As uiml.transfers (42-transfer.sql), the view repeats the policy of its table.
CREATE VIEW uiml.sequence_models WITH (security_barrier) AS
	SELECT v.domain, m.target, m.kind AS model, v.version, v.active AS serving, m.users, m.classes,
		(SELECT pg_catalog.round((r.result OPERATOR(pg_catalog.->>) 'loss')::numeric, 4)
			FROM pg_catalog.jsonb_array_elements(m.metrics OPERATOR(pg_catalog.->) 'results') r (result)
			WHERE (r.result OPERATOR(pg_catalog.->>) 'model') OPERATOR(pg_catalog.=) m.kind LIMIT 1) AS loss,
		pg_catalog.pg_size_pretty(m.bytes) AS size, m.events, m.embedding, m.hidden, m.max_length, m.owner, m.trained_by, m.trained_at
	FROM (SELECT DISTINCT ON (l.domain_id, l.target) l.* FROM uiml.sequence_model l
			ORDER BY l.domain_id, l.target, l.version_id DESC) m
		JOIN uiml.version v ON v.version_id OPERATOR(pg_catalog.=) m.version_id
	WHERE pg_catalog.pg_has_role(m.owner, 'USAGE') OR uiml_is_grantee(m.domain_id);
COMMENT ON VIEW uiml.sequence_models IS
	'The newest sequence model of each domain and target that the caller may use: what was kept, whether it serves (its version is active), training users, classes, and its loss on test users in nats per event';
GRANT SELECT ON uiml.sequence_models TO PUBLIC;
