"""One Palaver for all tests of a module that do not mind sharing it; each talks in a thread of its own.

A module that uses it runs in one event loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
"""

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog

from chat.upstream.client import Timeouts
from context.planning import tool_offer
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator

_numbers = itertools.count(1)

# structlog's default draws every exception with all its local variables, which takes seconds and nobody reads.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
    ]
)


@pytest.fixture
def search_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model may search from the first summary on, whatever the definition costs."""
    monkeypatch.setattr(tool_offer, "earns", lambda *_, **__: True)


@pytest.fixture(scope="module")
def clock() -> QuickClock:
    """The clock of the shared house."""
    return QuickClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    tmp_path_factory: pytest.TempPathFactory, clock: QuickClock, request: pytest.FixtureRequest
) -> AsyncIterator[Palaver]:
    """The module's Palaver and its simulator. A module may name `SETTINGS` of its own."""
    folder = tmp_path_factory.mktemp("house")
    settings = getattr(request.module, "SETTINGS", {})
    async with (
        Simulator() as sim,
        palaver(folder, sim, clock=clock, timeouts=Timeouts(), **settings) as running,
    ):
        yield running


@pytest.fixture
def house(shared: Palaver, clock: QuickClock) -> Palaver:
    """The shared Palaver, with nothing scripted and an empty log."""
    shared.sim.reset()
    shared.deps.runtime.caller.admission.reset()
    clock.slept.clear()
    return shared


@pytest.fixture
def thread() -> str:
    """The name of a thread nobody has used."""
    return f"thread-{next(_numbers)}"
