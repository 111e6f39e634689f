"""Everything works under a path: with `PALAVER_BASE_PATH`, behind a real nginx that takes the path off, and behind one that does not."""

import gzip
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
import pytest_asyncio
from starlette.types import Message, Receive, Scope, Send

from chat.api import page
from chat.api.middleware.base_path import BasePath
from tests.chat.errors import assert_error
from tests.nginx import Prefix, nginx
from tests.palaver import PLAIN, Palaver, palaver
from tests.sse import read_events, text_of
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

INDEX = (
    '<!doctype html><title>Palaver</title><link href="/assets/page-1.css"><script src="/assets/page-1.js"></script>'
    '<a href="/docs">docs</a><a href="//other.example">other</a>'
)
TRUSTED = "127.0.0.1"
UNTRUSTED = "10.9.8.7"


@pytest.fixture(scope="module", autouse=True)
def dist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A page that was built."""
    folder = tmp_path_factory.mktemp("dist")
    (folder / "assets").mkdir()
    for name in ("index.html", "docs.html"):
        (folder / name).write_text(INDEX)
    (folder / "index.html.gz").write_bytes(gzip.compress(INDEX.encode()))
    for name in ("page-1.js", "page-1.css"):
        (folder / "assets" / name).write_text("/* of the page */")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "DIST", folder)
        yield


@asynccontextmanager
async def seen_from(app: Palaver, url: str) -> AsyncIterator[Palaver]:
    """The same server at another URL."""
    async with httpx.AsyncClient(base_url=url, timeout=LIMIT, trust_env=False, verify=PLAIN) as http:
        yield replace(app, url=url, http=http)


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["own", "taken off", "passed on", "taken off, own"]
)
async def placed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Palaver]:
    """A Palaver that the world sees under `/chat`."""
    folder = tmp_path_factory.mktemp("placed")
    how: str = request.param
    settings: dict[str, Any] = {} if how == "taken off" else {"base_path": "/chat"}
    if how.startswith("taken off"):
        settings["trusted_proxies"] = TRUSTED
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(Simulator())
        app = await stack.enter_async_context(palaver(folder, sim, metrics=True, **settings))
        if how != "own":
            server = urlsplit(app.url).netloc
            prefix: Prefix = "passed on" if how == "passed on" else "taken off"
            url = stack.enter_context(nginx(folder / "nginx", server, prefix))
            app = await stack.enter_async_context(seen_from(app, url))
        yield app


async def test_the_page_finds_its_files_and_itself(placed: Palaver) -> None:
    for path in ("/", "/t/some-thread", "/usage"):
        index = await placed.http.get(path)
        assert index.status_code == 200
        found = re.findall(r'(?:src|href)="([^"]+)"', index.text)
        assert found == [
            "/chat/assets/page-1.css",
            "/chat/assets/page-1.js",
            "/chat/docs",
            "//other.example",
        ]
        for asset in found[:3]:
            assert (await placed.http.get(urljoin(str(index.url), asset))).status_code == 200, asset
        again = await placed.http.get(path, headers={"if-none-match": index.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = await placed.http.get(path, headers={"accept-encoding": "identity"})
        assert plain.text == index.text
        assert plain.headers["etag"] != index.headers["etag"]
        assert "base-uri 'none'" in index.headers["content-security-policy"]


async def test_health_metrics_and_the_description_are_under_the_path(placed: Palaver) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await placed.http.get(path)).status_code == 200, path
    document = await placed.get("/openapi.json")
    assert document["servers"] == [{"url": "/chat"}]
    docs = await placed.http.get("/docs")
    assert 'src="/chat/assets/' in docs.text
    assert '="/assets/' not in docs.text


async def test_every_location_can_be_followed(placed: Palaver) -> None:
    made = await placed.http.post("/api/threads", json={"id": "located"})
    assert made.headers["location"] == "/chat/api/threads/located"
    thread = await placed.http.get(urljoin(placed.url, made.headers["location"]))
    assert thread.json()["id"] == "located"
    placed.sim.script(Reply(text="Here.", thinking=""))
    posted = await placed.http.post("/api/threads/located/turns", json={"input": {"text": "Where?"}})
    url = urljoin(placed.url, posted.headers["location"])
    async with placed.http.stream("GET", url) as response:
        events = [event async for event in read_events(response.aiter_bytes())]
    assert (events[-1].type, text_of(events)) == ("turn.completed", "Here.")


async def test_a_word_comes_while_the_model_still_writes(placed: Palaver) -> None:
    gate = placed.sim.gate()
    placed.sim.script(Reply(text="one two three", chunk=4, gate=gate, thinking=""))
    accepted = await placed.say("flowing", "Count")
    gate.release(1)
    async for event in placed.stream(accepted["id"]):
        if event.type == "part.delta" and not gate.passed > 1:
            assert event.data["text"].startswith("one")
            gate.open()
    assert gate.passed > 1


async def test_a_page_of_the_same_host_may_post_and_of_another_may_not(placed: Palaver) -> None:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(placed.url))
    for sender, status in ((origin, 201), ("https://other.example", 403)):
        answer = await placed.http.post("/api/threads", json={}, headers={"origin": sender})
        assert answer.status_code == status, sender


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def under_chat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    """A Palaver under `/chat` that trusts loopback; its client's paths begin at the root."""
    async with (
        Simulator() as sim,
        palaver(
            tmp_path_factory.mktemp("chat"), sim, base_path="/chat", trusted_proxies=TRUSTED, cors_origins="https://a.example"
        ) as app,
        seen_from(app, app.url.removesuffix("/chat")) as seen,
    ):  # fmt: skip
        yield seen


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/info"), ("GET", "/healthz"), ("GET", "/assets/page-1.js"), ("GET", "/chatter/api/info"), ("GET", "/chat2"),
        ("POST", "/"), ("POST", "/chat"), ("GET", "//chat/api/info"), ("GET", "/Chat/api/info"), ("GET", "/chat//api/info"),
    ],
)  # fmt: skip
async def test_what_lies_outside_of_the_path_is_not_there(
    under_chat: Palaver, method: str, path: str
) -> None:
    origin = under_chat.url.rstrip("/")
    answer = await under_chat.http.request(method, f"{origin}{path}", headers={"origin": "https://a.example"})
    assert_error(answer, 404, "not_found")
    assert "location" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize("path", ["/", "/chat"])
