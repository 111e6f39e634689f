"""The turn before: the answer that a new message replies to, and the plan by which it was asked for."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlalchemy import Connection

from context.messages import Message
from context.planning.stored_plan import StoredPlan, StoredRoute
from store import messages, turns
from store.messages import StoredMessage
from store.turns import Turn


@dataclass(frozen=True, kw_only=True)  # without slots: `plan` is cached
class PreviousTurn:
    """An answer and the turn that gave it; None where there is none, as above a first message."""

    answer: StoredMessage | None = None
    turn: Turn | None = None

    @cached_property
    def plan(self) -> StoredPlan | None:
        """The plan of the turn, if it made one."""
        return None if self.turn is None else StoredPlan.of(self.turn.plan)

    @property
    def route(self) -> StoredRoute:
        """The route stored with the plan; an empty one where there is none."""
        return StoredRoute() if self.plan is None else self.plan.route


NO_TURN: Final = PreviousTurn()


def above(connection: Connection, owner_id: str, question: Message) -> PreviousTurn:
    """The turn that gave the answer above a question."""
    return NO_TURN if question.parent_id is None else that_gave(connection, owner_id, question.parent_id)


def that_gave(connection: Connection, owner_id: str, message_id: str) -> PreviousTurn:
    """The turn that gave an answer."""
    answer = messages.get(connection, owner_id, message_id)
    turn = None if answer is None else turns.get(connection, owner_id, answer.turn_id)
    return PreviousTurn(answer=answer, turn=turn)
