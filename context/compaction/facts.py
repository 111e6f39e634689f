"""Keep the table of key facts: read changes from the summarizer's answer, apply them, and keep to the budget."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from context.compaction.answer import LONGEST_LINE, rows, sources_of, text_and_references
from context.compaction.prompt import Ask
from context.policy import Policy
from context.request.key_facts import FACTS_OPENING, KINDS, KeyFact, KeyFacts, Kind, PastFact
from context.request.summary_blocks import OPENING, Line, Segment

CHANGE: Final = re.compile(r"=\s*([a-z]{4,11})\s*;\s*([^:;=\s][^:;\n]{0,79}):\s*(\S.*)")
LONGEST_VALUE: Final = 300  # characters
MOST_CHANGES: Final = 40  # of one answer
MOST_SOURCES: Final = 6  # of one fact: the first, and the newest
LEAST_BUDGET: Final = 48  # tokens: three or four facts
MOST_PAST: Final = 60  # facts that are remembered after they left the table

WEIGHTS: Final[dict[Kind, int]] = {
    "instruction": 4,
    "preference": 3,
    "name": 3,
    "identifier": 3,
    "decision": 3,
    "promise": 2,
    "question": 1,
}
"""What share of a full table a kind keeps before it gives up its oldest facts: what must be obeyed keeps most, open questions pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of an answer: a new fact, or the same kind and subject with an empty value, which removes it."""

    fact: KeyFact

    @property
    def removes(self) -> bool:
        return not self.fact.value


def changes_of(answer: str, request: Ask) -> tuple[Change, ...]:
    """The changes an answer asks for; rows that are malformed, too long or without a valid source are left out."""
    changes: list[Change] = []
    for row in rows(answer):
        text, references = text_and_references(row) if row.startswith("=") else ("", "")
        match = CHANGE.fullmatch(text)
        kind = None if match is None else KINDS.get(match[1])
        sources = sources_of(references, request)
        if match is None or kind is None or not sources:
            continue
        value = match[3].strip()
        if len(value) > LONGEST_VALUE or any(mark in text for mark in (OPENING, FACTS_OPENING)):
            continue
        fact = KeyFact(
            kind=kind,
            subject=" ".join(match[2].split()),
            value="" if value == "-" else value,
            sources=_bounded(sources),
        )
        changes.append(Change(fact=fact))
    return tuple(changes[:MOST_CHANGES])


def budget_beside(segments: Sequence[Segment], policy: Policy) -> int:
    """Tokens that key facts may have beside these segments: in a short conversation no more than half of what the lines have."""
    half = sum(segment.tokens for segment in segments) // 2
    return min(policy.key_facts_budget, max(LEAST_BUDGET, half))


def updated(
    table: KeyFacts, changes: Iterable[Change], budget: int, count: Callable[[str], int]
) -> tuple[KeyFacts, tuple[Line, ...]]:
    """The table after the changes, within its budget; and what lost its room, as lines for the summary.

    A new fact that never had room is not among them: the lines of the same answer are written from the same messages.
    """
    before = {fact.key: fact.value for fact in table.facts}
    facts = {fact.key: fact for fact in table.facts}
    past = list(table.past)
    for change in changes:
        new = change.fact
        known = facts.get(new.key)
        if change.removes:
            if known is not None and not known.pinned:
                del facts[new.key]
                past.append(PastFact(fact=known, reason="removed"))
        elif known is None:
            facts[new.key] = new
        elif _same(known.value, new.value):
            del facts[new.key]  # mentioned again: it is the newest now
            facts[new.key] = replace(known, sources=_bounded((*known.sources, *new.sources)))
        elif known.pinned:
            past.append(PastFact(fact=new, reason="pinned", by=known))
        else:
            del facts[new.key]
            facts[new.key] = new
            past.append(PastFact(fact=known, reason="replaced", by=new))
    dropped = _over_budget(list(facts.values()), budget, count)
    for fact in dropped:
        del facts[fact.key]
        past.append(PastFact(fact=fact, reason="no_room"))
    lines = tuple(
        Line(text=f"{fact.subject}: {fact.value}"[:LONGEST_LINE], sources=fact.sources)
        for fact in dropped
        if before.get(fact.key) == fact.value
    )
    return table_of(tuple(facts.values()), past, count), lines


def edited(table: KeyFacts, facts: Sequence[KeyFact], count: Callable[[str], int]) -> KeyFacts:
    """The table as a person wants it, with what that person removed or changed remembered."""
    after = {fact.key: fact for fact in facts}
    past = list(table.past)
    for known in table.facts:
        new = after.get(known.key)
        if new is None:
            past.append(PastFact(fact=known, reason="removed"))
        elif new.value != known.value:
            past.append(PastFact(fact=known, reason="edited", by=new))
    return table_of(tuple(after.values()), past, count)


def table_of(facts: Sequence[KeyFact], past: Sequence[PastFact], count: Callable[[str], int]) -> KeyFacts:
    """A table with the size of its block."""
    table = KeyFacts(facts=tuple(facts), past=tuple(past)[-MOST_PAST:])
    return replace(table, tokens=count(table.text) if facts else 0)


def _over_budget(facts: list[KeyFact], budget: int, count: Callable[[str], int]) -> list[KeyFact]:
    """The facts that have no room: each time the oldest of the kind that has most for its weight. Pinned ones stay, and take no room."""
    sizes = {fact.key: count(f"- {fact.text}\n") for fact in facts if not fact.pinned}
    by_kind: dict[Kind, list[KeyFact]] = {}
    for fact in facts:
        if not fact.pinned:
            by_kind.setdefault(fact.kind, []).append(fact)
    dropped: list[KeyFact] = []
    totals = {kind: sum(sizes[fact.key] for fact in members) for kind, members in by_kind.items()}
    while sum(totals.values()) > budget:
        kind = max(totals, key=lambda kind: totals[kind] / WEIGHTS[kind])
        oldest = by_kind[kind].pop(0)
        totals[kind] -= sizes[oldest.key]
        dropped.append(oldest)
    return dropped


def _same(one: str, other: str) -> bool:
    return one.casefold().strip(" .") == other.casefold().strip(" .")


def _bounded(sources: Sequence[str]) -> tuple[str, ...]:
    """Each source once; the first and the newest of too many."""
    unique = tuple(dict.fromkeys(sources))
    return unique if len(unique) <= MOST_SOURCES else (unique[0], *unique[1 - MOST_SOURCES :])
