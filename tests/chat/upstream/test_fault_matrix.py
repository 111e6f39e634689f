"""Each way the provider can fail, before and after the first word, with and without another model to ask.

`fault_table` has the rows. The same table stands in chat/upstream/README.md, and tests/test_readme.py compares.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.upstream.client import Timeouts
from tests.chat.outcomes import answer_text, finished, ledger, notes
from tests.chat.upstream.fault_table import HALF, MODEL, OTHER, ROWS, WHOLE, Row
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASTY = Timeouts(connect=5.0, write=5.0, first_byte=1.2, silence=1.2)
CLOSE = [
    row for row in ROWS if row.name == "headers too late" or row.name.endswith("silence")
]  # those that take real time


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def houses(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[tuple[bool, bool], Palaver]]:
    """Palavers by whether there is another model, and whether they are hasty."""
    folder = tmp_path_factory.mktemp("matrix")
    async with Simulator() as sim:
        async with (
            palaver(folder / "a", sim, clock=QuickClock(), timeouts=Timeouts(), fallback=False) as alone,
            palaver(folder / "b", sim, clock=QuickClock(), timeouts=Timeouts()) as others,
            palaver(folder / "c", sim, clock=QuickClock(), timeouts=HASTY, fallback=False) as hasty,
            palaver(folder / "d", sim, clock=QuickClock(), timeouts=HASTY) as hasty_others,
        ):
            yield {
                (False, False): alone,
                (True, False): others,
                (False, True): hasty,
                (True, True): hasty_others,
            }


@pytest.mark.parametrize("others", [False, True], ids=["alone", "with another model"])
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_fault_leads_where_the_table_says(
    houses: dict[tuple[bool, bool], Palaver], row: Row, others: bool
) -> None:
    app = houses[others, row in CLOSE]
    app.sim.reset()
    app.deps.runtime.caller.admission.reset()
    app.sim.respond(lambda request: row.reply() if request["model"] == MODEL else Reply(text=WHOLE))
    accepted = await app.say(f"thread-{ROWS.index(row)}", "Hello")
    events, turn = await finished(app, accepted["id"])
    calls = row.others if others else row.alone
    answered = others and row.next

    models = [request["model"] for request in app.sim.requests]
    assert models == [MODEL] * calls + [OTHER] * answered
    rows = await ledger(app, turn["id"])
    assert [(ledger_row.requested_model, ledger_row.outcome) for ledger_row in rows] == [
        (MODEL, row.outcome)
    ] * calls + [(OTHER, "ok")] * answered
    assert [ledger_row.attempt for ledger_row in rows] == list(range(1, len(rows) + 1))
    assert all((ledger_row.upstream_id is not None) == row.accepted_upstream for ledger_row in rows[:calls])
    if not row.accepted_upstream:
        assert all(ledger_row.usage.total == 0 or ledger_row.estimated for ledger_row in rows[:calls]), (
            "never taken up: no cost"
        )
    assert len(notes(events, "retry")) == calls - 1
    assert [note["to"] for note in notes(events, "fallback")] == [OTHER] * answered

    message = turn["message"]
    if row.answered:
        assert (turn["status"], turn["error"], answer_text(message)) == ("completed", None, WHOLE)
        (entry,), (exchange,) = rows, app.sim.log
        assert (entry.estimated, entry.usage.output) == (False, exchange.kinds["output"])
        assert [note["ending"] for note in notes(events, "upstream_disconnect")] != []
        return
    if answered:
        assert (turn["status"], message["model"], answer_text(message)) == ("completed", OTHER, WHOLE)
        assert turn["error"] is None
        return
    assert turn["status"] == message["status"] == "failed"
    error = turn["error"]
    assert (error["code"], error["retryable"]) == (row.code, row.retryable)
    assert error["message"].endswith(".")
    assert events[-1].data["error"] == error == message["error"]
    assert answer_text(message) == (HALF if row.kept else "")


async def test_a_provider_that_cannot_be_reached_fails_every_model(
    houses: dict[tuple[bool, bool], Palaver],
) -> None:
    app = houses[True, False]
    app.sim.reset()
    app.deps.runtime.caller.admission.reset()
    async with app.sim.offline():
        turn = await app.chat("away", "Hello")
    assert (turn["status"], turn["error"]["retryable"]) == ("failed", True)
    rows = await ledger(app, turn["id"])
    assert [row.outcome for row in rows] == ["connection"] * 6
    assert [row.requested_model for row in rows] == [MODEL] * 2 + [OTHER] * 2 + ["claude-haiku-5-5"] * 2
