"""Recall: the older messages of a branch that a new message needs, found in the index and chosen by `context.recall`.

What it reads is bounded by `policy.reach`, `policy.places` and the budget, in a thread of any length. Two rounds: the words of
the question, then the words the best messages share; then the messages that may be sent are read, and the budget decides.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Message
from context.recall.choose import choose, worth_reading
from context.recall.feedback import candidates, learned, shortlist
from context.recall.likeness import Likeness, liken
from context.recall.policy import DEFAULT, RecallPolicy
from context.recall.query import analyse
from context.recall.rank import counted, kindred, learn, lengths, ranked, rarest, scores, too_common, voiced
from context.recall.thread import Source
from context.request.recipe import Recalled
from store import sqlite
from store.search import term_index, vectors
from store.search.branch_index import Branch, Outlines, branch_above
from store.tables import messages


async def recall(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    *,
    question: str,
    before: Message,
    now: int,
    budget: int,
    count: Callable[[str], int],
    policy: RecallPolicy = DEFAULT,
    outlines: Outlines | None = None,
    likeness: Likeness | None = None,
) -> tuple[Recalled, ...]:
    """The blocks that stand behind the newest user text, within `budget` tokens as `count` counts them.

    `before` is the first message of the window: only what precedes it on its branch comes back. `now` in milliseconds. `likeness`
    brings the evidence of an embedding model, where one is used. The same arguments on the same messages (and vectors) give the
    same blocks on every database.
    """
    branch = await branch_above(
        connection, owner_id, thread_id, before, reach=policy.reach, outlines=outlines or Outlines()
    )
    if not branch.pks:
        return ()
    size = len(branch.pks)

    async def holding(wanted: Sequence[str], most: int) -> dict[str, list[int]]:
        """The positions of the newest messages that hold each stem."""
        found = await term_index.holding(
            connection,
            owner_id,
            thread_id,
            wanted,
            pks=(branch.pks[0], branch.pks[-1]),
            depths=(branch.depths[0], branch.depths[-1]),
            most=most,
        )
        return {stem: branch.positions(pks) for stem, pks in found.items()}

    async def uncommon(wanted: Sequence[str]) -> dict[str, list[int]]:
        """The same without the stems that stand everywhere or in more messages than may be read."""
        most = min(too_common(size, policy), policy.places // max(1, len(wanted)))
        found = await holding(wanted, most + 1)
        return {stem: positions for stem, positions in found.items() if len(positions) <= most}

    query = analyse(question, now=now, policy=policy)
    asked = [
        term_index.INSTRUCTION,
        term_index.PREFERRING,
        term_index.TELLING,
        *list(query.weights)[: policy.query_words],
    ]
    most = policy.places // len(asked)
    found = await holding(asked, most)
    outline = replace(
        branch.outline,
        instructions=found.pop(term_index.INSTRUCTION, []),
        preferring=found.pop(term_index.PREFERRING, []),
        telling=found.pop(term_index.TELLING, []),
    )
    counts = counted(found, size, most)
    query = replace(query, weights=rarest(query.weights, counts, size, policy.query_terms))
    kinds = await uncommon(list({kind: None for stem in query.weights for kind in query.kinds.get(stem, ())}))
    query = replace(query, weights={**query.weights, **kindred(query, found, kinds, policy)})
    total = scores(outline, query, found | kinds, counts | lengths(kinds), policy)

    top = ranked(total, outline, policy)[: policy.feedback_messages]
    read = await _sources(connection, owner_id, branch, top)
    received = candidates([(total[position], read[position].text) for position in top], query)
    more = await uncommon(shortlist(received, policy.feedback_terms * 3 // 2))
    told = learned(received, lengths(more), size, policy)
    learn(total, outline, told, more, policy)
    if likeness is not None:
        liken(total, await _alike(connection, owner_id, thread_id, branch, likeness), policy)

    values = voiced(total, outline, query, policy)
    instructions, others = worth_reading(values, outline, budget, policy)
    missing = [position for position in (*instructions, *others) if position not in read]
    return choose(
        instructions=instructions,
        others=others,
        values=values,
        sources=read | await _sources(connection, owner_id, branch, missing),
        weights=query.weights,
        budget=budget,
        count=count,
        policy=policy,
    )


async def _alike(
    connection: AsyncConnection, owner_id: str, thread_id: str, branch: Branch, likeness: Likeness
) -> dict[int, float]:
    """How alike the question is to the messages that have a vector, by their positions."""
    stored = await vectors.between(
        connection, owner_id, thread_id, likeness.model, branch.pks[0], branch.pks[-1]
    )
    held = [(place, stored[pk]) for place, pk in enumerate(branch.pks) if pk in stored]
    found = likeness.compare([vector for _, vector in held])
    return {place: one for (place, _), one in zip(held, found, strict=True)}


async def _sources(
    connection: AsyncConnection, owner_id: str, branch: Branch, positions: Sequence[int]
) -> dict[int, Source]:
    """What was said in the messages at these positions."""
    wanted = [branch.pks[position] for position in positions]
    found: dict[int, Source] = {}
    for pk, id, parts in await _said(connection, owner_id, wanted):
        position = branch.place[pk]
        found[position] = Source(
            id=id,
            role=branch.outline.roles[position],
            at=branch.outline.at[position],
            text="\n\n".join(part["text"] for part in parts if part["type"] == "text"),
        )
    return found


async def _said(
    connection: AsyncConnection, owner_id: str, wanted: Sequence[int]
) -> Iterable[tuple[int, str, list[dict[str, Any]]]]:
    """Key, id and parts of these messages."""
    if connection.dialect.name == "sqlite":
        values = {"owner": owner_id, "wanted": json.dumps(wanted)}
        read = await sqlite.rows(connection, _SAID, values)
        return [(pk, id, json.loads(parts)) for pk, id, parts in read]
    query = select(messages.c.pk, messages.c.id, messages.c.parts).where(
        messages.c.owner_id == owner_id, messages.c.pk.in_(wanted)
    )
    return [(pk, id, parts) for pk, id, parts in await connection.execute(query)]


_SAID = "SELECT pk, id, parts FROM messages WHERE pk IN (SELECT value FROM json_each(:wanted)) AND +owner_id = :owner"
