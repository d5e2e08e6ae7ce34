#!/bin/bash
#
# suite.sh [unit] [regress] [tap] [isolation] | fuzz RUNS
#	  Runs test groups, tells each test's fate in a line, and ends with "N passed, N failed, N skipped".
#
# What is counted is what ran: the cases of unit programs, regression files, the assertions of TAP files, isolation specs, fuzz
# targets.  Skipped ones are named.  All but unit and fuzz want the environment that server.sh makes.
#
# A regression file or spec whose first line is "-- requires: NAME ..." (in a spec "# requires: NAME ...") is skipped
# where one of these extensions is not available.
#
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

tree=$PWD
out=${UIML_TMP:+$UIML_TMP/suite}
out=${out:-$(mktemp -d)}
mkdir -p "$out"
[ -n "${UIML_TMP-}" ] || trap 'rm -rf "$out"' EXIT

passed=0
failed=0
skipped=0
skipped_names=()
failed_names=()

pass() { passed=$((passed + ${1:-1})); }
fail() { failed=$((failed + 1)); failed_names+=("$1"); }
skip() { skipped=$((skipped + 1)); skipped_names+=("$1"); }

# Takes the top-level results from TAP output; a program that died without "not ok" failed once.
count_tap() # name file status
{
	local line failures=$failed
	while IFS= read -r line; do
		case $line in
			'not ok '*'# TODO'*) pass ;;
			'not ok '*'# SKIP '*) skip "$1: ${line#*# SKIP }" ;; # as cmocka says it
			'not ok '*) fail "$1: ${line#not ok }" ;;
			'ok '*'# '[Ss][Kk][Ii][Pp]*) skip "$1: ${line#*# }" ;;
			'ok '*) pass ;;
			'1..0 # '[Ss][Kk][Ii][Pp]*) skip "$1: ${line#*# }" ;;
		esac
	done <"$2"
	if [ "$3" != 0 ] && [ "$failed" = "$failures" ]; then fail "$1: exit status $3"; fi
}

report() # name file failures-before passed-before
{
	if [ "$failed" -gt "$3" ]; then
		printf '%-12s %-28s FAILED\n' "$group" "$1"
		cat "$2"
	else
		printf '%-12s %-28s %d ok\n' "$group" "$1" $((passed - $4))
	fi
}

run_unit()
{
	local program name status before=0 had
	make -s -j2 build-unit >"$out/build-unit.log" 2>&1 ||
		{ cat "$out/build-unit.log"; fail 'unit: the build'; return; }
	for program in test/unit/test_*.c; do
		[ -e "$program" ] || return 0
		name=$(basename "$program" .c)
		before=$failed had=$passed status=0
		CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "build/unit/$name" >"$out/$name.tap" 2>&1 || status=$?
		count_tap "$name" "$out/$name.tap" "$status"
		report "$name" "$out/$name.tap" "$before" "$had"
	done
}

# Names the first extension that a test requires and that is not there.
lacking()
{
	local extension sharedir
	sharedir=$("$PG_CONFIG" --sharedir)
	for extension in $(sed -nE '1s/^(--|#) requires: //p' "$1"); do
		[ -e "$sharedir/extension/$extension.control" ] || { echo "$extension"; return; }
	done
}

