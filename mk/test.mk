# SPDX-License-Identifier: MIT
#
# test.mk - every suite, and who runs it.
#
# A suite is one command that prints `N passed, N failed, N skipped` last. tools/run_suites.py runs a list of them, two
# at a time, and totals. A list is a file of lines `group/name | seconds | command`, written under build/suites, so
# that each target below is a choice of lists. Programs:
#
#   tests/{core,model,regress}/**/test_*.c           one executable each, linked to the static library of a variant;
#   tests/bindings/test_*.c                          the same, with what all hosts share linked in;
#   tests/cases/run_*.c, test_*.c                    the behaviour cases in C, on tests/harness;
#   tests/fuzz/fuzz_*.c                              libFuzzer targets, with a plain driver under RW_FUZZ_STANDALONE;
#   tests/lua/test_*.lua, tests/python/test_*.py     one process each, on every interpreter.
#
# Any other .c below one of those directories goes into an archive that its programs are linked to; that of
# tests/harness also serves the cases and the fuzzers.

UNIT_TOPS := core model regress bindings
TEST_TOPS := $(UNIT_TOPS) cases harness fuzz
RUN_SUITES = $(PYTHON) tools/run_suites.py $(if $(TOTALS),--append $(TOTALS)) $(if $(ONLY),--only $(ONLY))

# What a full run names; the first of these must be there, on a machine whose own packages are tested. The matrix says
# which it needs.
NEED_PYTHONS ?= 3.11
NEED_LUAS ?= 5.1 5.2 5.3 5.4 luajit
need = $(if $(filter $(1),$(2)),need,have)
TOOLS = --tool "need:cc=$(shell command -v $(CC))" --tool "have:clang=$(CLANG)" \
    $(foreach swig,$(or $(SWIGS),missing),--tool "need:swig-$(swig)=$(SWIG_$(swig))") \
    $(foreach abi,5.1 5.2 5.3 5.4 5.5 luajit,--tool "$(call need,$(abi),$(NEED_LUAS)):lua-$(abi)=$(LUA_$(abi))") \
    $(foreach version,3.11 3.12 3.13 3.14 3.15,--tool "$(call need,$(version),$(NEED_PYTHONS)):python-$(version)=$(PYTHON_$(version))")

tests_in = $(sort $(foreach pattern,$(2),$(wildcard tests/$(1)/$(pattern) tests/$(1)/*/$(pattern) tests/$(1)/*/*/$(pattern))))
$(foreach top,$(UNIT_TOPS) harness,$(eval test_main_$(top) := $(call tests_in,$(top),test_*.c)))
test_main_cases := $(call tests_in,cases,test_*.c run_*.c)
test_main_fuzz := $(call tests_in,fuzz,fuzz_*.c)
own_support = $(filter-out $(test_main_$(1)),$(call tests_in,$(1),*.c))
# The directories whose archives a directory's programs use.
support_of = $(foreach top,$(1) $(if $(filter cases fuzz,$(1)),harness),$(if $(call own_support,$(top)),$(top)))
TEST_C := $(foreach top,$(TEST_TOPS),$(test_main_$(top)) $(call own_support,$(top)))

TEST_INCLUDES := $(CORE_INCLUDES) -Ibindings -Itests -Itests/core -Itests/harness
TEST_CFLAGS := -DRW_FUZZ_STANDALONE=1 -DRW_TEST_DATA='"tests"'

# $(1) variant, $(2) top directory
programs = $(patsubst %.c,build/$(1)/%,$(test_main_$(2)))

define test_variant
build/$(1)/tests/%.o: tests/%.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) $$(TEST_INCLUDES) $$(TEST_CFLAGS) $$(CFLAGS) -c -o $$@ $$<
-include $$(TEST_C:%.c=build/$(1)/%.d)
endef

define test_programs
$(call programs,$(1),$(2)): build/$(1)/%: build/$(1)/%.o \
    $(foreach top,$(call support_of,$(2)),build/$(1)/tests/$(top).a) \
    $(if $(filter bindings,$(2)),$(HOST_SRC:%.c=build/$(1)/%.o)) build/$(1)/libropewalk.a
	$$(LINK) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(LDFLAGS_$(1)) $$(CORE_LIBS)
