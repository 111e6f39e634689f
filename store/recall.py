"""Recall: the older messages of a branch that a new message needs, found in the index and chosen by `context.recall`.

What it reads depends on `policy.reach` and the budget, never on other threads. Two rounds: the words of the question, then the
words the best messages share; then the messages that may be sent are read, and the budget decides.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Message
from context.recall.choose import choose, wanted
from context.recall.feedback import candidates, learned, shortlist
from context.recall.policy import DEFAULT, RecallPolicy
from context.recall.query import Query, analyse
from context.recall.rank import learn, ranked, rarest, scores, too_common, voiced
from context.recall.thread import Outline, Source
from context.recipe import Recalled
from store import stems
from store.tables import messages

ASKED = 400  # stems of one question that the index is asked for; more are a pasted text


class Outlines:
    """The outlines of the threads asked about last, kept in memory: a turn then reads only what was folded since.

    Rows of messages that a summary stands for never change. `most` rows in all, about 250 bytes each.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._rows: OrderedDict[tuple[str, str], list[Any]] = OrderedDict()

    def get(self, owner_id: str, thread_id: str) -> list[Any] | None:
        key = (owner_id, thread_id)
        if key in self._rows:
            self._rows.move_to_end(key)
        return self._rows.get(key)

    def forget(self, owner_id: str, thread_id: str) -> None:
        """The thread is gone; another may take its name."""
        self._rows.pop((owner_id, thread_id), None)

    def put(self, owner_id: str, thread_id: str, rows: list[Any]) -> None:
        self._rows[(owner_id, thread_id)] = rows
        self._rows.move_to_end((owner_id, thread_id))
        while len(self._rows) > 1 and sum(map(len, self._rows.values())) > self._most:
            self._rows.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    """The branch before the window, with the keys of its messages: `index` gives the position of a `pk` written as text."""

    outline: Outline
    pks: Sequence[int]
    index: Mapping[str, int]


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
) -> tuple[Recalled, ...]:
    """The blocks that stand behind the newest user text, within `budget` tokens as `count` counts them.

    `before` is the first message of the window: only what precedes it on its branch comes back. `now` in milliseconds. The same
    arguments on the same messages give the same blocks on every database.
    """
    branch = await _branch(connection, owner_id, thread_id, before, policy, outlines or Outlines())
    if not branch.pks:
        return ()

    async def holding(wanted: Sequence[str], most: int | None = None) -> dict[str, list[int]]:
        """The positions of the messages that hold each stem."""
        first, last = branch.pks[0], branch.pks[-1]
        found = await stems.holding(
            connection, owner_id, thread_id, wanted, first=first, last=last, most=most
        )
        index = branch.index
        return {stem: [index[pk] for pk in pks if pk in index] for stem, pks in found.items()}

    query = analyse(question, now=now, policy=policy)
    found = await holding([stems.STANDING, stems.PREFERRING, *list(query.weights)[:ASKED]])
    outline = _with_stated(branch.outline, found)
    asked = rarest(query.weights, _counts(found), len(outline), policy.terms)
    query = Query(weights=asked, dates=query.dates, first_person=query.first_person)
    total = scores(outline, query, found, policy)

    top = ranked(total, outline, policy)[: policy.feedback_messages]
    read = await _sources(connection, branch, top)
    heard = candidates([(total[position], read[position].text) for position in top], query)
    more = await holding(
        shortlist(heard, policy.feedback_terms * 3 // 2), most=too_common(len(outline), policy)
    )
    told = learned(heard, _counts(more), len(outline), policy)
    learn(total, outline, told, more, policy)

    values = voiced(total, outline, query, policy)
    standing, others = wanted(values, outline, budget, policy)
    missing = [position for position in (*standing, *others) if position not in read]
    return choose(
        standing=standing,
        others=others,
        values=values,
        sources=read | await _sources(connection, branch, missing),
        weights=query.weights,
        budget=budget,
        count=count,
        policy=policy,
    )


async def _branch(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    before: Message,
    policy: RecallPolicy,
    outlines: Outlines,
) -> _Branch:
    """Every message above `before` that a model may be shown, oldest first.

    A message is stored after the one above it, so `pk` grows along a branch.
    """
    known = outlines.get(owner_id, thread_id)
    rows: list[Any] = []
    if known and known[-1][2] == before.parent_id:
        rows = known
    else:
        first = before.depth - policy.reach
        if known and known[-1][0] < before.depth:
            more = await _rows(connection, owner_id, thread_id, known[-1][0] + 1, before.depth)
            if more and more[0][3] == known[-1][2] and len(more) == before.depth - more[0][0]:
                rows = [row for row in known if row[0] >= first] + more
        if not rows:
            rows = _path(await _rows(connection, owner_id, thread_id, first, before.depth), before)
        outlines.put(owner_id, thread_id, rows)
    shown = [row for row in rows if not row[6] and row[5] > 0]
    _, pks, ids, _, roles, tokens, _, times = zip(*shown, strict=True) if shown else ((),) * 8
    return _Branch(
        outline=Outline(ids=ids, roles=roles, tokens=tokens, at=times),
        pks=pks,
        index={str(pk): position for position, pk in enumerate(pks)},
    )


def _path(rows: list[Any], before: Message) -> list[Any]:
    """Of all messages of a thread those above `before`."""
    if not rows or rows[-1][0] - rows[0][0] + 1 == len(rows):
        return rows  # nowhere does the thread fork
    above = {row[2]: row for row in rows}
    path, at = [], above.get(before.parent_id)
    while at is not None:
        path.append(at)
        at = above.get(at[3])
    return path[::-1]


async def _rows(
    connection: AsyncConnection, owner_id: str, thread_id: str, first: int, end: int
) -> list[Any]:
    """The outline of a thread's messages with a depth from `first` up to `end`; all columns come from one index."""
    query = (
        select(
            messages.c.depth,
            messages.c.pk,
            messages.c.id,
            messages.c.parent_id,
            messages.c.role,
            messages.c.tokens,
            messages.c.refused,
            messages.c.created_at,
        )
        .where(
            messages.c.owner_id == owner_id,
            messages.c.thread_id == thread_id,
            text("messages.depth >= 0"),  # names the index of outlines
            messages.c.depth < end,
            messages.c.depth >= first,
        )
        .order_by(messages.c.depth)
    )
    return [tuple(row) for row in await connection.execute(query)]


async def _sources(
    connection: AsyncConnection, branch: _Branch, positions: Sequence[int]
) -> dict[int, Source]:
    """What was said in the messages at these positions."""
    query = select(messages.c.pk, messages.c.parts).where(
        messages.c.pk.in_([branch.pks[position] for position in positions])
    )
    found: dict[int, Source] = {}
    for pk, parts in await connection.execute(query):
        position = branch.index[str(pk)]
        found[position] = Source(
            id=branch.outline.ids[position],
            role=branch.outline.roles[position],
            at=branch.outline.at[position],
            text="\n\n".join(part["text"] for part in parts if part["type"] == "text"),
        )
    return found


def _counts(found: Mapping[str, Sequence[int]]) -> dict[str, int]:
    return {stem: len(positions) for stem, positions in found.items()}


def _with_stated(outline: Outline, found: Mapping[str, Sequence[int]]) -> Outline:
    return Outline(
        ids=outline.ids,
        roles=outline.roles,
        tokens=outline.tokens,
        at=outline.at,
        standing=frozenset(found.get(stems.STANDING, ())),
        preferring=frozenset(found.get(stems.PREFERRING, ())),
    )
