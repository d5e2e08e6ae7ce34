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
	'Clusters the vectors of any relation you may read: k clusters, or as many as simplified silhouettes speak for (k => NULL), numbered from 1 by falling weight. vector_col: interest_vector, real[], double precision[] or what has a cast to interest_vector; distance: l2 (squared Euclidean) or cosine; weight_col: a number >= 0; init: centroids to start from, otherwise the best of some restarts of k-means++. Rows with a NULL do not count. inertia is the weighted sum of distances to the centroid, silhouette the mean over the cluster';
