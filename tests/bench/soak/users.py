"""People who chat: they ask, ask again, stop answers, and go away; the model behind them has good and bad moments."""

import asyncio
import random
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chat.talk import condensed, summarises
from tests.palaver import Palaver
from tests.upstream import Reply, SimClock, Simulator, faults
from tests.upstream.replies import ToolCall

WORDS = [
    "harbour",
    "crate",
    "ledger",
    "noon",
    "bridge",
    "lantern",
    "copper",
    "winter",
    "orchard",
    "letter",
    "signal",
    "quarry",
    "meadow",
    "engine",
    "silver",
]
FAULTS = (
    "overloaded",
    "rate_limited",
    "server_error",
    "unavailable",
    "no_response",
    "reset",
    "eof",
    "error",
    "no_message_stop",
    "cut_end",
)
ANSWERS = (200, 202)
REFUSING = {402, 409, 429, 503}  # busy, out of budget, overloaded: a person tries something else later


def model(seed: int) -> Any:
    """A responder: answers of all lengths, searches, refusals before and after words, thoughts without an answer."""
    dice = random.Random(f"model {seed}")

    def respond(request: dict[str, Any]) -> Reply:
        if summarises(request):
            return Reply(text=condensed(request), thinking="")
        if request["max_tokens"] == 0 or "titles" in str(request.get("system", "")):
            return Reply(text="A title", thinking="")
        chance = dice.random()
        if chance < 0.02:
            return faults.refusal(before=True)
        if chance < 0.04:
            return faults.refusal(after="I would rather ")
        if chance < 0.05:
            return faults.max_tokens_in_thinking()
        if chance < 0.06:
            return faults.empty()
        offered = [tool["name"] for tool in request.get("tools", [])]
        searched = re.search(r"tool_result", str(request["messages"][-1]))
        if "search_conversation" in offered and not searched and chance < 0.3:
            return Reply(
                text="", tools=(ToolCall(name="search_conversation", input={"query": dice.choice(WORDS)}),)
            )
        return Reply(
            text=" ".join(dice.choices(WORDS, k=dice.randrange(4, 60))) + ".",
            thinking=dice.choice([None, ""]),
            chunk=dice.randrange(8, 80),
            delay=dice.choice([0, 0, 0, 0.001]),
        )

    return respond


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with one thread. What goes wrong at the provider is no trouble of theirs; anything else is raised."""

    app: Palaver
    thread: str
    dice: random.Random
    turns: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    last: str | None = None

    async def act(self) -> None:
        """One turn, to its end however it comes."""
        chance = self.dice.random()
        if self.last is not None and chance < 0.1:
            body: dict[str, Any] = {"regenerate": self.last}
        else:
            words = " ".join(self.dice.choices(WORDS, k=self.dice.choice([3, 12, 40, 200])))
            body = {"input": {"text": f"{words}?"}}
            if chance > 0.8:
                body["model"] = self.dice.choice(["simple", "complex"])
        try:
            answer = await self.app.http.post(f"/api/threads/{self.thread}/turns", json=body)
        except httpx.TransportError:
            return
        if answer.status_code not in ANSWERS:
            assert answer.status_code in REFUSING, answer.text
            return
        accepted = answer.json()
        self.turns += 1
        with suppress(
            httpx.TransportError
        ):  # an idle connection was closed while we took it: people's browsers know
            await self._watch(accepted["id"])
        turn = await self._end(accepted["id"])
        self.ended[turn["status"]] = self.ended.get(turn["status"], 0) + 1
        self.last = accepted["message_id"] if turn["status"] == "completed" else None

    async def _watch(self, turn_id: str) -> None:
        """Follow the answer; some stop it, some go away."""
        if self.dice.random() < 0.12:
            await asyncio.sleep(self.dice.choice([0, 0.01, 0.03, 0.08]))  # anywhere in the answer
            await self.app.http.post(f"/api/turns/{turn_id}/cancel")
        async for _ in self.app.stream(turn_id):
            if self.dice.random() < 0.002:
                return  # the turn goes on

    async def _end(self, turn_id: str) -> dict[str, Any]:
        """The turn once it is over."""
        while True:
            with suppress(httpx.TransportError):
                turn = await self.app.turn(turn_id)
                if turn["status"] != "running":
                    return turn
                await self.app.follow(turn_id)


async def round_of(people: list[Person], clock: SimClock, sim: Simulator, dice: random.Random) -> None:
    """Everybody takes a turn at once; then time passes, and cache states that are due are looked at."""
    await asyncio.gather(*(person.act() for person in people))
    await people[0].app.settled()
    for _ in range(dice.choice([1, 2, 6, 12])):
        clock.advance(dice.choice([20, 120, 250]))
        await people[0].app.deps.keepalives.start_due()
        await people[0].app.settled()
    await people[0].app.settled()
    await sim.idle()
