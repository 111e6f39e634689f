"""What this deployment answers with: its models, its prompt, its limits. Fixed from start to stop."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from chat.budgets.reservations import least_of_all
from chat.calls.caller import Caller
from chat.embeddings.embeddings import Embeddings
from chat.runtime.shared_prompts import Prefixes
from chat.runtime.token_sizes import Sizes
from context.cache.idle_gaps import SIGNS
from context.cache.plan_inputs import PlanInputs, SummarizerModel
from context.limits.budgets import Amounts
from context.models.catalog import TIERS, Model, Tier
from context.models.pricing import PriceTable, assumed, price_table
from context.policy import Policy
from context.request.prompts import Prompt
from context.request.tools import OVERHEAD, SEARCH
from context.request.tools import text as tools_text
from context.routing.choice import Candidate, Pins, choose
from context.routing.rules import Rule
from store.search.branch_index import Outlines

Backend = Literal["local", "claude"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Everything a turn needs to know besides its thread."""

    backend: Backend
    caller: Caller
    models: Mapping[str, Model]
    tiers: Mapping[Tier, str]
    default_tier: Tier | Literal["auto"]
    rules: tuple[Rule, ...]
    opinion: bool
    cascade: bool
    prompt: Prompt
    policy: Policy
    sizes: Sizes
    max_output: int
    recall_tokens: int
    diagnose: bool
    max_turn_seconds: float
    model_titles: bool
    fallback: bool = True
    embeddings: Embeddings | None = None  # recall by meaning, where it is asked for
    prefixes: Prefixes = field(default_factory=Prefixes)
    outlines: Outlines = field(default_factory=Outlines)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The models a turn may be routed to, not priced: prices depend on the thread."""
        return tuple(
            Candidate(tier=tier, model_id=model, label=self.models[model].label.removeprefix("Claude "))
            for tier, model in self.tiers.items()
        )

    @property
    def middle(self) -> str:
        """The model that stands for the deployment where no turn is asked about."""
        return self.tiers["standard" if self.default_tier == "auto" else self.default_tier]

    def possible(self, pins: Pins) -> tuple[str, ...]:
        """The models that may come to answer a turn, before it is known which. Raises UnknownModel."""
        if pins.turn is not None:
            return (choose(None, pins, self.candidates).model_id,)
        return tuple(dict.fromkeys(model for tier, model in self.tiers.items() if pins.allow(tier)))

    def prices(self, model_id: str, now: int) -> PriceTable:
        """A model's prices on the day of `now` (milliseconds); assumed ones for a model the table does not know."""
        tables = [price_table(one, now=now) for one in self.models]
        return price_table(model_id, now=now) or assumed(model_id, [one for one in tables if one is not None])

    def tools(self, model_id: str, *, compacted: bool) -> tuple[str, ...]:
        """The tools a model is offered in a thread; `compacted`: whether messages of it are out of the window."""
        return (SEARCH,) if compacted and self.recall_tokens and not self.models[model_id].local else ()

    def inputs(
        self,
        model_id: str,
        now: int,
        *,
        thread: str,
        safety: float | None = None,
        compacted: bool = False,
    ) -> PlanInputs:
        """What requests to a model are made under in a thread. `safety`: how far estimates may be off, where it is known."""
        model = self.models[model_id]
        summarizer = self.tiers["simple"]
        tools = self.tools(model_id, compacted=compacted)
        tools_tokens = self.sizes.count(tools_text(tools), model_id) + OVERHEAD if tools else 0
        prompt_tokens = self.sizes.count(self.prompt.text, model_id) + tools_tokens
        return PlanInputs(
            model=replace(model, token_ratio=1.0),  # sizes are counted for this very model
            prompt=self.prompt,
            prompt_tokens=prompt_tokens,
            max_output=self.max_output,
            prices=self.prices(model_id, now),
            summarizer=SummarizerModel(model=summarizer, prices=self.prices(summarizer, now)),
            shared_prompt=0 < model.min_cacheable <= prompt_tokens  # a shorter one is never cached
            and self.prefixes.shared(model_id, tools, thread, now),
            policy=self.policy if safety is None else replace(self.policy, safety=safety),
            signs=tuple(SIGNS.values()),  # the page tells whether it is seen
            tools=tools,
            tools_tokens=tools_tokens,
            diagnose=self.diagnose and not model.local,
        )

    def least(self, now: int) -> Amounts:
        """The least an answer can take of budgets, whichever tier gives it."""
        tables = [price_table(model, now=now) for model in self.tiers.values()]
        return least_of_all(tables, self.max_output, free=self.caller.local)

    def tier_of(self, model_id: str) -> Tier | None:
        """The simplest tier a model serves."""
        return next((tier for tier in TIERS if self.tiers.get(tier) == model_id), None)

    def output_limit(self, model: Model) -> int:
        """The most tokens an answer of that model may have here."""
        return min(self.max_output, model.max_output)
