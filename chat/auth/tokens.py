"""Generate access tokens, and find the principal of one by its SHA-256 digest. A token is shown once and never stored."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from chat.auth.principal import Principal
from chat.config.tokens import DEFAULT_TOKEN, NAME, USER, Token
from store.local_user import LOCAL

PREFIX = "plv_"  # so that secret scanners and people recognize a token
RANDOM_BYTES = 32  # 256 bits cannot be guessed, so a fast digest is enough to store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    principal: Principal
    expires: datetime | None


class Tokens:
    """All tokens of a deployment by digest. `now` below is in milliseconds since 1970 UTC."""

    def __init__(self, configured: Iterable[Token], default: str | None) -> None:
        # Looked up by digest: without inverting SHA-256 nothing can be learned from how long a lookup takes.
        self._known: dict[bytes, _Known] = {}
        if default is not None:
            self._known[_digest(default)] = _Known(
                principal=Principal(owner_id=LOCAL, token=DEFAULT_TOKEN, admin=True, acts_for_users=True),
                expires=None,  # the operator's own
            )
        for token in configured:
            principal = Principal(
                owner_id=token.user,
                token=token.name,
                tier=token.tier,
                at_most=token.tier_rule == "at_most",
                admin=token.admin,
                instructions=token.instructions,
                acts_for_users=token.acts_for_users,
            )
            self._known[bytes.fromhex(token.sha256)] = _Known(principal=principal, expires=token.expires)

    def __bool__(self) -> bool:
        """Whether a token is required at all."""
        return bool(self._known)

    def find(self, token: str, *, now: int) -> Principal | None:
        """The principal of a token; None for an unknown or expired one."""
        known = self._known.get(_digest(token))
        if known is None or (known.expires is not None and now >= known.expires.timestamp() * 1000):
            return None
        return known.principal


def new_token() -> str:
    """Generate a token. It cannot be recovered later."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def as_toml(token: str, *, name: str, user: str) -> str:
    """The lines of palaver.toml that allow a token. Raises ValueError naming an invalid field."""
    for field, value, pattern in (("name", name, NAME), ("user", user, USER)):
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{field}: letters, digits and ._- only, 64 at most")
    return f'[[tokens]]\nname = "{name}"\nuser = "{user}"\nsha256 = "{_digest(token).hex()}"\n'


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
