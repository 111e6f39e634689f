"""The README's snippet for a page, in a page."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.markdown import code, section
from tests.palaver import Palaver
from tests.upstream import Reply

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_the_readmes_page_snippet_shows_the_answer_and_nothing_else(
    app: Palaver, open_page: Visit
) -> None:
    app.sim.script(Reply(text="Good morning to you.", thinking="Let me see."))
    [snippet] = code(section("README.md", "Call it from your app"), "js")
    person = await open_page(f"{app.url}/docs")
    await person.page.evaluate("() => document.body.replaceChildren()")
    await person.page.evaluate(f"async () => {{ {snippet.replace('http://localhost:8100', app.url)} }}")
    await expect(person.page.locator("body")).to_have_text("Good morning to you.")
