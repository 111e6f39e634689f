"""The outbox of webhooks: added once, due by time, claimed by one process, kept until days after its end."""

from functools import partial
from typing import Any

from sqlalchemy import Connection, event

from store import webhook_deliveries
from store.database import Database
from store.webhook_deliveries import LONGEST_PAUSE, Delivery, DeliveryStatus, NewDelivery
from tests.store.counting import counted, settled


def new(id: str, *, endpoint: str = "crm", at: int = 10) -> NewDelivery:
    return NewDelivery(
        id=id, endpoint=endpoint, event="feedback", body=f"body {id}", created_at=at, give_up_at=at + 1_000
    )


async def add(database: Database, *deliveries: NewDelivery) -> None:
    await database.write(partial(webhook_deliveries.add, deliveries=deliveries))


async def claim(
    database: Database, now: int, *, endpoint: str = "crm", lease: int = 60_000, limit: int = 9
) -> list[Delivery]:
    due = await database.read(partial(webhook_deliveries.any_due, endpoint=endpoint, now=now))
    claimed = await database.write(
        partial(webhook_deliveries.claim, endpoint=endpoint, now=now, lease=lease, limit=limit)
    )
    assert bool(claimed) is due
    return claimed


async def newest(
    database: Database, *, status: DeliveryStatus | None = None, endpoint: str | None = None
) -> list[Delivery]:
    return await database.read(partial(webhook_deliveries.newest, limit=9, status=status, endpoint=endpoint))


async def test_a_delivery_is_added_once_and_due_at_once(database: Database) -> None:
    for _ in range(2):  # the second time after a COMMIT without an answer
        await add(database, new("a"), new("b", endpoint="other"))
    [claimed] = await claim(database, 20)
    assert claimed == Delivery(
        id="a", endpoint="crm", event="feedback", body="body a", status="waiting", tries=1, result=None,
        next_at=0, created_at=10, give_up_at=1_010, finished_at=None,
    )  # fmt: skip
    assert await claim(database, 20) == [], "it is claimed"
    assert [delivery.id for delivery in await claim(database, 20, endpoint="other")] == ["b"]


async def test_the_oldest_come_first_and_no_more_than_asked_for(database: Database) -> None:
    await add(database, new("c"), new("a"), new("b"))
    assert [delivery.id for delivery in await claim(database, 30, limit=2)] == ["a", "b"]
    assert [delivery.id for delivery in await claim(database, 30, limit=2)] == ["c"]


async def test_one_that_failed_is_due_again_after_a_pause_and_behind_new_ones(lite: Database) -> None:
    await add(lite, new("a"))
    [claimed] = await claim(lite, 1_000)
    tried = partial(webhook_deliveries.tried, delivery=claimed, status="waiting", result="500", now=1_000)
    assert await lite.write(partial(tried, wait=5_000))
    await add(lite, new("b", at=900))
    assert [row.id for row in await claim(lite, 5_999)] == ["b"]
    [again] = await claim(lite, 6_000, lease=10)
    assert (again.id, again.tries, again.result) == ("a", 2, "500")
    assert not await lite.write(partial(tried, wait=0)), "that claim is over"
    assert await claim(lite, 6_009) == []
    assert [row.tries for row in await claim(lite, 6_010)] == [3], "its process is dead"


async def test_one_far_ahead_of_the_clock_is_due(lite: Database) -> None:
    await add(lite, new("a"), new("b"))
    await claim(lite, 1_000_000, lease=2 * LONGEST_PAUSE)
    await lite.write(partial(webhook_deliveries.shorten_pauses, now=1_000_000))
    assert await claim(lite, 1_000_000) == []
    await lite.write(partial(webhook_deliveries.shorten_pauses, now=999_999))
    assert len(await claim(lite, 999_999)) == 2, "the clock was set back"