endef

define test_archive
build/$(1)/tests/$(2).a: $(patsubst %.c,build/$(1)/%.o,$(call own_support,$(2)))
	@rm -f $$@
	$$(call say,AR) $$(AR) rcs $$@ $$^
endef
$(foreach variant,$(VARIANTS),$(eval $(call test_variant,$(variant)))\
    $(foreach top,$(TEST_TOPS),$(eval $(call test_archive,$(variant),$(top)))\
        $(if $(test_main_$(top)),$(eval $(call test_programs,$(variant),$(top))))))

# ---- how each kind of suite is run -----------------------------------------------------------------------------------


# $(1) file name of the list, $(2) lines
write_list = $(shell mkdir -p build/suites)$(file >build/suites/$(1))$(foreach line,$(2),$(file >>build/suites/$(1),$(subst ~, ,$(line))))

SANITIZER_ENV := ASAN_OPTIONS=detect_leaks=1:abort_on_error=0~UBSAN_OPTIONS=print_stacktrace=1~TSAN_OPTIONS=halt_on_error=1

# $(1) variant, $(2) top directory, $(3) seconds: lines for C programs (a tilde stands for a blank)
c_lines = $(foreach program,$(call programs,$(1),$(2)),$(2)-$(1)/$(notdir $(program))~|~$(3)~|~$(SANITIZER_ENV)~$(program)$(if $(filter fuzz,$(2)),~-runs=2000))

lua_env = LUA_INIT=~LUA_PATH="lua/?.lua;lua/?/init.lua;tests/lua/?.lua;;"~LUA_CPATH="build/lua/$(1)/?.so;;"
LUA_TESTS := $(sort $(wildcard tests/lua/test_*.lua))
lua_lines = $(foreach abi,$(LUAS),$(foreach test,$(LUA_TESTS),lua-$(abi)/$(basename $(notdir $(test)))~|~120~|~$(call lua_env,$(abi))~$(LUA_$(abi))~$(test))) \
    $(foreach abi,$(LUAS),lua-$(abi)/oom~|~120~|~$(call lua_env,$(abi))~build/release/oom/$(abi)~tests/oom/cases.lua)

# The Lua binding in a program that has its memory run out.
define oom_program
build/$(1)/oom/$(2).o: tests/oom/run_oom.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) -Iinclude $$(LUA_$(2)_CFLAGS) $$(CFLAGS) -c -o $$@ $$<
-include build/$(1)/oom/$(2).d

build/$(1)/oom/$(2): build/$(1)/oom/$(2).o $$(call lua_objects,$(1),$(2)) $$(HOST_SRC:%.c=build/$(1)/%.o) build/$(1)/libropewalk.a
	$$(LINK) -o $$@ $$(filter %.o %.a,$$^) $$(LUA_$(2)_LIBS) $$(LDFLAGS_$(1)) $$(CORE_LIBS) -lm -Wl,-E
endef
$(foreach abi,$(LUAS),$(foreach variant,release asan,$(eval $(call oom_program,$(variant),$(abi)))))

python_env = PYTHONPATH=build/python/$(1):tests/python~PYTHONDONTWRITEBYTECODE=1~PYTHONASYNCIODEBUG=
PYTHON_TESTS := $(sort $(wildcard tests/python/test_*.py))
python_lines = $(foreach version,$(PYTHONS),$(foreach test,$(PYTHON_TESTS),python-$(version)/$(basename $(notdir $(test)))~|~180~|~$(call python_env,$(version))~$(PYTHON_$(version))~$(test)))

