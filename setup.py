# SPDX-License-Identifier: MIT
"""Build the Python package: the C core, the hosts' common part and the Python binding in one extension module.

Environment:
  ROPEWALK_LUA    5.4, luajit or none: the Lua that ropewalk.Lua() makes. Without it the first of these that
                  pkg-config finds is taken; naming one that is not there is an error.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path

from setuptools import Extension, find_packages, setup

ROOT = Path(__file__).resolve().parent
LUAS = {"5.4": ("lua5.4", "lua-5.4"), "luajit": ("luajit",)}


def version() -> str:
    """The version stands once, in the public header."""
    header = (ROOT / "include" / "ropewalk.h").read_text(encoding="utf-8")
    match = re.search(r'RW_VERSION_STRING "([^"]+)"', header)
    if match is None:
        raise SystemExit("include/ropewalk.h names no RW_VERSION_STRING")
    return match[1]


def pkg_config(*arguments: str) -> list[str] | None:
    """The words that pkg-config answers; None when it, or the package, is missing."""
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return shlex.split(answer.stdout) if answer.returncode == 0 else None


def find_lua() -> tuple[list[str], list[str]] | None:
    """Compiler and linker flags of the Lua to build in; None for a build without."""
    asked = os.environ.get("ROPEWALK_LUA", "")
    if asked == "none":
        return None
    if asked and asked not in LUAS:
        raise SystemExit(f"ROPEWALK_LUA={asked}: choose one of {', '.join(LUAS)}, none")
    for name in [asked] if asked else LUAS:
        for package in LUAS[name]:
            cflags, libs = pkg_config("--cflags", package), pkg_config("--libs", package)
            if cflags is not None and libs is not None:
                return cflags, libs
    if asked:
        raise SystemExit(f"ROPEWALK_LUA={asked}: pkg-config does not find it (is its -dev package installed?)")
    return None


def sources(*patterns: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern))


def extension() -> Extension:
    cflags = ["-std=gnu11", "-O2", "-g", "-fvisibility=hidden", "-pthread"]
    ldflags = ["-pthread", "-Wl,--version-script=" + str(ROOT / "tools" / "module.map")]
    macros: list[tuple[str, str | None]] = [("RW_CHECK_LEVEL", "1")]
    files = sources("core/**/*.c", "bindings/*.c", "bindings/python/*.c")
    lua = find_lua()
    if lua is not None:
        files += sources("bindings/lua/*.c")
        cflags += lua[0]
        ldflags += lua[1]
        macros.append(("RWP_WITH_LUA", "1"))
    return Extension(
        "ropewalk._ropewalk",
        files,
        include_dirs=["core", "include", "bindings"],
        depends=sources("include/**/*.h", "core/**/*.h", "bindings/**/*.h"),
        define_macros=macros,
        extra_compile_args=cflags,
        extra_link_args=ldflags,
    )


setup(
    version=version(),
    package_dir={"": "python"},
    packages=find_packages("python"),
    package_data={"ropewalk": ["py.typed", "*.pyi", "lua/ropewalk/*.lua", "lua/ropewalk/*/*.lua"]},
    ext_modules=[extension()],
    zip_safe=False,
)
