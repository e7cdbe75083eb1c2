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

bench: all lua python
	$(DEMO_ENV) $(PYTHON) bench/run.py $(BENCH)

#: examples       build/release/examples/c/*
#: demo           the chat room: C accepts, Lua parses, Python keeps the room; 200 clients check it
#: bench          every figure of the README side by side with its peers; BENCH= passes options
