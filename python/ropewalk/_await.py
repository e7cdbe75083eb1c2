# SPDX-License-Identifier: MIT
"""The one coroutine function that the C module needs: it makes a coroutine of anything that can be awaited."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wrap_awaitable(awaitable: Awaitable[T]) -> T:
    """Await `awaitable` and give its result."""
    return await awaitable
