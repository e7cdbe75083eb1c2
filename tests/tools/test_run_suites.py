# SPDX-License-Identifier: MIT
"""What the runner of suites makes of a suite that is good, bad, silent, crashed or stuck."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import harness
import run_suites
from run_suites import Suite


def outcome(command: str, limit: float = 20.0) -> tuple[str, str]:
    result = run_suites.run(Suite("group/name", limit, command))
    return str(result.totals), result.reason


def main(lines: str, *arguments: str) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "list"
        path.write_text(lines, encoding="utf-8")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = run_suites.main([str(path), *arguments])
    return status, out.getvalue().splitlines()


class RunSuites(unittest.TestCase):
    def test_a_suite_keeps_its_own_account(self) -> None:
        self.assertEqual(outcome("echo '3 passed, 0 failed, 1 skipped'"), ("3 passed, 0 failed, 1 skipped", ""))

    def test_the_last_line_of_the_form_counts(self) -> None:
        command = "echo '9 passed, 9 failed, 9 skipped'; echo '1 passed, 0 failed, 0 skipped'; echo done"
        self.assertEqual(outcome(command), ("1 passed, 0 failed, 0 skipped", ""))

    def test_silence_is_a_failure(self) -> None:
        totals, reason = outcome("true")
        self.assertEqual(totals, "0 passed, 1 failed, 0 skipped")
        self.assertIn("no line", reason)

    def test_a_crash_is_a_failure_even_after_its_account(self) -> None:
        totals, reason = outcome("echo '5 passed, 0 failed, 0 skipped'; kill -SEGV $$")
        self.assertEqual((totals, reason), ("5 passed, 1 failed, 0 skipped", "killed by SIGSEGV"))

    def test_a_bad_status_without_a_failure_is_one(self) -> None:
        totals, reason = outcome("echo '5 passed, 0 failed, 0 skipped'; exit 3")
        self.assertEqual(totals, "5 passed, 1 failed, 0 skipped")
        self.assertIn("exit status 3", reason)

    def test_a_suite_that_is_stuck_is_stopped_with_its_children(self) -> None:
        totals, reason = outcome("sleep 60 & wait", limit=0.2)
        self.assertEqual(totals, "0 passed, 1 failed, 0 skipped")
        self.assertIn("limit", reason)

    def test_a_bad_line_of_a_list_is_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "line 2"):
            list(run_suites.parse_list("a/b | 1 | true\nnonsense\n"))

    def test_the_total_stands_alone_on_the_last_line(self) -> None:
        lines = "a/x | 9 | echo '1 passed, 0 failed, 2 skipped'\nb/y | 9 | echo '3 passed, 0 failed, 0 skipped'\n"
        status, out = main(lines)
        self.assertEqual((status, out[-1]), (0, "4 passed, 0 failed, 2 skipped"))

    def test_a_failure_shows_its_command_and_sets_the_status(self) -> None:
        status, out = main("a/x | 9 | echo 'not ok thing'; echo '0 passed, 1 failed, 0 skipped'; false\n")
        self.assertEqual(status, 1)
        self.assertTrue(any("not ok thing" in line for line in out))

    def test_nothing_to_run_is_a_failure(self) -> None:
        status, out = main("# nothing\n")
        self.assertEqual((status, out[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_a_missing_required_program_is_a_failure_and_an_optional_one_is_not(self) -> None:
        line = "a/x | 9 | echo '1 passed, 0 failed, 0 skipped'\n"
        self.assertEqual(main(line, "--tool", "have:lua-5.5=")[0], 0)
        status, out = main(line, "--tool", "need:lua-5.4=")
        self.assertEqual((status, out[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("MISSING", out[0])

    def test_the_total_is_appended_on_request(self) -> None:
        with tempfile.NamedTemporaryFile("r") as file:
            main("a/x | 9 | echo '1 passed, 0 failed, 0 skipped'\n", "--append", file.name)
            self.assertEqual(file.read(), "1 passed, 0 failed, 0 skipped\n")


if __name__ == "__main__":
    harness.main()
