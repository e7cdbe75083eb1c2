# SPDX-License-Identifier: MIT
#
# lua.mk - the Lua modules, one per Lua ABI. No liblua is linked in: a module's Lua symbols come from its host.
#
# A module stays in memory when its state has closed it: a thread that completes a future may still be on its way out of it.
#
# Two variants: `release` in build/lua/<abi>, `asan` in build/asan/lua/<abi>.

HOST_SRC := $(sort $(wildcard bindings/*.c))
LUA_BINDING_SRC := $(sort $(wildcard bindings/lua/*.c))
BINDING_INCLUDES := -Iinclude -Ibindings -Ibindings/swig -Ibuild/kit

# What SWIG makes of bindings/swig/surface.i, for both languages; a release brings it along.
SURFACE_SWIG := $(SWIG_$(lastword $(SWIGS)))
SURFACE_MADE := bindings/swig/made
define surface_source
build/kit/surface_$(1).c: bindings/swig/surface.i $$(wildcard bindings/swig/*.i bindings/swig/ropewalk/*.i) include/ropewalk/err.h include/ropewalk/loop.h
	@mkdir -p $$(@D)
ifneq ($(wildcard $(SURFACE_MADE)/surface_$(1).c),)
	@cp $(SURFACE_MADE)/surface_$(1).c $$@
else
	$$(if $$(SURFACE_SWIG),,$$(error SWIG is missing, which makes the modules of bindings/swig/surface.i: tools/deps.sh))
	$$(call say,SWIG) $$(SURFACE_SWIG) -$(1) $(2) -Ibindings/swig -Iinclude -outdir $$(@D) -o $$@ $$<
endif
endef
$(eval $(call surface_source,lua,-nomoduleglobal))
$(eval $(call surface_source,python,-fastproxy -interface surface))

lua_dir_release := build/lua
lua_dir_asan := build/asan/lua

define host_variant
build/$(1)/bindings/%.o: bindings/%.c build/config.mk
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) $$(CFLAGS_$(1)) $$(BINDING_INCLUDES) $$(CFLAGS) -c -o $$@ $$<
-include $$(HOST_SRC:%.c=build/$(1)/%.d)
endef
$(foreach variant,$(VARIANTS),$(eval $(call host_variant,$(variant))))

# $(1) variant, $(2) ABI
lua_objects = $(LUA_BINDING_SRC:bindings/lua/%.c=$(lua_dir_$(1))/$(2)/obj/%.o)

define lua_module
$(lua_dir_$(1))/$(2)/obj/%.o: bindings/lua/%.c build/config.mk build/kit/stamp
	@mkdir -p $$(@D)
	$$(COMPILE) $$(BASE_CFLAGS) -fno-plt $$(CFLAGS_$(1)) $$(BINDING_INCLUDES) $$(LUA_$(2)_CFLAGS) $$(CFLAGS) -c -o $$@ $$<

$(lua_dir_$(1))/$(2)/obj/surface.o: build/kit/surface_lua.c

$(lua_dir_$(1))/$(2)/ropewalk/core.so: $$(call lua_objects,$(1),$(2)) $$(HOST_SRC:%.c=build/$(1)/%.o) \
    build/$(1)/libropewalk.a tools/module.map
	@mkdir -p $$(@D)
	$$(LINK) -shared -o $$@ -Wl,-z,nodelete -Wl,--version-script=tools/module.map $$(filter %.o %.a,$$^) $$(LDFLAGS_$(1)) $$(CORE_LIBS)
-include $$(patsubst %.o,%.d,$$(call lua_objects,$(1),$(2)))
endef
$(foreach abi,$(LUAS),$(foreach variant,release asan,$(eval $(call lua_module,$(variant),$(abi)))))

lua: $(foreach abi,$(LUAS),build/lua/$(abi)/ropewalk/core.so)
