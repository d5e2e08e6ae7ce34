-- Predicted interests: known answers, keys of every type, bounds of arguments, rights.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
\i test/sql/include/predict_fixture.sql

-- The formula, from the derived tables: (mass + alpha * prior) / (|mass| + alpha).
CREATE FUNCTION expected(who integer, factor double precision DEFAULT 1)
	RETURNS TABLE (interest_id integer, score double precision, history double precision)
	LANGUAGE sql STABLE AS $$
	SELECT i.interest_id,
		(m.mass + v.alpha * i.share) / (sum(m.mass) OVER () + v.alpha),
		m.mass / (sum(m.mass) OVER () + v.alpha)
	FROM shop_interests i
		JOIN uiml.version v ON v.active AND v.interests_table = (SELECT max(tableoid) FROM shop_interests_versions)
		LEFT JOIN shop_users u ON u.user_id = who
		CROSS JOIN LATERAL (SELECT coalesce((u.interests::real[])[i.interest_no + 1], 0) * factor AS mass) m
$$;
CREATE FUNCTION worst(who integer, factor double precision DEFAULT 1, at timestamptz DEFAULT NULL)
	RETURNS TABLE (rows bigint, score_off boolean, basis_off boolean, sum_off boolean, order_off boolean)
	LANGUAGE sql STABLE AS $$
	SELECT count(*), max(abs(p.score - e.score)) > 1e-9,
		bool_or(p.basis <> CASE WHEN e.history > e.score - e.history THEN 'history' ELSE 'prior' END
			OR abs(p.basis_share - greatest(e.history, e.score - e.history) / e.score) > 1e-6),
		abs(sum(p.score) - 1) > 1e-6, bool_or(p.rank <> p.place OR NOT 0 <= low OR NOT low <= high OR NOT high <= 1)
	FROM (SELECT *, row_number() OVER (ORDER BY score DESC, interest_id) AS place
			FROM uiml_predict(who, 'shop', 10000, at)) p
		FULL JOIN expected(who, factor) e USING (interest_id)
$$;
SELECT * FROM worst(7);
SELECT * FROM worst(40);
SELECT * FROM worst(-1);
SELECT count(*) AS users, bool_or(score_off OR basis_off OR sum_off OR order_off) AS any_off
FROM shop_users, LATERAL worst(user_id);

-- What it looks like: user 7 has the interest of his group first; somebody new gets the prior; NULL is somebody new.
SELECT domain, rank, label LIKE '%music%' AS music, score > .5 AS sure, low <= score AND score <= high AS inside, basis, basis_share > .5 AS mostly, version
FROM uiml_predict(7, 'shop', 2);
SELECT domain, rank, basis, basis_share, abs(score - share) < 1e-6 AS is_prior
FROM uiml_predict(4711, 'shop', k => 2) JOIN shop_interests USING (interest_id) ORDER BY rank;
SELECT (SELECT array_agg(p::text) FROM uiml_predict(NULL, 'shop') p) = (SELECT array_agg(p::text) FROM uiml_predict(4711, 'shop') p) AS same;

