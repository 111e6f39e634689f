"""Saying something, and what people then expect of an answer."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WORDS = [f"word{n}" for n in range(30)]


def slowly(sim: Simulator) -> Reply:
    """Thirty words, one per delta, each held by the gate until released."""
    return Reply(text="".join(f"{word:<8}" for word in WORDS), chunk=8, gate=sim.gate("slow"), thinking="")


async def test_an_answer_streams_in(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    sim.script(slowly(sim))
    person = await open_page(app.url)
    await person.say("Tell me something")
    sim.gate("slow").release(5)
    await expect(person.answers).to_contain_text("word4")
    await expect(person.answers).not_to_contain_text("word5")
    await expect(person.answers).to_have_attribute("aria-busy", "true")
    sim.gate("slow").open()
    await expect(await person.finished()).to_contain_text(" ".join(WORDS))
    await expect(person.questions).to_contain_text("Tell me something")
    assert "/t/" in person.page.url


async def test_a_reload_in_the_middle_shows_the_answer_once_and_whole(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(slowly(sim))
    person = await open_page(app.url)
    await person.say("Go on")
    sim.gate("slow").release(7)
    await expect(person.answers).to_contain_text("word6")
    await person.page.reload()
    await expect(person.answers).to_contain_text("word6")
    sim.gate("slow").open()
    answer = await person.finished()
    assert (await answer.locator(".markdown").inner_text()).split() == WORDS


async def test_a_second_tab_sees_the_same(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    sim.script(slowly(sim))
    first = await open_page(app.url)
    await first.say("Both of us")
    sim.gate("slow").release(3)
    await expect(first.answers).to_contain_text("word2")
    second = await first.another_tab()
    await expect(second.answers).to_contain_text("word2")
    sim.gate("slow").open()
    for tab in (first, second):
        answer = await tab.finished()
        assert (await answer.locator(".markdown").inner_text()).split() == WORDS


async def test_the_page_opens_again_from_what_the_browser_has(app: Palaver, open_page: Visit) -> None:
    person = await open_page(app.url)
    await expect(person.composer).to_be_visible()
    for _ in range(2):
        second = await person.another_tab(app.url)  # the index is answered 304, its files come from the cache
        await expect(second.composer).to_be_visible()


@pytest.mark.parametrize("how", ["button", "escape"])
async def test_stopping_keeps_the_text_so_far(
    app: Palaver, sim: Simulator, open_page: Visit, how: str
) -> None:
    sim.script(slowly(sim))
    person = await open_page(app.url)
    await person.say("Too long")
    sim.gate("slow").release(4)
    await expect(person.answers).to_contain_text("word3")
    if how == "button":
        await person.button("Stop").click()
    else:
        await person.composer.press("Escape")
    answer = await person.finished()
    await expect(answer).to_contain_text("Stopped.")
    await expect(answer).to_contain_text("word3")
    await expect(person.button("Retry")).to_be_visible()


async def test_editing_a_message_opens_a_branch_and_arrows_lead_back(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(Reply(text="About cats.", thinking=""), Reply(text="About dogs.", thinking=""))
    person = await open_page(app.url)
    await person.say("Cats?")
    await person.finished()
    await person.questions.hover()
    await person.button("Edit").click()
    field = person.page.get_by_label("Edit your message")
    await field.fill("Dogs?")
    await field.press("Enter")
    await expect(person.answers).to_contain_text("About dogs.")
    versions = person.page.get_by_role("group", name="Versions")
    await expect(versions).to_contain_text("2/2")
    await person.questions.hover()
    await person.button("Earlier version").click()
    await expect(person.answers).to_contain_text("About cats.")
    await expect(person.questions).to_contain_text("Cats?")
    await expect(versions).to_contain_text("1/2")
    await person.page.reload()
    await expect(person.answers).to_contain_text("About cats.")


async def test_answering_again_adds_a_version(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    sim.script(Reply(text="First try.", thinking=""), Reply(text="Second try.", thinking=""))
    person = await open_page(app.url)
    await person.say("Try")
    await person.finished()
    await person.button("Answer again").click()
    await expect(person.answers).to_contain_text("Second try.")
    await person.finished()
    await expect(person.page.get_by_role("group", name="Versions")).to_contain_text("2/2")
    await person.button("Earlier version").click()
    await expect(person.answers).to_contain_text("First try.")


async def test_what_is_typed_while_an_answer_streams_is_queued_and_then_sent(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(slowly(sim), Reply(text="And the second answer.", thinking=""))
    person = await open_page(app.url)
    await person.say("First")
    sim.gate("slow").release(2)
    await expect(person.answers).to_contain_text("word1")
    await person.say("Second")
    waiting = person.page.get_by_role("article", name="Your message, not sent yet")
    await expect(waiting).to_contain_text("Second")
    await expect(person.composer).to_have_value("")
    assert len(sim.requests) == 1
    sim.gate("slow").open()
    await expect(await person.finished(2)).to_contain_text("And the second answer.")
    await expect(waiting).to_have_count(0)
    await expect(person.questions).to_have_count(2)


async def test_a_draft_survives_a_reload(app: Palaver, open_page: Visit) -> None:
    person = await open_page(app.url)
    await person.composer.fill("not finis")
    await person.page.reload()
    await expect(person.composer).to_have_value("not finis")


async def test_a_failed_answer_says_why_and_can_be_asked_for_again(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(
        Reply(text="Half of", thinking="", fault=faults.reset_after().fault),
        Reply(text="All of it.", thinking=""),
    )
    person = await open_page(app.url)
    await person.say("Give me all")
    failed = await person.finished()
    await expect(failed.get_by_role("alert")).to_be_visible()
    await expect(failed).to_contain_text("Half of")
    await person.button("Retry").click()
    await expect(person.answers).to_contain_text("All of it.")
