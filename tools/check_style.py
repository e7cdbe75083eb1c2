#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check what a tool can tell of the way the code reads.

Of C: a file opens with its design, a function fits a screen, every body has braces, structs have no typedef, public
prototypes carry their contract, asserts are dense enough, each core module has a test file of its name. Of every
source file: its licence line, no unfinished marks, no path of somebody's machine. Each bound is a constant below.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from csource import Source, c_files

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 500
MIN_DESIGN_LINES = 2
MIN_ASSERTS = 1.0
MIN_ASSERTS_DENSE = 2.0
DENSE = ("task", "scope", "channel", "select")
HEAD_LINES = 12

C_TOPS = ("include", "core", "bindings", "tests", "bench", "examples")
SOURCE_ENDINGS = {".c", ".h", ".lua", ".py", ".pyi", ".sh", ".mk", ".i", ".S", ".map", ".rs"}
TEXT_ENDINGS = SOURCE_ENDINGS | {".md", ".toml", ".in", ".yml", ".yaml", ".json", ".txt", ".cfg", ".case", ".rockspec"}
SPDX = "SPDX-License-Identifier: MIT"

_ASSERT = re.compile(r"\bRW_(?:REQUIRE|ASSERT|VERIFY)\w*\s*\(")
_UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
_MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|root|work|Users)/[\w.]+")
# A function type that returns a struct has a parenthesis before anything ends.
_TYPEDEF_STRUCT = re.compile(r"\btypedef\s+(?:struct|union)\b(?=[^(;]*[{;])")
_PROTOTYPE = re.compile(r"^RW_API\b[^;{]*?\b(rw_\w+)\s*\([^;{]*\)[^;{]*;", re.MULTILINE | re.DOTALL)
_CONTROL = re.compile(r"\b(if|for|while|else|do|switch)\b")


class Style:
    """The rules, applied to a checkout; each problem is a line `path:line: text`."""

    def __init__(self, root: Path, files: Iterable[Path] | None = None) -> None:
        self.root = root
        self.problems: list[str] = []
        self.files = sorted(files) if files is not None else tracked_files(root)

    def complain(self, path: Path, line: int, text: str) -> None:
        self.problems.append(f"{path}:{line}: {text}")

    def check(self) -> list[str]:
        for path in self.files:
            if path.suffix in TEXT_ENDINGS or path.name == "Makefile" or path.parts[0] == ".ci":
                self._check_text(path)
        sources = {path.relative_to(self.root): Source(path) for path in c_files(self.root, *C_TOPS)}
        for path, source in sources.items():
            self._check_c(path, source)
            if path.parts[0] == "include":
                self._check_contracts(path, source)
        core = {path: source for path, source in sources.items() if path.parts[0] == "core" and path.suffix == ".c"}
        self._check_density(core)
        self._check_tests(core)
        return self.problems

    # -- every text --------------------------------------------------------------------------------------------------

    def _check_text(self, path: Path) -> None:
        text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        is_source = path.suffix in SOURCE_ENDINGS or path.name == "Makefile"
        if is_source and text.strip() and not any(SPDX in line for line in lines[:HEAD_LINES]):
            self.complain(path, 1, f"no line `{SPDX}` at its head")
        for number, line in enumerate(lines, 1):
            if is_source and _UNFINISHED.search(line):
                self.complain(path, number, "an unfinished mark: finish it, or open an issue and name its number")
            if _MACHINE_PATH.search(line):
                self.complain(path, number, "a path of one machine")

    # -- one C file --------------------------------------------------------------------------------------------------

    def _check_c(self, path: Path, source: Source) -> None:
        if path.suffix == ".c":
            if source.line_count >= MAX_FILE_LINES:
                self.complain(path, 1, f"{source.line_count} lines: a .c file stays under {MAX_FILE_LINES}")
            if path.parts[0] in ("core", "bindings"):
                self._check_design(path, source)
        for function in source.functions():
            if function.length > MAX_FUNCTION_LINES:
                self.complain(path, function.line, f"{function.name}() has {function.length} lines")
        for match in _TYPEDEF_STRUCT.finditer(source.code):
            self.complain(path, source.line_at(match.start()), "a typedef of a struct")
        for offset in unbraced(source.code):
            self.complain(path, source.line_at(offset), "a body without braces")

    def _check_design(self, path: Path, source: Source) -> None:
        """The head: the licence, `name.c - what it is.`, and some lines of design and invariant."""
        words = [line.strip(" */") for line in source.head_comment().splitlines()]
        words = [line for line in words if line and SPDX not in line]
        if not words or not words[0].startswith(f"{path.name} - "):
            self.complain(path, 1, f"does not open with a comment `{path.name} - what it is.`")
        elif len(words) < MIN_DESIGN_LINES:
            self.complain(path, 1, f"its head has {len(words)} lines: say the design and what it rests on")

    def _check_contracts(self, path: Path, source: Source) -> None:
        for line, name in uncommented_prototypes(source):
            self.complain(path, line, f"{name}() has no contract above it")

    # -- the core as a whole -----------------------------------------------------------------------------------------

    def _check_density(self, core: dict[Path, Source]) -> None:
        groups: dict[tuple[str, float], list[Source]] = {}
        for path, source in core.items():
            folder = path.parts[1] if len(path.parts) > 2 else "loop"
            groups.setdefault((f"core/{folder}", MIN_ASSERTS), []).append(source)
            stem = path.stem.split("_")[0]
            if stem in DENSE:
                groups.setdefault((f"{stem}*.c", MIN_ASSERTS_DENSE), []).append(source)
        for (name, bound), sources in sorted(groups.items()):
            asserts, functions = count_asserts(sources)
            if functions and asserts / functions < bound:
                per = asserts / functions
                self.problems.append(
                    f"{name}: {asserts} asserts in {functions} functions are {per:.2f} each; {bound:.1f} are asked for"
                )

    def _check_tests(self, core: dict[Path, Source]) -> None:
        for path in core:
            test = Path("tests", *path.parts[:-1], f"test_{path.name}")
            if not (self.root / test).exists():
                self.complain(path, 1, f"has no test file {test}")


