"""Alerts: told once, signed, tried again until they are taken, and nothing of them lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from chat.budgets.alerts import Alerts
from chat.config.load import BadSettings, load
from chat.config.webhooks import matching
from chat.webhooks.dispatcher import Dispatcher
from chat.webhooks.endpoint import Endpoint
from context.limits.budgets import Budget, BudgetAccount, Counter, counters, share_reached
from store import migrate, webhook_deliveries
from store.database import Database
from store.ledger import budgets as store
from store.ledger.budgets import Change
from tests.chat.webhooks.receiver import SECRET, Receiver, receiver
from tests.clocks import QuickClock
from tests.palaver import palaver
from tests.upstream import Simulator

TOKENS = Budget(scope="user", unit="tokens", period="month", limit=1_000)
ADA = BudgetAccount(owner_id="ada")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
    await migrate.upgrade(opened)
    yield opened
    await opened.close()


@dataclass(slots=True)
class Replica:
    """What one replica does about alerts: it decides, then delivers."""

    alerts: Alerts
    dispatcher: Dispatcher

    async def check(self) -> None:
        await self.alerts.check()
        for endpoint in self.dispatcher.endpoints:
            await self.dispatcher.deliver(endpoint)


def replica(database: Database, clock: QuickClock, hook: Receiver | None) -> Replica:
    to: tuple[Endpoint, ...] = ()
    if hook is not None:
        budgets = matching("budget.*")
        to = (Endpoint(name="ops", url=hook.url, secret=SECRET, events=budgets, allow_private=True),)
    alerts = Alerts(database=database, clock=clock, budgets=(TOKENS,), thresholds=(80, 100), endpoints=to)
    return Replica(alerts, Dispatcher(database=database, clock=clock, endpoints=to))


async def use(database: Database, clock: QuickClock, amount: int) -> Counter:
    (counter,) = counters([TOKENS], ADA, clock.now())
    await database.write(partial(store.reserve, amounts=[(counter, amount)]))
    change = Change(key=counter.key, period_start=counter.period_start, used=amount, reserved=-amount)
    await database.write(partial(store.settle, changes=[change]))
    return counter


async def waiting(database: Database) -> int:
    return len(await database.read(partial(webhook_deliveries.newest, limit=99, status="waiting")))


async def test_each_share_is_told_once_however_many_replicas_look(database: Database) -> None:
    clock = QuickClock()
    async with receiver() as hook:
        replicas = [replica(database, clock, hook) for _ in range(3)]
        await use(database, clock, 790)
        await asyncio.gather(*(each.check() for each in replicas))
        assert hook.got == []
        await use(database, clock, 20)
        for _ in range(2):
            await asyncio.gather(*(each.check() for each in replicas))
        (alert,) = hook.bodies
        assert alert["type"] == "budget.share_reached"
        assert {name: alert["data"][name] for name in ("scope", "subject", "share", "used", "limit", "refused")} == {
            "scope": "user", "subject": "ada", "share": 80, "used": "810", "limit": "1000", "refused": False,
        }  # fmt: skip
        await use(database, clock, 190)
        await asyncio.gather(*(each.check() for each in replicas))
        assert [body["data"]["share"] for body in hook.bodies] == [80, 100]
        assert await waiting(database) == 0


async def test_a_webhook_that_fails_is_tried_again_also_after_a_crash(database: Database) -> None:
    clock = QuickClock()
    async with receiver(500, 307, 429) as hook:
        await use(database, clock, 900)
        await replica(database, clock, hook).check()
        assert (len(hook.got), await waiting(database)) == (1, 1)
        await replica(database, clock, hook).check()
        assert len(hook.got) == 1, "not before it is due"
        for tries in (2, 3, 4):
            clock.ahead += 60_000
            await replica(database, clock, hook).check()  # each is a new process
            assert len(hook.got) == tries
        assert await waiting(database) == 0
        bodies = hook.bodies
        assert all(body == bodies[0] for body in bodies), "the same alert"
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1
        clock.ahead += 3_600_000
        await replica(database, clock, hook).check()
        assert len(hook.got) == 4, "a redirect was not followed, and nothing is sent twice"


async def test_without_a_webhook_an_alert_is_logged_and_nothing_waits(database: Database) -> None:
    clock = QuickClock()
    await use(database, clock, 900)
    with capture_logs() as logs:
        for _ in range(2):
            await replica(database, clock, None).check()
    assert [line["share"] for line in logs if line["event"] == "budget.threshold_reached"] == [80]
    assert await waiting(database) == 0


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
        (alert,) = await hook.received(1)
        assert (alert["data"]["share"], alert["data"]["refused"], alert["data"]["used"]) == (100, True, "0.000000000000")  # fmt: skip
        assert b"planted" not in hook.got[0][1]


@pytest.mark.parametrize(
    ("used", "refused", "share"),
    [(799, False, 0), (800, False, 80), (999, False, 80), (1_000, False, 100), (1_300, False, 120), (1, True, 100)],
)  # fmt: skip
def test_the_share_a_counter_has_reached(used: int, refused: bool, share: int) -> None:
    assert share_reached(TOKENS, used, refused=refused, shares=(80, 100, 120)) == share


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
