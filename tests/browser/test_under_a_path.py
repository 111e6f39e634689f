"""The page under a path of its own: with `PALAVER_BASE_PATH`, and behind a real nginx that takes the path off."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Request, expect

from chat.upstream.client import Timeouts
from tests.browser.conftest import Visit
from tests.nginx import nginx
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CODE = "Look:\n\n```python\nprint('high tide')\n```\n\nand $x^2$."


@pytest_asyncio.fixture(loop_scope="session", params=["own", "nginx"])
async def home(
    request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path
) -> AsyncIterator[tuple[Palaver, str]]:
    """A Palaver, and where people find it: `http://…/chat`."""
    own = request.param == "own"
    placed: dict[str, Any] = {"base_path": "/chat"} if own else {"trusted_proxies": "127.0.0.1"}
    with ExitStack() as stack:
        async with palaver(tmp_path, sim, timeouts=Timeouts(), log_level="error", **placed) as app:
            url = app.url
            if not own:
                url = stack.enter_context(nginx(tmp_path / "nginx", urlsplit(url).netloc, "taken off"))
            yield app, url


async def test_a_conversation_under_a_path(home: tuple[Palaver, str], open_page: Visit) -> None:
    app, url = home
    app.sim.script(Reply(text=CODE, thinking=""), Reply(text="Still here.", thinking=""))
    person = await open_page(f"{url}/")
    page = person.page
    refused: list[str] = []
    strays: list[str] = []

    def check_path(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "data:", "blob:")):
            strays.append(request.url)

    page.on("request", check_path)
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)

    await person.say("What is the tide?")
    answer = await person.finished()
    # The highlighter and the typesetter are files of their own, which find each other beside the page's script.
    await expect(answer.locator("pre .hljs-string")).to_have_text("'high tide'")
    await expect(answer.locator("math")).to_be_visible()
    thread = page.url
    assert thread.startswith(f"{url}/t/")

    await page.reload()
    await expect(await person.finished()).to_contain_text("high tide")
    await person.say("And now?")
    await expect(await person.finished(2)).to_contain_text("Still here.")
    assert page.url == thread
    link = person.list.get_by_role("link", name="What is the tide?")
    assert await link.evaluate("link => link.href") == thread

    await page.get_by_role("link", name="Usage and cost").click()
    await expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    await expect(page.locator(".plot-canvas canvas").first).to_be_visible()
    assert page.url == f"{url}/usage"
    assert await page.evaluate("getComputedStyle(document.querySelector('.usage-head')).display") == "flex"
    await page.get_by_role("link", name="Palaver").click()
    await expect(person.composer).to_be_visible()
    assert page.url == f"{url}/"
    await page.go_back()
    await page.go_back()
    await expect(await person.finished(2)).to_contain_text("Still here.")
    assert (strays, refused) == ([], [])


async def test_what_the_browser_keeps_is_of_this_path_alone(
    home: tuple[Palaver, str], open_page: Visit
) -> None:
    _, url = home
    person = await open_page(f"{url}/")
    page = person.page
    await page.evaluate("localStorage.setItem('palaver.theme', 'light')")
    await person.composer.fill("not sent yet")
    await page.evaluate("localStorage.setItem('palaver/chat:theme', 'dark')")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(person.composer).to_have_value("not sent yet")
    keys = await page.evaluate("Object.keys(localStorage)")
    assert [key for key in keys if not key.startswith("palaver/chat:")] == ["palaver.theme"]
