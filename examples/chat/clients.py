# SPDX-License-Identifier: MIT
"""The other process of the demonstration: 200 clients of the chat server, half of them Lua tasks, half Python tasks.

Most stay to the end; some leave early, some are cut off in the middle of a line, one reads slowly. Prints one line of
JSON: what each has heard.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import socket
import sys
import time
from typing import Any

import ropewalk as rw

CLIENTS = 200
MESSAGES = 8
PADDING = "x" * 160
SLOW_BUFFER = 4096


@dataclasses.dataclass
class Plan:
    """What a client is going to do."""

    name: str
    fate: str  # "stay", "leave", "cut", "slow"
    messages: int
    padding: str = PADDING


def make_plans() -> list[Plan]:
    """Two hundred clients: every tenth leaves early, every twentieth is cut off, one is slow."""
    plans = []
    for number in range(CLIENTS):
        fate = "stay"
        if number == 1:
            fate = "slow"
        elif number % 20 == 7:
            fate = "cut"
        elif number % 10 == 4:
            fate = "leave"
        plans.append(Plan(f"c{number:03}", fate, 0 if fate == "slow" else MESSAGES))
    return plans


class Client:
    """A chat client as a Python task."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.said = 0
        self.said_at = 0.0
        self.result: dict[str, Any] = {"name": plan.name, "heard": [], "texts": [], "slowest": 0.0}

    async def run(self, port: int, started: rw.Receiver) -> dict[str, Any]:
        """Talks to the server until the end, or its own end; gives what it has heard."""
        conn = await self.connect(port)
        async with conn:
            await conn.send(f"JOIN {self.plan.name}\n".encode())
            async for line in conn.lines():
                if self.plan.fate == "slow":
                    await rw.sleep(0.001)
                verb, _, rest = line.decode().partition(" ")
                if verb == "WELCOME":
                    self.result["joined"] = int(rest)
                    await started.receive()
                    await self.say(conn)
                elif verb == "BYE":
                    self.result["left"] = int(rest)
                    break
                elif verb == "MSG" and not await self.hear(conn, rest):
                    break
        self.result["finished"] = time.monotonic()
        return self.result

    async def connect(self, port: int) -> rw.SocketStream:
        """A connection; the slow one's has a small buffer, so that what it does not read stays with the server."""
        if self.plan.fate != "slow":
            return await rw.connect_tcp("127.0.0.1", port)
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        raw.connect(("127.0.0.1", port))
        return rw.adopt_socket(raw)

    async def say(self, conn: rw.SocketStream) -> bool:
        """The next thing this client does of its own; False when that was its end."""
        if self.said < self.plan.messages:
            self.said += 1
            self.said_at = time.monotonic()
            await conn.send(f"SAY {self.said} {self.plan.padding}\n".encode())
        elif self.plan.fate == "leave":
            await conn.send(b"LEAVE\n")
        elif self.plan.fate == "cut":
            await conn.send(b"SAY and then the line goes de")
            conn.abort()
            return False
        return True

    async def hear(self, conn: rw.SocketStream, rest: str) -> bool:
        """Somebody has said something."""
        number, _, text = rest.partition(" ")
        self.result["heard"].append(int(number))
        self.result["texts"].append(text.rstrip("x"))
        if "the end" in text:
            await conn.send(b"LEAVE\n")
        elif text.startswith(self.plan.name + " "):
            self.result["slowest"] = max(self.result["slowest"], time.monotonic() - self.said_at)
            return await self.say(conn)
        return True


async def say_the_end(port: int) -> None:
    """The last one in says the last word, and hears it too."""
    async with await rw.connect_tcp("127.0.0.1", port) as conn:
        await conn.send(b"JOIN last\nSAY the end\n")
        async for line in conn.lines():
            if b"the end" in line:
                await conn.send(b"LEAVE\n")
            elif line.startswith(b"BYE"):
                break


async def main(port: int) -> None:
    lua = rw.Lua()
    lua_client = lua.execute(pathlib.Path(__file__).with_name("client.lua").read_text(), name="client.lua")
    plans = make_plans()
    start_tx, start_rx = rw.channel(CLIENTS)
    speakers: list[rw.Task[Any]] = []
    tasks: list[rw.Task[Any]] = []
    for number, plan in enumerate(plans):
        run = (
            Client(plan).run(port, start_rx.clone())
            if number % 2
            else lua_client(port, dataclasses.asdict(plan), start_rx.clone())
        )
        tasks.append(rw.spawn(run, name=plan.name))
        if plan.fate in ("leave", "cut"):
            speakers.append(tasks[-1])
    for _ in plans:
        await start_tx.send(True)
    # Those who go early have said all they had to say; then it takes a moment until the others have, too.
    for task in speakers:
        await task
    ending = rw.spawn(say_the_end_when_quiet(port, plans))
    results = await rw.gather(*tasks)
    await ending
    for plan, result in zip(plans, results, strict=True):
        result["fate"] = plan.fate
    json.dump(results, sys.stdout)


async def say_the_end_when_quiet(port: int, plans: list[Plan]) -> None:
    """Listens in until every message of everybody has been heard, then says the end."""
    expected = sum(plan.messages for plan in plans)
    async with await rw.connect_tcp("127.0.0.1", port) as conn:
        await conn.send(b"JOIN watcher\n")
        async for line in conn.lines():
            verb, _, rest = line.decode().partition(" ")
            if verb in ("WELCOME", "MSG") and int(rest.split(" ")[0]) >= expected:
                break
        await conn.send(b"LEAVE\n")
        async for line in conn.lines():
            if line.startswith(b"BYE"):
                break
    await say_the_end(port)


rw.run(main(int(sys.argv[1])))
