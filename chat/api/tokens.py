"""Tokens of end users: issue, list, revoke. For admins, and for the backend of a host."""

from dataclasses import asdict
from functools import partial
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import external, json_response, principal
from chat.api.endpoint import Endpoint, Resource, path_id, query
from chat.api.schemas.tokens import (
    AccessTokenOut,
    AccessTokenQuery,
    AccessTokensOut,
    IssuedAccessToken,
    NewAccessToken,
    TokensOfQuery,
)
from chat.auth.grants import Grant, owner_of, subject_of
from chat.clock import rfc3339
from chat.errors import Forbidden, NotFound
from store import access_tokens
from store.access_tokens import AccessToken

log = structlog.get_logger()


class Tokens(Resource):
    """The handlers of `/api/tokens`."""

    @Endpoint(
        "POST",
        "/api/tokens",
        "Issue a token for an end user, who exists from then on; it is shown once. For tokens that act for users",
        body=NewAccessToken,
        answers={201: IssuedAccessToken},
    )
    async def issue(self, request: Request) -> Response:
        if not principal(request).acts_for_users:
            raise Forbidden("to issue tokens a token needs the right to act for users")
        body = await read(request, NewAccessToken)
        token, row = await self.deps.token_registry.end_users.issue(body.user, body.limits, body.expires_in)
        log.info("access_token.issued", id=row.id)
        return json_response(
            IssuedAccessToken(token=token, **_fields(row)),
            201,
            {"location": external(request, f"/api/tokens/{row.id}")},
        )

    @Endpoint(
        "GET",
        "/api/tokens",
        "List the tokens of end users that are in force, those that a host signed once they were seen; with `user` one user's. For admins and tokens that act for users",
        query=AccessTokenQuery,
        answers={200: AccessTokensOut},
    )
    async def list(self, request: Request) -> Response:
        _check_right(request)
        body = query(request, AccessTokenQuery)
        page = await self.deps.database.read(
            partial(
                access_tokens.page,
                user_id=None if body.user is None else owner_of(body.user),
                after=body.cursor or "",
                limit=body.limit + 1,
                now=self.deps.clock.now(),
            )
        )
        rows = page[: body.limit]
        return json_response(
            AccessTokensOut(
                tokens=[AccessTokenOut(**_fields(row)) for row in rows],
                next_cursor=rows[-1].id if len(page) > body.limit else None,
            )
        )

    @Endpoint(
        "DELETE",
        "/api/tokens",
        "Revoke all tokens of an end user that were issued until now, and end their streams. For the same",
        query=TokensOfQuery,
        answers={204: None},
        errors=(NotFound,),
    )
    async def revoke_all(self, request: Request) -> Response:
        _check_right(request)
        owner_id = owner_of(query(request, TokensOfQuery).user)
        now = self.deps.clock.now()
        if not await self.deps.database.write(partial(access_tokens.revoke_all, user_id=owner_id, now=now)):
            raise NotFound("no such user", param="user")
        log.info("access_token.all_revoked", user=owner_id)
        await self.deps.token_registry.check_end_users()
        return Response(status_code=204)

    @Endpoint(
        "DELETE",
        "/api/tokens/{token}",
        "Revoke a token, and end its streams. For the same",
        answers={204: None},
        errors=(NotFound,),
    )
    async def revoke(self, request: Request) -> Response:
        _check_right(request)
        token_id, now = path_id(request, "token"), self.deps.clock.now()
        if not await self.deps.database.write(partial(access_tokens.revoke, token_id=token_id, now=now)):
            raise NotFound("no such token", param="token")
        log.info("access_token.revoked", id=token_id)
        await self.deps.token_registry.check_end_users()
        return Response(status_code=204)


def _check_right(request: Request) -> None:
    who = principal(request)
    if not (who.admin or who.acts_for_users):
        raise Forbidden("tokens of end users need a token with admin rights, or one that acts for users")


def _fields(row: AccessToken) -> dict[str, Any]:
    fields = asdict(row)
    return {
        **{name: fields[name] for name in ("id", "signed", "hint")},
        "user": subject_of(row.user_id),
        "limits": Grant.model_validate(row.limits),
        "issued_at": rfc3339(row.issued_at),
        "expires_at": rfc3339(row.expires_at),
    }
