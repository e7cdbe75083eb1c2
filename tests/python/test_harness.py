# SPDX-License-Identifier: MIT
"""The tool for behaviour cases: what it reads, what it says about what it cannot, and other runners' processes."""

from __future__ import annotations

import contextlib
import io
import pathlib
import sys
import tempfile
import traceback
from collections.abc import Callable

from ropewalk.harness import CaseError, format_literal, parse_cases, parse_literal, parse_trace_output
from ropewalk.harness.__main__ import main
from ropewalk.harness.run import run_case

GOOD = "case good\n  task main\n    sleep 5\n    trace here\n  expect\n    5 main here\n"
BAD = GOOD.replace("5 main here", "6 main here").replace("good", "bad")

SPELLINGS = [
    "nil", "true", "false", "0", "-7", "9223372036854775807", "0.25", "-1.0", "1e+300", "0.1", "inf", "-inf", "nan",
    '""', '"a \\"b\\" \\\\ \\n\\t\\x00"', 'b"\\xff\\x00x"', "[]", '[1, [2.5, nil], "x"]', "{}",
    '{"a": 1, "b": [true]}', "{1: 2}",
]  # fmt: skip


def run_tool(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main(list(arguments))
    return status, out.getvalue()


@contextlib.contextmanager
def files(**contents: str):
    with tempfile.TemporaryDirectory() as directory:
        for name, content in contents.items():
            (pathlib.Path(directory) / f"{name}.case").write_text(content, encoding="utf-8")
        yield directory


def malformed_files_are_refused_with_the_line_and_the_reason() -> None:
    text = (pathlib.Path("tests") / "harness" / "malformed.txt").read_text(encoding="utf-8")
    entries = text.split("\n! ")[1:]
    assert len(entries) > 40
    for entry in entries:
        message, _, body = entry.partition("\n")
        try:
            parse_cases(body + "\n")
        except CaseError as error:
            assert str(error) == message, f"expected {message}, got {error}"
        else:
            raise AssertionError(f"expected {message}")


def each_value_has_one_spelling() -> None:
    for spelling in SPELLINGS:
        value, stop = parse_literal(spelling)
        assert stop == len(spelling)
        assert format_literal(value) == spelling, format_literal(value)


def the_status_says_whether_all_passed() -> None:
    with files(good=GOOD, bad=BAD) as directory:
        status, out = run_tool(directory)
        assert status == 1
        assert out.endswith("1 passed, 1 failed, 0 skipped\n"), out
        assert "# - 6 main here" in out and "# + 5 main here" in out, out
        status, out = run_tool(f"{directory}/good.case")
        assert status == 0 and out.endswith("1 passed, 0 failed, 0 skipped\n"), out


def a_file_that_is_not_well_formed_is_a_failure() -> None:
    with files(broken="task main\n") as directory:
        status, out = run_tool(directory)
        assert status == 1 and "line 1: a file begins with a case" in out, out
    status, out = run_tool("no/such/file.case")
    assert status == 1 and out.endswith("0 passed, 1 failed, 0 skipped\n"), out


def cases_may_be_limited_to_languages() -> None:
    limited = GOOD.replace("  task main", "  only c: a reason\n  task main")
    with files(limited=limited) as directory:
        status, out = run_tool(directory)
        assert status == 0 and out.endswith("0 passed, 0 failed, 1 skipped\n") and "a reason" in out, out


def another_runner_runs_in_a_process_of_its_own() -> None:
    with files(good=GOOD, bad=BAD) as directory:
        command = f"{sys.executable} -m ropewalk.harness"
        status, out = run_tool("--lang", "other", "--command", f"other={command}", directory)
        assert status == 1 and out.endswith("1 passed, 1 failed, 0 skipped\n"), out
        assert "ok other: good" in out, out


def a_runner_that_breaks_is_a_failure() -> None:
    with files(good=GOOD) as directory:
        for command in ("no-such-program", f"{sys.executable} -c 'import os; os.abort()'"):
            status, out = run_tool("--lang", "x", "--command", f"x={command}", directory)
            assert status == 1 and out.startswith("not ok x\n"), out
        silent = f"{sys.executable} -c pass"
        status, out = run_tool("--lang", "x", "--command", f"x={silent}", directory)
        assert status == 1 and "did not come to it" in out, out


def what_a_runner_prints_is_read_back() -> None:
    outcomes = list(parse_trace_output("case\ta\t1\tn\ntrace\t0 m x\ncase\ta\t5\to\nskip\twhy\nerror\tbad\n"))
    assert [outcome.name for outcome in outcomes] == ["n", "o"]
    assert outcomes[0].trace == ["0 m x"] and outcomes[1].skipped == "why" and outcomes[1].error == "bad"


def what_is_left_alive_is_told() -> None:
    (case,) = parse_cases("case a\ntask main\nspawn w\ndetach w\ntask w\nsleep 1000\nexpect\n")
    trace = run_case(case)
    assert trace and trace[0].startswith("0 left tasks=1 "), trace


def an_unknown_variable_is_an_error_of_the_step() -> None:
    (case,) = parse_cases("case a\ntask main\nsleep 5\nshow done nobody\nexpect\n")
    assert run_case(case) == ["5 main done nobody: error invalid"]


TESTS: list[Callable[[], None]] = [
    malformed_files_are_refused_with_the_line_and_the_reason,
    each_value_has_one_spelling,
    the_status_says_whether_all_passed,
    a_file_that_is_not_well_formed_is_a_failure,
    cases_may_be_limited_to_languages,
    another_runner_runs_in_a_process_of_its_own,
    a_runner_that_breaks_is_a_failure,
    what_a_runner_prints_is_read_back,
    what_is_left_alive_is_told,
    an_unknown_variable_is_an_error_of_the_step,
]


def run_tests() -> int:
    failed = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        try:
            test()
        except Exception:
            failed += 1
            print(f"not ok {name}")
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
        else:
            print(f"ok {name}")
    print(f"{len(TESTS) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_tests())
