"""Shapes of `GET /api/search`."""

from typing import Annotated

from pydantic import Field, StringConstraints

from chat.api.schemas.fields import Answer, Id, Query


class SearchQuery(Query):
    q: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    limit: int = Field(default=20, ge=1, le=100)
    thread_id: Id | None = None


class SnippetOut(Answer):
    text: str
    match: bool


class SearchHit(Answer):
    thread_id: str
    thread_title: str | None
    message_id: str
    role: str
    created_at: str
    snippet: list[SnippetOut]


class SearchOut(Answer):
    results: list[SearchHit]
