--
-- The worked example of doc/transfer.md: two interests, one matrix, by hand and in SQL.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE SCHEMA worked_example;
SET search_path = worked_example, public;

-- W_s u_B is [.44, .56]; the text that the example is from prints [.28, .52], which don't add up to one.
CREATE TABLE users (name text, source interest_vector);
INSERT INTO users VALUES ('A', '[.8,.2]'), ('B', '[.2,.8]');
CREATE TABLE transfer (w transfer_matrix);
INSERT INTO transfer VALUES ('[[.6,.4],[.4,.6]]');
SELECT name, source, w * source AS target FROM users, transfer ORDER BY name;
SELECT max(abs(e - expected)) < 1e-6 AS exact
FROM transfer, users, unnest((w * source)::real[], '{.44,.56}'::real[]) AS x (e, expected) WHERE name = 'B';
-- The product is linear, and keeps sums where rows add up to one.
SELECT name, uiml_element(w, 1, 1) + uiml_element(w, 1, 2) AS row_1, (SELECT round(sum(e)::numeric, 6) FROM unnest((w * source)::real[]) e) AS sum
FROM users, transfer ORDER BY name;

-- Four users of both domains: the matrix that fits them alone, drawn towards W_s, and W_s itself.
CREATE TABLE both_domains (source interest_vector, target interest_vector);
INSERT INTO both_domains VALUES ('[1,0]', '[.6,.4]'), ('[0,1]', '[.4,.6]'), ('[1,1]', '[1,1.1]'), ('[2,1]', '[1.7,1.3]');
CREATE TABLE fitted AS
SELECT n, drawn_towards, uiml_solve(stats, lambda, prior, intercept => false) AS w
FROM (SELECT uiml_transfer_stats(source, target) AS stats FROM both_domains) s, transfer t,
	LATERAL (VALUES (1, 'nothing', .5, NULL::transfer_matrix), (2, 'W_s', .5, t.w), (3, 'W_s, for ever', 'Infinity', t.w)) v (n, drawn_towards, lambda, prior);
SELECT drawn_towards, round(uiml_element(w, 1, 1)::numeric, 6) AS w11, round(uiml_element(w, 1, 2)::numeric, 6) AS w12,
	round(uiml_element(w, 2, 1)::numeric, 6) AS w21, round(uiml_element(w, 2, 2)::numeric, 6) AS w22
FROM fitted ORDER BY n;
SELECT bool_and(f.w = t.w) AS prior_exactly FROM fitted f, transfer t WHERE n = 3;
SELECT drawn_towards, (SELECT array_agg(round(e::numeric, 4) ORDER BY i) FROM unnest((w * u.source)::real[]) WITH ORDINALITY x (e, i)) AS b_in_the_target
FROM fitted, users u WHERE name = 'B' ORDER BY n;

DROP SCHEMA worked_example CASCADE;
