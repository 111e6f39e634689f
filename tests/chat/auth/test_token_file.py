"""Tokens from a file: they are reloaded when it changes, and a session ends with its token."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chat.app import running
from chat.auth.tokens import as_toml
from chat.clock import Clock
from chat.upstream.client import Timeouts
from tests.chat.auth.tokens import ADA, BOB, client
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver, settings_for
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT


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
        with structlog.testing.capture_logs() as logged:
            await change(lines(ADA))
        assert not logged, "the same tokens as at the start"
        for bad in ("[[tokens", '[[tokens]]\nname = "a"\nsha256 = "planted-secret"', None):
            with structlog.testing.capture_logs() as logged:
                await change(bad)
                await app.deps.token_registry.check()
            (warning,) = (entry for entry in logged if entry["log_level"] == "warning")
            assert "planted-secret" not in str(logged)
            assert warning["event"] in {"tokens.file_invalid", "tokens.file_missing"}, "logged once"
            assert [await status(app, token) for token in (ADA, BOB, None)] == [200, 401, 401]
        await change("")
        assert [await status(app, token) for token in (ADA, None)] == [401, 401], "it stays closed"
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
