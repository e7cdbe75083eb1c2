# SPDX-License-Identifier: MIT
"""The Python side of the chat server: one task keeps the room and broadcasts.

Invariant: every member present gets every message once and in order. A member whose outbox is full gets a backlog and a
pump of its own; the room never waits for anybody.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import ropewalk as rw

BACKLOG_MAX = 100_000


@dataclasses.dataclass
class Member:
    """Somebody in the room, and what has not gone out to them yet."""

    name: str
    outbox: rw.Sender
    backlog: collections.deque[str] = dataclasses.field(default_factory=collections.deque)
    pump: rw.Task[None] | None = None
    most_held_back: int = 0

    def tell(self, text: str) -> None:
        """Sends at once when there is room and nothing older waits, else holds the text back."""
        if self.pump is None:
            try:
                self.outbox.send_nowait(text)
                return
            except rw.WouldBlock:
                self.pump = rw.spawn(self.drain(), name=f"pump {self.name}")
            except rw.ClosedError:
                return
        if len(self.backlog) < BACKLOG_MAX:
            self.backlog.append(text)
            self.most_held_back = max(self.most_held_back, len(self.backlog))

    async def drain(self) -> None:
        """Sends the backlog at the pace of the member."""
        try:
            while self.backlog:
                await self.outbox.send(self.backlog[0])
                self.backlog.popleft()
        except rw.ClosedError:
            self.backlog.clear()
        self.pump = None

    async def finish(self) -> None:
        """Waits until all has gone out, then closes the outbox."""
        if self.pump is not None:
            await self.pump
        self.outbox.close()


class Room:
    """Who is here, and what was said."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.sequence = 0
        self.delivered = 0
        self.joined = 0
        self.left: collections.Counter[str] = collections.Counter()
        self.most_held_back: dict[str, int] = {}

    async def keep(self, events: rw.Receiver) -> None:
        """Takes what the clients do, in order, until every session is gone."""
        async for event in events:
            getattr(self, "on_" + event["kind"])(event)

    def on_join(self, event: dict[str, Any]) -> None:
        """Somebody comes in: from here on they hear everything."""
        name = event["name"]
        if name in self.members:
            event["outbox"].close()
            return
        self.joined += 1
        self.members[name] = Member(name, event["outbox"])
        self.members[name].tell(f"WELCOME {self.sequence}\n")

    def on_say(self, event: dict[str, Any]) -> None:
        """A message for everybody, the sender included."""
        if event["name"] not in self.members:
            return
        self.sequence += 1
        text = f"MSG {self.sequence} {event['name']} {event['text']}\n"
        for member in self.members.values():
            member.tell(text)
        self.delivered += len(self.members)

    def on_leave(self, event: dict[str, Any]) -> None:
        """Somebody goes, by their own will or cut off."""
        member = self.members.pop(event["name"], None)
        if member is None:
            return
        self.left[event["why"]] += 1
        if member.most_held_back:
            self.most_held_back[member.name] = member.most_held_back
        member.tell(f"BYE {self.sequence}\n")
        rw.spawn(member.finish(), name=f"finish {member.name}")

    def report(self) -> dict[str, Any]:
        """What has happened so far, for people and for the checks."""
        return {
            "members": len(self.members),
            "joined": self.joined,
            "left": dict(self.left),
            "messages": self.sequence,
            "deliveries": self.delivered,
            "held_back": {member.name: len(member.backlog) for member in self.members.values() if member.backlog},
            "most_held_back": self.most_held_back,
        }
