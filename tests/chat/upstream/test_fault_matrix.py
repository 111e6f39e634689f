"""Each way the provider can fail, before and after the first word, with and without another model to ask.

Sources: upstream facts 3.4, 4 and 10. The same table stands in chat/upstream/README.md; `table` makes it, and tests/test_readme.py compares.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from chat.upstream.client import Timeouts
from tests.chat.outcomes import answer_text, finished, ledger, notes
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults
from tests.upstream.replies import Ending

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL, OTHER = "claude-sonnet-5-5", "claude-opus-5-5"  # who is asked, and who is next
HALF = "Half of an answer that was going to be longer"
WHOLE = "The whole answer."
TOO_LATE = 30.0  # seconds: far more than the hasty timeouts of these tests
HASTY = Timeouts(connect=2.0, write=5.0, first_byte=0.8, silence=0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fault of one model, and what becomes of the turn.

    `alone`: calls when there is no other model; `others`: calls to it when there is one. `next`: whether the other model then
    answers. `code` and `outcome`: what the reader and the ledger are told. `kept`: what was said stays. `answered`: all was said.
    """

    name: str
    reply: Callable[[], Reply]
    alone: int
    others: int
    code: str
    outcome: str
    next: bool = False
    after: bool = False
    retryable: bool = True
    kept: bool = False
    accepted_upstream: bool = False
    answered: bool = False

    def __str__(self) -> str:
        return f"{self.name}, {'after' if self.after else 'before'}"


def passing(name: str, reply: Callable[[], Reply], code: str, outcome: str, **more: int | bool) -> Row:
    """A fault that may pass: repeated, then another model is asked."""
    known = {"alone": 4, "others": 2, "next": True, **more}
    return Row(name=name, reply=reply, code=code, outcome=outcome, **known)  # type: ignore[arg-type]


def lasting(name: str, reply: Callable[[], Reply], code: str, outcome: str, **more: int | bool) -> Row:
    """A fault that a repeat meets again."""
    known = {"alone": 1, "others": 1, "retryable": False, **more}
    return Row(name=name, reply=reply, code=code, outcome=outcome, **known)  # type: ignore[arg-type]


def broken(name: str, reply: Callable[[str], Reply], code: str, outcome: str) -> list[Row]:
    """A stream that breaks, before and after its first words."""
    return [
        passing(name, lambda: reply(""), code, outcome, accepted_upstream=True),
        Row(
            name=name, reply=lambda: reply(HALF), alone=1, others=1, code=code, outcome=outcome,
            after=True, kept=True, accepted_upstream=True,
        ),
    ]  # fmt: skip


def whole(name: str, how: Ending) -> Row:
    """A stream that breaks behind its last word and its final count."""
    return Row(name=f"no `message_stop`, behind the final count: {name}", reply=lambda: faults.cut_end(WHOLE, how), alone=1,
               others=1, code="", outcome="ok", after=True, kept=True, accepted_upstream=True, answered=True)  # fmt: skip


