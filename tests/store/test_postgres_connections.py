"""Connections to Postgres: what limits a report, and who is kept waiting by whom."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, text

from store import postgres_database
from store.database import Database, ReportLimits
from tests.store.on_loop import EventLoop
from tests.store.users import names, new_user
from tests.waiting import until

pytestmark = pytest.mark.postgres


@pytest.fixture
async def opened(postgres_url: str) -> AsyncIterator[Database]:
    """One connection for reports, for three seconds."""
    database = Database(postgres_url, ReportLimits(connections=1, seconds=3))
    yield database
    await database.close()


def setting(connection: Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())


async def test_the_server_ends_a_report_whose_process_has_died(opened: Database) -> None:
    for _ in range(2):
        assert await opened.report(lambda connection: setting(connection, "statement_timeout")) == "4s"
    assert await opened.read(lambda connection: setting(connection, "statement_timeout")) == "0"
    assert await opened.write(lambda connection: setting(connection, "statement_timeout")) == "0"


async def test_statements_are_planned_for_their_values(opened: Database) -> None:
    for way in (opened.read, opened.report, opened.write, opened.renew):
        assert await way(lambda connection: setting(connection, "plan_cache_mode")) == "force_custom_plan"


async def test_leases_are_renewed_while_writes_use_every_connection(opened: Database) -> None:
    most, loop, go_on, waiting = 2 * postgres_database.CONNECTIONS, EventLoop(), asyncio.Event(), 0

    def slow(connection: Connection, number: int) -> None:
        nonlocal waiting
        new_user(f"u{number}")(connection)
        waiting += 1
        loop.run(go_on.wait())

    writes = [
        asyncio.create_task(opened.write(lambda connection, number=number: slow(connection, number)))  # type: ignore[misc]
        for number in range(most)
    ]
    await until(lambda: waiting == most)
    async with asyncio.timeout(10):
        assert await opened.renew(lambda connection: connection.scalar(text("SELECT 1"))) == 1
        assert await opened.report(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    go_on.set()
    await asyncio.gather(*writes)
    assert len(await names(opened)) == most


async def test_a_connection_that_the_server_has_closed_is_replaced_before_it_is_used(
    opened: Database, postgres_url: str
) -> None:
    ways = (opened.read, opened.report, opened.write, opened.renew)
    for way in ways:
        await way(lambda connection: None)
    others = text(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid != pg_backend_pid() AND backend_type = 'client backend'"
    )
    operator = Database(postgres_url)
    assert await operator.write(lambda connection: list(connection.scalars(others))) == [True] * 3
    await operator.close()
    for way in ways:
        assert await way(lambda connection: connection.scalar(text("SELECT 1"))) == 1
