"""What a person types: input methods, odd letters, refusals, lost connections, dropped files and a browser that keeps nothing."""

import json
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, Route, expect

from chat.api.schemas.fields import MAX_TEXT
from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
FORBIDDEN = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException('forbidden', 'SecurityError'); } });"""


async def composing(person: Visitor, text: str) -> CDPSession:
    """An input method that has a text under way in the focused field."""
    session = await person.context.new_cdp_session(person.page)
    end = len(text)
    await session.send("Input.imeSetComposition", {"text": text, "selectionStart": end, "selectionEnd": end})
    return session


async def press(session: CDPSession, key: str, code: int) -> None:
    """A key that the input method takes: browsers report it with the key code 229."""
    for kind in ("rawKeyDown", "keyUp"):
        await session.send(
            "Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
        )


async def last_text(sim: Simulator) -> str:
    """What the model was sent as the newest message."""
    content = sim.requests[-1]["messages"][-1]["content"]
    return content if isinstance(content, str) else str(content[-1]["text"])


async def test_escape_in_a_composition_stops_no_answer(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(Reply(text="one two three four", chunk=4, gate=sim.gate("held"), thinking=""))
    person = await open_page(app.url)
    await person.say("Count")
    sim.gate("held").release(2)
    await expect(person.answers).to_contain_text("one")
    await person.composer.focus()
    session = await composing(person, "にほん")
    await press(session, "Escape", 229)
    await expect(person.button("Stop")).to_be_enabled()
    sim.gate("held").open()
    answer = await person.finished()
    await expect(answer).to_contain_text("four")
    await expect(answer).not_to_contain_text("Stopped.")


async def test_enter_that_ends_a_composition_neither_sends_nor_opens(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.respond(lambda _: Reply(text="A quagga.", thinking=""))
    await app.chat("quagga", "Tell me about the quagga")
    person = await open_page(app.url)
    session = await composing(person, "にほん")
    await press(session, "Enter", 229)
    assert len(sim.requests) == 1
    assert person.page.url.rstrip("/") == app.url
    await person.composer.fill("")
    await person.page.keyboard.press("Control+k")
    await person.page.get_by_role("combobox", name="Search titles and messages").fill("quagga")
    await expect(person.results.first).to_be_visible()
    await press(session, "Enter", 229)
    await press(session, "Escape", 229)
    await expect(person.page.get_by_role("dialog")).to_be_visible()
    assert person.page.url.rstrip("/") == app.url
    await person.page.keyboard.press("Enter")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)
    assert "/t/quagga" in person.page.url


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("    if tide:\n        swim()", "    if tide:\n        swim()"),
        ("half \ud83d of a pair, and \udc00", "half \ufffd of a pair, and \ufffd"),
        ("nothing\x00here", "nothing\ufffdhere"),
    ],
)
async def test_a_message_is_sent_as_it_was_typed(
    app: Palaver, sim: Simulator, open_page: Visit, typed: str, sent: str
) -> None:
    sim.script(Reply(text="Read.", thinking=""))
    person = await open_page(app.url)
    # As pasted: `fill` itself could not carry half of a pair.
    await person.composer.evaluate(
        "(field, text) => { field.value = JSON.parse(text);"
        " field.dispatchEvent(new InputEvent('input', { bubbles: true })); }",
        json.dumps(typed),
    )
    await person.composer.press("Enter")
    await expect(await person.finished()).to_contain_text("Read.")
    assert await last_text(sim) == sent
    thread = person.page.url.rsplit("/", 1)[1]
    (question, _) = await app.messages(thread)
    assert question["parts"][0]["text"] == sent


async def test_a_message_that_is_too_long_says_so_and_leaves_no_conversation(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await open_page(app.url)
    await person.composer.fill("x" * (MAX_TEXT + 1))
    await person.composer.press("Enter")
    waiting = person.page.get_by_role("article", name="Your message, not sent yet")
    await expect(waiting).to_contain_text("400,000 characters")
    assert (await app.get("/api/threads"))["threads"] == []
    await expect(person.list.get_by_role("link").filter(has_text="xxx")).to_have_count(0)
    await waiting.get_by_role("button", name="Edit").click()
    assert len(await person.composer.input_value()) == MAX_TEXT + 1, "and what was written is still there"
    sim.script(Reply(text="Short enough.", thinking=""))
    await person.say("Short")
    await expect(await person.finished()).to_contain_text("Short enough.")
    assert len((await app.get("/api/threads"))["threads"]) == 1


async def test_a_message_without_a_connection_survives_a_reload_and_is_sent_once(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.respond(lambda _: Reply(text="Here I am.", thinking=""))
    person = await open_page(app.url)
    await person.say("Are you there?")
    await person.finished()

    async def cut(route: Route) -> None:
        await route.abort("connectionrefused")

    await person.page.route("**/api/threads/*/turns", cut)
    await person.say("  And now?")
    await expect(person.page.get_by_text("No connection.")).to_be_visible()
    await expect(person.button("Retry now")).to_be_visible()
    await person.page.reload()
    await expect(person.page.get_by_text("No connection.")).to_be_visible()
    await person.page.unroute("**/api/threads/*/turns")
    await person.button("Retry now").click()
    await person.finished(2)
    await expect(person.questions).to_have_count(2)
    assert await last_text(sim) == "  And now?"


async def test_a_lost_stream_can_be_tried_again_at_once(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(Reply(text="one two three four", chunk=4, gate=sim.gate("held"), thinking=""))
    person = await open_page(app.url)

    attempts: list[str] = []

    async def cut(route: Route) -> None:
        attempts.append(route.request.url)
        await route.abort("connectionrefused")

    await person.page.route("**/api/turns/*/events*", cut)
    await person.say("Count")
    retry = person.button("Retry now")
    await expect(retry).to_be_visible()
    before = len(attempts)
    # Not a click with the mouse: the page tries again by itself, and the button is gone while it does.
    await retry.dispatch_event("click")
    await until(lambda: len(attempts) > before)
    await person.page.unroute("**/api/turns/*/events*")
    sim.gate("held").open()
    await expect(await person.finished()).to_contain_text("four")


@pytest.mark.parametrize("selector", [".messages", "#composer", ".sidebar", "body"])
async def test_a_dropped_file_opens_nothing(
    app: Palaver, sim: Simulator, open_page: Visit, tmp_path: Path, selector: str
) -> None:
    sim.script(Reply(text="Hello.", thinking=""))
    await app.chat("drop", "Hi")
    person = await open_page(f"{app.url}/t/drop")
    await expect(person.answers).to_contain_text("Hello.")
    file = tmp_path / "evil.html"
    file.write_text("<title>Somewhere else</title>")
    box = await person.page.locator(selector).first.bounding_box()
    assert box is not None
    session = await person.context.new_cdp_session(person.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        await session.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + min(box["height"], 600) / 2,
                "data": {"items": [], "files": [str(file)], "dragOperationsMask": 1},
            },
        )
    await person.composer.fill("still here")
    assert person.page.url == f"{app.url}/t/drop"
    assert len(person.context.pages) == 1


@pytest.mark.parametrize("script", [FULL, FORBIDDEN], ids=["full", "forbidden"])
async def test_storage_that_keeps_nothing_costs_only_a_notice(
    app: Palaver, sim: Simulator, open_page: Visit, script: str
) -> None:
    sim.respond(lambda _: Reply(text="Without storage.", thinking=""))
    person = await open_page(app.url, script=script)
    await person.composer.fill("a draft")
    await expect(person.page.get_by_text("This browser keeps nothing for this page.")).to_be_visible()
    await person.say("Does it work?")
    await expect(await person.finished()).to_contain_text("Without storage.")
    await person.say("Again?")
    await person.finished(2)
    await person.composer.fill("another draft")
    await person.list.get_by_role("link", name="New conversation").first.click()
    await expect(person.composer).to_have_value("")
    await person.page.go_back()
    await expect(person.composer).to_have_value("another draft")


async def test_the_choice_of_a_model_belongs_to_its_conversation(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.respond(lambda _: Reply(text="Gladly.", thinking=""))
    await app.chat("other", "Another one")
    person = await open_page(app.url)
    choice = person.page.get_by_label("Model")
    await choice.select_option(label="Claude Opus 5.5")
    await person.say("A hard question")
    await person.finished()
    assert sim.requests[-1]["model"] == "claude-opus-5-5"
    await expect(choice).to_have_value("complex")
    await person.list.get_by_role("link", name="Another one").click()
    await expect(choice).to_have_value("auto")
    await person.list.get_by_role("link", name="New conversation").first.click()
    await expect(choice).to_have_value("auto")
    await person.list.get_by_role("link", name="A hard question").click()
    await expect(choice).to_have_value("complex")
    await person.page.reload()
    await expect(choice).to_have_value("complex")
    second = await person.another_tab()
    await expect(second.page.get_by_label("Model")).to_have_value("complex")
