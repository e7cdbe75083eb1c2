# SPDX-License-Identifier: MIT
"""The exceptions of the package. The C module finds them by the names in the core's table of errors.

Each is an `Error` and, where one fits, also the builtin that other code already catches. Cancelling is asyncio's own
`CancelledError`, and what the operating system says is a plain `OSError` of the usual subclass.
"""

from __future__ import annotations

import builtins
from asyncio import CancelledError
from builtins import MemoryError, OSError, TypeError, ValueError
from socket import gaierror

__all__ = [
    "BrokenError",
    "BusyError",
    "CancelledError",
    "ClosedError",
    "DeadlockError",
    "EndOfStream",
    "Error",
    "IncompleteRead",
    "Lagged",
    "LimitError",
    "MemoryError",
    "OSError",
    "ScriptError",
    "StateError",
    "ThreadError",
    "TimeoutError",
    "TypeError",
    "UnsupportedError",
    "ValueError",
    "WouldBlock",
    "gaierror",
]


class Error(Exception):
    """Base of all exceptions that Ropewalk itself raises.

    Attributes:
        code: the short name that C and Lua use for the same error, such as ``"closed"``.
        origin: ``"c"``, ``"lua"`` or ``"python"``: where it was raised first.
        type: the type it had there, or None.
        traceback: the tracebacks of the other languages it came through, as text, or None.
    """

    code: str = "error"
    origin: str = "c"
    type: str | None = None
    traceback: str | None = None


class TimeoutError(Error, builtins.TimeoutError):
    """A deadline passed first."""

    code = "timeout"


class ClosedError(Error, RuntimeError):
    """The channel, socket or loop is closed."""

    code = "closed"


class EndOfStream(Error, EOFError):
    """The other side has ended the stream, and everything it sent was received."""

    code = "end"


class WouldBlock(Error, BlockingIOError):
    """A `_nowait` operation would have had to wait."""

    code = "full"


class StateError(Error, RuntimeError):
    """The operation is not possible in the object's present state."""

    code = "state"


class BusyError(Error, RuntimeError):
    """Another task is doing this with the same object already."""

    code = "busy"


class LimitError(Error, builtins.ValueError):
    """A limit was exceeded: a line too long, nesting too deep, a number too large."""

    code = "limit"


class IncompleteRead(Error, EOFError):
    """The stream ended in the middle of what was asked for; what did come stays readable."""

    code = "incomplete"


class ThreadError(Error, RuntimeError):
    """A loop was touched from a thread that is not its own."""

    code = "thread"


class DeadlockError(Error, RuntimeError):
    """Every task waits and nothing is left that could wake one."""

    code = "deadlock"


class ScriptError(Error, RuntimeError):
    """A function in another language raised an error; see `type` and `traceback`."""

    code = "script"


class UnsupportedError(Error, NotImplementedError):
    """This build or this loop cannot do it."""

    code = "unsupported"


class Lagged(Error, LookupError):
    """A broadcast receiver was too slow; `missed` values are gone.

    Attributes:
        missed: how many values were dropped before the next one.
    """

    code = "lagged"
    missed: int = 0


class BrokenError(Error, ConnectionError):
    """The other end went away in the middle."""

    code = "broken"
