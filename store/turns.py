"""Store turns: a user message and the work that answers it, with its lease, its plan and its outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Insert, Integer, Select, Update, and_, bindparam, insert, select, update

from store import lease_clock
from store.tables import turns

TurnStatus = Literal["running", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn as stored. Times in milliseconds since 1970 UTC; `plan` is set before its request is sent, or else at the turn's end."""

    id: str
    owner_id: str
    thread_id: str
    user_message_id: str
    message_id: str
    status: TurnStatus
    requested_model: str | None
    token: str | None
    feature: str | None
    fingerprint: str
    window_start: str | None
    plan: dict[str, Any] | None
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    last_seq: int
    cancel_requested: bool
    log_kept: bool
    created_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTurn:
    """A turn to be added, with the lease of the process that runs it. Times in milliseconds.

    `leased_at`: the present by this process's clock of leases, where that is not the time of day.
    """

    id: str
    owner_id: str
    thread_id: str
    user_message_id: str
    message_id: str
    requested_model: str | None
    token: str | None
    feature: str | None
    idempotency_key: str | None
    fingerprint: str
    metadata: dict[str, Any]
    window_start: str | None
    lease_holder: str
    lease: int
    created_at: int
    leased_at: int | None = None


_OWN = and_(turns.c.owner_id == bindparam("owner"), turns.c.id == bindparam("turn"))
_OF_THREAD = and_(turns.c.owner_id == bindparam("owner"), turns.c.thread_id == bindparam("thread"))
_RUNNING = turns.c.status == "running"
_HELD = and_(  # of these turns those that run in a process
    turns.c.lease_holder == bindparam("holder"), _RUNNING, turns.c.id.in_(bindparam("turns", expanding=True))
)

_GET = select(turns).where(_OWN)
_WINDOW_START = select(turns.c.window_start).where(_OWN)
_STATUS = select(turns.c.status).where(_OWN)
_ALL_OF_THREAD = select(turns).where(_OF_THREAD)
_BY_KEY = select(turns).where(
    turns.c.owner_id == bindparam("owner"), turns.c.idempotency_key == bindparam("key")
)
_RUNNING_OF_THREAD = select(turns).where(_OF_THREAD, _RUNNING)
_SET_PLAN = update(turns).where(_OWN)
_FINISH = update(turns).where(_OWN, _RUNNING)
_REQUEST_CANCEL = update(turns).where(_OWN, _RUNNING).values(cancel_requested=True)
_HELD_AND_CANCELLED = select(turns.c.id).where(_HELD, turns.c.cancel_requested)
_ALL_RUNNING = select(turns).where(_RUNNING)
_WITH_OLD_LOG = (
    select(turns.c.id)
    .where(turns.c.finished_at < bindparam("before"), turns.c.log_kept)
    .limit(bindparam("limit", type_=Integer))
)
_FORGET_LOGS = update(turns).where(turns.c.id.in_(bindparam("turns", expanding=True))).values(log_kept=False)


@cache
def _add(dialect: str) -> Insert:
    return insert(turns).values(lease_until=lease_clock.until(dialect))


@cache
def _renew(dialect: str) -> Update:
    free = select(turns.c.id).where(_HELD).with_for_update(skip_locked=True, key_share=True)
    return update(turns).where(turns.c.id.in_(free)).values(lease_until=lease_clock.until(dialect))


@cache
def _shorten(dialect: str) -> Update:
    too_far = lease_clock.too_far(turns.c.lease_until, dialect)
    return update(turns).where(_RUNNING, too_far).values(lease_until=lease_clock.until(dialect))


@cache
def _expired(dialect: str) -> Select[Any]:
    return _ALL_RUNNING.where(turns.c.lease_until < lease_clock.present(dialect))


def add(connection: Connection, turn: NewTurn) -> Turn:
    """Add a running turn and return it. Raises IntegrityError when the thread has one, or the idempotency key was used."""
    values = {name: getattr(turn, name) for name in NewTurn.__slots__ if name != "metadata"}
    own = turn.created_at if turn.leased_at is None else turn.leased_at
    del values["leased_at"]
    begun: dict[str, Any] = {
        "status": "running",
        "last_seq": 0,
        "cancel_requested": False,
        "log_kept": True,
    }
    connection.execute(_add(connection.dialect.name), {**values, **begun, "meta": turn.metadata, "now": own})
    given = {name: getattr(turn, name) for name in Turn.__slots__ if name in NewTurn.__slots__}
    return Turn(**given, **begun, plan=None, usage=None, error=None, finished_at=None)


def get(connection: Connection, owner_id: str, turn_id: str) -> Turn | None:
    """One turn of an owner."""
    return _one(connection, _GET, {"owner": owner_id, "turn": turn_id})


