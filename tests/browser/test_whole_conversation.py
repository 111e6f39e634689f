"""Printing and finding see the whole conversation, and what was typed survives scrolling, stopping and reloading."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Visit
from tests.browser.long_thread import fill
from tests.browser.visitor import Visitor
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

COUNT = 400
PRINT = """() => {
  window.print = () => {
    dispatchEvent(new Event("beforeprint"));
    document.body.dataset.printed = document.querySelectorAll("[data-row]").length;
    dispatchEvent(new Event("afterprint"));
  };
}"""


async def test_printing_prints_all_messages_and_nothing_else(app: Palaver, open_page: Visit) -> None:
    await fill(app, "paper", COUNT)
    person = await open_page(f"{app.url}/t/paper")
    await expect(person.answers.last).to_contain_text(f"message {COUNT - 1} ")
    await person.page.evaluate(PRINT)
    await person.page.keyboard.press("Control+p")
    await expect(person.page.locator("body")).to_have_attribute("data-printed", str(COUNT))
    await person.page.emulate_media(media="print")
    await expect(person.list).to_be_hidden()
    await expect(person.composer).to_be_hidden()
    await expect(person.answers.last).to_be_visible()


async def test_finding_searches_messages_that_are_not_rendered(app: Palaver, open_page: Visit) -> None:
    await fill(app, "sought", COUNT)
    person = await open_page(f"{app.url}/t/sought")
    await expect(person.answers.last).to_contain_text(f"message {COUNT - 1} ")
    await person.page.keyboard.press("Control+f")
    bar = person.page.get_by_role("search", name="Find in this conversation")
    await bar.get_by_role("textbox").fill("message 7 here")
    await expect(bar).to_contain_text("1 message")
    await person.page.keyboard.press("Enter")
    await expect(person.answers.filter(has_text="This is message 7 here")).to_be_in_viewport()
    await expect(bar).to_contain_text("1 of 1")
    await person.page.keyboard.press("Escape")
    await expect(bar).to_have_count(0)


MARKS = "name => [...(CSS.highlights.get(name) ?? [])].map(range => range.toString())"


async def marked(person: Visitor, name: str, words: list[str]) -> bool:
    """Whether just these words are marked."""
    return sorted(set(await person.page.evaluate(MARKS, name))) == sorted(set(words))


#: A jump of the list changes the height of its rows in the same frame, as formulas and code do when they are drawn.
GROW_AFTER_A_JUMP = """log => {
  const { get, set } = Object.getOwnPropertyDescriptor(Element.prototype, "scrollTop");
  Object.defineProperty(log, "scrollTop", {
    get,
    set(top) {
      const from = log.scrollTop;
      set.call(log, top);
      if (Math.abs(log.scrollTop - from) < 500) return;
      for (const row of log.querySelectorAll("[data-row]")) row.style.paddingBottom = "10px";
    },
  });
}"""


async def test_finding_marks_the_words_and_shows_them(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    long = "First the *harb*our.\n\n" + "Filling.\n\n" * 80 + "Then the Lighthouse, a **light**house."
    sim.script(Reply(text=long, thinking=""), Reply(text="No such thing.", thinking=""))
    await app.chat("marks", "Where is the lighthouse?")
    await app.chat("marks", "And the harbour?")
    person = await open_page(f"{app.url}/t/marks")
    await expect(person.answers.last).to_contain_text("No such thing.")
    await person.page.keyboard.press("Control+f")
    bar = person.page.get_by_role("search", name="Find in this conversation")
    await bar.get_by_role("textbox").fill("LIGHTHOUSE")
    await expect(bar).to_contain_text("2 messages")
    await person.page.keyboard.press("Enter")
    await expect(bar).to_contain_text("2 of 2")
    await expect(person.answers.first.get_by_text("Then the Lighthouse")).to_be_in_viewport()
    await until(lambda: marked(person, "found-current", ["Lighthouse", "lighthouse"]))
    await person.page.keyboard.press("Enter")
    await expect(bar).to_contain_text("1 of 2")
    await until(lambda: marked(person, "found-current", ["lighthouse"]))
    await bar.get_by_role("textbox").fill("harbour")
    await until(lambda: marked(person, "found", ["harbour"]))
    await person.page.keyboard.press("Escape")
    await until(lambda: marked(person, "found", []))


async def test_a_found_word_stays_in_sight_while_its_message_grows(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(
        Reply(
            text="First.\n\n" + "Filling.\n\n" * 80 + "Then the Lighthouse.\n\n" + "More.\n\n" * 80,
            thinking="",
        )
    )
    await app.chat("grows", "Where is it?")
    person = await open_page(f"{app.url}/t/grows")
    await expect(person.answers.last).to_contain_text("More.")
    log = person.page.get_by_role("log")
    await log.evaluate("log => { log.scrollTop = 0; }")
    await log.evaluate(GROW_AFTER_A_JUMP)
    await person.page.keyboard.press("Control+f")
    bar = person.page.get_by_role("search", name="Find in this conversation")
    await bar.get_by_role("textbox").fill("lighthouse")
    await person.page.keyboard.press("Enter")
    await expect(bar).to_contain_text("1 of 1")
    await expect(person.answers.first.get_by_text("Then the Lighthouse")).to_be_in_viewport()


async def test_an_edit_is_there_after_scrolling_away_and_after_a_reload(
    app: Palaver, open_page: Visit
) -> None:
    await fill(app, "edited", COUNT)
    person = await open_page(f"{app.url}/t/edited")
    await person.questions.last.hover()
    await person.button("Edit").last.click()
    field = person.page.get_by_label("Edit your message")
    await field.fill("    half a thought")
    log = person.page.get_by_role("log")
    await log.evaluate("log => log.scrollBy(0, -12000)")
    await expect(field).to_have_count(0)
    await person.button("Latest").click()
    await expect(field).to_have_value("    half a thought")
    await person.page.reload()
    await expect(field).to_have_value("    half a thought")


async def with_a_queued_message(person: Visitor, sim: Simulator) -> Visitor:
    """Say something, and something more while the answer is held."""
    sim.script(
        Reply(text="one two three four", chunk=4, gate=sim.gate("held"), thinking=""),
        Reply(text="The second answer.", thinking=""),
    )
    await person.say("First")
    sim.gate("held").release(2)
    await expect(person.answers).to_contain_text("one")
    await person.say("Second")
    await expect(person.page.get_by_text("Queued until the answer is finished")).to_be_visible()
    return person


async def test_stopping_holds_the_queue_until_the_reader_decides(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await with_a_queued_message(await open_page(app.url), sim)
    await person.composer.press("Escape")
    await expect(person.page.get_by_text("Send this now?")).to_be_visible()
    await person.page.reload()
    await expect(person.page.get_by_text("Send this now?")).to_be_visible()
    await expect(person.answers).to_have_count(1)
    await person.button("Send").first.click()
    await expect(person.answers.last).to_contain_text("The second answer.")


async def test_what_the_reader_sends_while_the_answer_is_being_stopped_is_sent(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await with_a_queued_message(await open_page(app.url), sim)
    decided = asyncio.Event()

    async def cancel_later(route: Route) -> None:
        await decided.wait()
        await route.continue_()

    await person.page.route("**/cancel", cancel_later)
    await person.composer.press("Escape")
    await person.button("Send").first.click()
    await expect(person.page.get_by_text("Queued until the answer is finished")).to_be_visible()
    decided.set()
    await expect(person.answers.last).to_contain_text("The second answer.")
