"""What the client decides, without any connection: which answers are repeated, and which events are delivered."""

from typing import Any

import msgspec
import pytest

from chat.api.schemas.messages import MessageOut, MessagesOut, PartOut
from chat.api.schemas.threads import ThreadOut, ThreadsOut
from chat.api.schemas.turns import TurnAccepted, TurnOut
from chat.client import ApiError, ConnectionLost, Retries, shapes
from chat.client.api import Api
from chat.client.follow import follow
from chat.client.retries import Attempts, error_of
from chat.client.steps import Close, Deliver, Lost, Next, Open, Pause, Received, Reply, Stream
from chat.stream import events
from tests.clocks import QuickClock

TURN = "turn_1"
USAGE = events.TokenUsage(input_tokens=1, output_tokens=2, total_tokens=3)
LOG: tuple[events.TurnEvent, ...] = (
    events.TurnStarted(
        protocol="palaver.v1", thread_id="t", message_id="m2", user_message_id="m1", created_at="now"
    ),
    events.PartStarted(part_id="p1", kind="text"),
    events.PartDelta(part_id="p1", text="one "),
    events.PartDelta(part_id="p1", text="two"),
    events.PartEnded(part_id="p1"),
    events.TurnCompleted(finish_reason="stop", usage=USAGE),
)
SENT = [Received(events.encode(event, seq=number, turn_id=TURN)) for number, event in enumerate(LOG, start=1)]
OK = Reply(status=200, headers={})
END = None


def api(**retries: Any) -> Api:
    return Api("http://localhost", token=None, retries=Retries(**retries), clock=QuickClock())


def failure(status: int, code: str = "", *, retryable: bool = True, **headers: str) -> Reply:
    body = b"<html>"
    if code:
        error = {"message": "no", "code": code, "retryable": retryable, "request_id": "req_1", "param": None}
        body = msgspec.json.encode({"error": error})
    return Reply(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body
    )


def carried_out(stream: Stream, *outcomes: Reply | Received | Lost | None) -> tuple[list[Any], list[str]]:
    """The values that a stream delivers, and the steps in between, given the outcomes of those that have one."""
    left, delivered, taken = list(outcomes), [], []
    outcome: Any = None
    try:
        while True:
            step = stream.send(outcome)
            outcome = None
            if isinstance(step, Deliver):
                delivered.append(step.value)
                continue
            if isinstance(step, Open):
                taken.append(f"open {step.request.params['after']}")
            elif not isinstance(step, Next):
                taken.append(type(step).__name__.lower())
            if not isinstance(step, Close | Pause):
                outcome = left.pop(0)
    except StopIteration:
        assert left == []
        return delivered, taken


def numbers(delivered: list[events.TurnEvent]) -> list[int]:
    return [event.seq for event in delivered]


def test_a_stream_that_breaks_anywhere_is_opened_behind_the_last_event() -> None:
    for broken_after in range(len(SENT)):
        for how in (END, Lost()):
            delivered, taken = carried_out(
                follow(api(), TURN, 0), OK, *SENT[:broken_after], how, OK, *SENT[broken_after:]
            )
            assert numbers(delivered) == [1, 2, 3, 4, 5, 6]
            assert taken == ["open 0", "pause", f"open {broken_after}", "close"]


def test_what_comes_twice_is_delivered_once_and_what_is_missing_is_asked_for() -> None:
    delivered, taken = carried_out(follow(api(), TURN, 0), OK, *SENT[:3], *SENT[1:4], *SENT[2:])
    assert (numbers(delivered), taken) == ([1, 2, 3, 4, 5, 6], ["open 0", "close"])
    delivered, taken = carried_out(follow(api(), TURN, 0), OK, *SENT[:2], SENT[4], OK, *SENT[2:])
    assert numbers(delivered) == [1, 2, 3, 4, 5, 6]
    assert taken == ["open 0", "close", "pause", "open 2", "close"]


