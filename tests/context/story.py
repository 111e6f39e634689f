"""A thread lived through by the pure engine and billed by the simulator's own rules, in real request bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from context.cache import keepalive
from context.cache.cache_state import CacheState
from context.cache.cache_state_update import after_keepalive, after_request
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import Presence
from context.cache.plan_inputs import BranchState, PlanInputs
from context.compaction import when
from context.compaction.scope import Compaction
from context.messages import Message, Role, Status
from context.models.pricing import PriceTable, Usage
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from context.request import request
from context.request.recipe import Recalled
from context.request.summary_blocks import Summary, may_stand
from context.routing.choice import Route
from tests.context.plan_inputs import MID, NOON, count, inputs, message, todays
from tests.made_up_summaries import rewritten
from tests.upstream.cache import PromptCache
from tests.upstream.call import Call
from tests.upstream.models import MODELS
from tests.upstream.prompt import lay_out
from tests.upstream.rules.marks import check_marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it was planned, sent and billed."""

    planned: Plan
    body: bytes
    actual_usage: Usage
    cache_state: CacheState
    at: int

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """(role, text) of each block, the system prompt first."""
        value = json.loads(self.body)
        system_blocks = [("system", block["text"]) for block in value["system"]]
        return system_blocks + [
            (turn["role"], block["text"]) for turn in value["messages"] for block in turn["content"]
        ]

    @property
    def last_mark(self) -> int:
        """Index of the last marked block, -1 when nothing is marked."""
        value = json.loads(self.body)
        blocks = value["system"] + [block for turn in value["messages"] for block in turn["content"]]
        return max((index for index, block in enumerate(blocks) if "cache_control" in block), default=-1)


