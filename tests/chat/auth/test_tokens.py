"""Tokens: who they name, when they end, and that nobody reaches what another user owns."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

from chat.api.routes import endpoints
from chat.app import running
from chat.auth.principal import Principal
from chat.auth.tokens import Tokens, as_toml, new_token
from chat.cli.main import app as command_line
from chat.clock import Clock
from chat.config.load import BadSettings, load
from chat.config.tokens import Token
from chat.upstream.client import Timeouts
from tests.chat.auth.tokens import ADA, BOB, GRANTED, client
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver, settings_for
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

OLD = "token-of-old-0123456789"


def test_a_token_names_its_principal_until_it_expires() -> None:
    end = datetime(2026, 12, 1, tzinfo=UTC)
    token = Token(name="kiosk", user="ada", sha256=sha256(b"x").hexdigest(), tier="simple", tier_rule="at_most", expires=end)  # fmt: skip
    tokens = Tokens([token], "y")
    before = int((end - timedelta(milliseconds=1)).timestamp() * 1000)
    assert tokens.find("x", now=before) == Principal(
        owner_id="ada", token="kiosk", tier="simple", at_most=True
    )
    assert tokens.find("x", now=before + 1) is None
    assert tokens.find("y", now=before) == Principal(owner_id="local", token="default", admin=True)
    assert tokens.find("", now=before) is None
    assert not Tokens([], None)


def test_the_command_prints_a_token_once_and_the_lines_that_let_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(command_line, ["token", "ci", "--user", "ada"])
    assert ended.exit_code == 0, ended.output
    secret = ended.stdout.splitlines()[0]
    assert len(secret.removeprefix("plv_")) >= 43, "256 bits"
    assert secret not in ended.stdout.split("\n", 1)[1]
    (tmp_path / "palaver.toml").write_text(ended.stdout.split("\n", 1)[1])
    (token,) = load().tokens
    assert Tokens([token], None).find(secret, now=0) == Principal(owner_id="ada", token="ci")
    assert new_token() != new_token()
    for name in ('a"b', "ci\n"):
        assert CliRunner().invoke(command_line, ["token", name]).exit_code == 2


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('[[tokens]]\nname = "a"\nsha256 = "planted"', "PALAVER_TOKENS[0].sha256"),
        ('[[tokens]]\nname = "a b"\nsha256 = "%s"' % ("0" * 64), "PALAVER_TOKENS[0].name"),
        ('[[tokens]]\nname = "a"\nsha256 = "%s"\nrights = true' % ("0" * 64), "PALAVER_TOKENS[0].rights"),
        ('[[tokens]]\nname = "default"\nsha256 = "%s"' % ("0" * 64), "PALAVER_TOKENS"),
        ('[[tokens]]\nname = "a"\nsha256 = "%s"\nexpires = 2026-01-01' % ("0" * 64), "PALAVER_TOKENS[0].expires"),
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_used_is_named_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, named: str
) -> None:
    tomllib.loads(lines)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palaver.toml").write_text(lines)
    with pytest.raises(BadSettings) as refused:
        load()
    assert str(refused.value).startswith(f"{named}: ")
    assert "planted" not in str(refused.value)


async def test_with_tokens_nobody_is_anonymous_and_each_has_a_house_of_their_own(
    sim: Simulator, tmp_path: Path
) -> None:
    old = {"name": "old", "user": "ada", "sha256": sha256(OLD.encode()).hexdigest(), "expires": "2026-01-01T00:00:00Z"}  # fmt: skip
    async with palaver(tmp_path, sim, tokens=[*GRANTED, old]) as app:
        for wrong in (None, OLD, ADA + "x", GRANTED[0]["sha256"]):
            async with client(app, wrong) as nobody:
                answer = await nobody.get("/api/threads")
                assert answer.status_code == 401, wrong
                assert answer.json()["error"]["code"] == "unauthorized"
                assert (await nobody.get("/healthz")).status_code == 200
        async with client(app, ADA) as ada, client(app, BOB) as bob:
            for person in (ada, bob):  # threads may be named by clients: the same name is another thread
                accepted = await person.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})
                assert accepted.status_code == 202, accepted.text
            ada_message, bob_message = [
                (await person.get("/api/threads/t/messages")).json()["messages"][0]["id"]
                for person in (ada, bob)
            ]
            assert ada_message != bob_message
        async with app.deps.database.reading() as connection:
            from sqlalchemy import text

            rows = await connection.execute(text("SELECT owner_id, token FROM turns ORDER BY owner_id"))
            assert [tuple(row) for row in rows] == [("ada", "ada-laptop"), ("bob", "bob-laptop")]


def lines(*secrets: str, expires: datetime | None = None) -> str:
    """palaver.toml with a token for each."""
    end = "" if expires is None else f"expires = {expires.isoformat()}\n"
    tables = (as_toml(secret, name=f"token-{number}", user="ada") for number, secret in enumerate(secrets))
    return "".join(table + end for table in tables)


@asynccontextmanager
async def from_file(folder: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch, text: str, clock: Clock | None = None) -> AsyncIterator[tuple[Palaver, Callable[[str | None], Awaitable[None]]]]:  # fmt: skip
    """A Palaver whose tokens stand in palaver.toml, and a way to change the file."""
    monkeypatch.chdir(folder)
    file = folder / "palaver.toml"
    file.write_text(text)
    async with palaver(folder / "data", sim, clock=clock, timeouts=Timeouts()) as app:

        async def change(now: str | None) -> None:
            if now is None:
                file.unlink()
            else:
                file.write_text(now)
            for _ in range(2):
                await app.deps.token_registry.check()

        yield app, change


async def status(app: Palaver, token: str | None) -> int:
    async with client(app, token) as somebody:
        return (await somebody.get("/api/threads")).status_code


async def test_a_token_that_is_taken_out_of_the_file_ends_its_streams_and_not_its_turns(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with from_file(tmp_path, sim, monkeypatch, lines(ADA, BOB)) as (app, change):
        sim.script(Reply(text="Said to the end.", thinking="", chunk=4, hold=True))
        async with client(app, ADA) as ada, client(app, BOB) as bob:
            turn = (await ada.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})).json()
            path = f"/api/turns/{turn['id']}/events"
            async with ada.stream("GET", path) as ended, bob.stream("GET", path) as goes_on:
                sim.held.release(1)
                await change(lines(BOB))
                async with asyncio.timeout(LIMIT):
                    stream_text = (await ended.aread()).decode()
                assert "turn.started" in stream_text
                assert "turn.completed" not in stream_text
                assert [await status(app, token) for token in (ADA, BOB)] == [401, 200]
                sim.held.open()
                assert "turn.completed" in (await goes_on.aread()).decode()
            assert (await bob.get(f"/api/turns/{turn['id']}")).json()["status"] == "completed"
            await change(lines(ADA))
            assert [await status(app, token) for token in (ADA, BOB)] == [200, 401], (
                "and one that is new counts"
            )


async def test_a_file_that_cannot_be_used_leaves_the_tokens_as_they_were(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with from_file(tmp_path, sim, monkeypatch, lines(ADA)) as (app, change):
        for bad in ("[[tokens", '[[tokens]]\nname = "a"\nsha256 = "planted-secret"', None):
            with structlog.testing.capture_logs() as logged:
                await change(bad)
                await app.deps.token_registry.check()
            (warning,) = (entry for entry in logged if entry["log_level"] == "warning")
            assert "planted-secret" not in str(logged)
            assert warning["event"] in {"tokens.file_invalid", "tokens.file_missing"}, "logged once"
            assert [await status(app, token) for token in (ADA, BOB, None)] == [200, 401, 401]
        await change("")
        assert [await status(app, token) for token in (ADA, None)] == [401, 401], (
            "a closed house stays closed"
        )
        await change(lines(BOB))
        assert await status(app, BOB) == 200


async def test_tokens_that_could_not_be_taken_over_are_tried_again(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with from_file(tmp_path, sim, monkeypatch, lines(ADA)) as (app, change):
        refusing = "CREATE TRIGGER full BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'no'); END"
        await app.deps.database.write(lambda connection: connection.execute(text(refusing)))
        with pytest.raises(IntegrityError):
            await change(lines(BOB))
        assert [await status(app, token) for token in (ADA, BOB)] == [200, 401]
        await app.deps.database.write(lambda connection: connection.execute(text("DROP TRIGGER full")))
        await app.deps.token_registry.check()
        assert [await status(app, token) for token in (ADA, BOB)] == [401, 200]


async def test_a_file_that_changed_while_the_server_was_starting_counts(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "palaver.toml"
    file.write_text(lines(ADA))
    settings = settings_for(tmp_path / "data", sim)
    file.write_text(lines(BOB))
    async with running(settings, timeouts=Timeouts()) as deps:
        for _ in range(2):
            await deps.token_registry.check()
        assert [deps.token_registry.find(token) is None for token in (ADA, BOB)] == [True, False]


async def test_a_house_that_was_open_requires_tokens_as_soon_as_there_are_some(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with from_file(tmp_path, sim, monkeypatch, "") as (app, change):
        sim.script(Reply(text="Said to nobody.", thinking="", hold=True))
        accepted = await app.say("t", "Hello")
        async with app.http.stream("GET", f"/api/turns/{accepted['id']}/events") as stream:
            await change(lines(ADA))
            async with asyncio.timeout(LIMIT):
                await stream.aread()
        assert [await status(app, token) for token in (None, ADA)] == [401, 200]
        sim.held.open()


async def test_a_stream_ends_with_the_token_that_opened_it(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon, clock = datetime.now(UTC) + timedelta(days=1), QuickClock()
    async with from_file(tmp_path, sim, monkeypatch, lines(ADA, expires=soon), clock) as (app, _), client(app, ADA) as ada:  # fmt: skip
        sim.script(Reply(text="Too late.", thinking="", hold=True))
        turn = (await ada.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})).json()
        async with ada.stream("GET", f"/api/turns/{turn['id']}/events") as stream:
            clock.ahead = 2 * 86_400_000
            await app.deps.token_registry.check()
            await stream.aread()
        assert await status(app, ADA) == 401
        sim.held.open()


BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/api/threads/{thread}"): {"title": "Mine now"},
    ("PUT", "/api/messages/{message}/feedback"): {"rating": "up"},
    ("PUT", "/api/threads/{thread}/summary"): {"id": "sum_1", "lines": [{"text": "Mine now"}]},
    ("POST", "/api/threads/{thread}/presence"): {"state": "visible"},
}
OWN = {
    ("POST", "/api/threads/{thread}/turns"),  # makes a thread of that name for whoever asks
}


async def test_foreign_ids_are_answered_like_unknown_ones_on_every_route(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.respond(lambda _: Reply(text="Yes.", thinking=""))
    async with (
        palaver(tmp_path, sim, tokens=GRANTED) as app,
        client(app, ADA) as ada,
        client(app, BOB) as bob,
    ):
        accepted = await ada.post("/api/threads/hers/turns", json={"input": {"text": "A secret of Ada's"}})
        known = {"thread": "hers", "turn": accepted.json()["id"], "message": accepted.json()["message_id"]}
        async with ada.stream("GET", f"/api/turns/{known['turn']}/events") as stream:
            await stream.aread()
        swept = 0
        for endpoint in endpoints(app.deps):
            key = (endpoint.method, endpoint.path)
            if not endpoint.parameters or key in OWN:
                continue
            errors = []
            for ids in (known, dict.fromkeys(known, "nobody-has-this")):
                path = endpoint.path.format(**ids)
                answer = await bob.request(endpoint.method, path, json=BODIES.get(key))
                error = answer.json()["error"]
                assert answer.status_code == 404, (key, answer.text)
                errors.append({name: value for name, value in error.items() if name != "request_id"})
            assert errors[0] == errors[1], key
            swept += 1
        assert swept >= 13
        everything = (
            "/api/threads",
            "/api/threads?q=secret",
            "/api/search?q=secret",
            "/api/search?q=secret&thread_id=hers",
            "/api/usage?group_by=thread",
            "/api/usage/calls",
        )
        for path in everything:
            seen, answer = await ada.get(path), await bob.get(path)
            assert (seen.status_code, answer.status_code) == (200, 200), path
            assert "hers" in seen.text, f"{path} proves nothing"
            assert "hers" not in answer.text, path
        body = {"input": {"text": "Hi"}, "parent_id": known["message"]}
        assert (await bob.post("/api/threads/hers/turns", json=body)).status_code == 404
        regenerate = {"regenerate": known["message"]}
        assert (await bob.post("/api/threads/hers/turns", json=regenerate)).status_code == 404
        thread = (await ada.get("/api/threads/hers")).json()
        assert thread["title"] == "A secret of Ada's", "and nothing of hers has changed"
