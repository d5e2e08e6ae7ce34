-- Binary forms of transfers' types and states: round trips through COPY, and what recv refuses.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
RESET client_min_messages;
CREATE AGGREGATE state_of(interest_vector, interest_vector, double precision, transfer_matrix, text) (SFUNC = uiml_transfer_accum, STYPE = uiml_transfer_state);

-- Shapes, magnitudes and numbers of rows of all kinds; a state has up to 31 rows waiting.
CREATE TABLE pairs AS SELECT i, ARRAY[sin(i), 1e-5 * cos(i), 1e5 * i]::interest_vector AS x, ARRAY[i % 3, i % 5]::interest_vector AS y FROM generate_series(1, 100) i;
CREATE TABLE source (n integer, matrix transfer_matrix, stats transfer_stats, squared uiml_transfer_state, rows uiml_transfer_state, logistic uiml_logistic_state);
INSERT INTO source SELECT n, uiml_matrix(ARRAY(SELECT ARRAY[sin(i), 1e300 * cos(i), -1e-320] FROM generate_series(1, n) i), CASE WHEN n % 2 = 0 THEN ARRAY[n, -0.0, .1] END),
	(SELECT uiml_transfer_stats(x, y, sqrt(i)) FROM pairs WHERE i <= n),
	(SELECT state_of(x, y, .5, CASE WHEN n % 2 = 0 THEN '[[1,2],[3,4],[5,6]]'::transfer_matrix END, 'cosine') FROM pairs WHERE i <= n),
	(SELECT state_of(x, y, .5, CASE WHEN n % 2 = 0 THEN '[[1,2],[3,4],[5,6]]'::transfer_matrix END, 'cross_entropy') FROM pairs WHERE i <= n),
	(SELECT uiml_logistic_pass(x, y, '[[.1,-.1],[0,1],[1e-5,0]]+[.5,0]') FROM pairs WHERE i <= n)
	FROM unnest('{1,2,31,32,33,100}'::integer[]) n;
INSERT INTO source VALUES (0);
CREATE TABLE received (LIKE source);
SELECT current_setting('data_directory') || '/uiml_transfer_binary.' || current_database() AS file \gset
\set ECHO errors
SELECT format('COPY source TO %L BINARY', :'file') \gexec
SELECT format('COPY received FROM %L BINARY', :'file') \gexec
\set ECHO all
SELECT count(*), bool_and(a.matrix IS NOT DISTINCT FROM b.matrix AND a.matrix::text IS NOT DISTINCT FROM b.matrix::text) AS matrix,
	bool_and(a.stats IS NOT DISTINCT FROM b.stats AND a.stats::text IS NOT DISTINCT FROM b.stats::text) AS stats,
	bool_and(a.squared::text IS NOT DISTINCT FROM b.squared::text) AS squared, bool_and(a.rows::text IS NOT DISTINCT FROM b.rows::text) AS rows,
	bool_and(a.logistic::text IS NOT DISTINCT FROM b.logistic::text) AS logistic
	FROM source a JOIN received b USING (n);
SELECT count(*), bool_and(uiml_transfer_final(a.squared) = uiml_transfer_final(b.squared)) AS least_squares,
	bool_and(uiml_transfer_final(a.rows) = uiml_transfer_final(b.rows)) AS cross_entropy, bool_and(uiml_gradient(a.logistic) = uiml_gradient(b.logistic)) AS gradient
	FROM source a JOIN received b USING (n) WHERE n IN (2, 32);

-- Hostile bytes: good ones with one thing wrong.  Lengths and counts are little-endian.
CREATE FUNCTION receive(type text, bytes bytea, file text, OUT code text, OUT message text) LANGUAGE plpgsql SET search_path = public, pg_catalog, pg_temp AS $$
BEGIN
	CREATE TABLE bytes (v bytea);
	EXECUTE format('CREATE TABLE values (v %s)', type);
	INSERT INTO bytes VALUES (bytes);
	EXECUTE format('COPY bytes TO %L BINARY', file);
	BEGIN
		EXECUTE format('COPY values FROM %L BINARY', file);
		code := 'none';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	END;
	DROP TABLE bytes, values;
