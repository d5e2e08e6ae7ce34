/*
 * 50-predict.sql
 *	  Predictions: interests and items, of users and of histories.
 *
 * Each prediction for a user exists for text and for any other type, so that '42', 42, a uuid and an untyped
 * parameter all resolve.  Item keys are arrays of any type; an untyped literal is an array of text.
 */
CREATE FUNCTION uiml_predict_support(internal)
	RETURNS internal
	AS 'MODULE_PATHNAME', 'uiml_predict_support'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_predict_support(internal) IS
	'Planner support: estimates the rows of a prediction from its argument k';

CREATE FUNCTION uiml_predict(
	user_id text, domain text DEFAULT NULL, k integer DEFAULT 10, as_of timestamp with time zone DEFAULT NULL)
	RETURNS TABLE (
		domain text, rank integer, interest_id integer, label text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_predict(text, text, integer, timestamp with time zone) IS
	'Interests of a user, best first: k rows per domain. user_id is a key of any type (NULL or unknown: what transfers from other domains tell, else the domain''s prior); domain a name, ''owner.name'', or NULL for every trained domain you may predict from; k 1 to 10000; as_of an instant not before the newest event (NULL: that event). score is the expected share of the user''s next events, low and high a 90 % interval of the share among the next 20; basis (history, sequence: what follows what the user did last, where the domain has a sequence model, transfer: what the user did in other domains, or prior) is what the score rests on most, basis_share its part';

CREATE FUNCTION uiml_predict(
	user_id anyelement, domain text DEFAULT NULL, k integer DEFAULT 10, as_of timestamp with time zone DEFAULT NULL)
	RETURNS TABLE (
		domain text, rank integer, interest_id integer, label text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_predict(anyelement, text, integer, timestamp with time zone) IS
	'Interests of a user, best first: k rows per domain. user_id is a key of any type (NULL or unknown: what transfers from other domains tell, else the domain''s prior); domain a name, ''owner.name'', or NULL for every trained domain you may predict from; k 1 to 10000; as_of an instant not before the newest event (NULL: that event). score is the expected share of the user''s next events, low and high a 90 % interval of the share among the next 20; basis (history, sequence: what follows what the user did last, where the domain has a sequence model, transfer: what the user did in other domains, or prior) is what the score rests on most, basis_share its part';

CREATE FUNCTION uiml_predict_from(
	history anycompatiblearray, domain text DEFAULT NULL, k integer DEFAULT 10, weights real[] DEFAULT NULL,
	source text DEFAULT NULL)
	RETURNS TABLE (
		domain text, rank integer, interest_id integer, label text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict_from'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_predict_from(anycompatiblearray, text, integer, real[], text) IS
	'Interests of somebody who is no stored user, from the items of their history, each as one event of now: history is an array of item keys (unknown ones count nothing; oldest first, for a sequence model), weights one number per item, >= 0 (NULL: 1 each, a view); source the domain that the items are of, where the transfer from it to domain is to tell (NULL: domain itself). Result as of uiml_predict';

CREATE FUNCTION uiml_predict_all(
	domain text DEFAULT NULL, k integer DEFAULT 10, as_of timestamp with time zone DEFAULT NULL)
	RETURNS TABLE (
		domain text, user_id text, rank integer, interest_id integer, label text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict_all'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000;
COMMENT ON FUNCTION uiml_predict_all(text, integer, timestamp with time zone) IS
	'Interests of every user of a domain (NULL: of every trained domain you may predict from), k rows each, as uiml_predict gives them, in no order of users; users known in other domains only are not among them; memory is bounded by work_mem';

CREATE FUNCTION uiml_interests(domain text)
	RETURNS TABLE (interest_id integer, label text, terms text[], share real, items integer, typical text[])
	AS 'MODULE_PATHNAME', 'uiml_interests'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 20;
COMMENT ON FUNCTION uiml_interests(text) IS
	'The interests of a domain''s active version: label, most telling terms, share (the prior: the mean over users of its part in their history), number of items, most typical items';

CREATE FUNCTION uiml_recommend(
	user_id text, domain text DEFAULT NULL, k integer DEFAULT 10, exclude_seen boolean DEFAULT true,
	candidates anycompatiblearray DEFAULT NULL::text[], candidates_from pg_catalog.regclass DEFAULT NULL,
	diversity double precision DEFAULT 0)
	RETURNS TABLE (
		domain text, rank integer, item_id text, title text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_recommend'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_recommend(text, text, integer, boolean, anycompatiblearray, regclass, double precision) IS
	'Items for a user, best first: k rows per domain. user_id, domain and k as in uiml_predict; exclude_seen leaves out what the user already did; candidates (an array of item keys) or candidates_from (a relation with a column item_id, or a single column) admit only those items; diversity 0 (by score alone) to 1 chooses the list by maximal marginal relevance, rank being the place in it. score is the expected share of the user''s next events among the items that take part, low and high a 90 % interval of the share among the next 20; basis (history, sequence: what follows what the user did last, where the domain has a sequence model, transfer: what the user did in other domains, or prior) is what the score rests on most, basis_share its part';

CREATE FUNCTION uiml_recommend(
	user_id anyelement, domain text DEFAULT NULL, k integer DEFAULT 10, exclude_seen boolean DEFAULT true,
	candidates anycompatiblearray DEFAULT NULL::text[], candidates_from pg_catalog.regclass DEFAULT NULL,
	diversity double precision DEFAULT 0)
	RETURNS TABLE (
		domain text, rank integer, item_id text, title text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_recommend'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_recommend(anyelement, text, integer, boolean, anycompatiblearray, regclass, double precision) IS
	'Items for a user, best first: k rows per domain. user_id, domain and k as in uiml_predict; exclude_seen leaves out what the user already did; candidates (an array of item keys) or candidates_from (a relation with a column item_id, or a single column) admit only those items; diversity 0 (by score alone) to 1 chooses the list by maximal marginal relevance, rank being the place in it. score is the expected share of the user''s next events among the items that take part, low and high a 90 % interval of the share among the next 20; basis (history, sequence: what follows what the user did last, where the domain has a sequence model, transfer: what the user did in other domains, or prior) is what the score rests on most, basis_share its part';

CREATE FUNCTION uiml_recommend_from(
	history anycompatiblearray, domain text DEFAULT NULL, k integer DEFAULT 10, weights real[] DEFAULT NULL,
	exclude_seen boolean DEFAULT true, candidates text[] DEFAULT NULL,
	candidates_from pg_catalog.regclass DEFAULT NULL, diversity double precision DEFAULT 0, source text DEFAULT NULL)
	RETURNS TABLE (
		domain text, rank integer, item_id text, title text, score double precision, low double precision,
		high double precision, basis text, basis_share double precision, version integer)
	AS 'MODULE_PATHNAME', 'uiml_recommend_from'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_recommend_from(anycompatiblearray, text, integer, real[], boolean, text[], regclass, double precision, text) IS
	'Items for somebody who is no stored user, from the items of their history and source as in uiml_predict_from; candidates is text[] (cast keys of another type); the other arguments and the result as in uiml_recommend';
