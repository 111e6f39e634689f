"""Side calls that hang, that nobody wants any more, or whose thread was deleted meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from chat.background import completion, jobs
from chat.background.completion import complete, completion_request
from chat.calls.record import CallContext
from chat.upstream.client import Timeouts
from store.local_user import LOCAL
from tests.chat.outcomes import finished, ledger
from tests.palaver import palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio


def for_title(request: dict[str, Any]) -> bool:
    return "titles" in str(request["system"])


@pytest.mark.parametrize("purpose", ["title", "summary", "classify"])
async def test_pings_do_not_extend_the_deadline_of_a_side_call(
    tmp_path: Path, purpose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(completion.DEADLINES, purpose, 0.5)
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        sim.script(Reply(text="never", first_delay=60, ping_every=0.05))
        context = CallContext(owner_id=LOCAL, thread_id=None, purpose=purpose)
        body = completion_request("claude-haiku-5-5", "system", "text", max_tokens=100, user_ref=None)
        completed = await complete(app.deps.runtime, context, "claude-haiku-5-5", body)
        assert not completed.ok
        assert [row.outcome for row in completed.spent] == ["timeout"]


async def test_every_purpose_of_a_side_call_has_a_deadline() -> None:
    assert set(completion.DEADLINES) == {"title", "summary", "classify", "keepalive"}


async def test_cancelling_a_turn_ends_its_title_call(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), titles="model") as app:
        sim.script(Reply(text="A title", first_delay=60), when=for_title)
        sim.script(Reply(text="words", hold=True), when=lambda request: not for_title(request))
        accepted = await app.say("t", "Hello")
        await until(lambda: len(sim.requests) == 2)
        assert app.deps.scheduler.free(jobs.TITLE) == jobs.TITLE.at_most - 1
        assert (await app.http.post(f"/api/turns/{accepted['id']}/cancel")).status_code < 300
        _, turn = await finished(app, accepted["id"])
        assert turn["status"] == "cancelled"
        await app.settled()
        assert app.deps.scheduler.free(jobs.TITLE) == jobs.TITLE.at_most
        rows = {row.purpose: row.outcome for row in await ledger(app, turn["id"])}
        assert rows["title"] == "interrupted"


async def test_a_late_title_is_not_given_to_another_thread_of_that_name(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), titles="model") as app:
        gate = sim.gate()
        sim.script(Reply(text="Secret of the first", gate=gate), when=for_title)
        await app.chat("t", "About the first")
        assert (await app.http.delete("/api/threads/t")).status_code == 204
        sim.script(Reply(text='"""'), when=for_title)  # no usable title
        await app.chat("t", "About the second")
        gate.open()
        await app.settled()
        assert (await app.get("/api/threads/t"))["title"] == "About the second"
