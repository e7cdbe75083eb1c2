# SPDX-License-Identifier: MIT
"""The steps of a case as Python code would write them: coroutines, `async with`, `async for`, exceptions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ropewalk as rw

from .case import UNBOUNDED, Case, Reference, Step
from .literal import format_literal

__all__ = ["Runner", "format_error"]


class Ends:
    """What a step calls a channel, or a oneshot: both of its ends under one name, or one of them."""

    def __init__(self, sender: Any = None, receiver: Any = None) -> None:
        self.sender = sender
        self.receiver = receiver


class Oneshot(Ends):
    """The ends of a oneshot."""


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _code(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, rw.Error):
        return error.code
    for kind, code in (
        (TimeoutError, "timeout"),
        (StopAsyncIteration, "end"),
        (asyncio.InvalidStateError, "state"),
        (TypeError, "type"),
        (ValueError, "invalid"),
        (MemoryError, "nomem"),
        (OSError, "os"),
    ):
        if isinstance(error, kind):
            return code
    return "script"


def format_error(error: BaseException) -> str:
    """How a trace shows an exception: its code, a script's message, and how many others came with it."""
    leaves = _leaves(error)
    code = _code(leaves[0])
    text = f"error {code}"
    if code == "script":
        text += f' "{leaves[0]}"'
    return text + (f" +{len(leaves) - 1}" if len(leaves) > 1 else "")


def _seconds(milliseconds: object) -> float:
    return int(str(milliseconds)) / 1000