# Each file has a database and an output directory of its own, so that none depends on another.
run_regress()
{
	local file name lacks dir regress status
	regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress
	for file in test/sql/*.sql; do
		[ -e "$file" ] || return 0
		name=$(basename "$file" .sql)
		lacks=$(lacking "$file")
		if [ -n "$lacks" ]; then
			printf '%-12s %-28s skipped: no extension %s\n' regression "$name" "$lacks"
			skip "regression $name: no extension $lacks"
			continue
		fi
		dir=$out/regress/$name
		mkdir -p "$dir"
		ln -s "$tree/expected" "$dir/expected"
		status=0
		"$regress" --inputdir=test --outputdir="$dir" --bindir="$("$PG_CONFIG" --bindir)" --dbname="regress_$name" \
			"$name" >"$dir/log" 2>&1 || status=$?
		one_result regression "$name" "$dir" $status
	done
}

one_result() # group name directory status
{
	if [ "$4" = 0 ]; then
		printf '%-12s %-28s ok\n' "$1" "$2"
		pass
		return
	fi
	printf '%-12s %-28s FAILED\n' "$1" "$2"
	fail "$1 $2"
	if [ -s "$3/regression.diffs" ]; then cat "$3/regression.diffs"; else cat "$3/log"; fi
}

run_isolation()
{
	local spec name dir status isolation lacks
	isolation=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress
	for spec in test/isolation/specs/*.spec; do
		[ -e "$spec" ] || return 0
		name=$(basename "$spec" .spec)
		lacks=$(lacking "$spec")
		if [ -n "$lacks" ]; then
			skip "isolation $name: no extension $lacks"
			continue
		fi
		dir=$out/isolation/$name
		mkdir -p "$dir"
		status=0
		"$isolation" --inputdir=test/isolation --outputdir="$dir" --bindir="$("$PG_CONFIG" --bindir)" \
			--dbname="isolation_$name" "$name" >"$dir/log" 2>&1 || status=$?
		one_result isolation "$name" "$dir" $status
	done
}

# As an unprivileged user, on copies, since the tree may lie where only root can read.
run_tap()
{
	local file name dir pgxs status before had
	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/..
	dir=$UIML_TMP/tap
	$UIML_AS mkdir -p "$dir"
	cp -R test/t "$dir/t" 2>/dev/null || return 0
	chmod -R a+rX "$dir/t"
	for file in test/t/*.pl; do
		[ -e "$file" ] || return 0
		name=$(basename "$file" .pl)
		before=$failed had=$passed status=0
		(cd "$dir" && $UIML_AS env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE \
			PERL5LIB="$pgxs/test/perl:$dir/t" PG_REGRESS="$pgxs/test/regress/pg_regress" \
			TESTDIR="$dir" TESTDATADIR="$dir/data_$name" TESTLOGDIR="$dir/log" top_builddir="$dir" \
			UIML_SHARED="$UIML_SHARED" timeout 600 perl "t/$name.pl") >"$out/$name.tap" 2>&1 || status=$?
		count_tap "$name" "$out/$name.tap" $status
		report "$name" "$out/$name.tap" "$before" "$had"
		[ "$failed" = "$before" ] || tail -n 30 "$dir"/tmp_check/log/*"$name"*.log "$dir"/log/*"$name"*.log 2>/dev/null
	done
}

# At most two minutes each; the line tells how many runs it came to.
# As many targets at a time as there are processors; the status of each is left in a file.
run_fuzz() # runs
{
	local target name
	for target in test/fuzz/fuzz_*.c; do
		[ -e "$target" ] || return 0
		basename "$target" .c
	done >"$out/fuzz_targets"
	xargs -P "$(nproc)" -I '{}' bash -c 'mkdir -p "$2/corpus_$3"
		corpus=test/fuzz/corpus/$3
		[ -d "$corpus" ] || corpus=
		timeout 600 "build/fuzz/$3" -runs="$1" -max_total_time=60 -seed=1 -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix="$PWD/build/fuzz/" "$2/corpus_$3" $corpus >"$2/$3.log" 2>&1
		echo $? >"$2/$3.status"' fuzz "$1" "$out" '{}' <"$out/fuzz_targets"
	while read -r name; do
		if [ "$(cat "$out/$name.status")" = 0 ]; then
			printf '%-12s %-28s %s\n' fuzz "$name" "$(grep -a '^Done' "$out/$name.log" || echo ok)"
			pass
		else
			tail -60 "$out/$name.log"
			fail "fuzz $name"
		fi
	done <"$out/fuzz_targets"
}

while [ $# -gt 0 ]; do
	case $1 in
		unit) group=unit; run_unit ;;
		regress) group=regression; run_regress ;;
		tap) group=tap; run_tap ;;
		isolation) group=isolation; run_isolation ;;
		fuzz) group=fuzz; run_fuzz "${2:?runs}"; shift ;;
		*) echo "unknown group of tests: $1" >&2; exit 2 ;;
	esac
	shift
done

for name in "${skipped_names[@]}"; do echo "skipped: $name"; done
for name in "${failed_names[@]}"; do echo "FAILED: $name"; done
if [ -n "${UIML_RESULTS-}" ]; then echo "$passed $failed $skipped" >>"$UIML_RESULTS"; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
