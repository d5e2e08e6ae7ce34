/*
 * 49-terms.sql
 *	  The words of a text, and the terms that mark a class.
 */
CREATE FUNCTION uiml_terms(content text)
	RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'uiml_terms'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10;
COMMENT ON FUNCTION uiml_terms(text) IS
	'The words of a text in any language, in order and as often as they occur, as interests are labelled with them: folded, without numbers, single letters and the most common function words; of scripts without spaces (Chinese, Japanese, Thai) each pair of neighbours';

CREATE FUNCTION uiml_ctfidf(
	relation pg_catalog.regclass, class_col name, term_col name, count_col name DEFAULT NULL, k integer DEFAULT 10)
	RETURNS TABLE (class text, rank integer, term text, weight double precision)
	AS 'MODULE_PATHNAME', 'uiml_ctfidf'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 100;
COMMENT ON FUNCTION uiml_ctfidf(regclass, name, name, name, integer) IS
	'The k terms that mark each class most by class-based TF-IDF, count / sum of counts in the class * ln(1 + mean count per class / count in all classes), of rows (class, term, count) of any relation you may read; equal (class, term) are added up, count_col NULL counts 1, rows with a NULL do not count. Classes in key order, terms by weight, equal weights in key order; k NULL gives all terms with a count above 0';
