"""Fixtures all tests share: the simulator, and a Palaver that talks to it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from chat.cli.garbage_collection import raise_thresholds
from tests.palaver import Palaver, palaver
from tests.postgres import postgres, postgres_migrated, postgres_url
from tests.redis import redis_server
from tests.upstream import Simulator

__all__ = ["app", "postgres", "postgres_migrated", "postgres_url", "redis_server", "sim"]

for name in [name for name in os.environ if name.startswith(("PALAVER_", "ANTHROPIC_"))]:
    if name != "PALAVER_LONG":  # asks the tests themselves to be thorough
        del os.environ[name]  # what this machine is configured for must not decide how tests end

raise_thresholds()  # as the server does

# How long an example takes says what else the machine does.
settings.register_profile("palaver", settings(deadline=None))
settings.load_profile("palaver")

# The longest tests, which begin first: one that begins last keeps its process busy when the others have nothing left to do.
LONGEST = (
    "test_ledger_reconciles.py", "test_state_machine.py", "test_kill.py", "test_long_conversation.py", "test_installed_wheel.py",
    "test_estimated_usage.py", "test_soak.py",
)  # fmt: skip

# As the server does (chat/telemetry/logs.py): exceptions as plain text. The library's default draws every frame with its variables,
# which takes seconds of the event loop's thread, and longer than clients wait on a busy machine.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f"),
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=False),
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the longest files first; the rest stays as it is."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def app(sim: Simulator, tmp_path: Path) -> AsyncIterator[Palaver]:
    async with palaver(tmp_path, sim) as running:
        yield running
