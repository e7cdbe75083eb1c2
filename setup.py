# SPDX-License-Identifier: MIT
"""Build the Python package: the C core, the hosts' common part and the Python binding in one extension module, and
beside it `ropewalk.surface`, which SWIG makes of bindings/swig/surface.i. A source distribution brings what SWIG makes.

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
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
KIT = ROOT / "build" / "kit"
# Where a source distribution has what SWIG makes; a checkout makes it below build/.
SHIPPED = ROOT / "bindings" / "swig" / "made"
SURFACE = {
    "surface_python.c": ["-python", "-fastproxy", "-interface", "surface"],
    "surface_lua.c": ["-lua", "-nomoduleglobal"],
}
INCLUDES = ["include", "bindings", "bindings/swig", "build/kit"]
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


def surface(name: str) -> Path:
    shipped = SHIPPED / name
    return shipped if shipped.exists() else KIT / name


def make_surface() -> None:
    """What is not shipped, by the SWIG in PATH; tools/backend.py sees to it that pip has one."""
    for name, options in SURFACE.items():
        if surface(name).parent == SHIPPED:
            continue
        swig = shutil.which("swig")
        if swig is None:
            raise SystemExit(
                "SWIG 4.1 or newer is needed to build Ropewalk from a checkout: install it, or `pip install swig`. "
                "A source distribution brings what it makes"
            )
        description = ROOT / "bindings" / "swig" / "surface.i"
        includes = [f"-I{ROOT / 'bindings' / 'swig'}", f"-I{ROOT / 'include'}"]
        subprocess.run([swig, *options, *includes, "-outdir", KIT, "-o", KIT / name, description], check=True)


class BuildExtensions(build_ext):
    """The extension modules, from what SWIG makes among others."""

    def run(self) -> None:
        make_surface()
        super().run()


class SourceDistribution(sdist):
    """The sources, and what SWIG makes of them."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        make_surface()
        for name in SURFACE:
            target = Path(base_dir) / SHIPPED.relative_to(ROOT) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(surface(name), target)


class BuildPackage(build_py):
    """The package, with what modules in C are built from: headers in include/, SWIG's interface in swig/."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        swig = ROOT / "bindings" / "swig"
        for kind, files in (
            ("include", [*ROOT.glob("include/**/*.h"), *swig.glob("ropewalk/*.h"), *KIT.glob("ropewalk/*")]),
            ("swig", [swig / "ropewalk.i", *swig.glob("ropewalk/*.i")]),
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
        include_dirs=[*INCLUDES, str(SHIPPED.relative_to(ROOT)), "core"],
        depends=sources("include/**/*.h", "core/**/*.h", "bindings/**/*.h"),
        define_macros=macros,
        extra_compile_args=cflags,
        extra_link_args=ldflags,
    )


def surface_extension() -> Extension:
    """A module of the kit like any other: it reaches the core through its table of functions."""
    return Extension(
        "ropewalk.surface",
        [str(surface("surface_python.c").relative_to(ROOT))],
        include_dirs=INCLUDES,
        depends=["bindings/surface.c", "bindings/surface.h", *sources("include/**/*.h", "bindings/swig/**/*.h")],
        define_macros=[("ROPEWALK_MODULE", "1")],
        extra_compile_args=["-std=gnu11", "-O2", "-g", "-w", "-fvisibility=hidden"],
        extra_link_args=["-Wl,--version-script=" + str(ROOT / "tools" / "module.map")],
    )


make_table()
setup(
    version=version(),
    package_dir={"": "python"},
    packages=find_packages("python"),
    package_data={"ropewalk": ["py.typed", "*.pyi", "lua/ropewalk/*.lua", "lua/ropewalk/*/*.lua"]},
    cmdclass={"build_ext": BuildExtensions, "build_py": BuildPackage, "sdist": SourceDistribution},
    ext_modules=[extension(), surface_extension()],
    zip_safe=False,
)
