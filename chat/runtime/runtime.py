"""Services of this process: database, clock, caller, learned token sizes and caches, with the frozen configuration they serve.

Turns and background jobs take a `Runtime`; what only reads configuration takes its `deployment`.
"""

from dataclasses import dataclass, field, replace

from chat.calls.caller import Caller
from chat.clock import Clock
from chat.embeddings.embeddings import Embeddings
from chat.runtime.deployment import Deployment
from chat.runtime.shared_prompts import SharedPrompts
from chat.runtime.token_sizes import PrefixSize, Sizes
from context.cache.cache_state import CacheState
from context.cache.idle_gaps import SIGNS
from context.cache.plan_inputs import PlanInputs, SummarizerModel
from context.planning.tool_offer import offered
from context.request.prompts import Instructions
from context.request.tools import OVERHEAD
from context.request.tools import text as tools_text
from store.database import Database
from store.search.branch_index import Outlines


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The services of one process. `embeddings`: recall by meaning, where the settings ask for it; `stored_prompts`: digests of system
    prompts that the database has, for they are never deleted.
    """

    deployment: Deployment
    database: Database
    clock: Clock
    caller: Caller
    sizes: Sizes
    embeddings: Embeddings | None = None
    shared_prompts: SharedPrompts = field(default_factory=SharedPrompts)
    outlines: Outlines = field(default_factory=Outlines)
    stored_prompts: set[str] = field(default_factory=set)

    async def warm(self) -> None:
        """Count what requests of all threads contain, so that no turn has to."""
        models = self.deployment.models
        tools = {tools_text(self.deployment.tools(model)) for model in models}
        await self.sizes.warm([self.deployment.prompt.text, *filter(None, tools)], models)

    def plan_inputs(
        self,
        model_id: str,
        now: int,
        *,
        thread: str,
        safety: float | None = None,
        tools: tuple[str, ...] = (),
        instructions: Instructions | None = None,
    ) -> PlanInputs:
        """What a plan of a thread's request to a model is made with: limits, prices, tools, policy.

        `tools`: those offered (`tools_offered`); `instructions`: the thread's, of any size; `safety`: by what factor token estimates may be too low, where it is known.
        """
        inputs = self.unsized_inputs(model_id, now, tools)
        tools_tokens = self._tools_tokens(tools, model_id)
        size = self._prompt_size(inputs, tools_tokens)
        shared = self.shared_prompts.shared(model_id, tools, thread, now)
        # One that is too short is never cached.
        cached = 0 < inputs.model.min_cacheable <= size.tokens - size.error
        return replace(
            inputs,
            prompt_tokens=size.tokens,
            prompt_error=size.error,
            tools_tokens=tools_tokens,
            message_frame=self.sizes.message_frame(model_id),
            policy=inputs.policy if safety is None else replace(inputs.policy, safety=safety),
            shared_prompt=shared and cached,
            instructions=None
            if instructions is None
            else replace(instructions, tokens=self.sizes.count(instructions.text, model_id)),
        )

    def unsized_inputs(self, model_id: str, now: int, tools: tuple[str, ...]) -> PlanInputs:
        """The plan inputs as far as no text must be counted for them."""
        deployment = self.deployment
        model = deployment.models[model_id]
        summarizer = deployment.tiers["simple"]
        return PlanInputs(
            model=replace(model, token_ratio=1.0),  # sizes are counted for this very model
            prompt=deployment.prompt,
            prompt_tokens=0,
            max_output=deployment.max_output,
            prices=deployment.prices(model_id, now),
            summarizer=SummarizerModel(model=summarizer, prices=deployment.prices(summarizer, now)),
            policy=deployment.policy,
            signs=tuple(SIGNS.values()),  # the page tells whether it is seen
            tools=tools,
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

    def _prompt_size(self, inputs: PlanInputs, tools_tokens: int) -> PrefixSize:
        """The size of system prompt and tools: as bills have told it, else estimated."""
        known = self.sizes.prefix(inputs.settings)
        if known is not None:
            return known
        model, prompt, text = inputs.model.id, inputs.prompt.text, tools_text(inputs.tools)
        tokens = self.sizes.count(prompt, model) + tools_tokens
        most = self.sizes.bound(prompt, model) + (self.sizes.bound(text, model) + 2 * OVERHEAD if text else 0)
        return PrefixSize(tokens, max(1, most - tokens))
