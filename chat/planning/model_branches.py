"""A thread snapshot as the requests of its models find it: what several models need is made once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chat.planning.thread_snapshot import ThreadSnapshot
from chat.runtime.runtime import Runtime
from context.cache.plan_inputs import BranchState, OtherModel, PlanInputs
from context.messages import Message
from context.tokens.features import Features


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBranches:
    """The branch of a snapshot at `now` (milliseconds since 1970 UTC), for each model that is asked for."""

    runtime: Runtime
    snapshot: ThreadSnapshot
    now: int
    _inputs: dict[str, PlanInputs] = field(default_factory=dict)  # by model
    _features: dict[str, Sequence[Features]] = field(default_factory=dict)  # by tokenizer
    _branches: dict[str, tuple[PlanInputs, BranchState]] = field(default_factory=dict)  # by model

    def of(self, model_id: str) -> tuple[PlanInputs, BranchState]:
        """The plan inputs for a model, and the branch as it stands for that model."""
        if model_id not in self._branches:
            inputs, path = self.seen_by(model_id)
            self._branches[model_id] = inputs, self._state(model_id, path)
        return self._branches[model_id]

    def seen_by(self, model_id: str) -> tuple[PlanInputs, tuple[Message, ...]]:
        """The plan inputs for a model, and the path with its sizes as that model counts tokens."""
        snapshot, sizes, inputs = self.snapshot, self.runtime.sizes, self._inputs_of(model_id)
        features = self._features_for(model_id)
        safety = sizes.safety(features, model_id, snapshot.summary)
        path = sizes.sized(snapshot.path, features, model_id)
        return replace(inputs, policy=replace(inputs.policy, safety=safety)), path

    def _state(self, model_id: str, path: Sequence[Message]) -> BranchState:
        snapshot = self.snapshot
        return BranchState(
            path=path,
            summary=self.runtime.sizes.sized_summary(snapshot.summary, model_id),
            cache_state=snapshot.cache_state(model_id),
            others=self._others(model_id),
            now=self.now,
            global_gaps=snapshot.global_gaps(model_id),
        )

    def _others(self, model_id: str) -> list[OtherModel]:
        """The thread's other cache states, which a compaction moves too."""
        return [
            (self._inputs_of(other), stored.cache_state)
            for other, stored in self.snapshot.cache_states.items()
            if other != model_id and other in self.runtime.deployment.models
        ]

    def _inputs_of(self, model_id: str) -> PlanInputs:
        """The plan inputs for a model, as far as they do not depend on the sizes of the messages."""
        if model_id not in self._inputs:
            tools = self.snapshot.tools(self.runtime, model_id, self.now)
            self._inputs[model_id] = self.runtime.plan_inputs(
                model_id,
                self.now,
                thread=self.snapshot.thread_id,
                tools=tools,
                instructions=self.snapshot.instructions,
            )
        return self._inputs[model_id]

    def _features_for(self, model_id: str) -> Sequence[Features]:
        """What is counted in each message of the path for a model."""
        tokenizer = self.runtime.sizes.tokenizer_name(model_id)
        if tokenizer not in self._features:
            self._features[tokenizer] = self.runtime.sizes.of_messages(self.snapshot.path, model_id)
        return self._features[tokenizer]
