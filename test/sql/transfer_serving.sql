--
-- What is predicted of newcomers: from what they did in other domains.
--
-- Readers of four kinds; what one watches follows from his kind.  Readers 1 to 100 have seen no film.  Everything
-- follows from hashes, so every run sees the same rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS uiml;
CREATE ROLE regress_uiml_alice;
CREATE ROLE regress_uiml_mallory;
CREATE ROLE regress_uiml_reader;
CREATE SCHEMA serving_test;
GRANT ALL ON SCHEMA serving_test TO PUBLIC;
SET search_path = serving_test, public;

CREATE FUNCTION did(who integer, item integer, kind integer, salt integer) RETURNS boolean
	IMMUTABLE LANGUAGE sql AS $$
	SELECT abs(hashint8extended(who * 1000 + item, salt)) % 100 < CASE WHEN (item - 1) / 20 = kind THEN 50 ELSE 3 END
$$;
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(hint, ''));
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA serving_test TO PUBLIC;

SET ROLE regress_uiml_alice;
CREATE TABLE book_events AS
	SELECT u AS user_id, i AS item_id FROM generate_series(1, 400) u, generate_series(1, 80) i WHERE did(u, i, u % 4, 1);
-- The keys are of another type there.
CREATE TABLE film_events AS
	SELECT u::text AS user_id, 'f' || i AS item_id, 'kind' || (i - 1) / 20 AS title
	FROM generate_series(101, 500) u, generate_series(1, 80) i WHERE did(u, i, (u + 1) % 4, 2);
SELECT version FROM uiml_train('books', 'book_events', dims => 8, interests => 4);
SELECT version FROM uiml_train('films', 'film_events', text_cols => '{title}', dims => 8, interests => 4);

-- Before there is a transfer, the prior.
CREATE FUNCTION basis(who text, target text DEFAULT 'films') RETURNS text LANGUAGE sql AS $$
	SELECT basis FROM uiml_predict(who, target, 1) $$;
GRANT EXECUTE ON FUNCTION basis TO PUBLIC;
SELECT basis('7'), basis('450'), basis('4711');

SELECT predicts, used, users FROM uiml_train_transfer('books', 'films') WHERE predicts = 'interests';

-- A newcomer gets what his books tell, a regular his history, a stranger the prior; '007' is no reader.
SELECT basis('7'), basis('450'), basis('4711'), basis('007'), basis(NULL) AS nobody;
SELECT count(*) AS newcomers, count(*) FILTER (WHERE basis = 'transfer') AS transferred,
	avg((label LIKE '%kind' || (u + 1) % 4 || '%')::integer) > .95 AS right_kind, min(score) > .4 AS sure,
	bool_and(low <= score AND score <= high AND basis_share = 1) AS sound
FROM generate_series(1, 100) u, LATERAL uiml_predict(u, 'films', 1);
SELECT abs(sum(score) - 1) < 1e-6 AS sums_to_one, count(*) FROM uiml_predict(7, 'films');
-- Items likewise, with what is left out left out of what the transfer tells.
SELECT count(*) AS items, avg((title = 'kind' || (u + 1) % 4)::integer) > .9 AS right_kind, min(basis) AS basis
FROM generate_series(1, 100) u, LATERAL uiml_recommend(u, 'films', 3);
SELECT abs(sum(score) - 1) < 1e-4 AS sums_to_one, count(*), min(basis) AS basis
FROM uiml_recommend(7, 'films', 100, candidates => '{f1,f2,f21,f41,f61,none}'::text[]);
SELECT count(*), count(DISTINCT item_id) AS items, min(basis) AS basis FROM uiml_recommend(7, 'films', 5, diversity => .5);
SELECT count(*) FROM uiml_recommend(7, 'films', candidates => '{none}'::text[]);
SELECT min(basis) AS stranger FROM uiml_recommend(4711, 'films', 3);

-- A key of any type, where films have text and books integers.
SELECT (SELECT array_agg(p::text) FROM uiml_predict(7, 'films') p) = (SELECT array_agg(p::text) FROM uiml_predict('7', 'films') p) AS same;

-- Regulars lean on the transfer in place of the prior; each user of all has what he has by himself.
SELECT basis, count(DISTINCT user_id) FROM uiml_predict_all('films', 1) GROUP BY basis ORDER BY basis;
SELECT count(*), max(abs(p.score - a.score)) < 1e-9 AS same, bool_and(p.basis = a.basis) AS same_basis
FROM uiml_predict_all('films') a, LATERAL uiml_predict(a.user_id, 'films') p
WHERE p.interest_id = a.interest_id;

-- A history in another domain tells what a user who has it is told.
CREATE FUNCTION books_of(who integer) RETURNS integer[] LANGUAGE sql AS $$
	SELECT array_agg(item_id) FROM book_events WHERE user_id = who $$;
