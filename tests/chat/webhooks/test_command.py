"""`palaver webhooks` shows what was sent, and makes a running server send it again."""

import asyncio
import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text
from typer.testing import CliRunner

from chat.cli.main import app as command
from store import webhook_deliveries as store
from tests.chat.webhooks.receiver import receiver
from tests.palaver import palaver
from tests.upstream import Simulator
from tests.waiting import until


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """The command sets up logging for a process of its own; this one goes on with what it had."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


async def webhooks(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command on a thread, as it has an event loop of its own."""
    ended = await asyncio.to_thread(
        CliRunner().invoke,
        command,
        ["webhooks", *arguments, "--data-dir", str(folder)],
        env={"COLUMNS": "220"},
    )
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


async def test_what_was_delivered_or_given_up_is_sent_again_by_the_running_server(
    sim: Simulator, tmp_path: Path
) -> None:
    async with receiver() as hook, palaver(tmp_path, sim, webhooks=[hook.setting()]) as app:
        await app.http.post("/api/threads", json={"id": "t"})
        await hook.received(1)
        database = app.deps.database
        newest = partial(store.newest, limit=9)

        async def ended() -> bool:
            return [row.status for row in await database.read(newest)] == ["delivered"]

        await until(ended)
        assert (await webhooks(tmp_path, "list", "--status", "waiting"))[1].strip() == "No deliveries."
        code, listed = await webhooks(tmp_path, "list", "--json", "--endpoint", "crm")
        assert code == 0
        [row] = [json.loads(line) for line in listed.splitlines()]
        assert (row["id"], row["status"], row["tries"], row["result"]) == (hook.ids[0], "delivered", 1, "204")
        assert row["payload"] == hook.bodies[0]
        _, table = await webhooks(tmp_path, "list")
        assert row["id"] in table
        assert "thread.created" in table

        assert await webhooks(tmp_path, "redeliver", row["id"]) == (0, "1 delivery will be sent.\n")
        await hook.received(2)
        await until(ended)
        assert await webhooks(tmp_path, "redeliver", "--given-up") == (0, "0 deliveries will be sent.\n")
        give_up = text("UPDATE webhook_deliveries SET status = 'given_up'")
        await database.write(lambda connection: connection.execute(give_up))
        assert await webhooks(tmp_path, "redeliver", "--given-up") == (0, "1 delivery will be sent.\n")
        await hook.received(3)
        await until(ended)
        assert hook.ids == [row["id"]] * 3
        assert hook.bodies == [row["payload"]] * 3
        code, written = await webhooks(tmp_path, "redeliver", row["id"], "hook_none")
        assert code == 1
        assert "1 of these deliveries are not there; 1 will be sent" in written


async def test_it_says_what_is_not_there(tmp_path: Path) -> None:
    code, written = await webhooks(tmp_path / "nowhere", "list")
    assert code == 1
    assert "There is no database" in written
    assert (await webhooks(tmp_path, "redeliver"))[0] == 2
    assert (await webhooks(tmp_path, "redeliver", "hook_1", "--given-up"))[0] == 2
