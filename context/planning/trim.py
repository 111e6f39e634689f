"""What of a thread fits one request, and what is left out because it does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from context.cache.plan_inputs import PlanInputs, message_limit
from context.messages import Message
from context.request.recipe import Recalled
from context.request.summary_blocks import Summary
from context.request.window import MessageTooLarge, Window, select


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something the model is not told, and why. `tokens` and `messages` as far as they were loaded."""

    what: str
    messages: int
    tokens: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What fits."""

    window: Window
    summary: Summary | None
    recalled: tuple[Recalled, ...]
    left_out: tuple[LeftOut, ...]


def trim(
    inputs: PlanInputs,
    path: Sequence[Message],
    summary: Summary | None,
    recalled: Sequence[Recalled],
    previous_start: str | None,
) -> Trimmed:
    """Shrink until everything fits the model and, where it can, stays below the length at which every token costs more.

    First the window, then what was recalled, then the summary; the new message and what is needed for it are always in. Raises
    MessageTooLarge.
    """
    policy, newest, left_out = inputs.policy, path[-1], list[LeftOut]()
    hard = message_limit(inputs.model, inputs.prompt_tokens, inputs.max_output, policy)
    needed = sum(one.tokens for one in recalled if one.needed)
    asked = newest.tokens + needed
    if asked > hard:
        raise MessageTooLarge(asked, hard)
    limit, dearer = hard, inputs.prices.dearer_above()
    if dearer is not None:
        room = int(dearer / policy.safety / inputs.model.token_ratio) - inputs.prompt_tokens - policy.overhead
        if asked <= room:
            limit = min(limit, room)
    held = 0 if summary is None else summary.tokens
    after = None if summary is None else summary.upto_id
    if summary is not None and asked + held > limit:
        left_out.append(
            LeftOut(what="summary", messages=0, tokens=held, why=f"it does not fit {limit} tokens")
        )
        summary, held = None, 0
    window = select(
        path, after=after, previous_start=previous_start, limit=limit - held - needed, policy=policy
    )
    if window.cut:
        left_out.append(
            LeftOut(
                what="window",
                messages=window.left_out,
                tokens=window.left_out_tokens,
                why=window.reason,
            )
        )
    room = limit - held - window.tokens - needed
    brought: list[Recalled] = []
    for one in recalled:
        if one.needed or one.tokens <= room:
            brought.append(one)
            room -= 0 if one.needed else one.tokens
        else:
            why = f"only {room} tokens are left"
            left_out.append(LeftOut(what=f"recall {one.id}", messages=0, tokens=one.tokens, why=why))
    return Trimmed(window=window, summary=summary, recalled=tuple(brought), left_out=tuple(left_out))
