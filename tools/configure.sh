#!/bin/sh
# SPDX-License-Identifier: MIT
#
# configure.sh - look once for the interpreters and compilers of this machine.
#
# Prints make variables; the Makefile keeps them in build/config.mk and asks again when this file changes (`make
# reconfigure` after installing something). A Python counts only with its headers, a Lua only with interpreter and
# headers. A distribution's Python is preferred to one in PATH, that one to pyenv's: the first is what users have, and
# what speed is measured on.
set -u

first_of() {
    for candidate in "$@"; do
        command -v "$candidate" 2>/dev/null && return 0
    done
    return 1
}

# A version has the headers when sysconfig's include directory holds Python.h.
python_usable() {
    [ -x "$1" ] && "$1" -c '
import os, sys, sysconfig
if sys.version_info[:2] != tuple(map(int, sys.argv[1].split("."))):
    sys.exit(1)
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' "$2" 2>/dev/null
}

find_python() {
    for candidate in "/usr/bin/python$1" "$(command -v "python$1" 2>/dev/null)" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if python_usable "$candidate" "$1"; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

describe_python() {
    "$2" - "$1" "$2" <<'PY'
import sys, sysconfig
version, path = sys.argv[1:]
var = sysconfig.get_config_var
print(f"PYTHON_{version} := {path}")
print(f"PYTHON_{version}_CFLAGS := -I{sysconfig.get_paths()['include']}")
print(f"PYTHON_{version}_SUFFIX := {var('EXT_SUFFIX')}")
PY
}

echo "# Made by tools/configure.sh; make reconfigure makes it again."

pythons=
for version in 3.11 3.12 3.13 3.14 3.15; do
    if path=$(find_python "$version"); then
        pythons="$pythons $version"
        describe_python "$version" "$path"
    fi
done
echo "PYTHONS :=$pythons"

luas=
for abi in 5.1 5.2 5.3 5.4 5.5 luajit; do
    case $abi in
        luajit) names=luajit package=luajit ;;
        *) names="lua$abi" package="lua$abi" ;;
    esac
    # Not every distribution has a .pc per version; lua-5.5 is the upstream spelling.
    for spelled in "$package" "$(echo "$package" | sed 's/^lua5/lua-5/')"; do
        pkg-config --exists "$spelled" 2>/dev/null && break
    done
    if interpreter=$(first_of $names) && pkg-config --exists "$spelled" 2>/dev/null; then
        luas="$luas $abi"
        echo "LUA_$abi := $interpreter"
        echo "LUA_${abi}_CFLAGS := $(pkg-config --cflags "$spelled" | sed 's/-I/-isystem /g')"
        echo "LUA_${abi}_LIBS := $(pkg-config --libs "$spelled")"
    fi
done
echo "LUAS :=$luas"

if pkg-config --exists libpq 2>/dev/null; then
    echo "LIBPQ_CFLAGS := $(pkg-config --cflags libpq | sed 's/-I/-isystem /g')"
    echo "LIBPQ_LIBS := $(pkg-config --libs libpq)"
fi

# Debian's and the one from PyPI, each version once.
swigs=
for candidate in /usr/bin/swig "$PWD/build/venv/bin/swig" swig; do
    version=$("$candidate" -version 2>/dev/null | sed -n 's/^SWIG Version //p')
    case " $swigs " in
        *" $version "*) ;;
        *)
            swigs="$swigs $version"
            echo "SWIG_$version := $(command -v "$candidate")"
            ;;
    esac
done
echo "SWIGS :=$swigs"

echo "CLANG := $(first_of clang-21 clang-19 clang-16 clang-14 clang)"
echo "CLANG_FORMAT := $(first_of clang-format-14)"
echo "CCACHE := $(command -v ccache 2>/dev/null)"
