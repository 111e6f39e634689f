"""What simpler ways of filling the prompt would have cost for the same turns: figures to be shown beside the real bill.

None of them summarizes, so a window that is cut forgets. Cached ones have one automatic breakpoint, on the last block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from context.audit.bound import SizedTurn
from context.cache.cache_state import TTL_MS, CacheTtl
from context.models.pricing import PriceTable, Usage

LOOKBACK: Final = 20  # positions searched for an entry, from a breakpoint back, its own included


@dataclass(frozen=True, slots=True, kw_only=True)
class SimplePolicy:
    """A way to fill the prompt: at most `most` messages, cut down to `left` of them; None keeps everything."""

    name: str
    ttl: CacheTtl
    most: int | None = None
    left: int = 0


def simple_policies(window: int) -> tuple[SimplePolicy, ...]:
    """The policies people begin with; `window` in messages."""
    return (
        SimplePolicy(name="full history, not cached", ttl="none"),
        SimplePolicy(name="full history, automatic 5m breakpoints", ttl="5m"),
        SimplePolicy(
            name=f"last {window} messages, cut by half when full, automatic 5m breakpoints",
            ttl="5m",
            most=window,
            left=window // 2,
        ),
        SimplePolicy(
            name=f"last {window} messages, oldest dropped each turn", ttl="none", most=window, left=window
        ),
    )


def usages(
    policy: SimplePolicy, turns: Sequence[SizedTurn], *, system: int, minimums: Mapping[str, int]
) -> list[Usage]:
    """What each turn's prompt would have been billed as; answers are not in it. `minimums`: shortest cacheable prefix, by model."""
    sizes = [size for turn in turns for size in (turn.user, turn.answer)]
    before = [0]
    for size in sizes:
        before.append(before[-1] + size)
    # By model, first message, and the message behind the last: when the entry was last used.
    entries: dict[tuple[str, int, int], int] = {}
    start, prompts = 0, list[Usage]()
    for index, turn in enumerate(turns):
        end = 2 * index + 1
        if policy.most is not None and end - start > policy.most:
            start = (end - policy.left + 1) // 2 * 2  # a window begins with a user's message
        total = system + before[end] - before[start]
        if policy.ttl == "none" or total < minimums[turn.model]:
            prompts.append(Usage(input=total))
            continue
        ttl = TTL_MS[policy.ttl]
        read = 0
        for last in range(end, max(start, end - LOOKBACK), -1):
            at = entries.get((turn.model, start, last))
            if at is not None and turn.at <= at + ttl:
                entries[turn.model, start, last] = turn.at
                read = system + before[last] - before[start]
                break
        entries[turn.model, start, end] = turn.at
        prompts.append(
            Usage(
                cache_read=read,
                cache_write_5m=total - read if policy.ttl == "5m" else 0,
                cache_write_1h=total - read if policy.ttl == "1h" else 0,
            )
        )
    return prompts


def bill(
    policy: SimplePolicy,
    turns: Sequence[SizedTurn],
    *,
    system: int,
    tables: Mapping[str, PriceTable],
    minimums: Mapping[str, int],
) -> int:
    """The price in picodollars of all prompts of a thread; answers are not in it."""
    prompts = usages(policy, turns, system=system, minimums=minimums)
    return sum(tables[turn.model].cost(usage) for turn, usage in zip(turns, prompts, strict=True))
