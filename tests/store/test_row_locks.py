"""Who waits for whom on Postgres: a transaction that decides on a row has it to itself, and housekeeping passes rows that are in use."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text, update

from context.messages import TextPart
from store import learned_stats, tables, threads, users, webhook_deliveries
from store.database import Database, Work
from store.ledger import open_calls
from store.search import messages as search
from store.search import rebuild, vectors
from tests.store.on_loop import EventLoop
from tests.store.rows import thread
from tests.store.tenants import MODEL, new_call
from tests.waiting import until

pytestmark = pytest.mark.postgres

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
PK = select(tables.messages.c.pk)


@pytest.fixture
async def opened(postgres_url: str) -> AsyncIterator[Database]:
    """A thread of ada with one message, which is to be indexed anew, and a call in flight."""
    database = Database(postgres_url)
    await database.write(partial(users.ensure, user_id="ada", name="Ada", now=1))
    await thread(database, "t", "u m: lighthouse")
    await database.write(partial(open_calls.add, call=new_call("ada", "call")))
    await database.write(lambda connection: connection.execute(update(rebuild.OLD).values(up_to=10**6)))
    yield database
    await database.write(lambda connection: connection.execute(update(rebuild.OLD).values(up_to=0)))
    await database.close()


async def waits(database: Database, first: Work[Any], second: Work[Any]) -> tuple[bool, Any]:
    """Whether `second` waits for the transaction of `first` to end, and what it returns. Raises what it raises."""
    loop, waited = EventLoop(), False
    tasks: list[asyncio.Task[Any]] = []

    async def other() -> None:
        nonlocal waited
        task = asyncio.create_task(database.write(second))
        tasks.append(task)

        async def decided() -> bool:
            return task.done() or bool(await database.read(lambda connection: connection.scalar(WAITING)))

        await until(decided)
        waited = not task.done()

    def write(connection: Connection) -> None:
        first(connection)
        loop.run(other())

    await database.write(write)
    (result,) = await asyncio.gather(*tasks)
    return waited, result


def rebuild_all(connection: Connection) -> bool:
    batch = rebuild.next_batch(connection)
    assert batch is not None
    return rebuild.write(connection, batch, [rebuild.entries("postgresql", row) for row in batch.messages])


def index_again(connection: Connection) -> None:
    search.index_stored(connection, connection.scalar(PK) or 0, (TextPart(text="harbour"),))


def keep_vector(connection: Connection) -> None:
    vectors.keep(connection, "ada", "t", MODEL, {connection.scalar(PK) or 0: b"\x01"})


def delete_thread(connection: Connection) -> None:
    threads.remove(connection, "ada", "t")


def lock_stat(connection: Connection) -> None:
    learned_stats.lock(connection, "gaps", {"seen": 1})


DECIDING: dict[str, tuple[Callable[[Connection], Any], Callable[[Connection], Any]]] = {
    "a thread": (
        lambda connection: threads.lock(connection, "ada", "t"),
        lambda connection: threads.lock(connection, "ada", "t"),
    ),
    "a statistic": (lock_stat, lambda connection: learned_stats.get(connection, "gaps", to_change=True)),
}


@pytest.mark.parametrize("row", DECIDING)
async def test_whoever_decides_on_a_row_keeps_others_waiting(opened: Database, row: str) -> None:
    await opened.write(partial(learned_stats.put, name="gaps", value={"seen": 0}))
    first, second = DECIDING[row]
    waited, _ = await waits(opened, first, second)
    assert waited


WRITERS = {"vector": keep_vector, "index": index_again, "rebuild": rebuild_all}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("deleted_first", [True, False])
async def test_a_thread_that_is_deleted_while_its_messages_are_indexed_leaves_nothing(
    opened: Database, writer: str, deleted_first: bool
) -> None:
    order = (delete_thread, WRITERS[writer]) if deleted_first else (WRITERS[writer], delete_thread)
    waited, _ = await waits(opened, *order)
    assert waited
    for table in ("message_search", "message_search_stems", "message_vectors"):
        count = text(f"SELECT count(*) FROM {table}")
        assert await opened.read(lambda connection, count=count: connection.scalar(count)) == 0  # type: ignore[misc]


async def test_a_batch_of_a_rebuild_is_written_by_one_replica(opened: Database) -> None:
    assert await waits(opened, rebuild_all, rebuild_all) == (True, False)


async def test_a_call_that_is_just_being_closed_keeps_no_lease_from_being_renewed(opened: Database) -> None:
    await opened.write(partial(open_calls.add, call=new_call("ada", "other")))
    c = tables.open_calls.c

    def close(connection: Connection) -> None:
        connection.execute(delete(tables.open_calls).where(c.id == "call"))

    renew = partial(open_calls.renew, holder="process", now=0, lease=60_000)
    assert await waits(opened, close, renew) == (False, None)
    rows = await opened.read(lambda connection: connection.execute(select(c.id, c.lease_until)).all())
    assert [(row.id, row.lease_until is not None) for row in rows] == [("other", True)]


async def test_a_delivery_that_another_replica_claims_is_passed_over(opened: Database) -> None:
    new = [
        webhook_deliveries.NewDelivery(
            id=name, endpoint="crm", event="feedback", body="{}", created_at=1, give_up_at=9
        )
        for name in ("a", "b", "c")
    ]
    await opened.write(partial(webhook_deliveries.add, deliveries=new))
    claim = partial(webhook_deliveries.claim, endpoint="crm", now=2, lease=60_000)
    waited, claimed = await waits(opened, partial(claim, limit=2), partial(claim, limit=2))
    assert (waited, [delivery.id for delivery in claimed]) == (False, ["c"])
