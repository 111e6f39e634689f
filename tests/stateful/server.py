"""The real application, restarted and crashed at will, on an event loop that only runs while a step runs."""

import asyncio
import itertools
import re
import shutil
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from chat.upstream.client import Timeouts
from context.compaction.prompt import SUMMARY
from context.request.prompts import TITLE
from tests.clocks import HurriedClock
from tests.palaver import Palaver, palaver
from tests.stateful.model import Plan, SideCalls
from tests.upstream import Reply, Simulator, faults
from tests.upstream.call import last_user_text

T = TypeVar("T")
PATIENCE = Timeouts(
    first_byte=3_600.0, silence=3_600.0
)  # answers wait for the story, however slow the machine is
ALIASES = {
    "model_simple": "claude-haiku-4-5-20251001",
    "model_standard": "claude-sonnet-4-5-20250929",
    "model_complex": "claude-opus-4-5-20251101",
}


class RestartableServer:
    """One simulator for all examples; each example gets its own folder and application."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._folders = (folder / f"life{n}" for n in itertools.count())
        self._folder = folder
        self._stack = AsyncExitStack()
        self._app: Palaver | None = None
        self.plans: dict[str, Plan] = {}
        self._settings: dict[str, Any] = {}
        self.side_calls: SideCalls = "none"
        self.sim: Simulator = Simulator()
        self.run(self.sim.start())
        self.sim.respond(self._reply)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let time pass until `work` is done."""
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.sim.stop())
        self._runner.close()

    @property
    def app(self) -> Palaver:
        assert self._app is not None
        return self._app

    @property
    def database(self) -> Path:
        """The file of the running application's database."""
        return self._folder / "palaver.db"

    async def begin(self, *, aliases: bool, side_calls: SideCalls) -> None:
        """A new installation. `aliases`: its models are configured by names that the Models API answers with other ids."""
        self.side_calls = side_calls
        self._settings = {
            **(ALIASES if aliases else {}),
            **({} if side_calls == "none" else {"titles": "model"}),
        }
        self._folder = next(self._folders)
        await self._start()

    async def end(self) -> None:
        """Stop the server and throw its folder away."""
        await self._stack.aclose()
        shutil.rmtree(self._folder)
        self.plans.clear()
        self.sim.reset()
        self.sim.respond(self._reply)

    async def restart(self) -> None:
        """Stop without grace, as on SIGTERM when the grace is over, and start again."""
        await self._stack.aclose()
        await self._start()

    async def crash(self) -> None:
        """Go on from what a `kill -9` at this very moment would have left on disk.

        The files are copied before anything else can happen: the database first, then its log, so that a checkpoint under way
        is found in the log as it would be after a crash. What the old application does afterwards happens to the old folder.
        """
        old, stack = self._folder, self._stack
        self._folder = next(self._folders)
        self._folder.mkdir()
        for name in ("palaver.db", "palaver.db-wal"):
            shutil.copy(old / name, self._folder / name)
        self._stack = AsyncExitStack()
        await stack.aclose()
        shutil.rmtree(old)
        await self._start()

    async def _start(self) -> None:
        self._app = await self._stack.enter_async_context(
            palaver(
                self._folder,
                self.sim,
                clock=HurriedClock(self.sim.clock),
                timeouts=PATIENCE,
                log_level="error",
                **self._settings,
            )
        )

    def _reply(self, request: dict[str, Any]) -> Reply | None:
        """What the last question asks for: each carries the name of its plan. Titles and summaries are answered as the story says."""
        if any(prompt.text in str(request["system"][0]["text"]) for prompt in (TITLE, SUMMARY)):
            match self.side_calls:
                case "dripping":
                    return Reply(text="Never", first_delay=3_600, ping_every=0.05)
                case "hanging":
                    return faults.silence()
                case _:
                    return Reply(text="- A title or a summary", thinking="")
        named = re.findall(r"q\d+\b", last_user_text(request))
        return self.plans[named[-1]].reply()
