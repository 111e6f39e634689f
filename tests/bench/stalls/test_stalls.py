"""The benchmark itself works; its figures are for people, not for CI."""

from pathlib import Path

from tests import texts
from tests.bench.stalls.__main__ import table
from tests.bench.stalls.run import measure


async def test_a_tiny_run_measures_each_text(tmp_path: Path) -> None:
    stalls = await measure(tmp_path, [(name, texts.text(name, 2_000)) for name in ("latin", "tab")])
    assert [stall.name for stall in stalls] == ["latin", "tab"]
    assert all(0 < stall.cpu < 10_000 and stall.step for stall in stalls)
    assert all(stall.ended[-1] == "200" and "failed" not in stall.ended[0] for stall in stalls), stalls
    assert "| largest message | latin |" in table(stalls, 1)
