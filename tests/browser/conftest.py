"""One Chromium for all tests of this folder; each test has its own profile, its own server and its own model.

Everything here shares one event loop, that of the browser.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from chat.api.page import DIST
from chat.upstream.client import Timeouts
from tests.browser.visitor import Visitor, visit
from tests.crash.server import ForkServer
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")

Visit = Callable[..., Awaitable[Visitor]]


def chromium() -> str:
    """Where Chromium is. In CI it must be there; elsewhere tests that need it are skipped and say so."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None or not (DIST / "index.html").is_file():
        missing = (
            "no Chromium (on Debian: apt-get install chromium)"
            if executable is None
            else "the page is not built (npm ci && npm run build in web/)"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(f"browser tests cannot run: {missing}")
        pytest.skip(f"browser tests need it: {missing}")
    return executable


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = chromium()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def fork_server() -> AsyncIterator[ForkServer]:
    async with ForkServer() as ready:
        yield ready


@pytest_asyncio.fixture(loop_scope="session")
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


@pytest_asyncio.fixture(loop_scope="session")
async def app(sim: Simulator, tmp_path: Path) -> AsyncIterator[Palaver]:
    # The usual patience with the model, not that of other tests: it waits at its gate for as long as people look.
    async with palaver(tmp_path, sim, timeouts=Timeouts(), log_level="error") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Visit]:
    """`await open_page(url, **context options)`: somebody with a browser of their own. Whatever breaks on the page fails the test."""
    visitors: list[Visitor] = []

    async def open_one(url: str, **options: Any) -> Visitor:
        visitors.append(await visit(browser, url, **options))
        return visitors[-1]

    yield open_one
    for visitor in visitors:
        await visitor.leave()
    for visitor in visitors:
        assert visitor.broken == []
