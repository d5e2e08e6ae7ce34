-- Words of texts, and the terms that mark a class: known answers, NULLs, keys, rights, mistakes.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
RESET client_min_messages;
CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text)
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	code := 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END
$$;

-- Words: folded, in order, repeated; no numbers, single letters, function words; pairs of Chinese characters
SELECT * FROM uiml_terms('The Godfather''s GARDEN, a well-known garden of 1972');
SELECT string_agg(t, '|') FROM uiml_terms('人工智能 und Öl') t;
SELECT count(*) FROM uiml_terms('');
SELECT count(*) FROM uiml_terms(NULL);
SELECT id, uiml_terms(content) AS term FROM (VALUES (1, 'red wine'), (2, ''), (3, 'white')) s (id, content) ORDER BY id, term;
SELECT count(*), count(DISTINCT t) FROM uiml_terms(repeat('north south ', 100000)) t;

-- [[3,1,0],[0,2,4]]: 5 terms a class
CREATE TABLE counts (class integer, term text, n integer);
INSERT INTO counts VALUES (1, 'a', 3), (1, 'b', 1), (2, 'b', 2), (2, 'c', 4);
SELECT class, rank, term, round(weight::numeric, 10) AS weight FROM uiml_ctfidf('counts', 'class', 'term', 'n');
SELECT class, rank, term FROM uiml_ctfidf('counts', 'class', 'term', 'n', k => 1);
-- equal entries add up, in any order; without a count each row counts 1
CREATE VIEW singly AS SELECT class, term FROM counts, generate_series(1, n) ORDER BY term DESC, class DESC;
SELECT count(*), bool_and(a.weight = b.weight AND a.rank = b.rank) AS same
	FROM uiml_ctfidf('singly', 'class', 'term') a FULL JOIN uiml_ctfidf('counts', 'class', 'term', 'n') b USING (class, term);
-- from texts
CREATE TABLE articles (section text, body text);
INSERT INTO articles VALUES ('sport', 'the goalkeeper of the match'), ('sport', 'a late goal decides the match'), ('food', 'pasta with late tomatoes'), ('food', 'pasta again');
CREATE VIEW words AS SELECT section, term FROM articles, uiml_terms(body) term;
SELECT class, rank, term, round(weight::numeric, 4) AS weight FROM uiml_ctfidf('words', 'section', 'term', k => 2);
-- the formula over random counts, against SQL
CREATE TABLE random_counts AS SELECT g % 7 AS c, (hashint4(g) & 63) AS t, (g % 5)::real AS n FROM generate_series(1, 3000) g;
WITH cell AS (SELECT c, t, sum(n::float8) AS n FROM random_counts GROUP BY c, t),
	weighed AS (SELECT c, t, n / sum(n) OVER (PARTITION BY c) * ln(1 + (SELECT sum(n) / count(DISTINCT c) FROM cell) / sum(n) OVER (PARTITION BY t)) AS weight, n FROM cell)
SELECT count(*) > 400 AS many, max(abs(f.weight - w.weight)) < 1e-12 AS same FROM (SELECT * FROM weighed WHERE n > 0) w
	FULL JOIN (SELECT class::integer AS c, term::integer AS t, weight FROM uiml_ctfidf('random_counts', 'c', 't', 'n', NULL)) f USING (c, t);

-- NULLs, nothing, counts of zero, equal weights
INSERT INTO counts VALUES (NULL, 'z', 1), (3, 'z', 0);
SELECT class, rank, term FROM uiml_ctfidf('counts', 'class', 'term', 'n', k => 1);
CREATE TABLE nothing (class text, term text);
SELECT * FROM uiml_ctfidf('nothing', 'class', 'term');
INSERT INTO nothing VALUES ('x', 'b'), ('x', 'c'), ('x', 'a');
SELECT term FROM uiml_ctfidf('nothing', 'class', 'term');

-- Rights are the caller's; mistakes
CREATE ROLE regress_uiml_reader;
SET ROLE regress_uiml_reader;
SELECT * FROM error_of($$SELECT * FROM uiml_ctfidf('counts', 'class', 'term')$$);
RESET ROLE;
DROP ROLE regress_uiml_reader;
SELECT statement, e.* FROM unnest(ARRAY[
	'SELECT * FROM uiml_ctfidf(NULL, ''class'', ''term'')',
	'SELECT * FROM uiml_ctfidf(''counts'', NULL, ''term'')',
	'SELECT * FROM uiml_ctfidf(''counts'', ''class'', NULL)',
	'SELECT * FROM uiml_ctfidf(''counts'', ''class'', ''word'')',
	'SELECT * FROM uiml_ctfidf(''counts'', ''class'', ''term'', ''term'')',
	'SELECT * FROM uiml_ctfidf(''counts'', ''class'', ''term'', k => 0)',
	'SELECT * FROM uiml_ctfidf((SELECT ''nowhere''::regclass), ''class'', ''term'')'])
	WITH ORDINALITY AS u (statement, n), error_of(statement) e ORDER BY n;
INSERT INTO counts VALUES (2, 'b', -5);
SELECT * FROM error_of($$SELECT * FROM uiml_ctfidf('counts', 'class', 'term', 'n')$$);
