# SPDX-License-Identifier: MIT
#
# Makefile - build, check, test, install.
#
# Every variant of the core has a directory of its own under build/ (release, checked, asan, tsan), so that each object
# is compiled once per variant and changing variants rebuilds nothing. The lists are wildcards: a new .c file, test or
# case is found by its place in the tree. What the machine has (compilers, Pythons, Luas) is looked up once by
# tools/configure.sh and kept in build/config.mk.
#
#   make              the library, static and shared
#   make lua python   the modules, for every Lua and Python found
#   make check        formatting, warnings of two compilers, layers, style, linters
#   make test         every suite on every interpreter; `make help` lists the rest

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := $(shell sed -n 's/.*RW_VERSION_STRING "\(.*\)"/\1/p' include/ropewalk.h)
SOVERSION := 0

# The makers of build/config.mk run before anything else is decided, except where no machine is needed.
ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
include build/config.mk
endif

# What a newcomer runs first installs what it needs (DEPS=no: is told, by what fails), and before the machine is looked at.
ifneq ($(DEPS),no)
ifneq ($(filter bench,$(MAKECMDGOALS)),)
build/config.mk: build/deps-bench.ok
endif
ifneq ($(filter check test test-ext test-san,$(MAKECMDGOALS)),)
build/config.mk: build/deps-test.ok
endif
ifneq ($(filter demo test-lua test-python test-cases,$(MAKECMDGOALS)),)
build/config.mk: build/deps.ok
endif
endif

build/deps.ok build/deps-test.ok build/deps-bench.ok: build/deps%.ok: tools/deps.sh tools/configure.sh
	@mkdir -p $(@D)
	@tools/deps.sh $(addprefix -,$*)
	@touch $@

build/config.mk: tools/configure.sh
	@mkdir -p $(@D)
	@tools/configure.sh > $@.new && mv $@.new $@

include mk/core.mk
include mk/lua.mk
include mk/python.mk
include mk/ext.mk
include mk/test.mk
include mk/pg.mk
include mk/run.mk
include mk/check.mk
include mk/install.mk

.PHONY: all lua python reconfigure clean help

all: build/release/libropewalk.a build/release/libropewalk.so.$(VERSION)

reconfigure:
	rm -f build/config.mk build/deps*.ok
	$(MAKE) build/config.mk

# The virtual environment with the linters stays: nothing in it is made from this tree.
clean:
	rm -rf $(filter-out build/venv build/tokio-target,$(wildcard build/*)) dist *.egg-info python/*.egg-info

help:
	@sed -n 's/^#:  *//p' Makefile mk/*.mk

#: all            libropewalk.a and libropewalk.so, optimised
#: lua            build/lua/<abi>/ropewalk/core.so for every Lua found
#: python         build/python/<version>/ropewalk for every Python found
#: reconfigure    look again for compilers and interpreters
#: clean          remove what was built
