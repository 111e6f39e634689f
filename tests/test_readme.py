"""The README tells the truth: its tables are complete and its commands are the ones CI runs."""

import re
from pathlib import Path

import msgspec
import pytest

from chat.api.endpoint import Endpoint
from chat.config.settings import Settings, environment_name
from chat.stream import events
from tests.chat.upstream.fault_table import table
from tests.palaver import Palaver

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def command(title: str) -> str:
    found = re.search(r"```sh\n(.*?)\n```", section(title), re.DOTALL)
    assert found is not None
    return found.group(1)


def endpoint_row(endpoint: Endpoint) -> str:
    return f"| `{endpoint.method} {endpoint.path}` | {endpoint.summary} |"


def setting_row(name: str) -> str:
    field = Settings.model_fields[name]
    known = {"data_dir": "the user's data folder", "cache_dir": "the user's cache folder"}
    value = known.get(name) or field.get_default(call_default_factory=False)
    shown = "unset" if value in (None, ()) else value if name in known else f"`{value}`"
    return f"| `{environment_name(name)}` | {shown} | {field.description} |"


def test_every_setting_is_in_the_readme_as_it_is() -> None:
    for name in Settings.model_fields:
        assert setting_row(name) in section("Settings")


def test_every_route_is_in_the_readme_as_it_is(app: Palaver) -> None:
    from chat.api.routes import endpoints

    for endpoint in endpoints(app.deps):
        assert endpoint_row(endpoint) in section("Routes")


@pytest.mark.parametrize("event", events.TurnEvent.__args__, ids=lambda event: event.__name__)
def test_every_event_and_its_fields_are_in_the_readme(event: type[msgspec.Struct]) -> None:
    tag = str(event.__struct_config__.tag)
    row = next(line for line in section("Events").splitlines() if line.startswith(f"| `{tag}`"))
    for field in event.__struct_fields__:
        assert field in {"seq", "turn_id", "model"} or f"`{field}" in row or field in row


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    assert command("Test it") in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("top", ["chat", "context"])
def test_every_package_is_on_the_map(top: str) -> None:
    for init in (ROOT / top).glob("*/__init__.py"):
        assert f"`{top}/{init.parent.name}/`" in section("The map")


@pytest.mark.parametrize("init", sorted(ROOT.glob("chat/**/__init__.py")), ids=lambda init: init.parent.name)
def test_every_package_says_what_it_is_for(init: Path) -> None:
    assert init.read_text().startswith('"""')


def test_what_becomes_of_each_fault_is_written_down_as_it_is_tested() -> None:
    assert table() in (ROOT / "chat" / "upstream" / "README.md").read_text()
