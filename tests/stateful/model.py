"""What must be true: threads as trees, turns with the events clients saw, nothing more."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.upstream import Gate, Reply, faults
from tests.upstream.replies import Gateway

Trouble = Literal["none", "reset", "error", "overloaded first", "odd numbers", "no message_delta"]
SideCalls = Literal["none", "answered", "dripping", "hanging"]
"""How titles and summaries are answered: there are none, at once, with pings for ever, or not at all."""
GATEWAYS: dict[Trouble, Gateway] = {"odd numbers": "numbers", "no message_delta": "no_message_delta"}
TERMINAL = ("turn.completed", "turn.failed", "turn.cancelled")
CHUNK = 8  # characters per delta


@dataclass(slots=True, kw_only=True)
class Said:
    """A message. `text` is None for answers, whose text is known from their events."""

    id: str
    parent: str | None
    role: str
    text: str | None
    turn: "ModelTurn"


@dataclass(slots=True, kw_only=True)
class ModelThread:
    id: str
    messages: dict[str, Said] = field(default_factory=dict)
    leaf: str | None = None
    running: "ModelTurn | None" = None

    def path(self) -> list[Said]:
        """The visible branch, oldest first."""
        found: list[Said] = []
        at = self.leaf
        while at is not None:
            found.append(self.messages[at])
            at = self.messages[at].parent
        return found[::-1]

    def children(self, parent: str | None) -> list[str]:
        return [said.id for said in self.messages.values() if said.parent == parent]

    def newest_leaf(self, message: str) -> str:
        """Down from a message, taking the newest child at every fork."""
        while below := self.children(message):
            message = below[-1]
        return message


@dataclass(slots=True, kw_only=True)
class Plan:
    """What the model will say to one question, held by a gate of its own."""

    text: str
    trouble: Trouble
    gate: Gate
    thinks: bool
    calls: int = 0
    left: int = 0
    """Deltas that can be let through without the answer coming to its end."""

    def reply(self) -> Reply:
        """The next reply of the simulator for this question."""
        self.calls += 1
        if self.trouble == "overloaded first" and self.calls == 1:
            return faults.overloaded()
        thinking = None if self.thinks else ""
        gateway = GATEWAYS.get(self.trouble)
        whole = Reply(text=self.text, chunk=CHUNK, gate=self.gate, thinking=thinking, gateway=gateway)
        match self.trouble:
            case "reset" | "error":
                broken = faults.reset_after() if self.trouble == "reset" else faults.error_event()
                return Reply(
                    text=self.text, chunk=CHUNK, gate=self.gate, thinking=thinking, fault=broken.fault
                )
            case _:
                return whole

    @property
    def status(self) -> str:
        """How the turn ends if nobody interferes."""
        return "failed" if self.trouble in ("reset", "error") else "completed"


@dataclass(slots=True, kw_only=True)
class ModelTurn:
    id: str
    thread: ModelThread
    plan: Plan
    body: dict[str, Any]
    key: str
    accepted: dict[str, Any]
    status: str = "running"
    interrupted: bool = False
    crashed: bool = False
    seen: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Every event any client saw; two clients that see the same number see the same event."""

    def end(self, status: str, *, interrupted: bool = False, crashed: bool = False) -> None:
        self.status, self.interrupted, self.crashed = status, interrupted, crashed
        self.thread.running = None


@dataclass(slots=True, kw_only=True)
class Reader:
    """A client that follows a turn. Its cursor survives its connections."""

    turn: ModelTurn
    cursor: int = 0
    ended: bool = False
    task: "asyncio.Task[None] | None" = None


def text_of(events: list[dict[str, Any]]) -> list[str]:
    """The text of each part, put together from deltas."""
    parts: dict[str, str] = {}
    for event in events:
        if event["type"] == "part.started":
            parts[event["part_id"]] = ""
        elif event["type"] == "part.delta":
            parts[event["part_id"]] += event["text"]
        elif event["type"] == "note" and event["name"] == "discard":
            for part_id in event["data"]["part_ids"]:
                del parts[part_id]
    return list(parts.values())
