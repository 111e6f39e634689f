"""The outbox of budget alerts: due by time, claimed by one process, kept until they are accepted."""

from functools import partial

from store.database import Database
from store.ledger import alerts
from store.ledger.alerts import Alert


async def due(database: Database, now: int, limit: int = 9) -> list[Alert]:
    return await database.read(partial(alerts.due, now=now, limit=limit))


async def test_alerts_are_due_at_once_oldest_first_and_gone_when_they_are_accepted(
    database: Database,
) -> None:
    for id, at in (("b", 30), ("a", 20), ("c", 10)):
        await database.write(partial(alerts.add, id=id, body=f"body {id}", now=at))
    assert await due(database, 20) == [
        Alert(id=id, body=f"body {id}", tries=0, next_at=at, created_at=at)
        for id, at in (("c", 10), ("a", 20))
    ]
    assert [alert.id for alert in await due(database, 99, limit=2)] == ["c", "a"]
    await database.write(partial(alerts.remove, id="a"))
    assert [alert.id for alert in await due(database, 99)] == ["c", "b"]


async def test_an_alert_is_claimed_by_one_and_tried_again_later(database: Database) -> None:
    for id in ("b", "a"):
        await database.write(partial(alerts.add, id=id, body="{}", now=10))
    (mine, other) = await due(database, 10)
    claim = partial(alerts.claim, alert=mine, next_at=50)
    assert [await database.write(claim) for _ in range(2)] == [True, False]
    assert await due(database, 49) == [other]
    assert [(alert.id, alert.tries) for alert in await due(database, 50)] == [("a", 1), ("b", 0)]
