"""Read Postgres URLs as hosting services hand them out, for asyncpg.

The parameters are those of libpq (PostgreSQL documentation, "Connection Strings", "Parameter Key Words"). asyncpg knows some of them,
sends every other one to the server as a setting, and the server refuses what it does not know. So each is sorted here: given to
asyncpg, made a setting of the session, left out where that changes nothing, or refused by name.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Read by asyncpg from its DSN.
OF_THE_DRIVER = frozenset({
    "host", "port", "user", "password", "dbname", "passfile", "service", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl",
    "sslpassword", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname",
    "gsslib",
})  # fmt: skip
# Settings of a session.
OF_THE_SERVER = frozenset({
    "application_name", "options", "search_path", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone",
})  # fmt: skip
# Values that ask for nothing asyncpg does not do anyway. It has no channel binding (SCRAM-SHA-256-PLUS), and services ask for it in
# the URLs they hand out: the connection is encrypted as `sslmode` says, and `sslmode=verify-full` proves the server.
WITHOUT_EFFECT: dict[str, frozenset[str] | None] = {
    "channel_binding": frozenset({"disable", "prefer", "require"}),
    "client_encoding": frozenset({"utf8", "utf-8", "auto"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "sslcompression": frozenset({"0"}),
    "sslsni": frozenset({"1"}),
    "load_balance_hosts": frozenset({"disable"}),
    "fallback_application_name": None,
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """How to connect: `dsn` and `arguments` for `asyncpg.connect`. Both may hold a password: never log them."""

    dsn: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def connect_args(self) -> dict[str, Any]:
        return {"dsn": self.dsn, **self.arguments}


def parse_postgres(url: str) -> Postgres:
    """The address and arguments of a Postgres URL. Raises ValueError, whose message names the parameter and no value."""
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES or "://" not in url:
        raise ValueError("a database URL begins with sqlite:/// or postgresql://")
    parts = urlsplit(url.replace("#", "%23"))  # a password may have one; nothing else does
    passed: list[tuple[str, str]] = []
    server: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in OF_THE_DRIVER or name == "ssl":
            passed.append(_for_driver(name, value))
        elif name in OF_THE_SERVER:
            server[name] = value
        elif name == "connect_timeout":
            arguments["timeout"] = _seconds(value)
        elif name in WITHOUT_EFFECT:
            _check_without_effect(name, value)
        else:
            raise ValueError(
                f"the parameter {name} cannot be honored{_nearest(name)}; take it out of the URL"
            )
    if server:
        arguments["server_settings"] = server
    query = f"?{urlencode(passed)}" if passed else ""
    dsn = f"postgresql://{_quoted(parts.netloc)}{parts.path}{query}"
    return Postgres(dsn, arguments)


def _quoted(netloc: str) -> str:
    """The authority of a URL with user and password quoted: asyncpg splits at the first `@` and `:`."""
    login, at, host = netloc.rpartition("@")
    user, colon, password = login.partition(":")
    return quote(unquote(user), safe="") + colon + quote(unquote(password), safe="") + at + host


def _for_driver(name: str, value: str) -> tuple[str, str]:
    if name == "ssl":  # what other drivers call it
        name, value = "sslmode", {"true": "require", "false": "disable"}.get(value, value)
    if name == "sslmode" and value not in SSL_MODES:
        raise ValueError(f"the parameter sslmode is one of {', '.join(SSL_MODES)}")
    if name == "sslnegotiation" and value not in ("postgres", "direct"):
        raise ValueError("the parameter sslnegotiation is postgres or direct")
    return name, value


def _seconds(value: str) -> float | None:
    """libpq: 0, negative or absent means to wait without end, and less than 2 counts as 2."""
    try:
        seconds = int(value)
    except ValueError:
        raise ValueError("the parameter connect_timeout is a whole number of seconds") from None
    return None if seconds <= 0 else float(max(2, seconds))


def _check_without_effect(name: str, value: str) -> None:
    allowed = WITHOUT_EFFECT[name]
    if allowed is not None and value.lower() not in allowed:
        raise ValueError(f"the parameter {name} can only be {' or '.join(sorted(allowed))} here")


def _nearest(name: str) -> str:
    known = [*OF_THE_DRIVER, *OF_THE_SERVER, *WITHOUT_EFFECT, "connect_timeout"]
    matches = get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return f" (did you mean {matches[0]}?)" if matches else ""
