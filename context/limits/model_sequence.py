"""Which model a turn asks next. A frozen value: the state of one turn's choice among models, changed by what happens to it.

    start(route) ............ the routed model is asked first
    moved_by_budget(route) .. a budget had room for a cheaper model only
    after_failure(failure) .. `AskNext` names the next model and why; `End` says why there is none

After a failure, in this order: one tier up where the answer was of no use (`cascade`), the nearest model that may not have the same
trouble (`fallback`), a model that was passed over for its small window, with a shorter answer (`shorter`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from context.limits.fallback import (
    ELSEWHERE,
    TOO_SMALL,
    FallbackCandidate,
    fallback_candidates,
    next_model,
    too_small_candidates,
)
from context.models.catalog import Tier
from context.routing.choice import Route
from context.routing.next import one_up

USELESS: Final[Mapping[str, str]] = {
    "refusal": "the answer was refused",
    "no_answer": "the answer was cut before its first word",
}
"""Outcomes whose answer is of no use to the reader, and that a better model may not come to, each in words."""

EndReason = Literal["text_shown", "same_everywhere", "no_model_left"]
"""Why a turn asks no further model: its reader has seen text of this one; every model would answer alike; all were tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed:
    """The model that was asked gave no complete answer. `outcome` as in the ledger.

    `text_shown`: text of the answer has reached the reader; `open_breakers`: models that are not to be asked now.
    """

    outcome: str
    text_shown: bool = False
    open_breakers: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskNext:
    """Ask the model of `models.route`. `reason` in words."""

    models: ModelSequence
    by: Literal["cascade", "fallback", "shorter"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Ask nobody else."""

    models: ModelSequence
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSequence:
    """`route` names the model that is asked now. `target` is the model the turn is meant for: the nearest to it comes next.

    `tried`: the outcome of each model that failed, the latest last. `moved_from` and `reasons`: the model whose place this one takes
    and, step by step, why. `short`: the answer must be shorter than usual; `shortened`: models that were asked for that.
    """

    route: Route
    tiers: Mapping[Tier, str]
    candidates: tuple[FallbackCandidate, ...]
    target: str
    fallback: bool
    cascade: bool
    tried: Mapping[str, str] = field(default_factory=dict)
    moved_from: str | None = None
    reasons: tuple[str, ...] = ()
    short: bool = False
    shortened: frozenset[str] = frozenset()

    @staticmethod
    def start(
        route: Route, tiers: Mapping[Tier, str], *, fallback: bool = True, cascade: bool = True
    ) -> ModelSequence:
        """The routed model first. Without `fallback` or `cascade` the operator allows no such step."""
        return ModelSequence(
            route=route,
            tiers=tiers,
            candidates=fallback_candidates(route, tiers),
            target=route.model_id,
            fallback=fallback,
            cascade=cascade,
        )

    def moved_by_budget(self, route: Route) -> ModelSequence:
        """A cheaper model was asked instead. Nearness is still measured from the model the turn is meant for."""
        return replace(self, route=route)

    def has_alternative(self, open_breakers: Collection[str]) -> bool:
        """Whether the model needs not be waited for long: another can answer, or the reader has waited for one already.

        A model that was too small was not asked, so nobody waited for it.
        """
        left = {candidate.model for candidate in self.candidates} - {self.route.model_id, *self.tried}
        waited = any(outcome != TOO_SMALL for outcome in self.tried.values())
        return self.fallback and (waited or bool(left - set(open_breakers)))

    def after_failure(self, failure: ModelFailed) -> AskNext | End:
        """The next model, or the end."""
        model = self.route.model_id
        earlier = {name: outcome for name, outcome in self.tried.items() if name != model}
        asked = failure.outcome != TOO_SMALL
        after = replace(
            self,
            tried={**earlier, model: failure.outcome},
            moved_from=None if asked else self.moved_from,
            reasons=() if asked else self.reasons,
        )
        return after._one_up(failure) or after._fall_back(failure)

    def _one_up(self, failure: ModelFailed) -> AskNext | None:
        """One tier up after a useless answer, once."""
        why = USELESS.get(failure.outcome)
        if why is None or not self.cascade or failure.text_shown or self.route.by == "cascade":
            return None
        higher = one_up(self.route, why)
        if higher is None:
            return None
        places = [
            place for place, candidate in enumerate(self.candidates) if candidate.model == higher.model_id
        ]
        models = replace(
            self,
            route=higher,
            candidates=self.candidates[max(places, default=0) :],  # nothing weaker answers after this
            target=higher.model_id,
        )
        return AskNext(models=models, by="cascade", reason=why)

    def _fall_back(self, failure: ModelFailed) -> AskNext | End:
        """The nearest model that may not have the same trouble; at last one that has room for a shorter answer only."""
        small = too_small_candidates(self.route, self.tiers, self.tried)
        following = next_model(
            candidates=self.candidates,
            first=self.target,
            failed=self.route.model_id,
            outcome=failure.outcome,
            tried=self.tried,
            small=[candidate for candidate in small if candidate.model not in self.shortened],
            open_breakers=failure.open_breakers,
            text_shown=failure.text_shown,
            allowed=self.fallback,
        )
        if following is None:
            return End(models=self, reason=_end_reason(failure))
        candidate = following.candidate
        moved_from, reasons = self.moved_from or self.route.model_id, (*self.reasons, following.reason)
        route = replace(
            self.route,
            model_id=candidate.model,
            tier=candidate.tier,
            reason="; ".join(reasons),
            by=self.route.by if candidate.model == moved_from else "fallback",
        )
        models = replace(
            self,
            route=route,
            moved_from=moved_from,
            reasons=reasons,
            short=self.short or following.short,
            shortened=self.shortened | ({candidate.model} if following.short else set()),
        )
        return AskNext(
            models=models, by="shorter" if following.short else "fallback", reason=following.reason
        )


def _end_reason(failure: ModelFailed) -> EndReason:
    if failure.text_shown:
        return "text_shown"
    return "no_model_left" if failure.outcome in ELSEWHERE else "same_everywhere"
