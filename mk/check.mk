# SPDX-License-Identifier: MIT
#
# check.mk - what can be judged without running anything.
#
# Each part has a target of its own. A part whose tool is missing fails and says so: `tools/deps.sh` installs them.

VENV := build/venv/bin
C_FILES := $(sort $(shell find include core bindings tests bench examples -name '*.[ch]' 2>/dev/null))
PYTHON_FILES := $(wildcard setup.py) $(wildcard tools python tests bench examples)

# Clang parses everything a second time, for its warnings only: one stamp per source and, for bindings, per host.
CLANG_FLAGS = -fsyntax-only -std=gnu11 $(filter-out -Werror,$(WARNINGS)) -Werror -DRW_CHECK_LEVEL=3
CLANG_CHECKED := $(CORE_SRC:%.c=build/clang/%.ok) $(HOST_SRC:%.c=build/clang/%.ok) $(TEST_C:%.c=build/clang/%.ok) $(EXAMPLE_SRC:%.c=build/clang/%.ok) $(PG_CHECKED:%.c=build/clang/%.ok) $(patsubst build/bench/%,build/clang/bench/c/%.ok,$(filter-out build/bench/bare-%,$(BENCH_PROGRAMS))) \
    $(foreach abi,$(LUAS),build/clang/lua-$(abi)/bench/lua/bare.ok) \
    $(foreach abi,$(LUAS),$(LUA_BINDING_SRC:%.c=build/clang/lua-$(abi)/%.ok)) \
    $(foreach version,$(PYTHONS),$(PYTHON_BINDING_SRC:%.c=build/clang/python-$(version)/%.ok))

# $(1) directory of stamps, $(2) pattern of sources, $(3) flags
define clang_rule
$(1)/%.ok: %.c build/config.mk
	@mkdir -p $$(@D)
	$$(if $$(CLANG),,$$(error clang is missing: tools/deps.sh))
	$$(call say,CLANG) $$(CLANG) $$(CLANG_FLAGS) $(2) -MMD -MP -MT $$@ -MF $$(@:.ok=.d) $$<
	@touch $$@
endef
$(foreach abi,$(LUAS),build/clang/lua-$(abi)/bindings/lua/surface.ok): build/kit/surface_lua.c
$(eval $(call clang_rule,build/clang,$(CORE_INCLUDES) -Ibindings -Itests -Itests/core -Itests/harness -Iexamples/extension $(LIBPQ_CFLAGS) -DRW_FUZZ_STANDALONE=1 '-DRW_TEST_DATA="tests"'))
$(foreach abi,$(LUAS),$(eval $(call clang_rule,build/clang/lua-$(abi),$(BINDING_INCLUDES) $(LUA_$(abi)_CFLAGS))))
$(foreach version,$(PYTHONS),$(eval $(call clang_rule,build/clang/python-$(version),$(BINDING_INCLUDES) $(subst -I,-isystem ,$(PYTHON_$(version)_CFLAGS)) $(PYTHON_LUA_CFLAGS))))
-include $(CLANG_CHECKED:.ok=.d)

GCC_CHECKED := all lua python examples $(BENCH_PROGRAMS) $(foreach top,$(TEST_TOPS),$(call programs,checked,$(top))) $(PG_PROGRAMS)

.PHONY: check check-format check-gcc check-clang check-layers check-style check-lua check-python check-types check-stubs format
check: check-format check-gcc check-clang check-layers check-style check-lua check-python check-types check-stubs
	@echo "check: all clean"

check-format:
	$(if $(CLANG_FORMAT),,$(error clang-format-14 is missing: tools/deps.sh))
	@printf '%s\n' $(C_FILES) | xargs -r -n 16 -P 2 $(CLANG_FORMAT) --dry-run -Werror 2>&1 | grep '^[^ ]*: error' | \
	    cut -d: -f1 | sort | uniq -c | awk '{ print $$2 ": " $$1 " places differ from the layout: make format"; bad = 1 } END { exit bad }'

check-gcc: $(GCC_CHECKED)

check-clang: $(CLANG_CHECKED) build/clang/headers.ok

# Each part of the door stands alone, in C and in C++.
build/clang/headers.ok: $(wildcard include/*.h include/*/*.h) build/config.mk
	@mkdir -p $(@D)
	@for header in $(patsubst include/%,%,$(filter %.h,$^)); do \
	    echo "#include \"$$header\"" | $(CLANG) $(CLANG_FLAGS) -Iinclude -x c - && \
	    echo "#include \"$$header\"" | $(CLANG) -fsyntax-only -std=c++17 -Wall -Wextra -Wno-missing-field-initializers -Werror -Iinclude -x c++ - || exit 1; \
	done
	@touch $@

check-layers: build/release/libropewalk.a
	$(PYTHON) tools/check_layers.py --library $< .

check-style:
	$(PYTHON) tools/check_style.py .

check-lua:
	luacheck -q $(wildcard lua tests bench examples *.rockspec)

check-python: $(VENV)/ruff
	$(VENV)/ruff check --quiet $(PYTHON_FILES)
	$(VENV)/ruff format --quiet --check --diff $(PYTHON_FILES)

check-types: $(VENV)/mypy
	$(VENV)/mypy $(wildcard python/ropewalk) tools

ifneq ($(wildcard python/ropewalk),)
check-stubs: $(VENV)/mypy python-release-3.11
	cd build && PYTHONPATH=python/3.11 MYPYPATH=python/3.11 venv/bin/stubtest --concise --ignore-disjoint-bases \
	    $(if $(wildcard python/stubtest.allow),--allowlist $(CURDIR)/python/stubtest.allow) ropewalk._ropewalk ropewalk.surface
else
check-stubs:
endif

$(VENV)/%:
	@echo "$@ is missing: run tools/deps.sh" >&2; exit 1

format: $(VENV)/ruff
	$(CLANG_FORMAT) -i $(C_FILES)
	$(VENV)/ruff format $(PYTHON_FILES)

#: check          formatting, warnings of gcc and clang, layers, style, luacheck, ruff, mypy, stubtest
#: format         lay out C and Python as check-format wants it
