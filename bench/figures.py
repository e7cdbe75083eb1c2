# SPDX-License-Identifier: MIT
"""figures.py - which figures there are, whom each is held against, and its budget.

Budgets are those of the design: nanoseconds as they were written down on a machine where the bare executor of
c/floor.c runs a task in 4 ns, and times that a peer takes. On another machine the nanoseconds are scaled by what the
bare executor takes there; the quotients stand as they are.
"""

import statistics
from dataclasses import dataclass, field

from programs import ratio

FLOOR = "floor.spawn_join"
FLOOR_REFERENCE_NS = 4.0
LUAS = ("5.1", "5.2", "5.3", "5.4", "luajit")
CONNECTIONS = (1, 64, 512)


@dataclass
class Figure:
    """One row. `ours` and `peers` name samples; a budget is in ns (or bytes), or a quotient `at_most` of a peer's."""

    group: str
    what: str
    ours: str
    peers: dict[str, str] = field(default_factory=dict)
    budget: float | None = None
    at_most: tuple[float, str] | None = None
    unit: str = "ns"


def c_figures() -> list[Figure]:
    def micro(what: str, ours: str, peer: str, budget: float | None, at_most=None) -> Figure:
        peers = {"tokio": f"tokio.{peer}", "bare": f"floor.{peer}"}
        return Figure("C", what, f"micro.{ours}", peers, budget, at_most)

    return [
        micro("spawn, run and join a task, one at a time", "spawn_join", "spawn_join", None, (1 / 8, "tokio")),
        micro("the same in batches of 1000, per task", "spawn_batch", "spawn_batch", 25),
        micro("yield among 200 tasks", "yield", "yield", 10),
        micro("message through a local channel of 128", "channel_local", "channel", 15),
        micro("message through a shared channel of 128", "channel_shared", "channel", 40),
        micro("oneshot: open, send, receive", "oneshot", "oneshot", None),
        micro("timeout armed and given up", "timeout", "timeout", 25),
    ]


def echo_figures() -> list[Figure]:
    rows = []
    c_peers = {"epoll by hand": "epoll", "libuv": "uv", "tokio": "tokio_echo"}
    lua_peers = {"epoll by hand": "epoll", "luv callbacks": "luv"}
    for connections in CONNECTIONS:
        shape = f"64.{connections}"
        what = f"64 B, {connections} connection{'s' * (connections > 1)}"

        def row(
            name: str, ours: str, peers: dict[str, str], limit: float | None, shape: str = shape, what: str = what
        ) -> None:
            at_most = (limit, "epoll by hand") if limit is not None else None
            named = {peer: f"{prefix}.{shape}" for peer, prefix in peers.items()}
            rows.append(Figure("echo", f"{name}: {what}", f"{ours}.{shape}", named, None, at_most))

        row("C", "rw_c", c_peers, 1.02)
        for lua in ("5.4", "luajit"):
            named = {**lua_peers, "luv callbacks": f"luv_{lua}"}
            row(f"Lua {lua}" if lua != "luajit" else "LuaJIT", f"rw_lua_{lua}", named, 1.15)
        row("Python native", "rw_py_native", {"epoll by hand": "epoll"}, None)
        row(
            "Python asyncio protocol",
            "rw_py_protocol",
            {"uvloop": "uvloop_protocol", "asyncio": "asyncio_protocol"},
            None,
        )
        row("Python streams", "rw_py_streams", {"uvloop": "uvloop_streams", "asyncio": "asyncio_streams"}, None)
    return rows


def python_echo_figures() -> list[Figure]:
    def row(name: str, ours: str, budget: float, peers: dict[str, str]) -> Figure:
        named = {peer: f"{prefix}.1024.32" for peer, prefix in peers.items()}
        at_most = (budget / 6400, "uvloop protocol") if "uvloop protocol" in peers else None
        return Figure("echo", f"{name}: 1 KB, 32 connections", f"{ours}.1024.32", named, None, at_most)

    protocols = {"uvloop protocol": "uvloop_protocol", "asyncio protocol": "asyncio_protocol"}
    streams = {
        "uvloop protocol": "uvloop_protocol",
        "uvloop streams": "uvloop_streams",
        "asyncio streams": "asyncio_streams",
    }
    return [
        row("Python native", "rw_py_native", 5800, protocols),
        row("Python asyncio protocol", "rw_py_protocol", 6200, protocols),
        row("Python streams", "rw_py_streams", 7500, streams),
    ]


def lua_figures() -> list[Figure]:
    rows = []
    for lua in LUAS:
        name = f"Lua {lua}" if lua != "luajit" else "LuaJIT"
        key = f"lua_{lua}"
        bare = {"resume and yield in C": f"bare_{lua}.bare", "coroutine.* in Lua": f"{key}.bare"}
        rows.append(
            Figure("Lua", f"{name}: await that suspends", f"{key}.switch", bare, None, (1.4, "resume and yield in C"))
        )
    for lua in LUAS:
        name = f"Lua {lua}" if lua != "luajit" else "LuaJIT"
        rows.append(
            Figure("Lua", f"{name}: spawn and join a task", f"lua_{lua}.spawn", {"create, resume": f"lua_{lua}.create"})
        )
    return rows


