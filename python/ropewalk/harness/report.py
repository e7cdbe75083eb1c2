# SPDX-License-Identifier: MIT
"""What comes out of running cases: traces, their comparison with what is expected, and totals."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

from .case import Case

__all__ = ["Outcome", "Totals", "compare", "parse_trace_output"]


@dataclass
class Outcome:
    """What one runner did with one case: a trace, or the reason why it was skipped, or what broke."""

    path: str
    line: int
    name: str
    trace: list[str] = field(default_factory=list)
    skipped: str | None = None
    error: str | None = None


@dataclass
class Totals:
    """How many cases passed, failed and were skipped, over all languages."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def compare(case: Case, trace: list[str]) -> list[str]:
    """The difference between what is expected and `trace`, line by line; empty when there is none."""
    if case.expected == trace:
        return []
    return [line for line in difflib.ndiff(case.expected, trace) if not line.startswith("?")]


def parse_trace_output(text: str) -> Iterator[Outcome]:
    """Read what a runner printed under ``--trace``: lines of fields with tabs between them.

    ``case PATH LINE NAME`` begins an outcome; ``trace LINE``, ``skip REASON`` and ``error WHAT`` belong to it.
    """
    outcome: Outcome | None = None
    for line in text.splitlines():
        word, _, rest = line.partition("\t")
        if word == "case":
            if outcome:
                yield outcome
            path, number, name = [*rest.split("\t", 2), "", ""][:3]
            outcome = Outcome(path, int(number or 0), name)
        elif word == "error":
            if outcome is None:
                yield Outcome(rest, 0, rest, error=rest)
            else:
                outcome.error = rest
        elif outcome is None:
            continue
        elif word == "trace":
            outcome.trace.append(rest)
        elif word == "skip":
            outcome.skipped = rest
    if outcome:
        yield outcome
