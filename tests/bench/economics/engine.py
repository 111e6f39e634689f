"""The pure engine over one conversation: plans, compactions and keep-alives on a stepped clock, billed by the provider."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from context.cache import keepalive
from context.cache.cache_state import CacheState
from context.cache.cache_state_update import after_keepalive, after_request
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import Evidence
from context.cache.keepalive import Decision
from context.cache.plan_inputs import BranchState, PlanInputs, SummarizerModel
from context.compaction import when
from context.compaction.scope import Compaction
from context.messages import Message, TextPart
from context.models.catalog import lookup
from context.models.pricing import Usage, price_table
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.recipe import SEGMENT
from context.request.summary_blocks import Summary
from context.routing.choice import Route
from tests.bench.economics.conversations import START, Conversation
from tests.bench.economics.provider import Part, Provider
from tests.made_up_summaries import rewritten, stub, stub_size

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
) -> PlanInputs:
    prices, cheap = price_table(model, now=START), price_table(reader, now=START)
    assert prices is not None
    assert cheap is not None
    return PlanInputs(
        model=lookup(model),
        prompt=Prompt(name="bench", version=1, text="bench"),
        prompt_tokens=system,
        max_output=8_000,
        prices=prices,
        summarizer=SummarizerModel(model=reader, prices=cheap),
        signs=() if presence is None else signs(presence),
        policy=policy,
    )


@dataclass(slots=True)
class Run:
    """One conversation under the engine. `inputs` by tier; `seen` watches every plan; `summaries`: tokens of each turn's; `floors`: messages
    of each turn's floor, and `spared` the tokens that shortening leaves out of it.
    """

    inputs: dict[str, PlanInputs]
    global_gaps_by_model: dict[str, GlobalGaps] = field(default_factory=dict)
    presence: float | None = None
    compact_first: bool = False
    seen: Callable[[Plan], None] | None = None
    provider: Provider = field(default_factory=Provider)
    cache_states: dict[str, CacheState] = field(default_factory=dict)
    path: list[Message] = field(default_factory=list)
    summary: Summary | None = None
    folds: int = 0
    summaries: list[int] = field(default_factory=list)
    floors: list[int] = field(default_factory=list)
    spared: list[int] = field(default_factory=list)
    coming: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def play(self, conversation: Conversation, gaps: Sequence[int]) -> Run:
        now = START
        last = len(conversation.exchanges) - 1
        for index, exchange in enumerate(conversation.exchanges):
            tier = conversation.tiers[index] if len(self.inputs) > 1 else next(iter(self.inputs))
            self.turn(self.inputs[tier], index, exchange.user, exchange.answer, now)
            self.coming = gaps[index] if index < last else AFTER_END
            self.rest(now, now + self.coming)
            now += self.coming
        return self

    def turn(self, inputs: PlanInputs, index: int, user: int, answer: int, now: int) -> None:
        """Plan, ask, remember, and compaction behind the answer if that is due."""
        self.path.append(_message(index * 2, "user", user))
        cache_state = self.cache_states.get(inputs.model.id) or CacheState(model=inputs.model.id, share=0.0)
        planned = self._plan(inputs, cache_state, now)
        if planned.compaction is not None and self.compact_first:
            self._compact(inputs, planned.compaction)
            planned = self._plan(inputs, cache_state, now)
        self.summaries.append(0 if planned.summary is None else planned.summary.tokens)
        self.floors.append(planned.floor)
        self.spared.append(planned.floor_spared)
        if self.seen is not None:
            self.seen(planned)
        actual_usage = self._ask(inputs, planned, now, answer)
        self.cache_states[inputs.model.id] = after_request(
            cache_state,
            planned.cache_use,
            started_at=now,
            actual_usage=actual_usage,
            upstream_id=None,
            policy=inputs.policy,
        )
        after = self.cache_states[inputs.model.id]
        if len(after.gaps) > len(cache_state.gaps):
            global_gaps = self._service(inputs)
            self.global_gaps_by_model[inputs.model.id] = global_gaps.observe(
                after.gaps[-1].ms, cache_state.gaps, inputs.policy
            )
        self.path.append(_message(index * 2 + 1, "assistant", answer))
        compaction = when.after_turn(
            inputs,
            self._branch(inputs, self.cache_states[inputs.model.id], now),
            undone=None if self.compact_first else planned.compaction,
        )
        if compaction is not None:
            self._compact(inputs, compaction)

    def rest(self, start: int, until: int) -> None:
        """What the timers do between two turns."""
        looked = {inputs.model.id: start - 1 for inputs in self.inputs.values()}
        while True:
            events = [
                (at, inputs.model.id, inputs)
                for inputs in self.inputs.values()
                if (cache_state := self.cache_states.get(inputs.model.id)) is not None
                and (at := keepalive.next_at(cache_state, inputs, after=looked[inputs.model.id])) is not None
                and at < until
            ]
            if not events:
                return
            at, model, inputs = min(events, key=lambda event: event[:2])
            looked[model] = at
            cache_state = self.cache_states[model]
            if cache_state.window_ttl != "none" and at == cache_state.alive_until:
                compaction = when.at_death(inputs, self._branch(inputs, cache_state, at))
                if compaction is not None:
                    self._compact(inputs, compaction)
                continue
            decision = keepalive.decide(
                inputs,
                self._branch(inputs, cache_state, at),
                presence=self._signs(),
            )
            if decision.send:
                self.provider.pay("keepalive", decision.cost)
                self.cache_states[model] = self._renew(cache_state, decision, at)

    def _branch(self, inputs: PlanInputs, cache_state: CacheState, now: int) -> BranchState:
        return BranchState(
            path=self.path,
            summary=self.summary,
            cache_state=cache_state,
            now=now,
            others=self._others(inputs),
            global_gaps=self._service(inputs),
        )

    def _others(self, inputs: PlanInputs) -> list[tuple[PlanInputs, CacheState]]:
        return [
            (other, self.cache_states[other.model.id])
            for other in self.inputs.values()
            if other.model.id in self.cache_states and other.model.id != inputs.model.id
        ]

    def _service(self, inputs: PlanInputs) -> GlobalGaps:
        return self.global_gaps_by_model.get(inputs.model.id, GlobalGaps())

    def _renew(self, cache_state: CacheState, decision: Decision, at: int) -> CacheState:
        """A keep-alive at the provider: it reads the deepest marked prefix of what is renewed."""
        cache = self.provider.cache
        for digest, entry in list(cache.entries.items()):
            if (
                entry.alive(at / 1000)
                and entry.last_start == cache_state.touched_at / 1000
                and (decision.head is None or entry.tokens <= decision.head)
            ):
                cache.entries[digest] = replace(entry, last_start=at / 1000)
        return after_keepalive(cache_state, started_at=at, head=decision.head)

    def _signs(self) -> Evidence | None:
        """A sign that speaks the truth about the present pause with the given accuracy."""
        if self.presence is None:
            return None
        truth = 0 if self.coming < 300_000 else 1 if self.coming < 3_600_000 else 2
        rng = random.Random(f"{self.coming} {len(self.path)}")
        answer = (
            truth
            if rng.random() < self.presence
            else rng.choice([sign for sign in range(3) if sign != truth])
        )
        return signs(self.presence)[answer]

    def _plan(self, inputs: PlanInputs, cache_state: CacheState, now: int) -> Plan:
        turn = TurnInputs(
            route=Route(model_id=inputs.model.id, tier=None, reason="bench"),
            branch=self._branch(inputs, cache_state, now),
        )
        return plan(inputs, turn)

    def _ask(self, inputs: PlanInputs, planned: Plan, now: int, answer: int) -> Usage:
        marks = {mark.at: mark.ttl for mark in planned.recipe.breakpoints}
        parts = [Part("system", inputs.prompt_tokens, marks.get("system"))]
        segments = () if planned.summary is None else planned.summary.segments
        for number, segment in enumerate(segments, start=1):
            ttl = marks.get("summary" if number == len(segments) else f"{SEGMENT}{segment.id}")
            parts.append(Part(segment.id, segment.tokens, ttl))
        parts += [Part(message.id, message.tokens, marks.get(message.id)) for message in planned.messages]
        return self.provider.ask(
            inputs.model.id,
            inputs.prices,
            parts,
            now=now,
            minimum=inputs.model.min_cacheable,
            output=answer,
            purpose="reply",
        )

    def _compact(self, inputs: PlanInputs, compaction: Compaction) -> None:
        """Carry a compaction out with a made-up summary of the planned length."""
        self.folds += 1
        self.provider.pay("summary", compaction.cost)
        cut = next(index for index, message in enumerate(self.path) if message.id == compaction.last_id) + 1
        segments = rewritten(
            compaction.summary,
            self.summary,
            (compaction.first_id, compaction.last_id),
            stub,
            stub_size,
            name=f"s{self.folds}",
        )
        self.summary = Summary(id=f"l{self.folds}", upto_id=compaction.last_id, segments=segments)
        self.path = list(compaction.shortened.applied(self.path[cut:]))


TEXT = "words " * 100  # of every message, whatever its size: where a long one is cut is a share of it


def _message(depth: int, role: str, tokens: int) -> Message:
    return Message(
        id=f"m{depth}",
        parent_id=f"m{depth - 1}" if depth else None,
        role="user" if role == "user" else "assistant",
        status="complete",
        parts=(TextPart(text=TEXT),),
        depth=depth,
        tokens=tokens,
    )
