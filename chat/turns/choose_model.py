"""Choose the model of a turn: price every candidate on its own cache state, and let `context.routing` decide by what the thread shows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from chat.calls.record import CallContext
from chat.planning import previous_turn
from chat.planning.planner import Planning
from chat.planning.previous_turn import PreviousTurn
from chat.turns.tier_classifier import classify
from chat.turns.turn_request import TurnRequest
from context.messages import Message
from context.models.catalog import TIERS, Tier
from context.routing.candidates import Candidate
from context.routing.choice import Pins, Route, choose, one_model
from context.routing.complexity import Complexity, assess, with_classifier
from context.routing.next import tier_above
from context.routing.rules import matching
from context.routing.thread import EarlierMessage

# Earlier messages the router looks at: repeated questions, and what the last turns needed.
LOOKED_AT = 12


async def choose_model(planning: Planning, turn_request: TurnRequest, call_context: CallContext) -> Route:
    """The route of a turn whose thread snapshot is loaded. Raises UnknownModel."""
    deployment, snapshot = planning.runtime.deployment, planning.snapshot
    candidates: Sequence[Candidate] = deployment.candidates
    if one_model(candidates):
        fallback = "standard" if deployment.default_tier == "auto" else deployment.default_tier
        return choose(None, Pins(turn=turn_request.requested_model, default=fallback), candidates)
    text = snapshot.path[-1].text
    matched = matching(deployment.rules, text, turn_request.labels)
    pins = replace(
        turn_request.pins,
        thread=next((tier for tier in TIERS if tier == planning.snapshot.tier_pin), None),
        rule_tier=matched[0].tier if matched else None,
        rule=matched[0].name if matched else "",
        default=None if deployment.default_tier == "auto" else deployment.default_tier,
    )
    complexity: Complexity | None = None
    if pins.default is None:
        again = None
        if turn_request.regenerate is not None or turn_request.continues is not None:
            again = await planning.runtime.database.read(
                partial(_again, owner_id=planning.turn.owner_id, turn_request=turn_request)
            )
        complexity = assess(text, _earlier(snapshot.path[:-1], planning.previous), at_least=again)
    priced = [_priced(planning, candidate) for candidate in candidates]
    expectation = replace(planning.previous.route.expectation, turns=planning.turns_ahead())
    route = choose(complexity, pins, priced, expectation=expectation)
    if complexity is not None and complexity.unsure and route.by == "score" and deployment.classifier:
        tier = await classify(planning.runtime, call_context, text)
        if tier is not None:
            route = choose(with_classifier(complexity, tier), pins, priced, expectation=expectation)
    return route


def _priced(planning: Planning, candidate: Candidate) -> Candidate:
    """What this turn would cost on the candidate's own cache state, or why it cannot answer."""
    quoted = planning.price(candidate.model_id)
    return replace(
        candidate, price=quoted.price, again=quoted.again, admissible=not quoted.why, why=quoted.why
    )


def _again(connection: Connection, owner_id: str, turn_request: TurnRequest) -> tuple[Tier, str] | None:
    """The least tier of an answer that is given again or continued, and why."""
    if turn_request.regenerate is not None:
        return _better(previous_turn.that_gave(connection, owner_id, turn_request.regenerate))
    if turn_request.continues is not None:
        return _same(previous_turn.that_gave(connection, owner_id, turn_request.continues))
    return None


def _better(previous: PreviousTurn) -> tuple[Tier, str] | None:
    """One tier above the answer that is regenerated, if it was disliked, refused or cut."""
    answer = previous.answer
    if answer is None:
        return None
    why = ""
    if answer.feedback == "down":
        why = "the last answer was disliked"
    elif answer.message.refused:
        why = "the last answer was refused"
    elif answer.finish_reason == "length":
        why = "the last answer was cut"
    tier = previous.route.tier
    if not why or tier is None:
        return None
    return tier_above(tier) or tier, why


def _same(previous: PreviousTurn) -> tuple[Tier, str] | None:
    """The tier of the answer that is continued: no weaker model takes it over."""
    tier = previous.route.tier
    return None if tier is None else (tier, "it goes on with an answer of that tier")


def _earlier(path: Sequence[Message], previous: PreviousTurn) -> tuple[EarlierMessage, ...]:
    """The newest messages before the new one, with what is known of the last turn."""
    disliked = previous.answer is not None and previous.answer.feedback == "down"
    earlier = [EarlierMessage(role=message.role, text=message.text) for message in path[-LOOKED_AT:]]
    question = next((place for place in reversed(range(len(earlier))) if earlier[place].role == "user"), None)
    if question is not None:
        earlier[question] = replace(earlier[question], score=previous.route.score)
    if earlier and earlier[-1].role == "assistant":
        earlier[-1] = replace(earlier[-1], thumb=-1 if disliked else 0)
    return tuple(earlier)
