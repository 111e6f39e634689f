"""Rows of the summary's shape: how much of it each tenth of a long thread has, and how often a fact was written anew.

A thread with long answers is played, and compacted by request whenever 2,000 more tokens have come, sixty times. The summarizer gives
every part of what it is shown its share, so what one tenth has less than another is the doing of how segments are merged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from math import log2
from typing import Any

from tests.bench.as_shipped.rows import Options, Row
from tests.bench.playing import ONE_TIER, THREAD, Player, player, scratch
from tests.bench.rewrites import Rewrites
from tests.bench.threads import Thread, load
from tests.upstream.models import find_model
from tests.upstream.tokens import count

COMPACTIONS, SIZE = 60, 2_000
PARTS = 10
MODEL = find_model("claude-sonnet-5-5")


def summary_shape(options: Options) -> Iterator[Row]:
    """Shares by tenth and rewrites, after sixty compactions of 2,000 tokens."""
    thread = load(options.data / "recall" / "beam-500K.threads.jsonl.gz", 1)[0].first(options.turns)
    shares, rewrites, calls = asyncio.run(measure(thread, COMPACTIONS, SIZE, dict(options.settings)))
    listed = " ".join(f"{100 * share:.0f}" for share in shares)
    yield Row(
        name="% of the summary that the eight middle tenths hold",
        value=100 * sum(shares[1:-1]),
        aim=55,
        at_least=True,
        note=f"by tenth, oldest first: {listed}; {calls} answers of the summarizer",
    )
    yield Row(name="% that the poorest tenth holds", value=100 * min(shares), aim=5, at_least=True)
    yield Row(name="times a fact was written, at most", value=rewrites, aim=round(log2(COMPACTIONS) + 1, 1))


async def measure(
    thread: Thread, compactions: int, size: int, settings: dict[str, Any]
) -> tuple[list[float], int, int]:
    """Shares by tenth of the messages that were compacted, most writes for one turn, and answers of the summarizer."""
    writes = Rewrites(thread)
    with scratch() as folder:
        async with player(folder, thread.exchanges[0].at, **{**ONE_TIER, **settings}) as playing:
            playing.summarizer = writes
            await _play(playing, thread, compactions, size)
            summary = await playing.app.get(f"/api/threads/{THREAD}/summary")
            order = await _order(playing)
    compacted = order[summary["upto_message_id"]] + 1
    shares = [0.0] * PARTS
    for line in summary["lines"]:
        tokens = count(line["text"], MODEL) / len(line["sources"])
        for source in line["sources"]:
            shares[order[source] * PARTS // compacted] += tokens
    total = sum(shares)
    return [share / total for share in shares], max(writes.times.values()), writes.calls


async def _play(playing: Player, thread: Thread, compactions: int, size: int) -> None:
    """Play the thread until it has been compacted so many times."""
    playing.knows(thread)
    new = made = 0
    for exchange in thread.exchanges:
        await playing.say(exchange)
        new += count(exchange.user, MODEL) + count(exchange.answer, MODEL)
        if new >= size:
            new -= size
            answer = await playing.app.http.post(f"/api/threads/{THREAD}/summary/compact")
            assert answer.is_success, answer.text
            await playing.app.settled()
            made += 1
            if made == compactions:
                return


async def _order(playing: Player) -> dict[str, int]:
    """The place of each message in the thread."""
    pages: list[list[dict[str, Any]]] = []
    before: dict[str, str] = {}
    while True:
        page = await playing.app.messages(THREAD, limit=100, **before)
        if not page:
            break
        pages.append(page)
        before = {"before": page[0]["id"]}
    ids = [message["id"] for page in reversed(pages) for message in page]
    return {id: place for place, id in enumerate(ids)}
