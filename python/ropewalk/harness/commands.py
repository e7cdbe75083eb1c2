# SPDX-License-Identifier: MIT
"""The runners of the other languages: how each is started, and what it says."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from .report import Outcome, parse_trace_output

__all__ = ["RunnerError", "command_of", "run_command"]

# A Lua interpreter reads this from its standard input, which "-" stands for.
_LUA_MAIN = 'require("ropewalk.harness").main(arg)'


class RunnerError(RuntimeError):
    """A runner could not be started, or broke."""


def command_of(language: str, configured: dict[str, str]) -> list[str]:
    """The command line of a language's runner, to which ``--trace`` and files are added.

    What the user configured comes first, then ROPEWALK_HARNESS_<LANGUAGE> (``ROPEWALK_HARNESS_LUA5_4``), then the
    interpreter or the program ``ropewalk-cases`` in the search path. A command that ends in ``-`` is a Lua interpreter,
    and is given the runner on its standard input.
    """
    variable = "ROPEWALK_HARNESS_" + language.upper().replace(".", "_")
    text = configured.get(language) or os.environ.get(variable)
    if text:
        return shlex.split(text)
    program = "ropewalk-cases" if language == "c" else language
    path = shutil.which(program)
    if path is None:
        raise RunnerError(f"no {program} found; say --command {language}=COMMAND or set {variable}")
    return [path, "-"] if language.startswith("lua") else [path]


def run_command(language: str, command: list[str], paths: Sequence[str], seconds: float) -> list[Outcome]:
    """Run all files with a runner in a process of its own; RunnerError when it breaks or takes too long."""
    line = [*command, "--trace", *paths]
    source = _LUA_MAIN if command[-1] == "-" else ""
    try:
        done = subprocess.run(line, input=source, capture_output=True, text=True, timeout=seconds, check=False)
    except OSError as error:
        raise RunnerError(f"{language}: {error}") from None
    except subprocess.TimeoutExpired:
        raise RunnerError(f"{language}: no end after {seconds:g} seconds") from None
    outcomes = list(parse_trace_output(done.stdout))
    if done.returncode not in (0, 1) or (not outcomes and done.returncode != 0):
        lines = done.stderr.strip().splitlines()[-5:]
        raise RunnerError("\n".join([f"{language}: ended with status {done.returncode}", *lines]))
    return outcomes
