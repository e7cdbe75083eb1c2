# SPDX-License-Identifier: MIT
"""CPython's own tests of asyncio, on Ropewalk's loop.

    PYTHONPATH=build/python/3.13 python3.13 tests/python/conformance.py [MODULE | MODULE.CLASS | MODULE.CLASS.TEST ...]

Wherever a test makes a loop it gets an EventLoop. Each module runs in a process of its own. What fails is compared
with EXPECTED, the tests that look at asyncio's inside and not at its contract, each with the reason; the exit status is
1 when anything else fails. It needs a Python that has its `test` package.
"""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from typing import Any

MODULES = [
    "test_base_events",
    "test_buffered_proto",
    "test_context",
    "test_eager_task_factory",
    "test_events",
    "test_futures",
    "test_futures2",
    "test_locks",
    "test_pep492",
    "test_queues",
    "test_runners",
    "test_sendfile",
    "test_server",
    "test_sock_lowlevel",
    "test_ssl",
    "test_sslproto",
    "test_staggered",
    "test_streams",
    "test_subprocess",
    "test_taskgroups",
    "test_tasks",
    "test_threads",
    "test_timeouts",
    "test_unix_events",
    "test_waitfor",
]
TIMEOUT_SECONDS = 600

# By the end of a test's name: why it may fail.
EXPECTED: dict[str, str] = {
    "test_create_server_soreuseport_only_defined": "serves on a mock for a socket: a watch needs a descriptor",
    "RopewalkTaskTests.test_error_in_call_soon": "a task's first step is not given to call_soon",
    "RopewalkTaskTests.test_log_destroyed_pending_task": "a task that nobody refers to lives on",
    "RopewalkTaskTests.test_set_exception_causes_invalid_state": "the step it takes from the task is silent",
    "RopewalkTaskTests.test_set_result_causes_invalid_state": "the step it takes from the task is silent",
    "RopewalkTaskTests.test_stop_while_run_in_complete": "counts the turns in which its own loop moved its time",
    "test_sock_sendfile_blocking_error": "looks into the selector that asyncio's own loop has",
}


def substitute() -> None:
    """Put EventLoop where asyncio keeps its own."""
    import asyncio

    import ropewalk

    class Loop(ropewalk.EventLoop):
        def __init__(self, selector: Any = None) -> None:
            if selector is not None:
                selector.close()
            super().__init__()

    asyncio.EventLoop = asyncio.SelectorEventLoop = Loop  # type: ignore[misc,attr-defined]
    asyncio.unix_events.SelectorEventLoop = Loop  # type: ignore[attr-defined]
    asyncio.DefaultEventLoopPolicy._loop_factory = Loop  # type: ignore[attr-defined]


class Result(unittest.TextTestResult):
    """Prints one line of JSON per failure."""

    def _note(self, test: Any, error: Any) -> None:
        print(json.dumps([test.id(), self._exc_info_to_string(error, test)]), flush=True)  # type: ignore[attr-defined]

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, err)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._note(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, err)


def add_task_tests() -> None:
    """Ask of our tasks what asyncio asks of its own, in simulated time."""
    import asyncio

    import ropewalk
    from test.test_asyncio import test_tasks, utils

    class Loop(ropewalk.EventLoop):
        """Its time begins at 0, as that of asyncio's test loop."""

        def __init__(self) -> None:
            super().__init__({"seed": 0})
            self.begun = super().time()

        def time(self) -> float:
            return super().time() - self.begun

        def call_at(self, when: float, *args: Any, **kwargs: Any) -> Any:
            return super().call_at(when + self.begun, *args, **kwargs)

        def call_later(self, delay: float, *args: Any, **kwargs: Any) -> Any:
            return self.call_at(self.time() + delay, *args, **kwargs)

        def advance_time(self, seconds: float) -> None:
            """Nothing: time jumps to the next timer by itself."""

    class RopewalkTaskTests(test_tasks.BaseTaskTests, test_tasks.SetMethodsTest, utils.TestCase):
        Task = ropewalk.Task
        Future = asyncio.Future
        all_tasks = staticmethod(asyncio.all_tasks)

        def new_test_loop(self, gen: Any = None) -> Loop:
            loop = Loop()
            self.set_event_loop(loop)
            return loop

    test_tasks.RopewalkTaskTests = RopewalkTaskTests


def run_module(name: str) -> None:
    """In the child: run the tests that `name` says."""
    substitute()
    if name.startswith("test_tasks"):
        add_task_tests()
    suite = unittest.defaultTestLoader.loadTestsFromName("test.test_asyncio." + name)
    with open("/dev/null", "w", encoding="utf-8") as nowhere:
        result = unittest.TextTestRunner(nowhere, verbosity=2, resultclass=Result).run(suite)
    print(json.dumps(["", f"{result.testsRun} run, {len(result.skipped)} skipped"]))


def report(name: str) -> int:
    """Run a module in a child and tell of it; how many failures nobody expects."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", name]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        out, trouble = child.stdout, child.stderr if child.returncode != 0 else ""
    except subprocess.TimeoutExpired as error:
        out, trouble = str(error.stdout or ""), f"no end after {TIMEOUT_SECONDS} s"
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("[")]
    failures = {test: text for test, text in lines if test}
    summary = next((text for test, text in lines if not test), "did not end: " + trouble[-300:])
    unexpected = 0
    for test, text in failures.items():
        reason = next((why for end, why in EXPECTED.items() if test.endswith(end)), None)
        if reason is None:
            unexpected += 1
            print(f"not ok {test}\n" + "".join(f"#   {line}\n" for line in text.splitlines()[-12:]), end="")
        else:
            print(f"expected {test}: {reason}")
    print(f"{name}: {summary}, {len(failures)} failed, {unexpected} of them unexpected", flush=True)
    return unexpected + ("run" not in summary)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        run_module(sys.argv[2])
        return
    sys.exit(1 if sum(report(name) for name in sys.argv[1:] or MODULES) else 0)


if __name__ == "__main__":
    main()
