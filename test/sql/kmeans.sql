-- K-means over a relation: figures checked by hand, both modes, assignment, rights, mistakes.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
RESET client_min_messages;
CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;

-- Two groups of points
CREATE TABLE points (v interest_vector, w real);
INSERT INTO points VALUES ('[0,0]', 1), ('[0,2]', 3), ('[10,0]', 1), ('[10,2]', 1), ('[10,4]', 2);
SELECT cluster, centroid, size, inertia, round(silhouette::numeric, 6) AS silhouette FROM uiml_kmeans('points', 'v', 2);
SELECT cluster, centroid, size, inertia FROM uiml_kmeans('points', 'v', 2, weight_col => 'w');
SELECT cluster, size, round(inertia::numeric, 6) AS inertia, round(uiml_norm(centroid)::numeric, 5) AS norm FROM uiml_kmeans('points', 'v', 2, 'cosine');
SELECT sum(size), max(inertia) FROM uiml_kmeans('points', 'v', 9);
SELECT cluster, size FROM uiml_kmeans('points', 'v', 1, max_iterations => 0);
SET uiml.memory_mode = passes;
SELECT cluster, centroid, size, inertia, round(silhouette::numeric, 6) AS silhouette FROM uiml_kmeans('points', 'v', 2);
SELECT cluster, centroid, size, inertia FROM uiml_kmeans('points', 'v', 2, weight_col => 'w');
SELECT cluster, size, round(inertia::numeric, 6) AS inertia, round(uiml_norm(centroid)::numeric, 5) AS norm FROM uiml_kmeans('points', 'v', 2, 'cosine');
SELECT sum(size), max(inertia) FROM uiml_kmeans('points', 'v', 9);

-- A centroid to which no point is near takes the farthest point
SELECT * FROM uiml_kmeans('points', 'v', NULL, init => '{"[0,0]","[10,0]","[100,100]"}') ORDER BY cluster;
SET uiml.memory_mode = memory;
SELECT * FROM uiml_kmeans('points', 'v', NULL, init => '{"[0,0]","[10,0]","[100,100]"}') ORDER BY cluster;
RESET uiml.memory_mode;

-- Arrays and views; rows with a NULL don't count
CREATE VIEW arrays AS SELECT v::real[] AS f4, v::real[]::double precision[] AS f8, w FROM points UNION ALL SELECT NULL, NULL, 1;
SELECT cluster, centroid, size FROM uiml_kmeans('arrays', 'f4', 2);
SELECT cluster, centroid, size FROM uiml_kmeans('arrays', 'f8', 2, weight_col => 'w');

-- The nearest centroid; the first of equals; a zero vector has no direction
SELECT v, uiml_assign(v, '{"[10,2]","[0,1]"}') AS l2, uiml_assign(v, '{"[10,2]","[0,1]"}', 'cosine') AS cosine FROM points;
SELECT uiml_assign('[1,1]', '{"[0,1]","[1,0]"}'), uiml_assign(NULL, '{"[1]"}') IS NULL AS null;
SELECT n, uiml_assign('[3]', array_agg(ARRAY[(n * i) % 7]::real[]::interest_vector ORDER BY i)) FROM generate_series(1, 3) n, generate_series(1, 7) i GROUP BY n ORDER BY n;

-- In both modes the same clusters from the same centroids, of a table that is scanned by workers
CREATE TABLE cloud AS
	SELECT i, ARRAY(SELECT sin(i * j * .7 + j) + (i % 17) * cos(j * j * (i % 17)) FROM generate_series(1, 12) j)::real[]::interest_vector AS v, (i % 5) * .3 AS w
	FROM generate_series(1, 20000) i;