@dataclass(slots=True)
class Story:
    """One thread with a clock that only moves when told to. Branches share cache states and summaries, as they do in the store."""

    policy: Policy = DEFAULT
    tables: Callable[[str], PriceTable] = todays
    global_gaps: GlobalGaps = field(default_factory=GlobalGaps)
    now: int = NOON
    messages: dict[str, Message] = field(default_factory=dict)
    leaf: str | None = None
    ladders: dict[str, list[Summary]] = field(default_factory=dict)
    cache_states: dict[str, CacheState] = field(default_factory=dict)
    cache: PromptCache = field(default_factory=PromptCache)
    asked: list[Asked] = field(default_factory=list)
    made: int = 0

    def say(
        self,
        text: str,
        *,
        model: str = MID,
        answer: str = "Certainly.",
        recalled: Sequence[Recalled] = (),
        status: Status = "complete",
    ) -> Asked:
        """A user message on the present branch, its request, its answer, and the compaction that is due behind it."""
        plan_inputs = self.inputs(model)
        user = self._add("user", text)
        path, summary = self.branch(user.id)
        cache_state = self.cache_states.get(model) or CacheState(model=model, share=0.0)
        branch = BranchState(
            path=path,
            summary=summary,
            cache_state=cache_state,
            now=self.now,
            others=self._others(model),
            global_gaps=self.global_gaps,
        )
        turn = TurnInputs(
            route=Route(model_id=model, tier=None, reason="asked for"),
            branch=branch,
            recalled=recalled,
            previous_start=self.asked[-1].planned.recipe.first_message_id if self.asked else None,
        )
        planned = plan(plan_inputs, turn)
        body = request.build(
            planned.recipe,
            planned.prompt.text,
            planned.messages,
            summary=planned.summary,
            recalled=planned.recalled,
        )
        actual_usage = self.bill(body, model, output=count(answer))
        self.asked.append(
            Asked(planned=planned, body=body, actual_usage=actual_usage, cache_state=cache_state, at=self.now)
        )
        self.cache_states[model] = after_request(
            cache_state,
            planned.cache_use,
            started_at=self.now,
            actual_usage=actual_usage,
            upstream_id=None,
            policy=self.policy,
        )
        reply = self._add("assistant", answer, status=status)
        path, summary = self.branch(reply.id)
        branch = replace(branch, path=path, summary=summary, cache_state=self.cache_states[model])
        compaction = when.after_turn(plan_inputs, branch, undone=planned.compaction)
        if compaction is not None:
            self.compaction(compaction, summary)
        return self.asked[-1]

    def bill(self, body: bytes, model: str, *, output: int = 0) -> Usage:
        """What the simulator charges for these bytes, now; it also checks their marks."""
        value = json.loads(body)
        check_marks(value)
        billed_model = next(candidate for candidate in MODELS if candidate.id == model)
        prompt = lay_out(Call(body=value, model=billed_model, workspace="w"))
        bill = self.cache.open(prompt.blocks, now=self.now / 1000, least=billed_model.min_cache)
        self.cache.begin_response(bill, now=self.now / 1000)
        assert bill.total == prompt.tokens
        return Usage(
            input=bill.input,
            cache_read=bill.read,
            cache_write_5m=bill.write_5m,
            cache_write_1h=bill.write_1h,
            output=output,
        )

    def inputs(self, model: str) -> PlanInputs:
        """What requests to a model are made under."""
        return inputs(model, self.policy, tables=self.tables)

    def wait(self, seconds: float) -> None:
        """Nothing happens; the timers are not there either."""
        self.now += round(seconds * 1000)

    def rest(self, seconds: float, presence: Presence | None = None, *, closed: bool = False) -> int:
        """The timers do what they do; returns how many keep-alives were sent."""
        until, sent = self.now + round(seconds * 1000), 0
        looked = dict.fromkeys(self.cache_states, self.now - 1)
        while True:
            due = [
                (at, model)
                for model, cache_state in self.cache_states.items()
                if (at := keepalive.next_at(cache_state, self.inputs(model), after=looked[model])) is not None
                and at < until
            ]
            if not due:
                break
            self.now, model = min(due)
            looked[model] = self.now
            cache_state = self.cache_states[model]
            path, summary = self.branch(self.leaf or "")
            decision = keepalive.decide(
                self.inputs(model),
                BranchState(
                    path=path,
                    summary=summary,
                    cache_state=cache_state,
                    now=self.now,
                    global_gaps=self.global_gaps,
                ),
                presence=presence,
                closed=closed,
            )
            if not decision.send:
                continue
            last = next(
                sent_request
                for sent_request in reversed(self.asked)
                if sent_request.planned.recipe.model == model
            )
            body = request.build_keepalive(
                last.planned.recipe,
                last.planned.prompt.text,
                last.planned.messages,
                summary=last.planned.summary,
                part=decision.part,
            )
            self.bill(body, model)
            self.cache_states[model] = after_keepalive(cache_state, started_at=self.now, head=decision.head)
            sent += 1
        self.now = until
        return sent

    def restart(self) -> None:
        """Everything that is kept goes through its stored form."""
        self.cache_states = {
            model: CacheState.from_json(json.loads(json.dumps(cache_state.to_json())))
            for model, cache_state in self.cache_states.items()
        }

    def undo(self) -> None:
        """The newest summary of the present branch is taken back."""
        _, summary = self.branch(self.leaf or "")
        if summary is not None:
            self.ladders[summary.upto_id].remove(summary)

    def branch_at(self, id: str) -> None:
        """Go on after that message, as after an edit of what followed it."""
        self.leaf = id

    def branch(self, leaf: str) -> tuple[list[Message], Summary | None]:
        """The messages no summary stands for, and the summary before them."""
        path: list[Message] = []
        at: str | None = leaf
        while at is not None:
            after = path[::-1]
            for summary in reversed(self.ladders.get(at, [])):
                if may_stand(summary, after, self.policy):
                    return list(summary.shortened.applied(path[::-1])), summary
            path.append(self.messages[at])
            at = self.messages[at].parent_id
        return path[::-1], None

    def compaction(self, compaction: Compaction, summary: Summary | None) -> None:
        """Carry a compaction out with lines that name real messages."""
        if compaction.after_id != (None if summary is None else summary.upto_id):
            return  # void: with the answer the branch is long enough for a newer summary to stand before it
        self.made += 1
        promise = f"{self.made}: parcel 4711 was promised for Friday; the person prefers mail. "
        segments = rewritten(
            compaction.summary,
            summary,
            (compaction.first_id, compaction.last_id),
            lambda tokens: (promise * max(1, tokens // 20)).strip(),
            count,
            name=f"s{self.made}",
        )
        new_summary = Summary(
            id=f"l{self.made}",
            upto_id=compaction.last_id,
            segments=segments,
            leaf_id=compaction.leaf_id,
            shortened=compaction.shortened,
        )
        self.ladders.setdefault(compaction.last_id, []).append(new_summary)

    def _add(self, role: Role, text: str, status: Status = "complete") -> Message:
        parent = self.leaf
        depth = 0 if parent is None else self.messages[parent].depth + 1
        added = message(f"m{len(self.messages)}", text, parent=parent, role=role, depth=depth, status=status)
        self.messages[added.id] = added
        self.leaf = added.id
        return added

    def _others(self, model: str) -> list[tuple[PlanInputs, CacheState]]:
        return [
            (self.inputs(other), cache_state)
            for other, cache_state in self.cache_states.items()
            if other != model
        ]
