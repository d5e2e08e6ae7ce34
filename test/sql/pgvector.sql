-- requires: vector
-- Casts between interest_vector and pgvector's vector, and HNSW indexes over interest_vector.
\set ECHO errors
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION uiml_pgvector;
RESET client_min_messages;
\set ECHO all

-- the same bytes either way, and the dimensions checked by the target
SELECT '[1,2.5,-3]'::vector::interest_vector, '[1,2.5,-3]'::interest_vector::vector;
SELECT vector_send('[1,2.5,-3]') = interest_vector_send('[1,2.5,-3]') AS same_binary;
SELECT '[1,2]'::vector::interest_vector(2), '[1,2]'::interest_vector::vector(2);
SELECT '[1,2]'::vector::interest_vector(3);
SELECT '[1,2]'::interest_vector::vector(3);
SELECT '[1,2]'::vector <-> '[1,2]'::interest_vector;

-- both types agree on distances
SELECT count(*) AS rows,
	bool_and(abs((a <-> b) - (a::vector <-> b::vector)) < 1e-5) AS l2,
	bool_and(abs((a <#> b) - (a::vector <#> b::vector)) < 1e-5) AS inner_product,
	bool_and(abs((a <=> b) - (a::vector <=> b::vector)) < 1e-5) AS cosine,
	bool_and(abs((a <+> b) - (a::vector <+> b::vector)) < 1e-5) AS l1
	FROM (SELECT array_agg(sin(n * g))::interest_vector AS a, array_agg(cos(n + g))::interest_vector AS b
		FROM generate_series(1, 50) g, generate_series(1, 40) n GROUP BY g) s;

-- a small index finds the exact neighbours, in each of the four classes
CREATE TABLE hnsw_points (id integer PRIMARY KEY, v interest_vector(8), p vector(8));
INSERT INTO hnsw_points
	SELECT g, a, a FROM (SELECT g, array_agg(sin(g * n * 1.7) + cos(g * 0.3 + n))::interest_vector AS a
		FROM generate_series(1, 500) g, generate_series(1, 8) n GROUP BY g) s;
INSERT INTO hnsw_points VALUES (501, NULL), (502, array_fill(0, '{8}'));
CREATE INDEX hnsw_l2 ON hnsw_points USING hnsw (v interest_vector_l2_ops);
CREATE INDEX hnsw_ip ON hnsw_points USING hnsw (v interest_vector_ip_ops);
CREATE INDEX hnsw_cosine ON hnsw_points USING hnsw (v interest_vector_cosine_ops);
CREATE INDEX hnsw_l1 ON hnsw_points USING hnsw (v interest_vector_l1_ops);
INSERT INTO hnsw_points SELECT 600 + id, v * 1.01, p FROM hnsw_points WHERE id <= 20;

CREATE FUNCTION recall(op text) RETURNS integer LANGUAGE plpgsql SET search_path = public, pg_catalog AS $$
DECLARE
	query text := format('SELECT id FROM hnsw_points WHERE v IS NOT NULL AND id <> 502 ORDER BY v %s (SELECT v FROM hnsw_points WHERE id = 7) LIMIT 10', op);
	exact integer[];
	found integer[];
BEGIN
	SET LOCAL hnsw.ef_search = 200;
	SET LOCAL enable_indexscan = off;
	EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO exact;
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_seqscan = off;
	EXECUTE 'SELECT array_agg(id) FROM (' || query || ') s' INTO found;
	RETURN (SELECT count(*) FROM unnest(exact) e WHERE e = ANY (found));
END
$$;
SELECT op, recall(op) >= 9 AS found_nine_of_ten FROM unnest('{<->,<#>,<=>,<+>}'::text[]) op;

SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_points ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_points ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 5;
RESET enable_seqscan;

-- deleted rows leave the index
DELETE FROM hnsw_points WHERE id % 2 = 0;
VACUUM hnsw_points;
SELECT recall('<->') >= 9 AS found_nine_of_ten;

-- an index needs dimensions
CREATE TABLE hnsw_any (v interest_vector);
CREATE INDEX ON hnsw_any USING hnsw (v interest_vector_l2_ops);

DROP TABLE hnsw_points, hnsw_any;
DROP FUNCTION recall(text);
DROP EXTENSION uiml_pgvector;