def test_events_and_fields_of_a_newer_server_are_passed_over() -> None:
    newer = Received('{"type":"part.smelled","seq":4,"turn_id":"turn_1","smell":"of rain"}')
    last = Received(SENT[-1].data.replace('"seq":6', '"seq":5,"mood":"good"'))
    delivered, taken = carried_out(follow(api(), TURN, 0), OK, *SENT[:3], newer, END, OK, last)
    assert numbers(delivered) == [1, 2, 3, 5]
    assert taken == ["open 0", "pause", "open 4", "close"]
    for data in ("<html>", '{"type":"turn.completed","seq":1,"turn_id":"t","usage":7}', '{"seq":1}'):
        with pytest.raises(ApiError, match="unexpected_answer"):
            carried_out(follow(api(), TURN, 0), OK, Received(data))


def test_a_stream_without_news_is_opened_only_so_often_and_news_begin_the_count_anew() -> None:
    with pytest.raises(ConnectionLost, match="3 attempts"):
        carried_out(follow(api(streams=3), TURN, 0), OK, END, Lost(), OK, SENT[1])
    story = [OK, END, Lost(), OK, SENT[0], END, Lost(), OK, *SENT[1:]]
    assert numbers(carried_out(follow(api(streams=3), TURN, 0), *story)[0]) == [1, 2, 3, 4, 5, 6]


def test_a_stream_says_how_long_to_wait_before_coming_back() -> None:
    attempts = Attempts(Retries(), 10, QuickClock())
    attempts.hear(None)
    assert attempts.pause_after(Lost()) == 0.5 * 0.75, "half of each pause is by chance"
    attempts.reset()
    attempts.hear(1500)
    assert [attempts.pause_after(Lost()) / 0.75 for _ in range(6)] == [1.5, 3, 6, 12, 20, 20]


def stored(status: shapes.Status, text: str) -> Reply:
    message = {"id": "m2", "thread_id": "t", "parent_id": "m1", "role": "assistant", "status": "complete",
               "parts": [{"type": "text", "text": text}], "turn_id": TURN, "created_at": "now", "sibling_ids": ["m2"],
               "model": None, "usage": None, "cost_usd": None, "finish_reason": "length", "error": None, "feedback": None}  # fmt: skip
    error = (
        {"code": "interrupted", "message": "It stopped.", "retryable": True} if status == "failed" else None
    )
    turn = {"id": TURN, "thread_id": "t", "status": status, "message_id": "m2", "user_message_id": "m1", "last_seq": 9,
            "message": message, "usage": msgspec.to_builtins(USAGE), "error": error, "created_at": "now", "finished_at": "now"}  # fmt: skip
    return Reply(status=200, headers={}, body=msgspec.json.encode(turn))


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ("completed", events.TurnCompleted(seq=9, turn_id=TURN, finish_reason="length", usage=USAGE)),
        ("cancelled", events.TurnCancelled(seq=9, turn_id=TURN, usage=USAGE)),
        (
            "failed",
            events.TurnFailed(
                seq=9,
                turn_id=TURN,
                usage=USAGE,
                error=events.TurnError(code="interrupted", message="It stopped.", retryable=True),
            ),
        ),
    ],
)
def test_when_the_log_goes_amid_an_answer_the_rest_of_the_text_is_made_from_the_stored_one(
    status: shapes.Status, ending: events.TurnEvent
) -> None:
    gone = failure(410, "log_gone", retryable=False)
    delivered, _ = carried_out(
        follow(api(), TURN, 0), OK, *SENT[:3], END, gone, stored(status, "one two three")
    )
    texts = [event.text for event in delivered if isinstance(event, events.PartDelta)]
    assert texts == ["one ", "two three"]
    assert delivered[-1] == ending
    parts = [event.part_id for event in delivered if isinstance(event, events.PartStarted)]
    assert len(set(parts)) == len(parts) == 2


