"""`POST /v1/chat/completions`: answer a conversation, in a thread of ours or by itself, as one object or as events."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chat.api.body import read
from chat.api.deps import Deps, owner, principal, visit
from chat.api.endpoint import Endpoint, Resource
from chat.api.event_stream import HEARTBEAT, SILENCE
from chat.api.token_limits import check_thread
from chat.api.turn_stream import POST_ERRORS, has_events, turn_frames
from chat.errors import ContextTooLong, ThreadBusy
from chat.off_loop import off_loop
from chat.protocols.errors import ContextLengthExceeded
from chat.protocols.frames import events_of
from chat.protocols.models import AUTO
from chat.protocols.openai.chunks import Answer, Batches, Chunks, error_of, stream, whole
from chat.protocols.openai.conversation import (
    Conversation,
    conversation_of,
    is_side_request,
    key_of,
    text_length,
    thread_named,
)
from chat.protocols.openai.placement import ParsedRequest, find
from chat.protocols.openai.schemas import CompletionOut, CompletionRequest
from chat.protocols.reader import LEFT, OneReaderStream, unless_left
from chat.stream.events import TurnError
from chat.turns.stateless import accept_stateless
from chat.turns.stateless_request import StatelessRequest
from chat.turns.turn_request import TurnRequest
from store.turns import Turn

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between tries of a request whose thread is busy: a client that stops an answer sends its next request at once, and the
replica that hears of both, or of one of them, may learn of the stop last."""
MAX_BODY = 8 * 1_048_576  # bytes: clients send the whole conversation each time
ERRORS = (*(error for error in POST_ERRORS if error is not ContextTooLong), ContextLengthExceeded)
STATUSES = {
    "rate_limited": 429,
    "budget_exceeded": 429,
    "context_too_long": 400,
    "content_filtered": 400,
    "cancelled": 409,
    "internal": 500,
    "upstream_timeout": 504,
    "interrupted": 503,
    "overloaded": 503,
}
"""The status of an answer that failed, where it is not streamed; of all other failures it is 502."""


