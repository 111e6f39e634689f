"""Serve the page's built files: compressed at build time, with an ETag of their content."""

import gzip
import hashlib
import os
import re
from functools import lru_cache
from mimetypes import guess_type
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from chat.api.compression import choose

CODINGS = {"br": ".br", "gzip": ".gz"}  # best first; `web/scripts/precompress.mjs` writes the files
ROOT_RELATIVE = re.compile(r'\b(src|href)="(?=/(?!/))')
FOREVER = "public, max-age=31536000, immutable"


class PageFiles(StaticFiles):
    """The files under `/assets`, cached for a year: a changed file has another hash in its name."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return ("", None) if path.endswith(tuple(CODINGS.values())) else super().lookup_path(path)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        return file_response(Path(full_path), scope, {"cache-control": FOREVER})


class _TaggedFile(FileResponse):
    """A file without `Last-Modified`: installers give all files of all releases one date, which would match what is stale."""

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        self.headers.setdefault("content-length", str(stat_result.st_size))

    def _should_use_range(self, http_if_range: str) -> bool:
        return http_if_range == self.headers["etag"]


def file_response(path: Path, scope: Scope, headers: dict[str, str]) -> Response:
    """The file in the coding the client likes most, or 304. Ranges are of the bytes that are sent."""
    request_headers = Headers(scope=scope)
    built = [coding for coding, suffix in CODINGS.items() if Path(f"{path}{suffix}").is_file()]
    coding = choose(request_headers.get("accept-encoding"), built)
    source = path if coding is None else Path(f"{path}{CODINGS[coding]}")
    stat = source.stat()
    etag = content_etag(source, stat.st_mtime_ns, stat.st_size)
    headers = {**headers, "etag": etag, "vary": "Accept-Encoding"}
    if _is_known(etag, request_headers.get("if-none-match")):
        # With all headers: a browser takes them for those it has, the content security policy among them.
        return Response(status_code=304, headers=headers)
    if coding is not None:
        headers["content-encoding"] = coding
    return _TaggedFile(source, headers=headers, media_type=guess_type(path)[0], stat_result=stat)


def placed_html(path: Path, base: str, scope: Scope, headers: dict[str, str]) -> Response:
    """The HTML file for a page under `base`, with which all addresses in it begin; or 304."""
    request_headers = Headers(scope=scope)
    body = ROOT_RELATIVE.sub(rf'\1="{base}', path.read_text("utf-8")).encode()
    coding = choose(request_headers.get("accept-encoding"), ("gzip",))
    if coding is not None:
        body = gzip.compress(body, mtime=0)
    etag = _etag(body)
    headers = {**headers, "etag": etag, "vary": "Accept-Encoding"}
    if _is_known(etag, request_headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    if coding is not None:
        headers["content-encoding"] = coding
    return Response(body, headers=headers, media_type="text/html")


def _is_known(etag: str, if_none_match: str | None) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in known or known == ["*"]


@lru_cache(maxsize=256)
def content_etag(path: Path, modified: int, size: int) -> str:
    """A strong ETag. It is made of the content, so that it is the same at every replica."""
    return _etag(path.read_bytes())


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
