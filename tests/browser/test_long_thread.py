"""A conversation of 5,000 messages opens as quickly as a short one, and stays light however far one scrolls."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.long_thread import MANY, fill
from tests.palaver import Palaver

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MOST_ROWS = 120  # messages in the document at once, whatever the length of the thread


async def test_five_thousand_messages_open_and_scroll(app: Palaver, open_page: Visit) -> None:
    await fill(app, "long")
    person = await open_page(f"{app.url}/t/long")
    rows = person.page.get_by_role("log").get_by_role("article")
    await expect(rows.last).to_contain_text(f"message {MANY - 1} ")
    await expect(rows.last).to_be_in_viewport()
    log = person.page.get_by_role("log")
    opened = await person.page.evaluate("performance.now()")
    numbers_shown, most = set[int](), 0
    for _ in range(60):
        await log.evaluate("log => log.scrollBy(0, -2500)")
        await person.page.evaluate("() => new Promise(requestAnimationFrame)")
        numbers = await rows.evaluate_all(
            "rows => rows.map(row => Number(/message (\\d+) /.exec(row.textContent)[1]))"
        )
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "rows out of order"
        numbers_shown.update(numbers)
        most = max(most, len(numbers))
    assert most <= MOST_ROWS
    assert min(numbers_shown) < MANY - 300, "older messages were loaded"
    await person.button("Latest").click()
    await expect(rows.last).to_contain_text(f"message {MANY - 1} ")
    await expect(rows.last).to_be_in_viewport()
    print(
        f"\nopened after {opened / 1000:.1f} s; {most} rows at most; scrolled up to message {min(numbers_shown)}"
    )
