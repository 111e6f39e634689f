"""What a stateless request contains: its route, its size, its exact bytes, and how it is fitted to the budgets."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from chat.calls.record import CallContext, Size
from chat.errors import ContextTooLong
from chat.off_loop import off_loop
from chat.planning.planner import FIRST_ANSWER, user_ref
from chat.runtime.runtime import Runtime
from chat.turns.tier_classifier import classify
from chat.turns.turn_request import HistoryMessage, TurnRequest
from chat.upstream.failures import TOO_SMALL, FailureDetails
from context.limits.budgets import BudgetAccount
from context.limits.fallback import fallback_candidates
from context.limits.fit import FLOOR, FitsNot, Offer, fit
from context.limits.model_sequence import ModelSequence
from context.models.catalog import TIERS, Tier
from context.models.pricing import Usage, price_table
from context.request.request import canonical
from context.routing.candidates import Candidate
from context.routing.choice import Pins, Route, choose, one_model
from context.routing.complexity import assess, with_classifier
from context.routing.rules import matching
from context.routing.thread import EarlierMessage
from store.ledger import budgets as store

LOOKED_AT = 12  # earlier messages the router looks at
FRAME = 8  # tokens that a message has besides its text, at most
OVER_BUDGET = "over_budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatelessRequest:
    """A conversation as its client tells it: `messages` begin and end with the user's, and the roles alternate.

    `system`: the client's own instructions, which stand behind the deployment's. `turn_request`: the model it asks for, and the token with
    its bounds. `limit`: tokens of the answer, at most. `stop`: texts that end the answer. `sizes`: what was counted already, by model.
    """

    owner_id: str
    turn_request: TurnRequest
    messages: tuple[HistoryMessage, ...]
    system: tuple[str, ...] = ()
    limit: int | None = None
    stop: tuple[str, ...] = ()
    sizes: dict[str, Size] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(map(len, self.system)) + sum(len(message.text) for message in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A call that fits the budgets."""

    route: Route
    size: Size
    body: bytes


async def check_size(runtime: Runtime, request: StatelessRequest) -> None:
    """Raises ContextTooLong when no model that may answer has room for the conversation and a whole answer."""
    deployment, refused = runtime.deployment, ""
    for model_id in deployment.possible(request.turn_request.pins):
        model, size = deployment.models[model_id], await request_size(runtime, request, model_id)
        limit = model.context_window - size.output
        if size.bound <= limit:
            return  # the router leaves out models it does not fit
        refused = f"the messages have about {size.prompt} tokens; {model.label} takes at most {limit} here"
    raise ContextTooLong(refused, param="messages")


async def route_of(runtime: Runtime, request: StatelessRequest, call_context: CallContext) -> Route:
    """The model that answers, chosen as for a turn of a new thread, with the messages above as what was said so far."""
    deployment, turn_request = runtime.deployment, request.turn_request
    if one_model(deployment.candidates):
        fallback: Tier = "standard" if deployment.default_tier == "auto" else deployment.default_tier
        return choose(None, Pins(turn=turn_request.requested_model, default=fallback), deployment.candidates)
    text = request.messages[-1].text
    matched = matching(deployment.rules, text, turn_request.labels)
    pins = replace(
        turn_request.pins,
        rule_tier=matched[0].tier if matched else None,
        rule=matched[0].name if matched else "",
        default=None if deployment.default_tier == "auto" else deployment.default_tier,
    )
    priced = [await _priced(runtime, request, candidate) for candidate in deployment.candidates]
    if pins.default is not None:
        return choose(None, pins, priced)
    earlier = [
        EarlierMessage(role=message.role, text=message.text)
        for message in request.messages[-1 - LOOKED_AT : -1]
    ]
    complexity = assess(text, earlier)
    route = choose(complexity, pins, priced)
    if complexity.unsure and route.by == "score" and deployment.classifier:
        tier = await classify(runtime, call_context, text)
        if tier is not None:
            route = choose(with_classifier(complexity, tier), pins, priced)
    return route


async def _priced(runtime: Runtime, request: StatelessRequest, candidate: Candidate) -> Candidate:
    model = runtime.deployment.models[candidate.model_id]
    size = await request_size(runtime, request, model.id)
    if size.bound + size.output > model.context_window:
        return replace(
            candidate, admissible=False, why=f"takes at most {model.context_window - size.output} tokens"
        )
    prices = runtime.deployment.prices(model.id, runtime.clock.now())
    cost = prices.cost(Usage(input=size.prompt, output=FIRST_ANSWER)) if prices.known else None
    return replace(candidate, price=cost, again=cost)


async def request_size(runtime: Runtime, request: StatelessRequest, model_id: str) -> Size:
    """The size of the request to a model, with as long an answer as may be."""
    known = request.sizes.get(model_id)
    if known is None:
        known = await off_loop(request.length, lambda: _sized(runtime, request, model_id))
        request.sizes[model_id] = known
    return known


