"""Choose the next model for a turn whose model failed, and say why. Pure: a decision over names.

Only a failure that another model may not have leads to one. The nearest tier comes first, upward before downward, because a better
answer than expected disappoints nobody. One tier up for quality is `context.routing.next`; `context.limits.model_sequence` combines both.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from context.limits.breaker import UNWELL
from context.models.catalog import TIERS, Tier
from context.routing.choice import Route

TOO_SMALL = "too_small"
"""The outcome of a model that is not asked because the new message does not fit its window."""

ELSEWHERE = UNWELL | {"rate_limited", "held", "breaker_open", "permission", "not_found", TOO_SMALL}
"""Outcomes of a call that say nothing against asking another model: its health, its limits, its size, whether this key may use it.

Not among them: what is wrong with the request (400, 413) or with the account (401, 402, the spend cap), which every model would
answer alike, and this server's own queue, in which the turn has waited long enough.
"""

WORDS = {
    "overloaded": "is overloaded",
    "server_error": "has an error of its own",
    "timeout": "does not answer",
    "connection": "cannot be reached",
    "unfinished": "broke off",
    "garbled": "cannot be understood",
    "rate_limited": "is at its rate limit",
    "held": "is at its rate limit",
    "breaker_open": "has kept failing",
    "permission": "may not be used with this key",
    "not_found": "is not known to the provider",
    "too_small": "has too small a window for this message",
}
"""Each outcome as the end of a sentence about a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackCandidate:
    """A model that may answer."""

    model: str
    tier: Tier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextModel:
    """The model that is asked next, and why. `short`: for a shorter answer than usual, because more does not fit."""

    candidate: FallbackCandidate
    reason: str
    short: bool = False


def fallback_candidates(route: Route, tiers: Mapping[Tier, str]) -> tuple[FallbackCandidate, ...]:
    """The models that may answer a routed turn, from the simplest tier up, each once.

    The route's own candidates where it names any, within what the operator allows the token; else the deployment's tiers.
    """
    named = [
        (candidate.tier, candidate.model_id) for candidate in route.candidates if candidate.admissible
    ] or list(tiers.items())
    first: dict[str, Tier] = {}
    for tier, model in sorted(named, key=lambda pair: TIERS.index(pair[0])):
        if route.pins.allow(tier):
            first.setdefault(model, tier)
    return tuple(FallbackCandidate(model=model, tier=tier) for model, tier in first.items())


def too_small_candidates(
    route: Route, tiers: Mapping[Tier, str], tried: Mapping[str, str]
) -> tuple[FallbackCandidate, ...]:
    """The models a turn was kept from by their size alone, best tier first: what is left when no other one answers.

    `tried` has the outcome of each model asked so far.
    """
    candidates = tuple(replace(candidate, admissible=True) for candidate in route.candidates)
    named = replace(route, candidates=candidates)
    free = [
        candidate
        for candidate in fallback_candidates(named, tiers)
        if tried.get(candidate.model, TOO_SMALL) == TOO_SMALL
    ]
    return tuple(reversed(free))


def next_model(
    *,
    candidates: Sequence[FallbackCandidate],
    first: str,
    failed: str,
    outcome: str,
    tried: Collection[str],
    small: Sequence[FallbackCandidate] = (),
    open_breakers: Collection[str] = (),
    text_shown: bool,
    allowed: bool = True,
) -> NextModel | None:
    """The model to ask after `failed` came to `outcome`; None when the turn had better end.

    `first` is the model the turn was meant for: nearness is measured from it. `tried` are the models asked so far, `open_breakers` those
    that are not to be asked now, `small` those that have room for a short answer at best: they come last. Words that reached the
    reader stand for one model's answer, so then nothing follows. Without `allowed` a model is followed by itself at most.
    """
    if text_shown or outcome not in ELSEWHERE:
        return None
    models = [candidate.model for candidate in candidates]
    home = models.index(first) if first in models else len(models)
    free = [
        (abs(index - home), -index, candidate)
        for index, candidate in enumerate(candidates)
        if allowed and candidate.model not in tried and candidate.model not in open_breakers
    ]
    why = f"{failed} {WORDS[outcome]}"
    if free:
        return NextModel(candidate=min(free, key=lambda choice: choice[:2])[2], reason=why)
    for candidate in small:
        if candidate.model not in open_breakers and (allowed or candidate.model == failed):
            return NextModel(
                candidate=candidate,
                reason=f"{why}; {candidate.model} has room for a shorter answer only",
                short=True,
            )
    return None
