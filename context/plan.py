"""The one entry point of the context engine: what a turn's request will contain, and why."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from context.catalog import Model
from context.messages import Message
from context.policy import DEFAULT, Policy
from context.prompts import Prompt
from context.routing import Route
from context.window import select

LAYOUT = 1  # how a recipe is rendered; a change of rendering gets a new number and keeps the old one readable

Ttl = Literal["5m", "1h"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakpoint:
    """A `cache_control` mark: at the end of the system prompt (`system`) or at the end of a message (its id)."""

    at: str
    ttl: Ttl


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that, with the immutable messages it names, rebuilds a request byte for byte."""

    layout: int
    model: str
    max_tokens: int
    thinking: str
    prompt_digest: str
    first_message_id: str
    last_message_id: str
    breakpoints: tuple[Breakpoint, ...]
    user_ref: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Recipe":
        marks = tuple(Breakpoint(**mark) for mark in value["breakpoints"])
        return Recipe(**{**value, "breakpoints": marks})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe with the messages it names, its size in estimated tokens, and the reason of each decision."""

    recipe: Recipe
    prompt: Prompt
    messages: tuple[Message, ...]
    estimated_tokens: int
    route: Route
    reasons: dict[str, str]


def plan(
    *,
    model: Model,
    route: Route,
    prompt: Prompt,
    prompt_tokens: int,
    path: Sequence[Message],
    previous_start: str | None,
    max_output: int,
    user_ref: str | None,
    policy: Policy = DEFAULT,
) -> Plan:
    """What the request for the last message of `path` contains.

    `path` holds the newest messages of the branch, oldest first; `previous_start` the first window message of the turn
    before; `max_output` the wanted output limit in tokens. Raises MessageTooLarge.
    """
    max_tokens = min(max_output, model.max_output)
    window = select(
        path,
        previous_start=previous_start,
        limit=message_limit(model, prompt_tokens, max_output, policy),
        policy=policy,
    )
    marks = _breakpoints(model, window.messages[-1])
    recipe = Recipe(
        layout=LAYOUT,
        model=model.id,
        max_tokens=max_tokens,
        thinking=model.thinking,
        prompt_digest=prompt.digest,
        first_message_id=window.messages[0].id,
        last_message_id=window.messages[-1].id,
        breakpoints=marks,
        user_ref=None if model.local else user_ref,
    )
    return Plan(
        recipe=recipe,
        prompt=prompt,
        messages=window.messages,
        estimated_tokens=prompt_tokens + window.tokens + policy.overhead,
        route=route,
        reasons={
            "route": route.reason,
            "window": window.reason,
            "breakpoints": "end of the system prompt and the newest message: all that stays the same is read from the cache"
            if marks
            else "this endpoint has no prompt cache",
        },
    )


def message_limit(model: Model, prompt_tokens: int, max_output: int, policy: Policy = DEFAULT) -> int:
    """The most estimated tokens a window, and so a single message, may have with this model."""
    room = model.context_window - min(max_output, model.max_output)
    return int(room / policy.safety / model.token_ratio) - prompt_tokens - policy.overhead


def _breakpoints(model: Model, newest: Message) -> tuple[Breakpoint, ...]:
    if not model.min_cacheable:
        return ()
    return (Breakpoint(at="system", ttl="5m"), Breakpoint(at=newest.id, ttl="5m"))
