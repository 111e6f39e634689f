"""Store the tokens of end users, as digests: those issued here, and those signed by the host once they were seen.

A token is in force until it expires, is revoked itself, or all tokens of its user that were issued until then are.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Insert,
    Integer,
    String,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from store.tables import access_tokens, users
from store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token of an end user. Times in milliseconds since 1970 UTC; `digest` is the SHA-256 in hexadecimal digits.

    `signed`: by the host; otherwise it was issued here. `hint`: its last characters, to know it by. `limits`: what of all that its user may do it allows.
    """

    id: str
    digest: str
    user_id: str
    signed: bool
    hint: str
    limits: dict[str, Any]
    issued_at: int
    expires_at: int


_COLUMNS = [access_tokens.c[name] for name in AccessToken.__slots__]
_IN_FORCE = (
    select(*_COLUMNS)
    .join(users, users.c.id == access_tokens.c.user_id)
    .where(
        access_tokens.c.revoked_at.is_(None),
        access_tokens.c.expires_at > bindparam("now", type_=BigInteger),
        access_tokens.c.issued_at > func.coalesce(users.c.tokens_revoked_at, -1),
    )
)
_FIND = _IN_FORCE.where(access_tokens.c.digest == bindparam("digest"))
_KNOWN = select(access_tokens.c.id).where(access_tokens.c.digest == bindparam("digest"))
_SOME = _IN_FORCE.where(access_tokens.c.digest.in_(bindparam("digests", expanding=True))).with_only_columns(
    access_tokens.c.digest
)
_PAGE = (
    _IN_FORCE.where(
        or_(
            bindparam("user", type_=String).is_(None),
            access_tokens.c.user_id == bindparam("user", type_=String),
        ),
        access_tokens.c.id > bindparam("after"),
    )
    .order_by(access_tokens.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_REVOKE = (
    update(access_tokens)
    .where(access_tokens.c.id == bindparam("token"), access_tokens.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now", type_=BigInteger))
)
_REVOKE_ALL = (
    update(users)
    .where(users.c.id == bindparam("user"))
    .values(tokens_revoked_at=bindparam("now", type_=BigInteger))
)
_REMOVE = delete(access_tokens).where(access_tokens.c.expires_at <= bindparam("before", type_=BigInteger))


@cache
def _add(dialect: str) -> Insert:
    return upsert(dialect, access_tokens).on_conflict_do_nothing()


def add(connection: Connection, token: AccessToken) -> None:
    """Store a token, unless its digest is stored already. Its user exists."""
    connection.execute(_add(connection.dialect.name), {**asdict(token), "revoked_at": None})


def find(connection: Connection, digest: str, now: int) -> AccessToken | None:
    """The token with this digest, if it is in force."""
    row = connection.execute(_FIND, {"digest": digest, "now": now}).first()
    return None if row is None else AccessToken(**row._mapping)


def is_known(connection: Connection, digest: str) -> bool:
    """Whether a token with this digest is stored, in force or not."""
    return connection.execute(_KNOWN, {"digest": digest}).first() is not None


def in_force(connection: Connection, digests: Collection[str], now: int) -> set[str]:
    """Those of the digests whose tokens are in force."""
    return set(connection.scalars(_SOME, {"digests": list(digests), "now": now}))


def page(
    connection: Connection, user_id: str | None, *, after: str, limit: int, now: int
) -> Sequence[AccessToken]:
    """Tokens in force in the order of their ids, from after an id on: those of a user, or (None) of all."""
    values = {"user": user_id, "after": after, "limit": limit, "now": now}
    return [AccessToken(**row._mapping) for row in connection.execute(_PAGE, values)]


def revoke(connection: Connection, token_id: str, now: int) -> bool:
    """Revoke a token. False when there is none of that id that was not revoked before."""
    return connection.execute(_REVOKE, {"token": token_id, "now": now}).rowcount == 1


def revoke_all(connection: Connection, user_id: str, now: int) -> bool:
    """Revoke all tokens of a user that were issued until now. False when there is no such user."""
    return connection.execute(_REVOKE_ALL, {"user": user_id, "now": now}).rowcount == 1


def remove_old(connection: Connection, before: int) -> None:
    """Remove tokens that had expired at a time."""
    connection.execute(_REMOVE, {"before": before})
