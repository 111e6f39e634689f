"""Builders of plan inputs, and of messages counted as the simulator counts them."""

from __future__ import annotations

from collections.abc import Callable

from context.cache.plan_inputs import PlanInputs, SummarizerModel
from context.messages import Message, Role, Status, TextPart
from context.models.catalog import lookup
from context.models.pricing import PriceTable, price_table
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from tests.upstream import tokens
from tests.upstream.models import MODELS, Model

NOON = 1_795_000_000_000
SYSTEM = "You answer questions about parcels. Be brief, friendly and exact. " * 60
CHEAP = "claude-haiku-5-5"
MID = "claude-sonnet-5-5"
TOP = "claude-opus-5-5"


def todays(model: str) -> PriceTable:
    """What a model costs today."""
    table = price_table(model, now=NOON)
    assert table is not None
    return table


def inputs(
    model: str = MID,
    policy: Policy = DEFAULT,
    *,
    system: str = SYSTEM,
    tables: Callable[[str], PriceTable] = todays,
) -> PlanInputs:
    return PlanInputs(
        model=lookup(model),
        prompt=Prompt(name="test", version=1, text=system),
        prompt_tokens=count(system),
        max_output=4_000,
        prices=tables(model),
        summarizer=SummarizerModel(model=CHEAP, prices=tables(CHEAP)),
        policy=policy,
    )


def count(text: str, model: str = MID) -> int:
    """What the simulator counts."""
    return tokens.count(text, simulated(model))


def message(
    id: str,
    text: str,
    *,
    parent: str | None = None,
    role: Role = "user",
    depth: int = 0,
    status: Status = "complete",
    refused: bool = False,
    size: int | None = None,
) -> Message:
    return Message(
        id=id,
        parent_id=parent,
        role=role,
        status=status,
        parts=(TextPart(text=text),),
        depth=depth,
        tokens=count(text) + 4 if size is None else size,
        refused=refused,
    )


def thread(*texts: str) -> list[Message]:
    """`thread("u: hi", "a: hello")`: one branch, ids m0, m1, ..."""
    messages: list[Message] = []
    for depth, text in enumerate(texts):
        role: Role = "user" if text.startswith("u:") else "assistant"
        parent = messages[-1].id if messages else None
        messages.append(message(f"m{depth}", text[3:], parent=parent, role=role, depth=depth))
    return messages


def simulated(model: str) -> Model:
    return next(candidate for candidate in MODELS if candidate.id == model)