def python_figures() -> list[Figure]:
    def row(what: str, ours: str, peer: str, budget: float | None) -> Figure:
        peers = {"uvloop": f"uvloop.{peer}", "asyncio": f"asyncio.{peer}"}
        return Figure("Python", what, f"ropewalk.{ours}", peers, budget)

    return [
        row("await that suspends, native", "switch", "switch", 120),
        row("spawn and finish a task, native", "spawn", "spawn", 450),
        row("await that suspends, asyncio task", "aio_switch", "switch", None),
        row("spawn and finish an asyncio task", "aio_spawn", "spawn", 900),
        row("channel message, native (peers: asyncio.Queue)", "channel", "queue", None),
        Figure(
            "both",
            "Python and Lua: message there and back",
            "both.round_trip",
            {"asyncio + lupa": "lupa.round_trip"},
            500,
        ),
    ]


def kit_figures() -> list[Figure]:
    """What SWIG's wrappers take beyond those written by hand; budgets are for one argument and for four."""
    cases = [
        ("await of a ready future, one argument", "ready", 10.0),
        ("await of a pending future, one argument", "pending", 10.0),
        ("await of a ready future, four arguments", "four", 60.0),
        ("plain call, one argument", "call_one", None),
        ("plain call, four arguments", "call_four", None),
    ]
    rows = []
    for host in ("python", *(f"lua_{lua}" for lua in LUAS)):
        name = {"python": "Python", "lua_luajit": "LuaJIT"}.get(host, host.replace("lua_", "Lua "))
        for what, key, budget in cases:
            peers = {"by hand": f"kit_{host}.byhand.{key}"}
            rows.append(Figure("kit", f"{name}: {what}", f"kit_{host}.kit.{key}", peers))
            rows.append(Figure("kit", f"{name}: {what}, beyond by hand", f"kit_{host}.more.{key}", {}, budget))
    return rows


def memory_figures() -> list[Figure]:
    rows = [Figure("memory", "idle task, C", "memory_c.task", {}, 192, unit="B")]
    for lua in LUAS:
        name = f"Lua {lua}" if lua != "luajit" else "LuaJIT"
        rows.append(
            Figure("memory", f"idle task, {name}, above its coroutine", f"memory_lua_{lua}.above", {}, 192, unit="B")
        )
        rows.append(
            Figure(
                "memory",
                f"idle task, {name}, in all",
                f"memory_lua_{lua}.task",
                {"coroutine": f"memory_lua_{lua}.coroutine"},
                unit="B",
            )
        )
    rows.append(
        Figure("memory", "idle task, Python native, above its coroutine", "memory_ropewalk.above", {}, 256, unit="B")
    )
    peers = {"coroutine": "memory_ropewalk.coroutine", "asyncio": "memory_asyncio.task"}
    rows.append(Figure("memory", "idle task, Python native, in all", "memory_ropewalk.task", peers, unit="B"))
    return rows


def all_figures() -> list[Figure]:
    return [
        *c_figures(),
        *echo_figures(),
        *python_echo_figures(),
        *lua_figures(),
        *python_figures(),
        *kit_figures(),
        *memory_figures(),
    ]


@dataclass
class Result:
    """A figure as measured; `used` is the part of the budget it takes, 1.0 being all of it."""

    figure: Figure
    value: float
    peers: dict[str, float]
    ratios: dict[str, float]
    budget: float | None
    used: float | None

    @property
    def verdict(self) -> str:
        if self.used is None:
            return ""
        if self.used <= 1.0:
            return "within"
        return "within 1.5x" if self.used <= 1.5 else "over"


def evaluate(figure: Figure, samples: dict[str, list[float]], machine: float) -> Result | None:
    ours = samples.get(figure.ours)
    if not ours:
        return None
    value = statistics.median(ours)
    theirs = {peer: samples[key] for peer, key in figure.peers.items() if samples.get(key)}
    ratios = {peer: ratio(ours, numbers) for peer, numbers in theirs.items()}
    budget = None
    used = None
    if figure.budget is not None:
        budget = figure.budget * (machine if figure.unit == "ns" else 1.0)
        used = value / budget
    if figure.at_most is not None and figure.at_most[1] in ratios:
        limit, peer = figure.at_most
        budget = limit * statistics.median(theirs[peer])
        used = ratios[peer] / limit
    medians = {peer: statistics.median(numbers) for peer, numbers in theirs.items()}
    return Result(figure, value, medians, ratios, budget, used)
