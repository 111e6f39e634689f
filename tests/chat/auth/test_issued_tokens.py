"""Tokens of end users in the hands of an admin: issued, listed, revoked, and forgotten when they have expired."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import structlog
from sqlalchemy import Connection, text

from chat.background.access_token_cleanup import delete_expired_tokens
from store import access_tokens
from tests.chat.auth.signing import SIGNED, START, minted, status, stopped
from tests.chat.auth.tokens import ADA, GRANTED, client
from tests.clocks import ScriptedClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

ADMIN, OTHER_ADMIN = "admin-token-0123456789", "ops-token-0123456789"


@asynccontextmanager
async def house(
    folder: Path, sim: Simulator, **settings: Any
) -> AsyncIterator[tuple[Palaver, httpx.AsyncClient, ScriptedClock]]:
    """A Palaver with tokens of all kinds, and its admin."""
    clock = stopped()
    admins = {"name": "ops", "sha256": sha256(OTHER_ADMIN.encode()).hexdigest(), "admin": True}
    async with (
        palaver(
            folder, sim, clock=clock, token=ADMIN, tokens=[*GRANTED, admins], **SIGNED, **settings
        ) as app,
        client(app, ADMIN) as admin,
    ):
        yield app, admin, clock


async def issued(admin: httpx.AsyncClient, user: str = "ada", **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/api/tokens", json={"user": user, **fields})
    assert answer.status_code == 201, answer.text
    token: dict[str, Any] = answer.json()
    return token


async def listed(admin: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await admin.get("/api/tokens", params=params)
    assert answer.status_code == 200, answer.text
    tokens: list[dict[str, Any]] = answer.json()["tokens"]
    return tokens


async def stream_of(user: httpx.AsyncClient) -> str:
    """The path of a turn's events."""
    turn = (await user.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})).json()
    return f"/api/turns/{turn['id']}/events"


async def test_an_issued_token_opens_what_it_says_until_it_expires(sim: Simulator, tmp_path: Path) -> None:
    sim.respond(lambda _: Reply(text="Yes.", thinking=""))
    async with house(tmp_path, sim) as (app, admin, clock):
        with structlog.testing.capture_logs() as logged:
            made = await issued(admin, "Zoë/1", expires_in=60, limits={"thread": "t", "feature": "shop"})
        assert made["token"].startswith("plv_")
        assert made["token"] not in str(logged)
        assert (made["expires_at"], made["hint"]) == ("2026-12-01T00:01:00.000Z", made["token"][-4:])
        async with client(app, made["token"]) as user:
            async with user.stream("GET", await stream_of(user)) as stream:
                await stream.aread()
            assert (await user.get("/api/threads/other")).status_code == 403
            assert (await user.get("/api/tokens")).status_code == 403
        async with client(app, minted(sub="Zoë/1")) as same:
            assert (await same.get("/api/threads/t")).status_code == 200, "the user that the host signs for"

        def read(connection: Connection) -> None:
            rows = connection.execute(text("SELECT owner_id, token, feature FROM ledger_entries"))
            assert [tuple(row) for row in rows] == [("user:Zo%C3%AB%2F1", "issued", "shop")]
            everything = str(connection.execute(text("SELECT * FROM access_tokens")).all())
            assert made["token"] not in everything

        await app.deps.database.read(read)
        clock.sim.advance(59.999)
        assert await status(app, made["token"], "/api/threads/t") == 200
        clock.sim.advance(0.001)
        assert await status(app, made["token"], "/api/threads/t") == 401


async def test_a_revoked_token_ends_at_once_with_its_streams(sim: Simulator, tmp_path: Path) -> None:
    async with house(tmp_path, sim) as (app, admin, _):
        made, other = await issued(admin), await issued(admin)
        sim.script(Reply(text="Said to the end.", thinking="", hold=True))
        async with client(app, made["token"]) as ended, client(app, other["token"]) as goes_on:
            path = await stream_of(ended)
            async with ended.stream("GET", path) as first, goes_on.stream("GET", path) as second:
                assert (await admin.delete(f"/api/tokens/{made['id']}")).status_code == 204
                async with asyncio.timeout(LIMIT):
                    assert "turn.completed" not in (await first.aread()).decode()
                assert [await status(app, each["token"]) for each in (made, other)] == [401, 200]
                assert (await admin.delete(f"/api/tokens/{made['id']}")).status_code == 404
                assert [each["id"] for each in await listed(admin)] == [other["id"]]
                sim.held.open()
                assert "turn.completed" in (await second.aread()).decode()


async def test_signed_tokens_are_listed_and_revoked_as_well(sim: Simulator, tmp_path: Path) -> None:
    async with house(tmp_path, sim) as (app, admin, _):
        limited = minted(palaver={"thread": "t", "access": "read"})
        tokens = [limited, minted(sub="bob"), minted(jti="2")]
        assert await listed(admin) == [], "they are not known before they are seen"
        for token in (*tokens, *tokens):
            await status(app, token)
        seen = await listed(admin)
        assert [each["user"] for each in seen] == ["ada", "bob", "ada"]
        assert all(each["signed"] and each["expires_at"] == "2026-12-01T00:05:00.000Z" for each in seen)
        assert {name: seen[0]["limits"][name] for name in ("thread", "access")} == {
            "thread": "t",
            "access": "read",
        }
        assert [each["id"] for each in await listed(admin, user="bob")] == [seen[1]["id"]]
        page = (await admin.get("/api/tokens", params={"limit": 2})).json()
        rest = (await admin.get("/api/tokens", params={"limit": 2, "cursor": page["next_cursor"]})).json()
        assert [*page["tokens"], *rest["tokens"]] == seen
        assert rest["next_cursor"] is None
        assert (await admin.delete(f"/api/tokens/{seen[2]['id']}")).status_code == 204
        assert [await status(app, token, "/api/info") for token in tokens] == [200, 200, 401]


