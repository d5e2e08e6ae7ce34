# Every function that a client can call, with extreme arguments, by a role without privileges: errors have a user's SQLSTATE,
# come within a second, and the connection lives.  The calls are generated from pg_proc, so a new function is tried as well.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('extremes');
$node->init;
$node->append_conf('postgresql.conf', "client_min_messages = error\nlog_min_messages = fatal\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION uiml;
CREATE ROLE somebody;
GRANT ALL ON DATABASE postgres TO somebody;
CREATE SCHEMA try AUTHORIZATION somebody;
CREATE TABLE public.secret (user_id int, item_id int);
SET ROLE somebody;
SET search_path = try, public;
CREATE TABLE events (user_id int, item_id int, ts timestamptz, kind text);
INSERT INTO events SELECT u, i, timestamptz '2025-01-01 UTC' + (u * 20 + i) * interval '1 hour', 'view'
FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 7 + i * 3) % 4 < 2 AND u % 2 = i % 2;
CREATE INDEX events_index ON events (user_id);
CREATE VIEW seen AS SELECT * FROM events;
CREATE VIEW failing AS SELECT 1 / (user_id - user_id) AS user_id, item_id FROM events;
CREATE TABLE empty () ;
CREATE TABLE parted (user_id int, item_id int) PARTITION BY LIST (user_id);
CREATE TABLE doc (user_id xml, item_id json, ts point);
CREATE SEQUENCE numbers;
CREATE TYPE pair AS (user_id int, item_id int);
CREATE AGGREGATE state(interest_vector) (SFUNC = interest_vector_accum, STYPE = uiml_vector_state);
CREATE AGGREGATE state(interest_vector, float8) (SFUNC = interest_vector_weighted_accum, STYPE = uiml_vector_state);
CREATE AGGREGATE state(interest_vector, float8, timestamptz, interval) (SFUNC = interest_vector_decay_accum, STYPE = uiml_vector_state);
-- transition functions as aggregates, so that they get past the check of their context
CREATE AGGREGATE combine(uiml_vector_state) (SFUNC = interest_vector_combine, STYPE = uiml_vector_state);
CREATE AGGREGATE combine(uiml_pass_state) (SFUNC = uiml_pass_combine, STYPE = uiml_pass_state);
CREATE AGGREGATE combine(uiml_kmeans_state) (SFUNC = uiml_kmeans_combine, STYPE = uiml_kmeans_state);
CREATE AGGREGATE combine(uiml_ward_state) (SFUNC = uiml_ward_combine, STYPE = uiml_ward_state, FINALFUNC = uiml_ward_final);
CREATE AGGREGATE combine(uiml_transfer_state) (SFUNC = uiml_transfer_combine, STYPE = uiml_transfer_state, FINALFUNC = uiml_transfer_final);
CREATE AGGREGATE combine(transfer_stats) (SFUNC = uiml_transfer_merge_accum, STYPE = transfer_stats, FINALFUNC = uiml_transfer_merge_final);
CREATE AGGREGATE combine(uiml_logistic_state) (SFUNC = uiml_logistic_combine, STYPE = uiml_logistic_state);
CREATE AGGREGATE transfer_state(interest_vector, interest_vector, float8, transfer_matrix, text) (SFUNC = uiml_transfer_accum, STYPE = uiml_transfer_state);
CREATE AGGREGATE ward_state(interest_vector, float8, float8) (SFUNC = uiml_ward_accum, STYPE = uiml_ward_state);
-- bytes in the machine's order, and as the core packs them: a user with an event of an item, and jobs of passes
CREATE FUNCTION le(bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg(substr(bytes, i, 1), '' ORDER BY i DESC) FROM generate_series(1, length(bytes)) i $$;
CREATE FUNCTION packed(item bigint, weight real DEFAULT 1) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT '\x75766576010000001800000001000000'::bytea || le(substr(int8send(item), 5)) || le(float4send(weight)) $$;
CREATE FUNCTION job(kind int, n_items bigint, width bigint, floats real[] DEFAULT '{}', scale float8 DEFAULT 1) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT '\x6d767031'::bytea || le(int4send(kind)) || le(int8send(n_items)) || le(int8send(width)) || le(int8send(0))
		|| le(float8send('-Infinity')) || le(float8send('Infinity')) || le(float8send(0)) || le(float8send(1)) || le(float8send(0)) || le(float8send(scale))
		|| coalesce((SELECT string_agg(le(float4send(f)), '' ORDER BY n) FROM unnest(floats) WITH ORDINALITY u (f, n)), '') $$;
CREATE DOMAIN small AS int CHECK (VALUE < 10);
SELECT FROM uiml_train('shop', 'events', dims => 4, interests => 2);
SELECT FROM uiml_train_sequence('shop', epochs => 1);
SELECT FROM uiml_train_sequence('shop', 'item', epochs => 1);
-- files of sequence models, and what spoils them: cut, other tensors and shapes (of the same length), and bytes of weights
CREATE TABLE exported AS SELECT uiml_export_sequence('shop') AS data;
CREATE FUNCTION spoiled(one text, other text) RETURNS bytea LANGUAGE sql STABLE AS $$
	SELECT overlay(data PLACING other::bytea FROM position(one::bytea IN data)) FROM exported $$;
CREATE FUNCTION filled(value real) RETURNS bytea LANGUAGE sql STABLE AS $$
	SELECT substr(data, 1, length(data) - 400) || decode(repeat(encode(le(float4send(value)), 'hex'), 100), 'hex') FROM exported $$;

-- By type: the first value is an ordinary one, which the other arguments keep while one is varied.
CREATE TABLE extreme (type regtype, n serial, value text);
INSERT INTO extreme (type, value)
SELECT t::regtype, v FROM (VALUES
	('text', ARRAY[$$'shop'$$, $$''$$, $$'users'$$, $$'time'$$, $$'predict'$$, $$'no such'$$, $$'.'$$, $$'somebody.shop'$$, $$'a.b.c'$$, $$'public'$$,
		$$'quo"te''s \'$$, $$E'line\nend %s %n'$$, $$repeat('x', 63)$$, $$repeat(U&'\00e9', 20)$$, $$repeat('9', 100000)$$, $$'-2147483649'$$, $$'behaviour'$$, $$'cosine'$$, $$'l2'$$, $$'lsa'$$, $$'hash'$$,
		$$'relaxed'$$, $$'text'$$]),
	('name', ARRAY[$$'user_id'$$, $$''$$, $$'item_id'$$, $$'ts'$$, $$'ctid'$$, $$'xmin'$$, $$'no such'$$, $$'public'$$, $$'somebody'$$, $$'pg_catalog'$$, $$'quo"te''s \'$$,
		$$repeat('x', 63)$$]),
	('integer', ARRAY['1', '0', '-1', '2', '20', '2147483647', '-2147483648']),
	('bigint', ARRAY['1', '0', '-9223372036854775808', '9223372036854775807']),
	('boolean', ARRAY['true', 'false']),
	('double precision', ARRAY['0.5', '0', '-0.0', '-1', '1', '1e308', '-1e308', '5e-324', $$'NaN'$$, $$'Infinity'$$, $$'-Infinity'$$]),
	('oid', ARRAY['0', '4294967295', '23']),
	('cstring', ARRAY[$$'[1,2,3]'$$, $$''$$, $$'['$$, $$'[1e39]'$$, $$'[nan]'$$, $$repeat('[', 100000)::cstring$$, $$('[' || repeat('1,', 16000) || '1]')::cstring$$,
		$$(SELECT uiml_vector_state_out(state('[1,2]'::interest_vector)))$$, $$(SELECT uiml_pass_state_out(uiml_pass(1, packed(0), job(2, 1, 2, ARRAY[1, 2]))))$$,
		$$(SELECT uiml_kmeans_state_out(uiml_kmeans_pass('[1,2]', 1, '{"[1,2]"}', 'l2')))$$, $$(SELECT uiml_ward_state_out(ward_state('[1,2]', 1, 1)))$$]),
	('cstring[]', ARRAY[$$'{3}'$$, $$'{}'$$, $$'{0}'$$, $$'{NULL}'$$, $$'{1,2}'$$, $$'{99999999999}'$$, $$'{{1},{2}}'$$]),
	('interest_vector', ARRAY[$$'[1,2,3]'$$, $$'[0,0,0]'$$, $$'[3e38,3e38,3e38]'$$, $$'[-3e38,3e38,1e-45]'$$, $$'[1]'$$, $$array_fill(1::real, '{16000}')::interest_vector$$]),
	('uiml_vector_state', ARRAY[$$(SELECT state('[1,2,3]'::interest_vector))$$, $$(SELECT state('[3e38,3e38,3e38]'::interest_vector))$$, $$(SELECT state('[1]'::interest_vector))$$,
		$$(SELECT state('[1,2,3]'::interest_vector, 1e308))$$, $$(SELECT state('[1,2,3]'::interest_vector, 1, '4713-01-01 BC', '1 day'))$$,
		$$(SELECT state('[1,2,3]'::interest_vector, 1, '2000-01-01', '1 microsecond'))$$, $$(SELECT state(NULL::interest_vector))$$]),
	('bytea', ARRAY['packed(0)', 'job(1, 3, 0)', 'packed(2)', 'packed(4294967295)', $$packed(0, 'NaN')$$, 'packed(0, 3e38)', $$'\x'$$, $$'\x75766576'$$, 'job(1, 4294967295, 0)',
		'job(1, 9223372036854775807, 0)', 'job(2, 1, 2, ARRAY[1, 2])', 'job(2, 1, 2, ARRAY[3e38, -3e38], 1e-300)', $$job(2, 1, 2, ARRAY['NaN'::real, 'Infinity'])$$, 'job(2, 1, 3, ARRAY[1, 2])',
		'job(3, 1, 2, ARRAY[1, 2])', 'job(3, 0, 4294967296)', 'job(3, 0, 0)', 'job(4, 1, 3, ARRAY[0])', 'job(4, 0, 9223372036854775807)', 'job(5, 1, 1)', $$job(1, 3, 0, scale => 'NaN')$$, 'job(1, 3, 0, scale => 0)']),
	('uiml_pass_state', ARRAY['(SELECT uiml_pass(1, packed(0), job(1, 3, 0)))', '(SELECT uiml_pass(1, packed(0), job(1, 1, 0)))', '(SELECT uiml_pass(1, packed(0), job(2, 1, 2, ARRAY[3e38, 1])))',
		'(SELECT uiml_pass(1, packed(0), job(3, 1, 2, ARRAY[1, 2])))', '(SELECT uiml_pass(1, packed(0), job(4, 1, 3, ARRAY[0])))', 'NULL']),
	('uiml_kmeans_state', ARRAY[$$(SELECT uiml_kmeans_pass('[1,2]', 1, '{"[1,2]","[3,4]"}', 'l2'))$$, $$(SELECT uiml_kmeans_pass('[1,2]', 1e308, '{"[1,2]","[3,4]"}', 'l2'))$$,
		$$(SELECT uiml_kmeans_pass('[1,2]', 1, '{"[1,2]","[3,4]"}', 'cosine'))$$, $$(SELECT uiml_kmeans_pass('[1]', 1, '{"[1e18]"}', 'l2'))$$, $$(SELECT uiml_kmeans_pass(NULL, 1, '{"[1]"}', 'l2'))$$]),
	('uiml_ward_state', ARRAY[$$(SELECT ward_state('[1,2]', 1, 1))$$, $$(SELECT ward_state('[1,2]', 1e308, 1))$$, $$(SELECT ward_state('[3e38,-3e38]', 1, 1))$$, $$(SELECT ward_state('[1]', 1, 'Infinity'))$$,
		$$(SELECT ward_state('[1,2]', 1, 1) FROM generate_series(1, 600))$$, $$(SELECT ward_state(ARRAY[i, i % 7]::real[]::interest_vector, i, 1) FROM generate_series(1, 600) i)$$]),
	('transfer_matrix', ARRAY[$$'[[1,0,0],[0,1,0],[0,0,1]]'$$, $$'[[1,2],[3,4],[5,6]]+[1,2]'$$, $$'[[0,0,0],[0,0,0],[0,0,0]]+[0,0,0]'$$, $$'[[1.7e308,-1.7e308,1e-320],[1,1,1],[1,1,1]]+[1e308,1e308,-1e308]'$$, $$'[[1]]'$$,
		$$array_fill(1::float8, '{300,300}')::transfer_matrix$$]),
	('transfer_stats', ARRAY[$$(SELECT uiml_transfer_stats(ARRAY[i, sin(i), cos(i)], ARRAY[i % 3, i % 5, cos(i * i)]) FROM generate_series(1, 50) i)$$, $$(SELECT uiml_transfer_stats('{1,2,3}'::float8[], '{1,2,3}'::float8[]))$$,
		$$(SELECT uiml_transfer_stats(ARRAY[i, i, i]::float8[], ARRAY[1e150 * i, 0, -1e150 * i]::float8[]) FROM generate_series(1, 3) i)$$, $$(SELECT uiml_transfer_stats(ARRAY[i * 1e-300, 1e-300, 1e-300]::float8[], '{1,2,3}'::float8[], 1e150) FROM generate_series(1, 3) i)$$,
		$$(SELECT s - s FROM (SELECT uiml_transfer_stats('{1,2,3}'::float8[], '{1,2,3}'::float8[]) s) t)$$, $$(SELECT uiml_transfer_stats('{1}'::float8[], '{1,2}'))$$,
		$$(SELECT uiml_transfer_stats(array_fill(i::float8, '{200}'), array_fill(sin(i), '{200}')) FROM generate_series(1, 3) i)$$]),
	('uiml_transfer_state', ARRAY[$$(SELECT transfer_state('[1,2,3]', '[1,2,3]', 0.5, NULL, 'squared'))$$, $$(SELECT transfer_state('[1,2,3]', '[1,2,3]', 0, NULL, 'squared'))$$,
		$$(SELECT transfer_state('[1,2,3]', '[1,2,3]', 'Infinity', '[[1,1,1],[1,1,1],[1,1,1]]', 'cosine'))$$, $$(SELECT transfer_state('[3e38,-3e38,0]', '[3e38,3e38,3e38]', NULL, NULL, 'squared') FROM generate_series(1, 600))$$,
		$$(SELECT transfer_state('[1,2,3]', '[1,2,3]', 0.5, NULL, 'cross_entropy'))$$, $$(SELECT transfer_state('[3e38,-3e38,3e38]', '[3e38,3e38,0]', 1e-300, NULL, 'cross_entropy') FROM generate_series(1, 50))$$,
		$$(SELECT transfer_state('[1]', '[1,2]', 1e300, '[[1e308,-1e308]]', 'cross_entropy'))$$, $$(SELECT transfer_state('[1,2,3]', '[0,0,0]', NULL, NULL, 'cross_entropy'))$$]),
	('uiml_logistic_state', ARRAY[$$(SELECT uiml_logistic_pass('[1,2,3]', '[1,2,3]', '[[1,0,0],[0,1,0],[0,0,1]]+[0,0,0]'))$$, $$(SELECT uiml_logistic_pass('[1,2,3]', '[0,0,0]', '[[1,0,0],[0,1,0],[0,0,1]]+[0,0,0]'))$$,
		$$(SELECT uiml_logistic_pass('[3e38,-3e38,3e38]', '[3e38,3e38,0]', '[[1,0,0],[0,1,0],[0,0,1]]+[0,0,0]') FROM generate_series(1, 50))$$, $$(SELECT uiml_logistic_pass('[1]', '[1,2]', '[[1,0]]+[0,0]'))$$]),
	('transfer_stats[]', ARRAY[$$(SELECT array_agg(s) FROM (SELECT uiml_transfer_stats(ARRAY[i, sin(i), cos(i)], ARRAY[i % 3, i % 5, cos(i * i)]) s FROM generate_series(1, 50) i GROUP BY i % 5) t)$$, $$'{}'$$, $$'{NULL}'$$,
		$$(SELECT array_agg(s) FROM (SELECT uiml_transfer_stats('{1,2,3}'::float8[], '{1,2,3}'::float8[]) s FROM generate_series(1, 2) i GROUP BY i) t)$$,
		$$(SELECT ARRAY[uiml_transfer_stats('{1}'::float8[], '{1}'), uiml_transfer_stats('{1,2}'::float8[], '{1}')])$$,
		$$(SELECT ARRAY[[uiml_transfer_stats('{1}'::float8[], '{1}')], [uiml_transfer_stats('{2}'::float8[], '{1}')]])$$]),
	('transfer_matrix[]', ARRAY[$$'{"[[1,0,0],[0,1,0],[0,0,1]]","[[1,0,0],[0,1,0],[0,0,1]]"}'$$, $$'{}'$$, $$'{NULL}'$$, $$'{"[[1]]","[[1,2]]"}'$$, $$'{{"[[1]]"},{"[[1e308]]"}}'$$]),
	('interest_vector[]', ARRAY[$$'{"[1,2,3]","[3,2,1]"}'$$, $$'{}'$$, $$'{NULL}'$$, $$'{"[1,2,3]",NULL}'$$, $$'{"[1]","[1,2]"}'$$, $$'{{"[1,2,3]"},{"[3,2,1]"}}'$$, $$'[5:6]={"[1,2,3]","[0,0,0]"}'$$,
		$$'{"[3e38,3e38,3e38]","[-3e38,-3e38,-3e38]"}'$$, $$'{"[1e-45,1e-45,1e-45]"}'$$, $$(SELECT array_agg(ARRAY[i, i % 7, 1]::real[]::interest_vector) FROM generate_series(1, 5000) i)$$,
		$$ARRAY[array_fill(1::real, '{16000}')::interest_vector, array_fill(2::real, '{16000}')::interest_vector]$$]),
	('boolean[]', ARRAY[$$'{t,f}'$$, $$'{}'$$, $$'{NULL}'$$, $$'{t}'$$, $$'{{t,f}}'$$, $$'{t,NULL}'$$, $$(SELECT array_agg(i % 2 = 0) FROM generate_series(1, 20000) i)$$]),
	('interval', ARRAY[$$'1 day'$$, $$'0'$$, $$'-1 day'$$, $$'178000000 years'$$, $$'-178000000 years'$$, $$'1 microsecond'$$, $$'1 month -30 days'$$]),
	('timestamptz', ARRAY[$$'2026-01-01'$$, $$'infinity'$$, $$'-infinity'$$, $$'294276-12-31'$$, $$'4713-01-01 BC'$$]),
	('jsonb', ARRAY[$$'{}'$$, $$'null'$$, $$'[]'$$, $$'1'$$, $$'"x"'$$, $$'{"view": 1e400}'$$, $$'{"view": 1e39}'$$, $$'{"view": -1}'$$, $$'{"view": {"a": [1]}}'$$, $$'{"": 0}'$$, $$'{"view": 0}'$$,
		$$'{"seed": 1e300}'$$, $$'{"seed": 0.5}'$$, $$'{"seed": -9007199254740992}'$$, $$'{"row_scale": 1, "col_scale": 0}'$$, $$'{"row_scale": "1"}'$$,
		$$(SELECT jsonb_object_agg(i, i) FROM generate_series(1, 10000) i)$$]),
	('regclass', ARRAY[$$'events'$$, '0', '4294967295', $$'secret'$$, $$'pg_class'$$, $$'pg_authid'$$, $$'events_index'$$, $$'numbers'$$, $$'pair'$$, $$'seen'$$, $$'failing'$$, $$'empty'$$, $$'parted'$$,
		$$'doc'$$, $$'shop_users'$$, $$'shop_items_versions'$$, $$'uiml.version'$$, $$(SELECT reltoastrelid FROM pg_class WHERE oid = 'pg_proc'::regclass)::regclass$$]),
	('anyelement', ARRAY['1', 'NULL::int', $$'x'::"char"$$, '1e400', $$'NaN'::float8$$, $$''::name$$, $$'\x00'::bytea$$, $$'infinity'::timestamptz$$, $$'(1,2)'::point$$, $$'[1,2)'::int4range$$,
		$$'{{1}}'::int[]$$, 'ROW(1, 2)', '(1, 2)::pair', '1::small', $$'pg_class'::regclass$$, $$'{"a": 1}'::json$$, $$repeat('x', 1000000)::varchar$$, $$'1'::char(1000)$$, $$'1'::bit(3)$$,
		$$'00000000-0000-0000-0000-000000000000'::uuid$$, $$'[1]'::interest_vector$$, '-9223372036854775808'])) x (t, vs), unnest(vs) v;
-- arrays of what there is for elements, and shapes
INSERT INTO extreme (type, value)
SELECT t::regtype, v FROM unnest('{integer[],real[],double precision[],numeric[],text[],name[]}'::text[]) t,
	unnest(ARRAY[$$'{1,2}'$$, $$'{}'$$, $$'{NULL}'$$, $$'{1,NULL}'$$, $$'{{1,2},{3,4}}'$$, $$'[5:6]={1,2}'$$, $$'{-1,0}'$$, $$'{2147483647,-2147483648}'$$]) v;
INSERT INTO extreme (type, value)
SELECT t::regtype, v FROM unnest('{real[],double precision[],numeric[]}'::text[]) t, unnest(ARRAY[$$'{NaN,1}'$$, $$'{1e38,1e38}'$$, $$'{1e-30}'$$]) v;
INSERT INTO extreme (type, value)
SELECT t::regtype, v FROM unnest('{real[],double precision[]}'::text[]) t, unnest(ARRAY[$$'{Infinity,-Infinity}'$$]) v;
INSERT INTO extreme (type, value)
SELECT t::regtype, v FROM unnest('{integer[],text[],real[]}'::text[]) t, unnest(ARRAY[$$(SELECT array_agg(i) FROM generate_series(1, 20000) i)$$]) v;
INSERT INTO extreme (type, value)
SELECT 'name[]'::regtype, v FROM unnest(ARRAY[$$'{user_id}'$$, $$'{kind}'$$, $$'{items}'$$, $$'{dims}'$$]) v;
INSERT INTO extreme (type, value)
SELECT 'anycompatiblearray'::regtype, v FROM unnest(ARRAY[$$'{1,2}'::int[]$$, $$'{}'::int[]$$, $$'{NULL}'::text[]$$, $$'{{1,2}}'::int[]$$, $$'[3:4]={1,2}'::bigint[]$$, $$'{1e400}'::numeric[]$$, $$'{"(1,2)"}'::pair[]$$,
	$$'{1}'::small[]$$, $$'{"[1]"}'::interest_vector[]$$, $$'{"{}"}'::json[]$$, $$'{x}'::name[]$$, $$'1 2'::int2vector::int2[]$$, $$(SELECT array_agg(i % 40) FROM generate_series(1, 20000) i)$$]) v;
INSERT INTO extreme (type, value)
SELECT 'bytea'::regtype, v FROM unnest(ARRAY['(SELECT data FROM exported)', '(SELECT substr(data, 1, length(data) - 1) FROM exported)',
	'(SELECT data || data FROM exported)', $$'\xffffffffffffff7f'$$, $$'\x0200000000000000'::bytea || '{}'$$, $$spoiled('"shape":[', '"shape":[9')$$,
	$$spoiled('"shape":[', '"shape":[0')$$, $$spoiled('data_offsets":[', 'data_offsets":[9')$$, $$spoiled('F32', 'F64')$$, $$spoiled('F32', 'BF1')$$,
	$$filled('NaN')$$, $$filled('Infinity')$$, 'filled(3e38)', 'filled(-3e38)', 'filled(-1)', 'filled(0)']) v;
-- a user and a history of any type
INSERT INTO extreme (type, value) SELECT 'anynonarray'::regtype, value FROM extreme WHERE type = 'anyelement'::regtype AND value !~ '\[\]' ORDER BY n;
INSERT INTO extreme (type, value) SELECT 'anyarray'::regtype, value FROM extreme WHERE type = 'anycompatiblearray'::regtype ORDER BY n;
INSERT INTO extreme (type, value) SELECT DISTINCT type, 'NULL' FROM extreme WHERE NOT type = ANY ('{anyarray,anynonarray}'::regtype[]);
INSERT INTO extreme (type, value) VALUES ('anyarray', 'NULL::text[]'), ('anynonarray', 'NULL::uuid');

CREATE FUNCTION attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
	code text := '00000';
	message text;
	elapsed interval;
BEGIN
	BEGIN
		EXECUTE 'SELECT count(x::text) FROM (' || call || ') s';
		RAISE 'undo' USING ERRCODE = 'UNDO0';
	EXCEPTION WHEN OTHERS THEN
		code := SQLSTATE;
		message := SQLERRM;
	END;
	elapsed := clock_timestamp() - started;
	IF code ~ '^(XX|58|53200)' THEN
		RETURN format('%s %s: %s', code, message, left(call, 300));
	END IF;
	IF elapsed > '1 s' THEN
		RETURN format('%s: %s', elapsed, left(call, 300));
	END IF;
	RETURN NULL;
END $$;

-- Cases of a function: each argument at each of its extremes and the others ordinary (left out where they have a default); all at their n-th.
CREATE FUNCTION cases(function oid) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	WITH p AS (SELECT *, pronargs - pronargdefaults AS required FROM pg_proc WHERE oid = function),
	arg AS (SELECT a.i, a.t, e.value, row_number() OVER (PARTITION BY a.i ORDER BY e.n) AS n, a.i > p.required AS optional,
			CASE WHEN p.prokind = 'f' THEN nullif(p.proargnames[a.i], '') END AS name
		FROM p, unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, i) JOIN extreme e ON e.type = a.t),
	varied AS (SELECT i, n FROM arg UNION SELECT 0, n FROM arg UNION SELECT -1, 1),
	domains (word) AS (SELECT $d$'shop'$d$ UNION ALL SELECT $d$'fresh'$d$ FROM p WHERE proname ~ 'train|create')
	SELECT format('SELECT %s(%s) AS x', (SELECT oid::regproc FROM p), string_agg(concat(a.name || ' => ',
			CASE WHEN a.t = ANY ('{anyelement,anynonarray,anyarray,anycompatiblearray}'::regtype[]) THEN a.value
				WHEN a.i = 1 AND a.i <> v.i AND d.word = $d$'fresh'$d$ THEN d.word
				ELSE '(' || a.value || ')::' || a.t::regtype END), ', ' ORDER BY a.i))
		|| CASE WHEN (SELECT prokind FROM p) = 'a' THEN ' FROM generate_series(1, 3)' ELSE '' END
	FROM domains d, varied v
	JOIN arg a ON a.n = CASE WHEN a.i = v.i THEN v.n WHEN v.i = 0 THEN least(v.n, (SELECT max(n) FROM arg b WHERE b.i = a.i)) ELSE 1 END
	WHERE NOT (a.optional AND a.i <> v.i AND v.i <> 0) OR (a.name = $d$events$d$ AND d.word = $d$'fresh'$d$)
	GROUP BY d.word, v.i, v.n
