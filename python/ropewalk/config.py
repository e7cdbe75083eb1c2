# SPDX-License-Identifier: MIT
"""What a build of an extension module needs to know: ``python -m ropewalk.config --cflags --libs --swig``.

The flags are for modules in C that use the package's core through its table of functions, for Python and for Lua alike;
the host's own headers (Python.h, lua.h) are not among them.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from . import __version__, get_include

__all__ = ["get_swig", "main"]


def get_swig() -> str:
    """The directory with ropewalk.i, for SWIG's -I."""
    return str(Path(__file__).parent / "swig")


def main(arguments: list[str] | None = None) -> int:
    """Print what was asked for, on one line; 2 when it was nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m ropewalk.config",
        description="Flags for building modules in C for Ropewalk, in the order asked for on one line.",
    )
    parser.add_argument("--cflags", action="append_const", dest="asked", const="cflags", help="for the C compiler")
    parser.add_argument(
        "--libs", action="append_const", dest="asked", const="libs", help="for the linker (none is needed)"
    )
    parser.add_argument("--swig", action="append_const", dest="asked", const="swig", help="for swig -python or -lua")
    parser.add_argument("--include", action="append_const", dest="asked", const="include", help="the include directory")
    parser.add_argument("--version", action="append_const", dest="asked", const="version", help="Ropewalk's version")
    asked = parser.parse_args(arguments).asked
    if not asked:
        parser.print_usage(sys.stderr)
        return 2
    answers = {
        "cflags": ["-DROPEWALK_MODULE", f"-I{get_include()}"],
        "libs": [],
        "swig": [f"-I{get_swig()}"],
        "include": [get_include()],
        "version": [__version__],
    }
    print(shlex.join(word for name in asked for word in answers[name]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
