"""Postgres URLs as hosting services hand them out."""

import pytest
from sqlalchemy import Connection

from store import migrate
from store.database import Database
from store.errors import StoreError
from store.url import parse_postgres

HOSTED = "sslmode={}&channel_binding=require&application_name=palaver&connect_timeout=10&options=-c%20statement_timeout%3D5min"


@pytest.mark.parametrize(
    ("url", "dsn", "arguments"),
    [
        ("postgres://u:p@h:1/d", "postgresql://u:p@h:1/d", {}),
        (
            f"postgresql://u:p@h/d?{HOSTED.format('require')}",
            "postgresql://u:p@h/d?sslmode=require",
            {"timeout": 10.0, "server_settings": {"application_name": "palaver", "options": "-c statement_timeout=5min"}},
        ),
        ("postgresql+asyncpg://h/d?ssl=true", "postgresql://h/d?sslmode=require", {}),
        ("postgresql://u:p%40s@s#w@h/d", "postgresql://u:p%40s%40s%23w@h/d", {}),
        ("postgresql:///d?host=%2Frun%2Fpg&user=me", "postgresql:///d?host=%2Frun%2Fpg&user=me", {}),
        ("postgresql://a,b:2/d?target_session_attrs=read-write", "postgresql://a,b:2/d?target_session_attrs=read-write", {}),
        ("postgresql://h/d?connect_timeout=0&gssencmode=disable", "postgresql://h/d", {"timeout": None}),
        ("postgresql://h/d?connect_timeout=-1&sslsni=1", "postgresql://h/d", {"timeout": None}),
        ("postgresql://h/d?connect_timeout=1&client_encoding=UTF8", "postgresql://h/d", {"timeout": 2.0}),
        ("postgresql://h/d?connect_timeout=3&fallback_application_name=x", "postgresql://h/d", {"timeout": 3.0}),
        ("postgresql://h/d?ssl=false&sslnegotiation=direct", "postgresql://h/d?sslmode=disable&sslnegotiation=direct", {}),
        ("postgresql://h/d?ssl=prefer", "postgresql://h/d?sslmode=prefer", {}),
        ("postgresql://u@h/d?search_path=", "postgresql://u@h/d", {"server_settings": {"search_path": ""}}),
        ("postgresql://u:a:b%2Fc@h", "postgresql://u:a%3Ab%2Fc@h", {}),
        ("postgresql://u%40x%2Fy:p@h/d", "postgresql://u%40x%2Fy:p@h/d", {}),
    ],
)  # fmt: skip
def test_what_services_write_is_understood(url: str, dsn: str, arguments: dict[str, object]) -> None:
    parsed = parse_postgres(url)
    assert (parsed.dsn, parsed.arguments) == (dsn, arguments)


@pytest.mark.parametrize(
    "query",
    ["pgbouncer=true", "sslmod=require", "sslmode=always", "channel_binding=sometimes", "connect_timeout=soon", "require_auth=scram-sha-256", "gssencmode=require", "schema=public", "keepalives=1", "sslmode=", "connect_timeout=1.5", "sslnegotiation=maybe", "client_encoding=latin1",
     "sslsni=0"],
)  # fmt: skip
def test_what_cannot_be_honored_is_refused_by_name(query: str) -> None:
    with pytest.raises(ValueError, match=query.partition("=")[0]) as refused:
        parse_postgres(f"postgresql://u:planted@h/d?{query}")
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmod=require", "the parameter sslmod cannot be honored (did you mean sslmode?); take it out of the URL"),
        ("CONNECT_TIMEOUTS=3", "the parameter CONNECT_TIMEOUTS cannot be honored (did you mean connect_timeout?); take it out of the URL"),
        ("keepalives=1", "the parameter keepalives cannot be honored; take it out of the URL"),
        ("sslmode=always", "the parameter sslmode is one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("gssencmode=require", "the parameter gssencmode can only be disable or prefer here"),
        ("sslnegotiation=maybe", "the parameter sslnegotiation is postgres or direct"),
        ("connect_timeout=soon", "the parameter connect_timeout is a whole number of seconds"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_would_do(query: str, words: str) -> None:
    with pytest.raises(ValueError, match="the parameter") as refused:
        parse_postgres(f"postgresql://h/d?{query}")
    assert str(refused.value) == words


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "postgresql", "postgresql:h/d", "postgres:/h", "", "sqlite://x"]
)
def test_what_is_no_address_of_a_database_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="begins with sqlite:/// or postgresql://"):
        parse_postgres(url)


def test_address_and_arguments_are_what_the_driver_connects_with() -> None:
    parsed = parse_postgres("postgresql://h/d?connect_timeout=9")
    assert parsed.connect_args == {"dsn": "postgresql://h/d", "timeout": 9.0}


@pytest.mark.postgres
async def test_a_hosted_url_connects(postgres_url: str) -> None:
    separator = "&" if "?" in postgres_url else "?"
    database = Database(postgres_url + separator + HOSTED.format("prefer"))

    def read(connection: Connection) -> list[str]:
        names = ("application_name", "statement_timeout")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    settings = await database.read(read)
    await database.close()
    assert settings == ["palaver", "5min"]


@pytest.mark.postgres
@pytest.mark.parametrize("change", ["password", "database", "port"])
async def test_what_cannot_be_connected_is_one_error(postgres_url: str, change: str) -> None:
    address, _, name = postgres_url.rpartition("/")
    login, _, host = address.rpartition("@")
    wrong = {
        "password": f"postgresql://nobody-planted:x@{host}/{name}",
        "database": f"{address}/no-such-database",
        "port": f"{login}@127.0.0.1:1/{name}",
    }[change]
    database = Database(wrong)
    with pytest.raises(StoreError):
        await migrate.upgrade(database)
    await database.close()
