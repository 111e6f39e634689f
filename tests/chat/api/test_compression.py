"""Responses are compressed for those who take it, streams flow, and what a browser has is not sent again."""

import gzip
import json
import os
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.types import Message, Receive, Scope, Send

from chat.api import files, page
from chat.api.compression import IN_THREAD, SMALLEST, Gzip, choose
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = b"const tide = 'high';\n" * 400
INDEX = b"<!doctype html><title>Palaver</title>" + b" " * 300
BROTLI = (
    b"the bytes that the build wrote as brotli"  # the server must pass them on, and needs no brotli for that
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    """A Palaver with a page that was built and compressed."""
    dist = tmp_path_factory.mktemp("dist")
    (dist / "assets").mkdir()
    for path, content in (("index.html", INDEX), ("docs.html", INDEX), ("assets/page-1.js", SCRIPT)):
        (dist / path).write_bytes(content)
        (dist / f"{path}.gz").write_bytes(gzip.compress(content, mtime=0))
        (dist / f"{path}.br").write_bytes(BROTLI)
    (dist / "assets/small.svg").write_bytes(b"<svg/>")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "DIST", dist)
        async with Simulator() as sim, palaver(tmp_path_factory.mktemp("data"), sim) as app:
            yield app


async def fetch(
    app: Palaver, path: str, accept: str | None, method: str = "GET", **headers: str
) -> tuple[httpx.Response, bytes]:
    """The response and its bytes as they came over the wire."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=app.url, trust_env=False) as client:
        del client.headers["accept-encoding"]
        if accept is not None:
            sent["accept-encoding"] = accept
        async with client.stream(method, path, headers=sent) as response:
            return response, b"".join([chunk async for chunk in response.aiter_raw()])


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.2, gzip;q=0.9", "gzip"),
        ("br ; q=0.5 , gzip ; q=0.1", "br"),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip;q=0, *", "br"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=much, br;q=", None),
        ("gzip;q=nan", None),
        ("deflate, zstd", None),
    ],
)
async def test_the_client_says_which_coding_it_takes(
    built: Palaver, accept: str | None, coding: str | None
) -> None:
    assert choose(accept, ("br", "gzip")) == coding
    for path, content in (("/assets/page-1.js", SCRIPT), ("/", INDEX)):
        response, body = await fetch(built, path, accept)
        assert response.status_code == 200
        assert response.headers.get("content-encoding") == coding
        assert body == {None: content, "gzip": gzip.compress(content, mtime=0), "br": BROTLI}[coding]
        assert response.headers["content-length"] == str(len(body))
        assert response.headers["vary"].lower() == "accept-encoding"


async def test_files_of_the_page_keep_their_type_and_are_cached_for_good(built: Palaver) -> None:
    for accept in ("br", "gzip", None):
        script, _ = await fetch(built, "/assets/page-1.js", accept)
        assert script.headers["content-type"].startswith("text/javascript")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in ("/", "/t/some-thread", "/usage"):
            index, _ = await fetch(built, path, accept)
            assert index.headers["content-type"].startswith("text/html")
            assert index.headers["cache-control"] == "no-cache"
            assert "script-src 'self'" in index.headers["content-security-policy"]
    for suffix in (".br", ".gz"):
        hidden, _ = await fetch(built, f"/assets/page-1.js{suffix}", None)
        assert hidden.status_code == 404
    small, body = await fetch(built, "/assets/small.svg", "br, gzip")
    assert ("content-encoding" not in small.headers, body) == (True, b"<svg/>")


async def test_what_a_browser_has_is_not_sent_again(built: Palaver) -> None:
    etags = set()
    for path in ("/", "/assets/page-1.js"):
        for accept in ("br", "gzip", None):
            first, _ = await fetch(built, path, accept)
            etag = first.headers["etag"]
            etags.add(etag)
            for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
                again, body = await fetch(built, path, accept, if_none_match=known)
                assert (again.status_code, body) == (304, b"")
                assert again.headers["etag"] == etag
                assert again.headers["vary"].lower() == "accept-encoding"
                for name in ("cache-control", "content-security-policy", "cross-origin-opener-policy"):
                    assert again.headers.get(name) == first.headers.get(name), "browsers keep what a 304 says"
            other, body = await fetch(built, path, accept, if_none_match='"other"')
            assert (other.status_code, bool(body)) == (200, True)
    assert len(etags) == 5, "one for each bytes that are sent; the fixture's brotli is the same twice"


async def test_an_index_of_another_release_is_sent_though_its_size_and_date_are_the_same(
    built: Palaver,
) -> None:
    index = page.DIST / "index.html"
    stat = index.stat()
    first, _ = await fetch(built, "/", None)
    assert "last-modified" not in first.headers
    index.write_bytes(INDEX.replace(b"Palaver", b"Release"))
    files.content_etag.cache_clear()  # another release is another process
    os.utime(index, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again, body = await fetch(
        built,
        "/",
        None,
        if_none_match=first.headers["etag"],
        if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT",
    )
    assert (again.status_code, b"Release" in body) == (200, True)
    index.write_bytes(INDEX)


async def test_ranges_are_of_the_bytes_that_are_sent(built: Palaver) -> None:
    packed = gzip.compress(SCRIPT, mtime=0)
    for accept, content in (("gzip", packed), ("br", BROTLI), (None, SCRIPT)):
        whole, _ = await fetch(built, "/assets/page-1.js", accept)
        part, body = await fetch(built, "/assets/page-1.js", accept, range="bytes=5-14")
        assert (part.status_code, body) == (206, content[5:15])
        assert part.headers["content-range"] == f"bytes 5-14/{len(content)}"
        assert part.headers.get("content-encoding") == whole.headers.get("content-encoding")
        etag = whole.headers["etag"]
        same, body = await fetch(built, "/assets/page-1.js", accept, range="bytes=0-3", if_range=etag)
        assert (same.status_code, body) == (206, content[:4])
        for stale in ('"other"', "Fri, 01 Jan 2100 00:00:00 GMT", f"W/{etag}"):
            other, body = await fetch(built, "/assets/page-1.js", accept, range="bytes=0-3", if_range=stale)
            assert (other.status_code, body) == (200, content)
        beyond, _ = await fetch(built, "/assets/page-1.js", accept, range="bytes=999999-")
        assert beyond.status_code == 416


@pytest.mark.parametrize("path", ["/", "/assets/page-1.js", "/openapi.json", "/docs", "/api/info"])
@pytest.mark.parametrize("accept", [None, "gzip", "br"])
async def test_head_has_the_headers_of_get_and_no_body(built: Palaver, path: str, accept: str | None) -> None:
    got, _ = await fetch(built, path, accept)
    head, body = await fetch(built, path, accept, "HEAD")
    assert (head.status_code, body) == (200, b"")
    for name in ("content-type", "etag", "vary", "cache-control"):
        assert head.headers.get(name) == got.headers.get(name), name
    if accept != "gzip" or "etag" in got.headers:
        assert head.headers["content-length"] == got.headers["content-length"]


async def test_json_is_compressed_when_it_is_worth_it(built: Palaver) -> None:
    built.sim.script(Reply(text="The tide comes in. " * 200, thinking=""))
    await built.chat("long", "Tell me of the tide")
    path = "/api/threads/long/messages"
    plain, content = await fetch(built, path, None)
    packed, body = await fetch(built, path, "gzip, br")
    assert packed.headers["content-encoding"] == "gzip", "brotli is for files that the build compressed"
    assert gzip.decompress(body) == content
    assert len(body) < len(content) / 5
    for response in (plain, packed):
        assert response.headers["vary"].lower() == "accept-encoding"
        assert response.headers["content-type"] == "application/json"
    refused, body = await fetch(built, path, "gzip;q=0, *")
    assert ("content-encoding" in refused.headers, body) == (False, content)
    info, body = await fetch(built, "/api/threads/none", "gzip")
    assert len(body) < SMALLEST
    assert "content-encoding" not in info.headers
    document, _ = await fetch(built, "/openapi.json", "gzip")
    assert document.headers["content-encoding"] == "gzip"


async def test_event_streams_are_never_compressed_and_flow(built: Palaver) -> None:
    gate = built.sim.gate("held")
    built.sim.script(Reply(text="one two three four", chunk=4, gate=gate, thinking=""))
    accepted = await built.say("stream", "Count")
    gate.release(1)
    url = f"/api/turns/{accepted['id']}/events"
    async with built.http.stream("GET", url, headers={"accept-encoding": "gzip, br, *"}) as response:
        assert "content-encoding" not in response.headers
        lines = response.aiter_lines()
        async for line in lines:
            if '"one' in line:
                break  # it came while the model still wrote
        gate.open()
        rest = [line async for line in lines]
    assert any("turn.completed" in line for line in rest)
    built.sim.script(Reply(text="at once", thinking=""))
    _, body = await fetch(built, url, "gzip")
    assert body.startswith(b"retry:")
    posted = await built.http.post(
        "/api/threads/stream/turns",
        json={"input": {"text": "Again"}},
        headers={"accept": "text/event-stream", "accept-encoding": "gzip"},
    )
    assert posted.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in posted.headers


async def test_an_export_flows_though_it_is_compressed() -> None:
    lines = [json.dumps({"row": number, "text": "high tide " * 20}).encode() + b"\n" for number in range(20)]
    sent: list[Message] = []
    reader = zlib.decompressobj(31)

    async def export(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for line in lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
            assert reader.decompress(sent[-1]["body"]) == line, "a line waits for no later one"
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip")]}
    await Gzip(export, minimum_size=SMALLEST)(scope, receive, send)
    reader.decompress(sent[-1]["body"])
    assert reader.eof


async def test_large_bodies_are_compressed_beside_the_event_loop(
    built: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    built.sim.script(Reply(text="The tide comes in. " * 8_000, thinking="", chunk=50_000))
    await built.chat("large", "Tell me all of the tide")
    threads: list[bool] = []
    compressobj = zlib.compressobj

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return compressobj(*arguments)

    monkeypatch.setattr(zlib, "compressobj", noted)
    _, body = await fetch(built, "/api/threads/large/messages", "gzip")
    assert len(gzip.decompress(body)) > IN_THREAD
    assert threads == [False]


async def test_a_page_that_is_not_compressed_is_served_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "dist/index.html").write_bytes(INDEX)
    (tmp_path / "dist/assets/page-1.js").write_bytes(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "DIST", tmp_path / "dist")
        async with Simulator() as sim, palaver(tmp_path / "data", sim) as app:
            for path, content in (("/", INDEX), ("/assets/page-1.js", SCRIPT)):
                response, body = await fetch(app, path, "br, gzip")
                assert ("content-encoding" in response.headers, body) == (False, content)
