#!/bin/bash
#
# server.sh COMMAND [ARGUMENT ...]
#	  Runs a command against a private, throw-away PostgreSQL that has this tree's uiml installed.
#
# PostgreSQL is relocatable: it finds its files relative to its own program.  So a copy of the installation that PG_CONFIG
# tells (programs copied, since links are resolved; everything else linked) takes the extension without write
# access to /usr/share, and no existing installation or cluster is touched.  Data, socket and log live in the same
# temporary directory; there is no TCP port.  Whatever ends this script (the command's end, INT, TERM) stops the server and
# removes the directory.
#
# As root the server runs as postgres or, where that user doesn't exist, as nobody.
#
# UIML_PRELOAD names libraries that the server is started with, separated by colons: asan.sh.
#
# The command gets PG_CONFIG (of the copy), PATH, PGHOST, PGPORT, PGUSER, PGDATABASE and
#	  UIML_TREE		this source tree
#	  UIML_TMP		a directory of its own, gone afterwards
#	  UIML_AS		words to put before a command that must not run as root; empty for an ordinary user
#	  UIML_SHARED	absolute path of the folder of data sets, by default ../shared beside the tree
#
set -euo pipefail
[ $# -gt 0 ] || { echo 'usage: server.sh COMMAND [ARGUMENT ...]' >&2; exit 2; }

# The make that called us must not talk to the makes we call; the server sees no CPU or cache override of OpenBLAS.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
unset PGDATA PGSERVICE PGPASSFILE PGOPTIONS PGHOSTADDR PGSSLMODE PGCLIENTENCODING PSQLRC
export LC_ALL=C.UTF-8

real_config=$(command -v "${PG_CONFIG:-pg_config}") || { echo "${PG_CONFIG:-pg_config} not found" >&2; exit 1; }
UIML_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
UIML_SHARED=$(cd "$UIML_TREE" && realpath -m "${UIML_SHARED:-../shared}")

# A socket's path has at most 107 bytes and PGXS can't do with spaces.
base=${TMPDIR:-/tmp}
case $base in *[!A-Za-z0-9/._-]*) base=/tmp ;; esac
[ ${#base} -le 60 ] || base=/tmp
top=$(mktemp -d "$base/uiml.XXXXXX")
chmod 755 "$top"

child=
stop_server() # data directory
{
	local pid try
	pid=$(head -1 "$1/postmaster.pid" 2>/dev/null) || return 0
	[[ $pid =~ ^[0-9]+$ ]] || return 0
	kill -INT "$pid" 2>/dev/null || return 0
	for try in {1..100}; do
		kill -0 "$pid" 2>/dev/null || return 0
		[ "$try" != 50 ] || kill -QUIT "$pid" 2>/dev/null || return 0
		sleep .1
	done
	kill -KILL "$pid" 2>/dev/null || true
}

# Also finds the servers of TAP tests that were killed in the middle.
clean_up()
{
	trap '' INT TERM HUP
	if [ -n "$child" ]; then
		kill -TERM -- "-$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
	local file
	while IFS= read -r file; do
		stop_server "${file%/postmaster.pid}"
	done < <(find "$top" -name postmaster.pid 2>/dev/null)
	rm -rf "$top"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a command in a process group of its own and obeys signals meanwhile: bash would wait for a command in the foreground.
guarded()
{
	local status=0
	set -m
	"$@" </dev/null &
	child=$!
	set +m
	wait "$child" || status=$?
	child=
	return $status
}

# Links all entries of a directory into a new one.
link_entries() # from to
{
	mkdir -p "$2"
	[ ! -d "$1" ] || find "$1" -mindepth 1 -maxdepth 1 -exec ln -s -t "$2" {} +
}

# By name: elsewhere than on Debian, bindir may be /usr/bin.
programs='postgres initdb pg_ctl psql pg_config pg_controldata pg_resetwal pg_checksums pg_isready createdb dropdb
	createuser dropuser pg_dump pg_dumpall pg_restore pg_basebackup pg_receivewal pg_recvlogical pg_rewind
	pg_verifybackup pg_waldump pg_upgrade pg_amcheck pg_archivecleanup pgbench vacuumdb reindexdb clusterdb'

copy_installation()
{
	local prefix=$top/pg bindir sharedir pkglibdir directory option program
	bindir=$("$real_config" --bindir)
	sharedir=$("$real_config" --sharedir)
	pkglibdir=$("$real_config" --pkglibdir)

	mkdir -p "$prefix$bindir"
	for program in $programs; do
		[ ! -f "$bindir/$program" ] || cp -L "$bindir/$program" "$prefix$bindir/"
	done
	link_entries "$sharedir" "$prefix$sharedir"
	rm -f "$prefix$sharedir/extension"
	link_entries "$sharedir/extension" "$prefix$sharedir/extension"
	mkdir -p "$prefix$pkglibdir"
	find "$pkglibdir" -mindepth 1 -maxdepth 1 ! -name bitcode -exec ln -sf -t "$prefix$pkglibdir" {} +
	for option in --includedir-server --pkgincludedir --includedir --libdir --localedir; do
		directory=$("$real_config" $option)
		[ -n "$directory" ] && [ ! -e "$prefix$directory" ] && [ ! -L "$prefix$directory" ] || continue
		mkdir -p "$(dirname "$prefix$directory")"
		ln -s "$directory" "$prefix$directory"
	done
	# An installed uiml is replaced in the copy, not written through its links.
	rm -f "$prefix$sharedir"/extension/uiml* "$prefix$pkglibdir"/uiml.so
	export PG_CONFIG=$prefix$bindir/pg_config
	[ -x "$PG_CONFIG" ] || { echo "there is no pg_config in $bindir" >&2; exit 1; }
	export PATH=$prefix$bindir:$PATH
}

# Sanitizers must be in a process before a program that was built without them.
preload_server() # libraries
{
	local postgres
	postgres=$(dirname "$PG_CONFIG")/postgres
	mv "$postgres" "$postgres.plain"
	cat >"$postgres" <<-SCRIPT
		#!/bin/bash
		LD_PRELOAD='$1' exec -a "\$0" "\$0.plain" "\$@"
	SCRIPT
	chmod 755 "$postgres"
}

build_and_install()
{
	local log=$top/build.log
	make -q -C "$UIML_TREE" PG_CONFIG="$PG_CONFIG" all >/dev/null 2>&1 || echo 'Building uiml ...' >&2
	if ! guarded make -C "$UIML_TREE" -j2 PG_CONFIG="$PG_CONFIG" all install >"$log" 2>&1; then
		cat "$log" >&2
		echo 'the build failed' >&2
		exit 1
	fi
	rm -f "$log"
}

# Words that run a command as a user who may run a server.
choose_user()
{
	local user=postgres
	UIML_AS=
	UIML_TMP=$top/work
	mkdir "$UIML_TMP"
	if [ "$(id -u)" = 0 ]; then
		id -u postgres >/dev/null 2>&1 || user=nobody
		UIML_AS="setpriv --reuid=$(id -u $user) --regid=$(id -g $user) --clear-groups env HOME=$UIML_TMP"
		chown "$(id -u $user):$(id -g $user)" "$UIML_TMP"
	fi
}

start_server()
{
	local data=$UIML_TMP/data log=$UIML_TMP/server.log locale=C.UTF-8
	locale -a 2>/dev/null | grep -qiE '^C\.utf-?8$' || locale=C
	cd "$UIML_TMP"
	guarded $UIML_AS initdb -D "$data" -A trust -U postgres -E UTF8 --locale=$locale --no-sync >"$UIML_TMP/initdb.log" 2>&1 ||
		{ cat "$UIML_TMP/initdb.log" >&2; exit 1; }
	$UIML_AS mkdir -m 700 "$UIML_TMP/socket"
	cat >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$UIML_TMP/socket'
		port = 5432
		fsync = off
		timezone = 'UTC'
		log_timezone = 'UTC'
		max_wal_size = '4GB'
	CONF
	guarded $UIML_AS pg_ctl -D "$data" -l "$log" -w start >/dev/null 2>&1 ||
		{ cat "$log" >&2; echo 'the private server did not start' >&2; exit 1; }
	export PGHOST=$UIML_TMP/socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

copy_installation
[ -z "${UIML_PRELOAD-}" ] || preload_server "$UIML_PRELOAD"
build_and_install
choose_user
start_server
export UIML_TREE UIML_TMP UIML_AS UIML_SHARED

cd "$UIML_TREE"
status=0
guarded "$@" || status=$?
exit $status
