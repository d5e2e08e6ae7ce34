/*
 * 20-catalog.sql
 *	  What uiml remembers: domains, their versions, grants, encoders, transfers, sequence models, and the log of
 *	  trainings.
 *
 * Every table carries the domain's owner, tied to uiml.domain by a foreign key, so that a row-level policy
 * looks at its own row and at uiml.grants only (whose policies look at nothing else, so that none recurses),
 * and nobody can write a row in another's name.  Reading needs ownership or a grant; writing needs the
 * privileges of the owner.  uiml's functions run their writes as the domain's owner, after checking the
 * caller's grant (pg/rights.c).
 *
 * Ids come from sequences only: INSERT and UPDATE are granted column by column, without the ids, so that
 * nobody can take the numbers that others would get next.
 */
CREATE SEQUENCE uiml.domain_id_seq AS integer;
SELECT pg_catalog.pg_extension_config_dump('uiml.domain_id_seq', '');
GRANT USAGE ON SEQUENCE uiml.domain_id_seq TO PUBLIC;

CREATE TABLE uiml.domain (
	domain_id integer NOT NULL DEFAULT pg_catalog.nextval('uiml.domain_id_seq') PRIMARY KEY,
	owner pg_catalog.regrole NOT NULL,
	name text NOT NULL
		CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>) 0
			AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 40
			AND pg_catalog.strpos(name, '.') OPERATOR(pg_catalog.=) 0),
	events pg_catalog.regclass NOT NULL,
	user_col name NOT NULL,
	item_col name NOT NULL,
	time_col name,
	kind_col name,
	weight_col name,
	text_cols name[],
	items pg_catalog.regclass,
	item_key name,
	item_text name[],
	kind_weights jsonb NOT NULL,
	half_life interval, -- 0 is no decay, NULL is chosen in training
	features text NOT NULL,
	dims integer, -- NULL means chosen in training
	interests integer, -- NULL means chosen in training
	options jsonb NOT NULL,
	items_table pg_catalog.regclass NOT NULL,
	interests_table pg_catalog.regclass NOT NULL,
	users_table pg_catalog.regclass NOT NULL,
	sequences_table pg_catalog.regclass NOT NULL,
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	UNIQUE (name, owner),
	UNIQUE (domain_id, owner),
	UNIQUE (domain_id, owner, name)
);
COMMENT ON TABLE uiml.domain IS
	'Registered event tables and the roles of their columns; read it through the view uiml.domains';
SELECT pg_catalog.pg_extension_config_dump('uiml.domain', '');

