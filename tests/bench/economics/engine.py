"""The pure engine over one conversation: plans, folds and keep-alives on a stepped clock, billed by the provider."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from context.cache import cache_state as lanes
from context.cache import keepalive
from context.cache.cache_state import Lane
from context.cache.global_gaps import Service
from context.cache.idle_gaps import Evidence
from context.cache.keepalive import Decision
from context.cache.plan_inputs import Summariser, Terms
from context.compaction import when
from context.compaction.scope import Fold
from context.messages import Message, TextPart
from context.models.catalog import lookup
from context.models.pricing import Usage, price_table
from context.planning.plan import plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.summary_blocks import Ladder, Line, Segment
from context.routing.choice import Route
from tests.bench.economics.conversations import START, Conversation
from tests.bench.economics.provider import Part, Provider

MID = {"standard": "claude-sonnet-5-5"}
THREE = {"simple": "claude-haiku-5-5", "standard": "claude-sonnet-5-5", "complex": "claude-opus-5-5"}
AFTER_END = 7 * 86_400_000  # how long the timers run on behind the last turn


def signs(accuracy: float) -> tuple[Evidence, ...]:
    """Three signs, each right about the pause with that probability."""
    rest = (1 - accuracy) / 2
    return (
        Evidence(short=accuracy, hour=rest, longer=rest),
        Evidence(short=rest, hour=accuracy, longer=rest),
        Evidence(short=rest, hour=rest, longer=accuracy),
    )


def terms_of(
    model: str,
    system: int,
    policy: Policy = DEFAULT,
    reader: str = "claude-haiku-5-5",
    presence: float | None = None,
) -> Terms:
    prices, cheap = price_table(model, now=START), price_table(reader, now=START)
    assert prices is not None
    assert cheap is not None
    return Terms(
        model=lookup(model),
        prompt=Prompt(name="bench", version=1, text="bench"),
        prompt_tokens=system,
        max_output=8_000,
        prices=prices,
        summariser=Summariser(model=reader, prices=cheap),
        signs=() if presence is None else signs(presence),
        policy=policy,
    )


@dataclass(slots=True)
class Run:
    """One conversation under the engine. `terms` by tier; `seen` watches every plan; `summaries`: tokens of each turn's."""

    terms: dict[str, Terms]
    services: dict[str, Service] = field(default_factory=dict)
    presence: float | None = None
    fold_first: bool = False
    seen: Callable[[Plan], None] | None = None
    provider: Provider = field(default_factory=Provider)
    lanes: dict[str, Lane] = field(default_factory=dict)
    path: list[Message] = field(default_factory=list)
    ladder: Ladder | None = None
    folds: int = 0
    summaries: list[int] = field(default_factory=list)
    planning: float = 0.0
    plans: int = 0
    coming: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def play(self, conversation: Conversation, gaps: Sequence[int]) -> Run:
        now = START
        last = len(conversation.exchanges) - 1
        for index, exchange in enumerate(conversation.exchanges):
            tier = conversation.tiers[index] if len(self.terms) > 1 else next(iter(self.terms))
            self.turn(self.terms[tier], index, exchange.user, exchange.answer, now)
            self.coming = gaps[index] if index < last else AFTER_END
            self.rest(now, now + self.coming)
            now += self.coming
        return self

    def turn(self, terms: Terms, index: int, user: int, answer: int, now: int) -> None:
        """Plan, ask, remember, and fold behind the answer if that is due."""
        self.path.append(_message(index * 2, "user", user))
        lane = self.lanes.get(terms.model.id) or Lane(model=terms.model.id, share=0.0)
        planned = self._plan(terms, lane, now)
        if planned.fold is not None and self.fold_first:
            self._fold(terms, planned.fold)
            planned = self._plan(terms, lane, now)
        self.summaries.append(0 if planned.ladder is None else planned.ladder.tokens)
        if self.seen is not None:
            self.seen(planned)
        billed = self._ask(terms, planned, now, answer)
        self.lanes[terms.model.id] = lanes.after_request(
            lane, planned.sent, started_at=now, billed=billed, upstream_id=None, policy=terms.policy
        )
        after = self.lanes[terms.model.id]
        if len(after.gaps) > len(lane.gaps):
            service = self._service(terms)
            self.services[terms.model.id] = service.observe(after.gaps[-1].ms, lane.gaps, terms.policy)
        self.path.append(_message(index * 2 + 1, "assistant", answer))
        fold = when.after_turn(
            terms,
            path=self.path,
            ladder=self.ladder,
            lane=self.lanes[terms.model.id],
            now=now,
            others=self._others(terms),
            found=None if self.fold_first else planned.fold,
        )
        if fold is not None:
            self._fold(terms, fold)

    def rest(self, start: int, until: int) -> None:
        """What the timers do between two turns."""
        looked = {terms.model.id: start - 1 for terms in self.terms.values()}
        while True:
            events = [
                (at, terms.model.id, terms)
                for terms in self.terms.values()
                if (lane := self.lanes.get(terms.model.id)) is not None
                and (at := keepalive.next_at(lane, terms, after=looked[terms.model.id])) is not None
                and at < until
            ]
            if not events:
                return
            at, model, terms = min(events, key=lambda event: event[:2])
            looked[model] = at
            lane = self.lanes[model]
            if lane.life != "none" and at == lane.alive_until:
                fold = when.at_death(
                    terms, path=self.path, ladder=self.ladder, lane=lane, others=self._others(terms), now=at
                )
                if fold is not None:
                    self._fold(terms, fold)
                continue
            decision = keepalive.decide(
                terms,
                path=self.path,
                ladder=self.ladder,
                lane=lane,
                service=self._service(terms),
                now=at,
                others=self._others(terms),
                presence=self._signs(),
            )
            if decision.send:
                self.provider.pay("keepalive", decision.cost)
                self.lanes[model] = self._renew(lane, decision, at)

    def _others(self, terms: Terms) -> list[tuple[Terms, Lane]]:
        return [
            (one, self.lanes[one.model.id])
            for one in self.terms.values()
            if one.model.id in self.lanes and one.model.id != terms.model.id
        ]

    def _service(self, terms: Terms) -> Service:
        return self.services.get(terms.model.id, Service())

    def _renew(self, lane: Lane, decision: Decision, at: int) -> Lane:
        """A keep-alive at the provider: it reads the deepest marked prefix of what is renewed."""
        cache = self.provider.cache
        for digest, entry in list(cache.entries.items()):
            if (
                entry.alive(at / 1000)
                and entry.last_start == lane.touched_at / 1000
                and (decision.head is None or entry.tokens <= decision.head)
            ):
                cache.entries[digest] = replace(entry, last_start=at / 1000)
        return lanes.after_keepalive(lane, started_at=at, head=decision.head)

    def _signs(self) -> Evidence | None:
        """A sign that speaks the truth about the present pause with the given accuracy."""
        if self.presence is None:
            return None
        truth = 0 if self.coming < 300_000 else 1 if self.coming < 3_600_000 else 2
        rng = random.Random(f"{self.coming} {len(self.path)}")
        said = (
            truth if rng.random() < self.presence else rng.choice([one for one in range(3) if one != truth])
        )
        return signs(self.presence)[said]

    def _plan(self, terms: Terms, lane: Lane, now: int) -> Plan:
        began = time.perf_counter()
        planned = plan(
            terms,
            route=Route(model_id=terms.model.id, tier=None, reason="bench"),
            path=self.path,
            ladder=self.ladder,
            lane=lane,
            service=self._service(terms),
            now=now,
            others=self._others(terms),
        )
        self.planning += time.perf_counter() - began
        self.plans += 1
        return planned

    def _ask(self, terms: Terms, planned: Plan, now: int, answer: int) -> Usage:
        marks = {mark.at: mark.ttl for mark in planned.recipe.breakpoints}
        parts = [Part("system", terms.prompt_tokens, marks.get("system"))]
        segments = () if planned.ladder is None else planned.ladder.segments
        for number, segment in enumerate(segments, start=1):
            ttl = marks.get("ladder") if number == len(segments) else None
            parts.append(Part(segment.id, segment.tokens, ttl))
        parts += [Part(message.id, message.tokens, marks.get(message.id)) for message in planned.messages]
        return self.provider.ask(
            terms.model.id,
            terms.prices,
            parts,
            now=now,
            minimum=terms.model.min_cacheable,
            output=answer,
            purpose="reply",
        )

    def _fold(self, terms: Terms, fold: Fold) -> None:
        """Carry a fold out with a made-up summary of the planned length."""
        self.folds += 1
        self.provider.pay("summary", fold.cost)
        cut = next(index for index, message in enumerate(self.path) if message.id == fold.last_id) + 1
        known = () if self.ladder is None else self.ladder.segments
        kept = tuple(segment for segment in known if segment.id in fold.ladder.keep)
        new = Segment(
            id=f"s{self.folds}",
            first_id=fold.first_id,
            last_id=fold.last_id,
            lines=(Line(text="stub", sources=(fold.last_id,)),),
            tokens=fold.ladder.budget,
        )
        self.ladder = Ladder(id=f"l{self.folds}", upto_id=fold.last_id, segments=(*kept, new))
        self.path = self.path[cut:]


def _message(depth: int, role: str, tokens: int) -> Message:
    return Message(
        id=f"m{depth}",
        parent_id=f"m{depth - 1}" if depth else None,
        role="user" if role == "user" else "assistant",
        status="complete",
        parts=(TextPart(text="words"),),
        depth=depth,
        tokens=tokens,
    )
