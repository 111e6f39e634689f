"""Steps of the stories that come from outside: pages of other origins, another program's lock, calls that nobody answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from store import sqlite
from tests.palaver import Palaver
from tests.stateful.model import ModelThread, ModelTurn
from tests.stateful.readers import until_written

FOREIGN: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
)


@asynccontextmanager
async def locked(database: Path) -> AsyncIterator[None]:
    """Another program holds the write lock of the database."""
    other = await asyncio.to_thread(
        sqlite.driver().connect, database, isolation_level=None, check_same_thread=False
    )
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def post_while_locked(
    app: Palaver, database: Path, path: str, key: str, question: str, running: list[ModelTurn], *, long: bool
) -> httpx.Response:
    """Post while another program has the lock; answers go on meanwhile. `long`: until the post is refused, then again with its key."""
    headers = {"idempotency-key": key}
    body = {"input": {"text": question}}
    for turn in running:
        await until_written(turn.plan.gate)  # its call has begun: what it needs to begin is stored
    async with locked(database):
        posting = asyncio.create_task(app.http.post(path, json=body, headers=headers))
        for turn in running:
            if turn.plan.left:
                turn.plan.left -= 1
                turn.plan.gate.release()
                await until_written(turn.plan.gate)
        assert (await app.http.get("/api/threads")).status_code == 200, "reading needs no lock"
        if long:
            refused = await posting
            assert (refused.status_code, refused.json()["error"]["retryable"]) == (503, True), refused.text
    return await app.http.post(path, json=body, headers=headers) if long else await posting


async def send_foreign(
    app: Palaver, thread: ModelThread, turn: ModelTurn | None, headers: dict[str, str]
) -> None:
    """All that changes something, as another site's page can send it: each is refused."""
    requests = [
        ("POST", f"/api/threads/{thread.id}/turns", {"input": {"text": "q0 from elsewhere"}}),
        ("POST", f"/api/threads/{thread.id}/summary/compact", None),
        ("PATCH", f"/api/threads/{thread.id}", {"title": "Taken over"}),
        ("DELETE", f"/api/threads/{thread.id}", None),
    ]
    if turn is not None:
        requests.append(("POST", f"/api/turns/{turn.id}/cancel", None))
    for method, path, body in requests:
        answer = await app.http.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), (method, path)
    assert (await app.get(f"/api/threads/{thread.id}"))["title"] != "Taken over"
    if turn is not None:
        assert (await app.turn(turn.id))["status"] == turn.status
