# SPDX-License-Identifier: MIT
#
# pg.mk - the example extension, a PostgreSQL client, and its tests, each with a server of its own.
#
# Here it is linked with the library, as a program in C has it; as a module of Python and Lua it is built by ext.mk. The
# example sees what a user sees: the door, and the library. Without libpq there is one suite, which fails and says so.

PG_SRC := $(if $(LIBPQ_LIBS),$(sort $(wildcard examples/extension/*.c)))
PG_TESTS := $(if $(LIBPQ_LIBS),$(sort $(wildcard tests/ext/test_*.c)))
PG_CHECKED := $(PG_SRC) $(PG_TESTS)
PG_VARIANTS := checked asan
PG_PROGRAMS := $(foreach variant,$(PG_VARIANTS),$(PG_TESTS:%.c=build/$(variant)/%))
WITH_POSTGRES := $(PYTHON)~tests/ext/postgres.py

define pg_variant
build/$(1)/examples/extension/%.o: examples/extension/%.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) -Iinclude $$(LIBPQ_CFLAGS) $$(CFLAGS) -c -o $$@ $$<

build/$(1)/tests/ext/%.o: TEST_INCLUDES := -Iinclude -Iexamples/extension -Itests/core $(LIBPQ_CFLAGS)
$(PG_TESTS:%.c=build/$(1)/%): build/$(1)/%: build/$(1)/%.o $(PG_SRC:%.c=build/$(1)/%.o) build/$(1)/libropewalk.a
	$$(LINK) -o $$@ $$^ $$(LDFLAGS_$(1)) $$(LIBPQ_LIBS) $$(CORE_LIBS)
-include $(PG_CHECKED:%.c=build/$(1)/%.d)
endef
$(if $(PG_SRC),$(foreach variant,$(PG_VARIANTS),$(eval $(call pg_variant,$(variant)))))

ext_lines += $(foreach variant,$(PG_VARIANTS),$(foreach test,$(PG_TESTS:%.c=%),ext-$(variant)/$(notdir $(test))~|~120~|~$(SANITIZER_ENV)~$(WITH_POSTGRES)~build/$(variant)/$(test))) \
    $(if $(PG_SRC),,ext/libpq~|~10~|~echo~"not~ok~libpq~is~installed";~echo~"0~passed,~1~failed,~0~skipped")
built-ext: $(PG_PROGRAMS)
