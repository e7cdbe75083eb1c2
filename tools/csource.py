# SPDX-License-Identifier: MIT
"""What the checkers need to know of a C file, without a compiler.

The text is blanked, not cut: comments, literals and directives become blanks of the same shape, so that every offset
and line number still holds. On the blanked text a function is a brace at depth 0 that follows a closing parenthesis.
The tree is laid out by clang-format, which is why so little is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_TOKENS = re.compile(
    r"""
      (?P<comment>/\*.*?\*/|//[^\n]*)
    | (?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<directive>^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
_TRANSPARENT = re.compile(r'(?:extern\s+"[^"]*"|extern\s*)\s*$')
_CALL_BEFORE_BRACE = re.compile(r"\)\s*(?:RW_\w+|__attribute__\s*\(\(.*?\)\)\s*)*\s*$", re.DOTALL)
_NAME_BEFORE_PAREN = re.compile(r"([A-Za-z_]\w*)\s*$")
# How far before a brace the end of a signature and its attributes are looked for.
_SIGNATURE_END = 300


@dataclass(frozen=True)
class Function:
    """A definition: its name, the lines from its signature to its closing brace, its blanked body."""

    name: str
    line: int
    length: int
    body: str


@dataclass(frozen=True)
class Include:
    line: int
    name: str
    is_system: bool


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One C file."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8") if text is None else text

    @cached_property
    def uncommented(self) -> str:
        """The text with comments blanked."""
        return _TOKENS.sub(lambda m: _blank(m[0]) if m["comment"] else m[0], self.text)

    @cached_property
    def code(self) -> str:
        """The text with comments, literals and directives blanked."""
        return _TOKENS.sub(lambda m: _blank(m[0]), self.text)

    @property
    def line_count(self) -> int:
        return self.text.count("\n")

    def line_at(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def includes(self) -> list[Include]:
        return [Include(self.line_at(m.start(1)), m[2], m[1] == "<") for m in _INCLUDE.finditer(self.uncommented)]

    def head_comment(self) -> str:
        """The comment that the file opens with; empty when it opens with anything else."""
        match = re.match(r"\s*/\*.*?\*/", self.text, re.DOTALL)
        return match[0] if match else ""

    def functions(self) -> list[Function]:
        return self._all_functions

    @cached_property
    def _all_functions(self) -> list[Function]:
        return list(self._functions())

    def _functions(self) -> Iterator[Function]:
        code = self.code
        depth = 0
        opened: list[bool] = []
        start = 0
        for match in re.finditer(r"[{}]", code):
            offset = match.start()
            if match[0] == "{":
                before = self.uncommented[max(0, offset - 40) : offset]
                transparent = depth == 0 and bool(_TRANSPARENT.search(before))
                opened.append(transparent)
                if not transparent:
                    if depth == 0:
                        start = offset
                    depth += 1
            elif opened:
                if opened.pop():
                    continue
                depth -= 1
                if depth == 0:
                    function = self._function_at(start, offset)
                    if function is not None:
                        yield function

    def _function_at(self, start: int, end: int) -> Function | None:
        """The function whose body is the braces at `start` and `end`; None when they hold something else."""
        code = self.code
        near = max(0, start - _SIGNATURE_END)
        closing = _CALL_BEFORE_BRACE.search(code[near:start])
        if closing is None:
            return None
        depth = 0
        for offset in range(near + closing.start(), -1, -1):
            if code[offset] == ")":
                depth += 1
            elif code[offset] == "(":
                depth -= 1
                if depth == 0:
                    break
        name = _NAME_BEFORE_PAREN.search(code, max(0, offset - _SIGNATURE_END), offset)
        if name is None:
            return None
        first = max(code.rfind(ch, 0, name.start()) for ch in ";}{") + 1
        signature = code[first : name.start()]
        if "=" in signature:
            return None
        first += len(signature) - len(signature.lstrip())
        line = self.line_at(min(first, name.start()))
        return Function(name[1], line, self.line_at(end) - line + 1, code[start : end + 1])


def c_files(root: Path, *tops: str) -> list[Path]:
    """The .c and .h files below the named directories, in order."""
    found = [path for top in tops for path in (root / top).rglob("*.[ch]")]
    found += [root / top for top in tops if (root / top).is_file()]
    return sorted(found)
