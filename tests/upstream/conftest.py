"""A running simulator and the real SDK pointed at it, without retries of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic

from tests.upstream import SimClock, Simulator


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(clock=SimClock(start=1_800_000_000.0)) as running:
        yield running


@pytest.fixture
async def client(sim: Simulator) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=sim.base_url, api_key="key-a", max_retries=0) as opened:
        yield opened
