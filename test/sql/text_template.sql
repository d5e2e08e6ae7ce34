--
-- text_template
--	  The text of an item from several columns: literal text, parts that may be missing, arrays.
--
CREATE EXTENSION uiml;
SET client_min_messages = warning;
CREATE TABLE films (film_id integer PRIMARY KEY, title text, tags varchar[], year text);
INSERT INTO films
SELECT i, 'film ' || i % 20,
	CASE i % 4 WHEN 0 THEN '{war,sea battle}' WHEN 1 THEN '{love,NULL}' WHEN 2 THEN '{}' END::varchar[],
	CASE WHEN i % 3 > 0 THEN (1990 + i % 4)::text END
FROM generate_series(1, 60) i;
CREATE TABLE views AS
SELECT u AS user_id, 1 + (u * 7 + k * 4 + (k * k * u) % 3 * 4) % 48 AS film_id
FROM generate_series(1, 60) u, generate_series(1, 8) k;
SELECT uiml_create_domain('film', 'views', items => 'films', item_text => '{title,tags,year}',
	features => 'text', options => '{"encoder": "hash"}');

-- What an item's text is shows in its vector: the encoder's of the text that is expected.
CREATE FUNCTION texts_are(expected text) RETURNS TABLE (items bigint, alike bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM uiml_train('film');
	RETURN QUERY EXECUTE format('SELECT count(*), count(*) FILTER (WHERE
		(i.in_vector <=> uiml_embed(%s, ''hash'')) < 1e-6) FROM film_items i JOIN films f ON f.film_id = i.item_id', expected);
END $$;

-- Without a template, all columns with a blank between them, elements of arrays with commas.
SELECT * FROM texts_are($$concat_ws(' ', f.title, array_to_string(f.tags, ', '), f.year)$$);

-- Literal text stays; a part in brackets goes where none of its columns has a value.
SELECT uiml_alter_domain('film', options => '{"encoder": "hash", "text_template": "{title}[ of year {year}]. Genres: {tags}"}');
SELECT * FROM texts_are($$f.title || coalesce(' of year ' || f.year, '') || '. Genres: ' || coalesce(array_to_string(f.tags, ', '), '')$$);
SELECT uiml_alter_domain('film', options => '{"encoder": "hash", "text_template": "The [genres {tags} year {year} of ]{title}, {title}"}');
SELECT * FROM texts_are($$'The ' || CASE WHEN coalesce(array_to_string(f.tags, ', '), '') || coalesce(f.year, '') <> ''
	THEN 'genres ' || coalesce(array_to_string(f.tags, ', '), '') || ' year ' || coalesce(f.year, '') || ' of ' ELSE '' END
	|| f.title || ', ' || f.title$$);

-- Quotes and backslashes are text; a brace or bracket that is meant is written twice.
SELECT uiml_alter_domain('film', options => '{"encoder": "hash", "text_template": "it''s {{a}} \\n $1 [[b]] %s {title}"}');
SELECT * FROM texts_are($$'it''s {a} \n $1 [b] %s ' || f.title$$);

-- Where no column of the template has a value there is no text, whatever literals say.
SELECT uiml_alter_domain('film', features => 'hybrid', options => '{"text_template": "Year {year}"}');
SELECT FROM uiml_train('film');
SELECT count(*) = (SELECT count(DISTINCT film_id) FROM (SELECT film_id FROM views UNION SELECT film_id FROM films
	WHERE year IS NOT NULL) x) AS items FROM film_items;

-- Encoders are trained on the same texts, and the title is the first column of item_text.
SELECT texts, features FROM uiml_train_encoder('film', 'hash', 16, name => 'years');
SELECT bool_and(title = 'film ' || item_id % 20) AS titles FROM film_items;

-- Texts on the events have templates, too; the first column may be an array.
CREATE TABLE tagged AS SELECT v.*, f.title, f.tags FROM views v JOIN films f USING (film_id);
SELECT uiml_create_domain('tagged', 'tagged', item_col => 'film_id', text_cols => '{tags,title}', features => 'text',
	options => '{"encoder": "hash", "text_template": "{title}: {tags}"}');
SELECT FROM uiml_train('tagged');
SELECT count(*) > 40 AS items, bool_and((i.in_vector <=> uiml_embed(f.title || ': ' || coalesce(array_to_string(f.tags, ', '), ''),
	'hash')) < 1e-6) AS alike, bool_and(i.title = coalesce(array_to_string(f.tags, ', '), '')) IS NOT FALSE AS titles
FROM tagged_items i JOIN films f ON f.film_id = i.item_id;

-- What is no template, and columns that there are not.



DO $$
DECLARE
	template text;
	code text; message text; detail text; hint text;
BEGIN
	FOREACH template IN ARRAY ARRAY['', 'title', '{title', 'title}', '{}', '{title} [', '{title} ]', '[{title} [{year}]]',
		'{title} [and]', '{titel}', '[{title}{Year}]']
	LOOP
		BEGIN
			PERFORM uiml_alter_domain('film', options => jsonb_build_object('text_template', template));
			RAISE EXCEPTION 'no error for %', template;
		EXCEPTION WHEN invalid_parameter_value OR undefined_column THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
				hint = PG_EXCEPTION_HINT;
			RAISE WARNING '"%": % % | % | %', template, code, message, detail, hint USING ERRCODE = '01000';
		END;
	END LOOP;
END $$;

SELECT uiml_alter_domain('film', item_text => '{year}', options => '{"text_template": "{title}"}');
SELECT uiml_alter_domain('film', item_text => '{title}', options => '{"text_template": 1}');

-- A template that was written into the catalog by hand is read with the same care, or not at all.
UPDATE uiml.domain SET options = '{"text_template": "{film_id}"}' WHERE name = 'film';
SELECT FROM uiml_train('film');
UPDATE uiml.domain SET options = '{"text_template": "{title"}' WHERE name = 'film';
SELECT FROM uiml_train('film');
DROP EXTENSION uiml CASCADE;
