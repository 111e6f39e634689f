"""The usage page: figures of the real ledger as plots and tables, by hand and by keyboard, on any screen."""

import csv
import time
from dataclasses import replace

import pytest
from playwright.async_api import expect

from store.local_user import LOCAL
from tests.browser.conftest import Visit
from tests.palaver import Palaver
from tests.store.ledger import anything, keep

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAINTED = """() => [...document.querySelectorAll(".plot-canvas canvas")].map((canvas) =>
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0))"""


async def test_what_was_used_is_seen_and_taken_away(app: Palaver, open_page: Visit) -> None:
    person = await open_page(app.url)
    page = person.page
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    await page.get_by_role("link", name="Usage and cost").click()
    await expect(page.get_by_role("heading", name="No usage in these 30 days")).to_be_visible()

    now = round(time.time() * 1000)
    rows = anything(80)
    newest = max(row.created_at for row in rows)
    mine = [
        replace(row, owner_id=LOCAL, created_at=row.created_at - newest + now, feature="=danger()")
        for row in rows
    ]
    await keep(app.deps.database, mine)
    await page.reload()
    await expect(page.get_by_role("heading", name="Cost per day by model")).to_be_visible()
    await expect(page.locator(".totals")).to_contain_text("calls without a price")
    await expect(page.locator(".totals")).to_contain_text("Saved by routing")
    await expect(page.locator(".plot-canvas canvas")).to_have_count(5)
    assert all(await page.evaluate(PAINTED)), "every plot is drawn"
    table = page.get_by_role("region", name="Cost per day by model")
    await expect(table).to_be_hidden()
    await page.get_by_text("Table of Cost per day by model").focus()
    await page.keyboard.press("Enter")
    await expect(table.get_by_role("row")).to_have_count(31)
    await page.get_by_role("radio", name="30 days").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("radio", name="7 days")).to_be_checked()
    await expect(page.locator(".plot-canvas canvas")).to_have_count(5)

    async with page.expect_download() as started:
        await page.get_by_role("button", name="All calls as CSV").click()
    file = await (await started.value).path()
    with file.open(newline="") as lines:
        downloaded = list(csv.DictReader(lines))
    assert (await started.value).suggested_filename == "palaver-calls.csv"
    assert {row["feature"] for row in downloaded} == {"'=danger()"}
    assert refused == [], "the content security policy has nothing against it"
    for width in (1200, 360):
        await page.set_viewport_size({"width": width, "height": 700})
        wide, visible = await page.evaluate(
            "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
        )
        assert wide <= visible
    await page.get_by_role("link", name="Palaver").click()
    await expect(person.composer).to_be_visible()
