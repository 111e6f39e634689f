"""The server dies in the middle of an answer; the page comes through it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.crash.server import ForkServer, Server, settings_for
from tests.palaver import Palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_killed_server_leaves_an_interrupted_answer_that_can_be_asked_for_again(
    tmp_path: Path, sim: Simulator, fork_server: ForkServer, open_page: Visit
) -> None:
    gate = sim.gate()
    sim.script(
        Reply(text="one two three four five six", chunk=4, gate=gate, thinking=""),
        Reply(text="The whole answer.", thinking=""),
    )
    server = Server(folder=tmp_path, settings=settings_for(sim.base_url), fork_server=fork_server)
    await server.start()
    try:
        person = await open_page(server.url)
        await person.say("Count for me")
        gate.release(4)
        await expect(person.answers).to_contain_text("three")
        await server.kill()
        await server.start()
        answer = await person.finished()
        await expect(answer).to_contain_text("one two three")
        await expect(answer).to_contain_text("Interrupted before the end.")
        await person.button("Retry").click()
        await expect(person.answers).to_contain_text("The whole answer.")
        await person.finished()
        await expect(person.questions).to_have_count(1)
    finally:
        await server.terminate()


async def test_an_answer_that_broke_off_is_gone_on_with_by_one_click(
    app: Palaver, sim: Simulator, open_page: Visit
) -> None:
    sim.script(
        faults.reset_after("one two three"),
        Reply(text=" four five.", thinking="Where was I?"),
    )
    person = await open_page(app.url)
    await person.say("Count for me")
    answer = await person.finished()
    await expect(answer).to_contain_text("one two three")
    await person.button("Continue").click()
    await expect(person.answers).to_contain_text("one two three four five.")
    await person.finished()
    await expect(person.questions).to_have_count(1)
    await expect(person.button("Continue")).to_have_count(0)
    await expect(person.answers.last).to_contain_text("2/2")


async def test_a_message_said_while_the_server_is_away_is_sent_once_when_it_is_back(
    tmp_path: Path, sim: Simulator, fork_server: ForkServer, open_page: Visit
) -> None:
    sim.respond(lambda _: Reply(text="Here I am.", thinking=""))
    server = Server(folder=tmp_path, settings=settings_for(sim.base_url), fork_server=fork_server)
    await server.start()
    try:
        person = await open_page(server.url)
        await person.say("Are you there?")
        await person.finished()
        await server.kill()
        await person.say("And now?")
        await server.start()
        retry = person.button("Retry")
        answered = person.answers.nth(1)
        await expect(retry.or_(answered).first).to_be_visible()
        if await retry.is_visible():
            await retry.click()
        await person.finished(2)
        await expect(person.questions).to_have_count(2)
    finally:
        await server.terminate()
