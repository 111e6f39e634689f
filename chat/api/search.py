"""Full-text search over the messages of a user's threads."""

import re

from starlette.requests import Request
from starlette.responses import Response

from chat.api.deps import json_response, owner
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.report_reader import report_reader
from chat.api.schemas.search import SearchHit, SearchOut, SearchQuery, SnippetOut
from chat.clock import rfc3339
from chat.errors import QueryTimeout
from store import threads
from store.search import messages

AROUND = 60  # characters of a snippet on each side of the first match
MOST = 240  # characters of a snippet


class Search(Resource):
    """The handler of `/api/search`."""

    @Endpoint(
        "GET",
        "/api/search",
        "Find messages that contain all words, best match first; the last word may be a prefix",
        query=SearchQuery,
        answers={200: SearchOut},
        errors=(QueryTimeout,),
    )
    async def find(self, request: Request) -> Response:
        body = query(request, SearchQuery)
        async with report_reader(self.deps.database, request) as connection:
            hits = await messages.find(
                connection, owner(request), body.q, limit=body.limit, thread_id=body.thread_id
            )
            titles = {}
            for thread_id in {hit.thread_id for hit in hits}:
                thread = await threads.get(connection, owner(request), thread_id)
                titles[thread_id] = None if thread is None else thread.title
        results = [
            SearchHit(
                thread_id=hit.thread_id,
                thread_title=titles[hit.thread_id],
                message_id=hit.message_id,
                role=hit.role,
                created_at=rfc3339(hit.created_at),
                snippet=snippet(hit.text, body.q),
            )
            for hit in hits
        ]
        return json_response(SearchOut(results=results))


def snippet(text: str, query_text: str) -> list[SnippetOut]:
    """At most MOST characters around the first match, cut into matching and other pieces."""
    words = sorted(set(re.findall(r"\w+", query_text)), key=len, reverse=True)
    if not words:
        return [SnippetOut(text=text[:MOST], match=False)]
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    first = pattern.search(text)
    start = 0 if first is None else max(0, first.start() - AROUND)
    shown = " ".join(text[start : start + MOST].split())
    pieces: list[SnippetOut] = []
    at = 0
    for match in pattern.finditer(shown):
        if match.start() > at:
            pieces.append(SnippetOut(text=shown[at : match.start()], match=False))
        pieces.append(SnippetOut(text=match.group(), match=True))
        at = match.end()
    if at < len(shown):
        pieces.append(SnippetOut(text=shown[at:], match=False))
    return pieces
