"""Clients that post and follow while the server dies under them, and the memory of what they were promised."""

import asyncio
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.sse import Event, read_events

TERMINAL = {"turn.completed", "turn.failed", "turn.cancelled"}


@dataclass(slots=True, kw_only=True)
class Promise:
    """A turn that was acknowledged, and every event of it that reached its client."""

    thread: str
    turn: str
    user_message: str
    message: str
    text: str | None
    """What the user said; None when an answer was given anew."""
    seen: list[Event] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all clients of one server share."""

    http: httpx.AsyncClient
    up: asyncio.Event = field(default_factory=asyncio.Event)
    ending: bool = False
    promises: list[Promise] = field(default_factory=list)
    repeats: int = 0
    resumes: int = 0
    waiting: int = 0
    """Clients that wait for the next server."""

    async def until_up(self) -> None:
        """Wait until a server serves."""
        self.waiting += 1
        await self.up.wait()
        self.waiting -= 1


class Client:
    """One person: says something, reads the answer to its end however often the line drops, and says the next thing."""

    def __init__(self, shared: Shared, name: str, dice: random.Random) -> None:
        self.shared = shared
        self.name = name
        self.dice = dice
        self.thread = ""
        self.mine: list[Promise] = []
        self.said = 0

    async def live(self) -> None:
        """Until the test ends."""
        while not self.shared.ending:
            if self.said % 12 == 0:
                self.thread = f"{self.name}-{self.said}"
                self.mine = []
            promise = await self.say(self._next_body())
            await self.hear(promise)

    async def say_last_words(self) -> Promise:
        """One more turn in the same thread: it must be usable."""
        promise = await self.say({"input": {"text": f"{self.name} says farewell"}})
        await self.hear(promise, restless=False)
        return promise

    def _next_body(self) -> dict[str, Any]:
        self.said += 1
        text = f"{self.name} says number {self.said}"
        kind = self.dice.choice(["say", "say", "say", "edit", "regenerate"]) if self.mine else "say"
        match kind:
            case "regenerate":
                return {"regenerate": self.dice.choice(self.mine).message}
            case "edit":
                return {"input": {"text": text}, "parent_id": self.dice.choice(self.mine).message}
            case _:
                return {"input": {"text": text, "message_id": f"{self.name}-m{self.said}"}}

    async def say(self, body: dict[str, Any]) -> Promise:
        """Post until there is an answer; the key makes every repeat harmless."""
        key = {"idempotency-key": uuid.UUID(int=self.dice.getrandbits(128)).hex}
        while True:
            await self.shared.until_up()
            try:
                answer = await self.shared.http.post(
                    f"/api/threads/{self.thread}/turns", json=body, headers=key
                )
            except httpx.TransportError:
                self.shared.repeats += 1
                continue
            assert answer.status_code in (200, 202), answer.text
            accepted = answer.json()
            break
        promise = Promise(
            thread=self.thread,
            turn=accepted["id"],
            user_message=accepted["user_message_id"],
            message=accepted["message_id"],
            text=body.get("input", {}).get("text"),
        )
        self.shared.promises.append(promise)
        self.mine.append(promise)
        return promise

    async def hear(self, promise: Promise, *, restless: bool = True) -> None:
        """Read to the terminal event, resuming after the last event seen; sometimes leave early, sometimes cancel."""
        cancel_at = self.dice.randrange(3, 12) if restless and self.dice.random() < 0.15 else None
        while not promise.ended:
            await self.shared.until_up()
            leave_after = self.dice.randrange(1, 10) if restless and self.dice.random() < 0.3 else None
            try:
                await self._read(promise, leave_after)
                if cancel_at is not None and len(promise.seen) >= cancel_at and not promise.ended:
                    cancel_at = None
                    await self.shared.http.post(f"/api/turns/{promise.turn}/cancel")
            except httpx.TransportError:
                pass  # the server was killed: go on from here once the next one serves
            self.shared.resumes += 1

    async def _read(self, promise: Promise, leave_after: int | None) -> None:
        cursor = promise.seen[-1].seq if promise.seen else 0
        path = f"/api/turns/{promise.turn}/events"
        async with self.shared.http.stream("GET", path, headers={"last-event-id": str(cursor)}) as response:
            assert response.status_code == 200, (response.status_code, await response.aread())
            fresh = 0
            async for event in read_events(response.aiter_bytes()):
                assert event.seq == cursor + 1, f"{event.seq} after {cursor}"
                assert not promise.ended, "an event after the end"
                promise.seen.append(event)
                cursor, fresh = event.seq, fresh + 1
                promise.ended = event.type in TERMINAL
                if leave_after is not None and fresh >= leave_after:
                    return
