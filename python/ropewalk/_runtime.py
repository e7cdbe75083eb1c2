# SPDX-License-Identifier: MIT
"""Running a program, reaching its loop from other threads, serving connections, looking inside."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pathlib
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TextIO, TypeVar

from ._errors import ClosedError
from ._loop import EventLoop, new_event_loop
from ._ropewalk import Listener, SocketStream, running_loop, scope, spawn, tasks
from ._surface import stats

__all__ = ["LoopHandle", "dump", "get_include", "handle", "run", "serve"]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None, **options: int | None) -> T:
    """Run a coroutine on a new event loop until it ends, and give its result.

    Args:
        main: the coroutine.
        debug: asyncio's debug mode; None leaves it to the environment.
        options: of the loop, those that `options()` lists.

    Raises:
        RuntimeError: an event loop is running in this thread already.
        TypeError: there is no such option, or its value is no number.
        ValueError: the number is out of the option's bounds.
    """
    with asyncio.Runner(debug=debug, loop_factory=lambda: new_event_loop(**options)) as runner:
        return runner.run(main)


class LoopHandle:
    """The thread-safe face of a loop: every method may be called from any thread."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function(*args)` on the loop's thread. ClosedError when the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError as error:
            raise ClosedError(str(error)) from None

    def spawn(self, coro: Coroutine[Any, Any, T], *, name: str | None = None) -> concurrent.futures.Future[T]:
        """Run a coroutine as a task on the loop; the future gets its outcome, and cancels it."""
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

        def begin() -> None:
            try:
                task: asyncio.Task[T] = spawn(coro, name=name)
            except BaseException as error:
                outcome.set_exception(error)
                return
            asyncio.futures._chain_future(task, outcome)  # type: ignore[attr-defined]

        try:
            self.post(begin)
        except ClosedError:
            coro.close()
            raise
        return outcome

    def run(self, coro: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and wait for its result. Not on the loop's own thread.

        Args:
            coro: the coroutine.
            timeout: seconds to wait at most; TimeoutError then, and the coroutine is cancelled.
        """
        outcome = self.spawn(coro)
        try:
            return outcome.result(timeout)
        except TimeoutError:
            outcome.cancel()
            raise

    def wake(self) -> None:
        """Make the loop do a turn."""
        self.post(lambda: None)


def handle() -> LoopHandle:
    """A handle of the running loop, to be given to other threads."""
    return LoopHandle(running_loop())


async def serve(listener: Listener, handler: Callable[[SocketStream], Awaitable[object]]) -> None:
    """Run `handler(socket)` for each connection, in a task of its own, until the listener is closed.

    An exception in a handler is reported to the loop's exception handler and ends that connection only.
    """
    loop = running_loop()

    async def connection(socket: SocketStream) -> None:
        try:
            async with socket:
                await handler(socket)
        except Exception as error:
            loop.call_exception_handler({"message": "a connection's handler failed", "exception": error})

    async with scope("serve") as connections:
        async for socket in listener:
            connections.spawn(connection(socket))


def dump(file: TextIO | None = None) -> None:
    """Print the loop's counters and its tasks, with the stacks of Python's, to `file` (stderr)."""
    out = file if file is not None else sys.stderr
    print("counters:", ", ".join(f"{name} {number}" for name, number in stats().items()), file=out)
    for task in tasks():
        flag = ", cancelled" if task["cancelled"] else ""
        print(f"task {task['id']} {task['name']!r}: {task['future']}, {task['state']}{flag}", file=out)
    for python_task in asyncio.all_tasks():
        python_task.print_stack(file=out)


def get_include() -> str:
    """The directory with <ropewalk.h> and <ropewalk/python.h>, for building C extensions against the package's core."""
    return str(pathlib.Path(__file__).parent / "include")