class ChatCompletions(Resource):
    """The handler of chat completions. `_leaving`: threads whose client has left, until their turn has ended."""

    def __init__(self, deps: Deps) -> None:
        super().__init__(deps)
        self._leaving: dict[tuple[str, str], asyncio.Task[bool]] = {}

    @Endpoint(
        "POST",
        "/v1/chat/completions",
        "Answer a conversation as OpenAI's Chat Completions do, streamed or not; with `Palaver-Thread` as a turn of that thread",
        body=CompletionRequest,
        answers={200: CompletionOut},
        errors=ERRORS,
        streams=True,
        thread_check="by_handler",
        headers={
            "Palaver-Thread": "the thread the conversation is; `X-OpenWebUI-Chat-Id` is the same. Without it nothing is stored",
            "Idempotency-Key": "in a thread: the same key with the same conversation is the same turn; `X-OpenWebUI-Message-Id` is the same",
            "X-OpenWebUI-Task": "a side request of that frontend, answered without the thread",
        },
    )
    async def post(self, request: Request) -> Response:
        thread_id = thread_named(request.headers)
        check_thread(request, thread_id)
        body = await read(request, CompletionRequest, limit=MAX_BODY)
        length = sum(map(text_length, body.messages))
        conversation = await off_loop(length, lambda: conversation_of(body.messages))
        model = None if body.model == AUTO else body.model
        if thread_id is None:
            return await self._by_itself(request, body, conversation, model)
        return await self._in_thread(request, body, conversation, thread_id, model)

    async def _in_thread(
        self,
        request: Request,
        body: CompletionRequest,
        conversation: Conversation,
        thread_id: str,
        model: str | None,
    ) -> Response:
        messages = conversation.messages
        key = await off_loop(conversation.length, lambda: key_of(request.headers, thread_id, messages))
        parsed = ParsedRequest(
            thread_id=thread_id,
            messages=messages,
            instructions=None if principal(request).end_user else conversation.instructions,
            model=model,
            key=key,
        )
        turn, ours = await self._placed(request, parsed)
        has_events(turn)
        batches = _of_frames(turn_frames(self.deps, request, turn))
        left = partial(self._cancel, turn) if ours else _nothing
        return await self._answer(
            request, body, batches, turn.id, turn.created_at, _thread_headers(turn), left
        )

    async def _placed(self, request: Request, parsed: ParsedRequest) -> tuple[Turn, bool]:
        """The turn that answers the last message, and whether this request began it. Raises ThreadBusy, and what `accept` raises."""
        owner_id, who = owner(request), principal(request)
        for pause in (*PAUSES, None):
            await self._stopped(owner_id, parsed.thread_id)
            found = await self.deps.database.read(partial(find, owner_id=owner_id, parsed=parsed, who=who))
            if isinstance(found, Turn):
                return found, False
            try:
                accepted = await self.deps.runner.accept(owner_id, found)
            except ThreadBusy:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return accepted.turn, not accepted.replayed
        raise AssertionError

    async def _by_itself(
        self, request: Request, body: CompletionRequest, conversation: Conversation, model: str | None
    ) -> Response:
        who = principal(request)
        # A frontend's titles and tags are asked for under the name of the chat's model; they are never worth routing.
        requested = model or ("simple" if is_side_request(request.headers) else None)
        turn_request = TurnRequest(
            thread_id="",
            requested_model=requested,
            token=who.token,
            tier=who.tier,
            at_most=who.at_most,
            feature=who.feature,
        )
        answer = await accept_stateless(
            self.deps.runtime,
            StatelessRequest(
                owner_id=owner(request),
                turn_request=turn_request,
                messages=conversation.messages,
                system=conversation.system,
                limit=body.limit,
                stop=body.stops,
            ),
            stopping=self.deps.runner.stopping,
        )
        visit(request).on_revoked = answer.interrupt
        batches = answer.events(SILENCE, self.deps.runner.attach)
        return await self._answer(request, body, batches, answer.id, self.deps.clock.now(), {}, answer.leave)

    async def _answer(
        self,
        request: Request,
        body: CompletionRequest,
        batches: Batches,
        turn_id: str,
        created_at: int,
        headers: dict[str, str],
        left: Callable[[], None],
    ) -> Response:
        """`left` is called when the reader leaves before the answer has ended."""

        def broke_off() -> str:
            return "Your access has ended." if visit(request).revoked else "The server is restarting."

        chunks = Chunks(
            name=f"chatcmpl-{turn_id}",
            created=created_at // 1000,
            answer=Answer(body.model or AUTO),
            with_usage=body.with_usage,
        )
        if body.stream:
            return OneReaderStream(
                stream(batches, chunks, broke_off),
                on_end=lambda: None if chunks.ended else left(),
                headers=headers,
                hooks=self.deps.runtime.caller.hooks,
            )
        answer = asyncio.create_task(whole(batches, chunks, broke_off))
        if not await unless_left(request, answer):
            answer.cancel()
            left()
            return Response(status_code=LEFT)
        made = answer.result()
        if isinstance(made, TurnError):
            # Not repeated by the client itself: it would ask, and pay, again.
            headers = {**headers, "x-should-retry": "false"}
            return JSONResponse(error_of(made), STATUSES.get(made.code, 502), headers)
        return JSONResponse(made, headers=headers)

    def _cancel(self, turn: Turn) -> None:
        """Stop the turn of a client that has left: it has no way to come back."""
        place = turn.owner_id, turn.thread_id
        task = asyncio.create_task(self.deps.runner.cancel_and_wait(turn.owner_id, turn.id))
        self._leaving[place] = task

        def ended(_: asyncio.Task[bool]) -> None:
            if self._leaving.get(place) is task:
                del self._leaving[place]

        task.add_done_callback(ended)

    async def _stopped(self, owner_id: str, thread_id: str) -> None:
        """Wait until the turn of a client that has left the thread has ended: its next request comes at once."""
        leaving = self._leaving.get((owner_id, thread_id))
        if leaving is not None:
            await asyncio.wait([leaving])


def _nothing() -> None:
    """Who only listens to a turn that another request began ends nothing."""


def _thread_headers(turn: Turn) -> dict[str, str]:
    return {"palaver-thread": turn.thread_id, "palaver-turn": turn.id}


async def _of_frames(frames: AsyncGenerator[bytes, None]) -> Batches:
    """The events of a turn's frames."""
    async with aclosing(frames):
        async for data in frames:
            yield () if data == HEARTBEAT else tuple(events_of(data))
