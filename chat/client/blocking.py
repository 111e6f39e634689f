"""The blocking client: `Palaver`, its threads and turns. `chat.client.asynchronous` is the same for asyncio."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from httpx_sse import EventSource
from msgspec import UNSET, UnsetType

from chat.client.api import Api, Token, checked
from chat.client.follow import follow
from chat.client.on_httpx import LOST, fields_of, reply_of, timeout_of
from chat.client.retries import Retries
from chat.client.shapes import Accepted, Message, MessagePage, ThreadInfo, TurnInfo
from chat.client.steps import (
    Close,
    Deliver,
    Lost,
    Next,
    Open,
    Pause,
    Received,
    Reply,
    Request,
    Send,
    Step,
    Steps,
    Stream,
)
from chat.client.words import Words
from chat.clock import SystemClock
from chat.stream.events import TurnEvent

T = TypeVar("T")


class Palaver:
    """A Palaver server. Use it with `with`, or `close()` it.

    `token`: the bearer token, or a function that returns one and is asked before each request. `timeout`: seconds that connecting,
    sending and each silence of a plain answer may take. `http`: a client of your own, for proxies or certificates; it is not closed.
    `sleep`: how to wait between attempts.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8100",
        *,
        token: Token = None,
        retries: Retries | None = None,
        timeout: float = 30.0,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._api = Api(base_url, token=token, retries=retries or Retries(), clock=SystemClock())
        self._http = httpx.Client(timeout=timeout) if http is None else http
        self._closes = http is None
        self._driver = _Driver(self._http, sleep)

    def thread(self, thread_id: str | None = None) -> "Thread":
        """A thread by its id; without one, by a new id. Sends nothing: the first message creates the thread."""
        return Thread(self._api, self._driver, checked(thread_id or self._api.new_id("thr")))

    def threads(self, *, archived: bool = False, title: str | None = None) -> Generator[ThreadInfo]:
        """All threads, most recently changed first. `title`: only those whose title contains it."""
        return self._driver.deliver(self._api.list_threads(archived=archived, title=title))

    def turn(self, turn_id: str) -> "Turn":
        """A turn by its id, to follow, read or cancel it. Sends nothing."""
        return Turn(self._api, self._driver, checked(turn_id))

    def close(self) -> None:
        """Close the connections, unless they belong to an `http` that was given."""
        if self._closes:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Thread:
    """A conversation."""

    def __init__(self, api: Api, driver: "_Driver", thread_id: str) -> None:
        self.id = thread_id
        self._api = api
        self._driver = driver

    def create(self, *, title: str | None = None, metadata: Mapping[str, Any] | None = None) -> ThreadInfo:
        """Create the thread before its first message; one that exists stays as it is."""
        return self._driver.run(self._api.create_thread(self.id, title, metadata))

    def get(self) -> ThreadInfo:
        """Read the thread."""
        return self._driver.run(self._api.get_thread(self.id))

    def change(self, **fields: Any) -> ThreadInfo:
        """Change fields of the thread: `title`, `archived`, `metadata`, `tier`, `leaf_id`, `read`."""
        return self._driver.run(self._api.change_thread(self.id, fields))

    def delete(self) -> None:
        """Delete the thread with everything in it."""
        self._driver.run(self._api.delete_thread(self.id))

    def messages(self, *, limit: int = 50, before: str | None = None, leaf: str | None = None) -> MessagePage:
        """Read the newest messages of the visible branch, or of the one that ends at `leaf`; `before`: those before that message."""
        return self._driver.run(self._api.messages(self.id, limit=limit, before=before, leaf=leaf))

    def send(
        self,
        text: str,
        *,
        key: str | None = None,
        parent_id: str | UnsetType | None = UNSET,
        **fields: Any,
    ) -> "Turn":
        """Send a message. When this returns, the message is stored, and its answer is on its way; iterate over the turn.

        `key`: the same key with the same message is the same turn, also tomorrow and from elsewhere; without one, this call is one
        turn however often it must be repeated. `parent_id`: the answer to continue, None for the beginning; left out, the visible
        branch goes on. More fields: `model` (a tier or a model), `feature`, `metadata`, `message_id`.
        """
        return self._start(key=key, text=text, parent_id=parent_id, **fields)

    def edit(self, message: Message, text: str, *, key: str | None = None, **fields: Any) -> "Turn":
        """Send another version of a message, beside the old one."""
        return self.send(text, key=key, parent_id=message.parent_id, **fields)

    def regenerate(self, message_id: str, *, key: str | None = None, **fields: Any) -> "Turn":
        """Ask for another answer, beside the one with that id."""
        return self._start(key=key, regenerate=message_id, **fields)

    def continue_answer(self, message_id: str, *, key: str | None = None, **fields: Any) -> "Turn":
        """Ask for the rest of an answer that broke off. The new answer begins with its text."""
        return self._start(key=key, **{"continue": message_id}, **fields)

    def resume(self) -> "Turn | None":
        """The turn that answers now, from its beginning; None when the thread is idle."""
        running = self.get().running_turn_id
        return None if running is None else Turn(self._api, self._driver, running)

    def _start(self, **fields: Any) -> "Turn":
        accepted = self._driver.run(self._api.new_turn(self.id, **fields))
        return Turn(self._api, self._driver, accepted.id, accepted)


