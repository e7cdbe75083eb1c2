# SPDX-License-Identifier: MIT
"""Runs the unittest cases of a module and reports them the way every suite of this tree does."""

from __future__ import annotations

import io
import sys
import tempfile
import unittest
from pathlib import Path


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


def main() -> None:
    """Prints `ok NAME` / `not ok NAME` / `skip NAME reason` lines and the totals; exits."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    names = [str(test.id()).removeprefix("__main__.") for test in _flat(suite)]
    result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(suite)
    bad = {test.id().removeprefix("__main__."): text for test, text in result.failures + result.errors}
    skipped = {test.id().removeprefix("__main__."): reason for test, reason in result.skipped}
    for name in names:
        if name in bad:
            print(f"not ok {name}")
            print("".join(f"# {line}\n" for line in bad[name].splitlines()), end="")
        elif name in skipped:
            print(f"skip {name} {skipped[name]}")
        else:
            print(f"ok {name}")
    # A failure outside of any test (setUpClass, an import) has a name of its own.
    failed = len(bad)
    print(f"{len(names) - len(set(names) & set(bad)) - len(skipped)} passed, {failed} failed, {len(skipped)} skipped")
    sys.exit(1 if failed else 0)


def _flat(suite: unittest.TestSuite) -> list[unittest.TestCase]:
    found: list[unittest.TestCase] = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            found.extend(_flat(test))
        else:
            found.append(test)
    return found
