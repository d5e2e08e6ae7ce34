-- Nearest neighbours: the same as sorting by distance, ties, keys of any type, rights, mistakes.
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

-- On a line, and around a circle
CREATE TABLE points (name text, v interest_vector);
INSERT INTO points VALUES ('a', '[0,0]'), ('b', '[1,0]'), ('c', '[3,0]'), ('d', '[0,4]'), ('e', '[-1,0]');
SELECT * FROM uiml_neighbours('points', 'name', 'v', 2, 'l2');
SELECT key, rank, neighbour, round(distance::numeric, 6) AS distance FROM uiml_neighbours('points', 'name', 'v', k => 3) WHERE key IN ('a', 'b', 'd');
SELECT * FROM uiml_neighbours('points', 'name', 'v', 1, 'inner_product');
SELECT key, count(*), max(rank) FROM uiml_neighbours('points', 'name', 'v', 10000) GROUP BY key ORDER BY key;

-- Of a given vector, which may be one of them; of the rows of another relation
SELECT * FROM uiml_neighbours('points', 'name', 'v', query => '[1,1]', k => 3, distance => 'l2');
SELECT neighbour FROM uiml_neighbours('points', 'name', 'v', '[1,1]'::interest_vector, 2);
SELECT * FROM uiml_neighbours('points', 'name', 'v', query => NULL);
SELECT p.name, n.neighbour FROM points p, uiml_neighbours('points', 'name', 'v', p.v, 1, 'inner_product') n ORDER BY name;
CREATE VIEW others AS SELECT 3 - n AS name, ARRAY[n, n]::real[] AS v FROM generate_series(1, 2) n;
SELECT * FROM uiml_neighbours('points', 'name', 'v', 2, 'l2', queries => 'others');

-- The same as the definition, whatever the rounding of products: clouds, ties, clouds far away, extremes
CREATE TABLE clouds (kind text, id integer, v interest_vector);
SELECT setseed(.5);
INSERT INTO clouds SELECT kind, id, array_agg(CASE kind
		WHEN 'cloud' THEN random() - .5
		WHEN 'few' THEN (id * j) % 3
		WHEN 'far' THEN 10000 + random() / 100
		WHEN 'huge' THEN (random() - .5) * 1e37
		WHEN 'tiny' THEN (random() - .5) * 1e-40
		ELSE (random() - .5) * (id % 5) ^ 20 END ORDER BY j)
	FROM unnest('{cloud,few,far,huge,tiny,mixed}'::text[]) kind, generate_series(1, 600) id, generate_series(1, 8) j GROUP BY kind, id;
