"""What `palaver economics` says of a thread is the ledger, the provider's bill, and arithmetic that holds together."""

import asyncio
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from chat.cli.main import app as command
from chat.usage.compare import CannotTell, examine
from chat.usage.figures import Costs, together
from context.models.pricing import Usage, price
from tests.chat.process import environment, run
from tests.clocks import SteppedClock
from tests.palaver import Palaver, palaver, settings_for
from tests.upstream import Reply, SimClock, Simulator

START = 1_795_000_000.0  # seconds; a day on which the price table knows all current models
WORDS = "the harbour office keeps a list of every crate that arrives before noon and who signed for it"
PAUSES = (40, 90, 20, 700, 60, 30, 5_000, 45)


def respond(body: dict[str, object]) -> Reply:
    """An answer of some length; a summary that names its sources."""
    prompt = str(body["messages"])
    if "You condense" in str(body.get("system")):
        sources = list(dict.fromkeys(re.findall(r"<(m\d+) person>", prompt)))[:30]
        return Reply(
            text="\n".join(
                f"- The person told something of the harbour office [{source}]" for source in sources
            ),
            thinking="",
        )
    return Reply(text=f"{WORDS}. " * 6, thinking="")


async def talk(app: Palaver, clock: SimClock, thread: str, turns: int) -> None:
    """A conversation whose pauses come round; timers act while nobody writes."""
    for number in range(turns):
        turn = await app.chat(thread, f"{number}: " + f"{WORDS}. " * (1 + number % 4))
        assert turn["status"] == "completed", turn
        await app.deps.scheduler.settled()  # a compaction behind the turn is part of it
        pause = PAUSES[number % len(PAUSES)]
        while pause > 0:
            step = min(pause, 240)
            clock.advance(step)
            pause -= step
            await app.deps.keepalives.start_due()
            await app.deps.scheduler.settled()


def bill(sim: Simulator) -> Decimal:
    """What the provider would charge for everything it did."""
    total = Decimal(0)
    for exchange in sim.log:
        if exchange.usage is not None:
            kinds = exchange.kinds
            used = Usage(
                input=kinds["input"],
                cache_read=kinds["cache_read"],
                cache_write_5m=kinds["write_5m"],
                cache_write_1h=kinds["write_1h"],
                output=kinds["output"],
            )
            cost = price(exchange.json["model"], used)
            assert cost is not None
            total += cost
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A folder with the database of two conversations, and what the provider charged for each."""

    folder: Path
    sim: Simulator
    long: Decimal
    short: Decimal


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    folder = tmp_path_factory.mktemp("spoken")

    async def converse() -> Spoken:
        clock = SimClock(start=START)
        async with Simulator(clock=clock) as sim:
            sim.respond(respond)
            async with palaver(folder, sim, clock=SteppedClock(clock), titles="model") as app:
                await talk(app, clock, "long", 44)
                long = bill(sim)
                await talk(app, clock, "short", 4)
                return Spoken(folder=folder, sim=sim, long=long, short=bill(sim) - long)

    return asyncio.run(converse())


async def costs(spoken: Spoken, thread: str | None) -> list[Costs]:
    return await examine(settings_for(spoken.folder, spoken.sim), thread, window=40)


async def test_the_total_is_the_providers_bill(spoken: Spoken) -> None:
    [long] = await costs(spoken, "long")
    assert long.total.cost == spoken.long
    assert (long.total.unpriced, long.total.estimated) == (0, 0)
    assert {"reply", "summary", "title"} <= long.spent.keys()
    assert long.spent["reply"].calls == long.forecast.turns == 44


async def test_nothing_is_below_the_least_possible(spoken: Spoken) -> None:
    every = await costs(spoken, None)
    assert len(every) == 2
    for thread_costs in every:
        assert thread_costs.compared is not None, thread_costs.remarks
        assert thread_costs.compared.least <= thread_costs.compared.paid
        assert len(thread_costs.compared.simple) == 4
        for name, cost in thread_costs.compared.simple.items():
            assert cost >= thread_costs.compared.least, name


async def test_all_is_the_sum_of_each(spoken: Spoken) -> None:
    every = await costs(spoken, None)
    assert [thread_costs.name for thread_costs in every] == ["long", "short"]
    whole = together(every)
    assert whole.total.cost == spoken.long + spoken.short
    assert whole.compared is not None
    assert whole.compared.turns == 48
    assert whole.compared.least == sum(
        thread_costs.compared.least for thread_costs in every if thread_costs.compared is not None
    )


async def test_the_command_prints_the_exact_total(spoken: Spoken) -> None:
    env = {**environment(spoken.folder), "PALAVER_DATA_DIR": str(spoken.folder)}
    for arguments, paid in ((("long",), spoken.long), (("--all",), spoken.long + spoken.short)):
        code, written = await run(spoken.folder, env, "economics", *arguments)
        assert code == 0, written
        [total] = [line.split()[-1] for line in written.splitlines() if line.startswith("all ")]
        assert Decimal(total) == paid
        assert "lower bound" in written


async def test_a_thread_of_several_tiers_is_compared_with_its_best_single_one(tmp_path: Path) -> None:
    clock = SimClock(start=START)
    async with (
        Simulator(clock=clock) as sim,
        palaver(tmp_path, sim, clock=SteppedClock(clock), default_tier="auto") as app,
    ):
        for text in (
            "Hello!",
            "Where can I find your exchange rates?",
            "Prove that sqrt(5) is irrational",
            "thanks!",
        ):
            await app.chat("routed", text)
            clock.advance(30)
        (routed,) = await examine(settings_for(tmp_path, sim), "routed", window=40)
    assert any(
        remark.startswith("Its best single tier that would have been good enough: $")
        for remark in routed.remarks
    ), routed.remarks


async def test_what_cannot_be_told_is_said(spoken: Spoken) -> None:
    env = {**environment(spoken.folder), "PALAVER_DATA_DIR": str(spoken.folder)}
    code, written = await run(spoken.folder, env, "economics", "nobody")
    assert (code, "Traceback" in written) == (1, False)
    assert "There is no thread nobody" in " ".join(written.split())


def test_one_thread_or_all() -> None:
    for arguments in ((), ("long", "--all")):
        assert CliRunner().invoke(command, ["economics", *arguments]).exit_code == 2


async def test_it_reads_beside_a_running_server(app: Palaver, sim: Simulator, tmp_path: Path) -> None:
    turn = await app.chat("t", "Hello")
    [report] = await examine(settings_for(tmp_path, sim), "t", window=40)
    assert (turn["status"], report.spent["reply"].calls) == ("completed", 1)


async def test_calls_of_a_deleted_thread_stay_in_the_sum(
    app: Palaver, sim: Simulator, tmp_path: Path
) -> None:
    await app.chat("t", "Hello")
    assert (await app.http.delete("/api/threads/t")).status_code == 204
    [report] = await examine(settings_for(tmp_path, sim), None, window=40)
    assert report.total.cost > 0
    assert report.compared is None
    assert "deleted" in report.remarks[0]


async def test_an_old_schema_is_named_and_left_alone(app: Palaver, sim: Simulator, tmp_path: Path) -> None:
    await app.deps.database.write(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    )
    with pytest.raises(CannotTell, match="palaver migrate"):
        await examine(settings_for(tmp_path, sim), None, window=40)


async def test_without_a_database_nothing_is_made(sim: Simulator, tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="There is no database"):
        await examine(settings_for(tmp_path / "new", sim), None, window=40)
    assert not (tmp_path / "new").exists()
