"""The READMEs tell the truth: commands, snippets, tables of settings, links, glossary, map and reading order."""

import ast
import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from chat.config.load import environment_name
from chat.config.settings import Settings
from tests.chat.upstream.fault_table import table
from tests.markdown import ROOT, anchors, code, links, readmes, rows, section
from tests.palaver import Palaver
from tests.upstream import Reply

README = "README.md"
ANSWER = "Good morning to you."


def setting_row(name: str) -> tuple[str, str, str]:
    field = Settings.model_fields[name]
    known = {"data_dir": "the user's data folder", "cache_dir": "the user's cache folder"}
    value = known.get(name) or field.get_default(call_default_factory=False)
    default = "unset" if value in (None, ()) else value if name in known else f"`{value}`"
    return f"`{environment_name(name)}`", default, str(field.description)


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    [command] = code(section(README, "Test it"), "sh")
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_table_of_settings_is_complete() -> None:
    table = rows((ROOT / "chat" / "config" / "README.md").read_text())
    listed = [row for row in table if re.fullmatch(r"`[A-Z_]+`", row[0])]
    assert listed == [setting_row(name) for name in Settings.model_fields]


def test_ten_settings_stand_in_the_top_readme_as_they_are() -> None:
    listed = rows(section(README, "Settings"))
    assert len(listed) == 10
    assert set(listed) <= {setting_row(name) for name in Settings.model_fields}


def test_the_glossary_defines_at_most_thirty_words_once_each() -> None:
    words = re.findall(r"\*\*([^*]+)\*\*", section(README, "Glossary"))
    assert len(words) == len(set(words)) <= 30


@pytest.mark.parametrize("top", ["chat", "store", "context"])
def test_every_package_is_on_the_map(top: str) -> None:
    [packages] = [row[1] for row in rows(section(README, "Map")) if row[0].startswith(f"[{top}/]")]
    named = set(re.findall(r"`(\w+)`", packages))
    assert named == {init.parent.name for init in (ROOT / top).glob("*/__init__.py")}


def test_the_layers_of_chat_are_those_that_are_enforced() -> None:
    config = (ROOT / "pyproject.toml").read_text()
    contract = config.split('containers = ["chat"]', 1)[1].split("layers = [", 1)[1].split("]", 1)[0]
    enforced = [set(layer.split(" | ")) for layer in re.findall(r'"([^"]+)"', contract)]
    listed = [set(re.findall(r"`(\w+)/?`", row[0])) for row in rows(section("chat/README.md", "Layers"))]
    assert listed == enforced


@pytest.mark.parametrize("readme", readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(readme: Path) -> None:
    for file, anchor in links(readme):
        target = (readme.parent / file).resolve() if file else readme
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def reading_order() -> list[tuple[Path, list[str]]]:
    """The files of the reading order, each with the functions and classes to read in it (none: all of it)."""
    steps = re.findall(
        r"^\d+\. `([\w/]+\.py)`((?:,?\s+`[\w.]+`)*)", section("chat/README.md", "Reading order"), re.MULTILINE
    )
    return [(ROOT / file, re.findall(r"`([\w.]+)`", names)) for file, names in steps]


def length(file: Path, names: list[str]) -> int:
    """Lines of the named functions and classes of a file, or of all of it."""
    text = file.read_text()
    if not names:
        return len(text.splitlines())
    lengths = dict[str, int]()
    for top in ast.parse(text).body:
        members = top.body if isinstance(top, ast.ClassDef) else []
        for node, prefix in [(top, ""), *((member, f"{getattr(top, 'name', '')}.") for member in members)]:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                lengths[prefix + node.name] = (node.end_lineno or first) - first + 1
    return sum(lengths[name] for name in names)


def test_the_reading_order_names_what_exists_and_is_about_eleven_hundred_lines() -> None:
    lines = {str(file.relative_to(ROOT)): length(file, names) for file, names in reading_order()}
    assert len(lines) >= 10
    assert 1_000 <= sum(lines.values()) <= 1_150, lines


@pytest.mark.parametrize("init", sorted(ROOT.glob("chat/**/__init__.py")), ids=lambda init: init.parent.name)
def test_every_package_says_what_it_is_for(init: Path) -> None:
    assert init.read_text().startswith('"""')


def test_what_becomes_of_each_fault_is_written_down_as_it_is_tested() -> None:
    assert table() in (ROOT / "chat" / "upstream" / "README.md").read_text()


async def output(*command: str) -> str:
    """What a program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        written, _ = await process.communicate()
    assert process.returncode == 0
    return written.decode()


async def test_the_shell_snippet_streams_an_answer_and_resumes_it(app: Palaver) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    app.sim.script(Reply(text=ANSWER, thinking=""))
    [snippet] = code(section(README, "Call it from your app"), "sh")
    command = snippet.replace("localhost:8100", app.url).replace("curl", "curl -s --noproxy '*'")
    first = await output("sh", "-c", command)
    assert '"type":"turn.completed"' in first
    assert ANSWER in first
    assert await output("sh", "-c", command) == first


PYTHON = code(section(README, "Call it from your app"), "python")
PYTHON += code((ROOT / "chat" / "client" / "README.md").read_text(), "python")


@pytest.mark.parametrize("snippet", PYTHON, ids=("here", "blocking", "asyncio"))
async def test_the_python_snippets_print_the_answer(app: Palaver, snippet: str) -> None:
    app.sim.script(Reply(text=ANSWER, thinking="Let me see."))
    script = snippet.replace("http://localhost:8100", app.url)
    assert await output(sys.executable, "-c", script) == ANSWER
