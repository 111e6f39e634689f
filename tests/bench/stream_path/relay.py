"""The least a server in front of the model can do: pass the text on, keep nothing. `python -m tests.bench.stream_path.relay PORT`."""

import sys
from collections.abc import AsyncIterator

import uvicorn
from anthropic import AsyncAnthropic, DefaultAioHttpClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

client = AsyncAnthropic(max_retries=0, http_client=DefaultAioHttpClient())


async def chat(request: Request) -> Response:
    message = (await request.json())["text"]

    async def words() -> AsyncIterator[str]:
        async with client.messages.stream(
            model="claude-sonnet-5-5", max_tokens=16_000, messages=[{"role": "user", "content": message}]
        ) as stream:
            async for text in stream.text_stream:
                yield text

    return StreamingResponse(words(), media_type="text/plain")


app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, loop="uvloop")
