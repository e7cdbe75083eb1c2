# SPDX-License-Identifier: MIT
#
# python.mk - the Python package as tests use it: one directory per Python under build/python, from one tree.
#
# setup.py is the build that users get (pip, sdist); here the same sources are linked to the core that is compiled
# already. ROPEWALK_LUA chooses the Lua that rw.Lua() makes: 5.4, luajit, none; by default the first of these found.

PYTHON_BINDING_SRC := $(sort $(wildcard bindings/python/*.c))
PYTHON_PACKAGE := $(shell find python/ropewalk -name '*.py' -o -name '*.pyi' -o -name py.typed 2>/dev/null)

ifeq ($(origin ROPEWALK_LUA),undefined)
ROPEWALK_LUA := $(firstword $(filter 5.4 luajit,$(LUAS)) none)
endif
ifneq ($(ROPEWALK_LUA),none)
PYTHON_LUA_CFLAGS := -DRWP_WITH_LUA=1 $(LUA_$(ROPEWALK_LUA)_CFLAGS)
PYTHON_LUA_LIBS := $(LUA_$(ROPEWALK_LUA)_LIBS)
python_lua_objects = $(call lua_objects,$(1),$(ROPEWALK_LUA))
endif

# Another choice is another module.
build/lua.choice: FORCE
	@mkdir -p $(@D)
	@echo '$(ROPEWALK_LUA)' | cmp -s - $@ || echo '$(ROPEWALK_LUA)' > $@

python_dir_release := build/python
python_dir_asan := build/asan/python

# $(1) variant, $(2) version
python_objects = $(PYTHON_BINDING_SRC:bindings/python/%.c=$(python_dir_$(1))/$(2)/obj/%.o)
python_surface = $(python_dir_$(1))/$(2)/ropewalk/surface$(PYTHON_$(2)_SUFFIX)
python_module = $(python_dir_$(1))/$(2)/ropewalk/_ropewalk$(PYTHON_$(2)_SUFFIX)

define python_package
$(python_dir_$(1))/$(2)/obj/%.o: bindings/python/%.c build/config.mk build/lua.choice build/kit/stamp
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) $$(BINDING_INCLUDES) $$(subst -I,-isystem ,$$(PYTHON_$(2)_CFLAGS)) \
	    $$(PYTHON_LUA_CFLAGS) $$(CFLAGS) -c -o $$@ $$<

$(call python_module,$(1),$(2)): $$(call python_objects,$(1),$(2)) $$(HOST_SRC:%.c=build/$(1)/%.o) \
    $$(call python_lua_objects,$(1)) build/$(1)/libropewalk.a tools/module.map
	@mkdir -p $$(@D)
	$$(LINK) -shared -o $$@ -Wl,--version-script=tools/module.map $$(filter %.o %.a,$$^) $$(PYTHON_LUA_LIBS) \
	    $$(LDFLAGS_$(1)) $$(CORE_LIBS)
-include $$(patsubst %.o,%.d,$$(call python_objects,$(1),$(2)))

# A module of the kit like any other, installed inside the package.
$(call python_surface,$(1),$(2)): build/kit/surface_python.c bindings/surface.c bindings/surface.h build/kit/stamp tools/module.map
	@mkdir -p $$(@D)
	$$(LINK) -std=gnu11 -O2 -g -w -fPIC -fvisibility=hidden -DROPEWALK_MODULE $$(BINDING_INCLUDES) -shared -o $$@ -Wl,--version-script=tools/module.map \
	    $$(subst -I,-isystem ,$$(PYTHON_$(2)_CFLAGS)) $$<

# The pure part is linked, not copied: an edit is seen without a build.
$(python_dir_$(1))/$(2)/package.stamp: $$(PYTHON_PACKAGE) build/config.mk build/kit/include.stamp
	@mkdir -p $$(@D)/ropewalk
	@find $$(@D)/ropewalk -type l -delete
	@for file in $$(PYTHON_PACKAGE:python/%=%); do \
	    mkdir -p $$(@D)/$$$$(dirname $$$$file) && ln -sf $$(CURDIR)/python/$$$$file $$(@D)/$$$$file || exit 1; \
	done
	@ln -sfn $(CURDIR)/lua $$(@D)/ropewalk/lua
	@ln -sfn $(CURDIR)/build/kit/include $$(@D)/ropewalk/include
	@ln -sfn $(CURDIR)/build/kit/swig $$(@D)/ropewalk/swig
	@touch $$@

.PHONY: python-$(1)-$(2)
python-$(1)-$(2): $(call python_module,$(1),$(2)) $(call python_surface,$(1),$(2)) $(python_dir_$(1))/$(2)/package.stamp
endef
$(foreach version,$(PYTHONS),$(foreach variant,release asan,$(eval $(call python_package,$(variant),$(version)))))

python: $(foreach version,$(PYTHONS),python-release-$(version))
