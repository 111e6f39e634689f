"""The host of `web/examples` as a process: its users chat in its own page, each with a token that it signs."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import text

from tests.browser.visitor import PATIENCE
from tests.crash.server import free_port
from tests.examples import copied
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SECRET = "a-secret-of-the-host-that-palaver-has-too"


@asynccontextmanager
async def hosting(app: Palaver, folder: Path, origin: str) -> AsyncIterator[None]:
    """The host, at its origin."""
    program = copied("host.py", folder, app.url, {'HOST = "http://localhost:8000"': f'HOST = "{origin}"'})
    environment = {**os.environ, "PALAVER_JWT_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(sys.executable, program, env=environment)

    async def answers() -> bool:
        assert process.returncode is None, "it ended"
        try:
            return (await app.http.get(origin)).status_code == 200
        except httpx.ConnectError:
            return False

    try:
        await until(answers)
        yield
    finally:
        process.terminate()
        await process.wait()


async def opened(browser: Browser, origin: str, user: str) -> Page:
    """The page of somebody who has just logged in."""
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    await page.goto(f"{origin}/login?user={user}")
    return page


async def test_each_user_of_a_host_has_a_conversation_of_their_own(
    sim: Simulator, tmp_path: Path, browser: Browser
) -> None:
    origin = f"http://localhost:{free_port()}"
    sim.respond(lambda request: Reply(text=f"Hello {_last(request)}!", thinking=""))
    async with palaver(
        tmp_path / "data", sim, jwt_secret=SECRET, jwt_issuer=origin, cors_origins=[origin]
    ) as app:
        async with hosting(app, tmp_path, origin):
            expect.set_options(timeout=PATIENCE)
            pages = {user: await opened(browser, origin, user) for user in ("ada", "bob")}
            for user, page in pages.items():
                await page.get_by_label("Message").fill(user)
                await page.get_by_role("button", name="Send").click()
                await expect(page.locator("main")).to_contain_text(f"Hello {user}!")
            await pages["bob"].reload()
            await expect(pages["bob"].locator("main")).to_have_text("bob Hello bob!")
            for page in pages.values():
                await page.context.close()
        rows = await app.deps.database.read(
            lambda connection: connection.execute(
                text("SELECT owner_id, id FROM threads ORDER BY owner_id")
            ).all()
        )
        assert [tuple(row) for row in rows] == [("user:ada", "support"), ("user:bob", "support")]
        assert (await app.http.get("/api/threads")).status_code == 401


def _last(request: dict[str, list[dict[str, list[dict[str, str]]]]]) -> str:
    return request["messages"][-1]["content"][-1]["text"]
