-- Singular vectors and latent semantic analysis: known answers, keys of any type, rights, mistakes.
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

-- [3 0; 4 5]: singular values sqrt 45 and sqrt 5, vectors (1,3) (3,-1) / sqrt 10 and (1,1) (1,-1) / sqrt 2, up to a sign.
-- A cell is the inner product of its row's vector times sigma with its column's.
CREATE TABLE cells (r text, c integer, w double precision);
INSERT INTO cells VALUES ('a', 1, 3), ('b', 1, 4), ('b', 2, 5);
SELECT side, key, uiml_dims(vector) FROM uiml_svd('cells', 'r', 'c', 'w');
SELECT uiml_l2_distance(vector, ARRAY[sqrt(45), sqrt(5)]::interest_vector) < 1e-5 AS sigma FROM uiml_svd('cells', 'r', 'c', 'w') WHERE side = 'sigma';
SELECT side, key, array_agg(round(abs(x)::numeric, 4) ORDER BY n) AS magnitudes
FROM uiml_svd('cells', 'r', 'c', 'w'), unnest(vector::real[]) WITH ORDINALITY AS e (x, n)
WHERE side <> 'sigma' GROUP BY side, key ORDER BY side DESC, key;
CREATE FUNCTION cells_of(source regclass, dims integer DEFAULT 64, iterations integer DEFAULT 6)
	RETURNS TABLE (r text, c text, w double precision) LANGUAGE sql STABLE AS $$
	WITH s AS MATERIALIZED (SELECT * FROM uiml_svd(source, 'r', 'c', 'w', dims => dims, iterations => iterations))
	SELECT u.key, v.key, uiml_inner_product(u.vector * s.vector, v.vector)
	FROM s JOIN s u ON u.side = 'row' JOIN s v ON v.side = 'column' WHERE s.side = 'sigma'
$$;
SELECT r, c, round(w::numeric, 4) AS w FROM cells_of('cells') ORDER BY r, c;

-- Both sides orthonormal, and all of a matrix of rank 3 in 3 dimensions; a full one in all of them
CREATE FUNCTION skew(source regclass, dims integer) RETURNS double precision LANGUAGE sql STABLE AS $$
	SELECT max(abs(dot - (a = b)::integer)) FROM (
		SELECT side, a, b, sum((vector::real[])[a]::float8 * (vector::real[])[b]::float8) AS dot
		FROM uiml_svd(source, 'r', 'c', 'w', dims => dims), generate_series(1, dims) a, generate_series(1, dims) b
		WHERE side <> 'sigma' GROUP BY side, a, b) p
$$;
CREATE VIEW low_rank AS
	SELECT r, c, sin(r) * cos(c) + .3 * cos(2 * r) * sin(c) + .1 * sin(5 * r) * sin(3 * c) AS w
	FROM generate_series(1, 40) r, generate_series(1, 25) c;
SELECT max(abs(e.w - m.w)) < 1e-5 AS rebuilt, count(*) FROM cells_of('low_rank', 3) e JOIN low_rank m ON e.r = m.r::text AND e.c = m.c::text;
SELECT skew('low_rank', 3) < 1e-5 AS orthonormal;
SELECT (vector::real[])[3] > 0 AS third, (vector::real[])[4:8] AS beyond FROM uiml_svd('low_rank', 'r', 'c', 'w', dims => 8) WHERE side = 'sigma';
CREATE VIEW full_rank AS SELECT r, c, sin(7 * r * c + c) AS w FROM generate_series(1, 12) r, generate_series(1, 30) c;
SELECT max(abs(e.w - m.w)) < 1e-5 AS rebuilt FROM cells_of('full_rank') e JOIN full_rank m ON e.r = m.r::text AND e.c = m.c::text;
SELECT skew('full_rank', 12) < 1e-5 AS orthonormal;
SELECT DISTINCT uiml_dims(vector) AS at_most FROM uiml_svd('full_rank', 'r', 'c', 'w', dims => 16000);

-- The order of rows makes no difference, nor does a duplicate that is split; another seed a small one
CREATE TABLE shuffled AS SELECT r, c, w / 2 AS w FROM full_rank, generate_series(1, 2) ORDER BY md5(format('%s %s', r, c));
SELECT count(*) FILTER (WHERE a.vector = b.vector) AS same, count(*) FROM uiml_svd('full_rank', 'r', 'c', 'w', 4) a
	FULL JOIN uiml_svd('shuffled', 'r', 'c', 'w', 4) b ON a.side = b.side AND a.key IS NOT DISTINCT FROM b.key;
