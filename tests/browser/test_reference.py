"""The reference page at /docs, in a browser: everything from this server, readable, and it can be tried."""

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, expect

from tests.browser.conftest import Visit
from tests.palaver import Palaver

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


class Watched:
    """What a page asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.urls: list[str] = []
        self.problems: list[str] = []
        page.on("request", self._asked)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _asked(self, request: Request) -> None:
        self.urls.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)


async def test_every_operation_and_every_event_is_there_and_nothing_comes_from_elsewhere(
    app: Palaver, open_page: Visit
) -> None:
    person = await open_page(f"{app.url}/healthz")
    watched = Watched(person.page)
    await person.page.goto(f"{app.url}/docs")
    document = await app.get("/openapi.json")
    operations = sum(len(operations) for operations in document["paths"].values())
    await expect(person.page.locator(".opblock")).to_have_count(operations)
    for tag in document["tags"]:
        await expect(person.page.locator(f"#operations-tag-{tag['name']}")).to_be_visible()
    await person.page.locator(".models-control").click()
    await expect(person.page.get_by_text("TurnEvent", exact=True).first).to_be_visible()
    assert {url for url in watched.urls if not url.startswith((app.url, "data:"))} == set()
    assert watched.problems == []


async def test_an_operation_can_be_tried(app: Palaver, open_page: Visit) -> None:
    person = await open_page(f"{app.url}/docs#/server/get_info")
    await person.page.get_by_role("button", name="Try it out").click()
    await person.page.get_by_role("button", name="Execute").click()
    await expect(
        person.page.locator(".live-responses-table tr.response .response-col_status")
    ).to_contain_text("200")


@pytest.mark.parametrize("width", [390, 1280])
async def test_it_is_no_wider_than_the_window(app: Palaver, open_page: Visit, width: int) -> None:
    person = await open_page(f"{app.url}/docs")
    await person.page.set_viewport_size({"width": width, "height": 800})
    await expect(person.page.locator(".opblock").first).to_be_visible()
    assert await person.page.evaluate("document.documentElement.scrollWidth") <= width
