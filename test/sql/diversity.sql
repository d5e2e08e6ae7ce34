-- Diverse recommendations: 400 users with mostly one of eight groups of twenty items; 4 of 14 things hidden.
SET client_min_messages = warning;
CREATE EXTENSION uiml;
CREATE TABLE done AS
	SELECT u AS user_id, 20 * ((CASE WHEN hashint8(u * 100 + e) & 3 < 3 THEN u ELSE u / 8 + 1 + u END) % 8)
			+ floor(20 * power((hashint8(u * 1000 + e * 7) & 65535) / 65536.0, 1.5))::integer AS item_id, e AS n
	FROM generate_series(1, 400) u, generate_series(1, 14) e;
CREATE TABLE seen_events AS SELECT DISTINCT user_id, item_id FROM done WHERE n > 4;
CREATE TABLE hidden AS SELECT user_id, array_agg(DISTINCT item_id::text) AS items FROM done d
	WHERE n <= 4 AND NOT EXISTS (SELECT FROM seen_events s WHERE s.user_id = d.user_id AND s.item_id = d.item_id) GROUP BY user_id;
SELECT FROM uiml_train('seen', 'seen_events', dims => 16, interests => 8);
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''));
END $$;

-- How alike items are: V sigma
CREATE TABLE places AS SELECT item_id::text AS item_id, item_id / 20 AS in_group, in_vector * (SELECT sigma::interest_vector FROM uiml.version WHERE domain = 'seen' AND active) AS place FROM seen_items;

-- The more diverse, the less alike and the more groups; what is found falls gently at first
CREATE TABLE judged AS
	SELECT diversity, avg(recall) AS recall, avg(similarity) AS similarity, avg(groups) AS groups, avg(total) AS total FROM (
		SELECT diversity, uiml_recall(array_agg(r.item_id ORDER BY rank), h.items, 10) AS recall,
			uiml_intra_list_similarity(array_agg(place)) AS similarity, count(DISTINCT in_group) AS groups, sum(score) AS total
		FROM hidden h, unnest('{0,.1,.2,.3,.5,.7,1}'::float8[]) diversity, uiml_recommend(user_id, 'seen', 10, diversity => diversity) r
			JOIN places USING (item_id)
		GROUP BY diversity, user_id, h.items) l
	GROUP BY diversity;
SELECT j.diversity, j.similarity < lag(j.similarity) OVER o AS less_alike, j.groups >= least(lag(j.groups) OVER o, 7.5) AS more_groups, j.total < lag(j.total) OVER o AS lower_scores,
	j.recall > CASE WHEN j.diversity <= .1 THEN .95 WHEN j.diversity <= .2 THEN .85 WHEN j.diversity <= .3 THEN .6 END * none.recall AS gently,
	j.similarity < .85 * none.similarity AS much_less
	FROM judged j, (SELECT * FROM judged WHERE diversity = 0) none WINDOW o AS (ORDER BY j.diversity) ORDER BY j.diversity;

-- Without diversity nothing changes; with it a row's score, interval and basis stay what they are, the rank is the place in the list
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ FROM generate_series(1, 20) u,
	LATERAL (SELECT (SELECT array_agg(r::text) FROM uiml_recommend(u, 'seen') r) AS a, (SELECT array_agg(r::text) FROM uiml_recommend(u, 'seen', diversity => 0) r) AS b) l;
SELECT count(*), bool_and((d.score, d.low, d.high, d.basis, d.basis_share) = (r.score, r.low, r.high, r.basis, r.basis_share)) AS same,
	bool_or(d.rank <> r.rank) AS moved, array_agg(d.rank ORDER BY d.rank) = ARRAY(SELECT generate_series(1, 10)) AS ranked, min(r.rank) FILTER (WHERE d.rank = 1) AS best_first
	FROM uiml_recommend(7, 'seen', 10, diversity => .4) d JOIN uiml_recommend(7, 'seen', 1000) r USING (item_id);

-- It is uiml_mmr over the best hundred, relevance being the share over the highest (float and double may break a tie otherwise)
WITH best AS (
	SELECT u, array_agg(item_id ORDER BY rank) AS items, array_agg(score / top ORDER BY rank) AS relevance, array_agg(place ORDER BY rank) AS places
	FROM generate_series(1, 60) u, LATERAL (SELECT *, max(score) OVER () AS top FROM uiml_recommend(u, 'seen', 100)) r JOIN places USING (item_id) GROUP BY u)
SELECT count(*), count(*) FILTER (WHERE ARRAY(SELECT item_id FROM uiml_recommend(u, 'seen', 8, diversity => .3) ORDER BY rank)
	= ARRAY(SELECT items[p] FROM unnest(uiml_mmr(relevance, places, .7, 8)) WITH ORDINALITY m (p, n) ORDER BY n)) >= 58 AS same FROM best;

-- Of a history; with candidates; all items; somebody unknown
SELECT count(*), count(DISTINCT item_id), bool_or(item_id = '3') AS seen FROM uiml_recommend_from('{3,4,5}', 'seen', 10, diversity => .5);
SELECT array_agg(item_id ORDER BY item_id) AS items FROM uiml_recommend(7, 'seen', 10, false, ARRAY[1, 2, 150], diversity => 1);
SELECT count(*), count(DISTINCT item_id) AS different FROM uiml_recommend('7', 'seen', 10000, false, diversity => .9);
SELECT count(DISTINCT in_group) > 5 AS many_groups, max(basis) AS basis FROM uiml_recommend(-1, 'seen', 10, diversity => .9) JOIN places USING (item_id);
SELECT count(*) FROM uiml_recommend(7, 'seen', candidates => '{}', diversity => .5);

-- Mistakes
SELECT refused($$SELECT * FROM uiml_recommend(7, 'seen', diversity => 1.5)$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'seen', diversity => -0.1)$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'seen', diversity => 'NaN')$$);
SELECT refused($$SELECT * FROM uiml_recommend(7, 'seen', diversity => NULL)$$);
SELECT refused($$SELECT * FROM uiml_recommend_from('{3}', 'seen', diversity => 2)$$);

-- A reader sees what the catalog lets him; singular values that no training wrote are refused
CREATE ROLE regress_uiml_reader;
SELECT uiml_grant('seen', 'regress_uiml_reader', 'predict');
SET ROLE regress_uiml_reader;
SELECT count(*) FROM uiml_recommend(7, 'seen', 5, diversity => .5);
RESET ROLE;
SELECT uiml_revoke('seen', 'regress_uiml_reader');
UPDATE uiml.version SET sigma = '{1,2,3}' WHERE domain = 'seen' AND active;
\c -
SET client_min_messages = warning;
SELECT refused($$SELECT * FROM uiml_recommend(7, 'seen', diversity => .5)$$);
SELECT count(*) FROM uiml_recommend(7, 'seen');
UPDATE uiml.version SET sigma = array_fill('NaN'::float8, ARRAY[dims]) WHERE domain = 'seen' AND active;
SELECT refused($$SELECT * FROM uiml_recommend(7, 'seen', diversity => .5)$$);
DROP ROLE regress_uiml_reader;
