"""Services of this process: database, clock, caller, learned token sizes and caches, with the frozen configuration they serve.

Turns and background jobs take a `Runtime`; what only reads configuration takes its `deployment`.
"""

from dataclasses import dataclass, field, replace

from chat.calls.caller import Caller
from chat.clock import Clock
from chat.embeddings.embeddings import Embeddings
from chat.runtime.deployment import Deployment
from chat.runtime.shared_prompts import SharedPrompts
from chat.runtime.token_sizes import Sizes
from context.cache.cache_state import CacheState
from context.cache.idle_gaps import SIGNS
from context.cache.plan_inputs import PlanInputs, SummarizerModel
from context.planning.tool_offer import offered
from context.request.tools import OVERHEAD
from context.request.tools import text as tools_text
from store.database import Database
from store.search.branch_index import Outlines


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The services of one process. `embeddings`: recall by meaning, where the settings ask for it."""

    deployment: Deployment
    database: Database
    clock: Clock
    caller: Caller
    sizes: Sizes
    embeddings: Embeddings | None = None
    shared_prompts: SharedPrompts = field(default_factory=SharedPrompts)
    outlines: Outlines = field(default_factory=Outlines)

    def plan_inputs(
        self,
        model_id: str,
        now: int,
        *,
        thread: str,
        safety: float | None = None,
        tools: tuple[str, ...] = (),
    ) -> PlanInputs:
        """What a plan of a thread's request to a model is made with: limits, prices, tools, policy.

        `tools`: those offered (`tools_offered`); `safety`: by what factor token estimates may be too low, where it is known.
        """
        deployment = self.deployment
        model = deployment.models[model_id]
        summarizer = deployment.tiers["simple"]
        tools_tokens = self._tools_tokens(tools, model_id)
        prompt_tokens = self.sizes.count(deployment.prompt.text, model_id) + tools_tokens
        return PlanInputs(
            model=replace(model, token_ratio=1.0),  # sizes are counted for this very model
            prompt=deployment.prompt,
            prompt_tokens=prompt_tokens,
            max_output=deployment.max_output,
            prices=deployment.prices(model_id, now),
            summarizer=SummarizerModel(model=summarizer, prices=deployment.prices(summarizer, now)),
            shared_prompt=0 < model.min_cacheable <= prompt_tokens  # a shorter one is never cached
            and self.shared_prompts.shared(model_id, tools, thread, now),
            policy=deployment.policy if safety is None else replace(deployment.policy, safety=safety),
            signs=tuple(SIGNS.values()),  # the page tells whether it is seen
            tools=tools,
            tools_tokens=tools_tokens,
            diagnose=deployment.diagnose and not model.local,
        )

    def tools_offered(
        self, model_id: str, cache_state: CacheState, summary_id: str | None, now: int
    ) -> tuple[str, ...]:
        """The tools to offer a model in a thread whose summary is `summary_id`."""
        deployment = self.deployment
        available = deployment.tools(model_id)
        return offered(
            available,
            cache_state,
            summary_id,
            tokens=self._tools_tokens(available, model_id),
            prices=deployment.prices(model_id, now),
            mode=deployment.recall_mode,
        )

    def _tools_tokens(self, tools: tuple[str, ...], model_id: str) -> int:
        """Tokens of some tools' definitions, with what the provider adds."""
        return self.sizes.count(tools_text(tools), model_id) + OVERHEAD if tools else 0
