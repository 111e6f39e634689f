"""Palaver on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chat.upstream.client import Timeouts
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings that name each kind of database."""
    if request.param == "sqlite":
        return {}
    return {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def app(database_settings: dict[str, Any], tmp_path: Path) -> AsyncIterator[Palaver]:
    """Palaver on each kind of database."""
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), **database_settings) as running,
    ):
        yield running
