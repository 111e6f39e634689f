"""Read and cache the outline of a branch: key, role, size and time of each message before the window, from one covering index.

Messages that a summary stands for never change, so a turn reads only what was compacted since the previous one. At most `reach`
messages are read. Where a thread does not fork, the database returns its columns as one row.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Connection, bindparam, select, text

from context.messages import Message, Role
from context.recall.thread import Outline, typical
from store import sqlite
from store.tables import messages

BRANCH_BYTES = 1_000  # of a branch without messages, with its key
MESSAGE_BYTES = 230  # of one message of a branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The messages of a branch that a model may see, oldest first, from depth `first` down to the message `tip`.

    `place`: the position of each `pk`.
    """

    first: int
    last: int
    tip: str | None
    pks: Sequence[int]
    depths: Sequence[int]
    outline: Outline
    place: Mapping[int, int]

    def positions(self, pks: Sequence[int]) -> list[int]:
        """The positions of the messages (`pks`, newest first) that are on the branch, ascending."""
        return [position for position in map(self.place.get, reversed(pks)) if position is not None]


def only_short(branch: Branch, window: Message, short: Collection[Message]) -> Branch:
    """The branch without the messages from `window` on, but for the `short` ones among them."""
    depths = {message.depth for message in short}
    indices = [index for index, depth in enumerate(branch.depths) if depth < window.depth or depth in depths]
    pks, outline = [branch.pks[index] for index in indices], branch.outline
    return replace(
        branch,
        pks=pks,
        depths=[branch.depths[index] for index in indices],
        outline=replace(
            outline,
            roles=[outline.roles[index] for index in indices],
            tokens=[outline.tokens[index] for index in indices],
            at=[outline.at[index] for index in indices],
        ),
        place={pk: position for position, pk in enumerate(pks)},
    )


class Outlines:
    """Cache of the branches used last, one per thread, within so many bytes. Safe to share between threads."""

    def __init__(self, most: int = 16 * 1024 * 1024) -> None:
        self._branches: LRUCache[tuple[str, str], Branch] = LRUCache(most, getsizeof=_bytes)
        self._lock = Lock()

    def get(self, owner_id: str, thread_id: str) -> Branch | None:
        with self._lock:
            return self._branches.get((owner_id, thread_id))

    def forget(self, owner_id: str, thread_id: str) -> None:
        """Drop a deleted thread: another one may get its name."""
        with self._lock:
            self._branches.pop((owner_id, thread_id), None)

    def put(self, owner_id: str, thread_id: str, branch: Branch) -> None:
        with self._lock, suppress(ValueError):  # larger than the whole cache
            self._branches[(owner_id, thread_id)] = branch


