"""A request in progress, as it was admitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat.auth.principal import Principal

if TYPE_CHECKING:
    from chat.auth.signing_keys import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class EndUserToken:
    """The token of an end user, by its SHA-256. `expires_at` in milliseconds since 1970 UTC; `key`: the one it was signed with."""

    digest: str
    principal: Principal
    expires_at: int
    key: "SigningKey | None" = None


@dataclass(slots=True, eq=False)
class OpenRequest:
    """A request in progress. `end_user`: its token, if it is an end user's. `backend`: whose token it is, if that acts for another. `revoked`: its token no longer counts;
    `on_revoked` is called when that happens.
    """

    token: str | None
    principal: Principal
    end_user: EndUserToken | None = None
    backend: Principal | None = None
    revoked: bool = False
    on_revoked: Callable[[], None] = lambda: None
