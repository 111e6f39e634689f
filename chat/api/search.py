"""Full-text search over the messages of a user's threads."""

import re
from itertools import chain, takewhile
from typing import Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.deps import json_response, owner
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.report import report
from chat.api.schemas.search import SearchHit, SearchOut, SearchQuery, SnippetOut
from chat.api.token_limits import check_thread
from chat.clock import rfc3339
from chat.errors import QueryTimeout
from context.recall.normalization import joins
from store import threads
from store.search import messages
from store.search.highlight import highlights
from store.search.off_loop import off_loop

AROUND = 60  # characters of a snippet on each side of the first match
MOST = 240  # characters of a snippet
_WHITE_SPACE: Final = re.compile(r"\s+")


class Search(Resource):
    """The handler of `/api/search`."""

    @Endpoint(
        "GET",
        "/api/search",
        "Find messages that contain all words, best match first; words match in other forms and as prefixes too",
        query=SearchQuery,
        answers={200: SearchOut},
        errors=(QueryTimeout,),
        thread_check="by_handler",
    )
    async def find(self, request: Request) -> Response:
        body = query(request, SearchQuery)
        check_thread(request, body.thread_id)
        owner_id = owner(request)

        def read(connection: Connection) -> list[SearchHit]:
            hits = messages.find(connection, owner_id, body.q, limit=body.limit, thread_id=body.thread_id)
            titles = {}
            for thread_id in {hit.thread_id for hit in hits}:
                thread = threads.get(connection, owner_id, thread_id)
                titles[thread_id] = None if thread is None else thread.title
            length = sum(len(hit.text) for hit in hits)
            snippets = off_loop(length, lambda: [snippet(hit.text, body.q) for hit in hits])
            return [
                SearchHit(
                    thread_id=hit.thread_id,
                    thread_title=titles[hit.thread_id],
                    message_id=hit.message_id,
                    role=hit.role,
                    created_at=rfc3339(hit.created_at),
                    snippet=shown,
                )
                for hit, shown in zip(hits, snippets, strict=True)
            ]

        return json_response(SearchOut(results=await report(self.deps.database, request, read)))


def snippet(text: str, query_text: str) -> list[SnippetOut]:
    """At most MOST characters around the first match, cut into matching and other pieces; white space is one space."""
    spans = highlights(text, query_text)
    first = next(spans, None)
    start = 0 if first is None else max(0, first[0] - AROUND)
    while 0 < start < len(text) and joins(text[start]):
        start += 1
    end = min(len(text), start + MOST)
    inside = takewhile(lambda span: span[0] < end, chain([] if first is None else [first], spans))
    pieces: list[SnippetOut] = []
    at = start
    for begins, ends in inside:
        _add(pieces, text[at:begins], match=False)
        _add(pieces, text[begins : min(ends, end)], match=True)
        at = min(ends, end)
    _add(pieces, text[at:end].rstrip(), match=False)
    return pieces


def _add(pieces: list[SnippetOut], text: str, *, match: bool) -> None:
    shown = _WHITE_SPACE.sub(" ", text if pieces else text.lstrip())
    if shown:
        pieces.append(SnippetOut(text=shown, match=match))