def tracked_files(root: Path) -> list[Path]:
    """What git knows or would take, relative to the root."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(Path(name) for name in listed.split("\0") if name and (root / name).is_file())


def count_asserts(sources: Iterable[Source]) -> tuple[int, int]:
    """Asserts and functions; only what stands in a function counts."""
    functions = [function for source in sources for function in source.functions()]
    return sum(len(_ASSERT.findall(function.body)) for function in functions), len(functions)


def uncommented_prototypes(source: Source) -> list[tuple[int, str]]:
    """Public prototypes without a contract, as (line, name).

    A comment holds for the prototypes directly below it, up to the next empty line; a comment behind a prototype holds
    for that one.
    """
    lines = source.text.splitlines()
    code = source.code.splitlines()
    found = []
    for match in _PROTOTYPE.finditer(source.code):
        first = source.line_at(match.start()) - 1
        last = source.line_at(match.end() - 1) - 1
        behind = "/*" in lines[last]
        above = first - 1
        while above >= 0 and lines[above].strip() and code[above].strip():
            above -= 1
        has_comment = above >= 0 and bool(lines[above].strip()) and not code[above].strip()
        if not behind and not (has_comment and lines[above].rstrip().endswith("*/")):
            found.append((first + 1, match[1]))
    return found


def unbraced(code: str) -> list[int]:
    """Offsets of control words whose body is a bare statement."""
    found = []
    for match in _CONTROL.finditer(code):
        word, end = match[1], match.end()
        if word in ("if", "for", "while", "switch"):
            end = after_parentheses(code, end)
        rest = code[end : end + 200].lstrip()
        if rest.startswith("{") or (word == "else" and re.match(r"if\b", rest)):
            continue
        if word == "while" and rest.startswith(";") and re.search(r"}\s*$", code[: match.start()]):
            continue
        found.append(match.start())
    return found


def after_parentheses(code: str, offset: int) -> int:
    """The offset behind the parenthesis that opens at or after `offset`."""
    depth = 0
    for index in range(offset, len(code)):
        if code[index] == "(":
            depth += 1
        elif code[index] == ")":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(code)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path)
    options = parser.parse_args(argv)
    problems = Style(options.root).check()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
