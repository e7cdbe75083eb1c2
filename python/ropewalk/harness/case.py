# SPDX-License-Identifier: MIT
"""Behaviour cases: what a file of cases means once it has been read.

`STEPS` is the list of steps. The runners in C and Lua hold the same table, so that a step which one of them does not
know is an error there and not a difference in behaviour. The format is described in docs/harness.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .literal import LiteralError, parse_literal

__all__ = ["STEPS", "Case", "CaseError", "Reference", "Step", "parse_cases"]

# word: (arguments, class). Arguments: n name, i number, c capacity, v value, s quoted text, w word, * the rest;
# [word x] may be left out.
STEPS: dict[str, tuple[str, str]] = {
    "sleep": ("i", "leaf"),
    "yield": ("", "leaf"),
    "await": ("n", "leaf"),
    "receive": ("n", "leaf"),
    "send": ("n v", "leaf"),
    "next": ("n", "leaf"),
    "forward": ("n n", "leaf"),
    "reserve": ("n [as n]", "leaf"),
    "spawn": ("n [as n] [in n]", "direct"),
    "cancel": ("n", "direct"),
    "abort": ("n", "direct"),
    "detach": ("n", "direct"),
    "done": ("n", "direct"),
    "return": ("v", "direct"),
    "fail": ("s", "direct"),
    "value": ("v", "direct"),
    "trace": ("*", "direct"),
    "future": ("n", "direct"),
    "resolve": ("n v", "direct"),
    "reject": ("n s", "direct"),
    "channel": ("n c [kind w]", "direct"),
    "oneshot": ("n", "direct"),
    "broadcast": ("n i", "direct"),
    "subscribe": ("n as n", "direct"),
    "publish": ("n v", "direct"),
    "try_send": ("n v", "direct"),
    "try_receive": ("n", "direct"),
    "close_sender": ("n", "direct"),
    "close_receiver": ("n", "direct"),
    "clone_sender": ("n as n", "direct"),
    "clone_receiver": ("n as n", "direct"),
    "permit_send": ("n v", "direct"),
    "permit_release": ("n", "direct"),
    "count": ("n", "direct"),
    "stream_list": ("v as n", "direct"),
    "stream_channel": ("n as n", "direct"),
    "stream_interval": ("i as n", "direct"),
    "stream_ticks": ("i i as n", "direct"),
    "map": ("n i as n", "direct"),
    "filter": ("n i as n", "direct"),
    "take": ("n i as n", "direct"),
    "merge": ("n n as n", "direct"),
    "chunks": ("n i as n", "direct"),
    "buffered": ("n i as n", "direct"),
    "close_stream": ("n", "direct"),
    "within": ("i", "prefix"),
    "scope": ("n", "block"),
    "timeout": ("i", "block"),
    "move_on": ("i", "block"),
    "shield": ("", "block"),
    "repeat": ("i", "block"),
    "each": ("n as n", "block"),
    "try": ("", "block"),
    "do": ("", "block"),
    "join": ("", "group"),
    "first": ("", "group"),
    "select": ("[mode w]", "group"),
    "after": ("i", "choice"),
    "default": ("", "choice"),
    "finally": ("", "middle"),
    "end": ("", "end"),
}

_DEPTH = 16
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PATTERN = re.compile(r"\[(\w+) (\w)\]|(\w+|\*)")
UNBOUNDED = -1


class CaseError(ValueError):
    """A file of cases that is not well-formed; the message names the line."""


@dataclass(frozen=True)
class Reference:
    """A value that is taken from a variable when the step runs."""

    name: str


@dataclass
class Step:
    """One step: `arguments` as the table in STEPS lists them, None for what was left out."""

    line: int
    op: str
    kind: str
    text: str
    show: bool = False
    store: str | None = None
    within_ms: int | None = None
    arguments: list[object] = field(default_factory=list)
    body: list[Step] = field(default_factory=list)
    cleanup: list[Step] = field(default_factory=list)
    has_cleanup: bool = False


@dataclass
class Case:
    """One behaviour: tasks (the first is main) and the trace that is expected of them."""

    name: str
    line: int
    notes: list[tuple[str, list[str], str]] = field(default_factory=list)
    tasks: dict[str, list[Step]] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)
    has_expectation: bool = False

    def skip_reason(self, language: str) -> str | None:
        """Why the case does not run in `language` ("c", "lua5.4", "python3.11" ...), or None when it does."""
        family = re.sub(r"(?<=lua|hon)[0-9.]+$|(?<=lua)jit$", "", language)
        for word, languages, reason in self.notes:
            if (language in languages or family in languages) != (word == "only"):
                return reason
        return None


class _Line:
    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.text = text
        self.at = 0

    def word(self) -> str:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \t":
            self.at += 1
        return self.text[start : self.at]

    def rest(self) -> str:
        return self.text[self.at :].strip(" \t\r")

    def fail(self, what: str) -> CaseError:
        return CaseError(f"line {self.number}: {what}")


def _read_plain(line: _Line, kind: str) -> object:
    word = line.word()
    if not word:
        raise line.fail("a number is missing" if kind == "i" else "a name is missing")
    if kind in "ic":
        if kind == "c" and word == "unbounded":
            return UNBOUNDED
        if not re.fullmatch("[0-9]{1,11}", word):
            raise line.fail(f'not a number: "{word[:60]}"')
        return int(word)
    if not _NAME.fullmatch(word):
        raise line.fail(f'not a name: "{word[:60]}"')
    return word


def _read_literal(line: _Line) -> object:
    try:
        value, line.at = parse_literal(line.text, line.at)
    except LiteralError as error:
        raise line.fail(str(error)) from None
    return value


def _read_argument(line: _Line, kind: str) -> object:
    if kind == "*":
        rest = line.rest()
        line.at = len(line.text)
        return rest
    if kind in "vs":
        while line.text[line.at : line.at + 1] in (" ", "\t"):
            line.at += 1
        first = line.text[line.at : line.at + 1]
        if kind == "v" and first == "$":
            word = line.word()[1:]
            if not _NAME.fullmatch(word):
                raise line.fail(f'not a variable: "${word[:60]}"')
            return Reference(word)
        if kind == "s" and first != '"':
            raise line.fail("a quoted text is missing")
        return _read_literal(line)
    return _read_plain(line, kind)


def _read_arguments(line: _Line, pattern: str) -> list[object]:
    arguments: list[object] = []
    for keyword, optional, plain in _PATTERN.findall(pattern):
        if keyword:
            start = line.at
            if line.word() == keyword:
                arguments.append(_read_argument(line, optional))
            else:
                line.at = start
                arguments.append(None)
        elif len(plain) > 1:
            if line.word() != plain:
                raise line.fail(f'a word is missing: "{plain}"')
        else:
            arguments.append(_read_argument(line, plain))
    return arguments


def _read_body(line: _Line, step: Step) -> None:
    word = line.word()
    if word not in STEPS:
        raise line.fail(f'unknown step: "{word[:60]}"' if word else "a step is missing")
    pattern, step.kind = STEPS[word]
    step.op = word
    step.arguments = _read_arguments(line, pattern)


def _read_step(line: _Line) -> Step:
    step = Step(line.number, "", "", "")
    start = line.at
    name = line.word()
    if _NAME.fullmatch(name) and line.word() == "=":
        step.store = name
    else:
        line.at = start
    start = line.at
    if line.word() == "show":
        step.show = True
    else:
        line.at = start
    step.text = line.rest()
    _read_body(line, step)
    if step.kind == "prefix":
        step.within_ms = int(str(step.arguments[0]))
        _read_body(line, step)
        if step.kind != "leaf":
            raise line.fail("within takes a step that waits")
    if step.kind in ("end", "middle", "choice") or step.op in ("trace", "return"):
        if step.show or step.store:
            raise line.fail("this step has no outcome to show or to store")
    elif step.show and step.store:
        raise line.fail("an outcome is either shown or stored")
    if line.rest():
        raise line.fail(f'too much on this line: "{line.rest()[:60]}"')
    return step


class _Parser:
    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.where = "nothing"
        self.steps: list[Step] = []
        self.open: list[tuple[Step, list[Step]]] = []
        self.last_time = 0

    def end_task(self) -> None:
        if self.where == "task" and self.open:
            raise CaseError(f"line {self.open[-1][0].line}: a block without its end")
        self.open = []

    def end_case(self) -> None:
        self.end_task()
        if not self.cases:
            return
        case = self.cases[-1]
        if next(iter(case.tasks), None) != "main":
            raise CaseError(f"line {case.line}: the first task of a case is called main")
        if not case.has_expectation:
            raise CaseError(f"line {case.line}: a case ends with what is expected")
        for steps in case.tasks.values():
            self.check_spawns(case, steps)

    def check_spawns(self, case: Case, steps: list[Step]) -> None:
        for step in steps:
            if step.op == "spawn" and step.arguments[0] not in case.tasks:
                raise CaseError(f"line {step.line}: spawns a task that the case does not have")
            self.check_spawns(case, step.body)
            self.check_spawns(case, step.cleanup)

    def begin_case(self, line: _Line) -> None:
        self.end_case()
        name = line.rest()
        if not name:
            raise line.fail("a case has a name")
        self.cases.append(Case(name, line.number))
        self.where = "case"

    def begin_task(self, line: _Line) -> None:
        self.end_task()
        name = line.rest()
        if not _NAME.fullmatch(name):
            raise line.fail("a task has a name of small letters, digits and _")
        self.steps = self.cases[-1].tasks.setdefault(name, [])
        self.where = "task"

    def begin_expect(self, line: _Line) -> None:
        self.end_task()
        if line.rest():
            raise line.fail("expect stands alone on its line")
        self.cases[-1].has_expectation = True
        self.where = "expect"
        self.last_time = 0

    def add_note(self, word: str, line: _Line) -> None:
        languages, colon, reason = line.rest().partition(":")
        if not colon or not languages or not reason:
            raise line.fail("a limit is written `only languages: reason` or `not languages: reason`")
        self.cases[-1].notes.append((word, languages.split(), reason.strip()))

    def add_step(self, line: _Line) -> None:
        step = _read_step(line)
        around = self.open[-1][0] if self.open else None
        if around and around.kind == "group" and step.kind != "end":
            if step.show or step.store:
                raise line.fail("a step of a group has no outcome of its own")
            if step.kind not in ("leaf", "choice"):
                raise line.fail("a group holds steps that wait")
        if step.kind == "choice" and (around is None or around.op != "select"):
            raise line.fail("only a select has this choice")
        if step.op == "return" and around:
            raise line.fail("return stands outside all blocks")
        self.place_step(line, step, around)

    def place_step(self, line: _Line, step: Step, around: Step | None) -> None:
        if step.kind == "end":
            if around is None:
                raise line.fail("an end without a block")
            if around.op == "try" and not around.has_cleanup:
                raise CaseError(f"line {around.line}: a try block has a finally")
            if around.kind == "group" and not around.body:
                raise CaseError(f"line {around.line}: a group without steps")
            self.steps = self.open.pop()[1]
        elif step.kind == "middle":
            if around is None or around.op != "try" or around.has_cleanup:
                raise line.fail("finally belongs into a try block, once")
            around.has_cleanup = True
            self.steps = around.cleanup
        else:
            self.steps.append(step)
            if step.kind in ("block", "group"):
                if len(self.open) == _DEPTH:
                    raise line.fail("too many blocks inside each other")
                self.open.append((step, self.steps))
                self.steps = step.body

    def add_expected(self, line: _Line) -> None:
        text = line.rest()
        match = re.match("-?[0-9]+(?= )", text)
        if not match or int(match.group()) < self.last_time:
            raise line.fail("an expected line is `milliseconds task what`, and time does not go back")
        self.last_time = int(match.group())
        self.cases[-1].expected.append(text)

    def add(self, line: _Line) -> None:
        word = line.word()
        if word == "" or word[0] in "#\r":
            return
        if word == "case":
            self.begin_case(line)
        elif self.where == "nothing":
            raise line.fail("a file begins with a case")
        elif word == "task" and self.where != "expect":
            self.begin_task(line)
        elif word == "expect" and self.where == "task":
            self.begin_expect(line)
        elif self.where in ("task", "expect"):
            line.at = 0
            if self.where == "task":
                self.add_step(line)
            else:
                self.add_expected(line)
        elif word in ("only", "not"):
            self.add_note(word, line)
        else:
            raise line.fail("here only `only`, `not` and `task` are known")


def parse_cases(text: str) -> list[Case]:
    """Read the text of a file of cases. CaseError names the line of what is wrong."""
    parser = _Parser()
    for number, line in enumerate(text.split("\n"), 1):
        parser.add(_Line(number, line.removesuffix("\r")))
    parser.end_case()
    return parser.cases
