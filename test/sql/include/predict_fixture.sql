-- Four groups of users, four groups of ten items; each user does eight things in his own group and one elsewhere.
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
CREATE FUNCTION uuid_of(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('user ' || n)::uuid $$;
CREATE TABLE acts AS
	SELECT u AS user_id, 10 * (CASE WHEN e = 8 THEN u / 4 ELSE u END % 4) + (u * 7 + e * 3) % 10 AS item_no,
		timestamptz '2026-01-01 UTC' + u * interval '1 hour' + e * interval '1 day' AS at
	FROM generate_series(0, 79) u, generate_series(0, 8) e;
CREATE TABLE goods (item_id text PRIMARY KEY, title text);
INSERT INTO goods
	SELECT to_char(n, '"item-"FM00'), (ARRAY['garden', 'kitchen', 'cinema', 'music'])[n / 10 + 1] || ' ' || (ARRAY['rose', 'lamp', 'story', 'tune', 'oven'])[n % 5 + 1]
	FROM generate_series(0, 39) n;

CREATE TABLE shop_events AS SELECT user_id, to_char(item_no, '"item-"FM00') AS item_id, at AS created_at FROM acts;
CREATE TABLE books_events AS SELECT uuid_of(user_id) AS user_id, item_no AS item_id FROM acts;
CREATE TABLE notes_events AS SELECT 'user ' || user_id AS user_id, item_no::bigint AS item_id FROM acts;
CREATE TABLE days_events AS SELECT date '2020-01-01' + user_id AS user_id, item_no AS item_id FROM acts;
CREATE TABLE fresh_events AS SELECT * FROM shop_events;

SELECT FROM uiml_create_domain('fresh', 'fresh_events');
SELECT FROM uiml_train('shop', 'shop_events', items => 'goods', item_key => 'item_id', item_text => '{title}', dims => 8, interests => 4);
SELECT FROM uiml_train('books', 'books_events', dims => 8, interests => 4);
SELECT FROM uiml_train('notes', 'notes_events', dims => 8, interests => 4);
SELECT FROM uiml_train('days', 'days_events', dims => 8, interests => 4);
