"""Long conversations on a clock the test moves: say, rest, and wait until nothing is under way behind the turns."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from chat.upstream.client import Timeouts
from context.models.pricing import Usage
from tests.chat.outcomes import finished
from tests.clocks import SteppedClock
from tests.palaver import Palaver, palaver
from tests.sse import text_of
from tests.upstream import Reply, SimClock, Simulator
from tests.upstream.log import Exchange
from tests.upstream.replies import ToolCall

START = 1_790_000_000.0  # seconds; the clock stands still until a test moves it
FACT = "My bicycle is chained behind the Ravensbourne library, the combination is 4417."  # what a search is to find
SAID = re.compile(r"<(m\d+) person>\n(.*)")
NOTED = re.compile(r"^- (.*) \[(m[\d,m]+)\]$", re.MULTILINE)


def summarises(request: dict[str, Any]) -> bool:
    """Whether a request is one to the summarizer."""
    return "You condense" in str(request.get("system", ""))


def merges(request: dict[str, Any]) -> bool:
    """Whether a request is one to merge segments."""
    return summarises(request) and words_of(request).startswith("EARLIER:")


def converses(request: dict[str, Any]) -> bool:
    """Whether a request answers somebody."""
    return not summarises(request) and request["max_tokens"] > 0


def condensed(request: dict[str, Any]) -> str:
    """A usable summary of what a summarizer is shown: the first words of each message of the person, or the notes themselves."""
    shown = request["messages"][-1]["content"][0]["text"]
    if shown.startswith("EARLIER:"):
        notes = [(words, refs) for words, refs in NOTED.findall(shown) if not words.startswith("PINNED ")]
        return "\n".join(f"- {words} [{refs}]" for words, refs in notes) or "- It went on. [m1]"
    lines = SAID.findall(shown)
    return "\n".join(f"- The person said: {words[:48].strip()} [{ref}]" for ref, words in lines)


def model(reply: Callable[[dict[str, Any]], Reply]) -> Callable[[dict[str, Any]], Reply]:
    """A responder that summarizes when asked to, and else answers with `reply`."""

    def respond(request: dict[str, Any]) -> Reply:
        return Reply(text=condensed(request), thinking="") if summarises(request) else reply(request)

    return respond


def search(query: str, text: str = "", thinking: str | None = "I had better look it up.") -> Reply:
    """A model that wants to search."""
    call = ToolCall(name="search_conversation", input={"query": query})
    return Reply(text=text, thinking=thinking, tools=(call,))


def words_of(request: dict[str, Any]) -> str:
    """All text of a request's messages."""
    texts: list[str] = []
    for message in request["messages"]:
        for block in message["content"]:
            match block["type"]:
                case "text":
                    texts.append(block["text"])
                case "tool_result":
                    texts.append(str(block["content"]))
                case _:
                    pass
    return "\n".join(texts)


@dataclass(slots=True)
class Talk:
    """A Palaver and the time it lives in. One thread, unless another is named."""

    app: Palaver
    clock: SimClock
    thread: str = "t"

    @property
    def sim(self) -> Simulator:
        return self.app.sim

    async def say(self, words: str, **fields: Any) -> dict[str, Any]:
        """One turn to its end, and whatever it leaves to be done behind it."""
        thread = str(fields.pop("thread", self.thread))
        turn = await self.app.chat(thread, words, **fields)
        await self.settled()
        return turn

    async def many(self, count: int, *, length: int = 60, first: int = 0, pause: float = 20.0) -> None:
        """Turns of about `length` words each, `pause` seconds apart."""
        for number in range(first, first + count):
            turn = await self.say(f"Note {number} of ours: " + "we went on with it " * (length // 5))
            assert turn["status"] == "completed", turn["error"]
            self.clock.advance(pause)

    async def settled(self) -> None:
        """Wait until nothing is under way behind a turn."""
        await self.app.settled()

    async def look(self) -> None:
        """One look at the cache states that are due now."""
        await self.app.deps.keepalives.start_due()
        await self.settled()

    async def rest(self, seconds: float) -> None:
        """Let time pass as it would: cache states are looked at whenever one of them is due."""
        end = self.clock.now + seconds
        while (due := await self.due()) is not None and due <= end:
            self.clock.advance(max(0.0, due - self.clock.now))
            await self.look()
        self.clock.advance(end - self.clock.now)

    async def due(self) -> float | None:
        """When the next cache state wants attention, in seconds of the clock."""
        query = text("SELECT min(next_at) FROM cache_states")
        next_at = await self.app.deps.database.read(lambda connection: connection.scalar(query))
        return None if next_at is None else float(next_at) / 1000 + 0.001

    async def plan(self, turn: dict[str, Any]) -> dict[str, Any]:
        """What a turn's request was made of."""
        plan: dict[str, Any] = (await self.app.get(f"/api/turns/{turn['id']}/context"))["plan"]
        return plan

    async def summary(self, thread: str | None = None) -> dict[str, Any]:
        """The summary of the visible branch."""
        return await self.app.get(f"/api/threads/{thread or self.thread}/summary")

    def asked(self, of: Callable[[dict[str, Any]], bool] = converses) -> list[Exchange]:
        """The calls of one kind, in order."""
        return [entry for entry in self.sim.log if entry.path == "/v1/messages" and of(entry.json)]

    def touches(self) -> list[Exchange]:
        """The keep-alives sent so far."""
        return self.asked(lambda request: request["max_tokens"] == 0)

    async def spent(self) -> list[dict[str, Any]]:
        """The whole ledger, oldest row first."""

        def read(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(text("SELECT * FROM ledger_entries ORDER BY created_at, id"))
            return [dict(row._mapping) for row in rows]

        return await self.app.deps.database.read(read)

    async def purposes(self) -> list[str]:
        """What the calls in the ledger were for."""
        return [row["purpose"] for row in await self.spent()]

    async def streamed(self, turn_id: str) -> str:
        """The text a reader of the stream sees."""
        return text_of(await self.app.follow(turn_id))


def actual_usage(entry: Exchange) -> Usage:
    """What the provider billed for a call."""
    kinds = entry.kinds
    return Usage(
        input=kinds["input"],
        cache_read=kinds["cache_read"],
        cache_write_5m=kinds["write_5m"],
        cache_write_1h=kinds["write_1h"],
        output=kinds["output"],
    )


@asynccontextmanager
async def talking(folder: Path, sim: Simulator, **settings: Any) -> AsyncIterator[Talk]:
    """A Palaver on the simulator's clock. Resting cache states are looked at when the test says so, and at no other time."""
    clock = SteppedClock(sim.clock)
    async with palaver(folder, sim, clock=clock, timeouts=Timeouts(), **settings) as app:
        app.stop_timers()
        yield Talk(app, sim.clock)


@asynccontextmanager
async def talk(folder: Path, **settings: Any) -> AsyncIterator[Talk]:
    """A provider and a Palaver in one time, with short answers and good summaries."""
    async with Simulator(clock=SimClock(start=START)) as sim, talking(folder, sim, **settings) as chat:
        sim.respond(model(lambda request: Reply(text="So it is, then. " * 8, thinking="")))
        yield chat


async def ask(chat: Talk, *replies: Reply) -> tuple[list[Any], dict[str, Any], list[Any]]:
    """A turn in which the model gives these replies: its events, the turn, and its calls."""
    before = len(chat.asked())
    chat.sim.script(*replies, when=converses)
    accepted = await chat.app.say("t", "What was it again?")
    events, turn = await finished(chat.app, accepted["id"])
    await chat.settled()
    return events, turn, chat.asked()[before:]
