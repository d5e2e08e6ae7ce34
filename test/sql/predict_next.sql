--
-- What comes next: the sequence model alone, and blended into uiml_predict and uiml_recommend.
--
-- Six groups of eight items in a ring.  A user does two items of a group, then two of the next one, and the next item
-- follows from the last one.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_walker;
CREATE ROLE regress_uiml_stranger;
CREATE SCHEMA next_test;
GRANT USAGE ON SCHEMA next_test TO regress_uiml_stranger;
GRANT USAGE, CREATE ON SCHEMA next_test TO regress_uiml_walker;
SET search_path = next_test, public;
SET ROLE regress_uiml_walker;

CREATE FUNCTION page(u bigint, t bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	$$ SELECT (u + t / 2) % 6 * 8 + (2 * (u / 6) + t) % 8 $$;
CREATE FUNCTION events_of(u bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 4 + u % 3';
CREATE TABLE walks AS
SELECT u AS user_id, page(u, t) AS page_id, timestamptz '2024-01-01' + t * interval '1 hour' AS at
FROM generate_series(1::bigint, 600) u, generate_series(1, events_of(u)) t;
SELECT dims, interests FROM uiml_train('walks', 'walks', item_col => 'page_id', interests => 6, dims => 8, half_life => '0');

-- No model, and what predictions say without one
SELECT * FROM uiml_predict_next(42, 'walks');
SELECT * FROM uiml_predict_next(42, 'walks', target => 'item');
SELECT * FROM uiml_predict_next(42);
CREATE TEMP TABLE before AS
SELECT u, p.* FROM generate_series(1, 20) u, uiml_predict(u, 'walks', 6) p;
CREATE TEMP TABLE before_items AS
SELECT u, r.* FROM generate_series(1, 20) u, uiml_recommend(u, 'walks', 48) r;
CREATE TEMP TABLE before_from AS
SELECT * FROM uiml_predict_from(ARRAY[1, 2], 'walks', 6);

-- The next item, where the model is one of items only
SELECT count(*) AS models FROM uiml_train_sequence('walks', 'item', 'rules');
SELECT target, count(*) AS users, count(*) FILTER (WHERE id = page(u, events_of(u) + 1)::text) AS right
FROM generate_series(1::bigint, 600) u, uiml_predict_next(u, 'walks', 1) GROUP BY target;
SELECT count(*) AS rows, round(sum(score)::numeric, 5) AS sum, count(*) FILTER (WHERE id::bigint IN
	(SELECT page_id FROM walks WHERE user_id = 5)) AS seen FROM uiml_predict_next(5, 'walks', 48);
SELECT count(*) AS rows, round(sum(score)::numeric, 5) AS sum FROM uiml_predict_next(5, 'walks', 48, exclude_seen => false);

-- The next interest, where there is one of each
CREATE TEMP TABLE trained AS
SELECT * FROM uiml_train_sequence('walks', hidden => 16, embedding => 8, epochs => 10, learning_rate => .02, batch => 16);
SELECT bool_and(accuracy > .85) AS accurate, (SELECT accuracy FROM trained WHERE model = 'popularity') < .4 AS popular
FROM trained WHERE used;
SELECT target, count(*) FROM uiml_predict_next(7, 'walks', 3) GROUP BY target;
SELECT target, count(*) FROM uiml_predict_next(7, 'walks', 3, 'item') GROUP BY target;
SELECT rank, label IS NOT NULL AS label, model IN ('lstm', 'ridge', 'rules') AS model, version
FROM uiml_predict_next(7, 'walks', 1);
SELECT round(sum(score)::numeric, 5) AS sum, count(*) FROM uiml_predict_next(7, 'walks', 6);

-- Whom nothing is known of gets popularity
SELECT model, count(*), round(sum(score)::numeric, 5) AS sum FROM uiml_predict_next(100000, 'walks', 6) GROUP BY model;
SELECT model, count(*), round(sum(score)::numeric, 5) AS sum FROM uiml_predict_next(NULL, 'walks', 6) GROUP BY model;
SELECT model, count(*) FROM uiml_predict_next('{}'::bigint[], 'walks', 48, 'item') GROUP BY model;

-- A history is the user who has it, in its order
SELECT count(*) AS differ FROM generate_series(1::bigint, 30) u
WHERE (SELECT array_agg(n ORDER BY rank) FROM uiml_predict_next(u, 'walks', 6) n) IS DISTINCT FROM
	(SELECT array_agg(n ORDER BY rank) FROM uiml_predict_next(
		(SELECT array_agg(page_id ORDER BY at) FROM walks WHERE user_id = u), 'walks', 6) n);
SELECT id FROM uiml_predict_next(ARRAY[8, 9], 'walks', 1, 'item');
SELECT id FROM uiml_predict_next(ARRAY[8, 1000, 9], 'walks', 1, 'item');

-- Users and histories of any type
CREATE TEMP TABLE answer AS SELECT * FROM uiml_predict_next(42::bigint, 'walks', 3);
SELECT count(*) AS same FROM answer NATURAL JOIN uiml_predict_next(42, 'walks', 3);
SELECT count(*) AS same FROM answer NATURAL JOIN uiml_predict_next('42', 'walks', 3);
SELECT count(*) AS same FROM answer NATURAL JOIN uiml_predict_next('42'::varchar, 'walks', 3);
PREPARE untyped AS SELECT count(*) AS same FROM answer NATURAL JOIN uiml_predict_next($1, 'walks', 3);
EXECUTE untyped('42');
PREPARE typed(integer) AS SELECT count(*) AS same FROM answer NATURAL JOIN uiml_predict_next($1, 'walks', 3);
EXECUTE typed(42);
PREPARE typed_array(text[]) AS SELECT id FROM uiml_predict_next($1, 'walks', 1, 'item');
EXECUTE typed_array('{8,9}');
SELECT id FROM uiml_predict_next('{8,9}'::integer[], 'walks', 1, 'item');
SELECT id FROM uiml_predict_next(ARRAY['8', '9'], 'walks', 1, 'item');
SELECT id FROM uiml_predict_next('{8,9}', 'walks', 1, 'item');
SELECT id FROM uiml_predict_next('6b3a6c1e-0000-4000-8000-000000000000'::uuid, 'walks', 1);

-- Errors
SELECT * FROM uiml_predict_next(1, 'walks', 0);
SELECT * FROM uiml_predict_next(1, 'walks', NULL);
SELECT * FROM uiml_predict_next(1, 'walks', target => 'items');
SELECT * FROM uiml_predict_next(1, 'walks', exclude_seen => NULL);
SELECT * FROM uiml_predict_next(1, 'nowhere');
SELECT * FROM uiml_predict_next(NULL::integer[], 'walks');
SELECT * FROM uiml_predict_next(ARRAY[1, NULL], 'walks');
SELECT * FROM uiml_predict_next(ARRAY[[1, 2], [3, 4]], 'walks');

-- The blend: one part w of the model for all interests of a user, the same for users of whom as much is known
CREATE TEMP TABLE part AS
SELECT u, b.rank, round(((p.score - b.score) / (n.score - b.score))::numeric, 4) AS w
FROM before b JOIN LATERAL uiml_predict(u, 'walks', 6) p USING (interest_id)
	JOIN LATERAL uiml_predict_next(u, 'walks', 6) n ON n.id = b.interest_id::text
WHERE abs(n.score - b.score) > .01;
SELECT count(DISTINCT w) AS parts, bool_and(w > 0 AND w <= 1) AS within FROM part;
SELECT basis, min(basis_share) > 1 / 3. AS largest FROM generate_series(1, 20) u, uiml_predict(u, 'walks', 1) GROUP BY basis;
SELECT count(*) AS users, count(*) FILTER (WHERE abs(sum - 1) < 1e-6) AS sums FROM
	(SELECT user_id, sum(score) FROM uiml_predict_all('walks', 6) GROUP BY user_id) s;
SELECT count(*) AS differ FROM uiml_predict_all('walks', 6) a JOIN LATERAL uiml_predict(a.user_id, 'walks', 6) p USING (interest_id)
WHERE user_id::integer <= 50 AND (a.rank, a.score, a.basis, a.basis_share) IS DISTINCT FROM (p.rank, p.score, p.basis, p.basis_share);
SELECT basis FROM uiml_predict_from(ARRAY[8, 9], 'walks', 1);
SELECT basis FROM uiml_predict_from(ARRAY[8, 9], 'walks', 1, ARRAY[0, 0]::real[]);
SELECT basis FROM uiml_predict(100000, 'walks', 1);
SELECT basis FROM uiml_predict(NULL, 'walks', 1);
SELECT item_id, basis FROM uiml_recommend_from(ARRAY[8, 9], 'walks', 1);
SELECT count(*) AS users, count(*) FILTER (WHERE item_id = page(u, events_of(u) + 1)::text) AS right
FROM generate_series(1::bigint, 600) u, uiml_recommend(u, 'walks', 1);
-- among the items that take part
SELECT count(*) AS items, round(sum(score)::numeric, 5) AS sum FROM uiml_recommend(7, 'walks', 48);
SELECT count(*) AS items, round(sum(score)::numeric, 5) AS sum FROM uiml_recommend(7, 'walks', 48, candidates => ARRAY[1, 2, 3, 24, 25]);
SELECT count(*) AS items FROM uiml_recommend(7, 'walks', 5, diversity => .5);
SELECT basis FROM uiml_recommend(100000, 'walks', 1);

-- Grants
SET ROLE regress_uiml_stranger;
SELECT * FROM uiml_predict_next(42, 'regress_uiml_walker.walks');
SELECT * FROM uiml_predict_next(42);
SET ROLE regress_uiml_walker;
SELECT uiml_grant('walks', 'regress_uiml_stranger', 'predict');
SET ROLE regress_uiml_stranger;
SELECT count(*) FROM uiml_predict_next(42, 'walks', 3);
SELECT count(*) FROM uiml_predict_next(42, k => 3);
SELECT basis FROM uiml_predict(42, 'walks', 1);

-- What somebody wrote into the tables is not believed: an error for whoever named the domain or owns it, else left out
RESET ROLE;
SELECT sequences_table AS sequences FROM uiml.sequence_model LIMIT 1 \gset
UPDATE :sequences SET recent = '{48}' WHERE user_id = 1;
UPDATE :sequences SET recent = '{-1}' WHERE user_id = 2;
UPDATE :sequences SET recent = '{1,NULL}' WHERE user_id = 3;
UPDATE :sequences SET recent = '{{1,2},{3,4}}' WHERE user_id = 4;
UPDATE :sequences SET recent = array_fill(1, '{201}') WHERE user_id = 5;
UPDATE :sequences SET recent = '{}' WHERE user_id = 6;
SET ROLE regress_uiml_walker;
SELECT * FROM uiml_predict_next(1, 'walks');
SELECT * FROM uiml_predict_next(2, 'walks');
SELECT * FROM uiml_predict(3, 'walks');
SELECT * FROM uiml_recommend(4, 'walks');
SELECT * FROM uiml_predict_next(5, 'walks');
SELECT * FROM uiml_predict_all('walks');
SELECT DISTINCT model FROM uiml_predict_next(6, 'walks');
SET ROLE regress_uiml_stranger;
SELECT count(*) FROM uiml_predict_next(1, k => 3);
SELECT basis <> 'sequence' AS without FROM uiml_predict(1, k => 1);

RESET ROLE;
BEGIN;
UPDATE uiml.sequence_part SET data = set_byte(data, 1000, (get_byte(data, 1000) + 1) % 256);
UPDATE uiml.sequence_model SET digest = digest + 1;
SET ROLE regress_uiml_stranger;
SELECT basis <> 'sequence' AS without FROM uiml_predict(42, k => 1);
SET ROLE regress_uiml_walker;
SELECT * FROM uiml_predict(42, 'walks');
ROLLBACK;
-- of another version's shape
RESET ROLE;
BEGIN;
UPDATE uiml.sequence_model m SET digest = m.digest + 2, bytes = o.bytes FROM uiml.sequence_model o WHERE o.target <> m.target;
SET ROLE regress_uiml_walker;
SELECT * FROM uiml_predict_next(42, 'walks');
ROLLBACK;

-- Without the model results are what they were, to the last digit
SET ROLE regress_uiml_walker;
SELECT uiml_drop_sequence('walks'), uiml_drop_sequence('walks', 'item');
SELECT count(*) AS differ FROM (TABLE before EXCEPT SELECT u, p.* FROM generate_series(1, 20) u, uiml_predict(u, 'walks', 6) p) d;
SELECT count(*) AS differ FROM (TABLE before_items EXCEPT SELECT u, r.* FROM generate_series(1, 20) u, uiml_recommend(u, 'walks', 48) r) d;
SELECT count(*) AS differ FROM (TABLE before_from EXCEPT SELECT * FROM uiml_predict_from(ARRAY[1, 2], 'walks', 6)) d;

RESET ROLE;
DROP SCHEMA next_test CASCADE;
DROP OWNED BY regress_uiml_walker, regress_uiml_stranger;
DROP ROLE regress_uiml_walker, regress_uiml_stranger;
