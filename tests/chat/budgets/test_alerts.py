"""Alerts: told once, signed, tried again until they are taken, and nothing of them lost."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chat.budgets.alerts import Alerts, Webhook
from chat.config.load import BadSettings, load
from context.limits.budgets import Budget, BudgetAccount, Counter, counters, share_reached
from store import migrate
from store.database import Database
from store.ledger import budgets as store
from store.ledger.budgets import Change
from tests.clocks import QuickClock
from tests.palaver import palaver
from tests.upstream import Simulator
from tests.waiting import LIMIT

SECRET = "a-secret-of-sixteen-or-more"
TOKENS = Budget(scope="user", unit="tokens", period="month", limit=1_000)
ADA = BudgetAccount(owner_id="ada")


@dataclass(slots=True)
class Receiver:
    """A little HTTP server that answers with scripted statuses, then 204, and keeps what it was sent."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in lines[1:-2])
                headers = {name.lower(): value for name, value in pairs}
                self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
                self.arrived.set()
                status = self.statuses.pop(0) if self.statuses else 204
                where = f"location: {self.url}elsewhere\r\n" if status == 307 else ""
                writer.write(f"HTTP/1.1 {status} Said\r\n{where}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def bodies(self) -> list[dict[str, Any]]:
        """What was sent, each with a good signature."""
        for headers, body in self.got:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            expected = base64.b64encode(hmac.new(SECRET.encode(), signed, sha256).digest()).decode()
            assert headers["webhook-signature"] == f"v1,{expected}"
            assert headers["content-type"] == "application/json"
        return [json.loads(body) for _, body in self.got]


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    hook = Receiver(statuses=list(statuses))
    server = await asyncio.start_server(hook.serve, "127.0.0.1", 0)
    hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield hook
    server.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
    await migrate.upgrade(opened)
    yield opened
    await opened.close()


def alerts(database: Database, clock: QuickClock, hook: Receiver | None) -> Alerts:
    """The alerts of one replica."""
    webhook = None if hook is None else Webhook(url=hook.url, secret=SECRET)
    return Alerts(database=database, clock=clock, budgets=(TOKENS,), thresholds=(80, 100), webhook=webhook)


async def use(database: Database, clock: QuickClock, amount: int) -> Counter:
    (counter,) = counters([TOKENS], ADA, clock.now())
    await database.write(partial(store.reserve, amounts=[(counter, amount)]))
    change = Change(key=counter.key, period_start=counter.period_start, used=amount, reserved=-amount)
    await database.write(partial(store.settle, changes=[change]))
    return counter


async def outbox(database: Database) -> int:
    query = text("SELECT COUNT(*) FROM budget_alerts")
    return int(await database.read(lambda connection: connection.scalar(query)) or 0)


async def test_each_share_is_told_once_however_many_replicas_look(database: Database) -> None:
    clock = QuickClock()
    async with receiver() as hook:
        replicas = [alerts(database, clock, hook) for _ in range(3)]
        await use(database, clock, 790)
        await asyncio.gather(*(replica.check() for replica in replicas))
        assert hook.got == []
        await use(database, clock, 20)
        for _ in range(2):
            await asyncio.gather(*(replica.check() for replica in replicas))
        (alert,) = hook.bodies()
        assert alert["type"] == "budget.share_reached"
        assert {name: alert["data"][name] for name in ("scope", "subject", "share", "used", "limit", "refused")} == {
            "scope": "user", "subject": "ada", "share": 80, "used": "810", "limit": "1000", "refused": False,
        }  # fmt: skip
        await use(database, clock, 190)
        await asyncio.gather(*(replica.check() for replica in replicas))
        assert [body["data"]["share"] for body in hook.bodies()] == [80, 100]
        assert await outbox(database) == 0


async def test_a_webhook_that_fails_is_tried_again_also_after_a_crash(database: Database) -> None:
    clock = QuickClock()
    async with receiver(500, 307, 429) as hook:
        await use(database, clock, 900)
        await alerts(database, clock, hook).check()
        assert (len(hook.got), await outbox(database)) == (1, 1)
        await alerts(database, clock, hook).check()
        assert len(hook.got) == 1, "not before it is due"
        for tries in (2, 3, 4):
            clock.ahead += 60_000
            await alerts(database, clock, hook).check()  # each is a new process
            assert len(hook.got) == tries
        assert await outbox(database) == 0
        bodies = hook.bodies()
        assert all(body == bodies[0] for body in bodies), "the same alert"
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1
        clock.ahead += 3_600_000
        await alerts(database, clock, hook).check()
        assert len(hook.got) == 4, "a redirect was not followed, and nothing is sent twice"


async def test_an_alert_nobody_takes_is_given_up_after_days(database: Database) -> None:
    clock = QuickClock()
    async with receiver(*([503] * 99)) as hook:
        await use(database, clock, 900)
        for _ in range(4):
            await alerts(database, clock, hook).check()
            clock.ahead += 86_400_000
        assert await outbox(database) == 0


async def test_what_a_budget_refuses_is_told_although_some_of_it_is_left(
    sim: Simulator, tmp_path: Path
) -> None:
    budget = {"scope": "user", "unit": "usd", "period": "day", "limit": "0.001"}
    async with (
        receiver() as hook,
        palaver(
            tmp_path, sim, budgets=[budget], alert_webhook=hook.url, alert_secret=SECRET, clock=QuickClock()
        ) as app,
    ):
        for _ in range(3):
            answer = await app.http.post("/api/threads/t/turns", json={"input": {"text": "A planted secret"}})
            assert answer.status_code == 402
        async with asyncio.timeout(LIMIT):
            await hook.arrived.wait()
        (alert,) = hook.bodies()
        assert (alert["data"]["share"], alert["data"]["refused"], alert["data"]["used"]) == (100, True, "0.000000000000")  # fmt: skip
        assert b"planted" not in hook.got[0][1]


@pytest.mark.parametrize(
    ("used", "refused", "share"),
    [(799, False, 0), (800, False, 80), (999, False, 80), (1_000, False, 100), (1_300, False, 120), (1, True, 100)],
)  # fmt: skip
def test_the_share_a_counter_has_reached(used: int, refused: bool, share: int) -> None:
    assert share_reached(TOKENS, used, refused=refused, shares=(80, 100, 120)) == share


def test_a_secret_of_the_standard_form_is_taken_as_base64() -> None:
    raw = base64.b64encode(b"0123456789abcdef").decode()
    plain = Webhook(url="http://h/", secret="0123456789abcdef").headers("id", 1, b"{}")
    assert Webhook(url="http://h/", secret=f"whsec_{raw}").headers("id", 1, b"{}") == plain


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('alert_webhook = "https://h.example/planted"', "PALAVER_ALERT_SECRET"),
        ('alert_webhook = "ftp://planted"', "PALAVER_ALERT_WEBHOOK"),
        ('alert_secret = "whsec_planted-not-base64"', "PALAVER_ALERT_SECRET"),
        ("alert_thresholds = [0]", "PALAVER_ALERT_THRESHOLDS"),
        ('[[budgets]]\nscope = "galaxy"\nunit = "usd"\nperiod = "day"\nlimit = 1', "PALAVER_BUDGETS[0].scope"),
        ('[[budgets]]\nscope = "user"\nunit = "usd"\nperiod = "day"\nlimit = 0', "PALAVER_BUDGETS[0].limit"),
        ('[[budgets]]\nscope = "user"\nunit = "tokens"\nperiod = "day"\nlimit = 1.5', "PALAVER_BUDGETS[0]"),
        ('[[budgets]]\nscope = "tier"\nname = "best"\nunit = "usd"\nperiod = "day"\nlimit = 1', "PALAVER_BUDGETS[0]"),
        ('[[budgets]]\nscope = "user"\nunit = "usd"\nperiod = "day"\nlimit = 1\n' * 2, "PALAVER_BUDGETS"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_name_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palaver.toml").write_text(lines)
    with pytest.raises(BadSettings) as refused:
        load()
    assert str(refused.value).split(": ")[0] == named
    assert "planted" not in str(refused.value)


def test_money_is_read_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palaver.toml").write_text('alert_thresholds = [100, 50]\n[[budgets]]\nscope = "user"\nunit = "usd"\nperiod = "day"\nlimit = 2.55\n')  # fmt: skip
    settings = load()
    assert settings.alert_thresholds == (50, 100)
    (budget,) = settings.all_budgets
    assert budget.limit == 2_550_000_000_000
