# SPDX-License-Identifier: MIT
#
# install.mk - what a distribution packages. DESTDIR stages, PREFIX is where it will live.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
SWIGDIR ?= $(PREFIX)/share/ropewalk/swig
LUA_SHARE ?= $(PREFIX)/share/lua
LUA_LIB ?= $(PREFIX)/lib/lua
INSTALL ?= install

LUA_PURE := $(shell find lua -name '*.lua' 2>/dev/null)
# Where a Lua looks; LuaJIT shares 5.1's directory for pure modules, and its C module has the ABI of 5.1.
lua_install_abis := $(filter-out luajit,$(LUAS)) $(if $(filter 5.1,$(LUAS)),,$(if $(filter luajit,$(LUAS)),5.1))
lua_build_of = $(if $(filter $(1),$(LUAS)),$(1),luajit)

build/%.pc: tools/%.pc.in include/ropewalk.h FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' -e 's|@SWIGDIR@|$(SWIGDIR)|' $< > $@

.PHONY: install install-core install-lua install-cases uninstall dist
install: install-core install-lua install-cases

install-core: all build/ropewalk.pc build/ropewalk-module.pc build/kit/stamp
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/ropewalk $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -m 644 include/ropewalk.h $(DESTDIR)$(INCLUDEDIR)/
	$(INSTALL) -m 644 include/ropewalk/*.h bindings/swig/ropewalk/*.h build/kit/ropewalk/* $(DESTDIR)$(INCLUDEDIR)/ropewalk/
	$(INSTALL) -d $(DESTDIR)$(SWIGDIR)/ropewalk
	$(INSTALL) -m 644 bindings/swig/ropewalk.i $(DESTDIR)$(SWIGDIR)/
	$(INSTALL) -m 644 bindings/swig/ropewalk/*.i $(DESTDIR)$(SWIGDIR)/ropewalk/
	$(INSTALL) -m 644 build/release/libropewalk.a $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 755 build/release/libropewalk.so.$(VERSION) $(DESTDIR)$(LIBDIR)/
	ln -sf libropewalk.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libropewalk.so.$(SOVERSION)
	ln -sf libropewalk.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libropewalk.so
	$(INSTALL) -m 644 build/ropewalk.pc build/ropewalk-module.pc $(DESTDIR)$(LIBDIR)/pkgconfig/

install-lua: lua
	@for abi in $(lua_install_abis); do \
	    for file in $(LUA_PURE:lua/%=%); do \
	        $(INSTALL) -D -m 644 lua/$$file $(DESTDIR)$(LUA_SHARE)/$$abi/$$file || exit 1; \
	    done; \
	done
	$(foreach abi,$(lua_install_abis),$(INSTALL) -D -m 755 build/lua/$(call lua_build_of,$(abi))/ropewalk/core.so \
	    $(DESTDIR)$(LUA_LIB)/$(abi)/ropewalk/core.so;)

# The runner of behaviour cases in C, where `python -m ropewalk.harness` looks for it.
install-cases: build/release/tests/cases/run_cases
	$(INSTALL) -D -m 755 $< $(DESTDIR)$(BINDIR)/ropewalk-cases

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/ropewalk-cases
	rm -f $(DESTDIR)$(INCLUDEDIR)/ropewalk.h $(DESTDIR)$(LIBDIR)/libropewalk.* $(DESTDIR)$(LIBDIR)/pkgconfig/ropewalk.pc \
	    $(DESTDIR)$(LIBDIR)/pkgconfig/ropewalk-module.pc
	rm -rf $(DESTDIR)$(INCLUDEDIR)/ropewalk $(DESTDIR)$(SWIGDIR)
	rm -rf $(foreach abi,5.1 5.2 5.3 5.4 5.5,$(DESTDIR)$(LUA_SHARE)/$(abi)/ropewalk $(DESTDIR)$(LUA_LIB)/$(abi)/ropewalk)

dist: build/kit/surface_lua.c build/kit/surface_python.c
	@mkdir -p dist
	git archive --format=tar.gz --prefix=ropewalk-$(VERSION)/$(SURFACE_MADE)/ $(^:%=--add-file=%) \
	    --prefix=ropewalk-$(VERSION)/ -o dist/ropewalk-$(VERSION).tar.gz HEAD

#: install        headers, libraries, ropewalk.pc, the Lua modules and ropewalk-cases; DESTDIR= and PREFIX= as usual
#: uninstall      remove them
#: dist           dist/ropewalk-<version>.tar.gz of what is committed, and of what SWIG makes of it
