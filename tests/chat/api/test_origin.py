"""Who may send a request: known names only while no token is set, and no page of another origin."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chat.api.middleware.origin import host_name
from tests.chat.errors import assert_error
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "a-token-of-at-least-sixteen"
PAGE = "https://app.example.com"
FOREIGN = "https://evil.example"
UNSAFE = [
    ("POST", "/api/threads/t/summary/compact"),
    ("POST", "/api/turns/some-id/cancel"),
    ("POST", "/api/threads/t/turns"),
    ("DELETE", "/api/threads/t"),
    ("PUT", "/api/messages/m/feedback"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    """A Palaver with a token and one page of another origin that may use it."""
    folder = tmp_path_factory.mktemp("guarded")
    async with Simulator() as sim, palaver(folder, sim, token=TOKEN, cors_origins=PAGE) as app:
        yield app


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8100", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::1", "0.0.0.0"]
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/threads", "/", "/openapi.json", "/healthz"])
async def test_without_a_token_an_unknown_host_is_refused(house: Palaver, host: str, path: str) -> None:
    assert_error(await house.http.get(path, headers={"host": host}), 403, "forbidden")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8100", "localhost.:1", "127.0.0.1:80", "127.8.9.1", "[::1]:8100", "palaver.localhost"]
)  # fmt: skip
async def test_without_a_token_the_names_of_loopback_are_served(house: Palaver, host: str) -> None:
    assert (await house.http.get("/api/threads", headers={"host": host})).status_code == 200


async def test_a_setting_names_further_hosts(tmp_path: Path) -> None:
    hosts = "chat.example.com, Other.Example:8443"
    async with Simulator() as sim, palaver(tmp_path, sim, allowed_hosts=hosts) as app:
        for host in ("chat.example.com", "CHAT.example.com:443", "other.example"):
            assert (await app.http.get("/api/threads", headers={"host": host})).status_code == 200
        assert_error(await app.http.get("/api/threads", headers={"host": "a.chat.example.com"}), 403)


async def test_with_a_token_any_host_is_served(guarded: Palaver) -> None:
    assert (await guarded.http.get("/api/threads", headers={"host": "chat.example.com"})).status_code == 200


@pytest.mark.parametrize(("method", "path"), UNSAFE)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": FOREIGN, "sec-fetch-site": "cross-site"},
    ],
)
async def test_what_another_origins_page_sends_changes_nothing(
    house: Palaver, guarded: Palaver, method: str, path: str, headers: dict[str, str]
) -> None:
    for app in (house, guarded):
        assert_error(await app.http.request(method, path, headers=headers), 403, "forbidden")


async def test_the_own_page_and_programs_are_served(house: Palaver) -> None:
    own = f"http://127.0.0.1:{httpx.URL(house.url).port}"
    for number, headers in enumerate(
        [
            {},
            {"origin": own},
            {"origin": own, "sec-fetch-site": "same-origin"},
            {
                "origin": "https://chat.example.com",
                "sec-fetch-site": "same-origin",
            },  # a proxy sent another Host
            {"sec-fetch-site": "none"},
            {"origin": "http://localhost", "host": "localhost:80"},
        ]
    ):
        body = {"input": {"text": "Hello"}}
        answer = await house.http.post(f"/api/threads/own-{number}/turns", json=body, headers=headers)
        assert answer.status_code == 202, (headers, answer.text)


async def test_a_page_that_cors_names_is_served(guarded: Palaver) -> None:
    headers = {"origin": PAGE, "sec-fetch-site": "cross-site"}
    answer = await guarded.http.post("/api/threads/t/turns", json={"input": {"text": "Hi"}}, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_reading_needs_no_known_origin(house: Palaver) -> None:
    answer = await house.http.get("/api/threads", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200, "a link from another site opens the page"


async def test_a_browser_opens_the_documents_although_a_token_is_set(guarded: Palaver) -> None:
    async with httpx.AsyncClient(base_url=guarded.url, trust_env=False) as stranger:
        for path in ("/docs", "/openapi.json"):
            assert (await stranger.get(path)).status_code == 200


@pytest.mark.parametrize("settings", [{}, {"token": TOKEN}])
async def test_a_setting_closes_the_documents(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, docs=False, **settings) as app:
        for path in ("/docs", "/openapi.json"):
            assert_error(await app.http.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("A.example:1", "a.example"),
        ("::1", "::1"),
        ("[::1]:5", "::1"),
        ("[::1]x", ""),
        ("a@b", ""),
        (" a. ", "a"),
    ],
)
async def test_the_name_in_a_host(host: str, name: str) -> None:
    assert host_name(host) == name