async def test_all_tokens_of_a_user_are_revoked_and_later_ones_count(sim: Simulator, tmp_path: Path) -> None:
    async with house(tmp_path, sim) as (app, admin, clock):
        made, unseen, ahead = (await issued(admin))["token"], minted(jti="x"), minted(iat=START + 30)
        bob = minted(sub="bob")
        assert [await status(app, token) for token in (made, ahead, bob)] == [200, 200, 200]
        clock.sim.advance(10)
        assert (await admin.delete("/api/tokens", params={"user": "ada"})).status_code == 204
        assert [await status(app, token) for token in (made, ahead, unseen)] == [401, 401, 401]
        assert [await status(app, token) for token in (bob, ADA)] == [200, 200]
        assert await status(app, minted(iat=START + 10)) == 401, (
            "of the same second: nobody knows which came first"
        )
        clock.sim.advance(1)
        assert await status(app, minted(iat=START + 11)) == 200
        assert (await admin.delete("/api/tokens", params={"user": "nobody"})).status_code == 404
        assert (await admin.delete("/api/tokens")).status_code == 400, "never everybody's by mistake"


async def test_a_token_that_another_replica_revoked_ends_at_the_next_check(
    sim: Simulator, tmp_path: Path
) -> None:
    async with house(tmp_path, sim) as (app, admin, clock):
        made = await issued(admin)
        signed = minted()
        sim.script(Reply(text="Said to the end.", thinking="", hold=True))
        async with client(app, made["token"]) as first, client(app, signed) as second:
            path = await stream_of(first)
            async with first.stream("GET", path) as one, second.stream("GET", path) as two:
                for token in await listed(admin):
                    revoke = partial(access_tokens.revoke, token_id=token["id"], now=clock.now())
                    assert await app.deps.database.write(revoke)
                await app.deps.token_registry.check()
                async with asyncio.timeout(LIMIT):
                    for stream in (one, two):
                        assert "turn.completed" not in (await stream.aread()).decode()
        assert [await status(app, token) for token in (made["token"], signed)] == [401, 401]
        sim.held.open()


NO_TOKENS: list[dict[str, Any]] = [
    {},
    {"user": ""},
    {"user": "a\nb"},
    {"user": "x" * 256},
    {"user": "\U00020000" * 200},
    {"user": "ada", "expires_in": 59},
    {"user": "ada", "expires_in": 2_592_001},
    {"user": "ada", "admin": True},
    {"user": "ada", "limits": {"admin": True}},
    {"user": "ada", "limits": {"origins": ["*"]}},
]


async def test_what_is_no_token_is_refused(sim: Simulator, tmp_path: Path, app: Palaver) -> None:
    assert (await app.http.post("/api/tokens", json={"user": "ada"})).status_code == 403, "an open server"
    async with house(tmp_path / "closed", sim) as (_, admin, _):
        for body in NO_TOKENS:
            assert (await admin.post("/api/tokens", json=body)).status_code == 400, body
        assert await listed(admin) == []


async def test_only_a_backend_issues_and_admins_list_and_revoke(sim: Simulator, tmp_path: Path) -> None:
    async with house(tmp_path, sim) as (app, admin, _):
        made = await issued(admin)
        async with client(app, OTHER_ADMIN) as other:
            assert (await other.post("/api/tokens", json={"user": "ada"})).status_code == 403
            assert (await other.get("/api/tokens")).status_code == 200
        for token in (ADA, made["token"], minted()):
            async with client(app, token) as user:
                answers = [
                    await user.post("/api/tokens", json={"user": "ada"}),
                    await user.get("/api/tokens"),
                    await user.delete("/api/tokens", params={"user": "ada"}),
                    await user.delete(f"/api/tokens/{made['id']}"),
                    await user.delete("/api/tokens/tok_unknown"),
                ]
                assert [answer.status_code for answer in answers] == [403] * 5
        assert len(await listed(admin)) == 2, "what was issued, and what was seen"


async def test_expired_tokens_are_forgotten_and_revoked_ones_are_not(sim: Simulator, tmp_path: Path) -> None:
    async with house(tmp_path, sim) as (app, admin, clock):
        revoked = await issued(admin, expires_in=600)
        await issued(admin, expires_in=60)
        assert (await admin.delete(f"/api/tokens/{revoked['id']}")).status_code == 204
        clock.sim.advance(60)
        await delete_expired_tokens(app.deps.runtime)

        def ids(connection: Connection) -> list[str]:
            return list(connection.scalars(text("SELECT id FROM access_tokens")))

        assert await app.deps.database.read(ids) == [revoked["id"]]
        assert await status(app, revoked["token"]) == 401
