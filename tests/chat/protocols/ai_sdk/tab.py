"""Tabs of a browser with the AI SDK's chat in them: the real `Chat` of `@ai-sdk/react`, in a Node process that `driver.mjs` is."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import node
from tests.waiting import LIMIT

FOLDER = Path(__file__).parent
LINE = 16 * 1024 * 1024  # bytes of one answer of the driver

State = dict[str, Any]


@dataclass(slots=True)
class Browser:
    """The Node process, and the calls to it that are not answered yet."""

    process: Process
    _calls: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _tabs: int = 0

    async def call(self, call: str, tab: str, **arguments: Any) -> Any:
        number = len(self._calls)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        line = json.dumps({"id": number, "call": call, "tab": tab, **arguments})
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()
        async with asyncio.timeout(LIMIT):
            return await answer

    async def open(self, url: str, chat: str, **options: Any) -> "Tab":
        """A new tab with the chat of that id. `onlyLast`: it sends the last message alone; `messages`: what the page has loaded."""
        self._tabs += 1
        tab = Tab(self, f"tab-{self._tabs}")
        await self.call("open", tab.name, chat=chat, api=f"{url}/api/ai-sdk/chat", **options)
        return tab

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            answered = json.loads(line)
            call = self._calls[answered["id"]]
            if "error" in answered:
                call.set_exception(AssertionError(answered["error"]))
            elif not call.done():
                call.set_result(answered["result"])


@dataclass(frozen=True, slots=True)
class Tab:
    """One chat in one tab."""

    browser: Browser
    name: str

    async def send(self, text: str | None = None, **fields: Any) -> None:
        """Send a message; without a text the last one again. Returns before there is an answer."""
        said = {} if text is None else {"text": text}
        await self.browser.call("send", self.name, **said, **fields)

    async def until(self, text: str) -> State:
        """The state as soon as the last message has this text; it is still being streamed."""
        state: State = await self.browser.call("until", self.name, text=text)
        return state

    async def end(self, status: str = "ready") -> State:
        """The state when what was begun last (send, regenerate, resume) is over, which must be this one."""
        state: State = await self.browser.call("end", self.name)
        assert state["status"] == status, state
        return state

    async def ask(self, text: str, **fields: Any) -> State:
        """Send a message and wait for the whole answer."""
        await self.send(text, **fields)
        return await self.end()

    async def do(self, call: str, **arguments: Any) -> Any:
        """`regenerate`, `resume`, `drop` (as a network does), `leave` (`chat.stop()`), `stop` (that and the route), `set`, `state`."""
        return await self.browser.call(call, self.name, **arguments)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A Node process for any number of tabs."""
    await asyncio.to_thread(node.install, FOLDER)
    process = await asyncio.create_subprocess_exec(
        node.NODE, FOLDER / "driver.mjs", cwd=FOLDER, stdin=PIPE, stdout=PIPE, limit=LINE
    )
    opened = Browser(process)
    reading = asyncio.create_task(opened.read())
    try:
        yield opened
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.kill()
        await process.wait()
        await reading


def said(state: State) -> list[tuple[str, str]]:
    """Role and text of each message, as the page shows them."""
    return [
        (message["role"], "".join(part["text"] for part in message["parts"] if part["type"] == "text"))
        for message in state["messages"]
    ]


def kinds(message: dict[str, Any]) -> list[str]:
    """The types of a message's parts."""
    return [part["type"] for part in message["parts"]]