async def test_without_deliveries_nothing_is_executed(database: Database) -> None:
    def executed(connection: Connection) -> list[int]:
        statements: list[str] = []

        def note(*arguments: Any) -> None:
            statements.append(arguments[2])

        event.listen(connection, "before_cursor_execute", note)
        counts = []
        for deliveries in ([], [new("a"), new("b", endpoint="other")]):
            webhook_deliveries.add(connection, deliveries)
            counts.append(len(statements))
        event.remove(connection, "before_cursor_execute", note)
        return counts

    assert await database.write(executed) == [0, 1]


async def test_looking_for_what_is_due_takes_no_longer_with_many_that_ended(lite: Database) -> None:
    async def steps() -> int:
        def look(connection: Connection) -> int:
            return counted(connection, lambda: webhook_deliveries.any_due(connection, "crm", 1_000))

        return await lite.read(look)

    await steps()
    few = await steps()
    await add(lite, *(new(f"{number:04}") for number in range(1_000)))
    for delivery in await claim(lite, 20, limit=1_000):
        ended = partial(webhook_deliveries.tried, delivery=delivery, status="delivered", result="204", now=30)
        await lite.write(ended)
    assert await steps() <= few + 3


async def test_of_many_that_are_due_only_those_that_are_claimed_are_read(database: Database) -> None:
    async def work(limit: int) -> int:
        def write(connection: Connection) -> int:
            claim = partial(webhook_deliveries.claim, endpoint="crm", now=20, lease=1, limit=limit)
            return counted(connection, lambda: claim(connection))

        return await database.write(write)

    await add(database, *(new(f"{number:04}") for number in range(2_000)))
    await settled(database, "webhook_deliveries")
    assert await work(8) < 200


async def test_one_that_ended_is_claimed_no_more_until_it_is_to_be_sent_again(database: Database) -> None:
    await add(database, new("a"), new("b", at=20), new("c", at=30))
    for delivery, status in zip(
        await claim(database, 50), ("delivered", "given_up", "given_up"), strict=True
    ):
        tried = partial(webhook_deliveries.tried, delivery=delivery, result="end", now=60)
        assert await database.write(partial(tried, status=status))
        assert await database.write(partial(tried, status="given_up")) is False, "it has ended"
    assert await claim(database, 70) == []
    ended = await newest(database)
    assert [(row.id, row.status, row.result, row.next_at, row.finished_at) for row in ended] == [
        ("c", "given_up", "end", None, 60),
        ("b", "given_up", "end", None, 60),
        ("a", "delivered", "end", None, 60),
    ]
    assert [row.id for row in await newest(database, status="delivered")] == ["a"]
    assert await newest(database, endpoint="other") == []
    assert await database.write(partial(webhook_deliveries.again, ids=["a", "none"], give_up_at=5_000)) == 1
    assert await database.write(partial(webhook_deliveries.again, ids=None, give_up_at=5_000)) == 2
    again = await newest(database)
    assert {(row.status, row.tries, row.next_at, row.give_up_at, row.finished_at) for row in again} == {
        ("waiting", 0, 0, 5_000, None)
    }
    assert len(await claim(database, 80)) == 3


async def test_what_was_accepted_is_delivered_although_another_has_claimed_it(lite: Database) -> None:
    await add(lite, new("a"))
    [slow] = await claim(lite, 10, lease=10)
    assert len(await claim(lite, 20)) == 1
    delivered = partial(webhook_deliveries.tried, delivery=slow, status="delivered", result="204", now=30)
    assert await lite.write(delivered)
    assert [row.status for row in await newest(lite)] == ["delivered"]


async def test_old_ones_are_given_up_and_removed(database: Database) -> None:
    await add(database, new("old", at=0), new("young", at=500))
    give_up = partial(webhook_deliveries.give_up_untried, before=1_001, now=2_000)
    assert [await database.write(give_up) for _ in range(2)] == [1, 0]
    assert [(row.id, row.status) for row in await newest(database)] == [
        ("young", "waiting"),
        ("old", "given_up"),
    ]
    for before, left in ((2_000, 2), (2_001, 1)):
        await database.write(partial(webhook_deliveries.remove_old, finished_before=before))
        assert len(await newest(database)) == left