$$;
SQL

my $functions = $node->safe_psql('postgres', <<'SQL');
SELECT p.oid || ' ' || p.oid::regprocedure FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'uiml')
	AND p.pronargs > 0 AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
UNION ALL SELECT p.oid || ' ' || p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'try'::regnamespace AND p.prokind = 'a'
ORDER BY 1
SQL

is( $node->safe_psql('postgres', <<'SQL'), '', 'there are extremes of all types of arguments');
SELECT DISTINCT t::regtype FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e', unnest(p.proargtypes::oid[]) t
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'uiml') AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
	AND NOT EXISTS (SELECT FROM try.extreme e WHERE e.type = t)
SQL

my $calls = 0;
for my $function (split /\n/, $functions)
{
	my ($oid, $name) = split / /, $function, 2;
	my ($status, $out, $err) = $node->psql('postgres', <<SQL);
SET ROLE somebody;
SET search_path = try, public;
SET statement_timeout = '100s';
SELECT count(*), string_agg(attempt(c), E'\\n') FROM cases($oid) c;
SQL
	my ($n, $found) = split /\|/, $out, 2;
	$calls += $n || 0;
	ok($status == 0 && ($n || 0) > 1 && ($found || '') eq '', "$name: " . ($n || 0) . ' calls')
	  or diag($err, $found || '');
}
note("$calls calls");
like($node->safe_psql('postgres', 'SELECT count(*) FROM uiml_predict(1)'), qr/^2$/, 'the domain still serves');

done_testing();