END
$$;
CREATE FUNCTION at(bytes bytea, place integer, wrong bytea) RETURNS bytea LANGUAGE sql RETURN overlay(bytes PLACING wrong FROM place + 1);
-- type, a good value, the places of p and q and of the first number
CREATE TABLE form AS SELECT * FROM (VALUES
	(1, 'transfer_matrix', (SELECT transfer_matrix_send(matrix) FROM source WHERE n = 2), 16, 20, 24),
	(2, 'transfer_stats', (SELECT transfer_stats_send(stats) FROM source WHERE n = 2), 12, 16, 32),
	(3, 'uiml_transfer_state', (SELECT uiml_transfer_state_send(squared) FROM source WHERE n = 2), 12, 16, 32),
	(4, 'uiml_transfer_state', (SELECT uiml_transfer_state_send(rows) FROM source WHERE n = 2), 12, 16, 32),
	(5, 'uiml_logistic_state', (SELECT uiml_logistic_state_send(logistic) FROM source WHERE n = 2), 8, 12, 24)) f (form, type, bytes, p, q, number);
SELECT f.form, f.type, encode(substr(f.bytes, 1, 24), 'hex') FROM form f ORDER BY 1;
CREATE VIEW mistake AS SELECT f.form, f.type, m.* FROM form f, LATERAL (VALUES
	(1, 'whole', bytes), (2, 'empty', ''), (3, 'half a head', substr(bytes, 1, 6)), (4, 'head alone', substr(bytes, 1, number)),
	(5, 'another magic', at(bytes, 0, 'U')), (6, 'version 2', at(bytes, 4, '\x0200')), (7, 'unknown flags', at(bytes, 6, '\x0080')),
	(8, 'too short', substr(bytes, 1, length(bytes) - 1)), (9, 'too long', bytes || '\x00'),
	(10, 'p = 0', at(bytes, p, '\x00000000')), (11, 'p = 1', at(bytes, p, '\x01000000')), (12, 'p = 4097', at(bytes, p, '\x01100000')), (13, 'p = 2^32 - 1', at(bytes, p, '\xffffffff')),
	(14, 'q = 0', at(bytes, q, '\x00000000')), (15, 'p = q = 2^32 - 1', at(at(bytes, p, '\xffffffff'), q, '\xffffffff')),
	(16, 'NaN', at(bytes, number, '\x000000000000f87f')), (17, '-infinity', at(bytes, number, '\x000000000000f0ff'))) m (n, what, bytes);
SELECT what, string_agg(coalesce(code, 'none'), ' ' ORDER BY form) AS "matrix stats squared rows logistic"
	FROM (SELECT m.*, e.code FROM mistake m, receive(m.type, m.bytes, :'file') e) t GROUP BY n, what ORDER BY n;
SELECT DISTINCT e.code, e.message FROM mistake m, receive(m.type, m.bytes, :'file') e WHERE e.code <> 'none' ORDER BY 2;
-- a count below 0, and statistics that contradict themselves
SELECT form, e.* FROM (
	SELECT form, type, at(bytes, 64 + 48 + 12, '\x000080bf') AS bytes FROM form WHERE form = 4
	UNION ALL SELECT form, type, at(bytes, 24, '\x0000000000000080') FROM form WHERE form = 2
	UNION ALL SELECT form, type, at(bytes, 88, '\x000000000000f0bf') FROM form WHERE form = 2) b, receive(type, bytes, :'file') e;
\set ECHO errors
SELECT format('COPY (SELECT WHERE false) TO PROGRAM %L', 'cat > /dev/null; rm -f ' || :'file') \gexec
