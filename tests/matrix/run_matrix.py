# SPDX-License-Identifier: MIT
"""The matrix: each case of matrix.case with its producer and its consumer in every pair of C, Lua and Python."""

from __future__ import annotations

import itertools
import pathlib
import sys
from typing import Any

import ropewalk as rw
from ropewalk import _cases, testing
from ropewalk.harness import Case, compare, parse_cases
from ropewalk.harness.run import LIVE, live
from ropewalk.harness.steps import Ends, Runner

LANGUAGES = ("c", "lua", "python")

LUA = """
local rw = require "ropewalk"
local case_format = require "ropewalk.harness.case"
local steps = require "ropewalk.harness.steps"

-- The case that begins in `line`; lines go to the sender `trace`, times count from `started`.
function open_case(text, line, trace, started)
  for _, case in ipairs(assert(case_format.parse(text))) do
    if case.line == line then
      runner = steps.new(case, function(label, said)
        local milliseconds = math.floor((rw.now() - started) * 1000 + 0.5)
        trace:try_send(("%d %s %s"):format(milliseconds, label, said))
      end)
    end
  end
end

function set_variable(name, value)
  runner.variables[name] = value
end

function set_channel(name, sender, receiver)
  runner.variables[name] = { sender = sender, receiver = receiver }
end

function spawn_task(name, label)
  return rw.spawn({ name = label }, function()
    return runner:run_task(name, label)
  end)
end
"""


class LuaSide:
    """Tasks of a case in a Lua state of their own."""

    def __init__(self, text: str, line: int, trace: Any, started: float) -> None:
        self.lua = rw.Lua()
        self.lua.execute(LUA, "matrix")
        self.opening = (text, line, trace, started)

    async def begin(self) -> None:
        await self.lua["open_case"](*self.opening)

    async def set(self, name: str, value: Any) -> None:
        if isinstance(value, tuple):
            await self.lua["set_channel"](name, *value)
        else:
            await self.lua["set_variable"](name, value)

    async def spawn(self, task: str, label: str) -> Any:
        return await self.lua["spawn_task"](task, label)

    def close(self) -> None:
        self.lua.close()


class CSide:
    """Tasks of a case in C."""

    def __init__(self, text: str, line: int, trace: Any, started: float) -> None:
        self.remote = _cases.Remote(text, line, trace, started)

    async def begin(self) -> None:
        pass

    async def set(self, name: str, value: Any) -> None:
        self.remote.set(name, value)

    async def spawn(self, task: str, label: str) -> Any:
        return self.remote.spawn(task, label)

    def close(self) -> None:
        del self.remote


class MatrixRunner(Runner):
    """Runs main here, and the tasks that have a language of their own there."""

    def __init__(self, case: Case, text: str, languages: dict[str, str], trace: Any, started: float) -> None:
        super().__init__(case, self.write_line)
        self.text = text
        self.languages = languages
        self.trace = trace
        self.started = started
        self.sides: list[LuaSide | CSide] = []

    def write_line(self, label: str, said: str) -> None:
        milliseconds = round((rw.running_loop().time() - self.started) * 1000)
        self.trace.send_nowait(f"{milliseconds} {label} {said}")

    async def perform(self, step: Any, label: str) -> object:
        language = self.languages.get(step.arguments[0]) if step.op == "spawn" else None
        if language in (None, "python"):
            return await super().perform(step, label)
        side = (LuaSide if language == "lua" else CSide)(self.text, self.case.line, self.trace, self.started)
        self.sides.append(side)
        await side.begin()
        for name, value in self.variables.items():
            await side.set(name, (value.sender, value.receiver) if isinstance(value, Ends) else value)
        task = step.arguments[0]
        self.variables[task] = await side.spawn(task, step.arguments[1] or task)
        return None


async def run_here(case: Case, text: str, languages: dict[str, str], lines: list[str]) -> None:
    loop = rw.running_loop()
    loop.set_exception_handler(lambda loop, context: None)
    before = await live()
    trace, written = rw.channel(None)
    runner = MatrixRunner(case, text, languages, trace, loop.time())
    try:
        await rw.spawn(runner.run_task("main", "main"), name="main")
    except BaseException:
        pass
    runner.variables.clear()
    while runner.sides:
        runner.sides.pop().close()
    while True:
        try:
            lines.append(written.receive_nowait())
        except rw.WouldBlock:
            break
    del runner, trace, written
    after = await live()
    left = {name: after[name] - before[name] for name in LIVE}
    if any(left.values()):
        lines.append(f"left {left}")


def main() -> int:
    text = (pathlib.Path(__file__).parent / "matrix.case").read_text(encoding="utf-8")
    counts = {"passed": 0, "failed": 0}
    for case in parse_cases(text):
        for producer, consumer in itertools.product(LANGUAGES, LANGUAGES):
            if len(sys.argv) > 1 and sys.argv[1] not in f"{producer} to {consumer}: {case.name}":
                continue
            lines: list[str] = []
            try:
                testing.run(run_here(case, text, {"producer": producer, "consumer": consumer}, lines))
            except Exception as error:
                lines.append(f"{type(error).__name__}: {error}")
            difference = compare(case, lines)
            counts["failed" if difference else "passed"] += 1
            print(f"{'not ok' if difference else 'ok'} {producer} to {consumer}: {case.name}")
            for line in difference:
                print(f"# {line}")
            sys.stdout.flush()
    print(f"{counts['passed']} passed, {counts['failed']} failed, 0 skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
