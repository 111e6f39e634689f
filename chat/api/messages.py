"""Messages: a page of a branch, and feedback on answers."""

from collections.abc import Sequence

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import Deps, get_thread, json_response, owner
from chat.api.endpoint import Endpoint, Resource, path_id, query
from chat.api.schemas.messages import MessageOut, MessageQuery, MessagesOut, Rating
from chat.api.serialize import messages_out
from chat.errors import NotFound
from chat.webhooks import outbox
from store import branches, messages, webhook_deliveries
from store.messages import StoredMessage
from store.webhook_deliveries import NewDelivery

PAGE_TOKENS = 250_000  # about a megabyte of texts on a page, the first message included: written and compressed in 20 ms


class Messages(Resource):
    """The handlers of messages."""

    @Endpoint(
        "GET",
        "/api/threads/{thread}/messages",
        "Read the newest messages of a branch, oldest first; `before` pages back",
        query=MessageQuery,
        answers={200: MessagesOut},
        errors=(NotFound,),
    )
    async def list(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        body = query(request, MessageQuery)

        def read_page(connection: Connection) -> MessagesOut:
            thread = get_thread(connection, owner_id, thread_id)
            leaf = body.leaf or thread.leaf_id
            end = leaf
            for name, message_id in (("leaf", body.leaf), ("before", body.before)):
                if message_id is None:
                    continue
                stored = messages.get(connection, owner_id, message_id, thread_id=thread_id)
                if stored is None:
                    raise NotFound("no such message in this thread", param=name)
                end = stored.message.parent_id if name == "before" else message_id
            rows = []
            if end is not None:
                rows = branches.branch(
                    connection, owner_id, thread_id, end, rows=body.limit, tokens=PAGE_TOKENS
                )
            more = bool(rows) and rows[0].message.parent_id is not None
            return MessagesOut(messages=messages_out(connection, rows), has_more=more, leaf_id=leaf)

        return json_response(await self.deps.database.read(read_page))

    @Endpoint(
        "PUT",
        "/api/messages/{message}/feedback",
        "Rate an answer up or down, or take the rating back",
        body=Rating,
        answers={200: MessageOut},
        errors=(NotFound,),
    )
    async def rate(self, request: Request) -> Response:
        owner_id, message_id = owner(request), path_id(request, "message")
        body = await read(request, Rating)
        webhooks = self.deps.runtime.deployment.webhooks

        def write(connection: Connection) -> MessageOut:
            before = messages.get(connection, owner_id, message_id) if webhooks else None
            if not messages.rate(connection, owner_id, message_id, body.rating):
                raise NotFound("no such message", param="message")
            stored = messages.get(connection, owner_id, message_id)
            if before is not None and before.feedback != body.rating:
                webhook_deliveries.add(connection, _reported(self.deps, before, body.rating))
            return messages_out(connection, [stored] if stored is not None else [])[0]

        return json_response(await self.deps.database.write(write))


def _reported(deps: Deps, rated: StoredMessage, rating: str | None) -> Sequence[NewDelivery]:
    """What webhooks are sent of a new rating."""
    data = {
        "user": rated.owner_id,
        "thread_id": rated.thread_id,
        "turn_id": rated.turn_id,
        "message_id": rated.message.id,
        "model": rated.model,
        "rating": rating,
    }
    return outbox.deliveries(deps.runtime.deployment.webhooks, deps.clock, "feedback", data)
