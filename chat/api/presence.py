"""Presence: a page reports whether its thread is visible, so that the thread's prompt cache is kept alive while somebody reads."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import get_thread, owner
from chat.api.endpoint import Endpoint, Resource, path_id
from chat.api.schemas.presence import PresenceIn
from chat.errors import NotFound


class Presence(Resource):
    """The handler of a thread's presence."""

    @Endpoint(
        "POST",
        "/api/threads/{thread}/presence",
        "Report whether the page that shows the thread is visible, open in the background, or gone",
        body=PresenceIn,
        answers={204: None},
        errors=(NotFound,),
    )
    async def report(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        body = await read(request, PresenceIn)
        await self.deps.database.read(partial(get_thread, owner_id=owner_id, thread_id=thread_id))
        self.deps.keepalives.report_presence(owner_id, thread_id, body.state)
        return Response(status_code=204)
