"""The instructions of a conversation: set, changed and removed in its menu, and shown where they changed."""

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def in_a_conversation(app: Palaver, sim: Simulator, open_page: Visit) -> Visitor:
    sim.respond(lambda _: Reply(text="Hello.", thinking=""))
    await app.chat("t", "Hi")
    return await open_page(f"{app.url}/t/t")


async def open_dialog(person: Visitor) -> Locator:
    """The field of the instructions."""
    await person.page.locator(".head").get_by_role("button", name="More for").click()
    await person.page.get_by_role("menuitem", name="Instructions").click()
    field = person.page.get_by_label("Instructions for this conversation")
    await expect(field).to_be_focused()
    return field


async def test_they_reach_the_model_and_are_shown_where_they_changed(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await in_a_conversation(app, sim, open_page)
    field = await open_dialog(person)
    await field.fill("  Answer in Welsh.\n<b>Always.</b>  ")
    await person.button("Save").click()
    await expect(person.page.get_by_role("dialog")).to_have_count(0)
    marker = person.page.get_by_role("note").filter(has_text="Instructions set")
    await expect(marker).to_be_visible()
    await person.say("And now?")
    await person.finished(2)
    assert [block["text"] for block in sim.requests[-1]["system"]][1:] == ["Answer in Welsh.\n<b>Always.</b>"]
    await person.page.reload()
    await expect(marker).to_be_visible()
    await marker.get_by_text("Instructions set").click()
    await expect(marker).to_contain_text("<b>Always.</b>")
    field = await open_dialog(person)
    await field.fill("")
    await person.button("Remove").click()
    await expect(person.page.get_by_role("note").filter(has_text="Instructions removed")).to_be_visible()
    await person.say("And at last?")
    await person.finished(3)
    assert len(sim.requests[-1]["system"]) == 1
    await expect(marker).to_be_visible()


async def test_what_was_typed_is_kept_until_it_is_saved_or_given_up(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await in_a_conversation(app, sim, open_page)
    field = await open_dialog(person)
    await field.fill("Answer in Welsh.")
    await field.press("Escape")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)
    field = await open_dialog(person)
    await expect(field).to_have_value("Answer in Welsh.")
    await person.button("Cancel").click()
    field = await open_dialog(person)
    await expect(field).to_have_value("")
    await expect(person.button("Save")).to_be_disabled()
