"""Recall older messages of a branch that a new message needs: found in the index, chosen by `context.recall`.

What is read is bounded by `policy.reach`, `policy.places` and the budget, however long the thread. There are two rounds: the words of
the question, then the words the best messages share. Then the messages that may be sent are read, and the budget decides.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Message
from context.recall.choose import choose, worth_reading
from context.recall.feedback import candidates, learned, shortlist
from context.recall.likeness import Likeness, liken
from context.recall.policy import DEFAULT, RecallPolicy
from context.recall.query import Query, analyse
from context.recall.rank import counted, kindred, learn, lengths, ranked, rarest, scores, too_common, voiced
from context.recall.thread import Outline, Source
from context.request.recipe import Recalled
from store import sqlite
from store.search import term_index, vectors
from store.search.branch_index import Branch, Outlines, branch_above
from store.search.off_loop import off_loop
from store.search.parts import text_of
from store.tables import messages


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRequest:
    """What older messages are needed for. `before`: the first message of the window; only what precedes it on its branch comes back.

    `now` in milliseconds, `budget` in tokens. `likeness` compares by embeddings, where a model for them is used.
    """

    question: str
    before: Message
    now: int
    budget: int
    likeness: Likeness | None = None


async def recall(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    request: RecallRequest,
    *,
    count: Callable[[str], int],
    policy: RecallPolicy = DEFAULT,
    outlines: Outlines | None = None,
) -> tuple[Recalled, ...]:
    """The blocks to put after the newest user text, within the budget as `count` counts tokens.

    The same arguments on the same messages (and vectors) give the same blocks on every database.
    """
    branch = await branch_above(
        connection, owner_id, thread_id, request.before, reach=policy.reach, outlines=outlines or Outlines()
    )
    if not branch.pks:
        return ()
    index = _BranchIndex(
        connection=connection, owner_id=owner_id, thread_id=thread_id, branch=branch, policy=policy
    )
    outline, query, total = await _score_question(index, request)
    sources = await _score_feedback(index, outline, query, total)
    if request.likeness is not None:
        liken(total, await index.similarities(request.likeness), policy)

    values = voiced(total, outline, query, policy)
    instructions, others = worth_reading(values, outline, request.budget, policy)
    unread = [position for position in (*instructions, *others) if position not in sources]
    sources |= await index.sources(unread)
    read = sum(len(sources[position].text) for position in {*instructions, *others} if position in sources)
    return await off_loop(
        read,
        lambda: choose(
            instructions=instructions,
            others=others,
            values=values,
            sources=sources,
            weights=query.every_stem(),
            budget=request.budget,
            count=count,
            policy=policy,
        ),
    )


async def _score_question(
    index: "_BranchIndex", request: RecallRequest
) -> tuple[Outline, Query, dict[int, float]]:
    """First round: score the messages by the words of the question. Returns the outline with the properties that count, too."""
    policy, size = index.policy, len(index.branch.pks)
    query = analyse(request.question, now=request.now, policy=policy)
    terms = [
        term_index.INSTRUCTION,
        term_index.PREFERRING,
        term_index.TELLING,
        *query.looked_up(policy.query_words),
    ]
    most = policy.places // len(terms)
    positions: dict[str, Sequence[int]] = query.joined(await index.positions(terms, most), most)
    outline = replace(
        index.branch.outline,
        instructions=positions.pop(term_index.INSTRUCTION, []),
        preferring=positions.pop(term_index.PREFERRING, []),
        telling=positions.pop(term_index.TELLING, []),
    )
    counts = counted(positions, size, most)
    query = replace(query, weights=rarest(query.weights, counts, size, policy.query_terms))
    kind_names = list({kind: None for stem in query.weights for kind in query.kinds.get(stem, ())})
    kinds = await index.uncommon_positions(kind_names)
    query = replace(query, weights={**query.weights, **kindred(query, positions, kinds, policy)})
    return outline, query, scores(outline, query, positions | kinds, counts | lengths(kinds), policy)


async def _score_feedback(
    index: "_BranchIndex", outline: Outline, query: Query, total: dict[int, float]
) -> dict[int, Source]:
    """Second round: add to `total` what the words say that the best messages share. Returns those messages."""
    policy = index.policy
    best = ranked(total, outline, policy)[: policy.feedback_messages]
    sources = await index.sources(best)
    shared_terms = candidates([(total[position], sources[position].text) for position in best], query)
    positions = await index.uncommon_positions(shortlist(shared_terms, policy.feedback_terms * 3 // 2))
    weights = learned(shared_terms, lengths(positions), len(index.branch.pks), policy)
    learn(total, outline, weights, positions, policy)
    return sources


@dataclass(frozen=True, slots=True, kw_only=True)
class _BranchIndex:
    """The indexes of one thread, with messages named by their position on one branch."""

    connection: AsyncConnection
    owner_id: str
    thread_id: str
    branch: Branch
    policy: RecallPolicy

    async def positions(self, stems: Sequence[str], most: int) -> dict[str, list[int]]:
        """The positions of the newest `most` messages that hold each stem."""
        pks_by_stem = await term_index.holding(
            self.connection,
            self.owner_id,
            self.thread_id,
            stems,
            pks=(self.branch.pks[0], self.branch.pks[-1]),
            depths=(self.branch.depths[0], self.branch.depths[-1]),
            most=most,
        )
        return {stem: self.branch.positions(pks) for stem, pks in pks_by_stem.items()}

    async def uncommon_positions(self, stems: Sequence[str]) -> dict[str, list[int]]:
        """The same, without stems that are too common to tell messages apart or to be read."""
        common = too_common(len(self.branch.pks), self.policy)
        most = min(common, self.policy.places // max(1, len(stems)))
        positions = await self.positions(stems, most + 1)
        return {stem: places for stem, places in positions.items() if len(places) <= most}

    async def similarities(self, likeness: Likeness) -> dict[int, float]:
        """How similar the question is to the messages that have a vector, by position."""
        pks = self.branch.pks
        stored = await vectors.between(
            self.connection, self.owner_id, self.thread_id, likeness.model, pks[0], pks[-1]
        )
        positions = [position for position, pk in enumerate(pks) if pk in stored]
        similarities = likeness.compare([stored[pks[position]] for position in positions])
        return dict(zip(positions, similarities, strict=True))

    async def sources(self, positions: Sequence[int]) -> dict[int, Source]:
        """The text of the messages at these positions."""
        outline, sources = self.branch.outline, {}
        pks = [self.branch.pks[position] for position in positions]
        for pk, id, parts in await _parts(self.connection, self.owner_id, pks):
            position = self.branch.place[pk]
            sources[position] = Source(
                id=id,
                role=outline.roles[position],
                at=outline.at[position],
                text=text_of(parts),
            )
        return sources


async def _parts(
    connection: AsyncConnection, owner_id: str, pks: Sequence[int]
) -> Iterable[tuple[int, str, list[dict[str, Any]]]]:
    """`pk`, id and parts of these messages."""
    if connection.dialect.name == "sqlite":
        rows = await sqlite.rows(connection, _SQLITE_PARTS, {"owner": owner_id, "pks": json.dumps(pks)})
        return [(pk, id, json.loads(parts)) for pk, id, parts in rows]
    query = select(messages.c.pk, messages.c.id, messages.c.parts).where(
        messages.c.owner_id == owner_id, messages.c.pk.in_(pks)
    )
    return [(pk, id, parts) for pk, id, parts in await connection.execute(query)]


_SQLITE_PARTS = "SELECT pk, id, parts FROM messages WHERE pk IN (SELECT value FROM json_each(:pks)) AND +owner_id = :owner"
