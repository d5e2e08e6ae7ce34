--
-- Calibration: predicted interest shares beside what held-out users did, and what is refused.
--
-- Four groups of 50 users and 30 items each; everything follows from hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE SCHEMA calibration_test;
SET search_path = calibration_test, public;

CREATE TABLE reads (user_id bigint, article_id bigint, read_at timestamptz);
INSERT INTO reads
SELECT u, i, '2024-03-01 00:00+00'::timestamptz - (h % 4000) * interval '20 minutes'
FROM generate_series(1, 200) u, generate_series(1, 120) i,
	LATERAL (SELECT abs(hashint8extended(u * 1000 + i, 7)) % 1000003 AS h) x
WHERE h % 100 < CASE WHEN u % 4 = (i - 1) / 30 THEN 50 ELSE 4 END;
SELECT uiml_create_domain('judged', 'reads', dims => 4, interests => 4, half_life => '0');

-- A pair for each of 50 users and 4 interests, in bins of equal width.
CREATE TABLE bins AS SELECT * FROM uiml_calibration('judged', bins => 5);
SELECT bin, low, high FROM bins;
SELECT bool_and(predicted BETWEEN low AND high) AS predicted, bool_and(observed_low <= observed AND observed <= observed_high) AS interval,
	bool_and(abs(error - abs(observed - predicted)) < 1.1e-4) AS error, bool_and(covered BETWEEN 0 AND 1) AS covered
FROM bins WHERE bin IS NOT NULL AND pairs > 0;
SELECT count(*) AS empty_with_figures FROM bins WHERE pairs = 0 AND coalesce(predicted, observed, observed_low, error, covered, expected) IS NOT NULL;
SELECT sum(pairs) FILTER (WHERE bin IS NOT NULL) AS in_bins, sum(pairs) FILTER (WHERE bin IS NULL) AS altogether FROM bins;
SELECT abs(predicted - .25) < 1e-4 AND abs(observed - .25) < 1e-4 AS shares_add_up,
	abs(error - (SELECT sum(pairs * error) / sum(pairs) FROM bins WHERE bin IS NOT NULL)) < 1e-4 AS expected_error,
	abs(covered - (SELECT sum(pairs * covered) / sum(pairs) FROM bins WHERE bin IS NOT NULL)) < 1e-4 AS all_covered
FROM bins WHERE bin IS NULL;

-- What was planted comes true: a user's own group has some eight tenths of the events, predicted and observed.
SELECT sum(pairs) = 50 AS every_user, sum(pairs * predicted) / sum(pairs) > .7 AS predicted,
	abs(sum(pairs * (observed - predicted))) / sum(pairs) < .1 AS comes_true
FROM bins WHERE bin IS NOT NULL AND low >= .4 AND pairs > 0;
-- Intervals hold as often as they are expected to, which is 90 % up to the step of an event.
SELECT error < .05 AS calibrated, abs(covered - expected) < .05 AS covered, abs(expected - .9) < .03 AS expected FROM bins WHERE bin IS NULL;

-- With one interest there is nothing to be wrong about.
SELECT bin, pairs, predicted, observed, error, covered, expected FROM uiml_calibration('judged', bins => 1, interests => 1);

-- The seed tells the users; by time, others.
SELECT count(*) > 0 AS differ FROM (SELECT * FROM bins EXCEPT SELECT * FROM uiml_calibration('judged', 5, seed => 1)) x;
SELECT count(*) FROM (SELECT * FROM bins EXCEPT SELECT * FROM uiml_calibration('judged', 5, half_life => '0', dims => 4)) x;
SELECT pairs > 200 AS users FROM uiml_calibration('judged', 3, 'time') WHERE bin IS NULL;

-- Mistakes.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM uiml_calibration('judged', NULL); \echo :SQLSTATE
SELECT * FROM uiml_calibration('judged', 0); \echo :SQLSTATE
SELECT * FROM uiml_calibration('judged', 1001); \echo :SQLSTATE
SELECT * FROM uiml_calibration('judged', holdout => 'tomorrow'); \echo :SQLSTATE
SELECT * FROM uiml_calibration('judged', half_life => '-1 s'); \echo :SQLSTATE
SELECT * FROM uiml_calibration('judged', features => 'smell'); \echo :SQLSTATE
SELECT * FROM uiml_calibration('nobody'); \echo :SQLSTATE

SELECT uiml_drop_domain('judged');
DROP SCHEMA calibration_test CASCADE;
