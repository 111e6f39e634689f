"""The pages of `web/examples` in Chromium, on an origin of their own: sent, streamed, dropped, reloaded, failed."""

import http.server
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from chat.upstream.client import Timeouts
from tests.browser.visitor import PATIENCE
from tests.cutting_proxy import CuttingProxy, cutting
from tests.examples import copied
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TOKEN = "token-of-ada-0123456789"
TEXT = "word0 word1 word2 word3 word4 word5 "


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """`python -m http.server` in an empty folder, `tmp_path / "site"`; its origin."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["eventsource.html", "fetch.html"])
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest_asyncio.fixture(loop_scope="session")
async def server(sim: Simulator, tmp_path: Path, site: str, name: str) -> AsyncIterator[Palaver]:
    """A server that knows the page's origin; the page that can send a token has one."""
    token = TOKEN if name == "fetch.html" else None
    async with palaver(
        tmp_path / "data", sim, timeouts=Timeouts(), log_level="error", cors_origins=site, token=token
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(server: Palaver) -> AsyncIterator[CuttingProxy]:
    async with cutting(server.url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def page(
    browser: Browser, proxy: CuttingProxy, site: str, name: str, tmp_path: Path
) -> AsyncIterator[Page]:
    """The example, opened by somebody new. No script may fail."""
    with_token = {'const token = ""': f'const token = "{TOKEN}"'} if name == "fetch.html" else {}
    copied(name, tmp_path / "site", proxy.url, with_token)
    expect.set_options(timeout=PATIENCE)
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    opened = await context.new_page()
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    await opened.goto(f"{site}/{name}")
    yield opened
    await context.close()
    assert broken == []


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def test_a_page_streams_goes_on_after_a_reload_and_has_the_thread(server: Palaver, page: Page) -> None:
    gate = server.sim.gate()
    server.sim.script(
        Reply(text="Good morning to you.", thinking="", chunk=5, gate=gate),
        Reply(text="Ada.", thinking="Let me see."),
    )
    await say(page, "I am Ada.")
    gate.release(1)
    await expect(page.locator("p").last).to_have_text("Good ")
    await page.reload()
    await expect(page.locator("p")).to_have_text(["I am Ada.", "Good "])
    gate.open()
    await expect(page.locator("p").last).to_have_text("Good morning to you.")
    await say(page, "Who am I?")
    await expect(page.locator("p")).to_have_text(["I am Ada.", "Good morning to you.", "Who am I?", "Ada."])
    assert [message["role"] for message in server.sim.requests[-1]["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert len(server.sim.requests) == 2


async def test_each_word_stands_there_once_although_the_connection_breaks(
    server: Palaver, proxy: CuttingProxy, page: Page
) -> None:
    gate = server.sim.gate()
    server.sim.script(Reply(text=TEXT, thinking="", chunk=6, gate=gate))
    await say(page, "Count")
    for words in ("word0 word1 ", "word0 word1 word2 word3 "):
        gate.release(2)
        await expect(page.locator("p").last).to_have_text(words)
        proxy.cut()
    gate.open()
    await expect(page.locator("p").last).to_have_text(TEXT)


async def test_failures_are_said_on_the_page(server: Palaver, page: Page) -> None:
    server.sim.script(faults.error_event("one "))
    await say(page, "Count")
    await expect(page.locator("p").last).to_contain_text("one [")
    gate = server.sim.gate()
    server.sim.script(Reply(text="Yes.", gate=gate))
    thread = await page.evaluate("() => localStorage.thread")
    await server.say(thread, "From elsewhere")
    await say(page, "Me too")
    await expect(page.locator("p").last).to_contain_text("[the thread has a running turn")
    gate.open()
    await server.settled()


@pytest.mark.parametrize("name", ["fetch.html"])
async def test_the_stop_button_keeps_the_words_so_far(server: Palaver, page: Page) -> None:
    gate = server.sim.gate()
    server.sim.script(Reply(text="one two three", thinking="", chunk=4, gate=gate))
    await say(page, "Count")
    gate.release(1)
    await expect(page.locator("p").last).to_have_text("one ")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("p").last).to_have_text("one  [stopped]")
    await expect(page.get_by_label("Message")).to_be_enabled()
