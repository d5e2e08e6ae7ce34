--
-- Training: what is read, what is stored, what is refused.
--
-- Four groups of 20 users and 15 items each: a user mostly does things to the items of one group.  Everything
-- follows from hashes, so every run sees the same rows.
--
CREATE EXTENSION uiml;
SET client_min_messages = warning;

CREATE TABLE articles (article_id bigint PRIMARY KEY, title text);
INSERT INTO articles
SELECT i, (ARRAY['football', 'bank', '足球', '股票'])[g] || ' ' || words[1 + i % 4] || ' ' || words[1 + (i + 1) % 4]
FROM generate_series(1, 60) i, LATERAL (SELECT 1 + (i - 1) / 15 AS g) x,
	LATERAL (SELECT string_to_array((ARRAY['league goal coach striker', 'bonds inflation interest loan',
		'联赛 进球 教练 前锋', '债券 通胀 利率 贷款'])[g], ' ') AS words) y;

CREATE TABLE reads (user_id bigint, article_id bigint REFERENCES articles, kind text, weight float8,
	read_at timestamptz);
INSERT INTO reads
SELECT u, i, CASE WHEN h % 5 = 0 THEN 'like' ELSE 'view' END, 1 + h % 3,
	'2024-03-01 00:00+00'::timestamptz - (h % 4000) * interval '20 minutes'
FROM generate_series(1, 80) u, generate_series(1, 60) i,
	LATERAL (SELECT abs(hashint8extended(u * 1000 + i, 7)) % 1000003 AS h) x
WHERE h % 100 < CASE WHEN u % 4 = (i - 1) / 15 THEN 60 ELSE 5 END;

-- The first minute: register and train in one call.
SELECT domain, version, users, items, events = (SELECT count(*) FROM reads) AS all_events, dims > 0 AS dims,
	interests, explained BETWEEN 0 AND 1 AS explained, elapsed > '0' AS elapsed
FROM uiml_train('news', 'reads', interests => 4, options => '{"seed": 3}');

-- Labels hold the planted words, in both languages, and each interest holds one group.
SELECT i.label ~ '(football|bank|足球|股票)' AS planted, array_length(i.terms, 1) AS terms, i.items,
	count(DISTINCT (a.article_id - 1) / 15) AS groups, array_length(i.typical, 1) AS typical
FROM news_interests i JOIN news_items n USING (interest_id) JOIN articles a ON a.article_id = n.item_id
GROUP BY i.interest_id, i.label, i.terms, i.items, i.typical ORDER BY i.interest_id;
SELECT count(DISTINCT label) AS labels, abs(sum(share) - 1) < 1e-5 AS shares FROM news_interests;
SELECT bool_and(t.typical = a.title) AS titles
FROM (SELECT unnest(typical) AS typical FROM news_interests) t JOIN articles a ON a.title = t.typical;

-- Items and users are stored in key order, with what they did.
SELECT count(*) = max(item_no) + 1 AS dense, bool_and(item_no = place - 1) AS in_key_order,
	bool_and(n.title = a.title) AS titles, abs(sum(popularity) - 1) < 1e-5 AS popularity
FROM (SELECT *, row_number() OVER (ORDER BY item_id) AS place FROM news_items) n
	JOIN articles a ON a.article_id = n.item_id;
SELECT bool_and(n.users = r.users) AS item_users
FROM news_items n JOIN (SELECT article_id, count(DISTINCT user_id) AS users FROM reads GROUP BY 1) r
	ON r.article_id = n.item_id;
SELECT bool_and(u.events = r.events) AS events, bool_and(u.last_at = r.last_at) AS last_at,
	bool_and(u.items = r.items) AS items
FROM news_users u JOIN (
	SELECT user_id, count(*) AS events, max(read_at) AS last_at, array_agg(DISTINCT item_no ORDER BY item_no) AS items
	FROM reads JOIN news_items ON item_id = article_id GROUP BY 1) r USING (user_id);

