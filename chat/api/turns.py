"""Turns: post a message, follow the answer, read the turn, cancel it, see its request and its context report."""

import json
import re
from dataclasses import asdict
from functools import partial
from typing import Literal

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import external, json_response, owner, principal
from chat.api.endpoint import Endpoint, Resource, header, path_id, query
from chat.api.event_stream import EventStream
from chat.api.schemas.fields import ID_PATTERN
from chat.api.schemas.turns import (
    CallOut,
    ContextOut,
    FollowQuery,
    NewTurn,
    RequestOut,
    TurnAccepted,
    TurnOut,
)
from chat.api.serialize import accepted_out, turn_out
from chat.api.turn_stream import POST_ERRORS, has_events, turn_frames
from chat.auth.principal import Principal
from chat.errors import (
    BadRequest,
    LogExpired,
    NotFound,
)
from chat.planning.replay import CannotReplay, replay
from chat.turns.turn_request import TurnRequest
from context.planning.stored_plan import StoredPlan
from context.request.request import digest
from store import events as store_events
from store import turns
from store.ledger import entries
from store.turns import Turn

KEY_PATTERN = r"[\x21-\x7e]{1,200}"
CURSOR_PATTERN = r"[0-9]{1,9}"


class Turns(Resource):
    """The handlers of turns."""

    @Endpoint(
        "POST",
        "/api/threads/{thread}/turns",
        "Start a turn: send a message, regenerate an answer, or continue one that broke off; `Accept: text/event-stream` answers with the event stream",
        body=NewTurn,
        answers={202: TurnAccepted, 200: TurnAccepted, 204: None},
        errors=POST_ERRORS,
        headers={
            "Idempotency-Key": "the same key with the same body is the same turn",
            "Last-Event-ID": "the last seq received",
        },
        sends_events=True,
    )
    async def post(self, request: Request) -> Response:
        thread_id = str(request.path_params["thread"])
        if not re.fullmatch(ID_PATTERN, thread_id):
            raise BadRequest("thread: an id has 1 to 128 letters, digits or ._:~-", param="thread")
        key = header(request, "idempotency-key", KEY_PATTERN)
        cursor = _cursor(request, 0)
        body = await read(request, NewTurn)
        turn_request = _turn_request(thread_id, body, key, principal(request))
        accepted = await self.deps.runner.accept(owner(request), turn_request)
        turn = accepted.turn
        headers = {"location": external(request, f"/api/turns/{turn.id}/events")}
        if accepted.replayed:
            headers["idempotency-replayed"] = "true"
        # This route alone answers in two forms: JSON, or the stream itself.
        if "text/event-stream" in request.headers.get("accept", ""):
            return self._stream(request, turn, cursor, headers)
        return json_response(accepted_out(turn), 200 if accepted.replayed else 202, headers)

    @Endpoint(
        "GET",
        "/api/turns/{turn}",
        "Read a turn: its status, its answer, its usage; final once the turn has ended",
        answers={200: TurnOut},
        errors=(NotFound,),
    )
    async def get(self, request: Request) -> Response:
        turn = await self._turn(request)
        live = self.deps.runner.live(turn.id) if turn.status == "running" else None

        def read_turn(connection: Connection) -> TurnOut:
            last = turn.last_seq
            if live is not None:
                last = live.last
            elif turn.status == "running":
                last = store_events.last_seq(connection, turn.owner_id, turn.id)
            return turn_out(connection, turn, last)

        return json_response(await self.deps.database.read(read_turn))

    @Endpoint(
        "GET",
        "/api/turns/{turn}/events",
        "Follow a turn's events after a cursor; 204 when the turn has ended and nothing is left",
        query=FollowQuery,
        answers={200: None, 204: None},
        errors=(NotFound, LogExpired),
        sends_events=True,
        headers={"Last-Event-ID": "the last seq received; if `after` is given too, the larger wins"},
    )
    async def events(self, request: Request) -> Response:
        cursor = _cursor(request, query(request, FollowQuery).after)
        return self._stream(request, await self._turn(request), cursor, {})

    @Endpoint(
        "POST",
        "/api/turns/{turn}/cancel",
        "Cancel a turn; the text so far is kept",
        answers={202: TurnAccepted},
        errors=(NotFound,),
    )
    async def cancel(self, request: Request) -> Response:
        turn = await self._turn(request)
        await self.deps.runner.cancel(owner(request), turn.id)
        return json_response(accepted_out(turn), 202)

    @Endpoint(
        "GET",
        "/api/turns/{turn}/request",
        "Rebuild the exact request that was sent to the model; `exact`: its digest equals the stored one",
        answers={200: RequestOut},
        errors=(NotFound,),
        end_users=False,
    )
    async def request_sent(self, request: Request) -> Response:
        turn = await self._turn(request)
        try:
            body = await self.deps.database.read(lambda connection: replay(connection, turn).body)
        except CannotReplay as problem:
            raise NotFound(f"the request cannot be rebuilt: {problem}", param="turn") from None
        plan = StoredPlan.of(turn.plan)
        stored = None if plan is None else plan.digest
        return json_response(
            RequestOut(
                turn_id=turn.id, digest=digest(body), exact=digest(body) == stored, request=json.loads(body)
            )
        )

    @Endpoint(
        "GET",
        "/api/turns/{turn}/context",
        "The context report: what the request contained and why, estimated and actual usage of each call",
        answers={200: ContextOut},
        errors=(NotFound,),
    )
    async def context(self, request: Request) -> Response:
        turn = await self._turn(request)
        rows = await self.deps.database.read(
            partial(entries.of_turn, owner_id=turn.owner_id, turn_id=turn.id)
        )
        calls = [
            CallOut(
                purpose=row.purpose,
                model=row.response_model or row.requested_model,
                outcome=row.outcome,
                actual_usage=asdict(row.usage),
                estimated_usage=row.estimated_usage,
                cache_miss=row.cache_miss,
                cost_usd=None if row.cost is None else format(row.cost, "f"),
            )
            for row in rows
        ]
        return json_response(ContextOut(turn_id=turn.id, plan=turn.plan, calls=calls))

    async def _turn(self, request: Request) -> Turn:
        turn = await self.deps.database.read(
            partial(turns.get, owner_id=owner(request), turn_id=path_id(request, "turn"))
        )
        if turn is None:
            raise NotFound("no such turn", param="turn")
        return turn

    def _stream(self, request: Request, turn: Turn, cursor: int, headers: dict[str, str]) -> Response:
        if not has_events(turn, cursor):
            # Only a 204 stops an EventSource from reconnecting.
            return Response(status_code=204, headers=headers)
        frames = turn_frames(self.deps, request, turn, cursor)
        return EventStream(frames, headers=headers, hooks=self.deps.runtime.caller.hooks)


def _turn_request(thread_id: str, body: NewTurn, key: str | None, who: Principal) -> TurnRequest:
    parent: Literal["leaf", "root"] | tuple[str] = "leaf"
    if "parent_id" in body.model_fields_set:
        parent = "root" if body.parent_id is None else (body.parent_id,)
    return TurnRequest(
        thread_id=thread_id,
        text=None if body.input is None else body.input.joined,
        user_message_id=None if body.input is None else body.input.message_id,
        parent=parent,
        regenerate=body.regenerate,
        continues=body.continue_,
        requested_model=body.model,
        token=who.token,
        tier=who.tier,
        at_most=who.at_most,
        default_instructions=who.instructions,
        feature=who.feature or body.feature,
        idempotency_key=key,
        metadata=body.metadata or {},
    )


def _cursor(request: Request, after: int) -> int:
    """The larger of the two cursors: an EventSource that reconnects repeats its first URL, with an old `after`."""
    last_event_id = header(request, "last-event-id", CURSOR_PATTERN)
    return max(after, int(last_event_id or 0))
