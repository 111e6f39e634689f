"""Each way the provider can fail, and what becomes of the turn: rows for `test_fault_matrix`, and the table in chat/upstream/README.md."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.upstream import Reply, faults
from tests.upstream.replies import Ending

MODEL, OTHER = "claude-sonnet-5-5", "claude-opus-5-5"  # who is asked, and who is next
HALF = "Half of an answer that was going to be longer"
WHOLE = "The whole answer."
TOO_LATE = 30.0  # seconds: far more than the hasty timeouts of these tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fault of one model, and what becomes of the turn.

    `alone`: calls when there is no other model; `others`: calls to it when there is one. `next`: whether the other model then
    answers. `code` and `outcome`: error code for the client, outcome in the ledger. `kept`: the text so far stays. `answered`: it was the whole answer.
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
    """A fault that may pass: retried, then another model is asked."""
    known = {"alone": 4, "others": 2, "next": True, **more}
    return Row(name=name, reply=reply, code=code, outcome=outcome, **known)  # type: ignore[arg-type]


def lasting(name: str, reply: Callable[[], Reply], code: str, outcome: str, **more: int | bool) -> Row:
    """A fault that a retry cannot help."""
    known = {"alone": 1, "others": 1, "retryable": False, **more}
    return Row(name=name, reply=reply, code=code, outcome=outcome, **known)  # type: ignore[arg-type]


def broken(name: str, reply: Callable[[str], Reply], code: str, outcome: str) -> list[Row]:
    """A stream that breaks, before and after its first token."""
    return [
        passing(name, lambda: reply(""), code, outcome, accepted_upstream=True),
        Row(
            name=name, reply=lambda: reply(HALF), alone=1, others=1, code=code, outcome=outcome,
            after=True, kept=True, accepted_upstream=True,
        ),
    ]  # fmt: skip


def whole(name: str, how: Ending) -> Row:
    """A stream that breaks after its last token and its final count."""
    return Row(name=f"no `message_stop`, after the final count: {name}", reply=lambda: faults.cut_end(WHOLE, how), alone=1,
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


def table_row(row: Row) -> str:
    """A row of the README's table."""
    if row.answered:
        return f"| {row.name} | after | 1, completed | 1, completed | the whole answer | `ok`, exact |"
    ends = f"`{row.code}`" + ("" if row.retryable else ", not retryable")
    alone = f"{row.alone}, then failed"
    others = f"{row.others}, then the next model" if row.next else f"{row.others}, then failed"
    reader = f"the text so far, then {ends}" if row.kept else ends
    when = "after" if row.after else "before"
    return f"| {row.name} | {when} | {alone} | {others} | {reader} | `{row.outcome}` |"


def table() -> str:
    """The table as the README has it."""
    head = (
        "| fault | first token | calls, one model | calls, several models | the client gets | ledger outcome |",
        "|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *map(table_row, ROWS)])