-- A user's mass: kind weight x weight, halved every 30 days before the newest event.
SELECT max(abs(u.mass / r.mass - 1)) < 1e-5 AS mass
FROM news_users u JOIN (
	SELECT user_id, sum(CASE kind WHEN 'view' THEN 1 WHEN 'like' THEN 3 END * weight
		* 2 ^ (extract(epoch FROM read_at - (SELECT max(read_at) FROM reads)) / (30 * 86400))) AS mass
	FROM reads GROUP BY 1) r USING (user_id);

-- What the catalog remembers.
SELECT version, active, trained_by = current_user::regrole AS trained_by, rls_bypassed, data_until = (SELECT max(read_at) FROM reads) AS data_until,
	half_life / 86400 AS days, settings->>'seed' AS seed, digest <> 0 AS digest
FROM uiml.version;
SELECT bool_and(k) AS evaluation FROM (
	SELECT count(*) = 1 AND bool_and(value BETWEEN low AND high) AS k FROM uiml.evaluation WHERE metric = 'recall' AND k = 20
	UNION ALL SELECT bool_and(value > 0 AND baseline_value > 0) FROM uiml.evaluation WHERE metric = 'logloss') x;
SELECT version, phases ?& '{reading,storing,texts,refit}' AS phases, memory > 0 AS memory FROM uiml.training_log;

-- Again: version 2, the same settings, the same figures; the one before stays.
SELECT version, metrics ?& '{recall@20,popularity,logloss,prior}' AS metrics FROM uiml_train('news');
SELECT version, active FROM uiml.version ORDER BY version;
SELECT version, count(*) FROM news_items_versions GROUP BY 1 ORDER BY 1;
SELECT count(*) AS changed FROM (
	SELECT item_id, title, interest_id, popularity, users, in_vector, out_vector FROM news_items_versions WHERE version = 1
	EXCEPT
	SELECT item_id, title, interest_id, popularity, users, in_vector, out_vector FROM news_items) x;
SELECT count(*) AS changed FROM (
	SELECT user_id, events, last_at, mass, interests, vector, items FROM news_users_versions WHERE version = 1
	EXCEPT
	SELECT user_id, events, last_at, mass, interests, vector, items FROM news_users) x;

-- Repeating the call that registered the domain is fine; saying something else is not.
SELECT version FROM uiml_train('news', 'reads', interests => 4, options => '{"seed": 3}');
SELECT version FROM uiml_train('news', interests => 5);
SELECT version FROM uiml_train('news', time_col => 'weight');
SELECT version FROM uiml_train('news', half_life => '0');
SELECT version FROM uiml_train('news', 'articles');
SELECT version FROM uiml_train('news', kind_weights => '{"view": 2}');
SELECT version FROM uiml_train(NULL);
SELECT version FROM uiml_train('sports');

-- The order in which rows arrive leaves no trace.
CREATE TABLE reads_backwards AS SELECT * FROM reads ORDER BY read_at, user_id DESC, article_id;
SELECT version FROM uiml_train('backwards', 'reads_backwards', items => 'articles', interests => 4, options => '{"seed": 3}');
SELECT count(*) AS different FROM (TABLE news_items EXCEPT TABLE backwards_items) x;
SELECT count(*) AS different FROM (TABLE news_users EXCEPT TABLE backwards_users) x;
SELECT count(*) AS different FROM (TABLE news_interests EXCEPT TABLE backwards_interests) x;

-- Keys of other types, and keys that are equal but look different.
CREATE TABLE text_reads AS
	SELECT 'user ' || user_id AS user_id, md5(article_id::text)::uuid AS item_id, read_at FROM reads;
