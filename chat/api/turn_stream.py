"""The frames of a turn for one request: what every route that starts or streams a turn does, whatever it makes of the events."""

from collections.abc import AsyncGenerator

from starlette.requests import Request

from chat.api.deps import Deps, visit
from chat.api.event_stream import follow
from chat.errors import (
    BudgetSpent,
    BudgetUsedUp,
    ContextTooLong,
    IdConflict,
    KeyReused,
    LogExpired,
    ModelNotFound,
    NotFound,
    PalaverError,
    ThreadBusy,
    Unavailable,
)
from store.turns import Turn

POST_ERRORS: tuple[type[PalaverError], ...] = (
    BudgetSpent,
    BudgetUsedUp,
    LogExpired,
    NotFound,
    ModelNotFound,
    ThreadBusy,
    IdConflict,
    ContextTooLong,
    KeyReused,
    Unavailable,
)
"""What a post that starts a turn, or finds one that was started before, may be refused with."""


def has_events(turn: Turn, cursor: int = 0) -> bool:
    """Whether there are, or will be, events of a turn after a cursor. Raises LogExpired when they were deleted."""
    if turn.status == "running":
        return True
    if cursor >= turn.last_seq:
        return False
    if not turn.log_kept:
        raise LogExpired("the turn's events were deleted; read the turn itself")
    return True


def turn_frames(deps: Deps, request: Request, turn: Turn, cursor: int = 0) -> AsyncGenerator[bytes, None]:
    """The frames of a turn's events after a cursor, as `follow` gives them. They end when the request's access does."""
    watched = visit(request)

    def wake() -> None:
        live = deps.runner.live(turn.id)
        if live is not None:
            live.wake()

    watched.on_revoked = wake  # so that readers check their access
    return follow(
        deps.database,
        turn.owner_id,
        turn.id,
        cursor,
        find_live=lambda: deps.runner.live(turn.id),
        draining=deps.runner.draining,
        access_ended=lambda: watched.revoked,
    )