def test_a_discarded_part_is_not_counted_as_part_of_the_stored_text() -> None:
    parts = (
        events.PartStarted(part_id="p0", kind="text"),
        events.PartDelta(part_id="p0", text="  "),
        events.Note(name="discard", data={"part_ids": ["p0"]}),
        events.Note(name="mood", data={"of": "a newer server"}),
        events.PartStarted(part_id="p1", kind="text"),
        events.PartDelta(part_id="p1", text="one "),
    )
    log = [Received(events.encode(event, seq=at, turn_id=TURN)) for at, event in enumerate(parts, start=2)]
    gone = failure(410, "log_gone", retryable=False)
    delivered, _ = carried_out(
        follow(api(), TURN, 0), OK, SENT[0], *log, END, gone, stored("completed", "one two")
    )
    assert [event.text for event in delivered if isinstance(event, events.PartDelta)] == ["  ", "one ", "two"]


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        (failure(503, "unavailable"), 0.375),
        (failure(503, "unavailable", retry_after="7"), 7.0),
        (failure(503, "unavailable", retry_after="61"), None),
        (failure(429, "rate_limited", retry_after="Thu, 03 Dec 2026 06:00:00 GMT"), 0.375),
        (failure(409, "thread_busy"), None),
        (failure(409, "thread_busy", retry_after="3"), 3.0),
        (failure(429, "budget_exceeded", retry_after="3"), None),
        (failure(402, "budget_exceeded", retry_after="3"), None),
        (failure(504, "query_timeout"), None),
        (failure(507, "storage_full"), None),
        (failure(500, "internal", retryable=False), None),
        (failure(404, "not_found", retryable=False), None),
        (failure(502), 0.375),
        (failure(504), 0.375),
        (failure(500), None),
        (failure(301), None),
        (failure(200), None),
    ],
)
def test_only_what_a_repeat_can_help_is_repeated(reply: Reply, pause: float | None) -> None:
    attempts = Attempts(Retries(), 5, QuickClock())
    if pause is not None:
        assert attempts.pause_after(reply) == pause
        return
    with pytest.raises(ApiError) as refused:
        attempts.pause_after(reply)
    assert refused.value.status == reply.status


def test_an_error_has_what_the_server_says_of_it() -> None:
    error = error_of(failure(409, "thread_busy", retry_after="3"))
    assert (error.status, error.code, error.message, error.request_id) == (409, "thread_busy", "no", "req_1")
    assert (error.retryable, error.retry_after, str(error)) == (True, 3.0, "no (409 thread_busy)")
    foreign = error_of(failure(502, x_request_id="req_2"))
    assert (foreign.code, foreign.request_id, foreign.retryable) == ("unexpected_answer", "req_2", True)
    assert "<html>" in foreign.message


def test_requests_are_complete() -> None:
    made = Api("https://example.com/chat/", token=lambda: "secret", retries=Retries(), clock=QuickClock())
    request = made.request("POST", "/api/threads", body={"title": "\ud800"})
    assert (request.url, request.content) == ("https://example.com/chat/api/threads", b'{"title": "\\ud800"}')
    assert request.headers["authorization"] == "Bearer secret"
    with pytest.raises(ValueError, match="begins with http"):
        Api("localhost:8100", token=None, retries=Retries(), clock=QuickClock())


@pytest.mark.parametrize(
    ("read", "sent"),
    [
        (shapes.ThreadInfo, ThreadOut),
        (shapes.ThreadPage, ThreadsOut),
        (shapes.Part, PartOut),
        (shapes.Message, MessageOut),
        (shapes.MessagePage, MessagesOut),
        (shapes.Accepted, TurnAccepted),
        (shapes.TurnInfo, TurnOut),
    ],
)
def test_what_is_read_is_what_the_server_sends(read: type[msgspec.Struct], sent: Any) -> None:
    fields = set(read.__struct_fields__)
    assert fields <= set(sent.model_fields)
    required = {field.name for field in msgspec.structs.fields(read) if field.required}
    assert required <= {name for name, field in sent.model_fields.items() if field.is_required()}
