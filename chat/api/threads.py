"""Threads: create, list, read, change, delete."""

from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import existing, external, get_thread, json_response, owner, principal
from chat.api.endpoint import Endpoint, Resource, path_id, query
from chat.api.report import report
from chat.api.schemas.threads import NewThread, ThreadChange, ThreadOut, ThreadQuery, ThreadsOut
from chat.api.serialize import thread_out
from chat.api.token_limits import FOR_HOSTS, check_thread
from chat.background import jobs
from chat.errors import Forbidden, NotFound, QueryTimeout, ThreadBusy
from chat.webhooks import outbox
from store import branches, instructions, messages, threads, webhook_deliveries
from store.erase import erase_deleted
from store.threads import Thread


class Threads(Resource):
    """The handlers of `/api/threads`."""

    @Endpoint(
        "POST",
        "/api/threads",
        "Create a thread; an id that exists answers 200 with that thread, unchanged",
        body=NewThread,
        answers={201: ThreadOut, 200: ThreadOut},
        thread_check="by_handler",
    )
    async def create(self, request: Request) -> Response:
        body = await read(request, NewThread)
        check_thread(request, body.id)
        if body.instructions is not None and principal(request).end_user:
            raise Forbidden(FOR_HOSTS)
        owner_id, thread_id = owner(request), body.id or self.deps.clock.new_id("thr")
        now, instructions_text = self.deps.clock.now(), body.instructions or principal(request).instructions
        endpoints = self.deps.runtime.deployment.webhooks
        reported = outbox.thread_created(endpoints, self.deps.clock, owner_id, thread_id)

        def write(connection: Connection) -> tuple[bool, Thread | None]:
            created = threads.create(
                connection, owner_id, thread_id, now=now, title=body.title, metadata=body.metadata
            )
            if created and instructions_text is not None:
                instructions.put(connection, owner_id, thread_id, instructions_text, after_id=None, now=now)
            if created:
                webhook_deliveries.add(connection, reported)
            return created, threads.get(connection, owner_id, thread_id)

        created, thread = await self.deps.database.write(write)
        return json_response(
            thread_out(existing(thread)),
            201 if created else 200,
            {"location": external(request, f"/api/threads/{thread_id}")},
        )

    @Endpoint(
        "GET",
        "/api/threads",
        "List threads, most recently changed first",
        query=ThreadQuery,
        answers={200: ThreadsOut},
        errors=(QueryTimeout,),
    )
    async def list(self, request: Request) -> Response:
        body = query(request, ThreadQuery)
        after = None
        if body.cursor is not None:
            at, _, thread_id = body.cursor.partition(":")
            after = (int(at), thread_id)
        find = partial(
            threads.page,
            owner_id=owner(request),
            limit=body.limit + 1,
            after=after,
            archived=body.archived,
            title_contains=body.q,
        )
        # Without words to look for, an index has the answer.
        database, titled = self.deps.database, body.q is not None
        page = await (report(database, request, find) if titled else database.read(find))
        last = page[body.limit - 1] if len(page) > body.limit else None
        cursor = None if last is None else f"{last.updated_at}:{last.id}"
        rows = page[: body.limit]
        return json_response(ThreadsOut(threads=[thread_out(thread) for thread in rows], next_cursor=cursor))

    @Endpoint("GET", "/api/threads/{thread}", "Read one thread", answers={200: ThreadOut}, errors=(NotFound,))
    async def get(self, request: Request) -> Response:
        thread = await self.deps.database.read(
            partial(get_thread, owner_id=owner(request), thread_id=path_id(request, "thread"))
        )
        return json_response(thread_out(thread))

    @Endpoint(
        "PATCH",
        "/api/threads/{thread}",
        "Change a thread: title, archived, read, pinned tier, metadata, visible branch",
        body=ThreadChange,
        answers={200: ThreadOut},
        errors=(NotFound, ThreadBusy),
    )
    async def change(self, request: Request) -> Response:
        thread_id = path_id(request, "thread")
        body = await read(request, ThreadChange)
        owner_id, now = owner(request), self.deps.clock.now()

        def write(connection: Connection) -> Thread | None:
            thread = existing(threads.lock(connection, owner_id, thread_id))
            values: threads.Changes = {}
            if body.title is not None:
                values |= {"title": body.title, "title_source": "user"}
            if body.archived is not None:
                values["archived_at"] = now if body.archived else None
            if body.metadata is not None:
                values["meta"] = body.metadata
            if body.tier is not None:
                values["tier_pin"] = None if body.tier == "auto" else body.tier
            if body.leaf_id is not None:
                values["leaf_id"] = self._leaf(connection, thread, body.leaf_id)
            if values:
                threads.change(connection, owner_id, thread_id, **values)
            if body.read:
                threads.mark_read(connection, owner_id, thread_id)
            return threads.get(connection, owner_id, thread_id)

        return json_response(thread_out(existing(await self.deps.database.write(write))))

    @Endpoint(
        "DELETE",
        "/api/threads/{thread}",
        "Delete a thread with everything in it; a running turn is cancelled first",
        answers={204: None},
        errors=(NotFound, ThreadBusy),
    )
    async def delete(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        thread = await self.deps.database.read(partial(get_thread, owner_id=owner_id, thread_id=thread_id))
        running = thread.running_turn_id
        if running is not None and not await self.deps.runner.cancel_and_wait(owner_id, running):
            raise ThreadBusy("the thread's running turn has not stopped yet; try again", retry_after=3)

        def write(connection: Connection) -> bool:
            current = threads.lock(connection, owner_id, thread_id)
            if current is not None and current.running_turn_id is not None:
                raise ThreadBusy("a new turn has just begun in the thread; try again", retry_after=3)
            return threads.remove(connection, owner_id, thread_id)

        if not await self.deps.database.write(write):
            raise NotFound("no such thread")
        self.deps.runtime.outlines.forget(owner_id, thread_id)
        self.deps.scheduler.start_again(jobs.ERASURE, partial(erase_deleted, self.deps.database))
        return Response(status_code=204)

    def _leaf(self, connection: Connection, thread: Thread, message_id: str) -> str:
        if thread.running_turn_id is not None:
            raise ThreadBusy("the visible branch cannot change while an answer is being written")
        if messages.get(connection, thread.owner_id, message_id, thread_id=thread.id) is None:
            raise NotFound("no such message in this thread", param="leaf_id")
        return branches.newest_leaf(connection, thread.owner_id, thread.id, message_id)
