"""The list of conversations: finding, naming, putting away, throwing away."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def two_conversations(app: Palaver, sim: Simulator, open_page: Visit) -> Visitor:
    sim.respond(lambda _: Reply(text="A marvellous quagga grazes here.", thinking=""))
    await app.chat("older", "Tell me about zebras")
    await app.chat("newer", "Tell me about boats")
    return await open_page(f"{app.url}/t/newer")


async def test_search_finds_a_message_and_leads_to_it(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    person = await two_conversations(app, sim, open_page)
    await person.page.keyboard.press("Control+k")
    field = person.page.get_by_role("combobox", name="Search titles and messages")
    await field.fill("zebras")
    await expect(person.results.first).to_contain_text("zebras")
    await field.press("Enter")
    await expect(person.page).to_have_url(re.compile("/t/older"))
    await expect(person.questions).to_contain_text("Tell me about zebras")


# Presses Ctrl+K in the moment in which the page stands in the document, before it was ever painted.
PRESS_AT_ONCE = """
new MutationObserver((_, observer) => {
  if (document.querySelector(".app") === null) return;
  observer.disconnect();
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "k", ctrlKey: true, bubbles: true }));
}).observe(document, { childList: true, subtree: true });
"""


async def test_search_opens_for_a_key_pressed_as_soon_as_the_page_stands(
    app: Palaver, open_page: Visit
) -> None:
    person = await open_page(app.url, script=PRESS_AT_ONCE)
    await expect(person.page.get_by_role("combobox", name="Search titles and messages")).to_be_visible()


async def test_search_shows_the_words_it_found(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    person = await two_conversations(app, sim, open_page)
    await person.list.get_by_role("button", name=re.compile("^Search")).click()
    await person.page.get_by_role("combobox", name="Search titles and messages").fill("quagga")
    await expect(person.results.locator("mark")).to_have_text(["quagga", "quagga"])
    await person.page.keyboard.press("Escape")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)


async def test_a_conversation_is_renamed(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    person = await two_conversations(app, sim, open_page)
    await choose(person, "Tell me about boats", "Rename")
    field = person.page.get_by_label("Title")
    await field.fill("All about boats")
    await field.press("Enter")
    await expect(person.list.get_by_role("link", name="All about boats")).to_be_visible()
    await expect(person.page).to_have_title(re.compile("All about boats"))
    assert (await app.get("/api/threads/newer"))["title"] == "All about boats"


async def test_a_model_is_pinned_and_an_answer_says_why_it_was_chosen(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await two_conversations(app, sim, open_page)
    await person.list.get_by_role("link", name="Tell me about boats").click()
    async with person.page.expect_response(lambda response: response.request.method == "PATCH"):
        await person.page.get_by_label("Model").select_option(label="Claude Opus 5.5")
    await person.say("And about rafts?")
    answer = await person.finished(2)
    assert sim.requests[-1]["model"] == "claude-opus-5-5"
    assert (await app.get("/api/threads/newer"))["tier"] == "complex"
    await answer.get_by_title("Why this model, and what it cost").click()
    await expect(answer.get_by_label("About this answer")).to_contain_text(
        "complex is pinned for this thread"
    )
    await answer.get_by_role("button", name="Context").click()
    await expect(person.page.get_by_role("heading", name="Models considered")).to_be_visible()


async def test_an_archived_conversation_leaves_the_list_and_can_come_back(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await two_conversations(app, sim, open_page)
    zebras = person.list.get_by_role("link", name="Tell me about zebras")
    await choose(person, "Tell me about zebras", "Archive")
    await expect(zebras).to_have_count(0)
    await person.list.get_by_role("button", name="Archive", exact=True).click()
    await expect(zebras).to_be_visible()
    await choose(person, "Tell me about zebras", "Unarchive")
    await expect(zebras).to_have_count(0)
    await person.list.get_by_role("button", name="Back to all").click()
    await expect(zebras).to_be_visible()


async def test_a_deleted_conversation_is_gone_once_that_was_confirmed(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await two_conversations(app, sim, open_page)
    await choose(person, "Tell me about boats", "Delete")
    await person.page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    await expect(person.questions).to_contain_text("boats")
    await choose(person, "Tell me about boats", "Delete")
    await person.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(person.list.get_by_role("link", name="Tell me about boats")).to_have_count(0)
    await expect(person.questions).to_have_count(0)
    assert (await app.http.get("/api/threads/newer")).status_code == 404


async def choose(person: Visitor, title: str, item: str) -> None:
    """Pick from a conversation's menu in the list."""
    row = person.list.get_by_role("listitem").filter(has_text=title)
    await row.hover()
    await row.get_by_role("button", name=f"More for {title}").click()
    await person.page.locator("[role^=menuitem]").filter(has_text=re.compile(f"^{re.escape(item)}$")).click()