async def test_the_root_and_the_path_without_its_slash_lead_to_the_page(
    under_chat: Palaver, path: str
) -> None:
    for headers, location in (({}, "/chat/"), ({"x-forwarded-prefix": "/outer"}, "/outer/chat/")):
        if path == "/" and headers:
            continue  # what an outer proxy sees at its own root is no business of ours
        answer = await under_chat.http.get(f"{path}?a=%2F&b", headers={"host": "localhost:1", **headers})
        assert (answer.status_code, answer.headers["location"]) == (307, f"{location}?a=%2F&b")
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "prefix", "seen"),
    [
        ("/chat/", None, "/chat"),
        ("/chat/", "/chat", "/chat"),  # a proxy that passes the path on, and names it
        ("/", "/chat/", "/chat"),  # one that takes it off
        ("/", "/outer/chat", "/outer/chat"),  # two that take off theirs
        ("/chat/", "/outer", "/outer/chat"),  # one that takes off what is in front
        ("/chat/", "/my-chat", "/my-chat/chat"),
    ],
)
async def test_a_prefix_stands_in_front_of_the_base_path_unless_it_names_it(
    under_chat: Palaver, path: str, prefix: str | None, seen: str
) -> None:
    headers = {} if prefix is None else {"x-forwarded-prefix": prefix}
    assert await base_of(under_chat, headers, path) == seen


async def test_a_prefix_that_does_not_name_the_base_path_opens_nothing(under_chat: Palaver) -> None:
    answer = await under_chat.http.get("/api/info", headers={"x-forwarded-prefix": "/outer"})
    assert_error(answer, 404, "not_found")


@pytest.mark.parametrize(
    "prefix",
    [
        "chat", "//evil.example", "/", "", "/a/../b", "/a/.", "/a?b", "/a#b", "/a b", "/a,/b", "/%63hat", "/a//b", '/"><script>',
        "/a\\b", "/ch\xe4t", "https://evil.example/chat",
    ],
)  # fmt: skip
async def test_a_prefix_that_is_no_plain_path_is_ignored(trusting: Palaver, prefix: str) -> None:
    assert await base_of(trusting, httpx.Headers({"x-forwarded-prefix": prefix}, encoding="latin-1")) == ""


async def test_a_prefix_is_believed_of_trusted_proxies_only(trusting: Palaver, tmp_path: Path) -> None:
    assert await base_of(trusting, {"x-forwarded-prefix": "/chat"}) == "/chat"
    assert await base_of(trusting, [("x-forwarded-prefix", "/a"), ("x-forwarded-prefix", "/b")]) == ""
    for trusted in ("", UNTRUSTED, "unix", "10.0.0.0/8"):
        async with palaver(tmp_path, trusting.sim, trusted_proxies=trusted) as app:
            # Who sent the request decides, not whom the request says it is from.
            headers = {"x-forwarded-prefix": "/chat", "x-forwarded-for": UNTRUSTED}
            assert await base_of(app, headers) == "", trusted
    assert await base_of(trusting, {"x-forwarded-prefix": "/chat", "x-forwarded-for": UNTRUSTED}) == "/chat"


@pytest.mark.parametrize(
    ("server", "base"),
    [(("/run/palaver.sock", None), "/chat"), (("127.0.0.1", 8100), ""), (None, "")],
)
async def test_a_connection_that_is_gone_is_not_taken_for_a_unix_socket(
    server: tuple[str, int | None] | None, base: str
) -> None:
    # uvicorn knows no client of a Unix socket, nor of a TCP connection that was reset before it was looked at.
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
    }
    scope |= {"client": None, "server": server, "headers": [(b"x-forwarded-prefix", b"/chat")]}
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["state"]["base"])

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        return None

    await BasePath(inner, base="", trusted_proxies=["unix"])(scope, receive, send)
    assert seen == [base]


@pytest.mark.parametrize(("trusted", "statuses"), [(TRUSTED, [200, 200, 429]), (UNTRUSTED, [200, 429, 429])])
async def test_limits_are_of_the_address_that_a_trusted_proxy_reports(
    trusting: Palaver, tmp_path: Path, trusted: str, statuses: list[int]
) -> None:
    async with palaver(tmp_path, trusting.sim, requests_per_minute=1, trusted_proxies=trusted) as app:
        answers = [
            await app.http.get("/api/info", headers={"x-forwarded-for": address})
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.2")
        ]
    assert [answer.status_code for answer in answers] == statuses


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trusting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    """A Palaver at the root that trusts loopback."""
    async with (
        Simulator() as sim,
        palaver(tmp_path_factory.mktemp("root"), sim, trusted_proxies=TRUSTED) as app,
    ):
        yield app


async def base_of(
    app: Palaver, headers: httpx.Headers | Mapping[str, str] | Sequence[tuple[str, str]], path: str = "/"
) -> str:
    """What the page takes for its path."""
    index = await app.http.get(path, headers=headers)
    assert index.status_code == 200
    match = re.search(r'href="([^"]*)/assets/page-1\.css"', index.text)
    assert match is not None
    return match[1]
