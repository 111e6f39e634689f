"""Tokens: who they name, when they end, and that nobody reaches what another user owns."""

import tomllib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from typer.testing import CliRunner

from chat.app import endpoints
from chat.auth.principal import Principal
from chat.auth.tokens import Tokens, as_toml, new_token
from chat.cli.main import app as command_line
from chat.config.load import BadSettings, load
from chat.config.tokens import Token
from tests.chat.auth.tokens import ADA, BOB, GRANTED, client
from tests.palaver import palaver
from tests.upstream import Reply, Simulator

OLD = "token-of-old-0123456789"


def test_a_token_names_its_principal_until_it_expires() -> None:
    end = datetime(2026, 12, 1, tzinfo=UTC)
    token = Token(name="kiosk", user="ada", sha256=sha256(b"x").hexdigest(), tier="simple", tier_rule="at_most", expires=end)  # fmt: skip
    tokens = Tokens([token], "y")
    before = int((end - timedelta(milliseconds=1)).timestamp() * 1000)
    assert tokens.find("x", now=before) == Principal(
        owner_id="ada", token="kiosk", tier="simple", at_most=True
    )
    assert tokens.find("x", now=before + 1) is None
    assert tokens.find("y", now=before) == Principal(
        owner_id="local", token="default", admin=True, acts_for_users=True
    )
    assert tokens.find("", now=before) is None
    assert tokens.find("half a character \udcff", now=before) is None, "as a header's odd bytes arrive"
    assert not Tokens([], None)


def test_the_command_prints_a_token_once_and_the_lines_that_let_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(command_line, ["token", "ci", "--user", "ada"])
    assert ended.exit_code == 0, ended.output
    secret = ended.stdout.splitlines()[0]
    assert len(secret.removeprefix("plv_")) >= 43, "256 bits"
    assert secret not in ended.stdout.split("\n", 1)[1]
    (tmp_path / "palaver.toml").write_text(ended.stdout.split("\n", 1)[1])
    (token,) = load().tokens
    assert Tokens([token], None).find(secret, now=0) == Principal(owner_id="ada", token="ci")
    assert new_token() != new_token()
    for name in ('a"b', "ci\n"):
        assert CliRunner().invoke(command_line, ["token", name]).exit_code == 2
    for field, value in (("name", "a b"), ("user", 'a"b')):
        with pytest.raises(ValueError, match=f"^{field}: letters, digits"):
            as_toml(secret, **{"name": "ci", "user": "ada", field: value})


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('[[tokens]]\nname = "a"\nsha256 = "planted"', "PALAVER_TOKENS[0].sha256"),
        ('[[tokens]]\nname = "a b"\nsha256 = "%s"' % ("0" * 64), "PALAVER_TOKENS[0].name"),
        ('[[tokens]]\nname = "a"\nsha256 = "%s"\nrights = true' % ("0" * 64), "PALAVER_TOKENS[0].rights"),
        ('[[tokens]]\nname = "default"\nsha256 = "%s"' % ("0" * 64), "PALAVER_TOKENS"),
        ('[[tokens]]\nname = "a"\nsha256 = "%s"\nexpires = 2026-01-01' % ("0" * 64), "PALAVER_TOKENS[0].expires"),
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_used_is_named_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, named: str
) -> None:
    tomllib.loads(lines)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palaver.toml").write_text(lines)
    with pytest.raises(BadSettings) as refused:
        load()
    assert str(refused.value).startswith(f"{named}: ")
    assert "planted" not in str(refused.value)


async def test_with_tokens_nobody_is_anonymous_and_each_has_a_house_of_their_own(
    sim: Simulator, tmp_path: Path
) -> None:
    old = {"name": "old", "user": "ada", "sha256": sha256(OLD.encode()).hexdigest(), "expires": "2026-01-01T00:00:00Z"}  # fmt: skip
    async with palaver(tmp_path, sim, tokens=[*GRANTED, old]) as app:
        for wrong in (None, OLD, ADA + "x", GRANTED[0]["sha256"]):
            async with client(app, wrong) as nobody:
                answer = await nobody.get("/api/threads")
                assert answer.status_code == 401, wrong
                assert answer.json()["error"]["code"] == "unauthorized"
                assert (await nobody.get("/healthz")).status_code == 200
        async with client(app, ADA) as ada, client(app, BOB) as bob:
            for person in (ada, bob):  # threads may be named by clients: the same name is another thread
                accepted = await person.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})
                assert accepted.status_code == 202, accepted.text
            ada_message, bob_message = [
                (await person.get("/api/threads/t/messages")).json()["messages"][0]["id"]
                for person in (ada, bob)
            ]
            assert ada_message != bob_message

        def read(connection: Connection) -> None:
            rows = connection.execute(text("SELECT owner_id, token FROM turns ORDER BY owner_id"))
            assert [tuple(row) for row in rows] == [("ada", "ada-laptop"), ("bob", "bob-laptop")]

        await app.deps.database.read(read)


BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/api/threads/{thread}"): {"title": "Mine now"},
    ("PUT", "/api/messages/{message}/feedback"): {"rating": "up"},
    ("PUT", "/api/threads/{thread}/summary"): {"id": "sum_1", "lines": [{"text": "Mine now"}]},
    ("PUT", "/api/threads/{thread}/instructions"): {"text": "Mine now"},
    ("POST", "/api/threads/{thread}/presence"): {"state": "visible"},
}
OWN = {
    ("POST", "/api/threads/{thread}/turns"),  # makes a thread of that name for whoever asks
}
NOTHING = {
    ("GET", "/api/ai-sdk/chat/{thread}/stream"): 204,  # its client takes any other status for a failure
    ("DELETE", "/api/tokens/{token}"): 403,  # for admins
}


async def test_foreign_ids_are_answered_like_unknown_ones_on_every_route(
    sim: Simulator, tmp_path: Path
) -> None:
    sim.respond(lambda _: Reply(text="Yes.", thinking=""))
    async with (
        palaver(tmp_path, sim, tokens=GRANTED) as app,
        client(app, ADA) as ada,
        client(app, BOB) as bob,
    ):
        accepted = await ada.post("/api/threads/hers/turns", json={"input": {"text": "A secret of Ada's"}})
        known = {"thread": "hers", "turn": accepted.json()["id"], "message": accepted.json()["message_id"]}
        known |= {
            "model": "of-nobody",
            "token": "tok_of-nobody",
        }  # models are everybody's, tokens the admins'
        async with ada.stream("GET", f"/api/turns/{known['turn']}/events") as stream:
            await stream.aread()
        swept = 0
        for endpoint in endpoints(app.deps):
            key = (endpoint.method, endpoint.path)
            if not endpoint.parameters or key in OWN:
                continue
            errors = []
            for ids in (known, dict.fromkeys(known, "nobody-has-this")):
                path = endpoint.path.format(**ids)
                answer = await bob.request(endpoint.method, path, json=BODIES.get(key))
                assert answer.status_code == NOTHING.get(key, 404), (key, answer.text)
                errors.append(answer.text.replace(answer.headers["x-request-id"], ""))
            assert errors[0] == errors[1], key
            swept += 1
        assert swept >= 15
        everything = (
            "/api/threads",
            "/api/threads?q=secret",
            "/api/search?q=secret",
            "/api/search?q=secret&thread_id=hers",
            "/api/usage?group_by=thread",
            "/api/usage/calls",
        )
        for path in everything:
            seen, answer = await ada.get(path), await bob.get(path)
            assert (seen.status_code, answer.status_code) == (200, 200), path
            assert "hers" in seen.text, f"{path} proves nothing"
            assert "hers" not in answer.text, path
        body = {"input": {"text": "Hi"}, "parent_id": known["message"]}
        assert (await bob.post("/api/threads/hers/turns", json=body)).status_code == 404
        chat = {
            "id": "hers",
            "messages": [
                {"id": known["message"], "role": "assistant", "parts": []},
                {"id": "his", "role": "user", "parts": [{"type": "text", "text": "Hi"}]},
            ],
        }
        async with bob.stream("POST", "/api/ai-sdk/chat", json=chat) as stream:
            assert stream.status_code == 200, "a chat of his own, by the same name"
            assert b"secret" not in await stream.aread()
        again = {"id": "hers", "trigger": "regenerate-message", "messageId": known["message"]}
        assert (await bob.post("/api/ai-sdk/chat", json=again)).status_code == 400
        regenerate = {"regenerate": known["message"]}
        assert (await bob.post("/api/threads/hers/turns", json=regenerate)).status_code == 404
        thread = (await ada.get("/api/threads/hers")).json()
        assert thread["title"] == "A secret of Ada's", "and nothing of hers has changed"