SELECT max(a.vector <-> b.vector) < 1e-4 AS close FROM uiml_svd('full_rank', 'r', 'c', 'w', 4, iterations => 50) a
	JOIN uiml_svd('full_rank', 'r', 'c', 'w', 4, iterations => 50, seed => -7) b ON a.side = b.side AND a.key IS NOT DISTINCT FROM b.key;

-- Scaled by the counts of rows and columns: singular values of [3/1/sqrt 2, 0; 4/sqrt 2/sqrt 2, 5/sqrt 2/1]
SELECT abs((vector::real[])[1] ^ 2 + (vector::real[])[2] ^ 2 - (9.0 / 2 + 4 + 25.0 / 2)) < 1e-5 AS squares,
	abs((vector::real[])[1] * (vector::real[])[2] - 3 / sqrt(2) * 5 / sqrt(2)) < 1e-5 AS determinant
FROM uiml_svd('cells', 'r', 'c', 'w', row_scale => .5, column_scale => .5) WHERE side = 'sigma';

-- Without weights each row counts 1; rows with a NULL do not; sums of zero are no entries, and keep their keys
INSERT INTO cells VALUES ('b', 2, NULL), (NULL, 1, 1), ('c', NULL, 1), ('z', 1, 2), ('z', 1, -2);
SELECT key, vector FROM uiml_svd('cells', 'r', 'c', 'w', 1) WHERE side = 'row' AND key NOT IN ('a', 'b');
SELECT key, round(uiml_norm(vector)::numeric, 3) AS norm FROM uiml_svd('cells', 'r', 'c') WHERE side = 'row';

-- Nothing; zeros only; one row
CREATE TABLE nothing (r text, c text, w numeric);
SELECT * FROM uiml_svd('nothing', 'r', 'c', 'w');
SELECT * FROM uiml_lsa('nothing', 'r', 'c', 'w');
INSERT INTO nothing VALUES ('a', 'b', 0), (NULL, 'b', 1);
SELECT * FROM uiml_svd('nothing', 'r', 'c', 'w');
INSERT INTO nothing VALUES ('a', 'b', -2);
SELECT * FROM uiml_svd('nothing', 'r', 'c', 'w');

-- Keys of many types, equal ones that look different, and one in a DOMAIN
CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z]');
CREATE TABLE keys (r numeric, "c ""x" date, d code, u uuid, t timestamptz, j json, p point, a integer[]);
INSERT INTO keys VALUES (1.0, '2024-01-02', 'b', '00000000-0000-0000-0000-000000000002', '2024-01-01 00:00 UTC', '{}', '(1,2)', '{1}'),
	(1.00, '2024-01-03', 'a', '00000000-0000-0000-0000-000000000001', '2024-01-01 00:00 UTC', '{}', '(1,2)', '{2}'),
	(2, '2024-01-02', 'c', '00000000-0000-0000-0000-000000000001', '2024-01-02 00:00 UTC', '{}', '(1,2)', '{2}');
SET DateStyle = ISO;
SET TimeZone = UTC;
SELECT side, key FROM uiml_svd('keys', 'r', 'c "x');
SELECT side, key FROM uiml_svd('keys', 'd', 'u');
SELECT side, key FROM uiml_svd('keys', 't', 'a');

-- Views and temporary tables are relations, too; the statement sees its snapshot
CREATE TEMPORARY TABLE small AS SELECT * FROM cells WHERE w > 3;
SELECT count(*) FROM uiml_svd('small', 'r', 'c', 'w');
SELECT count(*) FROM (VALUES ('r'::name)) v (col), uiml_svd('pg_temp.small', col, 'c', 'w');

-- Latent semantic analysis: two subjects, a word in common
CREATE TABLE words (doc integer, word text, n integer);
INSERT INTO words SELECT d, w, 1 + (d + length(w)) % 3
	FROM generate_series(1, 8) d, unnest(CASE WHEN d <= 4 THEN '{sail,boat,wind,the}' ELSE '{oven,bread,flour,the}' END::text[]) w
	WHERE (d + length(w)) % 11 > 0;
