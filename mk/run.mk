# SPDX-License-Identifier: MIT
#
# run.mk - the demonstration and the benchmarks.

DEMO_ENV = $(subst ~, ,$(call python_env,$(firstword $(PYTHONS))))

.PHONY: demo bench
demo: all lua python-release-$(firstword $(PYTHONS))
	$(DEMO_ENV) $(PYTHON) examples/chat/demo.py $(DEMO)

bench: all lua python
	$(DEMO_ENV) $(PYTHON) bench/run.py $(BENCH)

#: demo           the chat room: C accepts, Lua parses, Python keeps the room; 200 clients check it
#: bench          every figure of the README side by side with its peers; BENCH= passes options
