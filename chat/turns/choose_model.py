"""Choosing the model of a turn: what the thread shows is read, every candidate is priced on its own cache state, then `context.routing` decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.calls.record import CallContext
from chat.planning.planner import Planning
from chat.turns import tier_classifier
from chat.turns.turn_request import TurnRequest
from context.messages import Message
from context.models.catalog import TIERS, Tier
from context.routing.choice import Candidate, Pins, Route, choose, one_model
from context.routing.complexity import Complexity, assess, opined
from context.routing.next import tier_above
from context.routing.rules import matching
from context.routing.thread import Said
from store import messages, threads, turns
from store.messages import StoredMessage

# Earlier messages the router looks at: repeated questions, and what the last turns needed.
LOOKED_AT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the store knows of a thread that counts for the choice. `again`: the least tier of an answer that is given anew or gone on with, and why."""

    pin: Tier | None
    score: float | None
    thumb: int
    again: tuple[Tier, str] | None


async def choose_model(planning: Planning, turn_request: TurnRequest, call_context: CallContext) -> Route:
    """The route of a turn, from a standing that was read. Raises UnknownModel."""
    deployment, snapshot = planning.runtime.deployment, planning.stood
    candidates: Sequence[Candidate] = deployment.candidates
    if one_model(candidates):
        fallback = "standard" if deployment.default_tier == "auto" else deployment.default_tier
        return choose(None, Pins(turn=turn_request.requested_model, default=fallback), candidates)
    async with planning.runtime.database.reading() as connection:
        seen = await _seen(connection, planning, turn_request)
    text = snapshot.path[-1].text
    matched = matching(deployment.rules, text, turn_request.labels)
    pins = replace(
        turn_request.pins,
        thread=seen.pin,
        rule_tier=matched[0].tier if matched else None,
        rule=matched[0].name if matched else "",
        default=None if deployment.default_tier == "auto" else deployment.default_tier,
    )
    found: Complexity | None = None
    if pins.default is None:
        found = assess(text, _said(snapshot.path[:-1], seen), at_least=seen.again)
    priced = [_priced(planning, one) for one in candidates]
    route = choose(found, pins, priced)
    if found is not None and found.unsure and route.by == "score" and deployment.classifier:
        tier = await tier_classifier.ask(planning.runtime, call_context, text)
        if tier is not None:
            route = choose(opined(found, tier), pins, priced)
    return route


def _priced(planning: Planning, candidate: Candidate) -> Candidate:
    """What this turn would cost on the candidate's own cache state, or why it cannot answer."""
    price, why = planning.price(candidate.model_id)
    return replace(candidate, price=price, admissible=not why, why=why)


async def _seen(connection: AsyncConnection, planning: Planning, turn_request: TurnRequest) -> Seen:
    turn, path = planning.turn, planning.stood.path
    thread = await threads.get(connection, turn.owner_id, turn.thread_id)
    pin = None if thread is None else thread.tier_pin
    above = None
    if path[-1].parent_id is not None:
        above = await messages.get(connection, turn.owner_id, path[-1].parent_id)
    again = None
    if turn_request.regenerate is not None:
        again = await _again(connection, planning, turn_request.regenerate)
    elif turn_request.continues is not None:
        again = await _same(connection, planning, turn_request.continues)
    return Seen(
        pin=next((tier for tier in TIERS if tier == pin), None),
        score=None if above is None else _score(await _route_of(connection, above)),
        thumb=-1 if above is not None and above.feedback == "down" else 0,
        again=again,
    )


async def _again(connection: AsyncConnection, planning: Planning, message_id: str) -> tuple[Tier, str] | None:
    """One tier above the answer that is to be given anew, if it displeased, was refused or was cut."""
    answer = await messages.get(connection, planning.turn.owner_id, message_id)
    if answer is None:
        return None
    why = ""
    if answer.feedback == "down":
        why = "the last answer was disliked"
    elif answer.message.refused:
        why = "the last answer was refused"
    elif answer.finish_reason == "length":
        why = "the last answer was cut"
    before = (await _route_of(connection, answer)).get("tier")
    tier = next((tier for tier in TIERS if tier == before), None)
    if not why or tier is None:
        return None
    return tier_above(tier) or tier, why


async def _same(connection: AsyncConnection, planning: Planning, message_id: str) -> tuple[Tier, str] | None:
    """The tier of the answer that is gone on with: nothing weaker takes it over."""
    answer = await messages.get(connection, planning.turn.owner_id, message_id)
    before = None if answer is None else (await _route_of(connection, answer)).get("tier")
    tier = next((tier for tier in TIERS if tier == before), None)
    return None if tier is None else (tier, "it goes on with an answer of that tier")


async def _route_of(connection: AsyncConnection, answer: StoredMessage) -> Mapping[str, Any]:
    """The route stored with the turn of an answer."""
    turn = await turns.get(connection, answer.owner_id, answer.turn_id)
    plan = None if turn is None else turn.plan
    route: Mapping[str, Any] = {} if plan is None else plan.get("route") or {}
    return route


def _score(route: Mapping[str, Any]) -> float | None:
    score = (route.get("complexity") or {}).get("score")
    return score if isinstance(score, float | int) else None


def _said(path: Sequence[Message], seen: Seen) -> tuple[Said, ...]:
    """The newest messages before the new one; what is known of the last turn stands with them."""
    said = [Said(role=one.role, text=one.text) for one in path[-LOOKED_AT:]]
    requested_model = next(
        (place for place in reversed(range(len(said))) if said[place].role == "user"), None
    )
    if requested_model is not None:
        said[requested_model] = replace(said[requested_model], score=seen.score)
    if said and said[-1].role == "assistant":
        said[-1] = replace(said[-1], thumb=seen.thumb)
    return tuple(said)
