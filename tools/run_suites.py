#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run lists of test suites and add up what they report.

A list is a text file of lines ``group/name | seconds | command``; a line that starts with ``#`` and an empty line are
skipped. A suite is one command whose last line of the form ``N passed, N failed, N skipped`` says how it went. A suite
that crashes, runs out of its time or says nothing counts as one failure, and so does one that reports no failure yet
ends with a status other than 0: silence is never success.

Two suites run at a time. The output of a suite that did not fail is not shown. At the end stands a table, one row per
group, and alone on the last line the total in the same form, so that totals can be totalled (``--append``).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

TOTALS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
SHOWN_LINES = 60


@dataclass(frozen=True)
class Suite:
    """One command with its limit in seconds."""

    name: str
    limit: float
    command: str

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


@dataclass
class Totals:
    """Counts in the order in which every line of the form names them."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Totals) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Result:
    """How one suite ended; ``reason`` is empty when it kept its own account."""

    suite: Suite
    totals: Totals
    output: str = ""
    reason: str = ""
    seconds: float = 0.0


@dataclass
class Group:
    """The row of the table."""

    totals: Totals = field(default_factory=Totals)
    suites: int = 0
    seconds: float = 0.0


def parse_list(text: str) -> Iterator[Suite]:
    """The suites of a list; ValueError names the line that is none."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|", 2)]
        if len(parts) != 3 or not parts[1].isdigit() or not parts[0] or not parts[2]:
            raise ValueError(f"line {number} is not `group/name | seconds | command`: {line}")
        yield Suite(parts[0], float(parts[1]), parts[2])


def last_totals(output: str) -> Totals | None:
    """The last line of the form; None when there is none."""
    found = TOTALS.findall(output)
    return Totals(*map(int, found[-1])) if found else None


def judge(suite: Suite, output: str, status: int | None, seconds: float) -> Result:
    """What a finished command means. A status of None: it was stopped at its limit."""
    totals = last_totals(output)
    reason = ""
    if status is None:
        reason = f"stopped after its limit of {suite.limit:.0f} s"
    elif status < 0:
        reason = f"killed by {signal.Signals(-status).name}"
    elif status > 128 and status - 128 in signal.Signals.__members__.values():
        reason = f"killed by {signal.Signals(status - 128).name}"
    elif totals is None:
        reason = f"no line `N passed, N failed, N skipped` (exit status {status})"
    elif status != 0 and totals.failed == 0:
        reason = f"exit status {status}, though it counted no failure"
    totals = totals or Totals()
    if reason:
        totals.failed += 1
    return Result(suite, totals, output, reason, seconds)


def run(suite: Suite) -> Result:
    """Runs one suite in a process group of its own, so that its limit ends its children too."""
    begin = time.monotonic()
    process = subprocess.Popen(
        ["sh", "-c", suite.command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        errors="replace",
    )
    status: int | None = None
    try:
        output, _ = process.communicate(timeout=suite.limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    return judge(suite, output, status, time.monotonic() - begin)


def report_failure(result: Result) -> None:
    """Prints what a reader needs in order to run the one suite again."""
    print(f"--- {result.suite.name}: {result.totals}{'; ' + result.reason if result.reason else ''}")
    print(f"    {result.suite.command}")
    lines = result.output.splitlines()
    wanted = [line for line in lines if not line.startswith(("ok ", "skip "))]
    for line in wanted[-SHOWN_LINES:]:
        print(f"    {line}")
    sys.stdout.flush()


def run_all(suites: Iterable[Suite], at_once: int) -> list[Result]:
    """Runs all; a failure is printed when it happens."""
    results = []
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, suite) for suite in suites]):
            result = done.result()
            results.append(result)
            if result.totals.failed:
                report_failure(result)
    return results


def print_table(results: list[Result]) -> None:
    """One row per group, in order of name."""
    groups: dict[str, Group] = {}
    for result in results:
        group = groups.setdefault(result.suite.group, Group())
        group.totals.add(result.totals)
        group.suites += 1
        group.seconds += result.seconds
    print(f"{'group':28} {'suites':>6} {'passed':>8} {'failed':>8} {'skipped':>8} {'seconds':>8}")
    for name, group in sorted(groups.items()):
        totals = group.totals
        print(f"{name:28} {group.suites:6} {totals.passed:8} {totals.failed:8} {totals.skipped:8} {group.seconds:8.1f}")


def print_tools(entries: list[str]) -> int:
    """Names the programs in use; returns how many required ones are missing.

    An entry is ``kind:name=path``: kind ``need`` or ``have``; an empty path means that the machine has none.
    """
    missing = 0
    for entry in entries:
        kind, _, rest = entry.partition(":")
        name, _, path = rest.partition("=")
        if path:
            print(f"{name:14} {version_of(path)}  ({path})")
        elif kind == "need":
            print(f"{name:14} MISSING, and required")
            missing += 1
        else:
            print(f"{name:14} not present (optional)")
    sys.stdout.flush()
    return missing


def version_of(path: str) -> str:
    """The first line of what ``-v``, ``-version`` or ``--version`` answers."""
    base = os.path.basename(path)
    flag = "-v" if "lua" in base else "-version" if base.startswith("swig") else "--version"
    if shutil.which(path) is None:
        return "?"
    answer = subprocess.run([path, flag], capture_output=True, text=True, check=False)
    lines = (answer.stdout or answer.stderr).strip().splitlines()
    return lines[0].split("  ")[0] if lines else "?"


def main(argv: list[str]) -> int:
    """The command line; the status is 1 when anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lists", nargs="*", help="files of suites")
    parser.add_argument("--at-once", type=int, default=2, help="suites that run at a time (2)")
    parser.add_argument("--append", metavar="FILE", help="also append the total line to FILE")
    parser.add_argument(
        "--tool", action="append", default=[], metavar="need|have:NAME=PATH", help="name a program in use"
    )
    parser.add_argument("--only", metavar="TEXT", help="only suites whose name contains TEXT")
    options = parser.parse_args(argv)

    total = Totals(failed=print_tools(options.tool))
    suites: list[Suite] = []
    for path in options.lists:
        with open(path, encoding="utf-8") as file:
            suites.extend(parse_list(file.read()))
    if options.only:
        suites = [suite for suite in suites if options.only in suite.name]
    if not suites:
        print("there is no suite to run")
        total.failed += 1
    results = run_all(suites, options.at_once)
    for result in results:
        total.add(result.totals)
    print_table(results)
    if options.append:
        with open(options.append, "a", encoding="utf-8") as file:
            print(total, file=file)
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
