# SPDX-License-Identifier: MIT
"""State shared by the tasks of one loop, built on the core's Semaphore and Notify.

All are fair and belong to the loop that runs when they are made. A wait that is cancelled leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, TypeVar

from ._errors import StateError, WouldBlock
from ._ropewalk import Notify, Semaphore, channel, spawn

__all__ = ["Barrier", "Condition", "Event", "JoinSet", "Lock", "Once", "RWLock"]

T = TypeVar("T")


class Lock:
    """A mutex: `async with lock:`. The task that holds it must release it."""

    def __init__(self) -> None:
        self._semaphore = Semaphore(1)
        self._owner: asyncio.Task[Any] | None = None

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._semaphore.value == 0

    async def acquire(self) -> None:
        """Wait for the lock; StateError when this task has it already."""
        task = asyncio.current_task()
        if self._owner is not None and self._owner is task:
            raise StateError("this task holds the lock already")
        await self._semaphore.acquire()
        self._owner = task

    def acquire_nowait(self) -> None:
        """Take the lock now, or raise WouldBlock."""
        self._semaphore.acquire_nowait()
        self._owner = asyncio.current_task()

    def release(self) -> None:
        """Give the lock to the next who waits; StateError when another task holds it."""
        if self._owner is not asyncio.current_task() or not self.locked():
            raise StateError("this task does not hold the lock")
        self._owner = None
        self._semaphore.release()

    async def __aenter__(self) -> Lock:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class Event:
    """A flag that tasks wait for."""

    def __init__(self) -> None:
        self._notify = Notify()
        self._set = False

    def is_set(self) -> bool:
        """Whether set() was called and clear() not since."""
        return self._set

    def set(self) -> None:
        """Set the flag and wake everybody."""
        self._set = True
        self._notify.notify_all()

    def clear(self) -> None:
        """Take the flag back."""
        self._set = False

    async def wait(self) -> None:
        """Wait until the flag is set."""
        if not self._set:
            await self._notify.wait()


class Condition:
    """Wait, under a lock, until another task says that something has changed."""

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock if lock is not None else Lock()
        self._waiters: list[Notify] = []

    async def acquire(self) -> None:
        """Acquire the lock."""
        await self._lock.acquire()

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    async def __aenter__(self) -> Condition:
        await self._lock.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    async def wait(self) -> None:
        """Release the lock, wait to be notified, acquire it again: also when cancelled."""
        waiter = Notify()
        self._waiters.append(waiter)
        self._lock.release()
        try:
            await waiter.wait()
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            from ._ropewalk import shield

            with shield():
                await self._lock.acquire()

    async def wait_for(self, predicate: Callable[[], bool]) -> None:
        """Wait until predicate() is true."""
        while not predicate():
            await self.wait()

    def notify(self, count: int = 1) -> None:
        """Wake so many of those who wait. The lock must be held."""
        if not self._lock.locked():
            raise StateError("notify() needs the lock")
        woken, self._waiters = self._waiters[:count], self._waiters[count:]
        for waiter in woken:
            waiter.notify_one()

    def notify_all(self) -> None:
        """Wake all who wait. The lock must be held."""
        self.notify(len(self._waiters))


class RWLock:
    """Many readers or one writer; whoever came first goes first.

    Args:
        readers: how many may read at a time.
    """

    def __init__(self, readers: int = 1 << 20) -> None:
        self._readers = readers
        self._semaphore = Semaphore(readers)

    def read(self) -> _Held:
        """`async with lock.read():` shared."""
        return _Held(self._semaphore, 1)

    def write(self) -> _Held:
        """`async with lock.write():` exclusive."""
        return _Held(self._semaphore, self._readers)


class _Held:
    def __init__(self, semaphore: Semaphore, count: int) -> None:
        self._semaphore = semaphore
        self._count = count

    async def __aenter__(self) -> None:
        await self._semaphore.acquire(self._count)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._semaphore.release(self._count)


class Barrier:
    """Holds tasks back until `parties` of them have come; then again."""

    def __init__(self, parties: int) -> None:
        if parties < 1:
            raise ValueError("a barrier needs at least one party")
        self._parties = parties
        self._waiting = 0
        self._notify = Notify()

    async def wait(self) -> int:
        """Wait for the others. Gives this task's place, 0 for the first to come."""
        place = self._waiting
        self._waiting += 1
        if self._waiting == self._parties:
            self._waiting = 0
            self._notify.notify_all()
            return place
        try:
            await self._notify.wait()
        except BaseException:
            self._waiting = max(0, self._waiting - 1)
            raise
        return place


class Once(Generic[T]):
    """Runs a coroutine function once; everybody gets its result. After a failure the next one tries again."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self._function = function
        self._lock = Lock()
        self._done = False
        self._value: T

    async def get(self) -> T:
        """The result."""
        if not self._done:
            async with self._lock:
                if not self._done:
                    self._value = await self._function()
                    self._done = True
        return self._value


class JoinSet(Generic[T]):
    """A growing set of tasks, taken in the order in which they end: `async for task in join_set:`."""

    def __init__(self) -> None:
        self._sender, self._receiver = channel(None)
        self._tasks: set[asyncio.Task[T]] = set()
        self._untaken = 0

    def __len__(self) -> int:
        return self._untaken

    def spawn(self, coro: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Spawn a coroutine into the set."""
        task: asyncio.Task[T] = spawn(coro, name=name)
        self._tasks.add(task)
        self._untaken += 1
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        self._sender.send_nowait(task)

    def cancel(self) -> None:
        """Cancel all that are still running."""
        for task in list(self._tasks):
            task.cancel()

    async def next(self) -> asyncio.Task[T]:
        """The next task that has ended. WouldBlock when the set is empty."""
        if self._untaken == 0:
            raise WouldBlock("the set is empty")
        task: asyncio.Task[T] = await self._receiver.receive()
        self._untaken -= 1
        return task

    async def __aiter__(self) -> AsyncIterator[asyncio.Task[T]]:
        while self._untaken > 0:
            yield await self.next()
