"""Where a conversation stands in its thread: what of it the thread has already, and what is new.

The client tells the whole conversation each time and knows no ids of ours, so messages are compared by role and text. What the thread
has is never stored again; where the client tells something else (an edit, a chat that began elsewhere), a new branch begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from chat.auth.principal import Principal
from chat.protocols.openai.conversation import same
from chat.turns.turn_request import HistoryMessage, TurnRequest
from context.messages import Message
from store import branches, messages, threads, turns
from store.turns import Turn

ROWS = 4_000  # messages of the visible branch that are compared at most, the newest ones


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """A request as it was understood. `key`: its idempotency key."""

    thread_id: str
    messages: tuple[HistoryMessage, ...]
    instructions: str | None
    model: str | None
    key: str | None


def find(connection: Connection, owner_id: str, parsed: ParsedRequest, who: Principal) -> Turn | TurnRequest:
    """The turn that answers the last message already, or the request for one: a new message, or another answer to a known one."""
    turn = None if parsed.key is None else turns.by_key(connection, owner_id, parsed.key)
    if turn is not None:
        return turn
    *reported, new = parsed.messages
    place = _Placement(connection, owner_id, parsed.thread_id)
    above, known = place.of(reported)
    answer = place.answer_to(above, new) if known == len(reported) else None
    return TurnRequest(
        thread_id=parsed.thread_id,
        text=new.text if answer is None else None,
        parent="root" if above is None else (above.id,),
        history=() if answer is not None else tuple(reported[known:]),
        regenerate=answer,
        requested_model=parsed.model,
        token=who.token,
        tier=who.tier,
        at_most=who.at_most,
        instructions=parsed.instructions,
        default_instructions=who.instructions,
        feature=who.feature,
        idempotency_key=parsed.key,
    )


@dataclass(frozen=True, slots=True)
class _Placement:
    connection: Connection
    owner_id: str
    thread_id: str

    def of(self, reported: Sequence[HistoryMessage]) -> tuple[Message | None, int]:
        """The last message of the thread that the client tells, and how many it tells up to there."""
        visible = self._visible()
        if not visible or not reported:
            return None, 0
        if visible[0].parent_id is None:
            shared = 0
            while shared < min(len(reported), len(visible)) and _is(visible[shared], reported[shared]):
                shared += 1
            if shared == len(reported):
                return visible[shared - 1], shared
        above, known = self._down(reported)
        # A client that tells the newest part of a long conversation only.
        for start in range(len(visible) - len(reported), 0, -1) if known == 0 and len(reported) > 1 else ():
            if all(map(_is, visible[start : start + len(reported)], reported)):
                return visible[start + len(reported) - 1], len(reported)
        return above, known

    def _visible(self) -> list[Message]:
        thread = threads.get(self.connection, self.owner_id, self.thread_id)
        if thread is None or thread.leaf_id is None:
            return []
        rows = branches.branch(self.connection, self.owner_id, self.thread_id, thread.leaf_id, rows=ROWS)
        return [stored.message for stored in rows]

    def _down(self, reported: Sequence[HistoryMessage]) -> tuple[Message | None, int]:
        """The deepest message of any branch that is reported, the newest of equal ones."""
        reached: list[Message] = []
        for known, message in enumerate(reported):
            below = [child for child in self._children(reached or [None]) if _is(child, message)]
            if not below:
                return (reached[-1] if reached else None), known
            reached = below
        return reached[-1], len(reported)

    def _children(self, above: Sequence[Message | None]) -> list[Message]:
        parents = {None if message is None else message.id for message in above}
        found = branches.siblings(self.connection, self.owner_id, self.thread_id, parents)
        ids = [message_id for children in found.values() for message_id in children]
        rows = [messages.get(self.connection, self.owner_id, message_id) for message_id in ids]
        return [stored.message for stored in sorted(filter(None, rows), key=lambda stored: stored.pk)]

    def answer_to(self, above: Message | None, new: HistoryMessage) -> str | None:
        """Id of the newest answer to a message that stands here already: to tell it again is to ask for another answer."""
        known = [child for child in self._children([above]) if _is(child, new)]
        answers = self._children(known) if known else []
        return answers[-1].id if answers else None


def _is(stored: Message, reported: HistoryMessage) -> bool:
    return stored.role == reported.role and same(
        stored.text, reported.text, whole=stored.role == "user" or stored.status == "complete"
    )
