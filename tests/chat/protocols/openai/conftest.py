"""Real clients of the shared house."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI

from tests.palaver import Palaver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def openai_client(shared: Palaver) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{shared.url}/v1", api_key="none") as client:
        yield client


@pytest.fixture(scope="module")
def blocking_client(shared: Palaver) -> Iterator[OpenAI]:
    """To be used in a thread: the server runs in this one."""
    with OpenAI(base_url=f"{shared.url}/v1", api_key="none") as client:
        yield client
