"""Fixtures all tests share: the simulator, and a Palaver that talks to it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.palaver import Palaver, palaver
from tests.postgres import postgres, postgres_migrated, postgres_url
from tests.redis import redis_server
from tests.upstream import Simulator

__all__ = ["app", "postgres", "postgres_migrated", "postgres_url", "redis_server", "sim"]

for name in [name for name in os.environ if name.startswith(("PALAVER_", "ANTHROPIC_"))]:
    if name != "PALAVER_LONG":  # asks the tests themselves to be thorough
        del os.environ[name]  # what this machine is configured for must not decide how tests end


# How long an example takes says what else the machine does.
settings.register_profile("palaver", settings(deadline=None))
settings.load_profile("palaver")


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def app(sim: Simulator, tmp_path: Path) -> AsyncIterator[Palaver]:
    async with palaver(tmp_path, sim) as running:
        yield running