CREATE TABLE uiml.grants (
	domain_id integer NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	grantee pg_catalog.regrole NOT NULL, -- 0, printed as -, is PUBLIC
	privilege text NOT NULL CHECK (privilege OPERATOR(pg_catalog.=) ANY ('{predict,train,own}'::text[])),
	PRIMARY KEY (domain_id, grantee),
	FOREIGN KEY (domain_id, owner) REFERENCES uiml.domain (domain_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE uiml.grants IS
	'Who besides the owner may use a domain: predict reads, train also trains, own also alters, grants and drops';
SELECT pg_catalog.pg_extension_config_dump('uiml.grants', '');

CREATE SEQUENCE uiml.version_id_seq AS bigint;
SELECT pg_catalog.pg_extension_config_dump('uiml.version_id_seq', '');
GRANT USAGE ON SEQUENCE uiml.version_id_seq TO PUBLIC;

CREATE TABLE uiml.version (
	version_id bigint NOT NULL DEFAULT pg_catalog.nextval('uiml.version_id_seq') PRIMARY KEY,
	domain_id integer NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	domain text NOT NULL, -- its name, so that a prediction reads this table alone
	version integer NOT NULL CHECK (version OPERATOR(pg_catalog.>) 0),
	active boolean NOT NULL,
	trained_by pg_catalog.regrole NOT NULL,
	trained_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	rls_bypassed boolean NOT NULL, -- the events have row-level security, which did not hold for trained_by
	data_until timestamp with time zone, -- of the newest event; decay is evaluated here
	half_life double precision, -- seconds; NULL means no decay
	users bigint NOT NULL,
	items bigint NOT NULL,
	events bigint NOT NULL,
	dims integer NOT NULL,
	interests integer NOT NULL,
	explained double precision NOT NULL,
	silhouette double precision NOT NULL,
	alpha double precision NOT NULL,
	item_alpha double precision NOT NULL,
	temperature double precision NOT NULL,
	event_mass double precision NOT NULL, -- weight of one event, for intervals
	dispersion double precision NOT NULL, -- of events about shares, for intervals; 0 is none
	generalization double precision[], -- W_g, interests x interests; NULL is the identity
	sigma double precision[] NOT NULL, -- singular values of the item space, one per dimension
	digest bigint NOT NULL, -- of the packed items
	settings jsonb NOT NULL,
	items_table pg_catalog.regclass NOT NULL,
	interests_table pg_catalog.regclass NOT NULL,
	users_table pg_catalog.regclass NOT NULL,
	UNIQUE (domain_id, version),
	UNIQUE (version_id, owner),
	FOREIGN KEY (domain_id, owner, domain) REFERENCES uiml.domain (domain_id, owner, name)
		ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX version_active ON uiml.version (domain_id) WHERE active;
CREATE INDEX version_serving ON uiml.version (domain) WHERE active;
COMMENT ON TABLE uiml.version IS
	'Trained states of domains; at most one per domain is active, and predictions read that one';
SELECT pg_catalog.pg_extension_config_dump('uiml.version', '');

CREATE TABLE uiml.evaluation (
	version_id bigint NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	metric text NOT NULL,
	k integer, -- NULL where the metric has no cut-off
	value double precision,
	low double precision,
	high double precision,
	baseline text NOT NULL,
	baseline_value double precision,
	users bigint NOT NULL,
	FOREIGN KEY (version_id, owner) REFERENCES uiml.version (version_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX evaluation_version ON uiml.evaluation (version_id);
COMMENT ON TABLE uiml.evaluation IS
	'How each version did on users held out of its training, with 95 % intervals and the popularity baseline';
SELECT pg_catalog.pg_extension_config_dump('uiml.evaluation', '');

CREATE SEQUENCE uiml.training_log_id_seq AS bigint;
SELECT pg_catalog.pg_extension_config_dump('uiml.training_log_id_seq', '');
GRANT USAGE ON SEQUENCE uiml.training_log_id_seq TO PUBLIC;

CREATE TABLE uiml.training_log (
	log_id bigint NOT NULL DEFAULT pg_catalog.nextval('uiml.training_log_id_seq') PRIMARY KEY,
	domain_id integer NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	version integer NOT NULL,
	trained_by pg_catalog.regrole NOT NULL,
	started_at timestamp with time zone NOT NULL,
	elapsed interval NOT NULL,
	phases jsonb NOT NULL, -- milliseconds by phase
	memory bigint NOT NULL, -- bytes at the peak
	FOREIGN KEY (domain_id, owner) REFERENCES uiml.domain (domain_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX training_log_domain ON uiml.training_log (domain_id);
COMMENT ON TABLE uiml.training_log IS
	'Committed trainings with the time of each phase; a failed one leaves its message in the server log';
SELECT pg_catalog.pg_extension_config_dump('uiml.training_log', '');

CREATE SEQUENCE uiml.encoder_id_seq AS bigint;
SELECT pg_catalog.pg_extension_config_dump('uiml.encoder_id_seq', '');
GRANT USAGE ON SEQUENCE uiml.encoder_id_seq TO PUBLIC;

CREATE TABLE uiml.encoder (
	encoder_id bigint NOT NULL DEFAULT pg_catalog.nextval('uiml.encoder_id_seq') PRIMARY KEY,
	domain_id integer, -- whose texts trained it, and whose grantees may use it; NULL: of no domain
	owner pg_catalog.regrole NOT NULL,
	name text NOT NULL
		CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>) 0
			AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 40
			AND pg_catalog.strpos(name, '.') OPERATOR(pg_catalog.=) 0
			AND name OPERATOR(pg_catalog.<>) 'hash'),
	kind text NOT NULL,
	dims integer NOT NULL,
	whitening text NOT NULL,
	texts bigint, -- that trained it, and the features it knows; NULL: a language model
	features bigint,
	bytes bigint NOT NULL,
	digest bigint NOT NULL, -- of the bytes
	created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	architecture text, -- of a language model, as what follows; NULL: of none
	max_tokens integer, -- NULL: texts are not cut
	vocabulary integer,
	pooling text,
	normalized boolean, -- vectors have length 1
	parameters bigint,
	sha256 text, -- of the weights file, in hexadecimal
	licence text,
	UNIQUE (name, owner),
	UNIQUE (encoder_id, owner),
	FOREIGN KEY (domain_id, owner) REFERENCES uiml.domain (domain_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX encoder_domain ON uiml.encoder (domain_id);
COMMENT ON TABLE uiml.encoder IS
	'Encoders from text to vectors; read it through the view uiml.encoders';
SELECT pg_catalog.pg_extension_config_dump('uiml.encoder', '');

CREATE TABLE uiml.encoder_part (
	encoder_id bigint NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	part integer NOT NULL, -- from 0
	data bytea NOT NULL, -- at most 1 MB
	PRIMARY KEY (encoder_id, part),
	FOREIGN KEY (encoder_id, owner) REFERENCES uiml.encoder (encoder_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
ALTER TABLE uiml.encoder_part ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE uiml.encoder_part IS 'The bytes of encoders, in parts';
SELECT pg_catalog.pg_extension_config_dump('uiml.encoder_part', '');

CREATE TABLE uiml.encoder_grant (
	encoder_id bigint NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	grantee pg_catalog.regrole NOT NULL, -- 0, printed as -, is PUBLIC
	PRIMARY KEY (encoder_id, grantee),
	FOREIGN KEY (encoder_id, owner) REFERENCES uiml.encoder (encoder_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
COMMENT ON TABLE uiml.encoder_grant IS
	'Who besides the owner may use an encoder that belongs to no domain';
SELECT pg_catalog.pg_extension_config_dump('uiml.encoder_grant', '');

CREATE SEQUENCE uiml.transfer_id_seq AS bigint;
SELECT pg_catalog.pg_extension_config_dump('uiml.transfer_id_seq', '');

CREATE TABLE uiml.transfer (
	transfer_id bigint NOT NULL DEFAULT pg_catalog.nextval('uiml.transfer_id_seq') PRIMARY KEY,
	source_domain_id integer NOT NULL,
	source_owner pg_catalog.regrole NOT NULL,
	source_version_id bigint NOT NULL,
	domain_id integer NOT NULL, -- of the target, as what follows
	owner pg_catalog.regrole NOT NULL,
	version_id bigint NOT NULL,
	trained_by pg_catalog.regrole NOT NULL,
	trained_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	users bigint NOT NULL, -- that are active in both
	seed bigint NOT NULL, -- of folds
	items_verdict text NOT NULL, -- best candidate for the vectors: mean, ridge, biased, prior; none: too few users
	items_used boolean NOT NULL,
	items_gain double precision, -- nats per item over popularity
	items_gain_se double precision,
	items_lambda double precision,
	interests_used boolean NOT NULL,
	interests_gain double precision, -- nats per event over the prior
	interests_gain_se double precision,
	interests_lambda double precision,
	metrics jsonb NOT NULL,
	matrix transfer_matrix, -- source vectors of length 1 to target vectors; NULL: no map
	fold_matrices transfer_matrix[], -- the same without each fold: a prior of later versions; NULL: the map isn't used
	interests transfer_matrix, -- source vectors of length 1 to the logits of the target's interests
	statistics transfer_stats[], -- of the vectors, one per fold, of all users in counted
	counted bigint[] NOT NULL, -- of each user in statistics: hashtextextended(user::text, seed)
	digest bigint NOT NULL, -- of the bytes
	bytes bigint NOT NULL, -- 0: nothing to predict by
	UNIQUE (version_id, source_version_id),
	FOREIGN KEY (source_version_id, source_owner) REFERENCES uiml.version (version_id, owner)
		ON UPDATE CASCADE ON DELETE CASCADE,
	FOREIGN KEY (version_id, owner) REFERENCES uiml.version (version_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
ALTER TABLE uiml.transfer ALTER COLUMN fold_matrices SET STORAGE EXTERNAL,
	ALTER COLUMN statistics SET STORAGE EXTERNAL, ALTER COLUMN counted SET STORAGE EXTERNAL;
CREATE INDEX transfer_source ON uiml.transfer (source_version_id);
COMMENT ON TABLE uiml.transfer IS
	'What was learned from users of two domains, from a version of the one to a version of the other; read it through the view uiml.transfers';
SELECT pg_catalog.pg_extension_config_dump('uiml.transfer', '');

CREATE TABLE uiml.transfer_part (
	transfer_id bigint NOT NULL REFERENCES uiml.transfer ON DELETE CASCADE,
	part integer NOT NULL, -- from 0
	data bytea NOT NULL, -- at most 1 MB
	PRIMARY KEY (transfer_id, part)
);
ALTER TABLE uiml.transfer_part ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE uiml.transfer_part IS 'The bytes that predictions by transfers are made from, in parts';
SELECT pg_catalog.pg_extension_config_dump('uiml.transfer_part', '');

CREATE SEQUENCE uiml.sequence_model_id_seq AS bigint;
SELECT pg_catalog.pg_extension_config_dump('uiml.sequence_model_id_seq', '');

CREATE TABLE uiml.sequence_model (
	sequence_model_id bigint NOT NULL DEFAULT pg_catalog.nextval('uiml.sequence_model_id_seq') PRIMARY KEY,
	domain_id integer NOT NULL,
	owner pg_catalog.regrole NOT NULL,
	version_id bigint NOT NULL,
	target text NOT NULL CHECK (target OPERATOR(pg_catalog.=) ANY ('{interest,item}'::text[])),
	trained_by pg_catalog.regrole NOT NULL,
	trained_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
	kind text NOT NULL, -- what was kept: popularity, rules, ridge, lstm, or a mixture of several
	classes bigint NOT NULL, -- interests or items
	embedding integer NOT NULL, -- 0, as hidden: there is no LSTM in it
	hidden integer NOT NULL,
	max_length integer NOT NULL, -- of the end of a sequence that is looked at
	users bigint NOT NULL, -- that it was fitted on
	events bigint NOT NULL,
	sequences_table pg_catalog.regclass NOT NULL, -- the version's
	settings jsonb NOT NULL, -- to train it again with
	metrics jsonb NOT NULL, -- of each network by epoch, and of what else was judged
	digest bigint NOT NULL, -- of the bytes
	bytes bigint NOT NULL,
	UNIQUE (version_id, target),
	FOREIGN KEY (version_id, owner) REFERENCES uiml.version (version_id, owner) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX sequence_model_domain ON uiml.sequence_model (domain_id);
COMMENT ON TABLE uiml.sequence_model IS
	'Models of what users do next, one for interests and one for items of each version; read it through the view uiml.sequence_models';
SELECT pg_catalog.pg_extension_config_dump('uiml.sequence_model', '');

CREATE TABLE uiml.sequence_part (
	sequence_model_id bigint NOT NULL REFERENCES uiml.sequence_model ON DELETE CASCADE,
	part integer NOT NULL, -- from 0
	data bytea NOT NULL, -- at most 1 MB
	PRIMARY KEY (sequence_model_id, part)
);
ALTER TABLE uiml.sequence_part ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE uiml.sequence_part IS 'The bytes of sequence models, in parts';
SELECT pg_catalog.pg_extension_config_dump('uiml.sequence_part', '');

-- Rights: rows are seen by owner and grantees, written with the owner's privileges.  DELETE is granted to
-- nobody: who has it on a table may also LOCK it, and stop everybody's predictions.  uiml's functions delete
-- as the owner of the tables, what the caller's rights on the domain were checked for.
--
-- A transfer is of two domains, perhaps of two owners, and tells which users they share.  So it is seen by
-- those only who may use both, and written by nobody: uiml's functions insert, too, as the owner of the tables.
-- So are sequence models, in which there is nothing to set by hand.

GRANT SELECT ON uiml.domain, uiml.grants, uiml.version, uiml.evaluation, uiml.training_log, uiml.encoder,
	uiml.encoder_part, uiml.encoder_grant, uiml.transfer, uiml.transfer_part, uiml.sequence_model, uiml.sequence_part
	TO PUBLIC;
GRANT
	INSERT (owner, name, events, user_col, item_col, time_col, kind_col, weight_col, text_cols, items, item_key, item_text,
		kind_weights, half_life, features, dims, interests, options, items_table, interests_table, users_table, sequences_table),
	UPDATE (events, user_col, item_col, time_col, kind_col, weight_col, text_cols, items, item_key, item_text,
		kind_weights, half_life, features, dims, interests, options)
	ON uiml.domain TO PUBLIC;
GRANT INSERT, UPDATE (privilege) ON uiml.grants TO PUBLIC;
GRANT
	INSERT (domain_id, owner, domain, version, active, trained_by, rls_bypassed, data_until, half_life, users, items, events,
		dims, interests, explained, silhouette, alpha, item_alpha, temperature, event_mass, dispersion, generalization, sigma, digest, settings, items_table,
		interests_table, users_table),
	UPDATE (active)
	ON uiml.version TO PUBLIC;
GRANT INSERT ON uiml.evaluation TO PUBLIC;
GRANT INSERT (domain_id, owner, version, trained_by, started_at, elapsed, phases, memory) ON uiml.training_log TO PUBLIC;
GRANT
	INSERT (domain_id, owner, name, kind, dims, whitening, texts, features, bytes, digest, architecture, max_tokens, vocabulary,
		pooling, normalized, parameters, sha256, licence)
	ON uiml.encoder TO PUBLIC;
GRANT INSERT ON uiml.encoder_part, uiml.encoder_grant TO PUBLIC;

ALTER TABLE uiml.domain ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.version ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.evaluation ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.training_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.encoder ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.encoder_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.encoder_grant ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.transfer ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.transfer_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.sequence_model ENABLE ROW LEVEL SECURITY;
ALTER TABLE uiml.sequence_part ENABLE ROW LEVEL SECURITY;

-- Without WITH CHECK the USING condition also holds for new rows.
CREATE POLICY owner ON uiml.domain USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.grants USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.version USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.evaluation USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.training_log USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.encoder USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.encoder_part USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owner ON uiml.encoder_grant USING (pg_catalog.pg_has_role(owner, 'USAGE'));

CREATE FUNCTION uiml_is_grantee(domain_id integer)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'uiml_is_grantee'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_is_grantee(integer) IS
	'Whether the domain of that id was granted to you, to a role whose privileges you have, or to everybody';

CREATE FUNCTION uiml_is_encoder_grantee(encoder_id bigint)
	RETURNS boolean
	AS 'MODULE_PATHNAME', 'uiml_is_encoder_grantee'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_is_encoder_grantee(bigint) IS
	'Whether the encoder of that id was granted to you, to a role whose privileges you have, or to everybody';

CREATE POLICY grantee ON uiml.grants FOR SELECT
	USING (grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR pg_catalog.pg_has_role(grantee, 'USAGE'));
CREATE POLICY grantee ON uiml.domain FOR SELECT USING (uiml_is_grantee(domain_id));
CREATE POLICY grantee ON uiml.version FOR SELECT USING (uiml_is_grantee(domain_id));
CREATE POLICY grantee ON uiml.training_log FOR SELECT USING (uiml_is_grantee(domain_id));
CREATE POLICY grantee ON uiml.evaluation FOR SELECT
	USING (EXISTS (SELECT FROM uiml.version v WHERE v.version_id OPERATOR(pg_catalog.=) evaluation.version_id));
CREATE POLICY grantee ON uiml.encoder_grant FOR SELECT
	USING (grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR pg_catalog.pg_has_role(grantee, 'USAGE'));
CREATE POLICY grantee ON uiml.encoder FOR SELECT
	USING (uiml_is_grantee(domain_id) OR uiml_is_encoder_grantee(encoder_id));
CREATE POLICY grantee ON uiml.encoder_part FOR SELECT
	USING (EXISTS (SELECT FROM uiml.encoder e WHERE e.encoder_id OPERATOR(pg_catalog.=) encoder_part.encoder_id));
CREATE POLICY user_of_both ON uiml.transfer FOR SELECT
	USING ((pg_catalog.pg_has_role(owner, 'USAGE') OR uiml_is_grantee(domain_id))
		AND (pg_catalog.pg_has_role(source_owner, 'USAGE') OR uiml_is_grantee(source_domain_id)));
CREATE POLICY user_of_both ON uiml.transfer_part FOR SELECT
	USING (EXISTS (SELECT FROM uiml.transfer t WHERE t.transfer_id OPERATOR(pg_catalog.=) transfer_part.transfer_id));
CREATE POLICY user_of_domain ON uiml.sequence_model FOR SELECT
	USING (pg_catalog.pg_has_role(owner, 'USAGE') OR uiml_is_grantee(domain_id));
CREATE POLICY user_of_domain ON uiml.sequence_part FOR SELECT
	USING (EXISTS (SELECT FROM uiml.sequence_model m
		WHERE m.sequence_model_id OPERATOR(pg_catalog.=) sequence_part.sequence_model_id));
