"""One browser for all tests of a module."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from tests.chat.protocols.ai_sdk.tab import Browser, Tab, browser
from tests.palaver import Palaver

Open = Callable[..., Awaitable[Tab]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node_browser() -> AsyncIterator[Browser]:
    async with browser() as opened:
        yield opened


@pytest.fixture
def open_tab(node_browser: Browser, house: Palaver, thread: str) -> Open:
    """Opens a tab with the test's own thread."""

    async def opened(**options: object) -> Tab:
        return await node_browser.open(house.url, thread, **options)

    return opened
