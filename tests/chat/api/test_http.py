"""HTTP itself: what is not there, who is let in, how often, and what every answer carries."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from chat.api.body import MAX_BODY
from chat.app import endpoints
from chat.protocols.anthropic.errors import anthropic_error
from chat.protocols.errors import sentence
from chat.protocols.routes import ERROR_RESPONSES
from tests.chat.errors import assert_error, assert_of_anthropic, assert_sentence
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "a-token-of-at-least-sixteen"
PAGE = "https://app.example.com"
JSON = {"content-type": "application/json"}
# Beginnings of paths whose errors have another shape.
OF_ANTHROPIC = tuple(path for path, shape in ERROR_RESPONSES.items() if shape is anthropic_error)
SENTENCES = tuple(path for path, shape in ERROR_RESPONSES.items() if shape is sentence)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    """A Palaver with a token and one page of another origin that may use it."""
    folder = tmp_path_factory.mktemp("guarded")
    async with Simulator() as sim, palaver(folder, sim, token=TOKEN, cors_origins=PAGE) as app:
        yield app


@pytest.mark.parametrize(
    "path",
    [
        "/api/threads/%00", "/api/threads/a%2Fb", "/api/threads/%ff", "/api/threads/..%2f..", "/api/threads/a%0a",
        "/api/threads/" + "x" * 200, "/api/threads/-x", "/api/threads/%F0%9F%98%80", "/api/turns/' OR 1=1",
        "/api/threads/none/messages", "/api/turns/none/context", "/api/nothing", "/api", "/api/threads/", "/api/x.css",
        "/openapi.json/", "/api/threads/a/b/c",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_one_404(house: Palaver, path: str) -> None:
    answer = await house.http.get(path)
    assert_error(answer, 404, "not_found")
    assert "location" not in answer.headers


async def test_a_method_a_route_does_not_take(house: Palaver) -> None:
    answer = await house.http.delete("/api/threads")
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/api/threads?limit=0", "limit"),
        ("/api/threads?limit=201", "limit"),
        ("/api/threads?limit=x", "limit"),
        ("/api/threads?limit=5&limit=6", "limit"),
        ("/api/threads?cursor=nonsense", "cursor"),
        ("/api/threads?cursor=9999999999999999999:a", "cursor"),
        ("/api/threads?archived=maybe", "archived"),
        ("/api/threads?owner=me", "owner"),
        ("/api/search", "q"),
        ("/api/search?q=", "q"),
        ("/api/search?q=%00", None),
        ("/api/search?q=" + "x" * 201, "q"),
        ("/api/search?q=x&limit=101", "limit"),
        ("/api/search?q=x&thread_id=a/b", "thread_id"),
    ],
)
async def test_a_wrong_query_names_its_parameter(house: Palaver, path: str, param: str | None) -> None:
    assert assert_error(await house.http.get(path), 400, "bad_request")["param"] == param


async def test_errors_name_the_field_that_is_wrong(house: Palaver) -> None:
    answer = await house.http.post("/api/threads/t/turns", json={"input": {"text": 5}})
    assert assert_error(answer, 400)["param"] == "input.text"
    assert "5" not in answer.json()["error"]["message"], "what was sent is not sent back"


async def test_a_request_id_is_kept_if_it_is_harmless_and_made_otherwise(house: Palaver) -> None:
    async def echoed(value: bytes) -> str:
        answer = await house.http.get("/api/info", headers=[(b"x-request-id", value)])
        return answer.headers["x-request-id"]

    assert await echoed(b"my-id_1.2") == "my-id_1.2"
    ids = {await echoed(value) for value in (b"", b"a b", b"x" * 65, b"<script>", b"\xff", b"a\tb")}
    assert len(ids) == 6
    assert all(request_id.startswith("req_") for request_id in ids)


async def test_every_answer_carries_the_security_headers(house: Palaver, thread: str) -> None:
    turn = await house.chat(thread, "hello")
    gets = [
        "/api/info",
        "/api/threads",
        f"/api/turns/{turn['id']}/events",
        "/api/none",
        "/healthz",
        "/openapi.json",
    ]
    for path in gets:
        answer = await house.http.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "no-" in answer.headers["cache-control"]
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers.get("server", "uvicorn") == "uvicorn", "no version of anything"
    docs = (await house.http.get("/docs")).headers["content-security-policy"]
    assert "'unsafe" not in docs
    assert "script-src 'self'" in docs


async def test_the_routes_and_the_openapi_document_agree(house: Palaver) -> None:
    described = (await house.get("/openapi.json"))["paths"]
    listed = {(method.upper(), path) for path, operations in described.items() for method in operations}
    served = {(endpoint.method, endpoint.path) for endpoint in endpoints(house.deps)}
    assert listed == served
    assert len(served) >= 16


def paths_of(app: Palaver) -> Iterator[tuple[str, str, bool]]:
    """Every route with made-up ids, and whether it is public."""
    for endpoint in endpoints(app.deps):
        path = endpoint.path
        for name in endpoint.parameters:
            path = path.replace(f"{{{name}}}", "some-id")
        yield endpoint.method, path, endpoint.public
    for path in ("/openapi.json", "/docs"):
        yield "GET", path, True


async def test_without_the_token_nothing_but_the_public_routes_answers(tmp_path: Path) -> None:
    wrong = {
        "none": {},
        "another": {"authorization": "Bearer another-token-of-some-length"},
        "cut": {"authorization": f"Bearer {TOKEN[:-1]}"},
        "longer": {"authorization": f"Bearer {TOKEN}x"},
        "no scheme": {"authorization": TOKEN},
        "basic": {"authorization": f"Basic {TOKEN}"},
        "cookie": {"cookie": f"token={TOKEN}"},
        "empty": {"authorization": "Bearer"},
    }
    requests = 0
    async with Simulator() as sim, palaver(tmp_path, sim, token=TOKEN) as app:
        async with httpx.AsyncClient(base_url=app.url, trust_env=False) as stranger:
            for method, path, public in paths_of(app):
                for how, headers in wrong.items():
                    answer = await stranger.request(method, path, headers=headers)
                    requests += 1
                    if public:
                        assert answer.status_code == 200, path
                    else:
                        if path.startswith(SENTENCES):
                            assert_sentence(answer, 401)
                        elif path.startswith(OF_ANTHROPIC):
                            assert_of_anthropic(answer, 401, "authentication_error")
                        else:
                            assert_error(answer, 401, "unauthorized")
                        assert answer.headers["www-authenticate"] == "Bearer", (path, how)
                right = await stranger.request(method, path, headers={"authorization": f"bearer {TOKEN}"})
                assert right.status_code != 401, (method, path)
            by_query = await stranger.get(f"/api/info?access_token={TOKEN}")
            assert_error(by_query, 401)
            odd = await stranger.get("/api/threads/../../healthz/../api/info")
            assert odd.status_code in {401, 404}
            assert (await stranger.get("/t/some-thread")).status_code in {200, 503}, (
                "the page itself is public"
            )
        assert requests >= 18 * len(wrong)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (PAGE, True),
        ("https://app.example.com:8443", False),
        ("http://app.example.com", False),
        ("https://app.example.com.evil.com", False),
        ("https://evil-app.example.com", False),
        ("https://APP.example.com", False),
        ("null", False),
    ],
)
async def test_other_pages_may_ask_only_if_they_are_on_the_list(
    guarded: Palaver, origin: str, allowed: bool
) -> None:
    expected = origin if allowed else None
    preflight = await guarded.http.options(
        "/api/threads/t/turns",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,idempotency-key,last-event-id",
        },
    )
    assert preflight.headers.get("access-control-allow-origin") == expected
    assert (preflight.status_code == 200) == allowed
    sent = {"origin": origin}
    answers = {
        200: await guarded.http.get("/api/info", headers=sent),
        401: await guarded.http.get("/api/info", headers={**sent, "authorization": "Bearer no"}),
        404: await guarded.http.get("/api/none", headers=sent),
        405: await guarded.http.delete("/api/info", headers=sent),
        413: await guarded.http.post("/api/threads", content=b" " * (MAX_BODY + 1), headers={**sent, **JSON}),
        415: await guarded.http.post("/api/threads", content=b"{}", headers=sent),
        400: await guarded.http.post("/api/threads", content=b"[]", headers={**sent, **JSON}),
    }
    for status, answer in answers.items():
        changing = answer.request.method != "GET"  # what may change something is refused before all else
        assert answer.status_code == (403 if changing and not allowed else status)
        assert answer.headers.get("access-control-allow-origin") == expected, status
        assert "access-control-allow-credentials" not in answer.headers
        if allowed:
            assert "origin" in answer.headers["vary"].lower()
            assert "x-request-id" in answer.headers["access-control-expose-headers"]


async def test_without_a_list_no_other_page_may_ask(house: Palaver) -> None:
    answer = await house.http.get("/api/info", headers={"origin": PAGE})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_limit_per_address_is_429_and_health_is_free(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, requests_per_minute=5, cors_origins=PAGE) as app:
        answers = [await app.http.get("/api/info", headers={"origin": PAGE}) for _ in range(8)]
        assert [answer.status_code for answer in answers[:5]] == [200] * 5
        refused = answers[-1]
        assert_error(refused, 429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["access-control-allow-origin"] == PAGE
        assert (await app.http.get("/healthz")).status_code == 200


async def test_open_streams_count_against_the_limit_until_they_end(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, max_concurrent_requests=2) as app:
        gate = sim.gate()
        sim.script(Reply(gate=gate))
        accepted = await app.say("t", "hello")
        streams = [app.stream(accepted["id"]) for _ in range(2)]
        for stream in streams:
            await anext(stream)
        assert_error(await app.http.get("/api/info"), 429)
        gate.open()
        for stream in streams:
            async for _ in stream:
                pass
        assert (await app.http.get("/api/info")).status_code == 200


async def test_info_says_who_answers(house: Palaver) -> None:
    info = await house.get("/api/info")
    assert (info["protocol"], info["backend"], info["notice"]) == ("palaver.v1", "claude", None)
    assert [model["tier"] for model in info["models"]] == ["simple", "standard", "complex"]
    assert "sk-ant" not in json.dumps(info)
    assert (await house.get("/readyz"))["checks"] == {
        "database": "sqlite",
        "models": "3 of 3",
    }
