"""The engine behind a scorer of backends that replays threads: `factory(thread)` with `turn(history, user)` -> calls.

A call is {"purpose", "model": "simple" | "standard" | "complex", "blocks": [{"text", "cache", "role"}], "output"}. The scorer's
prices and minimum prefixes are taken from its own table by name of tier; summaries are made-up text of the planned length.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from context.cache.cache_state import CacheState
from context.cache.cache_state_update import after_request
from context.cache.global_gaps import GlobalGaps
from context.cache.plan_inputs import BranchState, PlanInputs, SummarizerModel
from context.compaction import when
from context.compaction.scope import Compaction
from context.messages import Message, Role, TextPart
from context.models.catalog import Model
from context.models.pricing import Prices, PriceTable, Usage
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.recipe import SEGMENT, SUMMARY, SYSTEM
from context.request.summary_blocks import Summary
from context.request.window import spoken
from context.routing.choice import Route
from tests.made_up_summaries import rewritten

# Picodollars per token of the scorer's tiers, and the shortest prefix each caches.
TIERS = {"simple": (1.0, 5.0, 4096), "standard": (3.0, 15.0, 1024), "complex": (5.0, 25.0, 4096)}
WORDS = "order name date number city time price decided asked promised open "


def tokens(text: str) -> int:
    """The scorer's neutral tokens."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def prices(tier: str) -> PriceTable:
    base, output, _ = TIERS[tier]
    unit = round(base * 1_000_000)
    return PriceTable(
        model=tier,
        steps=(
            (
                0,
                Prices(
                    input=unit,
                    output=round(output * 1_000_000),
                    cache_read=unit // 10,
                    cache_write_5m=unit * 5 // 4,
                    cache_write_1h=unit * 2,
                ),
            ),
        ),
    )


def milliseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000)


SERVICE: list[GlobalGaps] = [GlobalGaps()]
"""What the service has seen over all threads of this process: one cache state's pauses after the other, as they come."""


class Engine:
    """One thread of the scorer. Keep-alives and compactions at a cache's death need timers, which a scorer of turns has not: the first are
    off, the second happen when the next message comes."""

    tier = "standard"
    first_output = 64

    def __init__(self, thread: dict[str, Any]) -> None:
        policy = self.policy()
        self.system = str(thread["system"])
        self.inputs = PlanInputs(
            model=Model(
                id=self.tier,
                label=self.tier,
                context_window=200_000,
                max_output=4_000,
                min_cacheable=TIERS[self.tier][2],
            ),
            prompt=Prompt(name="bench", version=1, text=self.system),
            prompt_tokens=tokens(self.system),
            max_output=4_000,
            prices=prices(self.tier),
            summarizer=SummarizerModel(model="simple", prices=prices("simple")),
            policy=policy,
        )
        self.cache_state = CacheState(model=self.tier)
        self.path: list[Message] = []
        self.summary: Summary | None = None
        self.known = 0
        self.depth = 0
        self.folds = 0

    def policy(self) -> Policy:
        return replace(DEFAULT, keepalives=False, summary_budget=600)

    def turn(self, history: list[dict[str, Any]], user: list[dict[str, Any]]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []
        for old in history[self.known :]:
            self._add(old)
        if self.cache_state.uses and self.path:
            compaction = when.after_turn(self.inputs, self._branch(self.cache_state.touched_at))
            if compaction is not None:
                calls.append(self._compact(compaction))
        for new in user:
            self._add(new)
        self.known = len(history) + len(user)
        now = milliseconds(user[-1]["ts"])
        planned = self._plan(now)
        if planned.compaction is not None:
            calls.append(self._compact(planned.compaction))
            planned = self._plan(now)
        before = self.cache_state
        answers = [message.tokens for message in self.path[-20:] if message.role == "assistant"]
        self.cache_state = after_request(
            self.cache_state,
            planned.cache_use,
            started_at=now,
            # The answer is not known yet: as long as the ones before.
            actual_usage=Usage(output=round(sum(answers) / len(answers)) if answers else self.first_output),
            upstream_id=None,
            policy=self.inputs.policy,
        )
        if len(self.cache_state.gaps) > len(before.gaps):
            SERVICE[0] = SERVICE[0].observe(self.cache_state.gaps[-1].ms, before.gaps, self.inputs.policy)
        calls.append({"purpose": "turn", "model": self.tier, "blocks": self._blocks(planned), "output": ""})
        return calls

    def _plan(self, now: int) -> Plan:
        turn = TurnInputs(
            route=Route(model_id=self.tier, tier=None, reason="bench"),
            branch=self._branch(now),
        )
        return plan(self.inputs, turn)

    def _branch(self, now: int) -> BranchState:
        return BranchState(
            path=self.path,
            summary=self.summary,
            cache_state=self.cache_state,
            now=now,
            global_gaps=SERVICE[0],
        )

    def _add(self, value: dict[str, Any]) -> None:
        role: Role = "user" if value["role"] == "user" else "assistant"
        self.path.append(
            Message(
                id=str(value["id"]),
                parent_id=self.path[-1].id if self.path else (self.summary.upto_id if self.summary else None),
                role=role,
                status="complete",
                parts=(TextPart(text=value["content"]),),
                depth=self.depth,
                tokens=max(1, tokens(value["content"])),
            )
        )
        self.depth += 1

    def _compact(self, compaction: Compaction) -> dict[str, Any]:
        self.folds += 1
        end = next(index for index, message in enumerate(self.path) if message.id == compaction.last_id) + 1
        compacted, self.path = self.path[:end], list(compaction.shortened.applied(self.path[end:]))
        merged = [
            segment.text
            for segment in (self.summary.segments if self.summary else ())
            if segment.id in compaction.summary.merge
        ]
        written: list[str] = []

        def line(budget: int) -> str:
            written.append((WORDS * (budget * 4 // len(WORDS) + 1))[: budget * 4])
            return f"{self.folds} {written[-1]}"

        ends = (compaction.first_id, compaction.last_id)
        segments = rewritten(compaction.summary, self.summary, ends, line, tokens, name=f"s{self.folds}")
        self.summary = Summary(id=f"l{self.folds}", upto_id=compaction.last_id, segments=segments)
        blocks = [{"text": "Condense. " * 150, "cache": None, "role": "system"}]
        blocks += [{"text": text, "cache": None, "role": "user"} for text in merged]
        blocks += [{"text": message.text, "cache": None, "role": message.role} for message in compacted]
        return {"purpose": "summary", "model": "simple", "blocks": blocks, "output": "".join(written)}

    def _blocks(self, planned: Plan) -> list[dict[str, Any]]:
        marks = {mark.at: mark.ttl for mark in planned.recipe.breakpoints}
        blocks = [{"text": self.system, "cache": marks.get(SYSTEM), "role": "system"}]
        segments = () if planned.summary is None else planned.summary.segments
        for number, segment in enumerate(segments, start=1):
            ttl = marks.get(SUMMARY if number == len(segments) else f"{SEGMENT}{segment.id}")
            blocks.append({"text": segment.text, "cache": ttl, "role": "user"})
        blocks += [
            {"text": spoken(message), "cache": marks.get(message.id), "role": message.role}
            for message in planned.messages
            if spoken(message)
        ]
        return blocks
