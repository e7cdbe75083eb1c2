# SPDX-License-Identifier: MIT
#
# core.mk - the C library in its variants.

ifeq ($(origin CC),default)
CC := gcc
endif
# One line per step; V=1 shows the commands, -s nothing.
is_silent := $(findstring s,$(filter-out -%,$(firstword $(MAKEFLAGS))))
say = $(if $(V),,@$(if $(is_silent),,echo '  $(1)  $@';))
COMPILE = $(call say,CC) $(CCACHE) $(CC)
LINK = $(call say,LD) $(CC)

CORE_SRC := $(sort $(wildcard core/*.c core/*/*.c core/*/*/*.c))

# A designated initialiser names what is not zero: newer compilers warn of the rest.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers -Werror
BASE_CFLAGS := -std=gnu11 -fvisibility=hidden -fPIC -fno-semantic-interposition -pthread $(WARNINGS) -MMD -MP
CORE_INCLUDES := -Icore -Iinclude -Ibuild/kit

# The table of functions for modules, made from the public headers (tools/make_table.py).
KIT_FILES := build/kit/ropewalk/table.h build/kit/ropewalk/module.c build/kit/core_table.c
PYTHON ?= $(PYTHON_$(firstword $(PYTHONS)))
build/kit/stamp: tools/make_table.py tools/csource.py bindings/swig/table.txt include/ropewalk.h $(wildcard include/ropewalk/*.h)
	@mkdir -p $(@D)
	$(call say,GEN) $(or $(PYTHON),python3) tools/make_table.py
	@touch $@
$(KIT_FILES): build/kit/stamp ;

VARIANTS := release checked asan tsan
# CHECK_LEVEL=3 makes a checked build for people who write modules (docs/extending.md).
CHECK_LEVEL ?= 1
CFLAGS_release := -O2 -g -DRW_CHECK_LEVEL=$(CHECK_LEVEL)
CFLAGS_checked := -O1 -g -DRW_CHECK_LEVEL=3
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -DRW_CHECK_LEVEL=3
CFLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DRW_CHECK_LEVEL=3
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
CORE_LIBS := -pthread

# An archive is made again when a source was removed too, which no timestamp tells.
build/core.list: FORCE
	@mkdir -p $(@D)
	@echo '$(CORE_SRC)' | cmp -s - $@ || echo '$(CORE_SRC)' > $@
FORCE:

define core_variant
build/$(1)/core/%.o: core/%.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) $$(CORE_INCLUDES) $$(CFLAGS) -c -o $$@ $$<

build/$(1)/kit/core_table.o: build/kit/core_table.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) $$(CORE_INCLUDES) $$(CFLAGS) -c -o $$@ $$<

build/$(1)/libropewalk.a: $$(CORE_SRC:%.c=build/$(1)/%.o) build/$(1)/kit/core_table.o build/core.list
	@rm -f $$@
	$$(call say,AR) $$(AR) rcs $$@ $$(filter %.o,$$^)

-include $$(CORE_SRC:%.c=build/$(1)/%.d)
endef
$(foreach variant,$(VARIANTS),$(eval $(call core_variant,$(variant))))

build/release/libropewalk.so.$(VERSION): build/release/libropewalk.a tools/ropewalk.map
	$(LINK) -shared -o $@ -Wl,-soname,libropewalk.so.$(SOVERSION) -Wl,--version-script=tools/ropewalk.map \
	    -Wl,--whole-archive $< -Wl,--no-whole-archive -Wl,-z,defs $(LDFLAGS) $(CORE_LIBS)
	@ln -sf $(@F) build/release/libropewalk.so.$(SOVERSION)
	@ln -sf $(@F) build/release/libropewalk.so
