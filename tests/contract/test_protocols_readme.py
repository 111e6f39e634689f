"""The tables of chat/protocols/README.md are complete and exact: routes, and what becomes of events."""

import re
from types import SimpleNamespace
from typing import Any

from chat.protocols.routes import RESOURCES
from chat.stream import events
from tests.markdown import rows, section

README = "chat/protocols/README.md"


def test_the_table_of_routes_is_complete() -> None:
    deps: Any = SimpleNamespace()
    endpoints = [endpoint for resource in RESOURCES for endpoint in resource(deps).endpoints()]
    assert rows(section(README, "Routes")) == [
        (f"`{endpoint.method} {endpoint.path}`", endpoint.summary) for endpoint in endpoints
    ]


def test_every_event_has_its_row_in_the_mapping() -> None:
    mapped = {name for row in rows(section(README, "Events")) for name in re.findall(r"`([\w.]+)`", row[0])}
    assert {str(kind.__struct_config__.tag) for kind in events.TurnEvent.__args__} <= mapped