SELECT side, count(*), min(round(uiml_norm(vector)::numeric, 4)) AS shortest, max(uiml_dims(vector)) AS dims
FROM uiml_lsa('words', 'doc', 'word', 'n', dims => 2) GROUP BY side ORDER BY side;
WITH l AS MATERIALIZED (SELECT * FROM uiml_lsa('words', 'doc', 'word', 'n', dims => 2))
SELECT max(distance) FILTER (WHERE same_subject) < .1 AS near, min(distance) FILTER (WHERE NOT same_subject) > .5 AS far
FROM (SELECT (a.key::integer <= 4) = (b.key::integer <= 4) AS same_subject, a.vector <=> b.vector AS distance
	FROM l a JOIN l b ON a.side = 'document' AND b.side = 'document' AND a.key < b.key) d;
WITH l AS MATERIALIZED (SELECT * FROM uiml_lsa('words', 'doc', 'word', 'n', dims => 2))
SELECT array_agg(key ORDER BY key) FILTER (WHERE distance < .3) AS of_baking
FROM (SELECT t.key, t.vector <=> (SELECT vector FROM l WHERE side = 'term' AND key = 'bread') AS distance FROM l t WHERE side = 'term') d;
-- a document is the sum of its terms, in length 1: so is one that wasn't there
WITH l AS MATERIALIZED (SELECT * FROM uiml_lsa('words', 'doc', 'word', 'n', dims => 4)),
	folded AS (SELECT doc, uiml_normalise(sum(vector * (1 + ln(n))::real)) AS vector FROM words JOIN l ON side = 'term' AND key = word GROUP BY doc)
SELECT count(*), max(f.vector <-> l.vector) < 1e-5 AS folds_in FROM folded f JOIN l ON side = 'document' AND key = doc::text;
SELECT count(*) FILTER (WHERE a.vector = b.vector) AS same, count(*) FROM uiml_lsa('words', 'doc', 'word', dims => 3, seed => 5) a
	JOIN uiml_lsa('words', 'doc', 'word', dims => 3, seed => 5) b ON a.side = b.side AND a.key IS NOT DISTINCT FROM b.key;

-- Mistakes
\x
SELECT call, e.* FROM unnest(ARRAY[
	'uiml_svd(NULL, ''r'', ''c'')',
	'uiml_svd(''cells'', NULL, ''c'')',
	'uiml_svd(''cells'', ''r'', NULL)',
	'uiml_svd(''cells'', ''x'', ''c'')',
	'uiml_svd(''cells'', ''r'', ''ctid'')',
	'uiml_svd(''cells'', ''r'', ''c'', ''weight'')',
	'uiml_svd(''cells'', ''r'', ''c'', ''r'')',
	'uiml_svd(''keys'', ''j'', ''r'')',
	'uiml_svd(''keys'', ''r'', ''p'')',
	'uiml_svd(0::regclass, ''r'', ''c'')',
	'uiml_svd(''cells'', ''r'', ''c'', dims => 0)',
	'uiml_svd(''cells'', ''r'', ''c'', dims => 16001)',
	'uiml_svd(''cells'', ''r'', ''c'', dims => NULL)',
	'uiml_svd(''cells'', ''r'', ''c'', row_scale => -1)',
	'uiml_svd(''cells'', ''r'', ''c'', column_scale => ''NaN'')',
	'uiml_svd(''cells'', ''r'', ''c'', iterations => 0)',
	'uiml_svd(''cells'', ''r'', ''c'', seed => NULL)',
	'uiml_lsa(''words'', ''doc'', ''term'')',
	'uiml_lsa(''words'', ''doc'', ''word'', dims => 0)'])
	WITH ORDINALITY AS u (call, i), error_of('SELECT * FROM ' || call) e ORDER BY i;
CREATE TABLE bad (r integer, c integer, w double precision);
INSERT INTO bad VALUES (1, 1, 'NaN');
SELECT (error_of($$SELECT * FROM uiml_svd('bad', 'r', 'c', 'w')$$)).*;
UPDATE bad SET w = '-Infinity';
SELECT (error_of($$SELECT * FROM uiml_svd('bad', 'r', 'c', 'w')$$)).*;
UPDATE bad SET w = 1e39;
SELECT (error_of($$SELECT * FROM uiml_svd('bad', 'r', 'c', 'w')$$)).*;
UPDATE bad SET w = 3e38;
SELECT vector FROM uiml_svd('bad', 'r', 'c', 'w') WHERE side = 'row';
INSERT INTO bad SELECT * FROM bad;
SELECT (error_of($$SELECT * FROM uiml_svd('bad', 'r', 'c', 'w')$$)).*;
UPDATE bad SET w = -1;
SELECT (error_of($$SELECT * FROM uiml_lsa('bad', 'r', 'c', 'w')$$)).*;
\x