# The behaviour cases: one data set, a runner per language, and the matrix of producer and consumer languages.
CASES := $(sort $(wildcard tests/cases/*.case))
cases_lines = $(call c_lines,checked,cases,120) \
    $(foreach abi,$(LUAS),cases-lua-$(abi)/cases~|~120~|~$(call lua_env,$(abi))~$(LUA_$(abi))~tests/cases/run_cases.lua) \
    $(foreach version,$(PYTHONS),cases-python-$(version)/cases~|~300~|~$(call python_env,$(version))~$(PYTHON_$(version))~-m~ropewalk.harness~tests/cases) \
    $(if $(filter-out none,$(ROPEWALK_LUA)),$(foreach version,$(PYTHONS),cases-matrix-$(version)/matrix~|~300~|~PYTHONPATH=build/matrix/$(version)~PYTHONDONTWRITEBYTECODE=1~$(PYTHON_$(version))~tests/matrix/run_matrix.py))

# The Python module once more, with tasks of cases in C inside: one library under two names, so that both have one core.
HARNESS_OBJECTS := $(patsubst tests/%.c,build/release/tests/%.o,$(filter-out tests/harness/test_%,$(wildcard tests/harness/*.c)))

define matrix_module
build/matrix/$(1)/module.o: tests/matrix/module.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_release) $$(TEST_INCLUDES) $$(subst -I,-isystem ,$$(PYTHON_$(1)_CFLAGS)) $$(CFLAGS) -c -o $$@ $$<
-include build/matrix/$(1)/module.d

build/matrix/$(1)/stamp: build/matrix/$(1)/module.o $$(HARNESS_OBJECTS) $$(call python_objects,release,$(1)) \
    $$(HOST_SRC:%.c=build/release/%.o) $$(call python_lua_objects,release) build/release/libropewalk.a | python-release-$(1)
	@rm -rf $$(@D)/ropewalk && mkdir -p $$(@D)/ropewalk
	@ln -s $$(CURDIR)/build/python/$(1)/ropewalk/* $$(@D)/ropewalk/ && rm -f $$(@D)/ropewalk/_ropewalk$$(PYTHON_$(1)_SUFFIX)
	$$(LINK) -shared -o $$(@D)/ropewalk/_ropewalk$$(PYTHON_$(1)_SUFFIX) -Wl,--version-script=tools/module.map $$(filter %.o %.a,$$^) \
	    $$(PYTHON_LUA_LIBS) $$(CORE_LIBS) -lm
	@ln -f $$(@D)/ropewalk/_ropewalk$$(PYTHON_$(1)_SUFFIX) $$(@D)/ropewalk/_cases$$(PYTHON_$(1)_SUFFIX)
	@touch $$@
endef
$(foreach version,$(PYTHONS),$(eval $(call matrix_module,$(version))))

# Modules made with the kit, by every SWIG for every host.
EXT_PYTHON_TESTS := $(sort $(wildcard tests/ext/test_*.py))
EXT_LUA_TESTS := $(sort $(wildcard tests/ext/test_*.lua))
with_server = $(if $(findstring test_pg,$(1)),$(WITH_POSTGRES)~)
ext_lines = $(foreach swig,$(SWIGS), \
    $(foreach version,$(PYTHONS),$(foreach test,$(EXT_PYTHON_TESTS),ext-swig$(swig)-python-$(version)/$(basename $(notdir $(test)))~|~120~|~$(subst PYTHONPATH=,PYTHONPATH=build/ext/$(swig)/python-$(version):,$(call python_env,$(version)))~$(call with_server,$(test))$(PYTHON_$(version))~$(test))) \
    $(foreach abi,$(LUAS),$(foreach test,$(EXT_LUA_TESTS),ext-swig$(swig)-lua-$(abi)/$(basename $(notdir $(test)))~|~120~|~$(subst LUA_CPATH=",LUA_CPATH="build/ext/$(swig)/lua-$(abi)/?.so;,$(call lua_env,$(abi)))~$(call with_server,$(test))$(LUA_$(abi))~$(test))))

# Seeds in ranges, so that two run at a time; a few hundred are part of test-core.
SEEDS ?= 10000
SIM_PROGRAM := $(filter %/sim/test_seeds,$(call programs,checked,core))
sim_lines = $(foreach part,0 1 2 3,$(foreach program,$(SIM_PROGRAM),sim/seeds-$(part)~|~1200~|~RW_SEEDS=$(shell expr $(SEEDS) / 4)~RW_SEED_FIRST=$(shell expr $(SEEDS) / 4 '*' $(part) + 1)~$(program)))

tools_lines = $(foreach test,$(sort $(wildcard tests/tools/test_*.py)),tools/$(basename $(notdir $(test)))~|~900~|~PYTHONPATH=tools:tests/tools~CC=$(CC)~$(PYTHON)~$(test))

.PHONY: suites
suites:
	@$(call write_list,core,$(foreach top,$(UNIT_TOPS) harness,$(call c_lines,checked,$(top),120)) $(call c_lines,asan,fuzz,60))
	@$(call write_list,lua,$(lua_lines))
	@$(call write_list,python,$(python_lines))
	@$(call write_list,cases,$(cases_lines))
	@$(call write_list,ext,$(ext_lines))
	@$(call write_list,sim,$(sim_lines))
	@$(call write_list,san-core,$(foreach variant,asan tsan,$(foreach top,$(UNIT_TOPS) cases,$(call c_lines,$(variant),$(top),300))))
	@$(call write_list,san-hosts,$(asan_host_lines))
	@$(call write_list,tools,$(tools_lines))

# ---- the hosts under the address sanitizer ---------------------------------------------------------------------------
#
# One Lua and one Python, and the modules made with the kit in them. The interpreters themselves are not instrumented,
# so the runtime is preloaded (into the test alone, not into the server it may need); Python's own arenas are off, and its
# leaks at exit are its own.

ASAN_RUNTIME := $(foreach name,asan stdc++,$(shell $(CC) -print-file-name=lib$(name).so))
asan_preload = LD_PRELOAD="$(subst $(eval ) ,~,$(ASAN_RUNTIME))"
with_libpq = $(filter-out $(if $(LIBPQ_LIBS),,tests/ext/test_pg%),$(1))
# $(1) version, $(2) a directory of modules in front of the package's, or nothing
asan_lua_env = $(SANITIZER_ENV)~$(subst LUA_CPATH=",LUA_CPATH="$(2),$(subst build/lua,build/asan/lua,$(call lua_env,$(1))))~$(asan_preload)
asan_python_env = ASAN_OPTIONS=detect_leaks=0~PYTHONMALLOC=malloc~$(subst PYTHONPATH=,PYTHONPATH=$(2),$(subst build/python,build/asan/python,$(call python_env,$(1))))~$(asan_preload)
asan_host_lines = \
    $(foreach abi,$(ASAN_LUA),$(foreach test,$(LUA_TESTS) tests/cases/run_cases.lua,lua-$(abi)-asan/$(basename $(notdir $(test)))~|~300~|~$(call asan_lua_env,$(abi))~$(LUA_$(abi))~$(test))) \
    $(foreach version,$(ASAN_PYTHON),$(foreach test,$(PYTHON_TESTS) -m~ropewalk.harness~tests/cases,python-$(version)-asan/$(basename $(notdir $(test)))~|~300~|~$(call asan_python_env,$(version))~$(PYTHON_$(version))~$(test))) \
    $(foreach abi,$(ASAN_LUA),lua-$(abi)-asan/oom~|~300~|~$(SANITIZER_ENV)~$(call lua_env,$(abi))~build/asan/oom/$(abi)~tests/oom/cases.lua) \
    $(foreach abi,$(ASAN_LUA),$(foreach test,tests/ext/checked.lua $(call with_libpq,$(EXT_LUA_TESTS)),ext-lua-$(abi)-asan/$(basename $(notdir $(test)))~|~300~|~$(call with_server,$(test))env~ROPEWALK_CHECKED=1~$(call asan_lua_env,$(abi),build/asan/ext/lua-$(abi)/?.so;)~$(LUA_$(abi))~$(test))) \
    $(foreach version,$(ASAN_PYTHON),$(foreach test,tests/ext/checked.py $(call with_libpq,$(EXT_PYTHON_TESTS)),ext-python-$(version)-asan/$(basename $(notdir $(test)))~|~300~|~$(call with_server,$(test))env~ROPEWALK_CHECKED=1~$(call asan_python_env,$(version),build/asan/ext/python-$(version):)~$(PYTHON_$(version))~$(test)))

# ---- what must be built before each list -----------------------------------------------------------------------------

.PHONY: built-core built-lua built-python built-cases built-ext built-sim built-san-core built-san-hosts built-tools
built-core: $(foreach top,$(UNIT_TOPS) harness,$(call programs,checked,$(top))) $(call programs,asan,fuzz)
built-lua: lua $(LUAS:%=build/release/oom/%)
built-python: python
built-cases: $(call programs,checked,cases) $(call programs,release,cases) lua python \
    $(if $(filter-out none,$(ROPEWALK_LUA)),$(foreach version,$(PYTHONS),build/matrix/$(version)/stamp))
built-ext: ext-modules
built-sim: $(SIM_PROGRAM)
built-san-core: $(foreach variant,asan tsan,$(foreach top,$(UNIT_TOPS) cases,$(call programs,$(variant),$(top))))
built-san-hosts: $(ASAN_LUA:%=build/asan/oom/%) $(foreach abi,$(ASAN_LUA),build/asan/lua/$(abi)/ropewalk/core.so) \
    $(foreach version,$(ASAN_PYTHON),python-asan-$(version)) ext-asan-modules
built-tools: all lua python

# ---- targets -----------------------------------------------------------------------------------------------------------

TEST_LISTS := core lua python cases ext sim san-core san-hosts tools

.PHONY: test test-core test-lua test-python test-cases test-ext test-sim test-san test-tools test-matrix soak
test: $(TEST_LISTS:%=built-%) suites
	$(RUN_SUITES) $(TOOLS) $(TEST_LISTS:%=build/suites/%)

test-core test-lua test-python test-cases test-ext test-sim test-tools: test-%: built-% suites
	$(RUN_SUITES) build/suites/$*

test-san: built-san-core built-san-hosts suites
	$(RUN_SUITES) build/suites/san-core build/suites/san-hosts

test-matrix:
	tools/matrix.sh $(if $(TOTALS),--append $(TOTALS))

# ---- fuzzing and soaking ---------------------------------------------------------------------------------------------

FUZZ_SECONDS ?= 600
FUZZERS := $(basename $(notdir $(test_main_fuzz)))
FUZZ_CFLAGS := -std=gnu11 -pthread -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DRW_CHECK_LEVEL=3 \
    -MMD -MP -DRW_TEST_DATA='"tests"' $(TEST_INCLUDES)
FUZZ_OBJECTS := $(CORE_SRC:%.c=build/fuzz/%.o) build/fuzz/core_table.o $(patsubst %.c,build/fuzz/%.o,$(foreach top,$(call support_of,fuzz),$(call own_support,$(top))))

build/fuzz/core_table.o: build/kit/core_table.c
	$(call say,CLANG) $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

build/fuzz/%.o: %.c build/config.mk
	@mkdir -p $(@D)
	$(call say,CLANG) $(CCACHE) $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZERS:%=build/fuzz/%): build/fuzz/%: build/fuzz/tests/fuzz/%.o $(FUZZ_OBJECTS)
	$(call say,LD) $(CLANG) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^
-include $(FUZZ_OBJECTS:.o=.d) $(FUZZERS:%=build/fuzz/tests/fuzz/%.d)

.PHONY: fuzz $(FUZZERS:%=fuzz-%)
fuzz: $(FUZZERS:%=fuzz-%)
$(FUZZERS:%=fuzz-%): fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	cd build/fuzz && ./$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 corpus/$* \
	    $(wildcard $(CURDIR)/tests/fuzz/corpus/$*) > $*.log 2>&1 || { tail -n 40 $*.log; exit 1; }
	@tail -n 8 build/fuzz/$*.log

# CPython's own tests of asyncio on our loop, where that Python ships them; minutes long.
.PHONY: conformance
conformance: python-release-3.13
	$(subst ~, ,$(call python_env,3.13)) $(PYTHON_3.13) tests/python/conformance.py $(CONFORMANCE)

# Ten times the seeds of test-sim.
soak:
	$(MAKE) test-sim SEEDS=100000

#: test           every suite on every interpreter; ends with `N passed, N failed, N skipped`
#: test-core test-lua test-python test-cases test-ext test-sim test-san test-tools    one part of it
#: test-matrix    the suites in a Debian forky root that tools/matrix.sh makes
#: fuzz           each fuzzer for FUZZ_SECONDS (600)
#: conformance    CPython 3.13's tests of asyncio on our loop; CONFORMANCE=test_events for one module
#: soak           the simulations with ten times the seeds of test-sim