class Runner:
    """Runs the tasks of one case on the running loop; they share its variables."""

    def __init__(self, case: Case, write: Callable[[str, str], None]) -> None:
        """`write(label, text)` adds a line to the trace."""
        self.case = case
        self.write = write
        self.variables: dict[str, Any] = {}

    # ---- tasks

    async def run_task(self, name: str, label: str) -> object:
        """The coroutine of a task; it writes how it ended, unless it ended well."""
        try:
            for step in self.case.tasks[name]:
                if step.op == "return":
                    return self.value(step.arguments[0])
                await self.run_step(step, label)
        except asyncio.CancelledError:
            self.write(label, "cancelled")
            raise
        except BaseException as error:
            self.write(label, f"failed: {format_error(error)}")
            raise
        return None

    async def run_steps(self, steps: list[Step], label: str) -> None:
        for step in steps:
            await self.run_step(step, label)

    async def run_step(self, step: Step, label: str) -> None:
        try:
            outcome = await self.perform(step, label)
        except BaseException as error:
            if not step.show:
                raise
            self.write(label, f"{step.text}: {format_error(error)}")
            return
        if step.show:
            self.write(label, f"{step.text}: {format_literal(outcome)}")
        elif step.store:
            self.variables[step.store] = outcome

    async def perform(self, step: Step, label: str) -> object:
        if step.kind == "leaf":
            return await self.wait(step)
        if step.kind == "group":
            return await self.group(step)
        if step.kind == "block":
            await self.block(step, label)
            return None
        if step.op == "trace":
            self.write(label, self.fill_in(str(step.arguments[0])))
            return None
        return self.direct(step)

    # ---- values

    def value(self, argument: object) -> object:
        return self.variables.get(argument.name) if isinstance(argument, Reference) else argument

    def variable(self, name: object) -> Any:
        try:
            return self.variables[str(name)]
        except KeyError:
            raise ValueError(f"no variable {name}") from None

    def fill_in(self, words: str) -> str:
        return re.sub(r"\$([a-z0-9_]*)", lambda match: format_literal(self.variables.get(match[1])), words)

    # ---- steps that wait

    async def wait(self, step: Step) -> object:
        if step.within_ms is not None:
            with rw.fail_after(_seconds(step.within_ms)):
                return await self.wait_now(step)
        return await self.wait_now(step)

    async def wait_now(self, step: Step) -> object:
        outcome = await self.awaitable(step)
        if step.op == "reserve":
            if step.arguments[1] is not None:
                self.variables[str(step.arguments[1])] = outcome
            return None
        return outcome

    def awaitable(self, step: Step) -> Awaitable[Any]:
        """What the step waits for, not yet begun where the library can put it off."""
        op, arguments = step.op, step.arguments
        if op == "sleep":
            return rw.sleep(_seconds(arguments[0]))
        if op == "yield":
            return rw.yield_now()
        variable = self.variable(arguments[0])
        waits: dict[str, Callable[[], Awaitable[Any]]] = {
            "await": lambda: variable,
            "receive": lambda: self.receive(variable),
            "send": lambda: variable.sender.send(self.value(arguments[1])),
            "next": lambda: variable.next(),
            "forward": lambda: rw.forward(variable, rw.Sink(self.variable(arguments[1]).sender)),
            "reserve": lambda: variable.sender.reserve(),
        }
        return waits[op]()

    def receive(self, variable: Any) -> Awaitable[Any]:
        waiting: Awaitable[Any]
        if isinstance(variable, Oneshot):
            waiting = variable.receiver
        elif isinstance(variable, Ends):
            waiting = variable.receiver.receive()
        else:
            waiting = variable.receive()
        return waiting

    async def group(self, step: Step) -> object:
        if step.op == "join":
            return list(await rw.join(*(self.awaitable(member) for member in step.body)))
        if step.op == "first":
            return list(await rw.first(*(self.awaitable(member) for member in step.body)))
        return await self.select(step)

    async def select(self, step: Step) -> object:
        cases: list[Any] = []
        options: dict[str, Any] = {}
        positions: list[int] = []
        special = None
        for position, member in enumerate(step.body):
            if member.op == "after":
                options["timeout"] = _seconds(member.arguments[0])
                special = position
            elif member.op == "default":
                options.update(timeout=0, biased=True)
                special = position
            else:
                cases.append(self.awaitable(member))
                positions.append(position)
        if step.arguments[0] == "biased":
            options["biased"] = True
        try:
            index, value = await rw.select(*cases, **options)
        except rw.TimeoutError as error:
            if hasattr(error, "index"):
                raise
            return [special, None]
        return [positions[index], value]

    # ---- blocks

    async def block(self, step: Step, label: str) -> None:
        op = step.op
        if op == "scope":
            async with rw.scope() as scope:
                self.variables[str(step.arguments[0])] = scope
                await self.run_steps(step.body, label)
        elif op == "timeout":
            with rw.fail_after(_seconds(step.arguments[0])):
                await self.run_steps(step.body, label)
        elif op == "move_on":
            with rw.move_on_after(_seconds(step.arguments[0])):
                await self.run_steps(step.body, label)
        elif op == "shield":
            with rw.shield():
                await self.run_steps(step.body, label)
        elif op == "repeat":
            for _ in range(int(str(step.arguments[0]))):
                await self.run_steps(step.body, label)
        elif op == "each":
            source = self.variable(step.arguments[0])
            async for item in source.receiver if isinstance(source, Ends) else source:
                self.variables[str(step.arguments[1])] = item
                await self.run_steps(step.body, label)
        elif op == "try":
            try:
                await self.run_steps(step.body, label)
            finally:
                await self.run_steps(step.cleanup, label)
        else:
            await self.run_steps(step.body, label)

    # ---- steps that are done at once

    def direct(self, step: Step) -> object:
        result: object = getattr(self, "do_" + step.op)(*step.arguments)
        return result

    def do_spawn(self, task: str, label: str | None, scope: str | None) -> None:
        label = label or task
        spawn = self.variable(scope).spawn if scope else rw.spawn
        self.variables[label] = spawn(self.run_task(task, label), name=label)

    def do_cancel(self, name: str) -> None:
        self.variable(name).cancel()

    def do_abort(self, name: str) -> None:
        self.variable(name).abort_handle().cancel()

    def do_detach(self, name: str) -> None:
        self.variables.pop(name).detach()

    def do_done(self, name: str) -> object:
        return self.variable(name).done()

    def do_fail(self, message: str) -> None:
        raise RuntimeError(message)

    def do_value(self, argument: object) -> object:
        return self.value(argument)

    def do_future(self, name: str) -> None:
        self.variables[name] = rw.Future()

    def do_resolve(self, name: str, argument: object) -> None:
        self.variable(name).set_result(self.value(argument))

    def do_reject(self, name: str, message: str) -> None:
        self.variable(name).set_exception(RuntimeError(message))

    def do_channel(self, name: str, capacity: int, kind: str | None) -> None:
        size: Any = None if capacity == UNBOUNDED else capacity
        self.variables[name] = Ends(*(rw.channel(size, shared=True) if kind == "shared" else rw.channel(size)))

    def do_oneshot(self, name: str) -> None:
        self.variables[name] = Oneshot(*rw.oneshot())

    def do_broadcast(self, name: str, capacity: int) -> None:
        self.variables[name] = rw.broadcast(capacity)

    def do_subscribe(self, name: str, result: str) -> None:
        self.variables[result] = self.variable(name).subscribe()

    def do_publish(self, name: str, argument: object) -> object:
        return self.variable(name).send(self.value(argument))

    def do_try_send(self, name: str, argument: object) -> None:
        variable = self.variable(name)
        if isinstance(variable, Oneshot):
            variable.sender.send(self.value(argument))
        else:
            variable.sender.send_nowait(self.value(argument))

    def do_try_receive(self, name: str) -> object:
        return self.variable(name).receiver.receive_nowait()

    def do_close_sender(self, name: str) -> None:
        variable = self.variable(name)
        (variable.sender if isinstance(variable, Ends) else variable).close()

    def do_close_receiver(self, name: str) -> None:
        self.variable(name).receiver.close()

    def do_clone_sender(self, name: str, result: str) -> None:
        self.variables[result] = Ends(sender=self.variable(name).sender.clone())

    def do_clone_receiver(self, name: str, result: str) -> None:
        self.variables[result] = Ends(receiver=self.variable(name).receiver.clone())

    def do_permit_send(self, name: str, argument: object) -> None:
        self.variable(name).send(self.value(argument))

    def do_permit_release(self, name: str) -> None:
        self.variable(name).release()

    def do_count(self, name: str) -> object:
        return len(self.variable(name).receiver)

    # ---- streams

    def do_stream_list(self, items: object, result: str) -> None:
        self.variables[result] = rw.stream(self.value(items))

    def do_stream_channel(self, name: str, result: str) -> None:
        self.variables[result] = rw.stream(self.variable(name).receiver)

    def do_stream_interval(self, period: int, result: str) -> None:
        self.variables[result] = rw.interval(_seconds(period))

    def do_stream_ticks(self, count: int, delay: int, result: str) -> None:
        async def ticks() -> AsyncIterator[int]:
            for tick in range(count):
                await rw.sleep(_seconds(delay))
                yield tick

        self.variables[result] = rw.stream(ticks())

    def adapt(self, name: str) -> Any:
        """The stream of that name, which the adapter takes over."""
        stream = self.variable(name)
        del self.variables[name]
        return stream

    def do_map(self, name: str, number: int, result: str) -> None:
        self.variables[result] = self.adapt(name).map(lambda item: item + number)

    def do_filter(self, name: str, number: int, result: str) -> None:
        self.variables[result] = self.adapt(name).filter(lambda item: item % number == 0)

    def do_take(self, name: str, count: int, result: str) -> None:
        self.variables[result] = self.adapt(name).take(count)

    def do_merge(self, name: str, other: str, result: str) -> None:
        self.variables[result] = self.adapt(name).merge(self.adapt(other))

    def do_chunks(self, name: str, size: int, result: str) -> None:
        self.variables[result] = self.adapt(name).chunks(size)

    def do_buffered(self, name: str, limit: int, result: str) -> None:
        async def slow_times_ten(item: int) -> int:
            await rw.sleep(_seconds(item))
            return item * 10

        self.variables[result] = self.adapt(name).buffered(limit, slow_times_ten)

    def do_close_stream(self, name: str) -> None:
        self.variable(name).close()
