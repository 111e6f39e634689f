"""A short soak: its books agree, and a planted flaw is found."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench.soak.reconcile import reconcile, rows_of
from tests.bench.soak.run import soak, told
from tests.palaver import Palaver

ROUNDS = 6  # of a turn by each person: a fixed number, so that a slow machine does no less


async def test_a_short_soak_ends_with_the_ledger_equal_to_the_providers_log(tmp_path: Path) -> None:
    found = await soak(tmp_path, rounds=ROUNDS, seed=3)
    print(f"\n{told(found)}")
    assert not found.books.wrong, "\n".join(found.books.wrong[:20])
    assert found.books.paid == found.books.actual_usage > 0
    assert found.books.exact > 20
    assert found.books.faults


@pytest.mark.parametrize("flaw", ["token", "cost", "missing", "twice", "estimated"])
async def test_a_planted_flaw_is_found(app: Palaver, flaw: str) -> None:
    for _ in range(2):
        await app.chat("t", "Hello")
    rows: list[dict[str, Any]] = [dict(row) for row in await rows_of(app.deps.database)]
    assert not reconcile(rows, app.sim.log).wrong
    match flaw:
        case "token":
            rows[0]["output"] += 1
        case "cost":
            rows[0]["cost_pico"] += 1
        case "missing":
            rows.pop()
        case "twice":
            rows.append(rows[0])
        case _:
            rows[0]["estimated"] = True
    assert reconcile(rows, app.sim.log).wrong


def test_memory_that_grows_is_told_per_hour() -> None:
    from tests.bench.soak.reconcile import Books
    from tests.bench.soak.run import Soak

    grown = Soak(
        seconds=100, turns=1, books=Books(), memory=[(float(at), 100 + at / 60) for at in range(100)]
    )
    assert grown.slope == pytest.approx(60)
