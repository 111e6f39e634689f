"""Tokens of end users: in force until they expire, are revoked, or all of their user are."""

from dataclasses import replace
from functools import partial

from store import access_tokens, users
from store.access_tokens import AccessToken
from store.database import Database

END = 1_000
FIRST = AccessToken(
    id="tok_1", digest="1" * 64, user_id="ada", signed=False, hint="abcd", limits={"thread": "t"}, issued_at=10, expires_at=END,
)  # fmt: skip
SECOND = replace(FIRST, id="tok_2", digest="2" * 64, signed=True, limits={}, issued_at=11)
THIRD = replace(FIRST, id="tok_3", digest="3" * 64, user_id="bob", issued_at=12)
ALL = {token.digest for token in (FIRST, SECOND, THIRD)}


async def stored(database: Database) -> None:
    for token in (THIRD, FIRST, SECOND):
        await database.write(partial(access_tokens.add, token=token))


async def found(database: Database, now: int = 20) -> list[AccessToken | None]:
    """What each digest finds."""
    return [
        await database.read(partial(access_tokens.find, digest=token.digest, now=now))
        for token in (FIRST, SECOND, THIRD)
    ]


async def in_force(database: Database, now: int = 20) -> set[str]:
    return await database.read(partial(access_tokens.in_force, digests=[*sorted(ALL), "4" * 64], now=now))


async def page(database: Database, user: str | None, after: str, limit: int) -> list[AccessToken]:
    read = partial(access_tokens.page, user_id=user, after=after, limit=limit, now=20)
    return list(await database.read(read))


async def test_a_token_is_in_force_until_it_expires(database: Database) -> None:
    await stored(database)
    assert await found(database, END - 1) == [FIRST, SECOND, THIRD]
    assert await in_force(database, END - 1) == ALL
    assert await found(database, END) == [None] * 3
    assert await in_force(database, END) == set()
    assert await database.read(partial(access_tokens.find, digest="4" * 64, now=1)) is None


async def test_a_token_that_is_stored_again_stays_as_it_was(database: Database) -> None:
    await stored(database)
    assert await database.write(partial(access_tokens.revoke, token_id="tok_1", now=15))
    again = replace(FIRST, id="tok_9", user_id="bob", issued_at=500, expires_at=2_000)
    await database.write(partial(access_tokens.add, token=again))
    assert await found(database) == [None, SECOND, THIRD]
    assert await database.read(partial(access_tokens.is_known, digest=FIRST.digest))
    assert not await database.read(partial(access_tokens.is_known, digest="4" * 64))


async def test_one_is_revoked_once_and_alone(database: Database) -> None:
    await stored(database)
    assert await database.write(partial(access_tokens.revoke, token_id="tok_2", now=15))
    assert not await database.write(partial(access_tokens.revoke, token_id="tok_2", now=15))
    assert not await database.write(partial(access_tokens.revoke, token_id="tok_4", now=15))
    assert await found(database) == [FIRST, None, THIRD]
    assert await in_force(database) == {FIRST.digest, THIRD.digest}
    assert await page(database, None, "", 9) == [FIRST, THIRD]


async def test_all_of_a_user_that_were_issued_until_a_time_are_revoked(database: Database) -> None:
    await stored(database)
    assert await database.write(partial(access_tokens.revoke_all, user_id="ada", now=10))
    assert await found(database) == [None, SECOND, THIRD]
    assert await database.write(partial(access_tokens.revoke_all, user_id="ada", now=11))
    assert await found(database) == [None, None, THIRD]
    assert not await database.write(partial(access_tokens.revoke_all, user_id="nobody", now=11))
    await database.write(partial(users.ensure, user_id="ada", name="Ada", now=30))
    assert await found(database) == [None, None, THIRD], "a user who is seen again"


async def test_tokens_are_listed_page_by_page(database: Database) -> None:
    await stored(database)
    assert await page(database, None, "", 2) == [FIRST, SECOND]
    assert await page(database, None, "tok_2", 2) == [THIRD]
    assert await page(database, "ada", "tok_1", 9) == [SECOND]
    assert await page(database, "nobody", "", 9) == []


async def test_tokens_that_expired_are_removed(database: Database) -> None:
    await stored(database)
    await database.write(
        partial(access_tokens.add, token=replace(FIRST, id="tok_5", digest="5" * 64, expires_at=END + 1))
    )
    await database.write(partial(access_tokens.remove_old, before=END))
    known = [await database.read(partial(access_tokens.is_known, digest=digit * 64)) for digit in "1235"]
    assert known == [False, False, False, True]
