/*
 * 42-transfer.sql
 *	  Transfers: from what users did in one domain to what they will do in another.
 */
CREATE FUNCTION uiml_train_transfer(
	source text DEFAULT NULL, target text DEFAULT NULL, prior transfer_matrix DEFAULT NULL,
	incremental boolean DEFAULT true)
	RETURNS TABLE (
		source text, target text, predicts text, verdict text, used boolean, users bigint,
		gain double precision, gain_se double precision, lambda double precision)
	AS 'MODULE_PATHNAME', 'uiml_train_transfer'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2 COST 100000;
COMMENT ON FUNCTION uiml_train_transfer(text, text, transfer_matrix, boolean) IS
	'Learns from the users of two trained domains how the source tells what they do in the target, and keeps it for predictions as long as both versions are active. NULL: all trained domains the caller may use, as source or target. Needs predict on the source and train on the target. prior: a matrix from source to target vectors to begin with. incremental: users who were not counted yet are added to the statistics of the same versions. Two rows for each pair, of items and of interests: best candidate, whether it is used, overlapping users, gain in nats over popularity or the prior with its standard error on held-out users, and penalty';

CREATE FUNCTION uiml_drop_transfer(source text, target text)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_drop_transfer'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_drop_transfer(text, text) IS
	'Drops the transfer from one domain to another; needs predict on the source and train on the target';

CREATE FUNCTION uiml_transfer_report(source text, target text)
	RETURNS TABLE (line text)
	AS 'MODULE_PATHNAME', 'uiml_transfer_report'
	LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 50 COST 1000;
COMMENT ON FUNCTION uiml_transfer_report(text, text) IS
	'What the transfer between two domains'' active versions is worth, in lines to read: verdicts, gains with standard errors and by fold, what items are drawn from, the path of penalties, and the strongest links between interests. The figures are columns of uiml.transfers and in metrics of uiml.transfer';

CREATE FUNCTION uiml_transfer_links(source text, target text, k integer DEFAULT 10)
	RETURNS TABLE (
		source_interest integer, source_label text, target_interest integer, target_label text,
		share double precision, lift double precision)
	AS 'MODULE_PATHNAME', 'uiml_transfer_links'
	LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 10 COST 1000;
COMMENT ON FUNCTION uiml_transfer_links(text, text, integer) IS
	'Which interests of the source go with which of the target, the k (1 to 10000) strongest first, by share x log(lift): the share of the target interest among the next events of somebody who did nothing but what is of the source interest, and how many times the prior that is. No rows where the transfer isn''t used for interests';

-- As uiml.domains (30-domain.sql), the view repeats the policy of its table.
CREATE VIEW uiml.transfers WITH (security_barrier) AS
	SELECT s.domain AS source, t.domain AS target, p.predicts, p.verdict, p.used, r.users,
		pg_catalog.round(p.gain::numeric, 4) AS gain, pg_catalog.round(p.gain_se::numeric, 4) AS gain_se,
		p.used AND s.active AND t.active AS serving, p.lambda::real AS lambda, s.version AS source_version,
		t.version AS target_version, r.source_owner, r.owner AS target_owner, r.trained_by, r.trained_at,
		pg_catalog.pg_size_pretty(r.bytes) AS size
	FROM (SELECT DISTINCT ON (l.source_domain_id, l.domain_id) l.* FROM uiml.transfer l
			ORDER BY l.source_domain_id, l.domain_id, l.transfer_id DESC) r
		JOIN uiml.version s ON s.version_id OPERATOR(pg_catalog.=) r.source_version_id
		JOIN uiml.version t ON t.version_id OPERATOR(pg_catalog.=) r.version_id
		CROSS JOIN LATERAL (VALUES
			('items', r.items_verdict, r.items_used, r.items_gain, r.items_gain_se, r.items_lambda),
			('interests', CASE WHEN r.interests_gain IS NULL THEN 'none' WHEN r.interests_used THEN 'logistic' ELSE 'prior' END,
				r.interests_used, r.interests_gain, r.interests_gain_se, r.interests_lambda))
			AS p (predicts, verdict, used, gain, gain_se, lambda)
	WHERE (pg_catalog.pg_has_role(r.owner, 'USAGE') OR uiml_is_grantee(r.domain_id))
		AND (pg_catalog.pg_has_role(r.source_owner, 'USAGE') OR uiml_is_grantee(r.source_domain_id));
COMMENT ON VIEW uiml.transfers IS
	'The newest transfer between any two domains that the caller may use, a row for items and one for interests: what was found best, whether it is used, and whether it serves (both versions are active)';
GRANT SELECT ON uiml.transfers TO PUBLIC;
