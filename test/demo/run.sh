#!/bin/bash
#
# run.sh [DIRECTORY]			show the demo on the server of test/server.sh
# run.sh --check [DIRECTORY]	only tell whether DIRECTORY will do
#
# Without a directory: two generated domains.  With one: a MovieLens folder, ratings.csv (userId,movieId,rating,timestamp) and
# movies.csv (movieId,title,genres), read by the client.
#
set -euo pipefail

check_only=
if [ "${1-}" = --check ]; then check_only=1; shift; fi
data=${1-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

refuse()
{
	printf 'DATA=%s: %s\n' "$data" "$1" >&2
	printf '%s\n' 'DATA names a folder in MovieLens format, for example ml-latest-small of' \
		'https://grouplens.org/datasets/movielens/, with these files and first lines:' \
		'    ratings.csv    userId,movieId,rating,timestamp' \
		'    movies.csv     movieId,title,genres' >&2
	exit 2
}

check_file() # name first line
{
	[ -f "$data/$1" ] || refuse "there is no file $1 in it"
	[ -r "$data/$1" ] || refuse "the file $1 is not readable"
	local header
	IFS= read -r header <"$data/$1" || refuse "the file $1 is empty"
	header=${header#$'\xef\xbb\xbf'}
	[ "${header%$'\r'}" = "$2" ] || refuse "the first line of $1 is \"${header:0:60}\", not \"$2\""
}

if [ -n "$data" ]; then
	[ -e "$data" ] || refuse 'no such folder'
	[ -d "$data" ] || refuse 'not a folder'
	check_file ratings.csv userId,movieId,rating,timestamp
	check_file movies.csv movieId,title,genres
fi
[ -z "$check_only" ] || exit 0

export PGDATABASE=demo PGCLIENTENCODING=UTF8 PGOPTIONS='-c client_min_messages=notice'
run_psql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

# Long messages of the server, broken at 80 columns; tables are left alone.
wrap_messages()
{
	perl -CS -ne '
		BEGIN { $| = 1 }
		if (/^(?:NOTICE|INFO|WARNING|DETAIL|HINT|ERROR):/) {
			s/^(\w+:) +/$1 /;
			while (length > 79 && s/^(.{20,78}) //) { print "$1\n"; $_ = "    $_" }
		}
		print'
}

PGOPTIONS='-c client_min_messages=warning' run_psql -d postgres -c 'CREATE DATABASE demo'
if [ -n "$data" ]; then
	run_psql -f "$here/movielens_tables.sql"
	run_psql -c '\copy movies FROM pstdin WITH (FORMAT csv, HEADER)' <"$data/movies.csv"
	run_psql -c '\copy movielens_ratings FROM pstdin WITH (FORMAT csv, HEADER)' <"$data/ratings.csv"
	run_psql -f "$here/movielens_events.sql"
	script=movielens.sql
else
	echo 'Generating two domains of events, news and shop ...'
	run_psql -1 -f "$here/generate.sql"
	script=demo.sql
fi
run_psql <"$here/$script" 2>&1 | wrap_messages
