/*
 * 25-encoder.sql
 *	  Encoders: from text to interest_vector.
 */
CREATE FUNCTION uiml_train_encoder(
	domain text, kind text DEFAULT 'lsa', dims integer DEFAULT NULL, whitening text DEFAULT 'none',
	name text DEFAULT NULL, seed bigint DEFAULT 0)
	RETURNS TABLE (
		encoder text, kind text, dims integer, whitening text, texts bigint, features bigint, bytes bigint,
		elapsed interval)
	AS 'MODULE_PATHNAME', 'uiml_train_encoder'
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1 COST 100000;
COMMENT ON FUNCTION uiml_train_encoder(text, text, integer, text, text, bigint) IS
	'Trains an encoder on the texts of a domain''s items (all of the items table, else the distinct texts of its events) and stores it under name (NULL: the domain''s name), replacing the one that the domain has of that name. kind lsa: TF-IDF and truncated singular vectors, 64 dims; hash: hashed features, 256 dims. dims 1 to 1024. whitening none, relaxed or full. Whoever may predict from the domain may use the encoder';

CREATE FUNCTION uiml_load_encoder(
	name text, directory text, pooling text DEFAULT NULL, normalized boolean DEFAULT NULL, max_tokens integer DEFAULT NULL,
	licence text DEFAULT NULL,
	OUT encoder text, OUT kind text, OUT dims integer, OUT max_tokens integer, OUT parameters bigint, OUT size text,
	OUT elapsed interval)
	AS 'MODULE_PATHNAME', 'uiml_load_encoder_directory'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION uiml_load_encoder(text, text, text, boolean, integer, text) IS
	'Stores a pretrained language model, from a directory of the server, as an encoder of yours: config.json, tokenizer.json (or vocab.txt) and model.safetensors, of BERT, RoBERTa or DistilBERT layout or of Model2Vec. pooling mean, cls or max, normalized (vectors of length 1) and max_tokens: NULL as its files say. Needs the privileges of pg_read_server_files. Content never changes under a name: loading the same once more does nothing, other content is an error';
REVOKE EXECUTE ON FUNCTION uiml_load_encoder(text, text, text, boolean, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION uiml_load_encoder(text, text, text, boolean, integer, text) TO pg_read_server_files;

CREATE FUNCTION uiml_load_encoder(
	name text, config bytea, tokenizer bytea, weights bytea, pooling text DEFAULT NULL, normalized boolean DEFAULT NULL,
	max_tokens integer DEFAULT NULL, licence text DEFAULT NULL,
	OUT encoder text, OUT kind text, OUT dims integer, OUT max_tokens integer, OUT parameters bigint, OUT size text,
	OUT elapsed interval)
	AS 'MODULE_PATHNAME', 'uiml_load_encoder_bytes'
	LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION uiml_load_encoder(text, bytea, bytea, bytea, text, boolean, integer, text) IS
	'As with a directory, from the contents of config.json, of tokenizer.json or vocab.txt, and of model.safetensors, at most 1 GB each';

CREATE FUNCTION uiml_grant_encoder(encoder text, role name)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_grant_encoder'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_grant_encoder(text, name) IS
	'Lets a role (public: everybody) use an encoder of yours that belongs to no domain';

CREATE FUNCTION uiml_revoke_encoder(encoder text, role name)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_revoke_encoder'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_revoke_encoder(text, name) IS
	'Takes back what uiml_grant_encoder gave to a role';

CREATE FUNCTION uiml_embed(text text, encoder text DEFAULT 'hash')
	RETURNS interest_vector
	AS 'MODULE_PATHNAME', 'uiml_embed'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION uiml_embed(text, text) IS
	'The vector of a text; of length 1, or all zero for a text without a word the encoder knows, unless a language model was loaded otherwise. encoder: hash (built in, 256 dims, any language), or a name or ''owner.name'' from uiml.encoders';

CREATE FUNCTION uiml_embed(texts text[], encoder text DEFAULT 'hash')
	RETURNS interest_vector[]
	AS 'MODULE_PATHNAME', 'uiml_embed_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION uiml_embed(text[], text) IS
	'The vectors of texts, in an array of the same shape, NULL where a text is: by language models faster than one by one';

CREATE FUNCTION uiml_tokenize(text text, encoder text)
	RETURNS TABLE (id integer, token text)
	AS 'MODULE_PATHNAME', 'uiml_tokenize'
	LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION uiml_tokenize(text, text) IS
	'The tokens of a text as an encoder that is a language model reads them, in order, with those it puts around a text and without those beyond its max_tokens';

CREATE FUNCTION uiml_drop_encoder(name text)
	RETURNS void
	AS 'MODULE_PATHNAME', 'uiml_drop_encoder'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION uiml_drop_encoder(text) IS
	'Drops an encoder that is the option encoder of no domain; its owner may, and who has the privilege own on its domain. Dropping the domain drops it, too';

-- As uiml.domains (30-domain.sql), the view repeats the policies of its table.
CREATE VIEW uiml.encoders WITH (security_barrier) AS
	SELECT e.name AS encoder, e.owner, d.name AS domain, e.kind, e.architecture, e.dims, e.max_tokens, e.vocabulary, e.parameters,
		pg_catalog.pg_size_pretty(e.bytes) AS size, e.pooling, e.normalized, e.whitening, e.texts, e.features, e.licence,
		e.sha256, e.created_at
	FROM uiml.encoder e LEFT JOIN uiml.domain d ON d.domain_id OPERATOR(pg_catalog.=) e.domain_id
	WHERE pg_catalog.pg_has_role(e.owner, 'USAGE')
		OR uiml_is_grantee(e.domain_id) OR uiml_is_encoder_grantee(e.encoder_id);
COMMENT ON VIEW uiml.encoders IS
	'The encoders the caller may use besides the built-in hash: his own, and those that were granted to him or whose domain was';
GRANT SELECT ON uiml.encoders TO PUBLIC;
