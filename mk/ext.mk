# SPDX-License-Identifier: MIT
#
# ext.mk - modules made with the kit, for every SWIG, Python and Lua found: the kit's test module and the example.
#
# build/ext/<swig>/<host>/ holds a host's modules as they would be installed. Nothing of Ropewalk's is linked in. The directory
# build/kit/include is the include directory of an installed Ropewalk, in links. Below build/asan/ext/ are the same with the
# address sanitizer in them, made by one SWIG for one Lua and one Python.

EXT_FLAGS = -std=gnu11 -O1 -g -fPIC -pthread -DROPEWALK_MODULE -Ibuild/kit/include
# What SWIG generates is not ours to warn of.
EXT_SWIG_FLAGS = $(EXT_FLAGS) -w
SWIG_FLAGS := -Ibindings/swig -Iinclude

build/kit/include.stamp: build/kit/stamp $(wildcard include/ropewalk/*.h bindings/swig/*.i bindings/swig/ropewalk/*)
	@rm -rf build/kit/include build/kit/swig && mkdir -p build/kit/include/ropewalk build/kit/swig/ropewalk
	@ln -s $(CURDIR)/include/ropewalk.h build/kit/include/
	@ln -s $(CURDIR)/include/ropewalk/*.h $(CURDIR)/bindings/swig/ropewalk/*.h $(CURDIR)/build/kit/ropewalk/* build/kit/include/ropewalk/
	@ln -s $(CURDIR)/bindings/swig/ropewalk.i build/kit/swig/
	@ln -s $(CURDIR)/bindings/swig/ropewalk/*.i build/kit/swig/ropewalk/
	@touch $@

# The hosts that are run under the address sanitizer: the bindings are the same C on the others.
ASAN_LUA := $(filter 5.4,$(LUAS))
ASAN_PYTHON := $(filter 3.11,$(PYTHONS))
ASAN_SWIG := $(firstword $(SWIGS))

# $(1) name, $(2) directory of its .i and .c files, $(3) libraries, $(4) flags, $(5) SWIG's version
define ext_module
$(foreach version,$(PYTHONS),$(call ext_python,$(1),$(2),$(3),$(4),$(5),$(version),build/ext/$(5),ext-modules))
$(foreach abi,$(LUAS),$(call ext_lua,$(1),$(2),$(3),$(4),$(5),$(abi),build/ext/$(5),ext-modules))
$(if $(filter $(5),$(ASAN_SWIG)),$(call ext_asan_module,$(1),$(2),$(3),$(4) $(CFLAGS_asan),$(5)))
endef

define ext_asan_module
$(foreach version,$(ASAN_PYTHON),$(call ext_python,$(1),$(2),$(3),$(4),$(5),$(version),build/asan/ext,ext-asan-modules))
$(foreach abi,$(ASAN_LUA),$(call ext_lua,$(1),$(2),$(3),$(4),$(5),$(abi),build/asan/ext,ext-asan-modules))
endef

# The generated C is the same for all versions of a language.
define ext_sources
build/ext/$(5)/gen/$(1)_python.c: $(2)/$(1).i build/kit/include.stamp $(wildcard $(2)/*.h)
	@mkdir -p $$(@D)
	$$(call say,SWIG) $(SWIG_$(5)) -python -fastproxy $(SWIG_FLAGS) -I$(2) -outdir $$(@D) -o $$@ $$<

build/ext/$(5)/gen/$(1)_lua.c: $(2)/$(1).i build/kit/include.stamp $(wildcard $(2)/*.h)
	@mkdir -p $$(@D)
	$$(call say,SWIG) $(SWIG_$(5)) -lua $(SWIG_FLAGS) -I$(2) -o $$@ $$<
endef

# Also $(6) the host's version, $(7) where it goes, $(8) the target that it is a part of
define ext_python
$(7)/python-$(6)/_$(1)$$(PYTHON_$(6)_SUFFIX): build/ext/$(5)/gen/$(1)_python.c $(filter-out $(wildcard $(2)/test_*.c),$(wildcard $(2)/*.c)) build/config.mk
	@mkdir -p $$(@D)
	@cp build/ext/$(5)/gen/$(1).py $$(@D)/
	$$(call say,EXT) $$(CC) $$(EXT_SWIG_FLAGS) -shared -o $$@ -I$(2) $(4) $$(subst -I,-isystem ,$$(PYTHON_$(6)_CFLAGS)) $$(filter %.c,$$^) $(3)
$(8): $(7)/python-$(6)/_$(1)$$(PYTHON_$(6)_SUFFIX)

endef

define ext_lua
$(7)/lua-$(6)/$(1).so: build/ext/$(5)/gen/$(1)_lua.c $(filter-out $(wildcard $(2)/test_*.c),$(wildcard $(2)/*.c)) build/config.mk
	@mkdir -p $$(@D)
	$$(call say,EXT) $$(CC) $$(EXT_SWIG_FLAGS) -shared -o $$@ -I$(2) $(4) $$(LUA_$(6)_CFLAGS) $$(filter %.c,$$^) $(3)
$(8): $(7)/lua-$(6)/$(1).so

endef

.PHONY: ext-modules ext-asan-modules
ext-modules: python lua
	@:
ext-asan-modules:
	@:
$(foreach swig,$(SWIGS),$(eval $(call ext_sources,kit,tests/ext,,,$(swig)))$(eval $(call ext_module,kit,tests/ext,-pthread,,$(swig))))

# The library's own module, once more outside of it.
SURFACE_FLAGS := -Ibindings -Iinclude
$(foreach swig,$(SWIGS),build/ext/$(swig)/gen/surface_python.c build/ext/$(swig)/gen/surface_lua.c): bindings/surface.c bindings/surface.h
$(foreach swig,$(SWIGS),$(eval $(call ext_sources,surface,bindings/swig,,,$(swig)))$(eval $(call ext_module,surface,bindings/swig,,$(SURFACE_FLAGS),$(swig))))

ifneq ($(and $(LIBPQ_LIBS),$(wildcard examples/extension/pg.i)),)
$(foreach swig,$(SWIGS),$(eval $(call ext_sources,pg,examples/extension,,,$(swig)))$(eval $(call ext_module,pg,examples/extension,$(LIBPQ_LIBS),$(LIBPQ_CFLAGS),$(swig))))
endif