class Turn:
    """A message and the work that answers it. Iterate for the words of the answer, each time from the first."""

    def __init__(self, api: Api, driver: "_Driver", turn_id: str, accepted: Accepted | None = None) -> None:
        self.id = turn_id
        self.accepted = accepted
        self._api = api
        self._driver = driver
        self._cancelled = False

    def __iter__(self) -> Iterator[str]:
        """The words of the answer as they come. Raises TurnFailed, TurnCancelled, ApiError and ConnectionLost."""
        words = Words()
        with closing(self._driver.deliver(follow(self._api, self.id, 0))) as events:
            for event in events:
                if text := words.add(event, cancelled_here=self._cancelled):
                    yield text

    def text(self) -> str:
        """The whole answer, when it is there."""
        return "".join(self)

    def events(self, after: int = 0) -> Generator[TurnEvent]:
        """All events behind a cursor (the `seq` of the last one you have), to the terminal one. Raises ApiError and ConnectionLost."""
        return self._driver.deliver(follow(self._api, self.id, after))

    def get(self) -> TurnInfo:
        """Read the turn: status, answer, usage."""
        return self._driver.run(self._api.get_turn(self.id))

    def cancel(self) -> None:
        """Cancel the turn; the text so far is kept."""
        self._cancelled = True
        self._driver.run(self._api.cancel_turn(self.id))


class _Driver:
    """Carries steps out."""

    def __init__(self, http: httpx.Client, sleep: Callable[[float], object]) -> None:
        self._http = http
        self._sleep = sleep

    def run(self, steps: Steps[T]) -> T:
        connection = _Connection(self._http, self._sleep)
        outcome: object = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = connection.carry_out(step)

    def deliver(self, stream: Stream) -> Generator[Any]:
        with closing(_Connection(self._http, self._sleep)) as connection:
            outcome: object = None
            while True:
                try:
                    step = stream.send(outcome)
                except StopIteration:
                    return
                if isinstance(step, Deliver):
                    outcome = None
                    yield step.value
                else:
                    outcome = connection.carry_out(step)


class _Connection:
    """Carries single steps out, and holds the event stream that is open, if any."""

    def __init__(self, http: httpx.Client, sleep: Callable[[float], object]) -> None:
        self._http = http
        self._sleep = sleep
        self._response: httpx.Response | None = None
        self._events: Iterator[Any] = iter(())

    def carry_out(self, step: Step) -> Reply | Received | Lost | None:
        try:
            match step:
                case Send(request):
                    return reply_of(self._http.send(self._built(request)))
                case Open(request, silence):
                    return self._open(request, silence)
                case Next():
                    event = next(self._events, None)
                    return event and Received(event.data, event.retry)
                case Close():
                    self.close()
                case Pause(seconds):
                    self._sleep(seconds)
        except LOST as problem:
            self.close()
            return Lost(problem)
        return None

    def close(self) -> None:
        response, self._response, self._events = self._response, None, iter(())
        if response is not None:
            response.close()

    def _open(self, request: Request, silence: float) -> Reply:
        self.close()
        timeout = timeout_of(self._http.timeout, silence)
        self._response = self._http.send(self._built(request, timeout=timeout), stream=True)
        if self._response.status_code != 200:
            self._response.read()
            reply = reply_of(self._response)
            self.close()
            return reply
        self._events = EventSource(self._response).iter_sse()
        return reply_of(self._response, body=b"")

    def _built(self, request: Request, **more: Any) -> httpx.Request:
        return self._http.build_request(**fields_of(request), **more)
