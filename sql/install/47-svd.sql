/*
 * 47-svd.sql
 *	  Singular vectors and latent semantic analysis of (row, column, weight) entries of any relation.
 */
CREATE FUNCTION uiml_svd(
	relation pg_catalog.regclass, row_col name, column_col name, weight_col name DEFAULT NULL, dims integer DEFAULT 64,
	row_scale double precision DEFAULT 0, column_scale double precision DEFAULT 0, iterations integer DEFAULT 6,
	seed bigint DEFAULT 0)
	RETURNS TABLE (side text, key text, vector interest_vector)
	AS 'MODULE_PATHNAME', 'uiml_svd'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 10000;
COMMENT ON FUNCTION uiml_svd(regclass, name, name, name, integer, double precision, double precision, integer, bigint) IS
	'Truncated singular value decomposition U diag(sigma) V'' of a sparse matrix, given as rows (row, column, weight) of any relation you may read; equal (row, column) are added up, weight_col NULL counts 1, rows with a NULL do not count. Gives one row of side sigma (the singular values, falling), then side row (rows of U) and side column (rows of V), in key order, key as text. dims 1 to 16000, at most the smaller side of the matrix; row_scale and column_scale, 0 to 1: entries are divided by that power of the number of entries of their row and column; iterations 1 to 1000: more for spectra that fall slowly; equal arguments give equal results. No rows for a matrix of zeros';

CREATE FUNCTION uiml_lsa(
	relation pg_catalog.regclass, document_col name, term_col name, count_col name DEFAULT NULL, dims integer DEFAULT 100,
	seed bigint DEFAULT 0)
	RETURNS TABLE (side text, key text, vector interest_vector)
	AS 'MODULE_PATHNAME', 'uiml_lsa'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 10000;
COMMENT ON FUNCTION uiml_lsa(regclass, name, name, name, integer, bigint) IS
	'Latent semantic analysis of rows (document, term, count) of any relation you may read, TF-IDF and truncated SVD; equal (document, term) are added up, count_col NULL counts 1, rows with a NULL do not count. Gives one row of side sigma, then side document (vectors of length 1) and side term (what one occurrence of the term adds to a document before its length becomes 1), in key order, key as text. dims 1 to 16000, at most the smaller of the numbers of documents and terms; equal arguments give equal results';
