-- The type interest_vector: text, binary, type modifier, casts, arithmetic, distances, order, hashing.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
RESET client_min_messages;

-- What a statement raises: SQLSTATE, message, detail.
CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text)
	LANGUAGE plpgsql SET search_path = public, pg_catalog, pg_temp AS $$
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END
$$;

-- Text

SELECT '[1,2,3]'::interest_vector, '[ 1 ,	2.50, +3 ] '::interest_vector, '[-1e3,.5,5.,1E-2]'::interest_vector;
SELECT '[-0,1e-45,1e-60,3.4028235e38,0.1,123456789]'::interest_vector;
SELECT literal, e.* FROM unnest('{"","[","[]","[ ]","1,2","[1,2","[1,2]x","[1,2] [3]","[1,,2]","[,1]","[1,]","[1 2]","[1;2]","{1,2}","[a]","[1x]","[0x10]","[1e]","[--1]","[.]","[[1]]"}'::text[])
	WITH ORDINALITY AS u (literal, n), error_of(format('SELECT %L::interest_vector', literal)) e ORDER BY n;
SELECT literal, e.* FROM unnest('{"[1,NaN]","[nan]","[-nan]","[inf]","[1,-Infinity]","[1e39]","[1,-4e38]","[nano]"}'::text[])
	WITH ORDINALITY AS u (literal, n), error_of(format('SELECT %L::interest_vector', literal)) e ORDER BY n;
SELECT (error_of(format('SELECT %L::interest_vector', '[' || repeat('1,', 100) || 'x]'))).*;
SELECT uiml_dims(('[' || repeat('0,', 15999) || '0]')::interest_vector);
SELECT (error_of(format('SELECT %L::interest_vector', '[' || repeat('0,', 16000) || '0]'))).*;
SELECT (error_of(format('SELECT %L::interest_vector', '[' || repeat(',', 20000) || ']'))).code;

-- Type modifier

