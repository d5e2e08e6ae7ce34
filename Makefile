# uiml: a PGXS extension.  The install script is put together from sql/install/*.sql.
EXTENSION = uiml
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" uiml.control)
MODULE_big = uiml
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/core/*.c src/pg/*.c)))
DATA_built = sql/uiml--$(EXTVERSION).sql
PG_CPPFLAGS = -Isrc -DUIML_VERSION='"$(EXTVERSION)"'
SHLIB_LINK = -llapacke -lopenblas -lutf8proc -lm
REGRESS = $(sort $(basename $(notdir $(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test

# No LLVM bitcode: nothing here gains from being inlined by the JIT.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Debian's PGXS tracks no headers.
$(OBJS): $(wildcard src/*/*.h)

sql/uiml--$(EXTVERSION).sql: $(sort $(wildcard sql/install/*.sql))
	(printf '%s\n' '\echo Use "CREATE EXTENSION uiml" to load this file. \quit'; cat $^) > $@
