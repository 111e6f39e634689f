"""`palaver usage` says what the ledger says, beside a running server, and in words when it cannot."""

import asyncio
import csv
import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from chat.cli.main import app as command
from context.models.pricing import Usage
from store import migrate
from store.database import Database
from tests.store.ledger import anything, call, keep


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    database = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
    await migrate.upgrade(database)
    await keep(database, [*anything(60), call(99, model="claude-nobody-knows")])
    await database.close()
    return tmp_path


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """The command sets up logging for a process of its own; this one goes on with what it had."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


def palaver_usage(folder: Path, *options: str) -> tuple[int, str]:
    ended = CliRunner().invoke(
        command,
        ["usage", "--data-dir", str(folder), "--since", "2026-11-01", *options],
        env={"COLUMNS": "220"},
    )
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.stdout if ended.exit_code == 0 else ended.output


async def test_json_csv_and_the_table_agree(folder: Path) -> None:
    code, written = await asyncio.to_thread(palaver_usage, folder, "--by", "model", "--by", "user", "--json")
    assert code == 0, written
    report = json.loads(written)
    assert report["group_by"] == ["model", "user"]
    # Some of these calls lie ahead of the clock: a report ends now.
    counted = sum(Decimal(group["cost_usd"] or 0) for group in report["groups"])
    assert counted == Decimal(report["total"]["cost_usd"]) > 0
    _, table = await asyncio.to_thread(palaver_usage, folder, "--by", "model", "--by", "user", "--csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["cost_usd"] for row in rows] == [group["cost_usd"] or "" for group in report["groups"]]
    _, shown = await asyncio.to_thread(palaver_usage, folder)
    assert f"${float(report['total']['cost_usd']):,.4f}" in shown
    assert "With claude-opus-5-5 for every call and no cache: $" in shown
    assert "unpriced" in shown


async def test_caches_that_did_not_pay_are_said_to_have_cost_more(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
    await migrate.upgrade(database)
    written = call(1, model="claude-opus-5-5", used=Usage(cache_write_1h=1_000_000, output=1))
    await keep(database, [written])
    await database.close()
    _, shown = await asyncio.to_thread(palaver_usage, tmp_path)
    assert "$-" not in shown
    assert "less than the actual cost" in shown


async def test_what_cannot_be_answered_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    for options, words in (
        (("--by", "hour"), "--by hour: not one of day, model"),
        (("--since", "soon"), "--since: neither a date"),
        (("--zone", "Mars"), "--zone: not the name"),
        (("--data-dir", str(tmp_path / "nowhere")), "There is no database"),
    ):
        code, written = await asyncio.to_thread(palaver_usage, folder, *options)
        assert code == 1
        assert words in " ".join(written.split()), written
