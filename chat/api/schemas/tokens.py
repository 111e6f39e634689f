"""Shapes of `/api/tokens`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from chat.api.schemas.fields import Answer, Body, Id, Query, examples
from chat.auth.grants import Grant, owner_of

MOST_SECONDS = 2_592_000  # seconds


def _names_a_user(subject: str) -> str:
    owner_of(subject)
    return subject


Subject = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_names_a_user)]


class NewAccessToken(Body):
    """`user` is the host's name of its user, as `sub` of a signed token."""

    model_config = examples({"user": "ada", "expires_in": 600, "limits": {"thread": "support-4711"}})

    user: Subject
    expires_in: int = Field(
        default=3_600, ge=60, le=MOST_SECONDS, description="Seconds until the token expires."
    )
    limits: Grant = Field(default_factory=Grant, description="What of all that its user may do it allows.")


class AccessTokenQuery(Query):
    user: Subject | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: Id | None = None


class TokensOfQuery(Query):
    user: Subject


class AccessTokenOut(Answer):
    """`signed`: by the host; otherwise it was issued here. `hint`: its last characters, to know it by."""

    id: str
    user: str
    signed: bool
    hint: str
    limits: Grant
    issued_at: str
    expires_at: str


class IssuedAccessToken(AccessTokenOut):
    """`token` is shown once and cannot be recovered."""

    token: str


class AccessTokensOut(Answer):
    tokens: list[AccessTokenOut]
    next_cursor: str | None
