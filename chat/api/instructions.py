"""The instructions of a thread: for the model, in this thread alone, behind the system prompt and before everything else."""

from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import existing, get_thread, json_response, owner
from chat.api.endpoint import Endpoint, Resource, path_id
from chat.api.schemas.instructions import InstructionsChange, InstructionsOut, InstructionsVersionOut
from chat.clock import rfc3339
from chat.errors import NotFound
from context.request.prompts import Instructions
from store import instructions, threads

VERSIONS = 50  # that are shown


class ThreadInstructions(Resource):
    """The handlers of a thread's instructions."""

    @Endpoint(
        "GET",
        "/api/threads/{thread}/instructions",
        "Read the thread's instructions, and what they were before",
        answers={200: InstructionsOut},
        errors=(NotFound,),
        end_users=False,
    )
    async def get(self, request: Request) -> Response:
        found = await self.deps.database.read(
            partial(_read, owner_id=owner(request), thread_id=path_id(request, "thread"))
        )
        return json_response(found)

    @Endpoint(
        "PUT",
        "/api/threads/{thread}/instructions",
        "Set the instructions for the model in this thread alone, from its next turn on",
        body=InstructionsChange,
        answers={200: InstructionsOut},
        errors=(NotFound,),
        end_users=False,
    )
    async def put(self, request: Request) -> Response:
        thread_id = path_id(request, "thread")
        body = await read(request, InstructionsChange)
        return await self._set(owner(request), thread_id, body.text)

    @Endpoint(
        "DELETE",
        "/api/threads/{thread}/instructions",
        "Remove the thread's instructions; earlier versions are kept, so that old turns can be replayed",
        answers={200: InstructionsOut},
        errors=(NotFound,),
        end_users=False,
    )
    async def delete(self, request: Request) -> Response:
        return await self._set(owner(request), path_id(request, "thread"), None)

    async def _set(self, owner_id: str, thread_id: str, text: str | None) -> Response:
        now = self.deps.clock.now()

        def write(connection: Connection) -> InstructionsOut:
            thread = existing(threads.lock(connection, owner_id, thread_id))
            digest = None if text is None else Instructions.of(text).digest
            if digest != thread.instructions_digest:
                instructions.put(connection, owner_id, thread_id, text, after_id=thread.leaf_id, now=now)
            return _read(connection, owner_id, thread_id)

        return json_response(await self.deps.database.write(write))


def _read(connection: Connection, owner_id: str, thread_id: str) -> InstructionsOut:
    thread = get_thread(connection, owner_id, thread_id)
    versions = instructions.versions(connection, owner_id, thread_id, limit=VERSIONS)
    return InstructionsOut(
        digest=thread.instructions_digest,
        text=versions[0].text if versions else None,
        versions=[
            InstructionsVersionOut(
                text=version.text, after_id=version.after_id, set_at=rfc3339(version.set_at)
            )
            for version in versions
        ],
    )
