"""A backend's token acts for end users: `Palaver-User` names one."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from chat.auth.tokens import as_toml
from chat.upstream.client import Timeouts
from tests.chat.auth.signing import SIGNED, minted, stopped
from tests.chat.auth.tokens import ADA, GRANTED, client
from tests.palaver import palaver
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

BACKEND = "backend-token-0123456789"
TOKEN: dict[str, Any] = {"name": "shop", "user": "shop", "sha256": sha256(BACKEND.encode()).hexdigest(), "tier": "simple", "admin": True, "acts_for_users": True}  # fmt: skip
SAID = {"input": {"text": "Hello"}}


def acting(user: str) -> dict[str, str]:
    return {"palaver-user": user}


async def test_a_backend_acts_for_each_of_its_users(sim: Simulator, tmp_path: Path) -> None:
    sim.respond(lambda _: Reply(text="Yes.", thinking=""))
    tokens = [*GRANTED, TOKEN]
    async with palaver(tmp_path, sim, clock=stopped(), tokens=tokens, **SIGNED) as app:
        async with client(app, BACKEND) as backend:
            for name in ("Zo%C3%AB", "bob"):
                turn = (await backend.post("/api/threads/t/turns", json=SAID, headers=acting(name))).json()
                path = f"/api/turns/{turn['id']}/events"
                async with backend.stream("GET", path, headers=acting(name)) as stream:
                    await stream.aread()
                assert (await backend.get(f"/api/turns/{turn['id']}")).status_code == 404, (
                    "the backend is another"
                )
            assert (await backend.get("/api/threads/t", headers=acting("eve"))).status_code == 404
            completion = {"model": "complex", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {**acting("bob"), "palaver-thread": "t2"}
            assert (
                await backend.post("/v1/chat/completions", json=completion, headers=headers)
            ).status_code == 200
            assert (await backend.get("/api/usage", params={"scope": "all"})).status_code == 200
            everybodys = await backend.get("/api/usage", params={"scope": "all"}, headers=acting("bob"))
            assert everybodys.status_code == 403, "no admin rights for a user"
            again = await backend.post("/api/tokens", json={"user": "x"}, headers=acting("bob"))
            assert again.status_code == 403, "nor the right to act for others"
        async with client(app, minted(sub="Zoë")) as same:
            assert (await same.get("/api/threads/t")).status_code == 200

        def read(connection: Connection) -> None:
            rows = connection.execute(
                text("SELECT owner_id, token, tier FROM ledger_entries ORDER BY owner_id")
            )
            expected = [("user:Zo%C3%AB", "shop", "simple"), *[("user:bob", "shop", "simple")] * 2]
            assert sorted(tuple(row) for row in rows) == sorted(expected)

        await app.deps.database.read(read)


async def test_nobody_else_acts_for_a_user(sim: Simulator, tmp_path: Path, app: Any) -> None:
    answer = await app.http.get("/api/threads", headers=acting("ada"))
    assert answer.status_code == 403, "an open server has one user"
    tokens = [*GRANTED, TOKEN]
    async with palaver(tmp_path / "closed", sim, clock=stopped(), tokens=tokens, **SIGNED) as closed:
        for token in (ADA, minted(), minted(sub="bob")):
            async with client(closed, token) as user:
                assert (await user.get("/api/threads", headers=acting("ada"))).status_code == 403
        async with client(closed, None) as nobody:
            assert (await nobody.get("/api/threads", headers=acting("ada"))).status_code == 401
        async with client(closed, BACKEND) as backend:
            for bad in ("", "a%0Ab", "%ff", "x" * 256):
                assert (await backend.get("/api/threads", headers=acting(bad))).status_code == 400, bad
            raw = [(b"palaver-user", "Zoë".encode())]
            assert (await backend.get("/api/threads", headers=raw)).status_code == 400
            twice = [("palaver-user", "ada"), ("palaver-user", "bob")]
            assert (await backend.get("/api/threads", headers=twice)).status_code == 400


@pytest.mark.parametrize("left", ["", "no right"])
async def test_a_stream_ends_when_the_backend_loses_its_token_or_the_right(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file, plain = tmp_path / "palaver.toml", as_toml(BACKEND, name="shop", user="shop")
    file.write_text(plain + "acts_for_users = true\n")
    async with palaver(tmp_path / "data", sim, timeouts=Timeouts()) as app, client(app, BACKEND) as backend:
        sim.script(Reply(text="Said to nobody.", thinking="", hold=True))
        turn = (await backend.post("/api/threads/t/turns", json=SAID, headers=acting("ada"))).json()
        async with backend.stream("GET", f"/api/turns/{turn['id']}/events", headers=acting("ada")) as stream:
            await app.deps.token_registry.check()
            assert not any(request.revoked for request in app.deps.token_registry._open)
            file.write_text(plain if left else as_toml(ADA, name="other", user="other"))
            for _ in range(2):
                await app.deps.token_registry.check()
            async with asyncio.timeout(LIMIT):
                assert "turn.completed" not in (await stream.aread()).decode()
        sim.held.open()
