"""A proxy that is not trusted is worth a warning, once."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.palaver import palaver
from tests.upstream import Simulator


@pytest.mark.parametrize(("trusted", "warnings"), [("", 1), ("127.0.0.1", 0)])
async def test_a_proxy_that_is_not_trusted_is_named_once(tmp_path: Path, trusted: str, warnings: int) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, trusted_proxies=trusted) as app:
        with capture_logs() as lines:
            await app.http.get("/api/threads")
            for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
                await app.http.get("/api/threads", headers={header: "10.1.1.1"})
    logged = [line for line in lines if line["event"] == "rate_limit.proxy_not_trusted"]
    assert len(logged) == warnings
