"""A client of each kind for the shared house, and a proxy in front of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.client import AsyncPalaver
from tests.chat.client.both import KINDS, Kind, Pauses, client
from tests.cutting_proxy import CuttingProxy, cutting
from tests.palaver import Palaver


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def pauses() -> Pauses:
    """How long the client of the test has waited."""
    return Pauses()


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(house: Palaver) -> AsyncIterator[CuttingProxy]:
    """A proxy in front of the shared house."""
    async with cutting(house.url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def guest(house: Palaver, kind: Kind, pauses: Pauses) -> AsyncIterator[AsyncPalaver]:
    """A client that talks to the shared house."""
    async with client(kind, house.url, pauses=pauses) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def proxied(proxy: CuttingProxy, kind: Kind, pauses: Pauses) -> AsyncIterator[AsyncPalaver]:
    """A client that talks to it through the proxy."""
    async with client(kind, proxy.url, pauses=pauses) as made:
        yield made
