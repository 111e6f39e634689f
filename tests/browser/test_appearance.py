"""Light and dark, phones, the keyboard alone, and the door when there is a token."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WIDE = (
    "Look:\n\n```python\n" + "x = " + "1 + " * 200 + "1\n```\n\n| " + "column | " * 30 + "\n|" + "---|" * 30
)
BRIGHTNESS = """() => {
  const [red, green, blue] = getComputedStyle(document.documentElement).backgroundColor.match(/[\\d.]+/g).map(Number);
  return (red + green + blue) / 3;
}"""


async def test_the_page_follows_the_system_and_the_choice(app: Palaver, open_page: Visit) -> None:
    person = await open_page(app.url, color_scheme="light")
    light = await person.page.evaluate(BRIGHTNESS)
    await person.page.emulate_media(color_scheme="dark")
    dark = await person.page.evaluate(BRIGHTNESS)
    assert dark < 80 < 200 < light
    await person.button("Theme: system").click()
    assert await person.page.evaluate(BRIGHTNESS) == light
    await person.page.reload()
    assert await person.page.evaluate(BRIGHTNESS) == light
    await person.button("Theme: light").click()
    await person.page.emulate_media(color_scheme="light")
    assert await person.page.evaluate(BRIGHTNESS) == dark


async def test_a_phone_never_scrolls_sideways(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    sim.script(Reply(text=WIDE + "\n\n" + "unbroken" * 60, thinking=""))
    person = await open_page(app.url, viewport={"width": 360, "height": 700}, is_mobile=True, has_touch=True)
    await person.composer.fill("w" * 300)
    await person.button("Send").tap()
    await person.finished()
    await no_sideways(person)
    await person.button("Show or hide the list").tap()
    await expect(person.list.get_by_role("link", name="New conversation").first).to_be_in_viewport()
    await no_sideways(person)
    await person.button("Close the list").click(position={"x": 350, "y": 400})
    await expect(person.composer).to_be_in_viewport()


async def test_in_a_low_window_the_message_field_stays_in_sight(app: Palaver, open_page: Visit) -> None:
    person = await open_page(app.url, viewport={"width": 844, "height": 390}, is_mobile=True, has_touch=True)
    await expect(
        person.page.get_by_role("heading", name="Good").or_(person.page.get_by_text("Still up?"))
    ).to_be_attached()
    await expect(person.composer).to_be_in_viewport(ratio=1)
    await expect(person.list.get_by_role("button", name="Archive")).to_be_in_viewport(ratio=1)


async def test_a_menu_stays_in_the_window_however_long_the_title_is(app: Palaver, open_page: Visit) -> None:
    await app.http.post("/api/threads", json={"id": "t", "title": "A very long title " * 10})
    for width in (360, 1280):
        person = await open_page(f"{app.url}/t/t", viewport={"width": width, "height": 700})
        await person.page.locator(".head").get_by_role("button", name="More for").click()
        for item in await person.page.get_by_role("menu").locator("[role^=menuitem]").all():
            await expect(item).to_be_in_viewport(ratio=1)
        await no_sideways(person)


async def test_an_archived_conversation_keeps_its_name_and_its_menu(app: Palaver, open_page: Visit) -> None:
    await app.http.post("/api/threads", json={"id": "t", "title": "Put away"})
    await app.http.patch("/api/threads/t", json={"archived": True})
    person = await open_page(f"{app.url}/t/t")
    head = person.page.locator(".head")
    await expect(head.get_by_role("heading", name="Put away")).to_be_visible()
    await expect(head).to_contain_text("Archived")
    await expect(person.page.get_by_text("No messages yet.")).to_be_visible()
    await head.get_by_role("button", name="More for").click()
    await person.page.get_by_role("menuitem", name="Unarchive").click()
    await expect(person.list.get_by_role("link", name="Put away")).to_be_visible()
    await expect(head).not_to_contain_text("Archived")


async def no_sideways(person: Visitor) -> None:
    wide, visible = await person.page.evaluate(
        "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
    )
    assert wide <= visible


async def test_everything_is_reached_by_keyboard_alone(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.respond(lambda _: Reply(text="By keys alone.", thinking=""))
    person = await open_page(app.url)
    keys = person.page.keyboard
    await expect(person.composer).to_be_focused()
    await keys.type("one")
    await keys.press("Shift+Enter")
    await keys.type("two")
    await keys.press("Enter")
    answer = await person.finished()
    assert (await person.questions.inner_text()).startswith("one\ntwo")
    await walk_to(person, "Answer again", backwards=True)
    await keys.press("Enter")
    await expect(person.page.get_by_role("group", name="Versions")).to_contain_text("2/2")
    answer = await person.finished()
    await walk_to(person, "Earlier version", backwards=True)
    await keys.press("Enter")
    await expect(person.page.get_by_role("group", name="Versions")).to_contain_text("1/2")
    await expect(answer).to_contain_text("By keys alone.")
    await keys.press("Control+k")
    await expect(person.page.get_by_role("combobox", name="Search titles and messages")).to_be_focused()
    await keys.press("Escape")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)


async def walk_to(person: Visitor, label: str, *, backwards: bool = False) -> None:
    """Press Tab until the control of that name has the focus."""
    for _ in range(40):
        await person.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if await person.page.evaluate("document.activeElement?.getAttribute('aria-label')") == label:
            return
    raise AssertionError(f"{label} cannot be reached with Tab")


async def test_the_page_asks_for_the_token_and_keeps_it(
    sim: Simulator, tmp_path: Path, open_page: Visit
) -> None:
    sim.script(Reply(text="Welcome in.", thinking=""))
    async with palaver(tmp_path, sim, token="a-long-enough-token", log_level="error") as app:
        person = await open_page(app.url)
        field = person.page.get_by_label("Access token")
        await field.fill("not-the-right-token")
        await person.button("Continue").click()
        await expect(person.page.get_by_role("alert")).to_contain_text("did not accept")
        await field.fill("a-long-enough-token")
        await person.page.get_by_label("Remember on this device").check()
        await person.button("Continue").click()
        await person.say("May I?")
        await expect(await person.finished()).to_contain_text("Welcome in.")
        await person.page.reload()
        await expect(person.answers).to_contain_text("Welcome in.")
        assert "a-long-enough-token" not in person.page.url
        await person.leave()
