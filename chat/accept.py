"""Accepting a turn: everything is checked first, then one transaction makes it durable. Nothing acknowledged is ever lost."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chat import events
from chat.access.budgets import refusal
from chat.clock import Clock
from chat.deployment import Deployment
from chat.errors import (
    BadRequest,
    ContextTooLong,
    IdTaken,
    KeyReused,
    ModelNotFound,
    NotFound,
    ThreadBusy,
    Unavailable,
)
from chat.times import rfc3339
from context.budgets import Spender
from context.catalog import Tier
from context.continuing import can_go_on
from context.messages import Message, TextPart
from context.routing.choice import Pins, UnknownModel
from store import events as store_events
from store import messages, threads, turns
from store.budgets import DoesNotFit
from store.database import Database
from store.messages import StoredMessage
from store.turns import Turn

LEASE = 10_000  # milliseconds a process may be silent before its turns count as abandoned
TITLE_WORDS = 60  # characters of a title taken from the first message


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A wish for a turn: new words under a parent, another answer (`regenerate`) to the words an answer belongs to, or one that
    begins with what an answer said before it broke off and goes on with it (`continues`).

    `parent` is `leaf` (go on), `root` (a new beginning), or the id of the message to branch at. `tier` is the operator's bound on
    the token: exactly that tier, or (`at_most`) no dearer one.
    """

    thread_id: str
    text: str | None = None
    user_message_id: str | None = None
    parent: Literal["leaf", "root"] | tuple[str] = "leaf"
    regenerate: str | None = None
    continues: str | None = None
    asked: str | None = None
    token: str | None = None
    tier: Tier | None = None
    at_most: bool = False
    feature: str | None = None
    idempotency_key: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def pins(self) -> Pins:
        """The model that is asked for, within what the operator lets the token use."""
        most = self.tier if self.at_most else None
        return Pins(turn=self.asked, exactly=None if self.at_most else self.tier, most=most)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the request is labelled with, for the operator's rules: `label` and `labels` of its metadata."""
        one, several = self.metadata.get("label"), self.metadata.get("labels")
        found = [one, *(several if isinstance(several, list) else ())]
        return tuple(label for label in found if isinstance(label, str))

    @property
    def fingerprint(self) -> str:
        """What must be equal for two requests under one idempotency key to be the same request."""
        wish = [
            self.thread_id,
            self.text,
            self.user_message_id,
            self.parent,
            self.regenerate,
            self.asked,
            self.feature,
            self.metadata,
            *([] if self.continues is None else [{"continue": self.continues}]),
        ]
        return sha256(json.dumps(wish, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A turn that is durable. `replayed`: an earlier request with the same key made it. `first` is its first event.

    `continued` is the answer it goes on with.
    """

    turn: Turn
    replayed: bool
    first: str
    continued: Message | None = None


async def accept(
    database: Database,
    deployment: Deployment,
    clock: Clock,
    *,
    owner_id: str,
    holder: str,
    command: Command,
    room: bool = True,
) -> Accepted:
    """Store a turn, or find the one its idempotency key stands for. Raises PalaverError, and then changed nothing.

    `room`: whether another turn finds a place; one that is known needs none.
    """
    try:
        _check_model(deployment, command)
        _check_size(deployment, command)
    except (ModelNotFound, ContextTooLong):
        # What was taken stays taken, though models and what is known of them may have changed since.
        if not await _is_known(database, owner_id, command):
            raise
    tokens = 0 if command.text is None else deployment.sizes.count(command.text)
    acceptance = _Acceptance(deployment, clock, owner_id, holder, command, tokens, room)
    for attempt in (1, 2, 3):
        try:
            return await database.write(acceptance.write)
        except DoesNotFit as full:
            await deployment.caller.budgets.remember(database, full.counter, clock.now())
            raise refusal(full.counter, clock.now()) from None
        except IntegrityError as clash:
            # Two requests raced past each other's checks (Postgres); the loser looks again and sees the winner.
            if attempt == 3 or "messages_id" in str(clash.orig) or "messages.owner_id" in str(clash.orig):
                raise IdTaken("a message of that id exists already", param="input.message_id") from None
    raise AssertionError("the loop returns or raises")


async def _is_known(database: Database, owner_id: str, command: Command) -> bool:
    if command.idempotency_key is None:
        return False
    async with database.reading() as connection:
        return await turns.by_key(connection, owner_id, command.idempotency_key) is not None


def _check_model(deployment: Deployment, command: Command) -> None:
    try:
        deployment.possible(command.pins)
    except UnknownModel:
        offered = ", ".join([*deployment.tiers, *dict.fromkeys(deployment.tiers.values())])
        raise ModelNotFound(f"no such model here; there are: {offered}", param="model") from None


def _check_size(deployment: Deployment, command: Command) -> None:
    """The safe-side bound decides: a message that is taken is never refused by the provider for its length."""
    if command.text is None:
        return
    refused: list[str] = []
    for model_id in deployment.possible(command.pins):
        model = deployment.models[model_id]
        tokens = deployment.sizes.bound(command.text, model.id)
        prompt = deployment.sizes.bound(deployment.prompt.text, model.id)
        limit = model.context_window - deployment.output_limit(model) - prompt - deployment.policy.overhead
        if tokens <= limit:
            return  # the router leaves out models it does not fit
        refused.append(f"the message has about {tokens} tokens; {model.label} takes at most {limit} here")
    raise ContextTooLong(refused[-1], param="input")


@dataclass(frozen=True, slots=True)
class _Acceptance:
    deployment: Deployment
    clock: Clock
    owner_id: str
    holder: str
    command: Command
    tokens: int
    room: bool

    async def write(self, connection: AsyncConnection) -> Accepted:
        command, owner, deployment = self.command, self.owner_id, self.deployment
        known = await self._known(connection)
        if known is not None:
            return await self._replay(connection, known)
        now = self.clock.now()
        if command.text is not None:
            await threads.create(connection, owner, command.thread_id, now=now)
        thread = await threads.lock(connection, owner, command.thread_id)
        if thread is None:
            raise NotFound("no such thread")
        known = await self._known(
            connection
        )  # its twin may have come first while this one waited for the thread
        if known is not None:
            return await self._replay(connection, known)
        if thread.running_turn_id is not None:
            raise ThreadBusy("the thread has a running turn; wait for it or cancel it")
        if not self.room:
            raise Unavailable("too many people are asking at the moment; nothing was stored", retry_after=5)

        spender = Spender(owner_id=owner, thread_id=thread.id, token=command.token)
        await deployment.caller.budgets.accept(connection, spender, deployment.least(now), now=now)
        turn_id, message_id = self.clock.new_id("turn"), self.clock.new_id("msg")
        question, above = await self._question(connection, thread, turn_id, now)
        await messages.add(
            connection,
            owner,
            thread.id,
            id=message_id,
            parent=question,
            role="assistant",
            status="streaming",
            parts=(),
            tokens=0,
            turn_id=turn_id,
            now=now,
        )
        previous = None if above is None else await turns.get(connection, owner, above.turn_id)
        await turns.add(
            connection,
            id=turn_id,
            owner_id=owner,
            thread_id=thread.id,
            user_message_id=question.id,
            message_id=message_id,
            asked=command.asked or self._same_model(above),
            token=command.token,
            feature=command.feature,
            idempotency_key=command.idempotency_key,
            fingerprint=command.fingerprint,
            metadata=command.metadata,
            window_start=None if previous is None else previous.window_start,
            lease_holder=self.holder,
            lease_until=now + LEASE,
            now=now,
        )
        await threads.change(
            connection, owner, thread.id, leaf_id=message_id, updated_at=now, **self._title(thread)
        )
        started = events.TurnStarted(
            protocol=events.PROTOCOL,
            thread_id=thread.id,
            message_id=message_id,
            user_message_id=question.id,
            created_at=rfc3339(now),
        )
        first = events.encode(started, seq=1, turn_id=turn_id)
        await connection.execute(store_events.APPEND, store_events.rows(turn_id, 1, [first]))
        turn = await turns.get(connection, owner, turn_id)
        assert turn is not None  # noqa: S101 - written three statements ago
        continued = None if command.continues is None or above is None else above.message
        return Accepted(turn=turn, replayed=False, first=first, continued=continued)

    async def _known(self, connection: AsyncConnection) -> Turn | None:
        key = self.command.idempotency_key
        return None if key is None else await turns.by_key(connection, self.owner_id, key)

    async def _replay(self, connection: AsyncConnection, known: Turn) -> Accepted:
        if known.fingerprint != self.command.fingerprint:
            raise KeyReused("this idempotency key was used for another request", param="Idempotency-Key")
        found = await store_events.after(connection, self.owner_id, known.id, 0, limit=1)
        return Accepted(turn=known, replayed=True, first=found[0][1] if found else "")

    async def _question(
        self, connection: AsyncConnection, thread: threads.Thread, turn_id: str, now: int
    ) -> tuple[Message, StoredMessage | None]:
        """The user's message the turn answers, and the answer above it, whose window the turn goes on with."""
        command = self.command
        if command.continues is not None or command.regenerate is not None:
            param = "regenerate" if command.continues is None else "continue"
            answer = await self._of_thread(connection, command.continues or command.regenerate or "", param)
            if answer.message.role != "assistant" or answer.message.parent_id is None:
                raise BadRequest(f"only an answer can be given to `{param}`", param=param)
            if command.continues is not None and not can_go_on(answer.message, answer.finish_reason):
                raise BadRequest("only an answer that stopped before its end can be continued", param=param)
            question = await self._of_thread(connection, answer.message.parent_id, param)
            return question.message, answer
        parent = await self._parent(connection, thread)
        question_id = command.user_message_id or self.clock.new_id("msg")
        if await messages.get(connection, self.owner_id, question_id) is not None:
            raise IdTaken("a message of that id exists already", param="input.message_id")
        assert command.text is not None  # noqa: S101 - the API takes either text or regenerate
        above = None if parent is None else parent.message
        await messages.add(
            connection,
            self.owner_id,
            thread.id,
            id=question_id,
            parent=above,
            role="user",
            status="complete",
            parts=(TextPart(text=command.text),),
            tokens=self.tokens,
            turn_id=turn_id,
            now=now,
        )
        added = await self._of_thread(connection, question_id, "input")
        return added.message, parent

    def _same_model(self, above: StoredMessage | None) -> str | None:
        """Who wrote the first half writes the second, if it is still offered and nobody else is asked for."""
        if self.command.continues is None or above is None:
            return None
        return above.model if above.model in self.deployment.tiers.values() else None

    async def _parent(self, connection: AsyncConnection, thread: threads.Thread) -> StoredMessage | None:
        parent = self.command.parent
        if parent == "root" or (parent == "leaf" and thread.leaf_id is None):
            return None
        found = await self._of_thread(
            connection, thread.leaf_id or "" if parent == "leaf" else parent[0], "parent_id"
        )
        if found.message.role != "assistant":
            raise BadRequest("a new message follows an answer, or begins the thread", param="parent_id")
        return found

    async def _of_thread(self, connection: AsyncConnection, message_id: str, param: str) -> StoredMessage:
        found = await messages.get(connection, self.owner_id, message_id, thread_id=self.command.thread_id)
        if found is None:
            raise NotFound("no such message in this thread", param=param)
        return found

    def _title(self, thread: threads.Thread) -> dict[str, str]:
        """The first words as a title, until a better one is written."""
        if thread.title is not None or self.command.text is None:
            return {}
        words = " ".join(self.command.text.split())
        if len(words) > TITLE_WORDS:
            words = words[:TITLE_WORDS].rsplit(" ", 1)[0] + "…"
        return {"title": words, "title_source": "derived"}
