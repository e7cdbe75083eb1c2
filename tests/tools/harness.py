# SPDX-License-Identifier: MIT
"""Runs the unittest cases of a module and reports them the way every suite of this tree does."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any


class Checkout:
    """A throw-away tree of files, with git told of it."""

    def __init__(self, files: dict[str, str]) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.root = Path(self._directory.name)
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def __enter__(self) -> Path:
        return self.root

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()


class Reporter(unittest.TestResult):
    """Prints each outcome when it is known. What fails outside of a test (setUpClass) is a failure of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = self.failed = self.skips = 0

    @staticmethod
    def name(test: unittest.TestCase) -> str:
        return test.id().removeprefix("__main__.")

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed += 1
        print(f"ok {self.name(test)}")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.failed += 1
        print(f"not ok {self.name(test)}")
        print("".join(f"# {line}\n" for line in self.failures[-1][1].splitlines()), end="")

    addError = addFailure

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.addFailure(subtest, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.skips += 1
        print(f"skip {self.name(test)} {reason}")


def main() -> None:
    """Prints `ok NAME` / `not ok NAME` / `skip NAME reason` lines and the totals; exits."""
    reporter = Reporter()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]).run(reporter)
    print(f"{reporter.passed} passed, {reporter.failed} failed, {reporter.skips} skipped")
    sys.exit(1 if reporter.failed else 0)
