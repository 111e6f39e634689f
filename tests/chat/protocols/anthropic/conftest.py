"""The clients of the `anthropic` package, against a running server."""

from collections.abc import AsyncIterator

import anthropic
import pytest

from tests.palaver import Palaver


@pytest.fixture
async def client(app: Palaver) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key="any", base_url=app.url, max_retries=0) as opened:
        yield opened
