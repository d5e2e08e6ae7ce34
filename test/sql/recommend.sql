-- Recommended items: known answers, seen items, candidates, keys of every type, rights.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
\i test/sql/include/predict_fixture.sql

-- The formula, from the derived tables: a power of the product of out-vector and user, blended with popularity.
CREATE FUNCTION expected(who integer, unseen boolean)
	RETURNS TABLE (item_id text, score double precision, prior double precision)
	LANGUAGE sql STABLE AS $$
	WITH u AS (
		SELECT (SELECT vector FROM shop_users WHERE user_id = who) AS vector,
			coalesce((SELECT items FROM shop_users WHERE user_id = who), '{}') AS items
	), s AS (
		SELECT i.item_id, i.popularity::float8 AS popularity, cardinality(u.items)::float8 / (cardinality(u.items) + v.item_alpha) AS w,
			coalesce(power(greatest(-(i.out_vector <#> u.vector), 0)::float8, 1 / v.temperature), 0) AS q
		FROM shop_items i CROSS JOIN u JOIN uiml.domain d ON d.name = 'shop' JOIN uiml.version v ON v.domain_id = d.domain_id AND v.active
		WHERE NOT (unseen AND i.item_no = ANY (u.items))
	)
	SELECT s.item_id, coalesce(w * q / nullif(sum(q) OVER (), 0), 0) + (1 - w) * popularity / sum(popularity) OVER (), (1 - w) * popularity / sum(popularity) OVER () FROM s
$$;
CREATE FUNCTION worst(who integer, unseen boolean)
	RETURNS TABLE (rows bigint, score_off boolean, basis_off boolean, sum_off boolean, order_off boolean)
	LANGUAGE sql STABLE AS $$
	SELECT count(*), max(abs(r.score - e.score)) > 1e-6,
		bool_or(abs(r.basis_share - greatest(e.prior, e.score - e.prior) / e.score) > 1e-4
			OR (abs(2 * e.prior - e.score) > 1e-6 AND r.basis <> CASE WHEN 2 * e.prior < e.score THEN 'history' ELSE 'prior' END)),
		abs(sum(r.score) - 1) > 1e-6,
		bool_or(r.rank <> r.place OR NOT 0 <= low OR NOT low <= high OR NOT high <= 1)
	FROM (SELECT *, row_number() OVER (ORDER BY score DESC, item_id) AS place
			FROM uiml_recommend(who, 'shop', 10000, unseen)) r
		FULL JOIN expected(who, unseen) e USING (item_id)
$$;
SELECT * FROM worst(7, true);
SELECT * FROM worst(7, false);
SELECT * FROM worst(-1, true);
SELECT count(*) AS users, bool_or(score_off OR basis_off OR sum_off OR order_off) AS any_off
FROM shop_users, LATERAL worst(user_id, true);

-- What it looks like: user 7 gets unseen things of his group first; somebody new, and NULL, what is popular.
SELECT r.domain, r.rank, r.title = g.title AS titled, g.title LIKE 'music%' AS of_group, r.basis, r.score > 0 AS positive, r.version
FROM uiml_recommend(7, 'shop', 2) r JOIN goods g USING (item_id) ORDER BY r.rank;
SELECT count(*) FROM uiml_recommend(7, 'shop', 100) JOIN shop_events e USING (item_id) WHERE e.user_id = 7;
SELECT count(DISTINCT item_id) FROM uiml_recommend(7, 'shop', 100, exclude_seen => false) JOIN shop_events e USING (item_id) WHERE e.user_id = 7;
SELECT count(*), max(basis) AS basis, bool_and(abs(score - popularity) < 1e-6) AS popular
FROM uiml_recommend(4711, 'shop', 100) JOIN shop_items USING (item_id);
SELECT (SELECT array_agg(p::text) FROM uiml_recommend(NULL, 'shop') p) = (SELECT array_agg(p::text) FROM uiml_recommend(4711, 'shop') p) AS same;
SELECT title IS NULL AS untitled FROM uiml_recommend(uuid_of(7), 'books', 1);

-- Keys of several types.
PREPARE untyped AS SELECT count(*), min(basis) AS basis FROM uiml_recommend($1, 'shop', 1);
SELECT count(DISTINCT r.item_id) FROM (
	SELECT item_id FROM uiml_recommend(7, 'shop', 1)
	UNION ALL SELECT item_id FROM uiml_recommend('7', 'shop', 1)
	UNION ALL SELECT item_id FROM uiml_recommend(7::bigint, 'shop', 1)
	UNION ALL SELECT item_id FROM uiml_recommend('7'::varchar, 'shop', 1)) r;
EXECUTE untyped('7');
SELECT array_agg(DISTINCT domain ORDER BY domain) FROM uiml_recommend(7);
SELECT array_agg(DISTINCT domain ORDER BY domain) FROM uiml_recommend(uuid_of(7));
SELECT refused($$SELECT * FROM uiml_recommend('ann', 'shop')$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'books')$$);

-- Candidates: an array of any type, or a relation; shares are among them; unknown ones and NULL count nothing.
SELECT item_id, sum(score) OVER () BETWEEN .999999 AND 1.000001 AS sums
FROM uiml_recommend(7, 'shop', candidates => '{item-31,item-02,item-02,item-99,NULL}', exclude_seen => false) ORDER BY item_id;
SELECT item_id FROM uiml_recommend(uuid_of(7), 'books', candidates => ARRAY[1, 2, 1000], exclude_seen => false) ORDER BY item_id;
SELECT item_id FROM uiml_recommend(uuid_of(7), 'books', candidates => ARRAY[1, 2]::bigint[], exclude_seen => false) ORDER BY item_id;
SELECT item_id FROM uiml_recommend(uuid_of(7), 'books', candidates => '{1, 2}', exclude_seen => false) ORDER BY item_id;
SELECT count(*) FROM uiml_recommend(7, 'shop', candidates => '{}');
SELECT count(*) FROM uiml_recommend(7, 'shop', candidates => '{nothing}');
SELECT refused($$SELECT * FROM uiml_recommend(uuid_of(7), 'books', candidates => '{1,x}')$$);
CREATE TABLE stock (shelf text, item_id text);
INSERT INTO stock VALUES ('a', 'item-31'), ('b', 'item-02'), ('c', NULL);
CREATE VIEW sale AS SELECT 'item-02'::varchar AS what;
CREATE TABLE two_columns (a text, b text);
SELECT item_id FROM uiml_recommend(7, 'shop', candidates_from => 'stock', exclude_seen => false) ORDER BY item_id;
SELECT item_id FROM uiml_recommend(7, 'shop', candidates_from => 'sale', exclude_seen => false) ORDER BY item_id;
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', candidates_from => 'two_columns')$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', candidates => '{item-02}', candidates_from => 'stock')$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', candidates_from => 1)$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', exclude_seen => NULL)$$);

