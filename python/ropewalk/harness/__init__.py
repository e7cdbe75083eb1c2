# SPDX-License-Identifier: MIT
"""Behaviour cases: the meaning of a program, checked in every language by its trace in virtual time.

A case is a text of steps for tasks and the exact trace that is expected of them. ``python -m ropewalk.harness PATH...``
runs the cases in this Python and, in processes of their own, in the other languages; the format and the options are
described in docs/harness.md.
"""

from __future__ import annotations

from .case import Case, CaseError, Step, parse_cases
from .literal import LiteralError, format_literal, parse_literal
from .report import Outcome, Totals, compare, parse_trace_output

__all__ = [
    "Case",
    "CaseError",
    "LiteralError",
    "Outcome",
    "Step",
    "Totals",
    "compare",
    "format_literal",
    "parse_cases",
    "parse_literal",
    "parse_trace_output",
]