SELECT users, items FROM uiml_train('texts', 'text_reads');
SELECT count(*) AS users FROM texts_users WHERE user_id LIKE 'user %';
SELECT count(*) AS items FROM texts_items WHERE item_id = md5('1')::uuid;
SELECT label ~ '^[-0-9a-f]{36}$' AS typical_key, terms FROM texts_interests WHERE interest_id = 1;

-- Where texts share one word, or none, a typical item's title completes the label, cut after a word, and no two are the same.
CREATE TABLE tales AS
	SELECT article_id AS item_id, CASE WHEN article_id <= 30 THEN split_part(title, ' ', 1) || ' ' ELSE '' END || E'tale\nof ' ||
		md5(article_id::text) || ' and some more' AS title
	FROM articles;
CREATE TABLE tale_reads AS SELECT user_id, article_id AS item_id FROM reads;
SELECT interests FROM uiml_train('tales', 'tale_reads', items => 'tales', interests => 4, options => '{"seed": 3}');
SELECT regexp_replace(label, '[0-9a-f]{8,}', 'X', 'g') COLLATE "C" AS said, max(length(label)) AS longest, count(DISTINCT label) AS different
FROM tales_interests GROUP BY 1 ORDER BY 1;
CREATE TABLE numeric_reads AS
	SELECT (user_id || CASE WHEN article_id % 2 = 0 THEN '.0' ELSE '.00' END)::numeric AS user_id, article_id AS item_id
	FROM reads;
SELECT users, items FROM uiml_train('numbers', 'numeric_reads');
SELECT user_id FROM numbers_users WHERE user_id = 7;
CREATE TABLE json_reads AS SELECT to_json(user_id) AS user_id, article_id AS item_id FROM reads;
SELECT users FROM uiml_train('json', 'json_reads', user_col => 'user_id');

