"""The programs of `web/examples`, each as a process, and the table of all examples. The pages are in `tests/browser`."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.examples import EXAMPLES, copied
from tests.markdown import rows
from tests.palaver import Palaver
from tests.upstream import Reply, faults
from tests.waiting import LIMIT

PROGRAMS = ("palaver_client.py", "openai_client.py", "anthropic_client.py")
PAGES = ("eventsource.html", "fetch.html")
HOST = "host.py"  # its page is in the browser


async def start(program: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, program, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=program.parent
    )


async def printed(program: Path, said: str) -> str:
    """What a program prints for these lines; it must end well."""
    process = await start(program)
    async with asyncio.timeout(LIMIT):
        out, err = await process.communicate(said.encode())
    assert (process.returncode, err.decode()) == (0, "")
    return out.decode()


def test_the_table_has_every_example_and_each_is_run_by_a_test() -> None:
    listed = [
        row[0].partition("]")[0].removeprefix("[") for row in rows((EXAMPLES / "README.md").read_text())
    ]
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.name != "README.md")
    assert sorted(listed) == sorted([*PROGRAMS, *PAGES, HOST])
    tests = EXAMPLES.parents[1] / "tests" / "browser"
    in_browser = "".join(path.read_text() for path in tests.glob("test_example_*.py"))
    assert [name for name in (*PAGES, HOST) if f'"{name}"' not in in_browser] == []


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_talks_and_the_model_knows_what_was_said(
    app: Palaver, name: str, tmp_path: Path
) -> None:
    app.sim.script(Reply(text="Hello Ada.", thinking=""), Reply(text="You are Ada.", thinking=""))
    assert await printed(copied(name, tmp_path, app.url), "I am Ada.\nWho am I?\n\n") == (
        "You: Hello Ada.\nYou: You are Ada.\nYou: "
    )
    texts = [block["text"] for message in app.sim.requests[-1]["messages"] for block in _blocks(message)]
    assert texts == ["I am Ada.", "Hello Ada.", "Who am I?"]
    assert len(app.sim.requests) == 2


def _blocks(message: dict[str, object]) -> list[dict[str, str]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"text": str(content)}]


async def test_the_python_client_comes_back_to_an_answer_and_says_what_failed(
    app: Palaver, tmp_path: Path
) -> None:
    program = copied("palaver_client.py", tmp_path, app.url)
    gate = app.sim.gate()
    app.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate), faults.error_event("one "))
    stopped = await start(program)
    assert stopped.stdin is not None
    assert stopped.stdout is not None
    stopped.stdin.write(b"Count\n")
    gate.release(1)
    async with asyncio.timeout(LIMIT):
        assert await stopped.stdout.readuntil(b"one") == b"You: one"
    stopped.kill()
    await stopped.communicate()
    resumed = await start(program)
    assert resumed.stdout is not None
    async with asyncio.timeout(LIMIT):
        assert await resumed.stdout.readuntil(b"one") == b"one"
        gate.open()
        out, err = await resumed.communicate(b"Again\n\n")
    assert (resumed.returncode, err) == (0, b"")
    shown = out.decode()
    assert shown.startswith(" two three\nYou: one ")
    assert shown.endswith("]\nYou: ")
