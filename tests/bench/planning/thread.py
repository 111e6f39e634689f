"""A thread of any length, written straight into the database: a summary stands for all but its newest messages."""

from __future__ import annotations

import random
from functools import cache
from itertools import accumulate

from sqlalchemy import Connection, insert, text

from context.request.summary_blocks import Line, Segment
from store import summaries, tables, threads
from store.database import Database
from store.local_user import LOCAL
from store.search import term_index

WINDOW = 40  # messages behind the summary
BATCH = 5_000
START = 1_795_000_000_000
SYLLABLES = ("ba", "dor", "fen", "gil", "hap", "jun", "kes", "lom", "mir", "nat", "pol", "rud", "sar", "tev", "vin", "wex", "zan", "cor", "bli", "gru")  # fmt: skip
VOCABULARY = 8_000
TEXTS = 5_000  # different ones; then they come again


def leaf_of(count: int) -> str:
    """The newest message: a user's, for the thread waits for its answer."""
    return f"{count}-{count - 1}"


async def write(database: Database, count: int) -> str:
    """A thread of `count` messages (an odd number: a question comes last). Returns its id."""
    thread = f"long {count}"
    chance = random.Random(count)
    texts = [_words(random.Random(number)) for number in range(TEXTS)]

    @cache
    def indexed(number: int, role: str) -> str:
        return term_index.entry(LOCAL, thread, None, term_index.indexed_stems(texts[number], role))

    for first in range(0, count, BATCH):
        picked = [chance.randrange(TEXTS) for _ in range(first, min(count, first + BATCH))]
        if first + BATCH >= count:
            picked[-1] = 0  # the same question in every thread

        def batch(connection: Connection, first: int = first, picked: list[int] = picked) -> None:
            if not first:
                threads.create(connection, LOCAL, thread, now=START)
            roles = ["assistant" if (first + place) % 2 else "user" for place in range(len(picked))]
            rows = [
                {
                    "owner_id": LOCAL,
                    "id": f"{count}-{depth}",
                    "thread_id": thread,
                    "parent_id": f"{count}-{depth - 1}" if depth else None,
                    "depth": depth,
                    "role": roles[place],
                    "status": "complete",
                    "parts": [{"type": "text", "text": texts[number]}],
                    "tokens": len(texts[number]) // 3,
                    "refused": False,
                    "turn_id": f"turn {depth // 2}",
                    "created_at": START + depth * 60_000,
                }
                for place, number in enumerate(picked)
                for depth in [first + place]
            ]
            connection.execute(insert(tables.messages), rows)
            newest = connection.execute(text("SELECT max(pk) FROM messages")).scalar_one()
            connection.execute(
                text("INSERT INTO message_search_stems (rowid, stems) VALUES (:pk, :stems)"),
                [
                    {"pk": newest - len(rows) + 1 + place, "stems": indexed(number, roles[place])}
                    for place, number in enumerate(picked)
                ],
            )

        await database.write(batch)

    last = max(1, count - WINDOW) // 2 * 2 - 1  # an answer

    def condense(connection: Connection) -> None:
        threads.change(connection, LOCAL, thread, leaf_id=leaf_of(count))
        if last > 0:
            lines = tuple(Line(text=texts[number], sources=(f"{count}-{last}",)) for number in range(30))
            segment = Segment(
                id="seg", first_id=f"{count}-0", last_id=f"{count}-{last}", lines=lines, tokens=1_200
            )
            summaries.add(
                connection,
                LOCAL,
                thread,
                summaries.NewSummary(
                    id=f"sum {count}",
                    upto_message_id=f"{count}-{last}",
                    upto_depth=last,
                    leaf_id=None,
                    segments=(segment,),
                    based_on=None,
                    origin="import",
                    prompt_digest=None,
                    created_at=START,
                ),
            )

    await database.write(condense)
    return thread


def _words(chance: random.Random) -> str:
    """Sentences of made-up words, some used often and most seldom, as in any language (Zipf)."""
    ranks = range(VOCABULARY)
    weights = _weights()
    return " ".join(
        " ".join(_word(rank) for rank in chance.choices(ranks, cum_weights=weights, k=chance.randint(6, 14)))
        + "."
        for _ in range(chance.randint(1, 5))
    )


@cache
def _weights() -> tuple[float, ...]:
    return tuple(accumulate(1 / (rank + 30) for rank in range(VOCABULARY)))


@cache
def _word(rank: int) -> str:
    base = len(SYLLABLES)
    return SYLLABLES[rank % base] + SYLLABLES[rank // base % base] + SYLLABLES[rank // base**2 % base]