-- Who is held out follows from hashtextextended(key::text, seed), for any type of key: half of these users have one item
-- only and hide nothing, so the number of judges that do tells which users they were.
CREATE FUNCTION judges(key_type text, seed int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	expected bigint;
	judged bigint;
BEGIN
	EXECUTE format('CREATE TABLE held AS SELECT (%s)::%s AS user_id, (u * 7 + n) %% 40 AS item_id'
		' FROM generate_series(1, 120) u, generate_series(1, CASE WHEN u %% 2 = 0 THEN 1 ELSE 6 END) n',
		CASE key_type WHEN 'uuid' THEN 'md5(u::text)' ELSE 'u' END, key_type);
	SELECT count(*) INTO expected FROM (
		SELECT count(DISTINCT item_id) AS n FROM held GROUP BY user_id ORDER BY hashtextextended(user_id::text, seed) LIMIT 12) x
		WHERE n > 1;
	PERFORM FROM uiml_train('held', 'held', options => jsonb_build_object('seed', seed));
	SELECT max(e.users) INTO judged FROM uiml.evaluation e JOIN uiml.version v USING (version_id) JOIN uiml.domain d USING (domain_id)
		WHERE d.name = 'held';
	PERFORM uiml_drop_domain('held');
	DROP TABLE held;
	RETURN judged = expected;
END $$;
SELECT key_type, bool_and(judges(key_type, seed)) AS as_in_sql
FROM unnest('{integer,bigint,text,numeric,uuid,character(9)}'::text[]) key_type, generate_series(1, 3) seed GROUP BY 1 ORDER BY 1;

-- Times as epochs and dates; no time, no decay.
CREATE TABLE epoch_reads AS SELECT user_id, article_id AS item_id, extract(epoch FROM read_at)::bigint * 1000 AS ts FROM reads;
SELECT users FROM uiml_train('epochs', 'epoch_reads', time_col => 'ts');
CREATE TABLE date_reads AS SELECT user_id, article_id AS item_id, read_at::date AS day FROM reads;
SELECT users FROM uiml_train('dates', 'date_reads', time_col => 'day');
SELECT users FROM uiml_train('timeless', 'numeric_reads', half_life => NULL);
SELECT d.name, v.half_life IS NOT NULL AS decay, CASE d.name
	WHEN 'epochs' THEN v.data_until = (SELECT max(date_trunc('second', read_at)) FROM reads)
	WHEN 'dates' THEN v.data_until AT TIME ZONE 'UTC' = (SELECT max(day) FROM date_reads)
	ELSE v.data_until IS NULL END AS until
FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE d.name IN ('epochs', 'dates', 'timeless') ORDER BY 1;

-- Where most of the history has decayed, that is told.
CREATE VIEW old_reads AS SELECT user_id, article_id AS item_id, read_at - (user_id % 20) * interval '1 year' AS read_at FROM reads;
SELECT FROM uiml_create_domain('old', 'old_reads', items => 'articles', half_life => '30 days');
SET client_min_messages = notice;
SELECT users FROM uiml_train('old');
SET client_min_messages = warning;

-- So it is where one event of a wrong time makes all others look old.
CREATE VIEW ahead AS SELECT user_id, article_id AS item_id,
	CASE WHEN ctid = (SELECT min(ctid) FROM reads) THEN '2300-01-01 00:00+00' ELSE read_at END AS read_at FROM reads;
SET client_min_messages = notice;
SELECT users FROM uiml_train('ahead', 'ahead', items => 'articles', item_key => 'article_id', item_text => '{title}', time_col => 'read_at');
SET client_min_messages = warning;
SELECT uiml_drop_domain('ahead');

-- Left to training, the half-life is one that held-out users choose; '0' is none.
SELECT uiml_alter_domain('old', unset => '{half_life}');
SELECT users FROM uiml_train('old');
SELECT coalesce(v.half_life IN (7 * 86400, 30 * 86400, 90 * 86400, 365 * 86400), true) AS candidate, d.half_life IS NULL AS open
FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE d.name = 'old' AND v.active;
SELECT half_life IN ('7 days', '30 days', '90 days', '365 days', '0') AS used FROM uiml.domains WHERE domain = 'old';
SELECT uiml_alter_domain('old', half_life => '0');
SELECT users FROM uiml_train('old');
SELECT v.half_life IS NULL AS none, d.half_life FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE d.name = 'old' AND v.active;

-- A column that was renamed is named, and how to mend it.
CREATE TABLE renamed AS SELECT user_id, article_id AS item_id FROM reads;
SELECT users FROM uiml_train('renamed', 'renamed', dims => 4, interests => 2);
ALTER TABLE renamed RENAME user_id TO reader;
SELECT users FROM uiml_train('renamed'); \echo :SQLSTATE
SELECT uiml_alter_domain('renamed', user_col => 'reader');
SELECT users FROM uiml_train('renamed');
SELECT uiml_drop_domain('renamed');

-- The same of the texts.
CREATE TABLE named (article_id bigint PRIMARY KEY, headline text);
INSERT INTO named SELECT article_id, title FROM articles;
SELECT uiml_create_domain('named', 'reads', items => 'named', item_text => '{headline}');
ALTER TABLE named RENAME headline TO head;
SELECT FROM uiml_train('named'); \echo :SQLSTATE
SELECT uiml_drop_domain('named');

CREATE TABLE no_times AS SELECT user_id, article_id AS item_id, 1e30::float8 AS at FROM reads;
SELECT users FROM uiml_train('no_times', 'no_times', time_col => 'at');

-- Rows that do not count, and kinds without a weight.
CREATE TABLE dirty AS SELECT * FROM reads;
INSERT INTO dirty VALUES
	(NULL, 1, 'view', 1, now()), (1, NULL, 'search', 1, now()), (1, 1, 'view', NULL, now()), (1, 1, 'view', -1, now()),
	(1, 1, 'view', 0, now()), (1, 1, 'view', 1, NULL), (1, 1, 'view', 1, 'infinity'), (1, 1, 'share', 1, '2024-01-01'),
	(1, 1, 'open "it"', 1, '2024-01-01'), (1, 1, 'click', 1, '2024-01-01'), (1, 1, NULL, 1, '2024-01-01');
SELECT FROM uiml_create_domain('dirty', 'dirty', items => 'articles', kind_weights => '{"view": 1, "like": 3, "click": 0}');
SET client_min_messages = notice;
SELECT events - (SELECT count(*) FROM reads) AS more FROM uiml_train('dirty');
SET client_min_messages = warning;

-- Searches without an item don't hinder; nothing else does to train on.
CREATE TABLE searches AS SELECT user_id, NULL::bigint AS item_id, 'search'::text AS kind, 'football'::text AS query FROM reads;
SELECT users FROM uiml_train('searches', 'searches');
SELECT users FROM uiml_train('few', 'reads', schema => 'public', user_col => 'article_id', item_col => 'kind');
CREATE TABLE few AS SELECT * FROM reads WHERE user_id < 10 AND article_id <= 30;
SELECT users FROM uiml_train('few', 'few', items => 'articles');
CREATE TABLE none AS SELECT * FROM reads LIMIT 0;
SELECT users FROM uiml_train('none', 'none', items => 'articles');

-- What fails leaves nothing behind.
UPDATE dirty SET weight = 'NaN' WHERE user_id = 3;
SELECT users FROM uiml_train('dirty');
UPDATE dirty SET weight = 1e39 WHERE user_id = 3;
SELECT users FROM uiml_train('dirty');
SELECT count(*) AS versions FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE d.name = 'dirty';
SELECT relname FROM pg_class WHERE relname ~ '^(dirty|few|none|searches|no_times|json)_' AND relkind IN ('r', 'v', 'p') ORDER BY 1;
SELECT count(*) AS users FROM dirty_users;

-- Memory: figures, the setting, and a value that would do.
CREATE TABLE many AS SELECT u AS user_id, i AS item_id FROM generate_series(1, 1000) u, generate_series(1, 60) i
	WHERE (u + i) % 2 = 0;
CREATE TABLE more AS SELECT u AS user_id, i AS item_id FROM generate_series(1, 3000) u, generate_series(1, 60) i;
CREATE FUNCTION train_within(memory text, domain text, events regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	PERFORM set_config('maintenance_work_mem', memory, true);
	PERFORM FROM uiml_train(domain, events);
	RETURN 'trained';
EXCEPTION WHEN program_limit_exceeded THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN regexp_replace(SQLERRM || ' | ' || detail || ' | ' || hint, '(about |'')\d+', '\1N', 'g');
END $$;
SET uiml.memory_mode = memory;
SELECT train_within('1MB', 'many', 'many');
SELECT train_within('1MB', 'more', 'more');
RESET uiml.memory_mode;
SELECT train_within('64MB', 'many', 'many');

-- Row-level security of the events holds for whom it applies to, and is told where it does not.
CREATE ROLE regress_uiml_trainer;
GRANT SELECT ON reads, articles TO regress_uiml_trainer;
CREATE SCHEMA trainer AUTHORIZATION regress_uiml_trainer;
ALTER TABLE reads ENABLE ROW LEVEL SECURITY;
CREATE POLICY most ON reads TO regress_uiml_trainer USING (user_id <= 60);
CREATE ROLE regress_uiml_super SUPERUSER;
SET ROLE regress_uiml_super;
SET client_min_messages = notice;
SELECT users FROM uiml_train('news');
SET client_min_messages = warning;
SET ROLE regress_uiml_trainer;
SELECT users FROM uiml_train('mine', 'reads', schema => 'trainer', interests => 4);
SELECT d.name, v.rls_bypassed, v.trained_by FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE v.active;
SELECT users FROM uiml_train('news');
RESET ROLE;
DROP OWNED BY regress_uiml_trainer;
DROP ROLE regress_uiml_trainer, regress_uiml_super;
