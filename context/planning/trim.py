"""Cut a request to what fits the model: the window first, then recalled messages, then the summary."""

from collections.abc import Sequence
from dataclasses import dataclass

from context.cache.plan_inputs import BranchState, PlanInputs, message_limit, room_below
from context.request.recipe import Recalled
from context.request.shortened import whole
from context.request.summary_blocks import Summary
from context.request.window import Floor, MessageTooLarge, Window, select


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something the request does not contain, and why. `tokens` and `messages` as far as they were loaded."""

    what: str
    messages: int
    tokens: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What fits, and what was left out."""

    window: Window
    summary: Summary | None
    recalled: tuple[Recalled, ...]
    left_out: tuple[LeftOut, ...]


def trim(
    inputs: PlanInputs,
    branch: BranchState,
    recalled: Sequence[Recalled],
    floor: Floor,
    previous_start: str | None,
) -> Trimmed:
    """Shrink until everything fits the model and, where it can, stays below the length at which every token costs more.

    The new message and what is needed for it are always in. `previous_start`: the first window message of the turn before. Raises
    MessageTooLarge.
    """
    required = sum(block.tokens for block in recalled if block.needed)
    minimum = branch.path[-1].tokens + required
    limit = _limit(inputs, minimum)
    left_out: list[LeftOut] = []
    path, summary = branch.path, branch.summary
    summary_tokens = 0 if branch.summary is None else branch.summary.tokens
    if summary is not None and minimum + summary_tokens > limit:
        why = f"it does not fit {limit} tokens"
        left_out.append(LeftOut(what="summary", messages=0, tokens=summary_tokens, why=why))
        summary, summary_tokens = None, 0
        path = [whole(message) for message in path]  # what is shortened stands with the summary
    window = select(
        path,
        after=None if branch.summary is None else branch.summary.upto_id,
        previous_start=previous_start,
        limit=limit - summary_tokens - required,
        floor=floor,
        policy=inputs.policy,
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
    room = limit - summary_tokens - window.tokens - required
    fitting: list[Recalled] = []
    for block in recalled:
        if block.needed or block.tokens <= room:
            fitting.append(block)
            room -= 0 if block.needed else block.tokens
        else:
            why = f"only {room} tokens are left"
            left_out.append(LeftOut(what=f"recall {block.id}", messages=0, tokens=block.tokens, why=why))
    return Trimmed(window=window, summary=summary, recalled=tuple(fitting), left_out=tuple(left_out))


def _limit(inputs: PlanInputs, minimum: int) -> int:
    """The most tokens of messages, summary and recall, of which `minimum` are certain. Raises MessageTooLarge."""
    limit = message_limit(inputs)
    if minimum > limit:
        raise MessageTooLarge(minimum, limit)
    price_step = inputs.prices.dearer_above()
    if price_step is None:
        return limit
    below = room_below(inputs, price_step)
    return min(limit, below) if minimum <= below else limit
