#!/bin/bash
# SPDX-License-Identifier: MIT
#
# matrix.sh - run the suites on versions that this machine has not, in a Debian forky root.
#
#   tools/matrix.sh              make the root if need be, copy the tree in, run its suites
#   tools/matrix.sh -- COMMAND   run COMMAND there instead, in the copy of the tree
#
# The root is made once and kept outside of the tree: ROPEWALK_MATRIX_ROOT, by default in the user's cache directory.
# Packages come from the mirror that this machine's own apt names (ROPEWALK_MATRIX_MIRROR overrides), and its CA bundle,
# resolv.conf and apt's and pip's settings go along, so that both work there as they do here. The copy of the tree
# keeps its build directory between runs.
#
# Mounts are made in a mount namespace of their own and are gone with it however this ends: a forgotten /dev below a
# directory that somebody removes one day would be worse than any failed test. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${ROPEWALK_MATRIX_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/ropewalk/forky}
packages="ca-certificates make pkg-config git libc6-dev gcc-16 clang-21 libclang-rt-21-dev
    python3.14 python3.14-dev python3.14-venv python3.15 python3.15-dev python3.15-venv
    lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3 liblua5.3-dev lua5.4 liblua5.4-dev lua5.5 liblua5.5-dev
    luajit libluajit-5.1-dev libpq-dev postgresql swig"

fail() {
    echo "matrix: $*" >&2
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

# The first archive of Debian proper in apt's sources: not its security archive, nor anybody else's.
find_mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^ *#' |
        grep -oE 'https?://[^ ]+/debian/?( |$)' | tr -d ' ' | sed -n 1p
}

copy_settings() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    mkdir -p "$root/etc/ssl/certs" "$root/etc/apt/apt.conf.d"
    # No package starts a service there: a server that goes on would hold the mounts.
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    grep -lE '^ *Acquire::' /etc/apt/apt.conf.d/* 2>/dev/null | while read -r file; do
        cp "$file" "$root/etc/apt/apt.conf.d/"
    done
    if [ -f /etc/pip.conf ]; then
        cp /etc/pip.conf "$root/etc/pip.conf"
    fi
}

make_root() {
    local mirror=${ROPEWALK_MATRIX_MIRROR:-$(find_mirror)}
    [ -n "$mirror" ] || fail "no Debian archive in apt's sources; name one in ROPEWALK_MATRIX_MIRROR"
    command -v debootstrap >/dev/null || fail "debootstrap is missing: tools/deps.sh"
    echo "matrix: making a forky root in $root"
    mkdir -p "$(dirname "$root")"
    rm -rf "$root.partial"
    debootstrap --variant=minbase --include=ca-certificates forky "$root.partial" "$mirror" sid > "$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; fail "debootstrap failed"; }
    mv "$root.partial" "$root"
}

install_packages() {
    local wanted=$root/var/lib/ropewalk-packages
    # shellcheck disable=SC2086
    set -- $packages
    [ "$(cat "$wanted" 2>/dev/null)" != "$*" ] || return 0
    echo "matrix: installing packages in the root"
    { chroot "$root" apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -qy --no-install-recommends "$@"; } \
        >> "$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; fail "apt-get failed in the root"; }
    chroot "$root" apt-get clean
    echo "$*" > "$wanted"
}

# Files that git knows or would take; what was built there before stays.
copy_tree() {
    mkdir -p "$root/src/ropewalk"
    find "$root/src/ropewalk" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        [ -e "$file" ] && printf '%s\0' "$file"
    done | tar -c --null -T - | tar -x -C "$root/src/ropewalk"
}

[ "$(id -u)" = 0 ] || fail "needs root, for debootstrap, mount and chroot"

# Everything below happens in the namespace; the second run of this script is inside it.
if [ -z "${ROPEWALK_MATRIX_INSIDE:-}" ]; then
    ROPEWALK_MATRIX_INSIDE=1 exec unshare --mount --propagation private "$0" "$@"
fi

append=
if [ "${1:-}" = --append ]; then
    append=$2
    shift 2
fi
[ "${1:-}" != -- ] || shift

[ -d "$root" ] || make_root
copy_settings
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
install_packages
copy_settings
copy_tree

if [ $# -gt 0 ]; then
    exec chroot "$root" sh -c 'cd /src/ropewalk && exec "$@"' sh "$@"
fi

# The compilers' warnings first: newer ones know more of them.
settings='DEPS=no CC=gcc-16 NEED_PYTHONS=3.14\ 3.15 NEED_LUAS=5.1\ 5.2\ 5.3\ 5.4\ 5.5\ luajit'
totals=$(mktemp)
trap 'rm -f "$totals"' EXIT
status=0
chroot "$root" sh -c "cd /src/ropewalk && make reconfigure $settings >/dev/null &&
    make $settings check-gcc check-clang && make $settings test" | tee "$totals" || status=$?
line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$totals" | tail -n 1) || true
[ -n "$line" ] || fail "the suites did not run to their end (status $status)"
if [ "$(tail -n 1 "$totals")" != "$line" ]; then
    echo "$line"
fi
if [ -n "$append" ]; then
    echo "$line" >> "$append"
fi
exit "$status"