ROWS = [
    lasting("400", lambda: faults.http_error(400, "invalid_request_error", "no"), "upstream_error", "bad_request"),
    lasting("400, own spend limit", faults.own_spend_limit, "upstream_error", "bad_request"),
    lasting("401", faults.unauthorized, "upstream_error", "authentication"),
    lasting("402", faults.payment_required, "upstream_error", "billing"),
    lasting("403", faults.forbidden, "upstream_error", "permission", next=True),
    lasting("404, unknown model", faults.unknown_model, "model_not_found", "not_found", next=True),
    lasting("413", faults.request_too_large, "context_too_long", "too_large"),
    passing("429", faults.rate_limited, "rate_limited", "rate_limited"),
    passing("429, back in 3 s", lambda: faults.rate_limited(3), "rate_limited", "rate_limited"),
    passing("429, back in 10 s (growing too fast)", faults.ramp_limited, "rate_limited", "rate_limited", others=1),
    passing("429, back in 10 min", lambda: faults.rate_limited(600), "rate_limited", "rate_limited", alone=1, others=1),
    lasting("429, spend cap of the month", faults.spend_cap, "rate_limited", "spend_cap"),
    passing("500", faults.server_error, "upstream_error", "server_error"),
    passing("500, `x-should-retry: false`", lambda: faults.server_error(should_retry=False), "upstream_error",
            "server_error", alone=1, others=1),
    passing("503", faults.unavailable, "upstream_error", "server_error"),
    passing("504", faults.gateway_timeout, "upstream_timeout", "timeout"),
    passing("529", faults.overloaded, "upstream_error", "overloaded"),
    passing("no connection", lambda: faults.no_response(), "upstream_error", "connection"),
    passing("headers too late", lambda: faults.slow_headers(TOO_LATE), "upstream_timeout", "timeout"),
    *broken("reset", faults.reset_after, "upstream_error", "connection"),
    *broken("end of the body", faults.eof_after, "upstream_error", "connection"),
    *broken("silence", faults.silence, "upstream_timeout", "timeout"),
    *broken("error event, overloaded", faults.error_event, "upstream_error", "overloaded"),
    *broken("error event, 500", lambda text: faults.error_event(text, type="api_error"), "upstream_error", "server_error"),
    *broken("error event, 429", lambda text: faults.error_event(text, type="rate_limit_error"), "rate_limited", "rate_limited"),
    *broken("garbled event", faults.garbled, "upstream_error", "garbled"),
    *broken("no `message_stop`", faults.no_message_stop, "upstream_error", "unfinished"),
    whole("end", "no_message_stop"),
    whole("reset", "reset"),
    whole("silence", "silence"),
    whole("error event", "error"),
    lasting("error event, 400", lambda: faults.error_event(type="invalid_request_error"), "upstream_error", "bad_request",
            accepted_upstream=True),
    lasting("refusal", lambda: faults.refusal(before=True), "content_filtered", "refusal", accepted_upstream=True),
    lasting("refusal", lambda: faults.refusal(after=HALF), "content_filtered", "refusal", accepted_upstream=True, after=True),
    Row(name="limit used up by thinking", reply=faults.max_tokens_in_thinking, alone=2, others=2, code="upstream_error",
        outcome="ok", accepted_upstream=True),
    Row(name="empty answer", reply=faults.empty, alone=1, others=1, code="upstream_error", outcome="ok", accepted_upstream=True),
]  # fmt: skip

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
    app.sim.respond(lambda asked: row.reply() if asked["model"] == MODEL else Reply(text=WHOLE))
    accepted = await app.say(f"thread-{ROWS.index(row)}", "Hello")
    events, turn = await finished(app, accepted["id"])
    calls = row.others if others else row.alone
    answered = others and row.next

    asked = [request["model"] for request in app.sim.requests]
    assert asked == [MODEL] * calls + [OTHER] * answered
    rows = await ledger(app, turn["id"])
    assert [(one.requested_model, one.outcome) for one in rows] == [(MODEL, row.outcome)] * calls + [
        (OTHER, "ok")
    ] * answered
    assert [one.attempt for one in rows] == list(range(1, len(rows) + 1))
    assert all((one.upstream_id is not None) == row.accepted_upstream for one in rows[:calls])
    if not row.accepted_upstream:
        assert all(one.usage.total == 0 or one.estimated for one in rows[:calls]), "never taken up: no cost"
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
    assert [one.outcome for one in rows] == ["connection"] * 6
    assert [one.requested_model for one in rows] == [MODEL] * 2 + [OTHER] * 2 + ["claude-haiku-5-5"] * 2


def said(row: Row) -> str:
    """A row of the README's table."""
    if row.answered:
        return f"| {row.name} | after | 1, completed | 1, completed | all that was said | `ok`, exact |"
    ends = f"`{row.code}`" + ("" if row.retryable else ", no use trying again")
    alone = f"{row.alone}, then failed"
    others = f"{row.others}, then the next model" if row.next else f"{row.others}, then failed"
    reader = f"what was said, and {ends}" if row.kept else ends
    when = "after" if row.after else "before"
    return f"| {row.name} | {when} | {alone} | {others} | {reader} | `{row.outcome}` |"


def table() -> str:
    """The table as the README has it."""
    head = (
        "| fault | first word | calls, alone | calls, with other models | the reader is told | ledger |",
        "|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *map(said, ROWS)])
