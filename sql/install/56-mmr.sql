/*
 * 56-mmr.sql
 *	  Maximal marginal relevance: diversity of a list.
 */
CREATE FUNCTION uiml_mmr(
	relevance double precision[], similarity double precision[], lambda double precision DEFAULT 0.5, k integer DEFAULT NULL)
	RETURNS integer[]
	AS 'MODULE_PATHNAME', 'uiml_mmr_matrix'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION uiml_mmr(double precision[], double precision[], double precision, integer) IS
	'Positions (from 1) of the k candidates chosen one by one for lambda * relevance - (1 - lambda) * the highest similarity to those already chosen; ties go to the first. relevance: n numbers on the scale of the similarities; similarity: n x n, the row that of the candidate, the column that of the chosen; lambda 0 to 1, 1 is the order of relevance; k NULL orders all. NULL where relevance or similarity is NULL';

CREATE FUNCTION uiml_mmr(
	relevance double precision[], vectors interest_vector[], lambda double precision DEFAULT 0.5, k integer DEFAULT NULL)
	RETURNS integer[]
	AS 'MODULE_PATHNAME', 'uiml_mmr_vectors'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION uiml_mmr(double precision[], interest_vector[], double precision, integer) IS
	'As the form with a matrix, the similarity being the cosine of two vectors; vectors: n of the same dimensions';