ALTER TABLE cloud SET (parallel_workers = 2);
ANALYZE cloud;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
CREATE FUNCTION both_modes(distance text, weight_col name, OUT clusters bigint, OUT points numeric, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	init interest_vector[] := (SELECT array_agg(v ORDER BY i) FROM cloud WHERE i <= 20);
BEGIN
	SET LOCAL uiml.memory_mode = memory;
	CREATE TEMPORARY TABLE a ON COMMIT DROP AS
		SELECT * FROM uiml_kmeans('cloud', 'v', 20, distance, weight_col => weight_col, init => init, max_iterations => 15, tolerance => 0);
	SET LOCAL uiml.memory_mode = passes;
	CREATE TEMPORARY TABLE b ON COMMIT DROP AS
		SELECT * FROM uiml_kmeans('cloud', 'v', 20, distance, weight_col => weight_col, init => init, max_iterations => 15, tolerance => 0);
	SELECT count(*), sum(a.size), bool_and(a.size = b.size AND uiml_l2_distance(a.centroid, b.centroid) < 1e-6
		AND abs(a.inertia - b.inertia) <= 1e-12 * a.inertia AND abs(a.silhouette - b.silhouette) < 1e-12)
	INTO clusters, points, same FROM a FULL JOIN b USING (cluster);
	DROP TABLE a, b;
END
$$;
SELECT d, w, both_modes.* FROM unnest('{l2,cosine}'::text[]) d, unnest('{NULL,w}'::name[]) w, both_modes(d, w);

-- A row that fills an empty cluster leaves its own, with its weight
CREATE TABLE far AS SELECT v::interest_vector, w FROM (VALUES ('[0]', 1), ('[2]', 1), ('[10]', 3)) x (v, w);
SET uiml.memory_mode = passes;
SELECT cluster, centroid, size FROM uiml_kmeans('far', 'v', 2, weight_col => 'w', init => '{"[0]","[1000]"}', max_iterations => 1, tolerance => 0);
RESET uiml.memory_mode;
SELECT uiml_kmeans_pass(v, w, '{"[1]"}', CASE w WHEN 1 THEN 'l2' ELSE 'cosine' END) IS NULL FROM far WHERE v <> '[0]';
DROP TABLE far;

-- Groups are found, by their number or without it; the numbers are those of uiml_assign
SELECT count(*), sum(size), avg(silhouette) > .6 AS apart FROM uiml_kmeans('cloud', 'v', 17, seed => 5);
SELECT count(*) BETWEEN 12 AND 24 FROM uiml_kmeans('cloud', 'v', NULL);
WITH k AS MATERIALIZED (SELECT * FROM uiml_kmeans('cloud', 'v', 17)), c AS (SELECT array_agg(centroid ORDER BY cluster) AS centroids FROM k),
	counted AS (SELECT uiml_assign(v, centroids) AS cluster, count(*) AS size FROM cloud, c GROUP BY 1)
SELECT count(*), bool_and(k.size = counted.size) FROM k FULL JOIN counted USING (cluster);

-- Too much for memory: an error, or passes
CREATE TABLE wide AS SELECT ARRAY(SELECT ((i * j) % 89)::real FROM generate_series(1, 20) j)::interest_vector AS v FROM generate_series(1, 30000) i;
SET maintenance_work_mem = '2MB';
SET uiml.memory_mode = memory;
SELECT code, message, regexp_replace(detail, '\d+ MB,', 'N MB,') AS detail, regexp_replace(hint, '\d+MB', 'NMB') AS hint
	FROM error_of($$ SELECT uiml_kmeans('wide', 'v', 3) $$);
RESET uiml.memory_mode;
SELECT count(*), sum(size) FROM uiml_kmeans('wide', 'v', 3);
RESET maintenance_work_mem;

-- The state of a pass goes out and in, and is refused where it's not one
CREATE TABLE states AS SELECT i % 2 AS part, uiml_kmeans_pass(v, w, '{"[0,0,0,0,0,0,0,0,0,0,0,0]","[9,9,9,9,9,9,9,9,9,9,9,9]"}', 'l2') AS state FROM cloud GROUP BY 1;
SELECT count(DISTINCT state::text), bool_and(state::text::uiml_kmeans_state::text = state::text) FROM states;
SELECT * FROM error_of($$ SELECT '\x00'::uiml_kmeans_state $$);
SELECT * FROM error_of($$ SELECT uiml_kmeans_pass(v, 1, ARRAY[v], 'l2') FROM cloud $$);
SELECT * FROM error_of($$ SELECT uiml_kmeans_pass(v, -1, '{"[0,0]"}', 'l2') FROM points $$);
SELECT * FROM error_of($$ SELECT uiml_kmeans_accum(NULL, '[1]', 1, '{"[0]"}', 'l2') $$);

-- Mistakes
CREATE TABLE mixed AS SELECT '[1,2]'::interest_vector AS v, -1 AS w, 'x' AS t UNION ALL SELECT '[1]', 1, 'y';
CREATE TABLE nothing (v interest_vector);
SELECT e.* FROM unnest(ARRAY[
	$$ SELECT uiml_kmeans('points', 'nope', 2) $$,
	$$ SELECT uiml_kmeans('points', 'v', 2, weight_col => 'nope') $$,
	$$ SELECT uiml_kmeans('mixed', 't', 2) $$,
	$$ SELECT uiml_kmeans('mixed', 'v', 2) $$,
	$$ SELECT uiml_kmeans('mixed', 'v', 2, weight_col => 'w') $$,
	$$ SELECT uiml_kmeans('nothing', 'v', 2) $$,
	$$ SELECT uiml_kmeans('points', 'v', 0) $$,
	$$ SELECT uiml_kmeans('points', 'v', 2, 'manhattan') $$,
	$$ SELECT uiml_kmeans('points', 'v', 2, NULL) $$,
	$$ SELECT uiml_kmeans(NULL, 'v', 2) $$,
	$$ SELECT uiml_kmeans('points', 'v', 2, init => '{"[1,2]"}') $$,
	$$ SELECT uiml_kmeans('points', 'v', 1, init => '{"[1,2,3]"}') $$,
	$$ SELECT uiml_kmeans('points', 'v', 1, 'cosine', init => '{"[0,0]"}') $$,
	$$ SELECT uiml_kmeans('points', 'v', 2, tolerance => 'NaN') $$,
	$$ SELECT uiml_kmeans('points', 'v', 2, restarts => 0) $$,
	$$ SELECT uiml_kmeans('(VALUES)', 'v', 2) $$,
	$$ SELECT uiml_assign('[1]', '{}') $$,
	$$ SELECT uiml_assign('[1]', '{NULL}') $$,
	$$ SELECT uiml_assign('[1]', '{"[1,2]"}') $$,
	$$ SELECT uiml_assign('[1e30]', '{"[1]"}') $$,
	$$ SELECT uiml_assign('[1]', '{"[1e30]"}') $$,
	$$ SELECT uiml_assign('[1]', '{"[0]"}', 'cosine') $$]) AS statement, error_of(statement) e;

-- Only what may be read
CREATE ROLE regress_uiml_kmeans;
GRANT SELECT (v) ON points TO regress_uiml_kmeans;
SET ROLE regress_uiml_kmeans;
SELECT count(*) FROM uiml_kmeans('points', 'v', 2);
SELECT code, message FROM error_of($$ SELECT uiml_kmeans('points', 'v', 2, weight_col => 'w') $$);
RESET ROLE;
REVOKE ALL ON points FROM regress_uiml_kmeans;
DROP ROLE regress_uiml_kmeans;