-- The same user by keys of several types.
CREATE DOMAIN user_number AS integer CHECK (VALUE > 0);
PREPARE untyped AS SELECT count(*), min(basis) AS basis FROM uiml_predict($1, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(7, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('7', 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(' +7 ', 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(7::bigint, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(7::smallint, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(7::numeric, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('7'::varchar, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('7'::char(5), 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('7'::name, 'shop', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(7::user_number, 'shop', 1);
EXECUTE untyped('7');

-- uuid, text and date keys.
SELECT count(*), min(basis) AS basis FROM uiml_predict(uuid_of(3), 'books', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(uuid_of(3)::text, 'books', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('{' || upper(uuid_of(3)::text) || '}', 'books', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(uuid_of(999), 'books', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('2020-01-04', 'days', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('2020-01-04'::date, 'days', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('2020-01-04 00:00'::timestamp, 'days', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('user 3', 'notes', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict('user 3'::char(20), 'notes', 1);
SELECT count(*), min(basis) AS basis FROM uiml_predict(3, 'notes', 1);

SELECT refused(format('SELECT * FROM uiml_predict(repeat(%L, 1000), %L)', 'x', 'shop'));

-- A key that can't be of the domain's type: an error where the domain is named, else the domain is skipped.
SELECT refused($$SELECT * FROM uiml_predict('ann', 'shop')$$);
SELECT refused($$SELECT * FROM uiml_predict(3000000000, 'shop')$$);
SELECT refused($$SELECT * FROM uiml_predict(7.5, 'shop')$$);
SELECT refused($$SELECT * FROM uiml_predict('7', 'books')$$);
SELECT refused($$SELECT * FROM uiml_predict(7, 'books')$$);
SELECT refused($$SELECT * FROM uiml_predict('tomorrow and tomorrow', 'days')$$);
SELECT DISTINCT domain FROM uiml_predict('ann') ORDER BY domain;
SELECT DISTINCT domain FROM uiml_predict(7) ORDER BY domain;
SELECT DISTINCT domain FROM uiml_predict('2020-01-04') ORDER BY domain;
SELECT domain, rank FROM uiml_predict(NULL, k => 1);

-- Later than the data, all masses are smaller by one factor; earlier is refused.
SELECT * FROM worst(7, exp(-ln(2) * 45 / 30), (SELECT data_until + '45 days' FROM uiml.version v JOIN uiml.domain d USING (domain_id) WHERE v.active AND d.name = 'shop'));
SELECT (SELECT array_agg(p::text) FROM uiml_predict(7, 'shop', as_of => 'infinity') p) = (SELECT array_agg(p::text) FROM uiml_predict(NULL, 'shop') p) AS same;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop', as_of => '2020-01-01 UTC')$$);

-- Bounds of k.
SELECT count(*) FROM uiml_predict(7, 'shop', 1);
SELECT count(*) = (SELECT count(*) FROM shop_interests) AS every_interest FROM uiml_predict(7, 'shop', 10000);
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop', 0)$$);
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop', -3)$$);
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop', 10001)$$);
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop', NULL)$$);

-- Domains that aren't there, or aren't trained.
SELECT refused($$SELECT * FROM uiml_predict(7, 'shoe')$$);
SELECT refused($$SELECT * FROM uiml_predict(7, 'fresh')$$);
SELECT refused($$SELECT * FROM uiml_interests('shoe')$$);
SELECT refused($$SELECT * FROM uiml_interests(NULL)$$);

-- A history in place of a user.
SELECT count(*), abs(sum(score) - 1) < 1e-6 AS sums FROM uiml_predict_from('{}', 'shop', 10000);
WITH mass AS (
	SELECT interest_id, sum(w) AS mass FROM unnest('{item-03,item-05,item-12}'::text[], '{1,2,.5}'::float8[]) AS h (item_id, w) JOIN shop_items USING (item_id) GROUP BY 1)
SELECT count(*), max(abs(p.score - (coalesce(m.mass, 0) + v.alpha * i.share) / (3.5 + v.alpha))) > 1e-9 AS off
FROM uiml_predict_from('{item-03,item-05,nothing,item-12}', 'shop', 10000, '{1,2,9,.5}') p
	JOIN shop_interests i USING (interest_id) LEFT JOIN mass m USING (interest_id)
	JOIN uiml.domain d ON d.name = p.domain JOIN uiml.version v USING (domain_id) WHERE v.active;
SELECT domain, basis FROM uiml_predict_from(ARRAY[3, 7, 11], 'books', 1);
SELECT domain, basis FROM uiml_predict_from(ARRAY[3, 7, 11]::bigint[], 'books', 1);
SELECT domain, basis FROM uiml_predict_from('{3,7,11}', 'books', 1);
SELECT domain, basis FROM uiml_predict_from('{3,7,11}', k => 1);
SELECT refused($$SELECT * FROM uiml_predict_from('{3,x}', 'books')$$);
SELECT refused($$SELECT * FROM uiml_predict_from(NULL, 'books')$$);
SELECT refused($$SELECT * FROM uiml_predict_from('{3,NULL}', 'books')$$);
SELECT refused($$SELECT * FROM uiml_predict_from('{{3},{4}}', 'books')$$);
SELECT refused($$SELECT * FROM uiml_predict_from('{3,4}', 'books', weights => '{1}')$$);
SELECT refused($$SELECT * FROM uiml_predict_from('{3,4}', 'books', weights => '{1,-1}')$$);
SELECT refused($$SELECT * FROM uiml_predict_from('{3,4}', 'books', weights => '{1,NaN}')$$);

SELECT refused($$SELECT * FROM uiml_predict_from('{3,4}', 'books', weights => '{1e30,1e30}')$$);
SELECT bool_or(score = 'NaN') AS nan FROM uiml_predict_from('{3,4}', 'books', weights => '{4e29,4e29}');
SELECT bool_or(score = 'NaN') AS nan, count(*) FROM uiml_recommend_from('{3,4}', 'books', weights => '{4e29,4e29}');
SELECT bool_or(score = 'NaN') AS nan, count(*) FROM uiml_recommend_from('{3,4}', 'books', weights => '{1e-40,0}');

-- All users, in one statement, as one by one; rows that spill to disk.
SET work_mem = '64kB';
SELECT count(*) AS rows, count(DISTINCT user_id) AS users FROM uiml_predict_all('shop', 10000);
RESET work_mem;
SELECT count(*) FROM (
	SELECT user_id, rank, interest_id, score, low, high, basis, basis_share FROM uiml_predict_all('shop', 3)
	EXCEPT
	SELECT u.user_id::text, p.rank, p.interest_id, p.score, p.low, p.high, p.basis, p.basis_share
	FROM shop_users u, LATERAL uiml_predict(u.user_id, 'shop', 3) p) differing;
SELECT array_agg(DISTINCT domain ORDER BY domain) FROM uiml_predict_all(k => 1);
SELECT refused($$SELECT * FROM uiml_predict_all('shop', 0)$$);

-- The interests themselves.
SELECT count(*), abs(sum(share) - 1) < 1e-5 AS sums, sum(items) AS items, bool_and(label <> '' AND cardinality(terms) > 0 AND cardinality(typical) > 0) AS told
FROM uiml_interests('shop');

-- The planner knows how many rows there will be.
EXPLAIN SELECT * FROM uiml_predict(7, 'shop', 3);
EXPLAIN SELECT * FROM uiml_predict(7, k => 4);
EXPLAIN SELECT * FROM uiml_predict_from('{3}', 'books', 7);

-- Rights: without a grant nothing is told; with one, the domain answers; a revoked one is refused in the same session.
CREATE ROLE regress_uiml_reader;
SET ROLE regress_uiml_reader;
SELECT refused($$SELECT * FROM uiml_predict(7)$$);
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
SELECT refused($$SELECT * FROM uiml_interests('shop')$$);
SELECT refused($$SELECT * FROM uiml_predict_all('shop')$$);
SELECT refused($$SELECT * FROM uiml_predict_from('{item-03}', 'shop')$$);
RESET ROLE;
SELECT uiml_grant('shop', 'regress_uiml_reader', 'predict');
SET ROLE regress_uiml_reader;
SELECT domain, rank FROM uiml_predict(7, k => 1);
SELECT domain, rank FROM uiml_predict_from('{item-03}', k => 1);
SELECT count(*) > 0 AS told FROM uiml_interests('shop');
SELECT count(*) > 0 AS told FROM uiml_predict_all('shop');
SELECT refused($$SELECT * FROM uiml_predict(7, 'books')$$);
RESET ROLE;
SELECT uiml_revoke('shop', 'regress_uiml_reader');
SET ROLE regress_uiml_reader;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
RESET ROLE;

-- What an owner wrote into the catalog by hand runs no code of his and crosses no bounds.
BEGIN;
ALTER TABLE shop_users_versions RENAME COLUMN interests TO other;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
ROLLBACK;
BEGIN;
UPDATE shop_users_versions SET interests = '[1,2]';
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
ROLLBACK;
BEGIN;
UPDATE uiml.version SET interests = interests + 1;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
ROLLBACK;
BEGIN;
UPDATE uiml.version SET interests = interests - 1;
SELECT refused($$SELECT * FROM uiml_predict_from('{item-03}', 'shop')$$);
ROLLBACK;
BEGIN;
UPDATE uiml.version SET dims = dims - 1;
SELECT refused($$SELECT * FROM uiml_predict_from('{item-03}', 'shop')$$);
ROLLBACK;
BEGIN;
CREATE VIEW trap AS SELECT * FROM shop_users_versions;
UPDATE uiml.version SET users_table = 'trap' WHERE users_table = 'shop_users_v1'::regclass;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
ROLLBACK;
BEGIN;
ALTER TABLE shop_users_v1 ENABLE ROW LEVEL SECURITY;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
ROLLBACK;
BEGIN;
UPDATE uiml.version SET alpha = 0;
SELECT refused($$SELECT * FROM uiml_predict(7, 'shop')$$);
ROLLBACK;
SELECT count(*) FROM uiml_predict(7, 'shop');

DROP ROLE regress_uiml_reader;
