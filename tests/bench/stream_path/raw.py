"""The least a server in front of the model can do: pass bytes on as they come and keep nothing. `python -m tests.bench.stream_path.raw PORT`."""

import os
import sys
from collections.abc import AsyncIterator

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

client = httpx2.AsyncClient(
    base_url=os.environ["ANTHROPIC_BASE_URL"],
    headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"},
    limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
    timeout=600,
    trust_env=False,
)


async def messages(request: Request) -> Response:
    body = await request.body()

    async def passed_on() -> AsyncIterator[bytes]:
        async with client.stream("POST", "/v1/messages", content=body) as response:
            async for data in response.aiter_raw():
                yield data

    return StreamingResponse(passed_on(), media_type="text/event-stream")


app = Starlette(routes=[Route("/v1/messages", messages, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, backlog=4096)