def _sized(runtime: Runtime, request: StatelessRequest, model_id: str) -> Size:
    texts = [runtime.deployment.prompt.text, *request.system, *(message.text for message in request.messages)]
    frames = FRAME * len(texts) + runtime.deployment.policy.overhead
    prompt = sum(runtime.sizes.count(text, model_id) for text in texts) + frames
    output = _limit(runtime, request, model_id)
    return Size(
        prompt=prompt,
        bound=sum(runtime.sizes.bound(text, model_id) for text in texts) + frames,
        output=output,
        fresh=prompt,
        answer=min(output, FIRST_ANSWER),
    )


def _limit(runtime: Runtime, request: StatelessRequest, model_id: str) -> int:
    """The output limit. Thinking counts towards it, so a model that thinks is never left without room for that."""
    model = runtime.deployment.models[model_id]
    most = runtime.deployment.output_limit(model)
    if request.limit is None:
        return most
    return min(most, request.limit if model.thinking == "none" else max(request.limit, FLOOR))


async def fitted(
    runtime: Runtime, request: StatelessRequest, models: ModelSequence
) -> Fitted | FailureDetails:
    """The call of the sequence's model, or what the budgets have room for: shorter, by the model of a cheaper tier, or not at all."""
    route = models.route
    size = await request_size(runtime, request, route.model_id)
    window = runtime.deployment.models[route.model_id].context_window
    if size.bound + size.output > window:
        if window - size.bound < FLOOR:
            return TOO_SMALL
        size = replace(size, output=window - size.bound)
    if runtime.caller.budgets:
        offers = await _offers(runtime, request, models, size)
        result = fit(offers)
        if isinstance(result, FitsNot):
            await runtime.caller.budgets.remember(runtime.database, result.counter, runtime.clock.now())
            return _refused(result)
        offer = offers[result.index]
        if result.index:
            tier = next((tier for tier in TIERS if tier == offer.tier), None)
            route = replace(route, model_id=offer.model, tier=tier, reason=result.reason or "", by="budget")
            size = await request_size(runtime, request, offer.model)
        size = replace(size, output=result.output, answer=min(result.output, size.answer))
    output = size.output
    body = await off_loop(request.length, lambda: _body(runtime, request, route.model_id, output))
    return Fitted(route=route, size=size, body=body)


def _refused(result: FitsNot) -> FailureDetails:
    return FailureDetails(
        code="budget_exceeded",
        message=f"{result.reason[0].upper()}{result.reason[1:]}.",
        outcome=OVER_BUDGET,
        retryable=result.resets_at is not None,
    )


async def _offers(
    runtime: Runtime, request: StatelessRequest, models: ModelSequence, size: Size
) -> Sequence[Offer]:
    """The call as routed, and the same by each cheaper tier's model that has not failed, with the budgets each draws on."""
    deployment, now, budgets = runtime.deployment, runtime.clock.now(), runtime.caller.budgets
    candidates = fallback_candidates(models.route, deployment.tiers)
    names = [candidate.model for candidate in candidates]
    place = names.index(models.route.model_id) if models.route.model_id in names else 0
    cheaper = [
        (each.tier, each.model) for each in reversed(candidates[:place]) if each.model not in models.tried
    ]
    offers = []
    for tier, model in [(models.route.tier, models.route.model_id), *cheaper]:
        account = BudgetAccount(
            owner_id=request.owner_id, token=request.turn_request.token, tier=tier, model=model
        )
        counters = tuple(budgets.of_call(account, now))
        statuses = await runtime.database.read(partial(store.statuses, counters=counters))
        offers.append(
            Offer(
                tier=tier,
                model=model,
                bound=size.bound,
                output=min(size.output, _limit(runtime, request, model)),
                prices=price_table(model, now=now),
                statuses=tuple(statuses),
                free=deployment.local,
            )
        )
    return offers


def _body(runtime: Runtime, request: StatelessRequest, model_id: str, output: int) -> bytes:
    """The exact request. A conversation that goes on already gets a cache breakpoint at its end: it will come again with more behind it."""
    model = runtime.deployment.models[model_id]
    spoken: list[dict[str, Any]] = []
    for message in request.messages:
        if not message.text.strip():
            continue
        if not spoken or spoken[-1]["role"] != message.role:
            spoken.append({"role": message.role, "content": []})
        spoken[-1]["content"].append({"type": "text", "text": message.text})
    if len(spoken) > 1 and model.min_cacheable:
        spoken[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    system = [runtime.deployment.prompt.text, *request.system]
    body: dict[str, Any] = {
        "model": model_id,
        "max_tokens": output,
        "system": [{"type": "text", "text": text} for text in system],
        "messages": spoken,
    }
    if model.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    body["metadata"] = {"user_id": user_ref(request.owner_id)}
    return canonical({**body, "stream": True})
