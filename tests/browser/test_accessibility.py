"""Every state of the page before a real accessibility checker, in both themes; on a phone also with a ruler."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Route, expect

from store.local_user import LOCAL
from tests.browser.axe import missed, violations
from tests.browser.conftest import Visit
from tests.browser.long_thread import fill
from tests.browser.visitor import Visitor
from tests.chat.talk import model
from tests.palaver import Palaver
from tests.store.ledger import anything, keep
from tests.upstream import Reply, Simulator, ToolCall, faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
    },
}
RICH = (
    "# Tides\n\nThey *rise* and `fall`, see [there](https://example.org/tides).\n\n> Harbours have moods.\n\n"
    "| " + "Tide | " * 16 + "\n|" + "---|" * 16 + "\n| " + "high | " * 16 + "\n\n"
    "```python\n# a comment\n@decorated\ndef tide(at: int = 12) -> str:\n    return 'high'  # "
    + "wide "
    * 40
    + "\n```\n\n"
    "$$" + "a_1 + " * 60 + "b$$\n\n- [x] done\n- [ ] open\n\nA claim[^1].\n\n[^1]: Its note.\n"
)

look = pytest.mark.parametrize("look", LOOKS)


async def check(person: Visitor, state: str) -> None:
    """Nothing may be wrong with what is on screen now."""
    problems = await violations(person.page)
    if await person.page.evaluate("matchMedia('(pointer: coarse)').matches"):
        problems += await missed(person.page)
    wide, visible = await person.page.evaluate(
        "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
    )
    problems += [f"scrolls sideways: {wide} > {visible}"] if wide > visible else []
    assert problems == [], f"{state}:\n" + "\n".join(problems)


async def say(person: Visitor, text: str) -> None:
    """Type and press the button; on a phone Enter breaks the line."""
    await person.composer.fill(text)
    await person.page.locator(".composer button[type=submit]").click()


@look
async def test_a_conversation_in_all_its_states(
    app: Palaver, sim: Simulator, open_page: Visit, look: str
) -> None:
    gate = sim.gate()
    sim.script(
        Reply(text=RICH, thinking="First *this*, then that.", gate=gate, chunk=12),
        Reply(text="Half of", thinking="", fault=faults.reset_after().fault),
    )
    person = await open_page(app.url, **LOOKS[look])
    await check(person, "nothing said yet")
    await say(person, "How do tides work?")
    gate.release(1)
    await expect(person.page.get_by_role("button", name="Thinking")).to_be_visible()
    await check(person, "thinking")
    gate.release(12)
    await expect(person.answers).to_contain_text("Harbours have moods")
    await say(person, "And the rest?")
    await expect(person.page.get_by_role("article", name="Your message, not sent yet")).to_be_visible()
    await check(person, "an answer streams, a question is queued")
    gate.open()
    answer = await person.finished(2)
    await expect(answer).to_contain_text("Half of")
    await check(person, "an answer that broke off")
    log = person.page.get_by_role("log")
    await log.evaluate("log => log.scrollTo(0, 0)")
    await person.page.get_by_role("button", name="Thought for").click()
    await expect(person.page.locator(".hljs-keyword").first).to_be_attached()
    await expect(person.page.locator("math").first).to_be_attached()
    await check(person, "thinking opened")
    rich = person.answers.first
    await rich.get_by_title("Why this model, and what it cost").click()
    await expect(rich.get_by_label("About this answer")).to_contain_text("Chosen because")
    await check(person, "figures of an answer")
    await person.page.locator(".head").get_by_role("button", name="More for").click()
    await check(person, "the menu")
    await person.page.get_by_role("menuitem", name="Rename").click()
    await check(person, "renaming")
    await person.page.keyboard.press("Escape")
    await person.page.locator(".head").get_by_role("button", name="More for").click()
    await person.page.get_by_role("menuitem", name="Instructions").click()
    await person.page.get_by_label("Instructions for this conversation").fill("Answer in Welsh.")
    await check(person, "instructions")
    await person.button("Save").click()
    await log.evaluate("log => log.scrollTo(0, log.scrollHeight)")
    await person.page.get_by_text("Instructions set").click()
    await check(person, "instructions shown")
    await person.questions.first.hover()
    await person.questions.first.get_by_role("button", name="Edit").click()
    await check(person, "editing")


@look
async def test_the_summary_and_the_context_report(
    app: Palaver, sim: Simulator, open_page: Visit, look: str
) -> None:
    sim.respond(model(lambda _: Reply(text="Gladly.", thinking="")))
    for number in range(13):
        await app.chat("t", f"Note {number}: " + "we spoke about the harbour and its boats " * 12)
    person = await open_page(f"{app.url}/t/t", **LOOKS[look])
    await expect(person.answers.last).to_contain_text("Gladly.")
    await person.page.locator(".head").get_by_role("button", name="More for").click()
    await person.page.get_by_role("menuitem", name="Show the summary").click()
    await check(person, "no summary")
    await person.button("Compact now").click()
    pin = person.page.get_by_role("button", name="Pin: keep it word for word")
    await expect(pin.first).to_be_attached()
    await pin.first.click()
    await person.page.get_by_role("button", name="Edit the line").last.click()
    await check(person, "the summary, changed and not saved")
    await person.button("Undo the summary").click()
    await check(person, "undoing it")
    await person.page.keyboard.press("Escape")
    await expect(person.page.get_by_role("heading", name="Undo the newest summary?")).to_have_count(0)
    await expect(person.page.get_by_role("heading", name="Summary", exact=True)).to_be_visible()
    await person.button("Close the summary").click()
    call = ToolCall(name="search_conversation", input={"query": "harbour"})
    sim.script(Reply(text="", thinking="", tools=(call,)), Reply(text="In the third note.", thinking=""))
    await say(person, "When did we speak about the harbour?")
    await expect(person.answers.last).to_contain_text("In the third note.")
    await check(person, "a tool was used")
    await person.page.get_by_role("button", name="The message window is").click()
    await expect(person.page.get_by_role("heading", name="Cost", exact=True)).to_be_attached()
    await check(person, "the context report")


@look
async def test_the_list_and_the_search(app: Palaver, sim: Simulator, open_page: Visit, look: str) -> None:
    sim.respond(lambda _: Reply(text="A marvellous quagga grazes here.", thinking=""))
    for number in range(6):
        await app.chat(f"t{number}", f"Tell me about the {number}th of the zebras, and then about all others")
    await fill(app, "long")
    person = await open_page(f"{app.url}/t/long", **LOOKS[look])
    await expect(person.answers.last).to_be_visible()
    await check(person, "a very long conversation")
    if look == "phone":
        await person.button("Show or hide the list").click()
        await expect(person.button("Hide the list")).to_be_focused()
    await check(person, "the list")
    await person.list.get_by_role("button", name="Search").click()
    field = person.page.get_by_role("combobox", name="Search titles and messages")
    await check(person, "recent conversations")
    await field.fill("quagga")
    await expect(person.results.locator("mark").first).to_be_visible()
    await check(person, "what was found")
    await field.fill("nowhere")
    await expect(person.page.get_by_text("Nothing matches")).to_be_visible()
    await check(person, "nothing was found")


@look
async def test_the_usage_page_and_the_door(app: Palaver, open_page: Visit, look: str) -> None:
    person = await open_page(f"{app.url}/usage", **LOOKS[look])
    page = person.page
    await expect(page.get_by_role("heading", name="No usage")).to_be_visible()
    await check(person, "nothing used")
    now = round(time.time() * 1000)
    rows = anything(80)
    newest = max(row.created_at for row in rows)
    mine = [replace(row, owner_id=LOCAL, created_at=row.created_at - newest + now) for row in rows]
    await keep(app.deps.database, mine)
    await page.reload()
    await expect(page.get_by_role("heading", name="Cost per day by model")).to_be_visible()
    await page.get_by_text("Table of Cost per day by model").click()
    await check(person, "figures")
    await page.route("**/api/usage/calls*", refused(500, "No room on the disk."))
    await person.button("All calls as CSV").click()
    await expect(page.get_by_role("alert")).to_contain_text("No room on the disk.")
    await expect(page.get_by_role("heading", name="Cost per day by model")).to_be_visible()
    await check(person, "a download that failed stands beside the figures")
    await page.route("**/api/usage?*", refused(500, "The database does not answer."))
    await page.get_by_role("radio", name="7 days").check(force=True)
    await expect(page.get_by_role("alert").first).to_contain_text("The database does not answer.")
    await check(person, "no figures")
    await page.route("**/api/**", refused(401, "A token is needed."))
    await page.goto(app.url)
    await page.get_by_label("Access token").fill("wrong")
    await person.button("Continue").click()
    await expect(page.get_by_role("alert")).to_contain_text("did not accept")
    await check(person, "the door")


def refused(status: int, message: str) -> Any:
    """A handler that answers every request with this error."""
    error = json.dumps({"error": {"message": message, "code": "internal", "retryable": False}})

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, content_type="application/json", body=error)

    return answer
