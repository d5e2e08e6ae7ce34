/*
 * 45-kmeans.sql
 *	  K-means over the vectors of any relation.
 */
CREATE FUNCTION uiml_kmeans(
	relation pg_catalog.regclass, vector_col name, k integer, distance text DEFAULT 'l2', weight_col name DEFAULT NULL,
	init interest_vector[] DEFAULT NULL, max_iterations integer DEFAULT 100, restarts integer DEFAULT 3,
	tolerance double precision DEFAULT 0.00001, seed bigint DEFAULT 0)
	RETURNS TABLE (
		cluster integer, centroid interest_vector, size bigint, inertia double precision, silhouette double precision)
	AS 'MODULE_PATHNAME', 'uiml_kmeans_relation'
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100;
COMMENT ON FUNCTION uiml_kmeans(regclass, name, integer, text, name, interest_vector[], integer, integer, double precision, bigint) IS
	'Clusters the vectors of any relation you may read: k (1 to 65535) clusters, or as many, up to 128, as simplified silhouettes speak for (k => NULL), numbered from 1 by falling weight. vector_col: interest_vector, real[], double precision[] or what has a cast to interest_vector; distance: l2 (squared Euclidean) or cosine; weight_col: a number >= 0; init: centroids to start from, otherwise the best of restarts (1 to 1000) seedings by k-means++; iterations, max_iterations (0 to 1000000) at most, end when the inertia falls by less than the share tolerance (finite, >= 0; 0: when no point changes its cluster). Rows with a NULL do not count. inertia is the weighted sum of distances to the centroid, silhouette the mean over the cluster';

CREATE FUNCTION uiml_assign(vector interest_vector, centroids interest_vector[], distance text DEFAULT 'l2')
	RETURNS integer
	AS 'MODULE_PATHNAME', 'uiml_assign'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION uiml_assign(interest_vector, interest_vector[], text) IS
	'The number, from 1, of the centroid that is nearest to a vector, the first of equals; distance: l2 or cosine, for which a zero vector has none (NULL). Centroids in the order of uiml_kmeans give its numbers';

-- A pass over rows that don't fit into memory.
CREATE TYPE uiml_kmeans_state;

CREATE FUNCTION uiml_kmeans_state_in(cstring)
	RETURNS uiml_kmeans_state
	AS 'MODULE_PATHNAME', 'uiml_kmeans_state_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_kmeans_state_in(cstring) IS 'I/O: reads the binary form in hexadecimal';

CREATE FUNCTION uiml_kmeans_state_out(uiml_kmeans_state)
	RETURNS cstring
	AS 'MODULE_PATHNAME', 'uiml_kmeans_state_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_kmeans_state_out(uiml_kmeans_state) IS 'I/O: the binary form in hexadecimal, exact';

CREATE FUNCTION uiml_kmeans_state_recv(internal)
	RETURNS uiml_kmeans_state
	AS 'MODULE_PATHNAME', 'uiml_kmeans_state_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_kmeans_state_recv(internal) IS 'I/O: reads the versioned binary form, checked';

CREATE FUNCTION uiml_kmeans_state_send(uiml_kmeans_state)
	RETURNS bytea
	AS 'MODULE_PATHNAME', 'uiml_kmeans_state_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION uiml_kmeans_state_send(uiml_kmeans_state) IS 'I/O: the versioned binary form';

CREATE TYPE uiml_kmeans_state (
	INPUT = uiml_kmeans_state_in,
	OUTPUT = uiml_kmeans_state_out,
	RECEIVE = uiml_kmeans_state_recv,
	SEND = uiml_kmeans_state_send,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE uiml_kmeans_state IS
	'Partial result of a pass of k-means: the centroids, and for each the sums of the rows nearest to it';

CREATE FUNCTION uiml_kmeans_accum(uiml_kmeans_state, interest_vector, double precision, interest_vector[], text)
	RETURNS uiml_kmeans_state
	AS 'MODULE_PATHNAME', 'uiml_kmeans_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_kmeans_accum(uiml_kmeans_state, interest_vector, double precision, interest_vector[], text) IS
	'Transition function of uiml_kmeans_pass';

CREATE FUNCTION uiml_kmeans_combine(uiml_kmeans_state, uiml_kmeans_state)
	RETURNS uiml_kmeans_state
	AS 'MODULE_PATHNAME', 'uiml_kmeans_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION uiml_kmeans_combine(uiml_kmeans_state, uiml_kmeans_state) IS 'Combine function of uiml_kmeans_pass';

CREATE AGGREGATE uiml_kmeans_pass(vector interest_vector, weight double precision, centroids interest_vector[], distance text) (
	SFUNC = uiml_kmeans_accum,
	STYPE = uiml_kmeans_state,
	COMBINEFUNC = uiml_kmeans_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE uiml_kmeans_pass(interest_vector, double precision, interest_vector[], text) IS
	'One pass of uiml_kmeans where the vectors don''t fit into memory: sums of the rows by the nearest of the centroids, which are the same for all rows; rows with a NULL don''t count';