CREATE TABLE typed (v interest_vector(3));
INSERT INTO typed VALUES ('[1,2,3]'), (NULL), ('{4,5,6}'::real[]);
SELECT v FROM typed;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attname = 'v';
SELECT statement, e.* FROM unnest(ARRAY[
	'INSERT INTO typed VALUES (''[1,2]'')',
	'INSERT INTO typed VALUES (''{1,2}''::real[])',
	'SELECT ''[1,2]''::interest_vector::interest_vector(3)',
	'SELECT ''[1,2]''::interest_vector(2)',
	'SELECT ''[1,2]''::interest_vector(0)',
	'SELECT ''[1,2]''::interest_vector(16001)',
	'SELECT ''[1,2]''::interest_vector(1, 2)',
	'SELECT ''[1,2]''::interest_vector(a)',
	'SELECT interest_vector_typmod_in(''{}'')',
	'SELECT interest_vector_typmod_in(''{NULL}'')',
	'SELECT interest_vector_typmod_in(''{{1},{2}}'')'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;

-- Binary: a round trip through COPY, and what recv refuses

CREATE TABLE source (id integer, v interest_vector);
INSERT INTO source SELECT g, array_agg((random() - 0.5) * 10 ^ (random() * 76 - 38))::interest_vector
	FROM generate_series(1, 200) g, generate_series(1, 1 + g * g % 97) GROUP BY g;
INSERT INTO source VALUES (0, NULL), (201, ('[' || repeat('0.1,', 15999) || '-0]')::interest_vector);
CREATE TABLE received (LIKE source);
SELECT current_setting('data_directory') || '/uiml_interest_vector.' || current_database() AS file \gset
\set ECHO errors
SELECT format('COPY source TO %L BINARY', :'file') \gexec
SELECT format('COPY received FROM %L BINARY', :'file') \gexec
\set ECHO all
SELECT count(*), bool_and(a.v IS NOT DISTINCT FROM b.v AND a.v::text IS NOT DISTINCT FROM b.v::text) AS equal
	FROM source a JOIN received b USING (id);
SELECT interest_vector_send('[1,-2.5]');
CREATE TABLE bytes (id integer, v bytea);
CREATE TABLE vectors (id integer, v interest_vector(2));
CREATE FUNCTION receive(bytes bytea, file text, OUT code text, OUT message text, OUT detail text)
	LANGUAGE plpgsql SET search_path = public, pg_catalog, pg_temp AS $$
BEGIN
	TRUNCATE bytes, vectors;
	INSERT INTO bytes VALUES (1, bytes);
	EXECUTE format('COPY bytes TO %L BINARY', file);
	SELECT e.* INTO code, message, detail FROM error_of(format('COPY vectors FROM %L BINARY', file)) e;
END
$$;
SELECT what, e.* FROM (VALUES
	(1, 'whole', '\x000200003f800000c0200000'),
	(2, 'empty', ''), (3, 'half a head', '\x0002'),
	(4, 'no dimension', '\x00000000'), (5, 'negative dimensions', '\xffff0000'),
	(6, '16001 dimensions', '\x3e810000'), (7, 'reserved field', '\x000200013f800000c0200000'),
	(8, 'too short', '\x000200003f800000c02000'), (9, 'too long', '\x000200003f800000c020000000'),
	(10, 'another typmod', '\x000100003f800000'), (11, 'NaN', '\x000200003f8000007fc00000'),
	(12, 'infinity', '\x00020000ff8000003f800000')) AS b (n, what, bytes),
	receive(bytes::bytea, :'file') e ORDER BY n;
\set ECHO errors
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', 'cat > /dev/null; rm -f ' || :'file') \gexec
\set ECHO all
DROP FUNCTION receive(bytea, text);
DROP TABLE bytes, vectors, received;

-- Casts

SELECT '{1,2.5}'::real[]::interest_vector, '{1,2.5}'::float8[]::interest_vector, '{1,2}'::integer[]::interest_vector,
	'{1,2.5}'::numeric[]::interest_vector;
SELECT '[1,2.5]'::interest_vector::real[], '[1,2.5]'::interest_vector::float8[], '[1,2.5]'::interest_vector::text;
SELECT '[0:1]={1,2}'::real[]::interest_vector AS lower_bounds_are_dropped;
SELECT array_length(v, 1) FROM (SELECT '[1,2,3]'::interest_vector::real[] AS v) s;
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT ''{}''::real[]::interest_vector',
	'SELECT ''{1,NULL}''::real[]::interest_vector',
	'SELECT ''{{1,2},{3,4}}''::integer[]::interest_vector',
	'SELECT ''{1,NaN}''::real[]::interest_vector',
	'SELECT ''{1,NaN}''::numeric[]::interest_vector',
	'SELECT ''{Infinity}''::float8[]::interest_vector',
	'SELECT ''{1e39}''::float8[]::interest_vector',
	'SELECT ''{1e39}''::numeric[]::interest_vector',
	'SELECT ''{1,2}''::real[]::interest_vector(3)',
	'SELECT array_fill(0, ARRAY[16001])::interest_vector'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;

-- Arithmetic

SELECT v + w AS sum, v - w AS difference, v * w AS product, v * 2 AS twice, 0.5 * v AS half, v * 3::real AS thrice,
	v || w AS both FROM (VALUES ('[1,2,3]'::interest_vector, '[4,-5,0.5]'::interest_vector)) s (v, w);
SELECT '[1,2]'::interest_vector + NULL AS null_sum, NULL::float8 * '[1]'::interest_vector AS null_product;
SELECT '[1e-30]'::interest_vector * '[1e-30]' AS underflow_is_zero;
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT ''[1,2]''::interest_vector + ''[1]''',
	'SELECT ''[1]''::interest_vector - ''[1,2]''',
	'SELECT ''[1,2]''::interest_vector * ''[1,2,3]''',
	'SELECT ''[3e38]''::interest_vector + ''[3e38]''',
	'SELECT ''[-3e38]''::interest_vector - ''[3e38]''',
	'SELECT ''[1e30]''::interest_vector * ''[1e30]''',
	'SELECT ''[1e30]''::interest_vector * 1e10',
	'SELECT ''[1]''::interest_vector * ''NaN''::float8',
	'SELECT ''Infinity''::float8 * ''[0]''::interest_vector',
	'SELECT array_fill(0, ARRAY[9000])::interest_vector || array_fill(0, ARRAY[7001])::interest_vector'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;

-- Functions

SELECT uiml_dims('[1,2,3]'), uiml_norm('[3,4]'), uiml_norm('[0,0]'), uiml_norm('[3e38,3e38]') > 4.2e38 AS wide_norm;
SELECT uiml_normalise('[3,4]'), uiml_normalise('[0,0]'), uiml_normalise('[0,1e-45]'), uiml_normalise('[3e38,0]');
SELECT uiml_subvector('[1,2,3,4,5]', 2, 3), uiml_subvector('[1,2,3]', -1, 4), uiml_subvector('[1,2,3]', 3, 2147483647);
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT uiml_subvector(''[1,2,3]'', 4, 1)',
	'SELECT uiml_subvector(''[1,2,3]'', 1, 0)',
	'SELECT uiml_subvector(''[1,2,3]'', 1, -2147483648)',
	'SELECT uiml_subvector(''[1,2,3]'', -2147483648, 2147483647)'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;

-- Distances

SELECT v <-> w AS l2, v <#> w AS negative_inner_product, v <+> w AS l1, abs((v <=> w) - 0.6837722339831621) < 1e-12 AS cosine,
	uiml_l2_distance(v, w) = (v <-> w) AND uiml_inner_product(v, w) = -(v <#> w)
	AND uiml_l1_distance(v, w) = (v <+> w) AND uiml_cosine_distance(v, w) = (v <=> w) AS functions_agree
	FROM (VALUES ('[1,0,-1,2,-2]'::interest_vector, '[-3,0,0,0,-4]'::interest_vector)) s (v, w);
SELECT '[1,2]' <=> '[2,4]'::interest_vector AS same, '[1,2]' <=> '[-1,-2]'::interest_vector AS opposite,
	'[1,0]' <=> '[0,1]'::interest_vector AS orthogonal, '[0,0]' <=> '[1,2]'::interest_vector AS zero,
	'[0,0]' <=> '[0,0]'::interest_vector AS both_zero;
-- floats would overflow or underflow on the way
SELECT abs(('[3e38]' <-> '[-3e38]'::interest_vector) / 6e38 - 1) < 1e-6 AS l2,
	abs(('[3e38]' <+> '[-3e38]'::interest_vector) / 6e38 - 1) < 1e-6 AS l1,
	abs(('[3e38]' <#> '[3e38]'::interest_vector) / -9e76 - 1) < 1e-6 AS inner_product,
	('[3e38,0]' <=> '[3e38,0]'::interest_vector) AS cosine_large,
	('[1e-40,0]' <=> '[0,1e-40]'::interest_vector) AS cosine_small,
	abs(('[1e-30]' <-> '[2e-30]'::interest_vector) / 1e-30 - 1) < 1e-6 AS l2_small;
-- against SQL, at dimensions around the lanes of the loops
SELECT count(*) AS dims, bool_and(abs((v <-> w) - l2) <= 1e-5 * l2) AS l2, bool_and(abs((v <#> w) + ip) <= 1e-4) AS ip,
	bool_and(abs((v <+> w) - l1) <= 1e-5 * l1) AS l1, bool_and(abs(uiml_norm(v) - norm) <= 1e-12 * norm) AS norm
	FROM (SELECT d, array_agg(a ORDER BY i)::interest_vector AS v, array_agg(b ORDER BY i)::interest_vector AS w,
			sqrt(sum((a - b) ^ 2)) AS l2, sum(a * b) AS ip, sum(abs(a - b)) AS l1, sqrt(sum(a * a)) AS norm
		FROM generate_series(1, 130) d, generate_series(1, d) i,
			LATERAL (SELECT sin(d * 7 + i)::real::float8 AS a, cos(d + 3 * i)::real::float8 AS b) x GROUP BY d) s;
SELECT statement, e.* FROM unnest('{<->,<#>,<=>,<+>}'::text[]) WITH ORDINALITY AS u (op, n),
	format('SELECT ''[1]''::interest_vector %s ''[1,2]''', op) statement, error_of(statement) e ORDER BY n;

-- Order and hashing

SELECT v FROM (VALUES ('[2]'::interest_vector), ('[1,2]'), ('[1]'), ('[1,-5,9]'), ('[-1,100]'), (NULL), ('[1,2]')) s (v) ORDER BY v;
SELECT '[1]' < '[1,0]'::interest_vector AS shorter_first, '[1]' = '[1]'::interest_vector AS equal,
	'[1]' <> '[2]'::interest_vector AS unequal, '[2]' > '[1,9]'::interest_vector AS greater,
	'[1]' <= '[1]'::interest_vector AS le, '[1]' >= '[2]'::interest_vector AS ge,
	interest_vector_cmp('[1,2]', '[1,3]') AS cmp;
SELECT '[-0,1]' = '[0,1]'::interest_vector AS zeros_equal,
	interest_vector_hash('[-0,1]') = interest_vector_hash('[0,1]') AS hashes_equal,
	interest_vector_hash_extended('[-0,1]', 7) = interest_vector_hash_extended('[0,1]', 7) AS extended_equal,
	interest_vector_hash_extended('[1]', 0)::bit(32) = interest_vector_hash('[1]')::bit(32) AS seed_zero_agrees;
CREATE TABLE points AS SELECT g AS id, ARRAY[g % 10, g % 3]::interest_vector AS v FROM generate_series(1, 1000) g;
ANALYZE points;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v, count(*) FROM points GROUP BY v;
SELECT count(*), sum(n) FROM (SELECT v, count(*) AS n FROM points GROUP BY v) s;
RESET enable_sort;
SET enable_hashagg = off;
SELECT count(*) FROM (SELECT DISTINCT v FROM points) s;
RESET enable_hashagg;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM points a JOIN points b USING (v);
SELECT count(*) FROM points a JOIN points b USING (v);
RESET enable_mergejoin;
SET enable_hashjoin = off;
SELECT count(*) FROM points a JOIN points b USING (v);
RESET enable_nestloop;
RESET enable_hashjoin;
CREATE UNIQUE INDEX points_v_id ON points (v, id);
CREATE INDEX points_hash ON points USING hash (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM points WHERE v = '[3,1]';
SELECT min(id) FROM points WHERE v > '[8]' AND v <= '[9,0]';
RESET enable_seqscan;
RESET enable_bitmapscan;
CREATE TABLE parted (v interest_vector) PARTITION BY HASH (v);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT v FROM points;
SELECT count(*), count(DISTINCT tableoid) FROM parted;

-- Large values are toasted, and come back

CREATE TABLE large (v interest_vector);
INSERT INTO large SELECT array_agg(random())::interest_vector FROM generate_series(1, 5) g, generate_series(1, 10000) GROUP BY g;
SELECT bool_and(uiml_dims(v) = 10000 AND (v <-> v) = 0) FROM large;

-- 20,000 random literals and type modifiers: refused as user errors, or read, and then the text reads back as the same value

DO $$
DECLARE
	alphabet text := '[],. +-eE0123456789naNifx{}"' || chr(9);
	literal text;
	typmod text;
	v interest_vector;
	codes text[] := '{}';
	code text;
	good integer := 0;
BEGIN
	PERFORM setseed(0.5);
	FOR i IN 1 .. 20000 LOOP
		IF i % 2 = 0 THEN
			SELECT string_agg(substr(alphabet, 1 + floor(random() * length(alphabet))::integer, 1), '')
				FROM generate_series(1, 1 + floor(random() * 12)::integer) INTO literal;
		ELSE
			SELECT '[' || string_agg(((random() - 0.5) * 10 ^ (random() * 80 - 40))::text, ',') || ']'
				FROM generate_series(1, 1 + floor(random() * 5)::integer) INTO literal;
			IF i % 3 = 0 THEN
				literal := overlay(literal PLACING substr(alphabet, 1 + floor(random() * length(alphabet))::integer, 1)
					FROM 1 + floor(random() * length(literal))::integer);
			END IF;
		END IF;
		typmod := CASE WHEN i % 5 = 0 THEN format('(%s)', floor(random() * 8 - 2)) ELSE '' END;
		BEGIN
			EXECUTE format('SELECT %L::interest_vector%s', literal, typmod) INTO v;
			good := good + 1;
			IF v::text::interest_vector <> v OR v::text::interest_vector::text <> v::text THEN
				RAISE EXCEPTION 'text does not read back: %', literal;
			END IF;
		EXCEPTION WHEN data_exception OR invalid_parameter_value OR program_limit_exceeded OR syntax_error THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
			IF code <> ALL (codes) THEN
				codes := codes || code;
			END IF;
		END;
	END LOOP;
	RAISE NOTICE 'more than 5000 read: %, classes of errors: %', good > 5000,
		(SELECT array_agg(DISTINCT left(c, 2) ORDER BY left(c, 2)) FROM unnest(codes) c);
END
$$;

-- In a table a vector of up to 30 dimensions has a header of one byte and no alignment, and a long one lies outside of the
-- row, compressed where the column says so.  All give what a value in memory gives.
CREATE TABLE lying (pad text, v interest_vector, squeezed interest_vector);
ALTER TABLE lying ALTER squeezed SET STORAGE EXTENDED;
INSERT INTO lying
	SELECT repeat('x', dims % 7), x, x
	FROM unnest(ARRAY[1, 2, 3, 8, 29, 30, 31, 64, 500, 16000]) AS dims,
		LATERAL (SELECT array_agg((i * i % 17) * .25 - 2)::real[]::interest_vector AS x FROM generate_series(1, dims) AS i) AS made;
SELECT uiml_dims(v) AS dims, pg_column_size(v) - 4 * uiml_dims(v) AS head, pg_column_size(squeezed) < 4 * uiml_dims(v) AS squeezed,
	abs((v <-> q) - (m <-> q)) + abs((v <#> q) - (m <#> q)) + abs((v <=> q) - (m <=> q)) + abs((v <+> q) - (m <+> q)) AS plain,
	abs((squeezed <-> q) - (m <-> q)) + abs((q <#> squeezed) - (m <#> q)) AS unpacked
FROM lying, LATERAL (SELECT v * 1 AS m, v * .5 AS q) AS memory ORDER BY 1;
SELECT bool_and(total = twice AND total = unpacked) AS sums_agree
FROM (SELECT sum(v) AS total, sum(squeezed) AS unpacked, avg(v) AS twice FROM lying GROUP BY uiml_dims(v)) AS sums;
-- Near the ends of real, where sums are taken again in double precision.
INSERT INTO lying VALUES ('', '[3e38,-3e38]', NULL), ('x', '[1e-30,2e-30]', NULL);
SELECT v, round(log(v <-> v * -1)::numeric, 2) AS log_l2, round(log(-(v <#> v))::numeric, 2) AS log_dot, v <=> v AS cosine,
	round(log(v <+> v * -1)::numeric, 2) AS log_l1
FROM lying WHERE squeezed IS NULL ORDER BY 1;
DROP TABLE lying;

DROP TABLE typed, source, points, parted, large;
DROP FUNCTION error_of(text);
