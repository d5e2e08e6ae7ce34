#!/bin/bash
#
# asan.sh [GROUP ...]
#	  Runs groups of suite.sh (by default unit and regress) with everything of ours built with the address and undefined
#	  behaviour sanitizers, and fails where one of them had anything to report.
#
# A copy of the tree is built, so that the tree's own objects stay as they are.  The server is no sanitized one, so
# libasan must be in the process before it: server.sh puts a script in the place of the copy's postgres, which preloads
# libasan and a shim.  The shim takes the place of gettext, which else hangs while libasan is starting; the tests see
# untranslated messages anyhow.  Leaks are not asked for, since a backend exits without freeing anything.
#
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

flags='-fsanitize=address,undefined,float-cast-overflow -fno-omit-frame-pointer'
libasan=$(cc -print-file-name=libasan.so)
[ -e "$libasan" ] || { echo 'asan.sh: this compiler has no libasan' >&2; exit 1; }

base=${TMPDIR:-/tmp}
copy=$(mktemp -d "$base/uiml-asan.XXXXXX")
chmod 755 "$copy"
trap 'rm -rf "$copy"' EXIT
mkdir -m 1777 "$copy/reports"
cp -R Makefile ./*.control META.json sql src test expected "$copy/" || exit 1
find "$copy" \( -name '*.o' -o -name '*.so' \) -delete
rm -rf "$copy"/sql/uiml*--*.sql

cat >"$copy/shim.c" <<'C'
char *gettext(const char *m) { return (char *) m; }
char *dgettext(const char *d, const char *m) { (void) d; return (char *) m; }
char *dcgettext(const char *d, const char *m, int c) { (void) d; (void) c; return (char *) m; }
char *ngettext(const char *m, const char *p, unsigned long n) { return (char *) (n == 1 ? m : p); }
char *dngettext(const char *d, const char *m, const char *p, unsigned long n) { (void) d; return (char *) (n == 1 ? m : p); }
char *dcngettext(const char *d, const char *m, const char *p, unsigned long n, int c)
{ (void) d; (void) c; return (char *) (n == 1 ? m : p); }
char *bindtextdomain(const char *d, const char *n) { (void) d; return (char *) n; }
char *bind_textdomain_codeset(const char *d, const char *c) { (void) d; return (char *) c; }
char *textdomain(const char *d) { return (char *) d; }
C
cc -shared -fPIC -fno-builtin -o "$copy/shim.so" "$copy/shim.c" || exit 1

export COPT=$flags
export UIML_PRELOAD="$(realpath "$libasan"):$copy/shim.so"
export ASAN_OPTIONS="detect_leaks=0:log_path=$copy/reports/asan:log_exe_name=1"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$copy/reports/ubsan"
export UIML_SHARED=${UIML_SHARED:-$(realpath -m ../shared)}

[ $# -gt 0 ] || set -- unit regress
status=0
bash "$copy/test/server.sh" bash "$copy/test/suite.sh" "$@" || status=$?
[ "$(nm -D "$copy/uiml.so" | grep -c __asan_report)" -gt 0 ] ||
	{ echo 'asan.sh: uiml.so was built without sanitizers' >&2; status=1; }
reports=$(find "$copy/reports" -type f | wc -l)
if [ "$reports" -gt 0 ]; then
	cat "$copy"/reports/*
	status=1
fi
echo "sanitizers: $reports reports"
exit $status
