--
-- Training sequence models: what is learnt, what is kept, what is refused.
--
-- Six groups of eight items.  A user goes to and fro between two neighbouring groups, and through the items of each in
-- order, so that what he did last tells what he does next, and how often he did what tells less.  Everything follows from
-- hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_sequencer;
CREATE ROLE regress_uiml_onlooker;
CREATE SCHEMA sequence_test;
GRANT USAGE, CREATE ON SCHEMA sequence_test TO regress_uiml_sequencer, regress_uiml_onlooker;
SET search_path = sequence_test, public;
SET ROLE regress_uiml_sequencer;

CREATE FUNCTION dice(u bigint, t integer, seed integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
	$$ SELECT (abs(hashint8extended(u * 100 + t, seed)) % 100)::integer $$;
CREATE FUNCTION step(u bigint, t integer, seed integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
	$$ SELECT CASE WHEN dice(u, t, seed) < 85 THEN (u + t % 2)::integer % 6 ELSE dice(u, t, seed + 1) % 6 END * 8
		+ CASE WHEN dice(u, t, seed + 2) < 85 THEN (u / 6 + t)::integer % 8 ELSE dice(u, t, seed + 3) % 8 END $$;
CREATE TABLE visits AS
SELECT u AS user_id, step(u, t, 7) AS page_id, timestamptz '2024-01-01' + t * interval '1 hour' AS at
FROM generate_series(1::bigint, 500) u, generate_series(1, 6 + (u % 7)::integer) t;
SELECT dims, interests FROM uiml_train('visits', 'visits', item_col => 'page_id', interests => 6, dims => 8, half_life => '0');

-- Interests: a row per model; the LSTM and the ridge know the order, popularity and history don't
CREATE TEMP TABLE trained AS
SELECT * FROM uiml_train_sequence('visits', hidden => 16, embedding => 8, epochs => 8, learning_rate => .02);
SELECT model, users, epochs BETWEEN 1 AND 8 AS epochs, validation_loss > 0 AS validated, loss > 0 AS judged,
	hr IS NULL AND ndcg IS NULL AS no_ranks
FROM trained ORDER BY model;
SELECT (SELECT loss FROM trained WHERE model = 'lstm') < (SELECT loss FROM trained WHERE model = 'popularity') - .3 AS lstm,
	(SELECT loss FROM trained WHERE model = 'ridge') < (SELECT loss FROM trained WHERE model = 'popularity') - .3 AS ridge,
	(SELECT loss FROM trained WHERE model = 'blend') < (SELECT loss FROM trained WHERE model = 'history') AS blend,
	(SELECT accuracy FROM trained WHERE model = 'lstm') > .5 AS accuracy;
SELECT bool_or(used) FILTER (WHERE model IN ('lstm', 'ridge', 'rules', 'mixture')) AS model, bool_or(used) FILTER (WHERE model = 'blend') AS blend,
	bool_or(used) FILTER (WHERE model = 'history') AS history
FROM trained;

-- What is stored
SELECT target, users, events, max_length, classes, kind IN (SELECT model FROM trained WHERE used) AS kind FROM uiml.sequence_model;
SELECT m.settings, jsonb_array_length(m.metrics -> 'results') = (SELECT count(*) FROM trained) AS results,
	m.metrics -> 'networks' -> 0 ->> 'network' AS network,
	jsonb_array_length(m.metrics -> 'networks' -> 0 -> 'epochs') BETWEEN 1 AND 8 AS epochs,
	(m.metrics -> 'split') - 'judged' AS split, m.metrics -> 'chunks' AS chunks
FROM uiml.sequence_model m \gx
SELECT min(epoch) AS first, bool_and(loss > 0 AND validation_loss > 0) AS losses, count(*) FILTER (WHERE kept) >= 1 AS kept
FROM uiml_sequence_report('visits');
-- Users' last events, in order of time
SELECT count(*) AS users, bool_and(cardinality(recent) = 6 + user_id % 7) AS all_events,
	bool_and((SELECT array_agg(i.item_id ORDER BY place) FROM unnest(recent) WITH ORDINALITY AS r (item_no, place)
		JOIN visits_items i USING (item_no))
		= (SELECT array_agg(v.page_id ORDER BY v.at) FROM visits v WHERE v.user_id = s.user_id)) AS in_order
FROM visits_sequences s;
SELECT count(*) AS logged, bool_or(phases ? 'fitting') AS fitting FROM uiml.training_log;

-- The same again: the same rows.  By passes over a work table: the same
CREATE TEMP TABLE again AS
SELECT * FROM uiml_train_sequence('visits', hidden => 16, embedding => 8, epochs => 8, learning_rate => .02, options => '{"warm_start": false}');
SELECT count(*) AS differ FROM (SELECT * FROM trained EXCEPT SELECT * FROM again) d;
SET uiml.memory_mode = 'passes';
CREATE TEMP TABLE passes AS
SELECT * FROM uiml_train_sequence('visits', hidden => 16, embedding => 8, epochs => 8, learning_rate => .02, options => '{"warm_start": false}');
SELECT count(*) AS differ FROM (SELECT * FROM trained EXCEPT SELECT * FROM passes) d;
RESET uiml.memory_mode;
SELECT relname FROM pg_class WHERE relname LIKE 'visits\_work%';

-- In little memory, sequences come from files: other batches, and nearly the same
CREATE TABLE long AS
SELECT u AS user_id, step(u, t, 3) AS page_id, timestamptz '2024-01-01' + t * interval '1 hour' AS at
FROM generate_series(1::bigint, 1500) u, generate_series(1, 160) t;
SELECT dims FROM uiml_train('long', 'long', item_col => 'page_id', interests => 6, dims => 8, half_life => '0');
CREATE TEMP TABLE whole AS
SELECT * FROM uiml_train_sequence('long', hidden => 8, embedding => 8, epochs => 2, learning_rate => .02);
SET maintenance_work_mem = '9MB';
CREATE TEMP TABLE chunks AS
SELECT * FROM uiml_train_sequence('long', hidden => 8, embedding => 8, epochs => 2, learning_rate => .02, options => '{"warm_start": false}');
SELECT m.metrics -> 'chunks' AS chunks FROM uiml.sequence_model m JOIN uiml.domain d USING (domain_id) WHERE d.name = 'long';
SELECT count(*) AS models, max(abs(w.loss - c.loss)) < .1 AS close FROM whole w JOIN chunks c USING (model);
SELECT count(*) AS users, bool_and(cardinality(recent) = 160) AS all_events FROM long_sequences;
SET maintenance_work_mem = '1MB';
\set VERBOSITY terse
SELECT * FROM uiml_train_sequence('long', hidden => 8, embedding => 8, epochs => 2); \echo :SQLSTATE
\set VERBOSITY default
RESET maintenance_work_mem;

-- A warm start begins where the model of before ended, also in a new version, whose interests are others
CREATE TEMP TABLE cold AS SELECT * FROM uiml_train_sequence('visits', model => 'lstm', epochs => 12, learning_rate => .01);
CREATE TEMP TABLE warm AS SELECT * FROM uiml_train_sequence('visits', model => 'lstm', epochs => 1);
SELECT w.validation_loss <= c.validation_loss + .02 AS goes_on, w.used FROM warm w JOIN cold c USING (model) WHERE model = 'lstm';
SELECT uiml_alter_domain('visits', interests => 5);
SELECT interests FROM uiml_train('visits');
CREATE TEMP TABLE newer AS SELECT * FROM uiml_train_sequence('visits', model => 'lstm', epochs => 1);
CREATE TEMP TABLE scratch AS SELECT * FROM uiml_train_sequence('visits', model => 'lstm', epochs => 1, options => '{"warm_start": false}');
SELECT n.validation_loss < s.validation_loss - .1 AS goes_on FROM newer n JOIN scratch s USING (model) WHERE model = 'lstm';

-- What was judged is what is predicted: the last five events of test users, who follow from the hashes of their keys.
-- Popularity and prior are fitted to everybody at last, hence not to the last digit
CREATE TEMP TABLE judged AS
SELECT s.user_id, n, (SELECT array_agg(i.item_id ORDER BY place) FROM unnest(recent[:n - 1]) WITH ORDINALITY AS r (item_no, place)
	JOIN visits_items i USING (item_no)) AS history, i.interest_id AS came
FROM (SELECT * FROM visits_sequences ORDER BY hashtextextended(user_id::text, 0) LIMIT 50) s,
	generate_series(cardinality(recent) - 4, cardinality(recent)) n, visits_items i WHERE i.item_no = recent[n];
SELECT model, abs(mean - s.loss) < .01 AS loss, abs(hits - s.accuracy) < .01 AS accuracy
FROM scratch s JOIN (
	SELECT 'lstm' AS model, avg(-ln(p.score)) AS mean, avg((p.rank = 1)::integer) AS hits
	FROM judged, uiml_predict_next(history, 'visits', 10, 'interest') p WHERE p.id = came::text
	UNION ALL
	SELECT 'blend', avg(-ln(p.score)), avg((p.rank = 1)::integer)
	FROM judged, uiml_predict_from(history, 'visits', 10) p WHERE p.interest_id = came) p USING (model) ORDER BY 1;

-- What test users do has no part in anything that is fitted or chosen: all figures of validation users stay as they are
CREATE FUNCTION figures(target text) RETURNS TABLE (model text, loss float8, accuracy float8) LANGUAGE sql AS
	$$ SELECT model, validation_loss, validation_accuracy
	FROM uiml_train_sequence('visits', target, hidden => 16, embedding => 16, epochs => 2, options => '{"warm_start": false}') $$;
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT t AS target, f.model, f.loss, f.accuracy FROM unnest('{interest,item}'::text[]) t, figures(t) f;
UPDATE visits SET page_id = (page_id * 5 + 24) % 48
WHERE user_id IN (SELECT user_id FROM visits_sequences ORDER BY hashtextextended(user_id::text, 0) LIMIT 50);
SELECT count(*) AS figures, count(*) FILTER (WHERE f.loss <> b.loss OR f.accuracy <> b.accuracy) AS differ
FROM before b, figures(b.target) f WHERE f.model = b.model;
ROLLBACK;

-- Only one kind is fitted where it is named
SELECT model, used FROM uiml_train_sequence('visits', model => 'rules') ORDER BY model;
SELECT m.kind, m.hidden FROM uiml.sequence_model m JOIN uiml.domain d USING (domain_id) WHERE d.name = 'visits';

-- Items: HR and NDCG at 10, of items that are new to the user
CREATE TEMP TABLE items AS SELECT * FROM uiml_train_sequence('visits', 'item', hidden => 16, embedding => 16, epochs => 5, learning_rate => .01);
SELECT model, users, hr > 0 AS hr, ndcg > 0 AND ndcg <= hr AS ndcg FROM items WHERE model IN ('lstm', 'rules', 'blend') ORDER BY model;
SELECT (SELECT hr FROM items WHERE model = 'rules') > 1.5 * (SELECT hr FROM items WHERE model = 'popularity') AS rules;
SET uiml.memory_mode = 'passes';
CREATE TEMP TABLE item_passes AS SELECT * FROM uiml_train_sequence('visits', 'item', hidden => 16, embedding => 16, epochs => 5, learning_rate => .01, options => '{"warm_start": false}');
SELECT max(abs(i.loss - p.loss)) < .02 AS close FROM items i JOIN item_passes p USING (model);
RESET uiml.memory_mode;
SELECT m.target, m.classes FROM uiml.sequence_model m JOIN uiml.domain d USING (domain_id) WHERE d.name = 'visits' ORDER BY 1;

-- Options
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('visits', model => 'lstm', epochs => 1, hidden => 8, embedding => 8,
	options => '{"dropout": 0.2, "clip_norm": 1, "optimizer": "adagrad", "mask": false, "loss": "last", "warm_start": false}');
SELECT m.settings FROM uiml.sequence_model m JOIN uiml.domain d USING (domain_id) WHERE d.name = 'visits' AND target = 'interest' \gx

-- Another domain, whose users partly are the same: the network migrates
CREATE TABLE reads AS
SELECT u AS user_id, 100 + step(u + 1, t, 27) AS book_id, timestamptz '2024-02-01' + t * interval '1 hour' AS at
FROM generate_series(301::bigint, 700) u, generate_series(1, 6 + (u % 5)::integer) t;
SELECT dims, interests FROM uiml_train('reads', 'reads', item_col => 'book_id', interests => 6, dims => 8, half_life => '0');
SELECT * FROM uiml_train_sequence('reads', from_domain => 'visits'); \echo :SQLSTATE
SELECT predicts FROM uiml_train_transfer('visits', 'reads') WHERE predicts = 'interests';
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('visits', model => 'lstm', hidden => 16, embedding => 8, epochs => 8, learning_rate => .02, options => '{"warm_start": false}');
CREATE TEMP TABLE migrated AS
SELECT row_number() OVER () AS place, * FROM uiml_train_sequence('reads', from_domain => 'visits', epochs => 3, users => '{20,60,100000}', freeze => '{recurrent}');
SELECT model, users, epochs IS NOT NULL AS epochs, loss > 0 AS judged FROM migrated WHERE model LIKE 'lstm %' OR model LIKE 'gen%' ORDER BY place;
SELECT (SELECT loss FROM migrated WHERE model = 'lstm migrated' AND users = 20) < (SELECT loss FROM migrated WHERE model = 'lstm from scratch' AND users = 20) AS gains;
SELECT DISTINCT network FROM uiml_sequence_report('reads') ORDER BY network;
-- of items, too: an item is made of the items of the interests that its own is made of
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('visits', 'item', model => 'lstm', hidden => 16, embedding => 16, epochs => 2);
SELECT model, users FROM uiml_train_sequence('reads', 'item', from_domain => 'visits', epochs => 1, users => '{}', model => 'lstm') WHERE model LIKE 'lstm%';

-- Who may: training needs the right to train
SELECT uiml_grant('visits', 'regress_uiml_onlooker', 'predict');
SET ROLE regress_uiml_onlooker;
SELECT * FROM uiml_train_sequence('regress_uiml_sequencer.visits'); \echo :SQLSTATE
SET ROLE regress_uiml_sequencer;
SELECT uiml_grant('visits', 'regress_uiml_onlooker', 'train');
SET ROLE regress_uiml_onlooker;
SELECT * FROM uiml_train_sequence('regress_uiml_sequencer.visits'); \echo :SQLSTATE
SET ROLE regress_uiml_sequencer;
GRANT SELECT ON visits TO regress_uiml_onlooker;
SET ROLE regress_uiml_onlooker;
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('regress_uiml_sequencer.visits', model => 'rules');
SELECT m.trained_by, m.owner FROM uiml.sequence_model m WHERE m.target = 'interest' AND m.kind = 'rules';
SET ROLE regress_uiml_sequencer;

-- What can't be
CREATE TABLE timeless AS SELECT user_id, page_id FROM visits;
SELECT version FROM uiml_train('timeless', 'timeless', item_col => 'page_id', interests => 3, dims => 4);
CREATE TABLE few AS SELECT * FROM visits WHERE user_id <= 15;
SELECT version FROM uiml_train('few', 'few', item_col => 'page_id', interests => 3, dims => 4, half_life => '0');
SELECT uiml_create_domain('untrained', 'few', item_col => 'page_id');
SELECT * FROM uiml_train_sequence('timeless'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('few'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('untrained'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('nothing'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence(NULL); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', 'user'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', NULL); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', model => 'markov'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', model => NULL); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', embedding => 0); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', hidden => 1025); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', epochs => 0); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', epochs => NULL); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', batch => 5000); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', learning_rate => 0); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', learning_rate => 'NaN'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', max_length => 0); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', patience => -1); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', validation => 0); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', test => .6); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', seed => NULL); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', freeze => '{dense}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', freeze => '{NULL}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', freeze => '{recurrent}', seed => 5); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', users => '{50}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'visits', users => '{0}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'visits', users => '{{1},{2}}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'visits', embedding => 7); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'reads'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'few'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'visits', model => 'rules'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('reads', from_domain => 'visits', options => '{"warm_start": true}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', seed => 5, options => '{"warm_start": true}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '[]'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"layers": 2}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"dropout": 1}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"clip_norm": "much"}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"optimizer": "sgd"}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"mask": 1}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"loss": "first"}'); \echo :SQLSTATE
SELECT * FROM uiml_train_sequence('visits', options => '{"negatives": 1.5}'); \echo :SQLSTATE

-- Row-level security of the events that does not hold for who trains is told of, as by uiml_train
ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
SET client_min_messages = notice;
BEGIN;
SELECT count(*) > 0 AS trained FROM uiml_train_sequence('visits', model => 'rules');
SELECT uiml_import_sequence('visits', uiml_export_sequence('visits'));
ROLLBACK;
SET client_min_messages = warning;
ALTER TABLE visits DISABLE ROW LEVEL SECURITY;

-- What failed has left everything as it was
SELECT d.name, m.target FROM uiml.sequence_model m JOIN uiml.domain d USING (domain_id) ORDER BY 1, 2;
SELECT relname FROM pg_class WHERE relname LIKE '%\_work\_%' AND relnamespace = 'sequence_test'::regnamespace;

RESET ROLE;
DROP SCHEMA sequence_test CASCADE;
DROP OWNED BY regress_uiml_sequencer, regress_uiml_onlooker;
DROP ROLE regress_uiml_sequencer, regress_uiml_onlooker;
