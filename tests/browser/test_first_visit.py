"""What a newcomer sees: the command without any key, the page, and an answer from the model on this machine."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.crash.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.local_model, pytest.mark.asyncio(loop_scope="session")]

FETCHING = 240.0  # seconds the first start may take: it brings the model's file


async def test_without_a_key_the_local_model_answers(tmp_path: Path, open_page: Visit) -> None:
    server = Server(folder=tmp_path, settings={"PALAVER_GRACE_SECONDS": "0"}, patience=FETCHING)
    await server.start()
    try:
        person = await open_page(server.url)
        await expect(person.page.get_by_role("complementary", name="Notice")).to_contain_text(
            "ANTHROPIC_API_KEY"
        )
        await person.say("Hello! Say hello back in one short sentence.")
        await expect(person.answers.locator(".markdown")).to_contain_text(re.compile(r"\w"))
        await expect(person.answers).to_have_attribute("aria-busy", "false")
        await expect(person.answers.get_by_role("alert")).to_have_count(0)
        await expect(person.button("Answer again")).to_be_visible()
    finally:
        await server.terminate()
