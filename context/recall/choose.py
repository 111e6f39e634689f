"""Choose which messages to recall within a token budget: the best value per token, instructions first, long messages as excerpts first.

Theory of operation. Messages are chosen in the order of value per token and those that do not fit are passed over. A long
message enters twice: as an excerpt, cheap and worth most of it, and as the rest, which is bought only when nothing better is
left; then the whole replaces the excerpt.
"""

from collections.abc import Callable, Mapping, Sequence

from context.recall.excerpts import excerpt
from context.recall.policy import RecallPolicy
from context.recall.rank import density, ranked
from context.recall.render import INSTRUCTION, OPENING, rendered
from context.recall.thread import Outline, Source
from context.request.recipe import RECALL, RECALL_INSTRUCTIONS, Recalled

HEADER = 4  # tokens of a date and a speaker, at least

Count = Callable[[str], int]
Ranges = tuple[tuple[int, int], ...]


def worth_reading(
    values: Mapping[int, float], outline: Outline, budget: int, policy: RecallPolicy
) -> tuple[list[int], list[int]]:
    """The positions worth reading for this budget, best first: instructions that stay in force, and the others.

    Half as much again as the budget is read, because sizes are estimates and large messages are passed over.
    """
    worth = density(values, outline, policy)
    rules = [
        position
        for position in outline.instructions
        if outline.tokens[position] <= policy.instruction_longest
    ]
    rules.sort(key=lambda position: (-worth.get(position, 0.0), -position))
    others = ranked(values, outline, policy, above=policy.least * max(values.values(), default=0.0))
    return (
        _up_to(rules, outline, budget * policy.instruction_share * 1.5, policy),
        _up_to(others, outline, budget * 1.5, policy),
    )


def choose(
    *,
    instructions: Sequence[int],
    others: Sequence[int],
    values: Mapping[int, float],
    sources: Mapping[int, Source],
    weights: Mapping[str, float],
    budget: int,
    count: Count,
    policy: RecallPolicy,
) -> tuple[Recalled, ...]:
    """The blocks to send, within `budget` tokens as `count` counts them: instructions, then the others, each oldest first."""
    opening, heading = _block(RECALL, OPENING, count), _block(RECALL_INSTRUCTIONS, INSTRUCTION, count)
    rules_sent: dict[int, Recalled] = {}
    room = min(budget, int(budget * policy.instruction_share)) - heading.tokens
    for position in instructions:
        block = _whole(sources[position], count) if position in sources else None
        if block is not None and block.tokens <= room:
            rules_sent[position] = block
            room -= block.tokens
    spent = heading.tokens + sum(block.tokens for block in rules_sent.values()) if rules_sent else 0
    bought = _buy(
        [position for position in others if position not in rules_sent and position in sources],
        values,
        sources,
        weights,
        budget - spent - opening.tokens,
        count,
        policy,
    )
    made: list[Recalled] = []
    if rules_sent:
        made += [heading, *(rules_sent[position] for position in sorted(rules_sent))]
    if bought:
        made += [opening, *(bought[position] for position in sorted(bought))]
    return tuple(made)


def _buy(
    positions: Sequence[int],
    values: Mapping[int, float],
    sources: Mapping[int, Source],
    weights: Mapping[str, float],
    room: int,
    count: Count,
    policy: RecallPolicy,
) -> dict[int, Recalled]:
    offers: list[tuple[float, int, Recalled]] = []
    excerpts = 0
    for position in positions:
        whole, value = _whole(sources[position], count), values[position]
        if whole is None:
            continue
        part = None
        if whole.tokens > policy.excerpt_over and excerpts < policy.excerpts:
            excerpts += 1
            part = _part(sources[position], weights, count, policy)
        if part is None:
            offers.append((_density(value, whole.tokens, policy), position, whole))
            continue
        offers.append((_density(value * policy.excerpt_value, part.tokens, policy), position, part))
        rest = value * (1 - policy.excerpt_value)
        offers.append((_density(rest, whole.tokens - part.tokens, policy), position, whole))
    offers.sort(key=lambda offer: (-offer[0], -offer[1], offer[2].tokens))
    bought: dict[int, Recalled] = {}
    for _, position, block in offers:
        returned = bought[position].tokens if position in bought else 0
        if block.tokens > returned and block.tokens - returned <= room:
            bought[position] = block
            room -= block.tokens - returned
    return bought


def _density(value: float, tokens: int, policy: RecallPolicy) -> float:
    return value / (tokens + policy.attention)


def _whole(source: Source, count: Count) -> Recalled | None:
    return _block(source.id, rendered(source), count) if source.text.strip() else None


def _part(
    source: Source, weights: Mapping[str, float], count: Count, policy: RecallPolicy
) -> Recalled | None:
    ranges = excerpt(source.text, weights, count, policy)
    return _block(source.id, rendered(source, ranges), count, ranges) if ranges else None


def _block(id: str, text: str, count: Count, ranges: Ranges = ()) -> Recalled:
    return Recalled(id=id, text=text, tokens=count(text + "\n"), ranges=ranges)


def _up_to(positions: Sequence[int], outline: Outline, tokens: float, policy: RecallPolicy) -> list[int]:
    """The first positions whose sizes sum up to `tokens`; a long message counts as its excerpt."""
    chosen: list[int] = []
    for position in positions:
        if tokens <= 0:
            break
        size = outline.tokens[position]
        chosen.append(position)
        tokens -= HEADER + (policy.excerpt_size if size > policy.excerpt_over else size)
    return chosen
