"""Three owners with colliding ids, keys and words, and what each of them has stored.

`bob` asks. `ada` was there before him and `cid` came after him, so that the newest and the oldest row of anything is another's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from context.cache.cache_state import CacheState
from context.messages import Message, Role, Status
from context.recall.stems import english
from context.request.summary_blocks import Line, Segment
from store import (
    cache_states,
    compaction_claims,
    events,
    instructions,
    messages,
    summaries,
    tables,
    threads,
    turns,
    users,
)
from store.ledger import entries, open_calls
from store.ledger.open_calls import OpenCall
from store.search import messages as search
from store.search import term_index, vectors
from store.summaries import NewSummary
from store.turns import NewTurn
from tests.store.ledger import START, call
from tests.store.rows import message, new_message

BOB, OTHERS = "bob", ("ada", "cid")
MODEL = "tiny/1"
TALK = (
    "The code of the garden is 4711",
    "I keep the code of the garden",
    "Who waters the garden?",
    "Nora waters it",
    "What was the code of the garden?",
    "4711 opens the garden",
)
UNSETTLED = {"pk", "lease_until"}  # numbers that depend on what was rolled back before, or on the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The `pk` of every message, by owner and id, and bob's last message."""

    pk: Mapping[tuple[str, str], int]
    last: Message

    def pks(self, *owners: str) -> list[int]:
        return [pk for (owner, _), pk in self.pk.items() if owner in owners]


def new_turn(owner: str, name: str, thread_id: str, key: str | None) -> NewTurn:
    """A running turn."""
    return NewTurn(
        id=name,
        owner_id=owner,
        thread_id=thread_id,
        user_message_id="q1",
        message_id="a1",
        requested_model=None,
        token="token",
        feature=None,
        idempotency_key=key,
        fingerprint=owner,
        metadata={},
        window_start=owner,
        lease_holder="process",
        lease=60_000,
        created_at=START,
    )


def new_summary(name: str, upto: str, depth: int, at: int) -> NewSummary:
    """A version with one line, which names it."""
    segment = Segment(
        id=name, first_id="q1", last_id=upto, lines=(Line(text=name, sources=("q1",)),), tokens=2
    )
    return NewSummary(
        id=name,
        upto_message_id=upto,
        upto_depth=depth,
        leaf_id=None,
        segments=(segment,),
        based_on=None,
        origin="model",
        prompt_digest=None,
        created_at=at,
    )


def new_call(owner: str, name: str) -> OpenCall:
    """A call in flight."""
    return OpenCall(
        id=name,
        owner_id=owner,
        thread_id="t",
        turn_id=f"turn_{owner}",
        token="token",
        feature=None,
        purpose="reply",
        tier=None,
        model=MODEL,
        attempt=1,
        prompt=100,
        holder="process",
        reserved=[],
        created_at=START,
    )


def store_tenants(connection: Connection) -> None:
    """Store what all three have, one after the other."""
    for number, owner in enumerate(("ada", BOB, "cid")):
        users.ensure(connection, owner, owner, 1)
        _threads(connection, owner, number)
        _turns(connection, owner)
        _summaries(connection, owner, number)
        _calls(connection, owner, number)
        state = CacheState(model=MODEL, uses=number)
        cache_states.put(connection, owner, "t", state, turn_id="the same", next_at=7)
    # Nothing but its owner tells this row from one of bob's.
    bobs = _pks(connection)[BOB, "a2"]
    row = {"owner_id": "ada", "thread_id": "t", "model": MODEL, "pk": bobs, "vector": b"\x01"}
    connection.execute(insert(tables.message_vectors).values(row))


def _threads(connection: Connection, owner: str, number: int) -> None:
    threads_of = ("t", "w") if owner == BOB else ("t", "w", "theirs")
    for thread_id in threads_of:
        threads.create(connection, owner, thread_id, now=5 + number, title=f"The garden of {owner}")
    for thread_id in {*threads_of} - {"w"}:
        told = f"Speak of {owner}'s garden."
        instructions.put(connection, owner, thread_id, told, after_id=None, now=5 + number)
        compaction_claims.claim(connection, owner, thread_id, "process", now=START, lease=10**9)
    threads.change(connection, owner, "t", answered_pk=9, read_pk=1)
    _say(connection, owner, "t", ("q1", "a1", "q2", "a2", "q3", "a3")[: 4 if owner == BOB else 6])
    _say(connection, owner, "w", ("s1",), status="streaming")
    if owner != BOB:
        _say(connection, owner, "theirs", ("x", "y", "z"))
        _say(connection, owner, "theirs", ("s2",), status="streaming")
    known = {
        pk: owner.encode()
        for (whose, id), pk in _pks(connection).items()
        if whose == owner and id in "q1 a1 q2"
    }
    vectors.keep(connection, owner, "t", MODEL, known)