def _bytes(branch: Branch) -> int:
    """What a branch takes in memory, about."""
    return BRANCH_BYTES + MESSAGE_BYTES * len(branch.pks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Consecutive messages. `under` is the parent of the first; a size of 0 marks a message no model may see."""

    under: str | None
    pks: Sequence[int]
    depths: Sequence[int]
    roles: Sequence[Role]
    tokens: Sequence[int]
    at: Sequence[int]


def branch_above(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    before: Message,
    *,
    reach: int,
    outlines: Outlines,
) -> Branch:
    """The branch above `before`, as far as `reach`.

    A message is stored after the one above it, so `pk` grows along a branch.
    """
    known = outlines.get(owner_id, thread_id)
    first = max(0, before.depth - reach)
    if known is not None and known.tip == before.parent_id and known.first <= first:
        return known
    branch = None
    if known is not None and known.last < before.depth - 1 and known.first <= first <= known.last:
        more = _read(connection, owner_id, thread_id, known.last + 1, before)
        if more is not None and more.under == known.tip:
            branch = _joined(known, more, first, before)
    if branch is None:
        whole = _read(connection, owner_id, thread_id, first, before)
        branch = _joined(None, whole, first, before)
    outlines.put(owner_id, thread_id, branch)
    return branch


def _joined(known: Branch | None, more: _Stretch | None, first: int, before: Message) -> Branch:
    """The known branch from depth `first` on, extended by what follows it."""
    dropped = 0 if known is None else sum(depth < first for depth in known.depths)
    pks = [] if known is None else list(known.pks[dropped:])
    depths = [] if known is None else list(known.depths[dropped:])
    roles = [] if known is None else list(known.outline.roles[dropped:])
    tokens = [] if known is None else list(known.outline.tokens[dropped:])
    at = [] if known is None else list(known.outline.at[dropped:])
    if more is not None:
        shown = [index for index, size in enumerate(more.tokens) if size > 0]
        pks += [more.pks[index] for index in shown]
        depths += [more.depths[index] for index in shown]
        roles += [more.roles[index] for index in shown]
        tokens += [more.tokens[index] for index in shown]
        at += [more.at[index] for index in shown]
    return Branch(
        first=first,
        last=before.depth - 1,
        tip=before.parent_id,
        pks=pks,
        depths=depths,
        outline=Outline(roles=roles, tokens=tokens, at=at, typical=typical(roles, tokens)),
        place={pk: position for position, pk in enumerate(pks)},
    )


def _read(
    connection: Connection, owner_id: str, thread_id: str, first: int, before: Message
) -> _Stretch | None:
    """The messages above `before` from depth `first` on; None when there are none."""
    if first >= before.depth:
        return None
    values = {"owner": owner_id, "thread": thread_id, "first": first, "last": before.depth - 1}
    row: Sequence[Any] = (
        (sqlite.rows(connection, _LITE, values))[0]
        if connection.dialect.name == "sqlite"
        else connection.execute(_POSTGRES, values).one()
    )
    count, depth_count, under, tip, *columns = row
    if count == depth_count == before.depth - first and tip == before.parent_id:
        pks, is_user, tokens, at = (json.loads(f"[{column}]") for column in columns)
        roles: list[Role] = ["user" if flag else "assistant" for flag in is_user]
        return _Stretch(
            under=under,
            pks=pks,
            depths=range(first, before.depth),
            roles=roles,
            tokens=tokens,
            at=at,
        )
    return _path(_rows(connection, owner_id, thread_id, first, before.depth), before)


# The columns of a thread that does not fork, each as one text: thousands of rows arrive as one, all from one index.
_COLUMNS = """
SELECT count(*) AS messages, count(DISTINCT depth) AS depths,
    max(CASE WHEN depth = :first THEN parent_id END) AS under, max(CASE WHEN depth = :last THEN id END) AS tip,
    {pks} AS pks, {is_user} AS is_user, {tokens} AS tokens, {at} AS at
FROM (
    SELECT depth, pk, id, parent_id, CASE WHEN role = 'user' THEN 1 ELSE 0 END AS is_user,
        CASE WHEN refused THEN 0 ELSE tokens END AS tokens, created_at
    FROM messages
    WHERE owner_id = :owner AND thread_id = :thread AND depth >= 0 AND depth BETWEEN :first AND :last
    ORDER BY depth
) AS outline
"""
_OF = {"pks": "pk", "is_user": "is_user", "tokens": "tokens", "at": "created_at"}
_LITE = _COLUMNS.format(**{name: f"group_concat({column})" for name, column in _OF.items()})
_POSTGRES = text(
    _COLUMNS.format(
        **{name: f"string_agg({column}::text, ',' ORDER BY depth)" for name, column in _OF.items()}
    )
)


def _path(rows: list[Any], before: Message) -> _Stretch | None:
    """Of all messages of a thread, those above `before`."""
    above = {row.id: row for row in rows}
    path, at = [], above.get(before.parent_id)
    while at is not None:
        path.append(at)
        at = above.get(at.parent_id)
    path.reverse()
    if not path:
        return None
    return _Stretch(
        under=path[0].parent_id,
        pks=[row.pk for row in path],
        depths=[row.depth for row in path],
        roles=[row.role for row in path],
        tokens=[0 if row.refused else row.tokens for row in path],
        at=[row.created_at for row in path],
    )


def _rows(connection: Connection, owner_id: str, thread_id: str, first: int, end: int) -> list[Any]:
    """The outline of a thread's messages with a depth from `first` up to `end`, of every branch."""
    values = {"owner": owner_id, "thread": thread_id, "first": first, "end": end}
    return list(connection.execute(_OUTLINE, values))


_OUTLINE = select(
    messages.c.depth,
    messages.c.pk,
    messages.c.id,
    messages.c.parent_id,
    messages.c.role,
    messages.c.tokens,
    messages.c.refused,
    messages.c.created_at,
).where(
    messages.c.owner_id == bindparam("owner"),
    messages.c.thread_id == bindparam("thread"),
    text("messages.depth >= 0"),  # makes the planner use the index messages_outline
    messages.c.depth < bindparam("end"),
    messages.c.depth >= bindparam("first"),
)