-- Bounds of k.
SELECT count(*) FROM uiml_recommend(7, 'shop', 1);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', 0)$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', 10001)$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shoe')$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'fresh')$$);

-- A history in place of a user: the sum of weighted in-vectors.
WITH u AS (
	SELECT sum(in_vector * (CASE item_id WHEN 'item-03' THEN 2 ELSE 1 END)::real) AS vector FROM shop_items WHERE item_id IN ('item-03', 'item-12')
), e AS (
	SELECT i.item_id, 2 / (2 + v.item_alpha) AS w, power(greatest(-(i.out_vector <#> u.vector), 0)::float8, 1 / v.temperature) AS q, popularity::float8 AS p
	FROM shop_items i CROSS JOIN u JOIN uiml.domain d ON d.name = 'shop' JOIN uiml.version v ON v.domain_id = d.domain_id AND v.active
	WHERE item_id NOT IN ('item-03', 'item-12')
), x AS (SELECT item_id, w * q / sum(q) OVER () + (1 - w) * p / sum(p) OVER () AS score FROM e)
SELECT count(*), max(abs(r.score - x.score)) > 1e-6 AS off
FROM uiml_recommend_from('{item-03,item-12,nothing}', 'shop', 100, '{2,1,7}') r FULL JOIN x USING (item_id);
SELECT max(abs(r.score - t.score)) > 1e-6 AS off
FROM uiml_recommend_from('{item-03,item-12,item-03}', 'shop', 100) r
	FULL JOIN uiml_recommend_from('{item-03,item-12}', 'shop', 100, '{2,1}') t USING (item_id);
SELECT count(*), bool_or(item_id = 'item-03') AS again FROM uiml_recommend_from('{item-03}', 'shop', 100, exclude_seen => false);
SELECT item_id FROM uiml_recommend_from(ARRAY[1, 2, 3], 'books', candidates => '{4,5}') ORDER BY item_id;
SELECT item_id FROM uiml_recommend_from(ARRAY['item-03']::varchar[], 'shop', candidates_from => 'stock') ORDER BY item_id;
SELECT max(basis) FROM uiml_recommend_from('{}', 'shop');
SELECT refused($$SELECT * FROM uiml_recommend_from('{1,x}', 'books')$$);
SELECT refused($$SELECT * FROM uiml_recommend_from('{1,2}', 'books', weights => '{1}')$$);

-- Sessions with other settings share the packed items: the text of a key is the same for all
CREATE TABLE moments_events AS SELECT user_id, timestamptz '2025-01-01 UTC' + item_no * interval '1 day' AS item_id FROM acts;
SELECT FROM uiml_train('moments', 'moments_events', dims => 8, interests => 4);
CREATE FUNCTION recommended() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', basis, item_id), ', ' ORDER BY rank)
	FROM uiml_recommend_from(ARRAY[timestamptz '2025-01-02 UTC', timestamptz '2025-01-04 UTC'], 'moments', 2) $$;
CREATE TABLE before AS SELECT recommended() AS here, ARRAY(SELECT item_id FROM uiml_recommend(7, 'moments')) AS items;
SET DateStyle = 'German';
SET TimeZone = 'Asia/Tokyo';
SELECT recommended() = here AS same_from_history, ARRAY(SELECT item_id FROM uiml_recommend(7, 'moments')) = items AS same, here ~ 'history' AS by_history FROM before;
RESET DateStyle;
RESET TimeZone;

-- Rights, of the domain and of the relation that candidates come from.
CREATE ROLE regress_uiml_reader;
SELECT uiml_grant('shop', 'regress_uiml_reader', 'predict');
SET ROLE regress_uiml_reader;
SELECT domain, count(*) FROM uiml_recommend(7, k => 3) GROUP BY domain;
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop', candidates_from => 'stock')$$);
SELECT refused($$SELECT * FROM uiml_recommend(uuid_of(7), 'books')$$);
RESET ROLE;
SELECT uiml_revoke('shop', 'regress_uiml_reader');
SET ROLE regress_uiml_reader;
SELECT refused($$SELECT * FROM uiml_recommend(7, 'shop')$$);
SELECT refused($$SELECT * FROM uiml_recommend_from('{item-03}', 'shop')$$);
RESET ROLE;
DROP ROLE regress_uiml_reader;

-- A new version is read at once, in a session that knows the old one.
SELECT DISTINCT version FROM uiml_recommend(7, 'shop');
INSERT INTO shop_events SELECT 7, 'item-new', max(created_at) FROM shop_events;
SELECT version FROM uiml_train('shop');
SELECT DISTINCT version FROM uiml_recommend(7, 'shop');
SELECT count(*) FROM uiml_recommend(8, 'shop', candidates => '{item-new}');
