"""Which model answers a turn, and why.

Order of precedence, first to last:

    bound ...... what the operator allows the token (`at most` a tier, or `exactly` one): wins over everything, the user's request too
    turn ....... the tier or model this request asks for
    thread ..... the tier the user pinned for the thread
    rule ....... the operator's first rule that matches
    score ...... what the message needs (`complexity`)
    default .... a fixed tier, where the router is off

That gives the tier needed. The route is the lowest tier that is good enough and admissible; within a tier the cheaper candidate wins. Where
the score decided, the thread's bill is weighed (`thread_bill`): a better model whose cache is warm answers when the thread costs less that
way, and a turn that hardly needs the top tier does not pay for its cold prompt. When nothing good enough is admissible, the best of what
is left answers, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from context.models.catalog import TIERS, Tier
from context.routing.candidates import Candidate
from context.routing.complexity import Complexity, chance_of_complex
from context.routing.thread_bill import UNKNOWN, Expectation, cheapest, too_dear

# Changes whenever the same inputs could give another route, or the same with another reason.
VERSION: Final = 4
PICO: Final = 10**12

By = Literal["turn", "token", "thread", "rule", "cascade", "fallback", "budget", "score", "default"]


class UnknownModel(ValueError):
    """The turn asks for a model or tier that this deployment does not offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """Who fixed the model or tier. `most` and `exactly` are the operator's bounds on the token; `rule` is the name of the rule behind `rule_tier`.

    `because`: the reason of a second choice, after an answer that was no use.
    """

    turn: str | None = None
    exactly: Tier | None = None
    most: Tier | None = None
    thread: Tier | None = None
    rule_tier: Tier | None = None
    rule: str = ""
    default: Tier | None = None
    because: str = ""

    def allow(self, tier: Tier) -> bool:
        """Whether the operator lets the token use a tier."""
        return self.exactly in (None, tier) and (
            self.most is None or TIERS.index(tier) <= TIERS.index(self.most)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The choice of a model for one turn, with its reason in plain words and what it was made from.

    `tier` is None for a model outside the tiers. `needed`: the tier that would have been good enough.
    """

    model_id: str
    tier: Tier | None
    reason: str
    by: By = "default"
    needed: Tier | None = None
    complexity: Complexity | None = None
    candidates: tuple[Candidate, ...] = ()
    pins: Pins = Pins()
    expectation: Expectation = UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """As it is stored with the turn; `replay` chooses again from it."""
        return {
            "version": VERSION,
            "model": self.model_id,
            "tier": self.tier,
            "reason": self.reason,
            "by": self.by,
            "needed": self.needed,
            "complexity": None if self.complexity is None else self.complexity.to_json(),
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "expectation": self.expectation.to_json(),
            "pins": {
                "turn": self.pins.turn,
                "exactly": self.pins.exactly,
                "most": self.pins.most,
                "thread": self.pins.thread,
                "rule_tier": self.pins.rule_tier,
                "rule": self.pins.rule,
                "default": self.pins.default,
                "because": self.pins.because,
            },
        }


def choose(
    complexity: Complexity | None,
    pins: Pins,
    candidates: Sequence[Candidate],
    *,
    expectation: Expectation = UNKNOWN,
    because: str = "",
) -> Route:
    """The model for a turn. Raises UnknownModel when the turn asks for what is not offered.

    `expectation`: what is expected of the thread; `because` replaces the reason of what decided, for a second choice.
    """
    needed, by, why = _needed(complexity, pins, candidates)
    why = because or pins.because or why
    lowered = ""
    for bound in (pins.exactly, pins.most):
        if bound is not None and (bound == pins.exactly or TIERS.index(needed) > TIERS.index(bound)):
            if bound != needed:
                lowered = f"; {needed} is not allowed for this token"
            needed = bound
    warmer: Candidate | None = None
    if by == "score" and complexity is not None:
        needed, warmer, weighed = _weighed(needed, complexity, pins, candidates, expectation)
        why = f"{why}{weighed}"
    best = warmer or _best(needed, pins, candidates)
    if best is None:
        raise UnknownModel(needed)
    named = pins.turn if by == "turn" and not lowered else None
    requested = next(
        (candidate for candidate in candidates if candidate.model_id == named and candidate.admissible), None
    )
    chosen = requested or best
    return Route(
        model_id=chosen.model_id,
        tier=needed if chosen.tier != needed and _same(chosen, needed, candidates) else chosen.tier,
        reason=_reason(chosen, needed, f"{why}{lowered}", candidates),
        by="token" if lowered else by,
        needed=needed,
        complexity=complexity,
        candidates=tuple(candidates),
        pins=replace(pins, because=because) if because else pins,
        expectation=expectation,
    )


def _weighed(
    needed: Tier,
    complexity: Complexity,
    pins: Pins,
    candidates: Sequence[Candidate],
    expectation: Expectation,
) -> tuple[Tier, Candidate | None, str]:
    """The tier once the thread's bill is weighed, a warmer model that costs the thread less, and the reason."""
    able = [option for option in candidates if pins.allow(option.tier)]
    said = ""
    if (
        needed == "complex"
        and complexity.unsure
        and too_dear(chance_of_complex(complexity), able, expectation)
    ):
        needed, said = (
            "standard",
            "; it hardly needs the top tier, whose cold prompt would cost more than that is worth",
        )
    cheaper = cheapest(needed, able, expectation)
    if cheaper is None:
        return needed, None, said
    warmer, saved = cheaper
    return needed, warmer, f"{said}; its prompt is cached, which saves the thread about {dollars(saved)}"


def replay(stored: Mapping[str, Any]) -> Route:
    """The route chosen again from what was stored with it: equal to the stored one as long as `VERSION` is.

    A fallback is not a choice: where the first model could not answer, this is what was chosen before.
    """
    complexity = stored["complexity"]
    expectation = stored.get("expectation")
    return choose(
        None if complexity is None else Complexity.from_json(complexity),
        Pins(**stored["pins"]),
        [Candidate.from_json(candidate) for candidate in stored["candidates"]],
        expectation=UNKNOWN if expectation is None else Expectation.from_json(expectation),
    )


def requested_tier(name: str, candidates: Sequence[Candidate]) -> Tier:
    """The tier that a name stands for: a tier's own or that of one of the models. Raises UnknownModel."""
    for candidate in candidates:
        if name in (candidate.tier, candidate.model_id):
            return candidate.tier
    raise UnknownModel(name)


def one_model(candidates: Sequence[Candidate]) -> bool:
    """Whether there is nothing to choose between."""
    return len({candidate.model_id for candidate in candidates}) == 1


def _needed(
    complexity: Complexity | None, pins: Pins, candidates: Sequence[Candidate]
) -> tuple[Tier, By, str]:
    if pins.turn is not None:
        return requested_tier(pins.turn, candidates), "turn", f"{pins.turn} was requested"
    if pins.exactly is not None:
        return pins.exactly, "token", f"{pins.exactly} is set for this token"
    if pins.thread is not None:
        return pins.thread, "thread", f"{pins.thread} is pinned for this thread"
    if pins.rule_tier is not None:
        return (
            pins.rule_tier,
            "rule" if pins.rule else "cascade",
            f"the rule {pins.rule} asks for {pins.rule_tier}",
        )
    if complexity is not None:
        return complexity.tier, "score", complexity.why
    default = pins.default or "standard"
    return default, "default", f"{default} is the default tier"


def _best(needed: Tier, pins: Pins, candidates: Sequence[Candidate]) -> Candidate | None:
    """The lowest admissible tier from the needed one up, within the operator's bound; else the highest below it; else any."""
    top = TIERS.index(pins.exactly or pins.most or TIERS[-1])
    able = [option for option in candidates if option.admissible and TIERS.index(option.tier) <= top]
    enough = [option for option in able if TIERS.index(option.tier) >= TIERS.index(needed)]
    if enough:
        return min(enough, key=lambda option: (TIERS.index(option.tier), _price(option), option.model_id))
    if able:
        return max(able, key=lambda option: (TIERS.index(option.tier), -_price(option), option.model_id))
    of_tier = (option for option in candidates if option.tier == needed)
    return next(of_tier, candidates[0] if candidates else None)


def _price(candidate: Candidate) -> float:
    return float("inf") if candidate.price is None else candidate.price


def _same(chosen: Candidate, needed: Tier, candidates: Sequence[Candidate]) -> bool:
    """Whether the chosen model is also the one of the needed tier."""
    return any(option.tier == needed and option.model_id == chosen.model_id for option in candidates)


def _reason(chosen: Candidate, needed: Tier, why: str, candidates: Sequence[Candidate]) -> str:
    """One line: the model, why, what it will cost, and what the top model would."""
    if one_model(candidates):
        return f"{why}; one model answers for all tiers here"
    first = next((option for option in candidates if option.tier == needed), None)
    if first is not None and first.model_id != chosen.model_id and not first.admissible:
        why = f"{why}; {first.label or first.model_id} {first.why or 'is not available'}"
    reason = f"{chosen.label or chosen.model_id}: {why}"
    if chosen.price is None:
        return reason
    reason = f"{reason}, {dollars(chosen.price)}"
    top = max(candidates, key=lambda option: TIERS.index(option.tier))
    if top.model_id == chosen.model_id or top.price is None:
        return reason
    return f"{reason}; {top.label or top.model_id} would be {dollars(top.price)}"


def dollars(picodollars: int) -> str:
    """An amount for reading, to two significant digits: `$0.0004`, `$0.013`, `$1.20`."""
    amount = picodollars / PICO
    if amount >= 1:
        return f"${amount:,.2f}"
    digits = 2
    while digits < 9 and round(amount, digits) < 10 ** (1 - digits):
        digits += 1
    text = f"{amount:.{digits}f}"
    while digits > 2 and text.endswith("0"):
        text, digits = text[:-1], digits - 1
    return f"${text}"