CREATE FUNCTION compared(kind text, distance text, function regprocedure) RETURNS TABLE (found bigint, same bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMPORARY VIEW cloud AS SELECT id, v FROM clouds WHERE kind = %L', kind);
	RETURN QUERY EXECUTE format('SELECT count(*), count(*) FILTER (WHERE n.neighbour = e.id::text AND n.distance = e.d)
		FROM uiml_neighbours(''cloud'', ''id'', ''v'', 7, %L) n
		FULL JOIN (SELECT q.id AS key, b.id, b.d, row_number() OVER (PARTITION BY q.id ORDER BY b.d, b.id) AS rank
			FROM clouds q CROSS JOIN LATERAL (SELECT x.id, %s%s(q.v, x.v) AS d FROM clouds x WHERE x.kind = %L AND x.id <> q.id ORDER BY d, x.id LIMIT 7) b
			WHERE q.kind = %L) e
		ON n.key = e.key::text AND n.rank = e.rank', distance, CASE distance WHEN 'inner_product' THEN '-' END, function::regproc, kind, kind);
	DROP VIEW cloud;
END
$$;
SELECT kind, name AS distance, c.* FROM (SELECT DISTINCT kind FROM clouds) k,
	(VALUES ('cosine', 'uiml_cosine_distance'::regproc), ('l2', 'uiml_l2_distance'), ('inner_product', 'uiml_inner_product')) d (name, function),
	compared(kind, name, function::oid::regprocedure) c ORDER BY kind, name;
CREATE VIEW few AS SELECT id, v FROM clouds WHERE kind = 'few';
SELECT bool_and(n.neighbour = e.id::text AND n.distance = e.d) AS same, count(*)
FROM uiml_neighbours('few', 'id', 'v', query => '[1,1,0,0,0,0,0,0]', k => 50) n
	JOIN (SELECT id, v <=> '[1,1,0,0,0,0,0,0]' AS d, row_number() OVER (ORDER BY v <=> '[1,1,0,0,0,0,0,0]', id) AS rank FROM few) e USING (rank);

-- Rows with a NULL do not count; nothing; one row; keys of many types, repeated ones too; arrays as vectors
INSERT INTO points VALUES ('n', NULL), (NULL, '[1,2]');
SELECT count(*) FROM uiml_neighbours('points', 'name', 'v');
SELECT count(*) FROM uiml_neighbours('points', 'name', 'v', query => '[1,1]');
CREATE TABLE nothing (id uuid, v double precision[]);
SELECT * FROM uiml_neighbours('nothing', 'id', 'v');
SELECT * FROM uiml_neighbours('nothing', 'id', 'v', query => '[1]');
INSERT INTO nothing VALUES ('00000000-0000-0000-0000-000000000001', '{1,2}');
SELECT * FROM uiml_neighbours('nothing', 'id', 'v');
INSERT INTO nothing VALUES ('00000000-0000-0000-0000-000000000001', '{1,3}'), ('00000000-0000-0000-0000-000000000000', '{1,2}');
SELECT key, neighbour, round(distance::numeric, 3) AS distance FROM uiml_neighbours('nothing', 'id', 'v', 1, 'l2');

-- Mistakes
\x
SELECT call, e.* FROM unnest(ARRAY[
	'uiml_neighbours(NULL, ''name'', ''v'')',
	'uiml_neighbours(''points'', NULL, ''v'')',
	'uiml_neighbours(''points'', ''name'', NULL)',
	'uiml_neighbours(''points'', ''nam'', ''v'')',
	'uiml_neighbours(''points'', ''name'', ''w'')',
	'uiml_neighbours(''points'', ''name'', ''name'')',
	'uiml_neighbours(''points'', ''name'', ''v'', 0)',
	'uiml_neighbours(''points'', ''name'', ''v'', 10001)',
	'uiml_neighbours(''points'', ''name'', ''v'', NULL::integer)',
	'uiml_neighbours(''points'', ''name'', ''v'', distance => ''manhattan'')',
	'uiml_neighbours(''points'', ''name'', ''v'', distance => NULL)',
	'uiml_neighbours(''points'', ''name'', ''v'', queries => ''pg_class'')',
	'uiml_neighbours(''points'', ''name'', ''v'', query => ''[1,2,3]'')',
	'uiml_neighbours(''points'', ''nam'', ''v'', query => ''[1,2]'')',
	'uiml_neighbours(''points'', ''v'', ''v'', query => ''[1,2]'', k => 0)',
	'uiml_neighbours(''points'', ''name'', ''v'', query => ''[1,2]'', distance => ''L2'')'])
	WITH ORDINALITY AS u (call, i), error_of('SELECT * FROM ' || call) e ORDER BY i;
CREATE VIEW three AS SELECT 1 AS id, '[1,2,3]'::interest_vector AS v;
SELECT (error_of($$SELECT * FROM uiml_neighbours('few', 'id', 'v', queries => 'three')$$)).*;
INSERT INTO points VALUES ('z', '[1,2,3]');
SELECT (error_of($$SELECT * FROM uiml_neighbours('points', 'name', 'v')$$)).*;
SELECT (error_of($$SELECT * FROM uiml_neighbours('points', 'name', 'v', query => '[1,1]')$$)).*;
INSERT INTO nothing VALUES ('00000000-0000-0000-0000-000000000003', '{1,NaN}');
SELECT (error_of($$SELECT * FROM uiml_neighbours('nothing', 'id', 'v')$$)).*;
\x

-- Memory: the figures tell what would do
CREATE TABLE wide AS SELECT i AS id, ('[' || i || repeat(',1', 127) || ']')::interest_vector AS v FROM generate_series(1, 3000) i;
SET maintenance_work_mem = '1MB';
SELECT code, message, regexp_replace(detail, 'about \d+', 'about N') AS detail, regexp_replace(hint, '\d+', 'N') AS hint
FROM error_of($$SELECT * FROM uiml_neighbours('wide', 'id', 'v')$$);
SELECT neighbour FROM uiml_neighbours('wide', 'id', 'v', query => (SELECT v FROM wide WHERE id = 7), k => 3, distance => 'l2') ORDER BY rank;
RESET maintenance_work_mem;
SET work_mem = '64kB';
SELECT count(*) FROM uiml_neighbours('wide', 'id', 'v', 40);
RESET work_mem;

-- Read with one's own rights: no privilege, column privileges, rows one can't see
CREATE ROLE regress_uiml_neighbours;
CREATE TABLE secret (id integer, v interest_vector, owner text);
INSERT INTO secret SELECT i, ARRAY[i, 1]::interest_vector, CASE WHEN i % 2 = 0 THEN 'regress_uiml_neighbours' ELSE 'other' END FROM generate_series(1, 6) i;
SET ROLE regress_uiml_neighbours;
SELECT * FROM error_of($$SELECT * FROM uiml_neighbours('secret', 'id', 'v')$$);
SELECT * FROM error_of($$SELECT * FROM uiml_neighbours('secret', 'id', 'v', query => '[1,2]')$$);
RESET ROLE;
GRANT SELECT (id, v, owner) ON secret TO regress_uiml_neighbours;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (owner = current_user);
SET ROLE regress_uiml_neighbours;
SELECT * FROM uiml_neighbours('secret', 'id', 'v', 1, 'l2');
SELECT * FROM uiml_neighbours('secret', 'id', 'v', query => '[3,1]', k => 1, distance => 'l2');
RESET ROLE;
SELECT * FROM uiml_neighbours('secret', 'id', 'v', query => '[3,1]', k => 1, distance => 'l2');
DROP TABLE secret;
DROP ROLE regress_uiml_neighbours;
