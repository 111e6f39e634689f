"""A receiver of webhooks on loopback: it answers with scripted statuses, and keeps what it was sent once the signature is verified."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from tests.waiting import LIMIT

SECRET = "a-secret-of-sixteen-or-more"
TOLERANCE = 240  # seconds the library lets a signature be off, with some for a busy machine


@dataclass(slots=True)
class Receiver:
    """`statuses` come first, then 204; None leaves without an answer. `held`: answers wait until it is set."""

    url: str = ""
    secret: str = SECRET
    statuses: list[int | None] = field(default_factory=list)
    held: asyncio.Event | None = None
    endless: bool = False
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {
                    name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:-2])
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                async with self.changed:
                    self.got.append((headers, body))
                    self.changed.notify_all()
                if self.held is not None:
                    await self.held.wait()
                status = self.statuses.pop(0) if self.statuses else 200 if self.endless else 204
                if status is None:
                    return
                where = f"location: {self.url}elsewhere\r\n" if 300 <= status < 400 else ""
                length = "" if self.endless else "content-length: 0\r\n"
                writer.write(f"HTTP/1.1 {status} Said\r\n{where}{length}\r\n".encode())
                while self.endless:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was sent, each with a signature that the library accepts."""
        return [verified(self.secret, headers, body) for headers, body in self.got]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    async def received(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many have come."""
        async with asyncio.timeout(LIMIT), self.changed:
            await self.changed.wait_for(lambda: len(self.got) >= count)
        return self.bodies

    async def received_type(self, event: str) -> dict[str, Any]:
        """Wait for an event of this type."""
        async with asyncio.timeout(LIMIT), self.changed:
            await self.changed.wait_for(lambda: event in self.types)
        return next(body for body in self.bodies if body["type"] == event)

    def setting(self, name: str = "crm", **more: Any) -> dict[str, Any]:
        """The receiver as a `[[webhooks]]` entry."""
        return {"name": name, "url": self.url, "secret": self.secret, "allow_private": True, **more}


def verified(secret: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The payload of a request. By the library: also where the clock of a test is days ahead, which it would not accept."""
    assert headers["content-type"] == "application/json"
    webhook = Webhook(secret if secret.startswith("whsec_") else secret.encode())
    stamp = int(headers["webhook-timestamp"])
    if abs(stamp - time.time()) < TOLERANCE:
        webhook.verify(body, headers)
    signed = webhook.sign(headers["webhook-id"], datetime.fromtimestamp(stamp, UTC), body.decode())
    assert headers["webhook-signature"] == signed
    payload: dict[str, Any] = json.loads(body)
    return payload


@asynccontextmanager
async def receiver(*statuses: int | None, port: int = 0, secret: str = SECRET) -> AsyncIterator[Receiver]:
    """A receiver until the block ends."""
    hook = Receiver(statuses=list(statuses), secret=secret)
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(hook.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/planted-in-the-path?key=planted"
    try:
        yield hook
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
