# uiml: a PGXS extension.  The install scripts are put together from sql/install/*.sql and sql/pgvector/*.sql.
#
# make demo and make test need nothing but make and a shell: they say (as root: install) what is missing, and
# work on a private copy of PostgreSQL that is gone afterwards.  make help lists the other targets.
PG_CONFIG ?= pg_config
CLANG ?= clang
CLANG_FORMAT ?= clang-format
RUNS ?= 100000

EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" uiml.control)
SECOND := $(if $(wildcard sql/pgvector/*.sql),uiml_pgvector)
EXTENSION = uiml $(SECOND)
MODULE_big = uiml
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/core/*.c src/pg/*.c)))
# make demo DATA=DIR means another DATA than PGXS does.
DEMO_DATA := $(if $(filter command,$(origin DATA)),$(DATA))
override DATA = $(wildcard sql/upgrade/*.sql)
DATA_built = $(EXTENSION:%=sql/%--$(EXTVERSION).sql)
CORE_LIBS = -llapacke -lopenblas -lutf8proc -ljansson -lm -lpthread
PG_CPPFLAGS = -Isrc -DUIML_VERSION='"$(EXTVERSION)"'
# OpenBLAS and LAPACKE are loaded by the first training (src/pg/blas_calls.c).
# -Bsymbolic: functions of the library call each other directly.
SHLIB_LINK = -lutf8proc -ljansson -lm -ldl -lpthread -Wl,--version-script=src/pg/exports.map,-Bsymbolic
# test/sql/pgvector.sql runs where pgvector is installed.
LACKING = $(if $(wildcard $(shell $(PG_CONFIG) --sharedir 2>/dev/null)/extension/vector.control),,pgvector)
REGRESS = $(filter-out $(LACKING),$(sort $(basename $(notdir $(wildcard test/sql/*.sql)))))
REGRESS_OPTS = --inputdir=test
NO_INSTALLCHECK = 1
EXTRA_CLEAN = build results regression.diffs regression.out tmp_check output_iso sql/uiml--*.sql sql/uiml_pgvector--*.sql

# No LLVM bitcode: nothing here gains from being inlined by the JIT.
override with_llvm = no

.DEFAULT_GOAL := all

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
# Tests that say "-- requires: EXTENSION" run where that extension is.
UNAVAILABLE := $(shell for f in test/sql/*.sql; do for e in $$(sed -n '1s/^-- requires: //p' $$f); do \
	[ -e '$(datadir)/extension/'$$e.control ] || echo $$f; done; done)
# Each file creates the extension, so each has a run of its own, which makes the database anew.
.PHONY: installcheck
installcheck: submake
	@failed=; for test in $(REGRESS); do \
		$(pg_regress_installcheck) $(REGRESS_OPTS) $$test || failed="$$failed $$test"; \
		[ ! -s regression.diffs ] || cat regression.diffs >> regression.all; done; \
	rm -f regression.diffs; [ ! -e regression.all ] || mv regression.all regression.diffs; \
	[ -z "$$failed" ] || { echo "failed:$$failed; see regression.diffs" >&2; exit 1; }
# Objects of another PostgreSQL version are made anew.
$(shell mkdir -p build; v="$$($(PG_CONFIG) --version)"; \
	[ "$$v" = "$$(cat build/server 2>/dev/null)" ] || printf '%s\n' "$$v" > build/server)
else
all install installcheck lint check-exports:
	@PG_CONFIG='$(PG_CONFIG)' bash test/packages.sh --print build || true
	@echo 'or name the pg_config of your PostgreSQL: make PG_CONFIG=/path/to/pg_config' >&2; exit 1
clean distclean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) uiml.so
endif

# Debian's PGXS tracks no headers.
HEADERS = $(wildcard src/*/*.h)
$(OBJS): $(HEADERS) $(wildcard build/server)
uiml.so: src/pg/exports.map

sql/uiml--$(EXTVERSION).sql: $(sort $(wildcard sql/install/*.sql)) uiml.control
sql/uiml_pgvector--$(EXTVERSION).sql: $(sort $(wildcard sql/pgvector/*.sql)) uiml_pgvector.control
$(DATA_built):
	(printf '%s\n' '\echo Use "CREATE EXTENSION $(firstword $(subst --, ,$(@F)))" to load this file. \quit'; \
	 cat $(filter %.sql,$^)) > $@

# -- Everything on a private server

.PHONY: demo test check-tap check-isolation check-asan help
demo:
	@bash test/demo/run.sh --check '$(DEMO_DATA)'
	@PG_CONFIG='$(PG_CONFIG)' bash test/packages.sh demo
	@PG_CONFIG='$(PG_CONFIG)' exec bash test/server.sh bash test/demo/run.sh '$(DEMO_DATA)'
test:
	@PG_CONFIG='$(PG_CONFIG)' bash test/packages.sh test
	@PG_CONFIG='$(PG_CONFIG)' exec bash test/server.sh bash test/suite.sh unit regress tap isolation
check-tap check-isolation:
	@PG_CONFIG='$(PG_CONFIG)' exec bash test/server.sh bash test/suite.sh $(@:check-%=%)
# Unit and regression tests under the address and undefined behaviour sanitizers.
check-asan:
	@PG_CONFIG='$(PG_CONFIG)' exec bash test/asan.sh

help:
	@echo 'demo [DATA=DIR]   two generated domains, or a MovieLens folder, trained and predicted'
	@echo 'test              unit, regression, TAP and isolation tests on a private server'
	@echo 'all install       build, and install into the PostgreSQL of PG_CONFIG'
	@echo 'installcheck      regression tests on your running server'
	@echo 'check-unit check-tap check-isolation check-fuzz [RUNS=n] check-asan'
	@echo 'check-core check-kernels check-exports check-meta check-format format lint clean'

# -- The core by itself: no server header is on the include path

CORE = $(sort $(wildcard src/core/*.c))
CORE_OBJS = $(CORE:src/%.c=build/%.o)
# check-asan adds COPT, as PGXS does.
CORE_CFLAGS = -std=gnu11 -O2 -g -Wall -Wextra -Werror -Isrc $(COPT)
UNIT = $(patsubst test/unit/%.c,build/unit/%,$(sort $(wildcard test/unit/test_*.c)))

build/core/%.o: src/core/%.c $(HEADERS)
	@mkdir -p $(@D)
	cc $(CORE_CFLAGS) -c -o $@ $<

build/unit/%: test/unit/%.c test/unit/testenv.h $(CORE_OBJS)
	@mkdir -p $(@D)
	cc $(CORE_CFLAGS) -o $@ $< $(CORE_OBJS) -lcmocka $(CORE_LIBS)

.PHONY: check-core check-kernels build-unit check-unit
check-core: $(CORE_OBJS)
	@! grep -nE '# *include *[<"](postgres|fmgr|utils/|pg/|executor/|catalog/)' src/core/*
	@! grep -nE '# *include *[<"](cblas|lapacke|openblas)' $(filter-out src/core/linalg.c src/pg/blas_calls.c,$(wildcard src/*/*.c src/*/*.h))
	@echo 'core: no server header; BLAS and LAPACK in linalg.c (and passed on by pg/blas_calls.c) only'

# What this machine can't run can be compiled: file, target, and what its loops must have.
VARIANTS = 'portable aarch64-linux-gnu fmla.*4s' 'v3 x86_64-linux-gnu vfmadd.*%ymm' 'v4 x86_64-linux-gnu vfmadd.*%zmm'
KERNEL_CFLAGS = -std=gnu11 -O2 -ffreestanding -Wall -Wextra -Werror -Isrc -S -o -

check-kernels:
	@for variant in $(VARIANTS); do \
		set -- $$variant; \
		for compiler in $(CLANG) $$(cc -dumpmachine | grep -qx "$$2" && echo cc); do \
			[ $$compiler = cc ] || compiler="$$compiler --target=$$2"; \
			n=$$($$compiler $(KERNEL_CFLAGS) src/core/kernels_$$1.c | grep -cE "$$3"); \
			[ "$$n" -gt 0 ] || { echo "kernels_$$1.c: $$compiler makes no $$3" >&2; exit 1; }; \
			echo "kernels_$$1.c, $$compiler: $$n times $$3"; done; done

build-unit: $(UNIT)
check-unit: build-unit
	@bash test/suite.sh unit

# -- Fuzzing: targets test/fuzz/fuzz_*.c, seeds test/fuzz/corpus/*/

FUZZ = $(patsubst test/fuzz/%.c,build/fuzz/%,$(sort $(wildcard test/fuzz/fuzz_*.c)))
FUZZ_CFLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Isrc
FUZZ_OBJS = $(CORE:src/core/%.c=build/fuzz/core/%.o)

# These unroll kernels_body.h so far that checks of undefined behaviour at each step take a compiler minutes.  Addresses are
# checked; the undefined behaviour of the same code is that of kernels_portable.c, which has all checks.
WIDE_KERNELS = kernels_v3.o kernels_v4.o
$(WIDE_KERNELS:%=build/fuzz/core/%): FUZZ_CFLAGS += -fno-sanitize=undefined
ifneq ($(findstring sanitize,$(COPT)),)
$(WIDE_KERNELS:%=src/core/%) $(WIDE_KERNELS:%=build/core/%): override COPT += -fno-sanitize=undefined
endif

build/fuzz/core/%.o: src/core/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

build/fuzz/%: test/fuzz/%.c $(FUZZ_OBJS)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJS) $(CORE_LIBS)

.PHONY: check-fuzz
check-fuzz: $(FUZZ)
	@bash test/suite.sh fuzz $(RUNS)

# -- Style and hygiene

SOURCES = $(sort $(wildcard src/*/*.[ch] test/*/*.[ch]))

.PHONY: format check-format lint check-exports check-meta
format:
	$(CLANG_FORMAT) -i $(SOURCES)
check-format:
	$(CLANG_FORMAT) --dry-run -Werror $(SOURCES)
	@echo '$(words $(SOURCES)) files formatted as .clang-format says'

check-meta:
	@perl test/check_meta.pl

ifneq ($(wildcard $(PGXS)),)
check-exports: all
	@extra=$$(nm -D --defined-only uiml.so | awk '{print $$3}' | \
		grep -vE '^(uiml_.*|interest_vector_.*|transfer_(matrix|stats)_.*|pg_finfo_.*|Pg_magic_func|_PG_init)$$'); \
	if [ -n "$$extra" ]; then echo "exported, but should not be:" $$extra; exit 1; fi
	@echo 'exports: uiml_*, interest_vector_*, transfer_matrix_*, transfer_stats_*, pg_finfo_*, Pg_magic_func, _PG_init only'

# Server headers are not ours to judge, hence -isystem.
LINT_INCLUDES = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server)
LINT_DEFINES = -D_GNU_SOURCE -DUIML_VERSION='"$(EXTVERSION)"'
LINT_OBJS = $(OBJS:src/%.o=build/lint/%.o)

build/lint/%.o: src/%.c $(HEADERS)
	@mkdir -p $(@D)
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -Wshadow=local -Wvla -Wstrict-prototypes \
		$(LINT_INCLUDES) $(LINT_DEFINES) -fPIC -c -o $@ $<

.PHONY: lint-cppcheck lint-analyze
lint: $(LINT_OBJS) lint-cppcheck lint-analyze
	@echo 'lint: gcc -Werror, cppcheck and clang --analyze have nothing to say'
lint-cppcheck:
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=missingInclude --suppress=missingIncludeSystem --suppress=invalidPointerCast --suppress=ctuuninitvar --suppress=missingReturn \
		-D__GNUC__=12 -DUIML_VERSION='""' --include=test/cppcheck.h -Isrc src
lint-analyze:
	@printf '%s\n' $(CORE) | xargs -P "$$(nproc)" -n 1 \
		$(CLANG) --analyze --analyzer-output text -Xclang -analyzer-werror -Isrc
endif
