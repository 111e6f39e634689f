"""A person at the page: what they see and press, and what must never happen to them."""

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Dialog, Locator, Page, Request, expect

from tests.waiting import LIMIT

PATIENCE = LIMIT * 1_000  # milliseconds; the machine may be busy


@dataclass(slots=True, kw_only=True)
class Visitor:
    """One page in a context of its own. `broken` lists script errors, dialogs and requests to foreign hosts."""

    context: BrowserContext
    page: Page
    home: str
    broken: list[str] = field(default_factory=list)

    @property
    def composer(self) -> Locator:
        return self.page.get_by_label("Message", exact=True)

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("article", name="Assistant")

    @property
    def questions(self) -> Locator:
        return self.page.get_by_role("article", name="You", exact=True)

    @property
    def list(self) -> Locator:
        return self.page.get_by_role("navigation", name="Conversations")

    @property
    def results(self) -> Locator:
        return self.page.get_by_role("listbox", name="Results").get_by_role("option")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def say(self, text: str) -> None:
        """Type and press Enter."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def finished(self, answers: int = 1) -> Locator:
        """Wait until that many answers stand there and none is being written; returns the last."""
        await expect(self.answers).to_have_count(answers)
        await expect(self.answers.last).to_have_attribute("aria-busy", "false")
        return self.answers.last

    async def another_tab(self, url: str | None = None) -> "Visitor":
        """The same person's second tab."""
        page = await self.context.new_page()
        second = Visitor(context=self.context, page=page, home=self.home, broken=self.broken)
        watch(second)
        await page.goto(url or self.page.url)
        return second

    async def leave(self) -> None:
        await self.context.close()


async def visit(browser: Browser, url: str, *, script: str | None = None, **options: Any) -> Visitor:
    """Open the page as somebody who has never been here. `script` runs before the page's own."""
    expect.set_options(timeout=PATIENCE)
    context = await browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **options})
    context.set_default_timeout(PATIENCE)
    if script is not None:
        await context.add_init_script(script)
    page = await context.new_page()
    visitor = Visitor(context=context, page=page, home=url)
    watch(visitor)
    await page.goto(url)
    return visitor


def watch(visitor: Visitor) -> None:
    """Note everything that must not happen."""
    page, broken = visitor.page, visitor.broken
    origin = "/".join(visitor.home.split("/")[:3])

    async def refuse(dialog: Dialog) -> None:
        broken.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def check_origin(request: Request) -> None:
        if not request.url.startswith((origin + "/", "data:", "blob:")):
            broken.append(f"request: {request.url}")

    page.on("pageerror", lambda error: broken.append(f"script error: {error}"))
    page.on("dialog", refuse)
    page.on("request", check_origin)
