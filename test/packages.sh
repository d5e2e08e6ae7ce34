#!/bin/bash
#
# packages.sh [--print] build|demo|test|ci
#	  What the machine lacks for a purpose.
#
# Looks for what is really needed (a header that compiles, a program that runs), not for package names, so that a PostgreSQL of
# another origin (PG_CONFIG) counts too.  Where something is missing: root gets it installed by apt-get, anybody
# else and --print get the line to run.  Exit status 0: all is there.
#
set -uo pipefail

print_only=
if [ "${1-}" = --print ]; then print_only=1; shift; fi
purpose=${1:?usage: packages.sh [--print] build|demo|test|ci}
pg_config=${PG_CONFIG:-pg_config}

compiles() # header
{
	printf '#include <%s>\n' "$1" | cc -E -x c - >/dev/null 2>&1
}

links() # library...
{
	printf 'int main(void) { return 0; }\n' | cc -x c - -o /dev/null "$@" >/dev/null 2>&1
}

runs()
{
	command -v "$1" >/dev/null 2>&1
}

# The major version to install: that of a pg_config that is there, else the distribution's.
postgres_major()
{
	local version
	version=$("$pg_config" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
	[ -n "$version" ] || version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -1)
	echo "${version:-15}"
}

# Prints the packages that are missing, one a line.
missing_packages()
{
	local bindir pgxs

	runs cc && compiles stdio.h || printf '%s\n' gcc libc6-dev
	runs make || echo make
	compiles cblas.h && links -lopenblas || echo libopenblas-dev
	compiles lapacke.h && links -llapacke || echo liblapacke-dev
	compiles utf8proc.h && links -lutf8proc || echo libutf8proc-dev
	compiles jansson.h && links -ljansson || echo libjansson-dev
	pgxs=$("$pg_config" --pgxs 2>/dev/null)
	[ -n "$pgxs" ] && [ -f "$pgxs" ] || echo "postgresql-server-dev-$(postgres_major)"
	[ "$purpose" = build ] && return
	bindir=$("$pg_config" --bindir 2>/dev/null)
	[ -x "$bindir/postgres" ] && [ -x "$bindir/initdb" ] || echo "postgresql-$(postgres_major)"
	[ -x "$bindir/psql" ] || echo "postgresql-client-$(postgres_major)"
	[ "$purpose" = demo ] && return
	compiles setjmp.h && printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n' |
		cc -E -x c - >/dev/null 2>&1 || echo libcmocka-dev
	perl -MIPC::Run -MTest::More -e 1 2>/dev/null || echo libipc-run-perl
	runs prove || echo perl
	[ "$purpose" = test ] && return
	runs clang-format || echo clang-format
	runs cppcheck || echo cppcheck
	runs clang || echo clang
	echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return 0; }' |
		clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null || echo libclang-rt-14-dev
	runs nm || echo binutils
	runs git || echo git
	/usr/bin/python3 -c 'import pglast' 2>/dev/null || echo python3-pglast
}

missing=$(missing_packages | sort -u | tr '\n' ' ')
missing=${missing% }
[ -z "$missing" ] && exit 0

install="apt-get install --no-install-recommends -y $missing"
if [ -n "$print_only" ] || [ "$(id -u)" != 0 ]; then
	printf 'missing on this machine; as root run:\n    %s\n' "apt-get update && $install" >&2
	exit 1
fi
if ! runs apt-get; then
	printf 'missing on this machine, which has no apt-get; the Debian packages are called:\n    %s\n' "$missing" >&2
	exit 1
fi

# A machine that already runs PostgreSQL keeps its clusters; a new server package makes one, which we don't use.
printf 'installing what is missing:\n    %s\n' "apt-get update && $install"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && $install; } </dev/null >"$log" 2>&1; then
	tail -20 "$log" >&2
	echo 'apt-get failed' >&2
	exit 1
fi
still=$(missing_packages | sort -u | tr '\n' ' ')
if [ -n "$still" ]; then
	echo "installed, but still not found: ${still% }" >&2
	[ -n "${PG_CONFIG-}" ] && echo "PG_CONFIG is $PG_CONFIG" >&2
	exit 1
fi
