-- movielens-1m as two domains, by genre: psql -v data=FOLDER -f genres.sql makes the tables genre_source (action, adventure,
-- crime, ...) and genre_target (all others: drama, comedy, romance, ...) of (user_id, item_id).
\cd :data
CREATE TEMP TABLE genre_items (item_id integer PRIMARY KEY, title text, genres text);
CREATE TEMP TABLE genre_events (user_id integer, item_id integer);
\copy genre_items FROM 'items.csv' CSV HEADER
\copy genre_events FROM 'events.csv' CSV HEADER
CREATE TABLE genre_source AS SELECT user_id, item_id FROM genre_events JOIN genre_items USING (item_id)
	WHERE string_to_array(genres, '|') && '{Action,Adventure,Sci-Fi,Thriller,Crime,War,Western,Horror,Mystery,Film-Noir}';
CREATE TABLE genre_target AS SELECT user_id, item_id FROM genre_events e
	WHERE NOT EXISTS (SELECT FROM genre_items i WHERE i.item_id = e.item_id
		AND string_to_array(i.genres, '|') && '{Action,Adventure,Sci-Fi,Thriller,Crime,War,Western,Horror,Mystery,Film-Noir}');
