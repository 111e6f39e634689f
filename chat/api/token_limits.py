"""What a token with limits may ask for, checked before every handler. A token of one thread is refused wherever nothing says which thread
a request is about.
"""

import re
from functools import partial
from typing import Literal

from starlette.requests import Request

from chat.api.deps import owner, principal
from chat.api.middleware.origin import SAFE_METHODS
from chat.api.schemas.fields import ID_PATTERN
from chat.errors import Forbidden, NotFound
from store import messages, turns
from store.database import Database

ThreadCheck = Literal["by_path", "by_handler", "not_needed"]
"""Who sees to it that a token of one thread reaches no other: `by_path` is the path's `{thread}`, `{turn}` or `{message}`; a handler
calls `check_thread`; `not_needed` is what has nothing of any thread.
"""

OTHER_THREAD = "this token opens one thread only"
FOR_HOSTS = "instructions and requests to the model are the host's: a token of its user has no right to them"


async def check_limits(
    request: Request, database: Database, by: ThreadCheck, *, end_users: bool = True
) -> None:
    """Raises Forbidden, and NotFound for a turn or a message of another thread, as if there were none.

    `end_users`: whether the request is one for end users, and not for their host alone.
    """
    who = principal(request)
    if who.end_user and not end_users:
        raise Forbidden(FOR_HOSTS)
    if who.origins is not None and not set(request.headers.getlist("origin")) <= set(who.origins):
        raise Forbidden("this token does not count on pages of this origin")
    if not who.writes and request.method not in SAFE_METHODS:
        raise Forbidden("this token may only read")
    if who.thread_id is not None and by == "by_path":
        await _check_path(request, database, who.thread_id)


def check_thread(request: Request, thread_id: str | None) -> None:
    """Raises Forbidden when the token of a request opens one thread only, and not this one. None: the request is about no single thread."""
    only = principal(request).thread_id
    if only is not None and thread_id != only:
        raise Forbidden(OTHER_THREAD)


async def _check_path(request: Request, database: Database, only: str) -> None:
    path, owner_id = request.path_params, owner(request)
    for name, value in path.items():
        if not re.fullmatch(ID_PATTERN, value):
            raise NotFound("no such object", param=name)
    if "thread" in path:
        check_thread(request, path["thread"])
    elif "turn" in path:
        turn = await database.read(partial(turns.get, owner_id=owner_id, turn_id=path["turn"]))
        if turn is not None and turn.thread_id != only:
            raise NotFound("no such turn", param="turn")
    elif "message" in path:
        stored = await database.read(partial(messages.get, owner_id=owner_id, message_id=path["message"]))
        if stored is not None and stored.thread_id != only:
            raise NotFound("no such message", param="message")
    else:
        raise Forbidden(OTHER_THREAD)
