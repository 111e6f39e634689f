"""A request in progress, as it was admitted."""

from collections.abc import Callable
from dataclasses import dataclass

from chat.auth.principal import Principal
from chat.auth.signed_tokens import VerifiedToken


@dataclass(slots=True, eq=False)
class OpenRequest:
    """A request in progress. `verified`: what its token says, if a host signed it. `revoked`: its token no longer counts;
    `on_revoked` is called when that happens.
    """

    token: str | None
    principal: Principal
    verified: VerifiedToken | None = None
    revoked: bool = False
    on_revoked: Callable[[], None] = lambda: None