SELECT max(abs(f.score - p.score)) < 1e-6 AS same, bool_and(f.basis = p.basis) AS same_basis, count(*)
FROM uiml_predict_from(books_of(7), 'films', source => 'books') f JOIN uiml_predict(7, 'films') p USING (interest_id);
SELECT max(abs(f.score - r.score)) < 1e-6 AS same, bool_and(f.basis = r.basis) AS same_basis, count(*)
FROM uiml_recommend_from(books_of(7), 'films', 80, source => 'books') f JOIN uiml_recommend(7, 'films', 80) r USING (item_id);
-- Weights count, keys convert; without a known item nothing is told.
SELECT label LIKE '%kind1%' AS right_kind, basis
FROM uiml_predict_from('{1,2,25,26}'::text[], 'films', 1, weights => '{1,1,0,0}', source => 'books');
SELECT min(basis) AS basis, count(*) FROM uiml_predict_from('{999}'::integer[], 'films', source => 'books');
SELECT min(basis) AS basis, count(*) FROM uiml_recommend_from('{1,2,3}'::integer[], 'films', 5, source => 'books',
	candidates => '{f1,f21,f22}', diversity => .3);
-- Nor where the verdict is against the transfer.
BEGIN;
RESET ROLE;
UPDATE uiml.transfer SET interests_used = false, items_used = false;
SET LOCAL ROLE regress_uiml_alice;
SELECT min(basis) AS basis FROM uiml_predict_from(books_of(7), 'films', source => 'books');
SELECT min(basis) AS basis FROM uiml_recommend_from(books_of(7), 'films', source => 'books');
ROLLBACK;
-- Both domains are named, a transfer leads from one to the other, and the caller may predict from both.
SELECT refused($$SELECT uiml_predict_from('{1}'::integer[], source => 'books')$$);
SELECT refused($$SELECT uiml_recommend_from('{1}'::integer[], source => 'books')$$);
SELECT refused($$SELECT uiml_predict_from('{1}'::integer[], 'books', source => 'books')$$);
SELECT refused($$SELECT uiml_predict_from('{f1}'::text[], 'books', source => 'films')$$);
SELECT refused($$SELECT uiml_recommend_from('{f1}'::text[], 'books', source => 'films')$$);
SELECT refused($$SELECT uiml_predict_from('{f1}'::text[], 'films', source => 'books')$$);
SELECT refused($$SELECT uiml_predict_from('{1}'::integer[], 'films', source => 'plays')$$);
SELECT uiml_grant('films', 'regress_uiml_reader');
SET ROLE regress_uiml_reader;
SELECT refused($$SELECT uiml_predict_from('{1}'::integer[], 'films', source => 'books')$$);
SET ROLE regress_uiml_alice;
SELECT uiml_grant('books', 'regress_uiml_reader');
SET ROLE regress_uiml_reader;
SELECT min(basis) AS basis FROM uiml_predict_from('{1}'::integer[], 'films', source => 'books');
SET ROLE regress_uiml_alice;
SELECT uiml_revoke('films', 'regress_uiml_reader'), uiml_revoke('books', 'regress_uiml_reader');

-- as_of leaves what is told of other domains as it is.
CREATE TABLE timed AS SELECT user_id, item_id, timestamptz '2026-01-01 UTC' + hashint4(user_id::integer) % 100 * interval '1 hour' AS at FROM film_events;
SELECT version FROM uiml_train('timed', 'timed', half_life => '1 day', dims => 8, interests => 4);
SELECT predicts, used FROM uiml_train_transfer('books', 'timed') WHERE predicts = 'interests';
SELECT (SELECT array_agg(p::text) FROM uiml_predict(7, 'timed') p)
	= (SELECT array_agg(p::text) FROM uiml_predict(7, 'timed', as_of => 'infinity') p) AS same;
SELECT basis FROM uiml_predict(107, 'timed', 1, as_of => 'infinity');
SELECT FROM uiml_drop_domain('timed');

-- Two sources: each that knows a user has a say, by its gain.
CREATE TABLE song_events AS
	SELECT u AS user_id, i AS item_id FROM generate_series(51, 600) u, generate_series(1, 80) i WHERE did(u, i, (u + 2) % 4, 3);
SELECT version FROM uiml_train('songs', 'song_events', dims => 8, interests => 4);
SELECT predicts, used FROM uiml_train_transfer('songs', 'films') WHERE predicts = 'interests';
CREATE FUNCTION shares(who integer) RETURNS double precision[] LANGUAGE sql AS $$
	SELECT array_agg(score ORDER BY interest_id) FROM uiml_predict(who, 'films') $$;
CREATE TABLE told AS SELECT 'both' AS by, shares(60) AS share;
CREATE TABLE gains AS SELECT source, interests_gain AS gain
	FROM uiml.transfer t JOIN uiml.version v ON v.version_id = t.source_version_id CROSS JOIN LATERAL (SELECT v.domain) s (source);
