# SPDX-License-Identifier: MIT
"""``python -m ropewalk.harness [--lang c,lua5.4,python ...] PATH...``: behaviour cases in several languages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .case import Case, CaseError, parse_cases
from .commands import RunnerError, command_of, run_command
from .report import Outcome, Totals, compare

__all__ = ["main"]


def _parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ropewalk.harness",
        description="Run behaviour cases and compare their traces, in virtual time, in every language named.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file of cases, or a directory of *.case files")
    parser.add_argument(
        "--lang",
        default="python",
        metavar="LANGUAGES",
        help="comma-separated: python, c, lua5.1 ... lua5.5, luajit (default: python)",
    )
    parser.add_argument(
        "--command",
        action="append",
        default=[],
        metavar="LANGUAGE=COMMAND",
        help="how a language's runner is started; it is given --trace and the files",
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose names contain this")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="for each runner (120)")
    parser.add_argument("--trace", action="store_true", help="print what happened, for another program to compare")
    parser.add_argument("--quiet", action="store_true", help="print failures and totals only")
    options = parser.parse_args(arguments)
    options.commands = {}
    for entry in options.command:
        language, equals, command = entry.partition("=")
        if not equals or not command:
            parser.error(f"--command takes LANGUAGE=COMMAND, not {entry!r}")
        options.commands[language] = command
    return options


def _files(paths: list[str]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(path.glob("*.case")) if path.is_dir() else [path]
    return files


def _load(files: list[Path], totals: Totals) -> dict[str, list[Case]]:
    loaded: dict[str, list[Case]] = {}
    for path in files:
        try:
            loaded[str(path)] = parse_cases(path.read_text(encoding="utf-8", errors="surrogateescape"))
        except (CaseError, OSError) as error:
            print(f"not ok {path}\n# {path}: {error}")
            totals.failed += 1
    return loaded


def _run_here(cases: dict[str, list[Case]]) -> list[Outcome]:
    from .run import LANGUAGE, run_case

    outcomes = []
    for path, listed in cases.items():
        for case in listed:
            outcome = Outcome(path, case.line, case.name, skipped=case.skip_reason(LANGUAGE))
            if outcome.skipped is None:
                outcome.trace = run_case(case)
            outcomes.append(outcome)
    return outcomes


def _print_trace(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        print(f"case\t{outcome.path}\t{outcome.line}\t{outcome.name}")
        if outcome.skipped is not None:
            print(f"skip\t{outcome.skipped}")
        for line in outcome.trace:
            print(f"trace\t{line}")


def _judge(language: str, case: Case, outcome: Outcome | None, totals: Totals, say: Callable[[str], None]) -> None:
    title = f"{language}: {case.name}"
    if outcome is None or outcome.error is not None:
        print(f"not ok {title}\n# {outcome.error if outcome else 'the runner did not come to it'}")
        totals.failed += 1
        return
    if outcome.skipped is not None:
        say(f"skip {title} {outcome.skipped}")
        totals.skipped += 1
        return
    difference = compare(case, outcome.trace)
    if difference:
        print(f"not ok {title}\n# {outcome.path}:{case.line}")
        for line in difference:
            print(f"# {line}")
        totals.failed += 1
        return
    say(f"ok {title}")
    totals.passed += 1


def _run_language(language: str, cases: dict[str, list[Case]], options: argparse.Namespace, totals: Totals) -> None:
    try:
        if language == "python" and language not in options.commands:
            outcomes = _run_here(cases)
        else:
            command = command_of(language, options.commands)
            outcomes = run_command(language, command, list(cases), options.timeout)
    except RunnerError as error:
        print(f"not ok {language}")
        for line in str(error).splitlines():
            print(f"# {line}")
        totals.failed += 1
        return
    if options.trace:
        _print_trace(outcomes)
        return
    found = {(outcome.path, outcome.line): outcome for outcome in outcomes}
    say: Callable[[str], None] = (lambda line: None) if options.quiet else print
    for path, listed in cases.items():
        for case in listed:
            if options.only in case.name:
                _judge(language, case, found.get((path, case.line)), totals, say)


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; gives the exit status: 0 when everything passed."""
    options = _parse_arguments(arguments)
    totals = Totals()
    cases = _load(_files(options.paths), totals)
    for language in options.lang.split(","):
        _run_language(language.strip(), cases, options, totals)
    if not options.trace:
        print(totals)
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
