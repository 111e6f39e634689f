"""The benchmark itself works; its figures are for people, not for CI."""

from pathlib import Path

from tests import texts
from tests.bench.stalls.__main__ import table
from tests.bench.stalls.run import CONTROL, measure


async def test_a_tiny_run_measures_each_text(tmp_path: Path) -> None:
    stalls = await measure(tmp_path, [(name, texts.text(name, 2_000)) for name in ("latin", "tab")])
    assert [stall.name for stall in stalls] == [CONTROL, "latin", "tab"]
    assert all(0 < stall.cpu < 10_000 and stall.step for stall in stalls)
    assert stalls[1].ended == ("turn.completed",) * 3 + ("200",) * 3 + ("200 200 200 200",)
    assert stalls[2].ended[0] == "400"  # a message of white space
    assert f"| control | {CONTROL} |" in table(stalls, 1)
    assert "| largest message | latin |" in table(stalls, 1)