def _say(
    connection: Connection, owner: str, thread_id: str, ids: tuple[str, ...], status: Status = "complete"
) -> None:
    above: Message | None = None
    for number, (id, line) in enumerate(zip(ids, TALK, strict=False)):
        role: Role = "assistant" if number % 2 else "user"
        messages.add(
            connection, owner, thread_id, new_message(id, line, parent=above, role=role, status=status)
        )
        above = message(connection, id, owner)


def _turns(connection: Connection, owner: str) -> None:
    """bob's turn in `t` has ended, and the others' run; he has one that runs elsewhere."""
    turns.add(connection, new_turn(owner, f"turn_{owner}", "t", "key"))
    connection.execute(events.APPEND, events.rows(f"turn_{owner}", 1, [owner, owner, owner]))
    if owner == BOB:
        ended: Any = {"status": "completed", "usage": None, "error": None, "last_seq": 3, "now": START}
        turns.finish(connection, owner, "turn_bob", **ended)
        turns.add(connection, new_turn(owner, "more_bob", "w", None))
    else:
        turns.add(connection, new_turn(owner, f"more_{owner}", "theirs", "their key"))


def _summaries(connection: Connection, owner: str, number: int) -> None:
    """bob's newest version is undone; the others have an active one where he has none, and one that is undone."""
    if owner == BOB:
        summaries.add(connection, owner, "t", new_summary("fin_bob", "q2", 2, 5))
        summaries.add(connection, owner, "t", new_summary("sum_bob", "a1", 1, 15))
        summaries.retire(connection, owner, "sum_bob")
    else:
        summaries.add(connection, owner, "t", new_summary(f"old_{owner}", "q2", 2, 10 + number))
        summaries.retire(connection, owner, f"old_{owner}")
        summaries.add(connection, owner, "t", new_summary(f"sum_{owner}", "a1", 1, 20 + number))


def _calls(connection: Connection, owner: str, number: int) -> None:
    for place, thread_id in enumerate(("t", None)):
        entry = call(place, id=f"call_{owner}_{place}", owner_id=owner, thread_id=thread_id, turn_id=f"turn_{owner}",
            token="token", cache_miss="expired", created_at=START + number - 1)  # fmt: skip
        entries.add(connection, entry)
    open_calls.add(connection, new_call(owner, f"open_{owner}"))


def read_world(connection: Connection) -> World:
    """Where everything stands."""
    return World(pk=_pks(connection), last=message(connection, "a2", BOB))


def _pks(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(select(tables.messages.c.owner_id, tables.messages.c.id, tables.messages.c.pk))
    return {(owner, id): pk for owner, id, pk in rows}


def rows_of_everybody(connection: Connection) -> dict[str, dict[str, list[str]]]:
    """By owner and table every row, and what the search indexes find."""
    rows: dict[str, dict[str, list[str]]] = {}
    queries = {table.name: select(table) for table in tables.metadata.sorted_tables if "owner_id" in table.c}
    queries["turn_events"] = select(tables.turns.c.owner_id, tables.turn_events).join(tables.turn_events)
    queries["users"] = select(tables.users, tables.users.c.id.label("owner_id"))
    for name, query in queries.items():
        for row in connection.execute(query).mappings():
            shown = repr({column: value for column, value in row.items() if column not in UNSETTLED})
            rows.setdefault(row["owner_id"], {}).setdefault(name, []).append(shown)
    for owner, mine in rows.items():
        for lines in mine.values():
            lines.sort()
        mine["found"] = [hit.message_id for hit in search.find(connection, owner, "garden", limit=99)]
        stems = term_index.holding(
            connection, owner, "t", [english("garden")], pks=(0, 10**6), depths=(0, 99), most=99
        )
        mine["stems"] = [f"{name}: {len(pks)}" for name, pks in stems.items()]
    return rows


def remove_others(connection: Connection) -> None:
    """Leave bob alone in the world."""
    for owner in OTHERS:
        for thread_id in ("t", "w", "theirs"):
            threads.remove(connection, owner, thread_id)
    for table in reversed(tables.metadata.sorted_tables):
        if "owner_id" in table.c:
            connection.execute(delete(table).where(table.c.owner_id != BOB))
    connection.execute(delete(tables.users).where(tables.users.c.id.in_(OTHERS)))