def window_start(connection: Connection, owner_id: str, turn_id: str) -> str | None:
    """The first message of a turn's window; None when it made no plan, or is not there."""
    start: str | None = connection.scalar(_WINDOW_START, {"owner": owner_id, "turn": turn_id})
    return start


def of_thread(connection: Connection, owner_id: str, thread_id: str) -> list[Turn]:
    """All turns of a thread, on every branch."""
    rows = connection.execute(_ALL_OF_THREAD, {"owner": owner_id, "thread": thread_id})
    return [_value(row) for row in rows]


def by_key(connection: Connection, owner_id: str, idempotency_key: str) -> Turn | None:
    """The turn that was accepted under an idempotency key."""
    return _one(connection, _BY_KEY, {"owner": owner_id, "key": idempotency_key})


def running(connection: Connection, owner_id: str, thread_id: str) -> Turn | None:
    """The thread's running turn."""
    return _one(connection, _RUNNING_OF_THREAD, {"owner": owner_id, "thread": thread_id})


def is_running(connection: Connection, owner_id: str, turn_id: str) -> bool:
    """Whether an owner's turn has not ended."""
    return bool(connection.scalar(_STATUS, {"owner": owner_id, "turn": turn_id}) == "running")


def set_plan(
    connection: Connection, owner_id: str, turn_id: str, plan: dict[str, Any], window_start: str
) -> None:
    """Store the plan of a turn's request."""
    connection.execute(
        _SET_PLAN, {"owner": owner_id, "turn": turn_id, "plan": plan, "window_start": window_start}
    )


def finish(
    connection: Connection,
    owner_id: str,
    turn_id: str,
    *,
    status: TurnStatus,
    usage: dict[str, Any] | None,
    error: dict[str, Any] | None,
    last_seq: int,
    now: int,
) -> bool:
    """End a running turn. False when it has ended already, and then nothing is changed: a turn ends once."""
    updated = connection.execute(
        _FINISH,
        {
            "owner": owner_id,
            "turn": turn_id,
            "status": status,
            "usage": usage,
            "error": error,
            "last_seq": last_seq,
            "finished_at": now,
            "lease_holder": None,
        },
    )
    return updated.rowcount == 1


def request_cancel(connection: Connection, owner_id: str, turn_id: str) -> None:
    """Ask the process that runs the turn to cancel it."""
    connection.execute(_REQUEST_CANCEL, {"owner": owner_id, "turn": turn_id})


def renew_leases(
    connection: Connection, holder: str, turn_ids: Sequence[str], *, now: int, lease: int
) -> list[str]:
    """Extend a process's leases on these turns; returns those it has to cancel.

    Name only turns that really run there: the lease on a turn whose end was lost must expire. Turns that another transaction is just
    updating are skipped, so that one that waits keeps no other from being renewed. Adding events to a turn's log does not update it, though
    it locks its key.
    """
    held = {"holder": holder, "turns": turn_ids}
    connection.execute(_renew(connection.dialect.name), {**held, "now": now, "lease": lease})
    return list(connection.scalars(_HELD_AND_CANCELLED, held))


def shorten_leases(connection: Connection, *, now: int, lease: int) -> None:
    """End leases that are too far ahead after `lease` from now on: the clock was set back. Processes that live renew theirs until then."""
    connection.execute(_shorten(connection.dialect.name), {"now": now, "lease": lease})


def abandoned(connection: Connection, now: int | None) -> list[Turn]:
    """Running turns whose process is gone: those with an expired lease, or every one when `now` is None (after a start)."""
    query = _ALL_RUNNING if now is None else _expired(connection.dialect.name)
    return [_value(row) for row in connection.execute(query, {"now": now})]


def with_old_logs(connection: Connection, finished_before: int, limit: int) -> Sequence[str]:
    """Ids of finished turns whose event log need no longer be kept."""
    return connection.scalars(_WITH_OLD_LOG, {"before": finished_before, "limit": limit}).all()


def forget_logs(connection: Connection, turn_ids: Sequence[str]) -> None:
    """Record that the event logs of these turns are deleted."""
    connection.execute(_FORGET_LOGS, {"turns": turn_ids})


def _one(connection: Connection, query: Select[Any], values: dict[str, Any]) -> Turn | None:
    row = connection.execute(query, values).one_or_none()
    return None if row is None else _value(row)


def _value(row: Any) -> Turn:
    return Turn(
        id=row.id,
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        user_message_id=row.user_message_id,
        message_id=row.message_id,
        status=row.status,
        requested_model=row.requested_model,
        token=row.token,
        feature=row.feature,
        fingerprint=row.fingerprint,
        window_start=row.window_start,
        plan=row.plan,
        usage=row.usage,
        error=row.error,
        last_seq=row.last_seq,
        cancel_requested=row.cancel_requested,
        log_kept=row.log_kept,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