SELECT basis('7') AS by_books, basis('60') AS by_both, basis('550') AS by_songs;
SELECT uiml_drop_transfer('songs', 'films');
INSERT INTO told SELECT 'books', shares(60);
BEGIN;
SELECT predicts, used FROM uiml_train_transfer('songs', 'films') WHERE predicts = 'interests';
SELECT uiml_drop_transfer('books', 'films');
INSERT INTO told SELECT 'songs', shares(60);
SELECT max(abs(joint.share[i] - (b.gain * books.share[i] + s.gain * songs.share[i]) / (b.gain + s.gain))) < 1e-6 AS mean_by_gain
FROM told joint, told books, told songs, gains b, gains s, generate_series(1, 4) i
WHERE joint.by = 'both' AND books.by = 'books' AND songs.by = 'songs' AND b.source = 'books' AND s.source = 'songs';
ROLLBACK;
SELECT predicts, used FROM uiml_train_transfer('songs', 'films') WHERE predicts = 'interests';

-- Rights: who may not use a source gets what the others tell.
SELECT uiml_grant('films', 'regress_uiml_reader');
SET ROLE regress_uiml_reader;
SELECT basis('7'), basis('60'), basis('450');
RESET ROLE;
SET ROLE regress_uiml_alice;
SELECT uiml_grant('books', 'regress_uiml_reader');
SET ROLE regress_uiml_reader;
SELECT basis('7'), basis('60'), basis('550');

-- Damaged bytes are an error for the owner; others get the prior.
RESET ROLE;
BEGIN;
UPDATE uiml.transfer SET digest = digest + 1 WHERE source_version_id = (SELECT version_id FROM uiml.version WHERE active AND domain = 'books');
UPDATE uiml.transfer_part SET data = set_byte(data, 300, 255 - get_byte(data, 300))
WHERE transfer_id = (SELECT transfer_id FROM uiml.transfer t JOIN uiml.version v ON v.version_id = t.source_version_id WHERE v.domain = 'books');
SET LOCAL ROLE regress_uiml_alice;
SELECT refused($$SELECT * FROM uiml_predict(7, 'films')$$);
SET LOCAL ROLE regress_uiml_reader;
SELECT basis('7'), basis('450');
SELECT domain, basis FROM uiml_predict(7, k => 1) ORDER BY domain;
ROLLBACK;
SELECT basis('7');

-- A source whose owner would run code in the name of others, or broke it: they are told by what is left, and he
-- gets the error.
SET ROLE regress_uiml_mallory;
CREATE TABLE trap_events AS
	SELECT u AS user_id, i AS item_id FROM generate_series(1, 400) u, generate_series(1, 80) i WHERE did(u, i, (u + 3) % 4, 4);
SELECT version FROM uiml_train('trap', 'trap_events', dims => 8, interests => 4);
SELECT uiml_grant('trap', 'regress_uiml_alice'), uiml_grant('trap', 'regress_uiml_reader');
SET ROLE regress_uiml_alice;
SELECT predicts, used FROM uiml_train_transfer('trap', 'films') WHERE predicts = 'interests';
SELECT uiml_grant('films', 'regress_uiml_mallory');
SELECT uiml_drop_transfer('books', 'films');
SET ROLE regress_uiml_reader;
SELECT basis('7');
SET ROLE regress_uiml_mallory;
CREATE FUNCTION spy() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_uiml_mallory' THEN
		RAISE WARNING 'code of mallory runs as somebody else';
	END IF;
	RETURN true;
END $$;
CREATE INDEX ON trap_users_v1 (mass) WHERE spy();
ALTER TABLE trap_users_v1 ADD CHECK (spy());
SET ROLE regress_uiml_reader;
SET constraint_exclusion = on;
SELECT basis('7'), count(*) FROM uiml_predict_all('films', 1);
SET ROLE regress_uiml_mallory;
UPDATE trap_users_v1 SET vector = '[1,2]';
SELECT refused($$SELECT * FROM uiml_predict(7, 'films')$$);
SET ROLE regress_uiml_reader;
SELECT basis('7'), count(*) FROM uiml_predict_all('films', 1);
SET ROLE regress_uiml_mallory;
ALTER TABLE trap_users_v1 ENABLE ROW LEVEL SECURITY;
SELECT refused($$SELECT * FROM uiml_predict(7, 'films')$$);
SET ROLE regress_uiml_reader;
SELECT basis('7');
RESET constraint_exclusion;
SET ROLE regress_uiml_alice;
SELECT predicts, used FROM uiml_train_transfer('books', 'films') WHERE predicts = 'interests';

-- A new version of the source: what was learned serves no more, unless it is learned anew.
SET ROLE regress_uiml_alice;
BEGIN;
SELECT uiml_drop_transfer('books', 'films');
SELECT basis('7');
ROLLBACK;
SELECT basis('7');
SELECT version FROM uiml_train('books');
SELECT basis('7'), source_version FROM uiml.transfers WHERE serving AND source = 'books' AND predicts = 'interests';
SELECT uiml_drop_domain('books');
SELECT basis('7'), basis('60');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA serving_test CASCADE;
DROP EXTENSION uiml CASCADE;
DROP OWNED BY regress_uiml_alice, regress_uiml_mallory, regress_uiml_reader;
DROP ROLE regress_uiml_alice, regress_uiml_mallory, regress_uiml_reader;
