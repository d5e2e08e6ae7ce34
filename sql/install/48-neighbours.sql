/*
 * 48-neighbours.sql
 *	  Exact nearest neighbours among the vectors of any relation.
 */
CREATE FUNCTION uiml_neighbours(
	relation pg_catalog.regclass, key_col name, vector_col name, k integer DEFAULT 10, distance text DEFAULT 'cosine',
	queries pg_catalog.regclass DEFAULT NULL)
	RETURNS TABLE (key text, rank integer, neighbour text, distance double precision)
	AS 'MODULE_PATHNAME', 'uiml_neighbours'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000;
COMMENT ON FUNCTION uiml_neighbours(regclass, name, name, integer, text, regclass) IS
	'The k nearest of each row among the other rows of any relation you may read, exactly: in key order, nearest first, ties in key order. queries: a relation with columns of the same names whose rows are asked for instead. vector_col: interest_vector, real[], double precision[] or what has a cast to interest_vector; distance: cosine, l2, or inner_product (negative, so that the largest product is nearest); k 1 to 10000; rows with a NULL do not count. Vectors are held in maintenance_work_mem; the result spills to disk beyond work_mem';

CREATE FUNCTION uiml_neighbours(
	relation pg_catalog.regclass, key_col name, vector_col name, query interest_vector, k integer DEFAULT 10,
	distance text DEFAULT 'cosine')
	RETURNS TABLE (rank integer, neighbour text, distance double precision)
	AS 'MODULE_PATHNAME', 'uiml_neighbours_of_vector'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10;
COMMENT ON FUNCTION uiml_neighbours(regclass, name, name, interest_vector, integer, text) IS
	'The k nearest of a vector among the rows of any relation you may read, exactly: nearest first, ties in key order; no rows for NULL. Arguments as in the other form; write a literal query as query => ''[1,2]''';
