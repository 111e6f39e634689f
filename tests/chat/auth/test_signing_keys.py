"""The keys that a host publishes: which are used, when they are read again, and how long they count."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import jwt
import structlog

from tests.chat.auth.signing import (
    SECRET,
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
)
from tests.chat.auth.tokens import client
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

RSA = published("one", "RS256")


async def test_without_a_secret_none_is_taken_from_the_published_keys(sim: Simulator, tmp_path: Path) -> None:
    octets = {
        "kty": "oct",
        "kid": "oct",
        "alg": "HS256",
        "k": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    }
    small = {"kid": "es384", "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}
    encrypts = published("enc", "ES256", use="enc")
    longer = {**RSA, "kid": "rs512", "alg": "RS512"}
    odd: list[Any] = [longer, 1, {}, {"kty": "RSA"}, {**RSA, "kid": ["one"]}, small, octets, encrypts]
    keys = [published(kind, kind) for kind in ("RS256", "PS256", "ES256", "EdDSA")]
    async with of_keys(tmp_path, sim, *odd, *keys) as (app, _, _):
        assert [await status(app, signed(kind, kind)) for kind in ("RS256", "PS256", "ES256", "EdDSA")] == [
            200
        ] * 4
        pem = private_key("RS256").public_key().public_bytes(*pem_form())
        refused = [
            minted(),
            jwt.encode(claims(), SECRET, algorithm="HS256", headers={"kid": "oct"}),
            hmac_with(pem),
            signed("enc", "ES256"),
            jwt.encode(claims(), private_key("RS256"), algorithm="RS512", headers={"kid": "rs512"}),
            signed(None, "RS256"),
            signed("RS256", "ES256"),
        ]
        assert [await status(app, token) for token in refused] == [401] * len(refused)


async def test_made_up_key_ids_cause_one_request_in_ten_seconds(sim: Simulator, tmp_path: Path) -> None:
    async with of_keys(tmp_path, sim, RSA) as (app, host, clock):
        flood = [signed(f"made-up-{number}", "RS256") for number in range(20)]
        assert set(await asyncio.gather(*(status(app, token) for token in flood))) == {401}
        assert host.asked == 1
        host.keys = [RSA, published("two", "RS256", 1)]
        clock.sim.advance(9.9)
        assert await status(app, signed("two", "RS256", 1)) == 401, "no request yet"
        assert await status(app, signed("one", "RS256")) == 200, "known keys serve all the while"
        clock.sim.advance(0.1)
        tokens = [signed("two", "RS256", 1), signed("one", "RS256"), *flood]
        assert await asyncio.gather(*(status(app, token) for token in tokens)) == [200, 200, *[401] * 20]
        assert host.asked == 2


async def test_keys_rotate_and_a_withdrawn_one_ends_its_streams(sim: Simulator, tmp_path: Path) -> None:
    async with of_keys(tmp_path, sim, RSA) as (app, host, clock):
        old, new = signed("one", "RS256", exp=START + 7_200), signed("one", "RS256", 1, exp=START + 7_200)
        assert await status(app, signed(None, "RS256")) == 200, "the only key needs no id"
        sim.script(Reply(text="Said to nobody.", thinking="", hold=True))
        async with client(app, old) as ada:
            turn = (await ada.post("/api/threads/t/turns", json={"input": {"text": "Hello"}})).json()
            async with ada.stream("GET", f"/api/turns/{turn['id']}/events") as stream:
                host.keys = [published("one", "RS256", 1)]
                clock.sim.advance(299)
                await app.deps.token_registry.check()
                assert [await status(app, token) for token in (old, new)] == [200, 401]
                clock.sim.advance(1)
                await app.deps.token_registry.check()  # reads the keys
                await app.deps.token_registry.check()
                async with asyncio.timeout(LIMIT):
                    assert "turn.completed" not in (await stream.aread()).decode()
        assert [await status(app, token) for token in (old, new)] == [401, 200]
        sim.held.open()


async def test_keys_count_for_an_hour_while_the_host_does_not_answer(sim: Simulator, tmp_path: Path) -> None:
    async with of_keys(tmp_path, sim, RSA) as (app, host, clock):
        token = signed("one", "RS256", exp=START + 7_200)
        assert await status(app, token) == 200
        others = json.dumps({"keys": [published("two", "RS256", 1)]}).encode()
        bad = [
            answered(others, "503 Unavailable"),
            answered(others, "302 Found", f"location: {host.url}\r\n"),
            answered(b"not json"),
            answered(b"[" * 50_000),
            answered(b'{"keys": []}'),
            answered(b'{"keys": {}}'),
            answered(json.dumps({"keys": [published("two", "RS256", 1)], "x": "x" * 300_000}).encode()),
            b"nonsense\r\n\r\n",
        ]
        with structlog.testing.capture_logs() as logged:
            clock.sim.advance(300)
            for answer in bad:
                host.answer, before = answer, host.asked
                clock.sim.advance(10)
                await app.deps.token_registry.check()
                assert host.asked == before + 1
                assert await status(app, token) == 200
            clock.sim.advance(3_600 - 300 - 10 * len(bad) - 1)
            assert await status(app, token) == 200
            clock.sim.advance(1)
            assert await status(app, token) == 401
        warnings = [entry for entry in logged if entry["event"] == "signing_keys.unreadable"]
        assert len(warnings) == 1, "once, until they can be read again"
        assert "planted-password" not in str(logged)
        host.answer = None
        clock.sim.advance(10)
        assert await status(app, token) == 200
