"""The AI SDK's routes: post a message and stream the answer, come back to it, stop it. The chat's id is the thread's."""

from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import get_thread, owner, principal, visit
from chat.api.endpoint import Endpoint, Resource
from chat.api.event_stream import EventStream
from chat.api.token_limits import check_thread
from chat.api.turn_stream import POST_ERRORS, has_events, turn_frames
from chat.errors import NotFound
from chat.protocols.ai_sdk.chunks import HEADERS, stream
from chat.protocols.ai_sdk.message import find, parse_request
from chat.protocols.ai_sdk.schemas import ChatRequest
from chat.protocols.thread_ids import thread_of
from store import messages, threads, turns
from store.turns import Turn

TEXT = "text/plain"
REPLAYED_FOR = 60_000  # milliseconds: whose connection broke near the end comes back within it


class AiSdkChat(Resource):
    """The handlers of chats."""

    @Endpoint(
        "POST",
        "/api/ai-sdk/chat",
        "Send the last message of the user, an edit of it, or ask for another answer; streams the answer as the AI SDK's UI message stream",
        body=ChatRequest,
        answers={200: None},
        errors=POST_ERRORS,
        streams=True,
        error_media=TEXT,
        thread_check="by_handler",
    )
    async def post(self, request: Request) -> Response:
        parsed = parse_request(await read(request, ChatRequest))
        check_thread(request, parsed.thread_id)
        found = await self.deps.database.read(
            partial(find, owner_id=owner(request), parsed=parsed, who=principal(request))
        )
        turn = (
            found if isinstance(found, Turn) else (await self.deps.runner.accept(owner(request), found)).turn
        )
        has_events(turn)
        return self._stream(request, turn)

    @Endpoint(
        "GET",
        "/api/ai-sdk/chat/{thread}/stream",
        "Come back to the answer that is being written, or ended within the last minute, from its beginning; 204 when there is none",
        answers={200: None, 204: None},
        streams=True,
        error_media=TEXT,
        thread_check="by_handler",
    )
    async def resume(self, request: Request) -> Response:
        thread_id, who = thread_of(str(request.path_params["thread"])), owner(request)
        check_thread(request, thread_id)
        since = self.deps.clock.now() - REPLAYED_FOR
        turn = await self.deps.database.read(partial(_newest, owner_id=who, thread_id=thread_id, since=since))
        return Response(status_code=204) if turn is None else self._stream(request, turn)

    @Endpoint(
        "POST",
        "/api/ai-sdk/chat/{thread}/stop",
        "Stop the answer that is being written; the text so far is kept",
        answers={204: None},
        errors=(NotFound,),
        error_media=TEXT,
        thread_check="by_handler",
    )
    async def stop(self, request: Request) -> Response:
        who = owner(request)
        thread_id = thread_of(str(request.path_params["thread"]))
        check_thread(request, thread_id)
        thread = await self.deps.database.read(partial(get_thread, owner_id=who, thread_id=thread_id))
        if thread.running_turn_id is not None:
            await self.deps.runner.cancel_and_wait(who, thread.running_turn_id)
        return Response(status_code=204)

    def _stream(self, request: Request, turn: Turn) -> Response:
        def broke_off() -> str:
            if visit(request).revoked:
                return "Your access has ended."
            if self.deps.runner.draining.is_set():
                return "The server is restarting. Reload to see the rest of the answer."
            return "The answer cannot be followed any longer. Reload to see what there is of it."

        frames = stream(turn_frames(self.deps, request, turn), broke_off)
        headers = {**HEADERS, "x-resumable-stream-id": turn.thread_id}
        return EventStream(frames, headers=headers, hooks=self.deps.runtime.caller.hooks)


def _newest(connection: Connection, owner_id: str, thread_id: str, since: int) -> Turn | None:
    """The turn at the end of the visible branch, if it runs or ended after `since` (milliseconds) and its log is kept."""
    # The chat of a page that was just opened is none yet: the client takes any status but 204 for a failure.
    thread = threads.get(connection, owner_id, thread_id)
    leaf = None if thread is None else thread.leaf_id
    stored = None if leaf is None else messages.get(connection, owner_id, leaf)
    turn = None if stored is None else turns.get(connection, owner_id, stored.turn_id)
    if turn is None or turn.status == "running":
        return turn
    return turn if turn.log_kept and (turn.finished_at or 0) > since else None
