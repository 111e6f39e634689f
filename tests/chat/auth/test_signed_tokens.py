"""Tokens that a host signs for its users: which are valid, for whom, and until when."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import jwt
import pytest
import structlog
from sqlalchemy import Connection, text

from chat.auth.grants import owner_of
from chat.cli.listen import check_exposure
from chat.config.load import BadSettings, load
from tests.chat.auth.signing import (
    ISSUER,
    SECRET,
    SIGNED,
    START,
    answered,
    claims,
    hmac_with,
    minted,
    of_keys,
    pem_form,
    private_key,
    published,
    signed,
    status,
    stopped,
    unsigned,
)
from tests.chat.auth.tokens import ADA, GRANTED, client
from tests.markdown import code, section
from tests.palaver import palaver
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

DAY = 86_400
RSA = published("one", "RS256")


async def test_a_token_acts_for_its_subject_who_exists_from_then_on(sim: Simulator, tmp_path: Path) -> None:
    sim.respond(lambda _: Reply(text="Yes.", thinking=""))
    budget = {"scope": "token", "name": "signed", "unit": "requests", "period": "day", "limit": 2}
    async with palaver(tmp_path, sim, clock=stopped(), tokens=GRANTED, budgets=[budget], **SIGNED) as app:
        names = ["ada", "Zoë O'Hara/1 %2F?#", "auth0|5f7c", "a@b.example"]
        for name in names[:2]:
            async with client(app, minted(sub=name, palaver={"feature": "shop"})) as user:
                body = {"input": {"text": "Hello"}, "feature": "of-the-page"}
                accepted = await user.post("/api/threads/t/turns", json=body)
                assert accepted.status_code == 202, accepted.text
                async with user.stream("GET", f"/api/turns/{accepted.json()['id']}/events") as stream:
                    await stream.aread()
                assert [thread["id"] for thread in (await user.get("/api/threads")).json()["threads"]] == [
                    "t"
                ]
        async with client(app, minted(sub=names[2])) as user:
            assert (await user.get("/api/threads/t")).status_code == 404, "each user's threads are their own"
            assert (await user.post("/api/threads/t/turns", json=body)).status_code == 429, "budgets apply"
        assert await status(app, minted(sub=names[3])) == 200
        async with client(app, ADA) as configured:
            assert (await configured.get("/api/threads")).json()["threads"] == [], (
                "the operator's ada is another"
            )
        assert await status(app, None) == 401

        def read(connection: Connection) -> None:
            owners = ["user:ada", "user:Zo%C3%AB%20O%27Hara%2F1%20%252F%3F%23"]
            rows = connection.execute(text("SELECT DISTINCT owner_id, token, feature FROM ledger_entries"))
            assert {tuple(row) for row in rows} == {(owner, "signed", "shop") for owner in owners}
            rows = connection.execute(text("SELECT id, name FROM users WHERE id LIKE 'user:%'"))
            others = ["user:auth0|5f7c", "user:a@b.example"]
            assert {tuple(row) for row in rows} == set(zip([*owners, *others], names, strict=True))

        await app.deps.database.read(read)


REFUSED = {
    "another secret": minted(secret="another secret of 32 letters and more"),
    "no signature": minted().rpartition(".")[0] + ".",
    "a changed claim": ".".join([*minted().split(".")[:1], minted(sub="bob").split(".")[1], minted().split(".")[2]]),
    "alg none": unsigned({"alg": "none", "typ": "JWT"}, claims()),
    "alg none, signed": unsigned({"alg": "none", "typ": "JWT"}, claims(), b"x" * 32),
    "alg HS512": jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
    "another issuer": minted(iss="https://evil.example"),
    "no issuer": minted(iss=None),
    "another audience": minted(aud="billing"),
    "no audience": minted(aud=None),
    "no subject": minted(sub=None),
    "no iat": minted(iat=None),
    "no exp": minted(exp=None),
    "exp is now": minted(exp=START, iat=START - 60),
    "exp is a text": minted(exp=str(int(START + 300))),
    "exp is true": minted(exp=True),
    "exp is endless": minted(exp=float("inf")),
    "exp is no number": minted(exp=float("nan")),
    "iat in the future": minted(iat=START + 61),
    "nbf in the future": minted(nbf=START + 61),
    "a day and a second": minted(exp=START + DAY + 1),
    "a day and a second since iat": minted(exp=START + 300, iat=START + 299 - DAY),
    "an unknown limit": minted(palaver={"scopes": "all"}),
    "a limit of another type": minted(palaver={"thread": 1}),
    "admin": minted(palaver={"admin": True}),
    "no such tier": minted(palaver={"tier": "best"}),
    "no such access": minted(palaver={"access": "all"}),
    "no origins": minted(palaver={"origins": []}),
    "origin of all": minted(palaver={"origins": ["*"]}),
    "a path in an origin": minted(palaver={"origins": ["https://a.example/x"]}),
    "limits as a text": minted(palaver="all"),  # type: ignore[arg-type]
    "no name": minted(sub=""),
    "a line break in the name": minted(sub="a\nb"),
    "NUL in the name": minted(sub="a\0b"),
    "half a character in the name": minted(sub="\ud800"),
    "a long name": minted(sub="x" * 256),
    "a name that is long percent-encoded": minted(sub="\U00020000" * 200),
    "critical extension": jwt.encode(claims(), SECRET, algorithm="HS256", headers={"crit": ["b64"], "b64": True}),
    "an unknown critical extension": jwt.encode(claims(), SECRET, algorithm="HS256", headers={"crit": ["exp2"], "exp2": 1}),
    "too long": minted(jti="x" * 20_000),
    "nested deeply": unsigned({"alg": "HS256"}, {}).split(".")[0] + "." + base64.urlsafe_b64encode(b"[" * 9_000).decode() + ".eA",
    "no list": unsigned({"alg": ["HS256"]}, claims(), b"x"),
    "kid is a number": unsigned({"alg": "RS256", "kid": 1}, claims(), b"x"),
    "not base64": "!.!.!",
    "four parts": minted() + ".eA",
}  # fmt: skip


async def test_any_other_token_is_refused_alike(sim: Simulator, tmp_path: Path) -> None:
    async with of_keys(tmp_path, sim, RSA, jwt_secret=SECRET) as (app, _, _):
        good = [
            minted(),
            minted(aud=["billing", "palaver"]),
            minted(iat=START + 60, nbf=START + 60),
            minted(exp=START + DAY),
            minted(exp=START + 0.001),
            minted(sub="x" * 255, palaver={}),
            signed("one", "RS256"),
        ]
        assert [await status(app, token) for token in good] == [200] * len(good)
        public = private_key("RS256").public_key()
        pem = public.public_bytes(*pem_form())
        confused = {
            "the public key as the secret": hmac_with(pem),
            "a secret's token with a key's id": jwt.encode(claims(), "x" * 32, algorithm="HS256", headers={"kid": "one"}),
            "the secret under another algorithm": unsigned({"alg": "RS256", "kid": "one"}, claims(), b"x" * 256),
            "another algorithm of the same key": signed("one", "PS256"),
            "another key under its id": signed("one", "RS256", 1),
            "jwk in the header": jwt.encode(
                claims(), private_key("RS256", 1), algorithm="RS256", headers={"jwk": published("one", "RS256", 1)}
            ),
        }  # fmt: skip
        bodies = set()
        for why, token in {**REFUSED, **confused}.items():
            async with client(app, token) as nobody:
                answer = await nobody.get("/api/threads")
                assert answer.status_code == 401, why
                bodies.add(answer.text.replace(answer.headers["x-request-id"], ""))
        assert len(bodies) == 1, "the answer does not say why"
        assert await status(app, None) == 401

        def users(connection: Connection) -> int:
            return int(connection.scalar(text("SELECT COUNT(*) FROM users WHERE id LIKE 'user:%'")) or 0)

        assert await app.deps.database.read(users) == 2, "and makes no user"


async def test_a_stream_ends_when_the_token_expires_and_its_turn_goes_on(
    sim: Simulator, tmp_path: Path
) -> None:
    clock = stopped()
    async with palaver(tmp_path, sim, clock=clock, **SIGNED) as app:
        short, long = minted(), minted(exp=START + 3_600)
        sim.script(Reply(text="Said to the end.", thinking="", hold=True))
        async with client(app, short) as ended, client(app, long) as goes_on:
            turn = (await ended.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})).json()
            path = f"/api/turns/{turn['id']}/events"
            async with ended.stream("GET", path) as first, goes_on.stream("GET", path) as second:
                clock.sim.advance(299.999)
                await app.deps.token_registry.check()
                assert [await status(app, token) for token in (short, long)] == [200, 200]
                clock.sim.advance(0.001)
                await app.deps.token_registry.check()
                async with asyncio.timeout(LIMIT):
                    assert "turn.completed" not in (await first.aread()).decode()
                assert [await status(app, token) for token in (short, long)] == [401, 200]
                sim.held.open()
                assert "turn.completed" in (await second.aread()).decode()


async def test_no_token_secret_or_url_is_in_a_log_or_an_answer(
    sim: Simulator, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with of_keys(tmp_path, sim, RSA, jwt_secret=SECRET, log_level="debug") as (app, host, clock):
        host.answer = answered(b"{}", "500 Oops")
        with structlog.testing.capture_logs() as logged:
            answers = []
            tokens = [*REFUSED.values(), signed("two", "RS256"), minted(), minted(sub="another")]
            for token in tokens:
                async with client(app, token) as somebody:
                    answers.append((await somebody.get("/api/info")).text)
            clock.sim.advance(3_600)
            await app.deps.token_registry.check()
        assert {"signed_token.refused", "signing_keys.unreadable"} <= {entry["event"] for entry in logged}
    seen = str(logged) + "".join(answers) + "".join(capfd.readouterr())
    hidden = [
        SECRET,
        "planted-password",
        *(part for token in tokens for part in token.split(".") if len(part) > 20),
    ]
    assert [text for text in hidden if text in seen] == []


async def test_the_token_of_the_readme_opens_its_thread(sim: Simulator, tmp_path: Path) -> None:
    (example,) = code(section("chat/auth/README.md", "End users"), "python")
    assert len(example.splitlines()) <= 18
    names: dict[str, Any] = {"SECRET": SECRET}
    exec(compile(example, "README.md", "exec"), names)
    async with palaver(tmp_path, sim, **SIGNED) as app:
        async with client(app, names["token_for"]("ada", "support-4711")) as ada:
            assert (await ada.post("/api/threads", json={"id": "support-4711"})).status_code == 201
            assert (await ada.get("/api/threads/support-4711")).status_code == 200
            assert (await ada.get("/api/threads")).status_code == 403


def test_settings_of_signed_tokens_are_checked_and_close_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not load().requires_token
    monkeypatch.setenv("PALAVER_JWT_SECRET", SECRET)
    with pytest.raises(BadSettings, match=r"^PALAVER_JWT_ISSUER: ") as refused:
        load()
    assert SECRET not in str(refused.value)
    monkeypatch.setenv("PALAVER_JWT_ISSUER", ISSUER)
    settings = load(host="0.0.0.0")
    assert settings.requires_token
    check_exposure(settings)
    for name, value in (
        ("SECRET", "x" * 31),
        ("JWKS_URL", "ftp://planted"),
        ("JWKS_URL", "https://:planted"),
        ("MAX_SECONDS", "59"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(f"PALAVER_JWT_{name}", value)
            with pytest.raises(BadSettings, match=f"^PALAVER_JWT_{name}: ") as refused:
                load()
            assert len(value) < 5 or value not in str(refused.value)
    with monkeypatch.context() as changed:
        digest = GRANTED[0]["sha256"]
        changed.setenv("PALAVER_TOKENS", f'[{{"name": "signed", "sha256": "{digest}"}}]')
        with pytest.raises(BadSettings, match=r"^PALAVER_TOKENS: "):
            load()


def test_no_two_subjects_have_one_id_and_none_is_a_user_of_the_settings() -> None:
    names = ["a", "A", "a b", "a%20b", "a+b", "a/b", "a:b", "user:a", "é", "e\u0301", "local", "...", "~"]
    ids = [owner_of(name) for name in names]
    assert len(set(ids)) == len(names)
    assert all(owner_id.startswith("user:") and owner_id.isascii() for owner_id in ids)
