"""The routes the client uses, as steps: what is sent, when it is sent again, and what is read of the answer."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from chat.client.errors import UNEXPECTED, ApiError
from chat.client.retries import Attempts, Retries
from chat.client.shapes import Accepted, MessagePage, ThreadInfo, ThreadPage, TurnInfo
from chat.client.steps import Deliver, Lost, Pause, Reply, Request, Send, Steps, Stream
from chat.clock import Clock

T = TypeVar("T")

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}")
Token = str | Callable[[], str] | None


class Api:
    """Makes requests to one server. `token`: a bearer token, or a function that has a fresh one for each request.

    Raises ValueError for an address that is none.
    """

    def __init__(self, base_url: str, *, token: Token, retries: Retries, clock: Clock) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"an address begins with http:// or https://: {base_url!r}")
        self.retries = retries
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._clock = clock

    def create_thread(
        self, thread_id: str, title: str | None, metadata: Mapping[str, Any] | None
    ) -> Steps[ThreadInfo]:
        """Create a thread; one that exists stays as it is."""
        body = _present(id=thread_id, title=title, metadata=metadata)
        return self._exchange(self.request("POST", "/api/threads", body=body), ThreadInfo)

    def get_thread(self, thread_id: str) -> Steps[ThreadInfo]:
        return self._exchange(self.request("GET", f"/api/threads/{thread_id}"), ThreadInfo)

    def list_threads(self, *, archived: bool, title: str | None) -> Stream:
        """Deliver each thread, most recently changed first; pages are read as they are needed."""
        params = {"archived": "true" if archived else "false", "limit": "100", **_present(q=title)}
        while True:
            page = yield from self._exchange(self.request("GET", "/api/threads", params=params), ThreadPage)
            for thread in page.threads:
                yield Deliver(thread)
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    def change_thread(self, thread_id: str, changes: Mapping[str, Any]) -> Steps[ThreadInfo]:
        return self._exchange(self.request("PATCH", f"/api/threads/{thread_id}", body=changes), ThreadInfo)

    def delete_thread(self, thread_id: str) -> Steps[None]:
        """Delete a thread. An attempt without an answer may have done it: that the next one finds none is no error then."""
        attempts = self._attempts()
        while True:
            outcome: Reply | Lost = yield Send(self.request("DELETE", f"/api/threads/{thread_id}"))
            if isinstance(outcome, Reply) and (
                outcome.status < 300 or (outcome.status == 404 and attempts.failed)
            ):
                return
            yield Pause(attempts.pause_after(outcome))

    def messages(
        self, thread_id: str, *, limit: int, before: str | None, leaf: str | None
    ) -> Steps[MessagePage]:
        """Read the newest messages of a branch, or those before one of them."""
        params = {"limit": str(limit), **_present(before=before, leaf=leaf)}
        request = self.request("GET", f"/api/threads/{thread_id}/messages", params=params)
        return self._exchange(request, MessagePage)

    def new_turn(
        self,
        thread_id: str,
        *,
        key: str | None = None,
        text: str | None = None,
        message_id: str | None = None,
        parent_id: str | UnsetType | None = UNSET,
        **fields: Any,
    ) -> Steps[Accepted]:
        """Start a turn. However often it must be sent, its key makes it one turn."""
        body = _present(**fields)
        if text is not None:
            body["input"] = _present(text=text, message_id=message_id)
        if parent_id is not UNSET:
            body["parent_id"] = parent_id
        headers = {"idempotency-key": key or self._clock.new_id("key")}
        request = self.request("POST", f"/api/threads/{thread_id}/turns", body=body, headers=headers)
        return self._exchange(request, Accepted)

    def get_turn(self, turn_id: str) -> Steps[TurnInfo]:
        return self._exchange(self.request("GET", f"/api/turns/{turn_id}"), TurnInfo)

    def cancel_turn(self, turn_id: str) -> Steps[Accepted]:
        return self._exchange(self.request("POST", f"/api/turns/{turn_id}/cancel"), Accepted)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        """A request with the token of now."""
        sent = {"accept": "application/json", **(headers or {})}
        token = self._token() if callable(self._token) else self._token
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            sent["content-type"] = "application/json"
            # The standard library's writer escapes lone surrogates, which have no UTF-8.
            content = json.dumps(body).encode()
        url = self._base_url + path
        return Request(method=method, url=url, headers=sent, params=params or {}, content=content)

    def new_id(self, prefix: str) -> str:
        """A new id that nobody else has."""
        return self._clock.new_id(prefix)

    def stream_attempts(self) -> Attempts:
        """The attempts of a stream."""
        return Attempts(self.retries, self.retries.streams, self._clock)

    def _attempts(self) -> Attempts:
        return Attempts(self.retries, self.retries.requests, self._clock)

    def _exchange(self, request: Request, shape: type[T]) -> Steps[T]:
        """Send a request that may be repeated, until it succeeds. Raises ApiError and ConnectionLost."""
        attempts = self._attempts()
        while True:
            outcome: Reply | Lost = yield Send(request)
            if isinstance(outcome, Reply) and outcome.status < 300:
                return _read(outcome, shape)
            yield Pause(attempts.pause_after(outcome))


def checked(id: str) -> str:
    """An id that may stand in a path. Raises ValueError."""
    if not ID.fullmatch(id):
        raise ValueError(
            f"an id has 1 to 128 letters, digits or ._:~-, and begins with one of the first two: {id!r}"
        )
    return id


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _read(reply: Reply, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        message = f"the answer is none of Palaver's, or of a version this client cannot read: {problem}"
        request_id = reply.headers.get("x-request-id")
        raise ApiError(message, status=reply.status, code=UNEXPECTED, request_id=request_id) from problem
