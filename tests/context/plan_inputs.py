"""Builders of plan inputs and plans, and of messages counted as the simulator counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from context.cache.cache_state import CacheState
from context.cache.plan_inputs import BranchState, PlanInputs, SummarizerModel
from context.messages import Message, Role, Status, TextPart
from context.models.catalog import lookup
from context.models.pricing import PriceTable, price_table
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.recipe import Recalled
from context.request.summary_blocks import Line, Segment, Summary
from context.routing.choice import Route
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


def talk(turns: int, size: int = 100) -> list[Message]:
    """A branch of so many turns, the last one not answered yet; ids are m0, m1, ..."""
    messages: list[Message] = []
    for depth in range(turns * 2 - 1):
        parent = messages[-1].id if messages else None
        role: Role = "assistant" if depth % 2 else "user"
        messages.append(message(f"m{depth}", "words", parent=parent, role=role, depth=depth, size=size))
    return messages


def planned(
    terms: PlanInputs,
    path: Sequence[Message],
    *,
    summary: Summary | None = None,
    cache_state: CacheState | None = None,
    recalled: Sequence[Recalled] = (),
    previous_start: str | None = None,
    can_compact: bool = True,
) -> Plan:
    """The plan of the request that answers the last message, at noon."""
    branch = BranchState(
        path=path,
        summary=summary,
        cache_state=cache_state or CacheState(model=terms.model.id),
        now=NOON,
    )
    turn = TurnInputs(
        route=Route(model_id=MID, tier=None, reason="asked for"),
        branch=branch,
        recalled=recalled,
        previous_start=previous_start,
        can_compact=can_compact,
    )
    return plan(terms, turn)


def summary(tokens: int, upto: str = "before") -> Summary:
    """A summary of one segment, that stands before the branch."""
    line = Line(text="a fact", sources=("x",))
    return Summary(
        id="l1",
        upto_id=upto,
        segments=(Segment(id="s1", first_id="x", last_id=upto, lines=(line,), tokens=tokens),),
    )
