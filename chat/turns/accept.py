"""Accept a turn: check the request, then make the turn durable in one transaction. Nothing acknowledged is ever lost."""

from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from chat.background import titles
from chat.budgets.reservations import refusal
from chat.calls.caller import LEASE
from chat.clock import lease_time, rfc3339
from chat.errors import (
    ContextTooLong,
    IdConflict,
    KeyReused,
    ModelNotFound,
    NotFound,
    ThreadBusy,
    Unavailable,
)
from chat.runtime.runtime import Runtime
from chat.stream import events
from chat.turns.check_request import check_model, check_size
from chat.turns.placement import place_question
from chat.turns.turn_request import TurnRequest
from chat.webhooks import outbox
from context.limits.budgets import BudgetAccount
from context.messages import Message
from context.request.prompts import Instructions
from store import events as store_events
from store import instructions, messages, threads, turns, webhook_deliveries
from store.database import database_patience
from store.ledger.budgets import DoesNotFit
from store.messages import StoredMessage
from store.threads import Thread
from store.turns import Turn

TITLE_LENGTH = 60  # characters of a title taken from the first message
PATIENCE = 3.0  # seconds a request waits for a database that does not answer: a restart of it goes unnoticed
TITLE_READ = 2_000  # characters of the message that are read for it
TRIES = 3  # times a turn is stored before requests that race with it count as conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A turn that is durable. `replayed`: an earlier request with the same key made it. `first` is its first event.

    `continued` is the answer it continues; `untitled`: nobody has given the thread a title yet.
    """

    turn: Turn
    replayed: bool
    first: str
    continued: Message | None = None
    untitled: bool = False


async def accept(
    runtime: Runtime,
    *,
    owner_id: str,
    holder: str,
    turn_request: TurnRequest,
    room: bool = True,
    stopping: bool = False,
) -> Accepted:
    """Store a turn, or find the one its idempotency key stands for. Raises PalaverError, and then changed nothing.

    `room`: whether the queue has room for another turn; `stopping`: the server stops. Neither matters to a request that is known.
    """
    try:
        if stopping:
            raise Unavailable("this server is shutting down", retry_after=2)
        check_model(runtime.deployment, turn_request)
        await check_size(runtime, owner_id, turn_request)
    except (Unavailable, ModelNotFound, ContextTooLong):
        # What was accepted stays accepted, though models and what is known of them may have changed since.
        replayed = await runtime.database.read(
            partial(_replayed, owner_id=owner_id, turn_request=turn_request)
        )
        if replayed is None:
            raise
        return replayed
    await runtime.sizes.prepare([message.text for message in turn_request.history])
    turn_id = runtime.clock.new_id("turn")
    acceptance = _Acceptance(runtime, owner_id, holder, turn_request, room, turn_id)
    for _ in range(TRIES):
        try:
            with database_patience(PATIENCE):
                return await runtime.database.write(acceptance.write)
        except DoesNotFit as full:
            now = runtime.clock.now()
            await runtime.caller.budgets.remember(runtime.database, full.counter, now)
            raise refusal(full.counter, now) from None
        except IntegrityError:
            continue  # two requests raced past each other's checks (Postgres): look again, and see the winner
    raise IdConflict("a message of that id exists already", param="input.message_id")


def _replayed(connection: Connection, owner_id: str, turn_request: TurnRequest) -> Accepted | None:
    """The turn an earlier request with the same idempotency key made; None without a key, or for a new one. Raises KeyReused."""
    if turn_request.idempotency_key is None:
        return None
    turn = turns.by_key(connection, owner_id, turn_request.idempotency_key)
    if turn is None:
        return None
    if turn.fingerprint != turn_request.fingerprint:
        raise KeyReused("this idempotency key was used for another request", param="Idempotency-Key")
    frames = store_events.after(connection, owner_id, turn.id, 0, limit=1)
    return Accepted(turn=turn, replayed=True, first=frames[0][1] if frames else "")


@dataclass(slots=True)
class _Acceptance:
    """The transaction that accepts a turn. `room`: whether the queue has room for another turn.

    `accepted`: what an earlier run of it stored, if its COMMIT succeeded.
    """

    runtime: Runtime
    owner_id: str
    holder: str
    turn_request: TurnRequest
    room: bool
    turn_id: str
    accepted: Accepted | None = field(default=None, init=False)

    def write(self, connection: Connection) -> Accepted:
        if self.accepted is not None and turns.get(connection, self.owner_id, self.turn_id) is not None:
            return self.accepted  # the answer to that COMMIT was lost
        self.accepted = self._accept(connection)
        return self.accepted

    def _accept(self, connection: Connection) -> Accepted:
        turn_request, owner, now = self.turn_request, self.owner_id, self.runtime.clock.now()
        thread = threads.lock(connection, owner, turn_request.thread_id)
        instructions_text = turn_request.instructions
        if thread is None and turn_request.text is not None:
            if threads.create(connection, owner, turn_request.thread_id, now=now):
                self._report_thread(connection)
            instructions_text = instructions_text or turn_request.default_instructions
            thread = threads.lock(connection, owner, turn_request.thread_id)
        # Not before: the same request may have come first while this one waited for the thread.
        replayed = _replayed(connection, owner, turn_request)
        if replayed is not None:
            return replayed
        if thread is None:
            raise NotFound("no such thread")
        if thread.running_turn_id is not None:
            raise ThreadBusy("the thread has a running turn; wait for it or cancel it")
        if not self.room:
            raise Unavailable("too many people are asking at the moment; nothing was stored", retry_after=5)
        account = BudgetAccount(owner_id=owner, thread_id=thread.id, token=turn_request.token)
        least = self.runtime.deployment.least(now)
        self.runtime.caller.budgets.accept(connection, account, least, now=now)
        return self._store(connection, thread, instructions_text, now)

    def _report_thread(self, connection: Connection) -> None:
        runtime = self.runtime
        endpoints, thread_id = runtime.deployment.webhooks, self.turn_request.thread_id
        reported = outbox.thread_created(endpoints, runtime.clock, self.owner_id, thread_id)
        webhook_deliveries.add(connection, reported)

    def _store(
        self, connection: Connection, thread: Thread, instructions_text: str | None, now: int
    ) -> Accepted:
        """Store the turn with its two messages (`place_question` adds the user's), its first event, and the instructions it came with."""
        turn_request, clock = self.turn_request, self.runtime.clock
        turn_id, message_id = self.turn_id, clock.new_id("msg")
        # `above`: the answer above the question, whose window the turn continues.
        question, above = place_question(
            connection,
            turn_request,
            thread,
            new_id=lambda: clock.new_id("msg"),
            count=self.runtime.sizes.count,
            turn_id=turn_id,
            now=now,
        )
        self._set_instructions(connection, thread, instructions_text, above, now)
        self._add_answer(connection, thread, question, message_id, now)
        start = None if above is None else turns.window_start(connection, self.owner_id, above.turn_id)
        turn = turns.add(
            connection,
            turns.NewTurn(
                id=turn_id,
                owner_id=self.owner_id,
                thread_id=thread.id,
                user_message_id=question.id,
                message_id=message_id,
                requested_model=turn_request.requested_model or self._same_model(above),
                token=turn_request.token,
                feature=turn_request.feature,
                idempotency_key=turn_request.idempotency_key,
                fingerprint=turn_request.fingerprint,
                metadata=turn_request.metadata,
                window_start=start,
                lease_holder=self.holder,
                lease=LEASE,
                leased_at=lease_time(clock),
                created_at=now,
            ),
        )
        threads.change(connection, self.owner_id, thread.id, **self._changes(thread, message_id, now))
        continued = None if turn_request.continues is None or above is None else above.message
        return Accepted(
            turn=turn,
            replayed=False,
            first=_first_event(connection, turn),
            continued=continued,
            untitled=thread.title is None or thread.title_source == "derived",
        )

    def _add_answer(
        self, connection: Connection, thread: Thread, question: Message, message_id: str, now: int
    ) -> None:
        """Store the answer, which is empty yet."""
        answer = messages.NewMessage(
            id=message_id,
            parent=question,
            role="assistant",
            status="streaming",
            parts=(),
            tokens=0,
            turn_id=self.turn_id,
            created_at=now,
        )
        messages.add(connection, self.owner_id, thread.id, answer)

    def _set_instructions(
        self,
        connection: Connection,
        thread: Thread,
        text: str | None,
        above: StoredMessage | None,
        now: int,
    ) -> None:
        """Store the instructions that the request came with, unless the thread has the same."""
        if text is not None and Instructions.of(text).digest != thread.instructions_digest:
            after_id = None if above is None else above.message.id
            instructions.put(connection, self.owner_id, thread.id, text, after_id=after_id, now=now)

    def _same_model(self, above: StoredMessage | None) -> str | None:
        """The model that began a continued answer, if it is still offered and the request names no other."""
        if self.turn_request.continues is None or above is None:
            return None
        return above.model if above.model in self.runtime.deployment.tiers.values() else None

    def _changes(self, thread: Thread, message_id: str, now: int) -> threads.Changes:
        """The answer becomes the thread's leaf, and the first words its title, until a better one is written."""
        changes: threads.Changes = {"leaf_id": message_id, "updated_at": now}
        if thread.title is None and self.turn_request.text is not None:
            words = titles.visible(self.turn_request.text.lstrip()[:TITLE_READ]) or "…"
            if len(words) > TITLE_LENGTH:
                words = titles.cut(words, TITLE_LENGTH).rsplit(" ", 1)[0] + "…"
            changes |= {"title": words, "title_source": "derived"}
        return changes


def _first_event(connection: Connection, turn: Turn) -> str:
    """Store `turn.started`, the event that begins a turn's log. Returns it encoded."""
    started = events.TurnStarted(
        protocol=events.PROTOCOL,
        thread_id=turn.thread_id,
        message_id=turn.message_id,
        user_message_id=turn.user_message_id,
        created_at=rfc3339(turn.created_at),
    )
    first = events.encode(started, seq=1, turn_id=turn.id)
    connection.execute(store_events.APPEND, store_events.rows(turn.id, 1, [first]))
    return first
