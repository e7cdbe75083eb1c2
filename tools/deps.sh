#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh - install what `make check`, `make test`, `make demo` and `make bench` need, where it is missing.
#
# Debian packages through apt-get (as root), Python tools into build/venv, the Rust peer of the benchmarks through
# cargo. Asks nothing. Without root it names the packages that are missing and ends with status 1. What only the
# tests need, a PostgreSQL server, comes with --test: its programs alone, no cluster is made and no server started. What only
# the benchmarks need comes with --bench.
set -eu
cd "$(dirname "$0")/.."

bench=no
test=no
case ${1:-} in
--bench) bench=yes ;;
--test) test=yes ;;
esac

packages="gcc make pkg-config git libc6-dev clang-14 clang-format-14 libclang-rt-14-dev
    lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3 liblua5.3-dev lua5.4 liblua5.4-dev luajit libluajit-5.1-dev
    lua-check debootstrap swig"
[ "$test" = no ] || packages="$packages libpq-dev postgresql"
[ "$bench" = no ] || packages="$packages libuv1-dev lua-luv lua-luv-dev"

# A Python 3.11 of any origin will do, with its headers; only where there is none is Debian's asked for.
if [ -z "$(tools/configure.sh | grep '^PYTHON_3.11 ')" ]; then
    packages="$packages python3.11 python3.11-dev python3.11-venv"
fi

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "deps: these packages are missing; as root: apt-get install$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # Debian's package makes a database and starts it, unless what it depends on is there first and says not to.
    clusters=${ROPEWALK_ETC:-/etc}/postgresql-common/createcluster.conf
    case " $missing " in
    *" postgresql "*)
        if ! command -v pg_conftool >/dev/null; then
            apt-get install -qy --no-install-recommends postgresql-common
            cp -p "$clusters" "$clusters.before"
            trap 'mv -f "$clusters.before" "$clusters"' EXIT
            pg_conftool "$clusters" set create_main_cluster false
        fi
        ;;
    esac
    # shellcheck disable=SC2086
    apt-get install -qy --no-install-recommends $missing
fi

python=$(tools/configure.sh | sed -n 's/^PYTHON_3.11 := //p')
make_venv() {
    "$python" -m venv build/venv && return 0
    # Debian splits the part that makes environments off its Python.
    [ "$(id -u)" = 0 ] || { echo "deps: as root: apt-get install python3.11-venv" >&2; exit 1; }
    apt-get install -qy --no-install-recommends python3.11-venv
    "$python" -m venv --clear build/venv
}
mkdir -p build
[ -x build/venv/bin/pip ] || make_venv
# install LIST WORD...: a list that was installed once is not asked for again.
install() {
    list=build/venv/$1
    shift
    if [ "$(cat "$list" 2>/dev/null)" != "$*" ]; then
        build/venv/bin/python -m pip install -q --upgrade "$@"
        echo "$*" > "$list"
    fi
}
# The newest SWIG beside Debian's.
install wanted-swig swig==4.5.1
install wanted-check ruff==0.14.5 mypy==1.18.2 "setuptools>=77" wheel build
[ "$bench" = no ] || install wanted-bench uvloop lupa

if [ "$bench" = yes ] && ! command -v cargo >/dev/null; then
    if [ "$(id -u)" != 0 ]; then
        echo "deps: as root: apt-get install cargo" >&2
        exit 1
    fi
    apt-get install -qy --no-install-recommends cargo
fi
echo "deps: everything is there"
