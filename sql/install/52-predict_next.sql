/*
 * 52-predict_next.sql
 *	  What a user does next, as the sequence model of a domain has it.
 *
 * A user is text or of any type that is no array, a history an array of any type.  So 42, a uuid and a typed
 * parameter, ARRAY[1, 2] and '{1,2}'::integer[] resolve as what they are; an untyped literal or parameter is text,
 * that is, a user, '{1,2}' included.
 */
CREATE FUNCTION uiml_predict_next(
	user_id text, domain text DEFAULT NULL, k integer DEFAULT 10, target text DEFAULT NULL, exclude_seen boolean DEFAULT true)
	RETURNS TABLE (
		domain text, target text, rank integer, id text, label text, score double precision, model text, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict_next'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_predict_next(text, text, integer, text, boolean) IS
	'What a user does next, by the sequence model alone (uiml_train_sequence), best first: k rows per domain. user_id, domain and k as in uiml_predict; target ''interest'' or ''item'' (NULL: interests where there is such a model, else items); exclude_seen leaves out items that the user already did. An untyped literal is a user. id and label are the number and label of an interest, or the key and title of an item; score is the probability that it comes next, of items among those not left out; model is what the score rests on most: lstm, rules, ridge, ease or popularity, which answers for users nothing is known of';

CREATE FUNCTION uiml_predict_next(
	user_id anynonarray, domain text DEFAULT NULL, k integer DEFAULT 10, target text DEFAULT NULL,
	exclude_seen boolean DEFAULT true)
	RETURNS TABLE (
		domain text, target text, rank integer, id text, label text, score double precision, model text, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict_next'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_predict_next(anynonarray, text, integer, text, boolean) IS
	'What a user does next, by the sequence model alone (uiml_train_sequence), best first: k rows per domain. user_id, domain and k as in uiml_predict; target ''interest'' or ''item'' (NULL: interests where there is such a model, else items); exclude_seen leaves out items that the user already did. An untyped literal is a user. id and label are the number and label of an interest, or the key and title of an item; score is the probability that it comes next, of items among those not left out; model is what the score rests on most: lstm, rules, ridge, ease or popularity, which answers for users nothing is known of';

CREATE FUNCTION uiml_predict_next(
	history anyarray, domain text DEFAULT NULL, k integer DEFAULT 10, target text DEFAULT NULL,
	exclude_seen boolean DEFAULT true)
	RETURNS TABLE (
		domain text, target text, rank integer, id text, label text, score double precision, model text, version integer)
	AS 'MODULE_PATHNAME', 'uiml_predict_next_from'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10 SUPPORT uiml_predict_support;
COMMENT ON FUNCTION uiml_predict_next(anyarray, text, integer, text, boolean) IS
	'What somebody who is no stored user does next, by the sequence model alone: history is an array of item keys in order of time, oldest first, of which unknown ones count nothing; cast an untyped literal, ''{1,2}''::integer[], for without a type it is a user. The other arguments and the result as of a user';
