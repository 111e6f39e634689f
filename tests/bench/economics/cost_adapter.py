"""The engine behind a scorer of backends that replays threads: `factory(thread)` with `turn(history, user)` -> calls.

A call is {"purpose", "model": "simple" | "standard" | "complex", "blocks": [{"text", "cache", "role"}], "output"}. The scorer's
prices and minimum prefixes are taken from its own table by name of tier; summaries are made-up text of the planned length.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from context.cache import cache_state
from context.cache.cache_state import Lane
from context.cache.global_gaps import Service
from context.cache.plan_inputs import Summariser, Terms
from context.compaction import when
from context.compaction.prompt import climb
from context.compaction.scope import Fold
from context.messages import Message, Role, TextPart
from context.models.catalog import Model
from context.models.pricing import Prices, PriceTable, Usage
from context.planning.plan import plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.recipe import LADDER, SYSTEM
from context.request.summary_blocks import Ladder, Line
from context.request.window import spoken
from context.routing.choice import Route

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


SERVICE: list[Service] = [Service()]
"""What the service has seen over all threads of this process: one lane's pauses after the other, as they come."""


class Engine:
    """One thread of the scorer. Keep-alives and folds at a cache's death need timers, which a scorer of turns has not: the first are
    off, the second happen when the next message comes."""

    tier = "standard"
    minimum_output = 64

    def __init__(self, thread: dict[str, Any]) -> None:
        policy = self.policy()
        self.system = str(thread["system"])
        self.terms = Terms(
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
            summariser=Summariser(model="simple", prices=prices("simple")),
            policy=policy,
        )
        self.lane = Lane(model=self.tier)
        self.path: list[Message] = []
        self.ladder: Ladder | None = None
        self.known = 0
        self.depth = 0
        self.folds = 0

    def policy(self) -> Policy:
        return replace(DEFAULT, keepalives=False, summary_budget=600)

    def turn(self, history: list[dict[str, Any]], user: list[dict[str, Any]]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []
        for old in history[self.known :]:
            self._add(old)
        if self.lane.uses and self.path:
            fold = when.after_turn(
                self.terms,
                path=self.path,
                ladder=self.ladder,
                lane=self.lane,
                now=self.lane.touched_at,
            )
            if fold is not None:
                calls.append(self._fold(fold))
        for new in user:
            self._add(new)
        self.known = len(history) + len(user)
        now = milliseconds(user[-1]["ts"])
        planned = self._plan(now)
        if planned.fold is not None:
            calls.append(self._fold(planned.fold))
            planned = self._plan(now)
        before = self.lane
        self.lane = cache_state.after_request(
            self.lane,
            planned.sent,
            started_at=now,
            billed=Usage(output=self.minimum_output),
            upstream_id=None,
            policy=self.terms.policy,
        )
        if len(self.lane.gaps) > len(before.gaps):
            SERVICE[0] = SERVICE[0].observe(self.lane.gaps[-1].ms, before.gaps, self.terms.policy)
        calls.append({"purpose": "turn", "model": self.tier, "blocks": self._blocks(planned), "output": ""})
        return calls

    def _plan(self, now: int) -> Plan:
        return plan(
            self.terms,
            route=Route(model_id=self.tier, tier=None, reason="bench"),
            path=self.path,
            ladder=self.ladder,
            lane=self.lane,
            service=SERVICE[0],
            now=now,
        )

    def _add(self, value: dict[str, Any]) -> None:
        role: Role = "user" if value["role"] == "user" else "assistant"
        self.path.append(
            Message(
                id=str(value["id"]),
                parent_id=self.path[-1].id if self.path else (self.ladder.upto_id if self.ladder else None),
                role=role,
                status="complete",
                parts=(TextPart(text=value["content"]),),
                depth=self.depth,
                tokens=max(1, tokens(value["content"])),
            )
        )
        self.depth += 1

    def _fold(self, fold: Fold) -> dict[str, Any]:
        self.folds += 1
        end = next(index for index, one in enumerate(self.path) if one.id == fold.last_id) + 1
        folded, self.path = self.path[:end], self.path[end:]
        output = (WORDS * (fold.ladder.budget * 4 // len(WORDS) + 1))[: fold.ladder.budget * 4]
        merged = [
            segment.text
            for segment in (self.ladder.segments if self.ladder else ())
            if segment.id in fold.ladder.merge
        ]
        lines = [Line(text=f"{self.folds} {output}", sources=(fold.last_id,))]
        segments = climb(fold, self.ladder, lines, tokens, id=f"s{self.folds}")
        self.ladder = Ladder(id=f"l{self.folds}", upto_id=fold.last_id, segments=segments)
        blocks = [{"text": "Condense. " * 150, "cache": None, "role": "system"}]
        blocks += [{"text": text, "cache": None, "role": "user"} for text in merged]
        blocks += [{"text": one.text, "cache": None, "role": one.role} for one in folded]
        return {"purpose": "summary", "model": "simple", "blocks": blocks, "output": output}

    def _blocks(self, planned: Plan) -> list[dict[str, Any]]:
        marks = {mark.at: mark.ttl for mark in planned.recipe.breakpoints}
        blocks = [{"text": self.system, "cache": marks.get(SYSTEM), "role": "system"}]
        texts = () if planned.ladder is None else planned.ladder.blocks
        for number, text in enumerate(texts, start=1):
            ttl = marks.get(LADDER) if number == len(texts) else None
            blocks.append({"text": text, "cache": ttl, "role": "user"})
        blocks += [
            {"text": spoken(one), "cache": marks.get(one.id), "role": one.role}
            for one in planned.messages
            if spoken(one)
        ]
        return blocks
