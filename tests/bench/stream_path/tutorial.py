"""The chat backend that tutorials show: sse-starlette and the SDK's `text_stream`. `python -m tests.bench.stream_path.tutorial PORT`."""

import json
import sys
from collections.abc import AsyncIterator

import uvicorn
from anthropic import AsyncAnthropic
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

client = AsyncAnthropic()


async def chat(request: Request) -> Response:
    message = (await request.json())["message"]

    async def events() -> AsyncIterator[dict[str, str]]:
        async with client.messages.stream(
            model="claude-sonnet-5-5", max_tokens=16_000, messages=[{"role": "user", "content": message}]
        ) as stream:
            async for text in stream.text_stream:
                yield {"data": json.dumps({"text": text})}

    return EventSourceResponse(events())


app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, backlog=4096)
