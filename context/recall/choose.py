"""Choose which messages to recall: the best value per token first, as long as they are worth their tokens, long messages as excerpts first.

Theory of operation. Messages are chosen in the order of value per token; those that do not fit or are not worth their price (`purchase`) are passed over. A long
message enters twice: as an excerpt, cheap and worth most of it, and as the rest, which is bought only when nothing better is
left; then the whole replaces the excerpt.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from context.recall.excerpts import excerpt
from context.recall.policy import RecallPolicy
from context.recall.purchase import INSTRUCTION_CHANCE, Terms, chance
from context.recall.rank import density, ranked
from context.recall.render import INSTRUCTION, OPENING, rendered
from context.recall.thread import Outline, Source
from context.request.recipe import RECALL, RECALL_INSTRUCTIONS, Recalled

HEADER = 4  # tokens of a date and a speaker, at least

Count = Callable[[str], int]
Ranges = tuple[tuple[int, int], ...]


def worth_reading(
    values: Mapping[int, float], outline: Outline, terms: Terms, policy: RecallPolicy
) -> tuple[list[int], list[int]]:
    """The positions worth reading, best first: instructions that stay in force, and the others.

    Half as much again as the cap is read, because sizes are estimates and large messages are passed over.
    """
    worth, top = density(values, outline, policy), max(values.values(), default=0.0)
    rules = [
        position
        for position in outline.instructions
        if outline.tokens[position] <= policy.instruction_longest
        and terms.pays(_rule_chance(position, values, top), outline.tokens[position])
    ]
    rules.sort(key=lambda position: (-worth.get(position, 0.0), -position))
    others = (
        position
        for position in ranked(
            values, outline, policy, above=max(policy.least, terms.least_share - 1e-9) * top
        )
        if terms.pays(chance(values[position] / top), min(outline.tokens[position], policy.excerpt_size))
    )
    return (
        _up_to(rules, outline, terms.cap * policy.instruction_share * 1.5, policy),
        _up_to(others, outline, terms.cap * 1.5, policy),
    )


def choose(
    *,
    instructions: Sequence[int],
    others: Sequence[int],
    values: Mapping[int, float],
    sources: Mapping[int, Source],
    weights: Mapping[str, float],
    terms: Terms,
    count: Count,
    policy: RecallPolicy,
) -> tuple[Recalled, ...]:
    """The blocks to send, on these terms as `count` counts tokens: instructions, then the others, each oldest first."""
    opening, heading = _block(RECALL, OPENING, count), _block(RECALL_INSTRUCTIONS, INSTRUCTION, count)
    top = max(values.values(), default=0.0)
    rules = {
        position: _rule_chance(position, values, top) for position in instructions if position in sources
    }
    rest = [position for position in others if position in sources]
    needed = {position: chance(values[position] / top) for position in rest} if top > 0 else {}
    scale = 1 / max(1.0, sum(rules.values()) + sum(needed.values()))  # together they are needed once
    rule_offers = _rule_offers(rules, scale, sources, count)
    room = int(terms.cap * policy.instruction_share)
    rules_sent = _worth_it(_buy(rule_offers, room - heading.tokens, terms), heading, terms)
    spent = sum(offer.block.tokens for offer in rules_sent.values()) + heading.tokens if rules_sent else 0
    chances = {position: likely * scale for position, likely in needed.items() if position not in rules_sent}
    offers = _offers(chances, values, sources, weights, count, policy)
    bought = _worth_it(_buy(offers, terms.cap - spent - opening.tokens, terms), opening, terms)
    made: list[Recalled] = []
    if rules_sent:
        made += [heading, *(rules_sent[position].block for position in sorted(rules_sent))]
    if bought:
        made += [opening, *(bought[position].block for position in sorted(bought))]
    return tuple(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """A message, or a part of it, at its price. `density`: value per token.

    chance: that it is needed, and the part alone would not do; whole_chance: that any of it is needed.
    """

    position: int
    block: Recalled
    chance: float
    density: float
    whole_chance: float


def _offers(
    chances: Mapping[int, float],
    values: Mapping[int, float],
    sources: Mapping[int, Source],
    weights: Mapping[str, float],
    count: Count,
    policy: RecallPolicy,
) -> list[_Offer]:
    """What can be bought, best value per token first, of equals the newest. `chances` in the order in which long messages are read."""
    offers: list[_Offer] = []
    excerpts = 0
    for position, likely in chances.items():
        whole, value = _whole(sources[position], count), values[position]
        if whole is None:
            continue
        part, share = None, 1.0
        if whole.tokens > policy.excerpt_over and excerpts < policy.excerpts:
            excerpts += 1
            part = _part(sources[position], weights, count, policy)
        if part is not None:
            share = 1 - policy.excerpt_value
            density = _density(value * policy.excerpt_value, part.tokens, policy)
            offers.append(
                _Offer(
                    position=position,
                    block=part,
                    chance=likely * policy.excerpt_value,
                    density=density,
                    whole_chance=likely * policy.excerpt_value,
                )
            )
        rest = whole.tokens - (0 if part is None else part.tokens)
        density = _density(value * share, rest, policy)
        offers.append(
            _Offer(
                position=position,
                block=whole,
                chance=likely * share,
                density=density,
                whole_chance=likely,
            )
        )
    return sorted(offers, key=lambda offer: (-offer.density, -offer.position, offer.block.tokens))


def _rule_offers(
    chances: Mapping[int, float], scale: float, sources: Mapping[int, Source], count: Count
) -> list[_Offer]:
    """Instructions that stay in force, in this order."""
    blocks = {position: _whole(sources[position], count) for position in chances}
    return [
        _Offer(
            position=position,
            block=block,
            chance=chances[position] * scale,
            density=0.0,
            whole_chance=chances[position] * scale,
        )
        for position, block in blocks.items()
        if block is not None
    ]


def _buy(offers: Sequence[_Offer], room: int, terms: Terms) -> dict[int, _Offer]:
    """What is bought, by position: what fits and pays. A whole message replaces its part, whose price is given back."""
    bought: dict[int, _Offer] = {}
    for offer in offers:
        returned = bought[offer.position].block.tokens if offer.position in bought else 0
        price = offer.block.tokens - returned
        if 0 < price <= room and terms.pays(offer.chance, price):
            bought[offer.position] = offer
            room -= price
    return bought


def _worth_it(bought: dict[int, _Offer], heading: Recalled, terms: Terms) -> dict[int, _Offer]:
    """What was bought, or nothing where it is not worth its heading too."""
    tokens = heading.tokens + sum(offer.block.tokens for offer in bought.values())
    likely = sum(offer.whole_chance for offer in bought.values())
    return bought if terms.pays(likely, tokens) else {}


def _rule_chance(position: int, values: Mapping[int, float], top: float) -> float:
    """The chance that a standing instruction is needed."""
    return max(INSTRUCTION_CHANCE, chance(values[position] / top) if position in values and top > 0 else 0.0)


def _density(value: float, tokens: int, policy: RecallPolicy) -> float:
    return value / (tokens + policy.attention)


def _whole(source: Source, count: Count) -> Recalled | None:
    if not source.text[source.sent :].strip():
        return None
    ranges = ((source.sent, len(source.text)),) if source.sent else ()
    return _block(source.id, rendered(source, ranges), count, ranges)


def _part(
    source: Source, weights: Mapping[str, float], count: Count, policy: RecallPolicy
) -> Recalled | None:
    found = excerpt(source.text[source.sent :], weights, count, policy)
    ranges = tuple((source.sent + start, source.sent + end) for start, end in found)
    return _block(source.id, rendered(source, ranges), count, ranges) if ranges else None


def _block(id: str, text: str, count: Count, ranges: Ranges = ()) -> Recalled:
    return Recalled(id=id, text=text, tokens=count(text + "\n"), ranges=ranges)


def _up_to(positions: Iterable[int], outline: Outline, tokens: float, policy: RecallPolicy) -> list[int]:
    """The first positions whose sizes sum up to `tokens`; a long message counts as its excerpt."""
    chosen: list[int] = []
    for position in positions:
        if tokens <= 0:
            break
        size = outline.tokens[position]
        chosen.append(position)
        tokens -= HEADER + (policy.excerpt_size if size > policy.excerpt_over else size)
    return chosen