-- By passes over a file: the same, from duplicates, NULLs, keys that look different, documents; mistakes
CREATE FUNCTION in_both_modes(call text) RETURNS TABLE (rows bigint, keys bigint, close boolean) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL uiml.memory_mode = 'memory';
	EXECUTE 'CREATE TEMPORARY TABLE by_memory AS SELECT * FROM ' || call;
	SET LOCAL uiml.memory_mode = 'passes';
	RETURN QUERY EXECUTE 'SELECT count(*), count(*) FILTER (WHERE m.side = p.side), max(m.vector <-> p.vector) < 2e-5
		FROM by_memory m FULL JOIN ' || call || ' p ON m.side = p.side AND m.key IS NOT DISTINCT FROM p.key';
	DROP TABLE by_memory;
END
$$;
SELECT call, b.* FROM unnest(ARRAY[
	'uiml_svd(''cells'', ''r'', ''c'', ''w'')',
	'uiml_svd(''shuffled'', ''r'', ''c'', ''w'', 4)',
	'uiml_svd(''low_rank'', ''r'', ''c'', ''w'', 5, .5, .25)',
	'uiml_svd(''keys'', ''r'', ''c "x'')',
	'uiml_svd(''nothing'', ''r'', ''c'', ''w'')',
	'uiml_svd(''bad'', ''r'', ''c'')',
	'uiml_lsa(''words'', ''doc'', ''word'', ''n'', 4)']) WITH ORDINALITY AS u (call, i), in_both_modes(call) b ORDER BY i;
SET uiml.memory_mode = 'passes';
SELECT * FROM error_of($$SELECT * FROM uiml_lsa('bad', 'r', 'c', 'w')$$);
SELECT * FROM error_of($$SELECT * FROM uiml_svd('cells', 'r', 'c', 'r')$$);
SELECT * FROM error_of($$SELECT * FROM uiml_svd('keys', 'j', 'r')$$);
UPDATE bad SET w = -3e38;
SELECT * FROM error_of($$SELECT * FROM uiml_svd('bad', 'r', 'c', 'w')$$);
UPDATE bad SET w = 'NaN';
SELECT * FROM error_of($$SELECT * FROM uiml_svd('bad', 'r', 'c', 'w')$$);

-- Beyond maintenance_work_mem it is by passes, too; where memory alone is asked for, the figures tell what would do
CREATE TABLE wide AS SELECT i AS r, i % 1000 AS c FROM generate_series(1, 60000) i;
SET uiml.memory_mode = 'auto';
SET maintenance_work_mem = '1MB';
SELECT count(*) FROM uiml_svd('wide', 'r', 'c', dims => 2);
SELECT message, regexp_replace(detail, 'about \d+', 'about N') AS detail FROM error_of($$SELECT * FROM uiml_svd('wide', 'r', 'c', dims => 200)$$);
SET uiml.memory_mode = 'memory';
SELECT code, message, regexp_replace(detail, 'about \d+', 'about N') AS detail, regexp_replace(hint, '\d+', 'N') AS hint
FROM error_of($$SELECT * FROM uiml_svd('wide', 'r', 'c', dims => 2)$$);
RESET maintenance_work_mem;
RESET uiml.memory_mode;
SELECT count(*) FROM uiml_svd('wide', 'r', 'c', dims => 2);

-- Read with one's own rights: no privilege, column privileges, rows one can't see
CREATE ROLE regress_uiml_svd;
CREATE TABLE secret (r integer, c integer, w integer, owner text);
INSERT INTO secret SELECT i, j, i + j, CASE WHEN i <= 2 THEN 'regress_uiml_svd' ELSE 'other' END FROM generate_series(1, 4) i, generate_series(1, 3) j;
SET ROLE regress_uiml_svd;
SELECT * FROM error_of($$SELECT * FROM uiml_svd('secret', 'r', 'c')$$);
RESET ROLE;
GRANT SELECT (r, c, owner) ON secret TO regress_uiml_svd;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (owner = current_user);
SET ROLE regress_uiml_svd;
SELECT * FROM error_of($$SELECT * FROM uiml_svd('secret', 'r', 'c', 'w')$$);
SELECT key FROM uiml_svd('secret', 'r', 'c') WHERE side = 'row';
RESET ROLE;
SELECT key FROM uiml_svd('secret', 'r', 'c') WHERE side = 'row';
DROP TABLE secret;
DROP ROLE regress_uiml_svd;
