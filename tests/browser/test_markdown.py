"""What only a browser can show of an answer: stretched brackets, aligned formulas, directions, and links between notes."""

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TALL = r"\frac{\frac{\frac{a}{b}}{c}}{\frac{d}{\frac{e}{f}}}"
FORMULAS = rf"""
$$\left({TALL}\right)$$

$$\left[{TALL}\right]$$

$$\left\{{{TALL}\right\}}$$

$$\sqrt{{{TALL}}}$$

$$\begin{{aligned}} a + b + c &= d \\ e &= f + g + h \end{{aligned}}$$

$$f(x) = \begin{{cases}} x & \text{{if this}} \\ x^2 + 10000 & \text{{otherwise}} \end{{cases}}$$

$$\begin{{array}}{{l|r}} a & 1 \\ bbbbbb & 1000 \end{{array}}$$
"""
NOTES = (
    "First[^1].\n\n" + "Filling.\n\n" * 60 + "Second[^1] and other[^b].\n\n[^1]: The note.\n[^b]: The other."
)
DIRECTIONS = (
    "שלום world\n\nHello עולם\n\n- one\n- שתיים `x = 1`\n\n| left | שמאל |\n|---|---|\n| a | ב |\n\n"
    "```\nא = 1\n```\n\n> مرحبا hello\n"
)


async def answered(app: Palaver, sim: Simulator, open_page: Visit, text: str) -> Visitor:
    """Somebody who looks at this answer."""
    sim.script(Reply(text=text, thinking=""))
    await app.chat("t", "Show me")
    person = await open_page(f"{app.url}/t/t")
    await person.finished()
    return person


async def box(locator: Locator) -> tuple[float, float, float]:
    """Left and right edge, and height."""
    found = await locator.bounding_box()
    assert found is not None
    return found["x"], found["x"] + found["width"], found["height"]


async def test_brackets_and_roots_stretch(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    person = await answered(app, sim, open_page, FORMULAS)
    formulas = person.answers.locator("math")
    await expect(formulas).to_have_count(7)
    _, _, letter = await box(formulas.nth(4).locator("mi").first)
    for number in range(3):
        _, _, inside = await box(formulas.nth(number).locator("mfrac").first)
        for bracket in (0, -1):
            _, _, height = await box(formulas.nth(number).locator("mo").nth(bracket))
            assert height >= 0.85 * inside > 2 * letter
    _, _, root = await box(formulas.nth(3).locator("msqrt"))
    _, _, inside = await box(formulas.nth(3).locator("mfrac").first)
    assert root >= inside


async def test_tables_of_formulas_keep_their_alignment(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await answered(app, sim, open_page, FORMULAS)
    formulas = person.answers.locator("math")
    await expect(formulas).to_have_count(7)
    # aligned: both lines meet at the sign, the left column ends and the right one begins there.
    cells = formulas.nth(4).locator("mtd")
    ends = [await box(cells.nth(index).locator("> *").last) for index in range(4)]
    assert ends[0][1] == pytest.approx(ends[2][1], abs=2)
    signs = [await box(cells.nth(index).locator("mo", has_text="=")) for index in (1, 3)]
    assert signs[0][0] == pytest.approx(signs[1][0], abs=1)
    # cases: both columns begin at the left.
    cells = formulas.nth(5).locator("mtd")
    begins = [await box(cells.nth(index).locator("mi, mtext").first) for index in range(4)]
    assert begins[0][0] == pytest.approx(begins[2][0], abs=1)
    assert begins[1][0] == pytest.approx(begins[3][0], abs=1)
    # {l|r}: the first column at the left, a line, the second one at the right.
    cells = formulas.nth(6).locator("mtd")
    edges = [await box(cells.nth(index).locator("mi, mn").first) for index in range(4)]
    assert edges[0][0] == pytest.approx(edges[2][0], abs=1)
    assert edges[1][1] == pytest.approx(edges[3][1], abs=1)
    for index in (0, 2):
        assert await cells.nth(index).evaluate("cell => getComputedStyle(cell).borderRightStyle") == "solid"


async def test_each_block_runs_in_its_own_direction(app: Palaver, sim: Simulator, open_page: Visit) -> None:
    person = await answered(app, sim, open_page, DIRECTIONS)

    async def directions(selector: str) -> list[str]:
        found: list[str] = await person.answers.locator(selector).evaluate_all(
            "all => all.map(one => getComputedStyle(one).direction)"
        )
        return found

    assert await directions(".markdown > p") == ["rtl", "ltr"]
    assert await directions("li") == ["ltr", "rtl"]
    assert await directions("th, td") == ["ltr", "rtl", "ltr", "rtl"]
    assert await directions("code, pre") == ["ltr"] * 3
    assert await directions("blockquote") == ["rtl"]
    # The mark of an item stands inside the text's column, on the side where the item begins.
    items = person.answers.locator("li")
    column, right_to_left = await box(person.answers.locator(".markdown")), await box(items.nth(1))
    assert right_to_left[1] <= column[1] - 10
    left_to_right = await box(items.nth(0))
    assert left_to_right[0] >= column[0] + 10


async def test_notes_and_their_places_are_linked_both_ways(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    person = await answered(app, sim, open_page, NOTES)
    address = person.page.url
    note = person.answers.locator("p.footnote").first
    # A jump to the top shows rows that were not rendered before: once they are measured nothing moves under the mouse.
    await person.answers.get_by_text("First").first.scroll_into_view_if_needed()
    await expect(person.questions.first).to_be_in_viewport()
    await person.answers.locator('a[role=doc-noteref][aria-label="Note 1"]').first.click()
    await expect(note).to_be_in_viewport()
    await expect(note).to_be_focused()
    await note.locator("a[role=doc-backlink]").nth(0).click()
    first = person.answers.get_by_text("First").first
    await expect(first).to_be_in_viewport()
    await expect(person.answers.locator('a[role=doc-noteref][aria-label="Note 1"]').first).to_be_focused()
    await person.page.keyboard.press("Enter")
    await expect(note).to_be_focused()
    await note.locator("a[role=doc-backlink]").nth(1).click()
    await expect(first).not_to_be_in_viewport()
    assert person.page.url == address
