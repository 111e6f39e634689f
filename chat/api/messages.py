"""Messages: the visible branch page by page, and what people think of answers."""

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from chat.api import schemas
from chat.api.body import read
from chat.api.deps import Deps, answer, owner
from chat.api.endpoint import Endpoint, path_id, query
from chat.api.present import messages_out
from chat.errors import NotFound
from store import messages, threads


class Messages:
    """The handlers of messages."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/api/threads/{thread}/messages",
                handler=self.list,
                summary="The newest messages of a branch, oldest first; `before` pages back",
                query=schemas.MessageQuery,
                answers={200: schemas.MessagesOut},
                errors=(NotFound,),
            ),
            Endpoint(
                method="PUT",
                path="/api/messages/{message}/feedback",
                handler=self.rate,
                summary="Say whether an answer was good",
                body=schemas.Rating,
                answers={200: schemas.MessageOut},
                errors=(NotFound,),
            ),
        ]

    async def list(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        wish = query(request, schemas.MessageQuery)
        async with self.deps.database.reading() as connection:
            thread = await threads.get(connection, owner_id, thread_id)
            if thread is None:
                raise NotFound("no such thread", param="thread")
            leaf = wish.leaf or thread.leaf_id
            end = leaf
            for name, message_id in (("leaf", wish.leaf), ("before", wish.before)):
                if message_id is None:
                    continue
                found = await messages.get(connection, owner_id, message_id, thread_id=thread_id)
                if found is None:
                    raise NotFound("no such message in this thread", param=name)
                end = found.message.parent_id if name == "before" else message_id
            shown = []
            if end is not None:
                shown = await messages.branch(connection, owner_id, thread_id, end, rows=wish.limit)
            more = bool(shown) and shown[0].message.parent_id is not None
            page = schemas.MessagesOut(
                messages=await messages_out(connection, shown), has_more=more, leaf_id=leaf
            )
        return answer(page)

    async def rate(self, request: Request) -> Response:
        owner_id, message_id = owner(request), path_id(request, "message")
        wish = await read(request, schemas.Rating)

        async def write(connection: AsyncConnection) -> schemas.MessageOut:
            if not await messages.rate(connection, owner_id, message_id, wish.rating):
                raise NotFound("no such message", param="message")
            found = await messages.get(connection, owner_id, message_id)
            return (await messages_out(connection, [found] if found is not None else []))[0]

        return answer(await self.deps.database.write(write))
