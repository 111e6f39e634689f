"""Choose the model of a turn: read what the thread shows, price every candidate on its own cache state, and let `context.routing` decide."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from chat.calls.record import CallContext
from chat.planning.planner import Planning
from chat.turns.tier_classifier import classify
from chat.turns.turn_request import TurnRequest
from context.messages import Message
from context.models.catalog import TIERS, Tier
from context.planning.stored_plan import StoredPlan, StoredRoute
from context.routing.candidates import Candidate
from context.routing.choice import Pins, Route, choose, one_model
from context.routing.complexity import Complexity, assess, with_classifier
from context.routing.next import tier_above
from context.routing.rules import matching
from context.routing.thread import EarlierMessage
from context.routing.thread_bill import Expectation
from store import messages, threads, turns
from store.messages import StoredMessage

# Earlier messages the router looks at: repeated questions, and what the last turns needed.
LOOKED_AT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the store knows of a thread that counts for the choice.

    `expectation`: what the last turn's needs let expect; `again`: the least tier of an answer that is regenerated or continued, and why.
    """

    pin: Tier | None
    score: float | None
    thumb: int
    expectation: Expectation
    again: tuple[Tier, str] | None


async def choose_model(planning: Planning, turn_request: TurnRequest, call_context: CallContext) -> Route:
    """The route of a turn whose thread snapshot is loaded. Raises UnknownModel."""
    deployment, snapshot = planning.runtime.deployment, planning.snapshot
    candidates: Sequence[Candidate] = deployment.candidates
    if one_model(candidates):
        fallback = "standard" if deployment.default_tier == "auto" else deployment.default_tier
        return choose(None, Pins(turn=turn_request.requested_model, default=fallback), candidates)
    seen = await planning.runtime.database.read(partial(_seen, planning=planning, turn_request=turn_request))
    text = snapshot.path[-1].text
    matched = matching(deployment.rules, text, turn_request.labels)
    pins = replace(
        turn_request.pins,
        thread=seen.pin,
        rule_tier=matched[0].tier if matched else None,
        rule=matched[0].name if matched else "",
        default=None if deployment.default_tier == "auto" else deployment.default_tier,
    )
    complexity: Complexity | None = None
    if pins.default is None:
        complexity = assess(text, _earlier(snapshot.path[:-1], seen), at_least=seen.again)
    priced = [_priced(planning, candidate) for candidate in candidates]
    expectation = replace(seen.expectation, turns=planning.turns_ahead())
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


def _seen(connection: Connection, planning: Planning, turn_request: TurnRequest) -> Seen:
    turn, path = planning.turn, planning.snapshot.path
    thread = threads.get(connection, turn.owner_id, turn.thread_id)
    pin = None if thread is None else thread.tier_pin
    above = None
    if path[-1].parent_id is not None:
        above = messages.get(connection, turn.owner_id, path[-1].parent_id)
    before = StoredRoute() if above is None else _route_of(connection, above)
    again = None
    if turn_request.regenerate is not None:
        again = _again(connection, planning, turn_request.regenerate)
    elif turn_request.continues is not None:
        again = _same(connection, planning, turn_request.continues)
    return Seen(
        pin=next((tier for tier in TIERS if tier == pin), None),
        score=before.score,
        thumb=-1 if above is not None and above.feedback == "down" else 0,
        expectation=before.expectation,
        again=again,
    )


def _again(connection: Connection, planning: Planning, message_id: str) -> tuple[Tier, str] | None:
    """One tier above the answer that is regenerated, if it was disliked, refused or cut."""
    answer = messages.get(connection, planning.turn.owner_id, message_id)
    if answer is None:
        return None
    why = ""
    if answer.feedback == "down":
        why = "the last answer was disliked"
    elif answer.message.refused:
        why = "the last answer was refused"
    elif answer.finish_reason == "length":
        why = "the last answer was cut"
    tier = _route_of(connection, answer).tier
    if not why or tier is None:
        return None
    return tier_above(tier) or tier, why


def _same(connection: Connection, planning: Planning, message_id: str) -> tuple[Tier, str] | None:
    """The tier of the answer that is continued: no weaker model takes it over."""
    answer = messages.get(connection, planning.turn.owner_id, message_id)
    tier = None if answer is None else _route_of(connection, answer).tier
    return None if tier is None else (tier, "it goes on with an answer of that tier")


def _route_of(connection: Connection, answer: StoredMessage) -> StoredRoute:
    """The route stored with the turn of an answer; an empty one when that turn made no plan."""
    turn = turns.get(connection, answer.owner_id, answer.turn_id)
    plan = None if turn is None else StoredPlan.of(turn.plan)
    return StoredRoute() if plan is None else plan.route


def _earlier(path: Sequence[Message], seen: Seen) -> tuple[EarlierMessage, ...]:
    """The newest messages before the new one, with what is known of the last turn."""
    earlier = [EarlierMessage(role=message.role, text=message.text) for message in path[-LOOKED_AT:]]
    question = next((place for place in reversed(range(len(earlier))) if earlier[place].role == "user"), None)
    if question is not None:
        earlier[question] = replace(earlier[question], score=seen.score)
    if earlier and earlier[-1].role == "assistant":
        earlier[-1] = replace(earlier[-1], thumb=seen.thumb)
    return tuple(earlier)
