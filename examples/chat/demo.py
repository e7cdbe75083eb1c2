# SPDX-License-Identifier: MIT
"""The main job: a chat server in three languages, 200 clients in another process, and a check of what everybody heard.

Run by `make demo`. Prints live progress, then what was checked; exits non-zero when something did not hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import ropewalk as rw

HERE = pathlib.Path(__file__).parent
TIME_LIMIT = 300


@contextlib.asynccontextmanager
async def started(script: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of the two processes; it does not outlive this one, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / script),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def follow(server: asyncio.subprocess.Process) -> dict[str, Any]:
    """Prints the server's progress; gives its last report."""
    assert server.stdout is not None
    begin = time.monotonic()
    last: dict[str, Any] = {}
    async for line in server.stdout:
        last = json.loads(line)
        held = sum(last["held_back"].values())
        print(
            f"{time.monotonic() - begin:6.1f} s  in the room {last['members']:3}  messages {last['messages']:5}"
            f"  deliveries {last['deliveries']:7}  held back {held:5}",
            flush=True,
        )
    return last


def heard_without_gap(result: dict[str, Any]) -> bool:
    """Every message once and in order, from the first after joining to the last before leaving."""
    heard, joined = result["heard"], result["joined"]
    last = result.get("left", joined + len(heard))
    return bool(heard == list(range(joined + 1, last + 1)))


def own_lines_in_order(results: list[dict[str, Any]]) -> bool:
    """What one client says is heard in the order in which it said it."""
    longest = max(results, key=lambda result: len(result["heard"]))
    said: dict[str, int] = {}
    for text in longest["texts"]:
        name, _, rest = text.partition(" ")
        number = rest.split(" ")[0]
        if number.isdigit():
            if int(number) != said.get(name, 0) + 1:
                return False
            said[name] = int(number)
    return True


def same_for_all(results: list[dict[str, Any]]) -> bool:
    """A message number means the same text to everybody."""
    texts: dict[int, str] = {}
    return all(
        texts.setdefault(number, text) == text
        for result in results
        for number, text in zip(result["heard"], result["texts"], strict=True)
    )


def check(results: list[dict[str, Any]], report: dict[str, Any]) -> list[tuple[str, bool]]:
    """What the demonstration promises, each with whether it held."""
    stayed = [result for result in results if result["fate"] == "stay"]
    left = [result for result in results if result["fate"] == "leave"]
    cut = [result for result in results if result["fate"] == "cut"]
    (slow,) = [result for result in results if result["fate"] == "slow"]
    spoken = sum(8 for result in results if result["fate"] != "slow") + 1
    held_back = report["most_held_back"].get(slow["name"], 0)
    slow_after_others = slow["finished"] >= max(result.get("finished", 0) for result in stayed)
    return [
        (f"{len(results)} clients joined, and two observers", report["joined"] == len(results) + 2),
        (f"{spoken} messages were said, {report['deliveries']} delivered", report["messages"] == spoken),
        (f"{len(stayed)} who stayed heard every message once, in order", all(map(heard_without_gap, stayed))),
        (f"{len(left)} who left heard every message until then", all(map(heard_without_gap, left))),
        (
            f"{len(cut)} who were cut off in mid-line heard no gap, and their half lines nobody",
            all(map(heard_without_gap, cut)) and not any("goes de" in text for r in results for text in r["texts"]),
        ),
        ("a message number means the same text to everybody", same_for_all(results)),
        ("what one client says is heard in its order", own_lines_in_order(results)),
        (
            f"the slow client heard everything too ({held_back} messages were held back for it)",
            heard_without_gap(slow) and held_back > 0,
        ),
        ("nobody waited for the slow client: all others had finished before it", slow_after_others),
        ("the room is empty at the end", report["members"] == 0),
    ]


async def main() -> int:
    print(f"ropewalk {rw.__version__}, Python {sys.version.split()[0]}, {rw.lua_version()}", flush=True)
    async with asyncio.timeout(TIME_LIMIT), started("server.py") as server:
        assert server.stdout is not None and server.stdin is not None
        port = (await server.stdout.readline()).split()[1].decode()
        following = asyncio.create_task(follow(server))
        async with started("clients.py", port) as clients:
            assert clients.stdout is not None
            results = json.loads(await clients.stdout.read())
            server.stdin.close()
            report = await following
            codes = [await clients.wait(), await server.wait()]
    checks = check(results, report)
    checks.append(("both processes ended well", codes == [0, 0]))
    for text, held in checks:
        print(f"{'ok' if held else 'not ok'} {text}")
    failed = sum(not held for _, held in checks)
    print(f"{len(checks) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


sys.exit(rw.run(main()))
