# SPDX-License-Identifier: MIT
#
# run.mk - the demonstration and the benchmarks.

DEMO_ENV = $(subst ~, ,$(call python_env,$(firstword $(PYTHONS))))

# The examples see what a user sees: the door, and the library.
EXAMPLE_SRC := $(sort $(wildcard examples/c/*.c examples/chat/*.c))
EXAMPLES := $(EXAMPLE_SRC:%.c=build/release/%)

build/release/examples/%.o: examples/%.c build/config.mk
	@mkdir -p $(@D)
	$(COMPILE) $(BASE_CFLAGS) $(CFLAGS_release) -Iinclude $(CFLAGS) -c -o $@ $<

$(EXAMPLES): %: %.o build/release/libropewalk.a
	$(LINK) -o $@ $^ $(CORE_LIBS)
-include $(EXAMPLES:%=%.d)

.PHONY: demo bench examples
examples: $(EXAMPLES)

demo: all lua python-release-$(firstword $(PYTHONS))
	$(DEMO_ENV) $(PYTHON) examples/chat/demo.py $(DEMO)

# ---- benchmarks: against the public library only, optimised; a peer that is not installed is left out ------------

BENCH_PROGRAMS := $(patsubst bench/c/%.c,build/bench/%,$(filter-out bench/c/echo_uv.c,$(sort $(wildcard bench/c/*.c)))) \
    $(if $(wildcard /usr/include/uv.h),build/bench/echo_uv)
BENCH_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -Iinclude
BENCH_ENV = PYTHONPATH=build/python/$(firstword $(PYTHONS)):$(firstword $(wildcard $(CURDIR)/build/venv/lib/python$(firstword $(PYTHONS))/site-packages)) \
    PYTHONDONTWRITEBYTECODE=1 PYTHONASYNCIODEBUG= $(foreach abi,$(LUAS),BENCH_LUA_$(abi)=$(LUA_$(abi)))

build/bench/echo_uv: BENCH_LIBS := -luv
build/bench/%: bench/c/%.c bench/c/bench.h build/release/libropewalk.a
	@mkdir -p $(@D)
	$(COMPILE:$(CCACHE)=) $(BENCH_CFLAGS) -o $@ $< build/release/libropewalk.a $(BENCH_LIBS) $(CORE_LIBS)

BENCH_PROGRAMS += $(foreach abi,$(LUAS),build/bench/bare-$(abi))
build/bench/bare-%: bench/lua/bare.c bench/c/bench.h
	@mkdir -p $(@D)
	$(COMPILE:$(CCACHE)=) $(BENCH_CFLAGS) $(LUA_$*_CFLAGS) -o $@ $< $(LUA_$*_LIBS)

# Calls through SWIG's wrappers, and written by hand: the first SWIG, the first Python, every Lua.
KIT_BENCH_PYTHON := $(firstword $(PYTHONS))
KIT_BENCH_SRC := tests/ext/kit.c tests/ext/kit_misuse.c
KIT_BENCH_CC = $(COMPILE:$(CCACHE)=) -std=gnu11 -O2 -g -fPIC -shared -w -DROPEWALK_MODULE -Ibuild/kit/include -Itests/ext
build/bench/kit/_kit$(PYTHON_$(KIT_BENCH_PYTHON)_SUFFIX): build/ext/$(firstword $(SWIGS))/gen/kit_python.c $(KIT_BENCH_SRC)
	@mkdir -p $(@D) && cp build/ext/$(firstword $(SWIGS))/gen/kit.py $(@D)/
	$(KIT_BENCH_CC) $(PYTHON_$(KIT_BENCH_PYTHON)_CFLAGS) -o $@ $(filter %.c,$^) -pthread
build/bench/kit/byhand$(PYTHON_$(KIT_BENCH_PYTHON)_SUFFIX): bench/kit/byhand_python.c $(KIT_BENCH_SRC) build/kit/include.stamp
	@mkdir -p $(@D)
	$(KIT_BENCH_CC) $(PYTHON_$(KIT_BENCH_PYTHON)_CFLAGS) -o $@ $(filter %.c,$^) -pthread
build/bench/kit/lua-%/kit.so: build/ext/$(firstword $(SWIGS))/gen/kit_lua.c $(KIT_BENCH_SRC)
	@mkdir -p $(@D)
	$(KIT_BENCH_CC) $(LUA_$*_CFLAGS) -o $@ $(filter %.c,$^) -pthread
build/bench/kit/lua-%/byhand.so: bench/kit/byhand_lua.c $(KIT_BENCH_SRC) build/kit/include.stamp
	@mkdir -p $(@D)
	$(KIT_BENCH_CC) $(LUA_$*_CFLAGS) -o $@ $(filter %.c,$^) -pthread
BENCH_KIT := $(if $(SWIGS),$(foreach name,_kit byhand,build/bench/kit/$(name)$(PYTHON_$(KIT_BENCH_PYTHON)_SUFFIX)) \
    $(foreach abi,$(LUAS),build/bench/kit/lua-$(abi)/kit.so build/bench/kit/lua-$(abi)/byhand.so))

# The exit status does not matter: without cargo, or without a network the first time, tokio is named as missing.
.PHONY: bench-tokio bench-programs
bench-tokio:
	-@cd bench/tokio && CARGO_TARGET_DIR=$(CURDIR)/build/tokio-target cargo build --release --quiet
bench-programs: $(BENCH_PROGRAMS) bench-tokio

# A module that does not build is a figure that is missing, not the end of the run.
bench: bench-programs
	-@$(MAKE) --no-print-directory -k lua python-release-$(firstword $(PYTHONS)) $(BENCH_KIT)
	env $(BENCH_ENV) $(PYTHON) bench/run.py $(if $(QUICK),--quick) $(BENCH)

#: demo           the chat room: C accepts, Lua parses, Python keeps the room; 200 clients check it
#: bench          every figure of the README side by side with its peers; QUICK=1 is short, BENCH= passes options
