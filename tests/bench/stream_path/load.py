"""Readers as cheap as they can be, so that this process does not decide what is measured."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

LAST = "the-end"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """One request whose answer is read to its end."""

    port: int
    path: str
    body: Any
    headers: tuple[str, ...] = ()


async def read_all(requests: list[StreamRequest]) -> None:
    """Send all requests at once and read every answer to its end. Each must contain the model's last word."""
    bodies = await asyncio.gather(*map(_read, requests))
    for body in bodies:
        assert LAST.encode() in body, body[-400:]


async def _read(request: StreamRequest) -> bytes:
    body = json.dumps(request.body).encode()
    lines = [
        f"POST {request.path} HTTP/1.1",
        "host: 127.0.0.1",
        "connection: close",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *request.headers,
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", request.port)
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
