# SPDX-License-Identifier: MIT
"""Build the Python package: the C core, the hosts' common part and the Python binding in one extension module.

Environment:
  ROPEWALK_LUA    5.4, luajit or none: the Lua that ropewalk.Lua() makes. Without it the first of these that
                  pkg-config finds is taken; naming one that is not there is an error.
  ROPEWALK_CHECK_LEVEL    3: a checked build, for people who write modules (docs/extending.md).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
KIT = ROOT / "build" / "kit"
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


def make_table() -> None:
    """The table of functions for modules in C, from the public headers."""
    subprocess.run([sys.executable, ROOT / "tools" / "make_table.py", "--out", KIT], check=True)


class BuildPackage(build_py):
    """The package, with what modules in C are built from: headers in include/, SWIG's interface in swig/."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        swig = ROOT / "bindings" / "swig"
        for kind, files in (
            ("include", [*ROOT.glob("include/**/*.h"), *swig.glob("ropewalk/*.h"), *KIT.glob("ropewalk/*")]),
            ("swig", swig.glob("**/*.i")),
        ):
            for file in files:
                below = file.parent.name if file.parent.name == "ropewalk" else ""
                target = Path(self.build_lib) / "ropewalk" / kind / below
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)


def extension() -> Extension:
    cflags = ["-std=gnu11", "-O2", "-g", "-fvisibility=hidden", "-fno-semantic-interposition", "-pthread"]
    ldflags = ["-pthread", "-Wl,--version-script=" + str(ROOT / "tools" / "module.map")]
    level = os.environ.get("ROPEWALK_CHECK_LEVEL", "1")
    if level not in ("1", "2", "3"):
        raise SystemExit(f"ROPEWALK_CHECK_LEVEL is {level!r}: 1 (release), 2 or 3 (all checks)")
    macros: list[tuple[str, str | None]] = [("RW_CHECK_LEVEL", level)]
    files = sources("core/**/*.c", "bindings/*.c", "bindings/python/*.c")
    files.append(str((KIT / "core_table.c").relative_to(ROOT)))
    lua = find_lua()
    if lua is not None:
        files += sources("bindings/lua/*.c")
        cflags += lua[0]
        ldflags += lua[1]
        macros.append(("RWP_WITH_LUA", "1"))
    return Extension(
        "ropewalk._ropewalk",
        files,
        include_dirs=["core", "include", "bindings", str(KIT.relative_to(ROOT))],
        depends=sources("include/**/*.h", "core/**/*.h", "bindings/**/*.h"),
        define_macros=macros,
        extra_compile_args=cflags,
        extra_link_args=ldflags,
    )


make_table()
setup(
    version=version(),
    package_dir={"": "python"},
    packages=find_packages("python"),
    package_data={"ropewalk": ["py.typed", "*.pyi", "lua/ropewalk/*.lua", "lua/ropewalk/*/*.lua"]},
    cmdclass={"build_py": BuildPackage},
    ext_modules=[extension()],
    zip_safe=False,
)
