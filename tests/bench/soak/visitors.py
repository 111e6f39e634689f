"""Visitors who send mixed requests: they ask in new threads and in old ones, follow answers or go away amid them, stop them, ask again, read,
search, make mistakes and fetch the page. They come from many addresses and belong to several users.

No two messages are alike, so whatever is remembered of texts grows as far as its bound.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

USERS = 5
LETTERS = "bcdfghjklmnprstvwz"
KNOWN = 2_000  # threads that are visited again


@dataclass(slots=True, kw_only=True)
class Mixed:
    """What a run came to. `memory`: requests so far, and the resident MiB of the server's process after them."""

    requests: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    memory: list[tuple[int, float]] = field(default_factory=list)

    def slope(self, first: float, last: float = 1.0) -> float:
        """KiB per 1,000 requests, least squares from one share of the run to another."""
        points = self.memory[int(len(self.memory) * first) : int(len(self.memory) * last)]
        if len(points) < 3:
            return 0.0
        middle = sum(at for at, _ in points) / len(points)
        level = sum(size for _, size in points) / len(points)
        spread = sum((at - middle) ** 2 for at, _ in points)
        return sum((at - middle) * (size - level) for at, size in points) / spread * 1_000 * 1_024


@dataclass(slots=True, kw_only=True)
class Visitors:
    """Those who send requests until `until` were sent."""

    http: httpx.AsyncClient
    until: int
    dice: random.Random
    result: Mixed = field(default_factory=Mixed)
    threads: list[tuple[str, str]] = field(default_factory=list)  # user, thread
    turns: list[tuple[str, str, str]] = field(default_factory=list)  # user, turn, answer
    number: int = 0

    async def visit(self) -> None:
        """One visitor after another."""
        acts: dict[Callable[[], Awaitable[None]], int] = {
            self.ask_in_a_new_thread: 6,
            self.ask_in_an_old_thread: 14,
            self.leave_amid_the_answer: 4,
            self.stop_the_answer: 3,
            self.ask_twice: 2,
            self.ask_again: 2,
            self.read: 30,
            self.search: 6,
            self.make_mistakes: 10,
            self.fetch_the_page: 8,
            self.look_away: 2,
            self.delete: 1,
        }
        while self.result.requests < self.until:
            act = self.dice.choices([*acts], [*acts.values()])[0]
            self.result.kinds[act.__name__] += 1
            with suppress(httpx.TransportError):
                await act()

    async def ask_in_a_new_thread(self) -> None:
        self.number += 1
        user, thread = str(self.dice.randrange(USERS)), f"thread-{self.number}"
        self.threads.append((user, thread))
        del self.threads[:-KNOWN]
        await self._follow(user, await self._ask(user, thread))

    async def ask_in_an_old_thread(self) -> None:
        if self.threads:
            user, thread = self.dice.choice(self.threads[-200:])
            await self._follow(user, await self._ask(user, thread))

    async def leave_amid_the_answer(self) -> None:
        if self.threads:
            user, thread = self.dice.choice(self.threads)
            await self._follow(user, await self._ask(user, thread), leave=True)

    async def stop_the_answer(self) -> None:
        if self.threads:
            user, thread = self.dice.choice(self.threads)
            turn = await self._ask(user, thread)
            if turn is not None:
                await self._request("POST", f"/api/turns/{turn}/cancel", user)

    async def ask_twice(self) -> None:
        """The same request under the same key."""
        if self.threads:
            user, thread = self.dice.choice(self.threads)
            key, body = {"idempotency-key": f"k{self.dice.random()}"}, {"input": {"text": self._words()}}
            for _ in range(2):
                await self._request("POST", f"/api/threads/{thread}/turns", user, json=body, headers=key)

    async def ask_again(self) -> None:
        if self.turns:
            user, turn, answer = self.dice.choice(self.turns)
            found = await self._request("GET", f"/api/turns/{turn}", user)
            if found.status_code == 200:
                path = f"/api/threads/{found.json()['thread_id']}/turns"
                await self._request("POST", path, user, json={"regenerate": answer})

    async def read(self) -> None:
        if not self.turns:
            return
        (user, turn, _), (owner, thread) = self.dice.choice(self.turns), self.dice.choice(self.threads)
        for path in self.dice.sample(
            [
                f"/api/turns/{turn}",
                f"/api/turns/{turn}/events",
                f"/api/turns/{turn}/context",
                f"/api/turns/{turn}/request",
            ],
            2,
        ):
            await self._request("GET", path, user)
        for path in self.dice.sample(
            [
                "/api/threads",
                f"/api/threads/{thread}",
                f"/api/threads/{thread}/messages",
                f"/api/threads/{thread}/summary",
                "/api/usage",
                "/api/info",
                "/readyz",
                "/metrics",
            ],
            3,
        ):
            await self._request("GET", path, owner)

    async def search(self) -> None:
        await self._request(
            "GET", "/api/search", str(self.dice.randrange(USERS)), params={"q": self._words(2)}
        )

    async def make_mistakes(self) -> None:
        user, missing = str(self.dice.randrange(USERS)), f"none-{self.dice.random()}"
        match self.dice.randrange(6):
            case 0:
                await self._request("GET", f"/api/threads/{missing}", user)
            case 1:
                await self._request("GET", f"/api/turns/{missing}/events", user)
            case 2:
                await self._request("POST", f"/api/threads/{missing}/turns", user, content=b"{")
            case 3:
                await self._request("POST", f"/api/threads/{missing}/turns", user, json={"input": {}})
            case 4:
                await self._request("GET", f"/{missing}", user)
            case _:
                await self._request(
                    "GET", "/api/threads", user, headers={"authorization": f"Bearer {missing}"}
                )

    async def fetch_the_page(self) -> None:
        page = await self._request("GET", "/", "0")
        for part in page.text.split('"'):
            if part.startswith("/assets/"):
                await self._request("GET", part, "0")

    async def look_away(self) -> None:
        if self.threads:
            user, thread = self.dice.choice(self.threads)
            state = self.dice.choice(["visible", "hidden", "closed"])
            await self._request("POST", f"/api/threads/{thread}/presence", user, json={"state": state})

    async def delete(self) -> None:
        if len(self.threads) > 100:
            user, thread = self.threads.pop(self.dice.randrange(len(self.threads) - 50))
            await self._request("DELETE", f"/api/threads/{thread}", user)

    def _words(self, most: int = 120) -> str:
        """Words that nobody has used before, among some that everybody uses."""
        size = self.dice.randrange(1, most + 1)
        words = (
            "".join(self.dice.choices(LETTERS, k=7))
            if self.dice.random() < 0.3
            else self.dice.choice(["the", "harbour", "copper", "orchard", "letter", "of", "winter", "and"])
            for _ in range(size)
        )
        return " ".join(words)

    async def _ask(self, user: str, thread: str) -> str | None:
        body = {"input": {"text": self._words()}}
        answer = await self._request("POST", f"/api/threads/{thread}/turns", user, json=body)
        if answer.status_code != 202:
            return None
        turn = answer.json()
        self.turns.append((user, turn["id"], turn["message_id"]))
        del self.turns[:-KNOWN]
        return str(turn["id"])

    async def _follow(self, user: str, turn: str | None, *, leave: bool = False) -> None:
        if turn is None:
            return
        self._count()
        async with self.http.stream(
            "GET", f"/api/turns/{turn}/events", headers=self._headers(user)
        ) as response:
            self.result.statuses[response.status_code] += 1
            async for _ in response.aiter_raw():
                if leave:
                    return

    async def _request(self, method: str, path: str, user: str, **more: Any) -> httpx.Response:
        self._count()
        headers = {**self._headers(user), **more.pop("headers", {})}
        if "content" in more:
            headers["content-type"] = "application/json"
        answer = await self.http.request(method, path, headers=headers, **more)
        self.result.statuses[answer.status_code] += 1
        return answer

    def _count(self) -> None:
        self.result.requests += 1

    def _headers(self, user: str) -> dict[str, str]:
        address = f"10.{self.dice.randrange(256)}.{self.dice.randrange(256)}.1"
        return {"authorization": f"Bearer {token(user)}", "x-forwarded-for": address}


def token(user: str) -> str:
    """The access token of a user."""
    return f"plv_soak_{user}"
