"""One holder at a time has the claim on a thread, by the database's clock."""

from functools import partial

from sqlalchemy import text

from store import compaction_claims, threads
from store.database import Database

LEASE = 60_000


async def claim(database: Database, holder: str, *, thread: str = "t", now: int = 1_000) -> bool:
    return await database.write(
        partial(
            compaction_claims.claim, owner_id="ada", thread_id=thread, holder=holder, now=now, lease=LEASE
        )
    )


async def test_a_claim_excludes_others_until_it_is_released_or_expires(database: Database) -> None:
    await database.write(partial(threads.create, owner_id="ada", thread_id="t", now=1))
    assert await claim(database, "one")
    assert await claim(database, "one"), (
        "its own claim is extended; so is one whose COMMIT was not acknowledged"
    )
    assert not await claim(database, "two")
    await database.write(partial(compaction_claims.release, owner_id="ada", thread_id="t", holder="two"))
    assert not await claim(database, "two"), "only the holder releases"
    await database.write(partial(compaction_claims.release, owner_id="ada", thread_id="t", holder="one"))
    assert await claim(database, "two")
    await database.write(
        lambda connection: connection.execute(text("UPDATE compaction_claims SET lease_until = 1"))
    )
    assert await claim(database, "three"), "that process is dead"
    extend = partial(compaction_claims.extend, owner_id="ada", thread_id="t", now=1_000, lease=LEASE)
    assert await database.write(partial(extend, holder="three"))
    assert not await database.write(partial(extend, holder="two")), "it was taken over"


async def test_a_claim_holds_to_the_end_of_its_lease_and_as_long_as_it_is_extended(lite: Database) -> None:
    for name in ("t", "other"):
        await lite.write(partial(threads.create, owner_id="ada", thread_id=name, now=1))
        assert await claim(lite, "one", thread=name, now=1_000)
    assert not await claim(lite, "two", now=1_000 + LEASE)
    assert await claim(lite, "two", thread="other", now=1_001 + LEASE)
    extend = partial(compaction_claims.extend, owner_id="ada", thread_id="t", holder="one", lease=LEASE)
    assert await lite.write(partial(extend, now=50_000))
    assert not await claim(lite, "two", now=50_000 + LEASE)
    assert await claim(lite, "one", now=50_000 + LEASE)
    assert not await claim(lite, "two", now=50_000 + 2 * LEASE), "its own claim is extended"
    assert await claim(lite, "two", now=50_001 + 2 * LEASE)
    assert not await claim(lite, "one", now=50_001 + 3 * LEASE), "for a whole lease"


async def test_a_thread_that_is_gone_cannot_be_claimed_and_takes_its_claim_along(database: Database) -> None:
    await database.write(partial(threads.create, owner_id="ada", thread_id="t", now=1))
    assert await claim(database, "one")
    await database.write(partial(threads.remove, owner_id="ada", thread_id="t"))
    assert not await claim(database, "one")
    claims = text("SELECT count(*) FROM compaction_claims")
    assert await database.read(lambda connection: connection.scalar(claims)) == 0
