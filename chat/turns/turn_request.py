"""A request for a turn, as it came in: the message or the answer to regenerate or continue, where, by which model, under which key."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from context.messages import Role
from context.models.catalog import Tier
from context.routing.choice import Pins


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """A message that a client reports, to be stored or sent with the new one."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """A request for a turn: a new message under a parent, another answer to the question of the answer `regenerate`, or one that
    continues the answer `continues`, which broke off.

    `parent` is `leaf` (the visible branch's end), `root` (a new beginning), or the id of the message to branch at. `history`: what stands
    between the parent and the new message and is not in the thread yet; it is stored with the turn. `tier` is the operator's bound on the
    token: exactly that tier, or (`at_most`) no dearer one. `instructions` become the thread's with this turn; `default_instructions` do where the
    thread begins with it and there are no others.
    """

    thread_id: str
    text: str | None = None
    user_message_id: str | None = None
    parent: Literal["leaf", "root"] | tuple[str] = "leaf"
    history: tuple[HistoryMessage, ...] = ()
    regenerate: str | None = None
    continues: str | None = None
    requested_model: str | None = None
    token: str | None = None
    tier: Tier | None = None
    at_most: bool = False
    feature: str | None = None
    instructions: str | None = None
    default_instructions: str | None = None
    idempotency_key: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def pins(self) -> Pins:
        """The requested model, within what the operator lets the token use."""
        most = self.tier if self.at_most else None
        return Pins(turn=self.requested_model, exactly=None if self.at_most else self.tier, most=most)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the request, for the operator's rules: `label` and `labels` of its metadata."""
        single, several = self.metadata.get("label"), self.metadata.get("labels")
        labels = [single, *(several if isinstance(several, list) else ())]
        return tuple(label for label in labels if isinstance(label, str))

    @property
    def fingerprint(self) -> str:
        """A digest of what two requests under one idempotency key must have in common to be the same request."""
        body = [
            self.thread_id,
            self.text,
            self.user_message_id,
            self.parent,
            self.regenerate,
            self.requested_model,
            self.feature,
            self.metadata,
            *([] if self.continues is None else [{"continue": self.continues}]),
            *(
                [{"history": [[message.role, message.text] for message in self.history]}]
                if self.history
                else []
            ),
            *([] if self.instructions is None else [{"instructions": self.instructions}]),
        ]
        return sha256(json.dumps(body, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
