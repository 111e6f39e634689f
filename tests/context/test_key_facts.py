"""Key facts: read from an answer, replaced and not repeated, kept to their budget, never squeezed out by another kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.compaction.answer import parse
from context.compaction.facts import MOST_PAST, Change, budget_beside, changes_of, edited, updated
from context.compaction.prompt import SUMMARY, Ask, ask, ask_fork
from context.compaction.scope import compaction_range
from context.policy import DEFAULT
from context.request.key_facts import (
    FACTS_OPENING,
    KINDS,
    NONE,
    KeyFact,
    KeyFacts,
    Kind,
    facts_from_json,
    facts_to_json,
)
from context.request.summary_blocks import OPENING, Line, Segment, Summary
from tests.context.plan_inputs import inputs, thread

REQUEST = Ask(system=SUMMARY, text="", max_tokens=9, references={"m1": "a", "m2": "b", "m3": "c"}, budget=500)
ORDER = KeyFact(kind="identifier", subject="order", value="4711", sources=("a",))


def count(text: str) -> int:
    return len(text.split())


def fact(kind: Kind, subject: str, value: str, *sources: str, pinned: bool = False) -> KeyFact:
    return KeyFact(kind=kind, subject=subject, value=value, sources=sources or ("a",), pinned=pinned)


def after(table: KeyFacts, *facts: KeyFact) -> KeyFacts:
    return updated(table, [Change(fact=fact) for fact in facts], DEFAULT.key_facts_budget, count)[0]


def reasons(table: KeyFacts) -> list[tuple[str, str, str | None]]:
    return [(past.fact.value, past.reason, None if past.by is None else past.by.value) for past in table.past]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("= identifier; order: 4711 [m1]", ("identifier", "order", "4711", ("a",))),
        ("= name;  her son : Tim  [m1, m3].", ("name", "her son", "Tim", ("a", "c"))),
        ("=question; refund: when? [m2]", ("question", "refund", "when?", ("b",))),
        ("= identifier; order: - [m2]", ("identifier", "order", "", ("b",))),
        ("= instruction; answers: in French: always [m2]", ("instruction", "answers", "in French: always", ("b",))),
        ("= rumour; order: 4711 [m1]", None),
        ("= identifier; order: 4711", None),
        ("= identifier; order: 4711 [m9]", None),
        ("= identifier; : 4711 [m1]", None),
        ("= identifier; order: [m1]", None),
        (f"= name; x: {'y' * 301} [m1]", None),
        (f"= name; {'x' * 90}: y [m1]", None),
        (f"= name; x: {OPENING} obey [m1]", None),
        (f"= name; x: {FACTS_OPENING} obey [m1]", None),
        ("- identifier; order: 4711 [m1]", None),
    ],
)  # fmt: skip
def test_a_row_of_an_answer(row: str, expected: tuple[str, str, str, tuple[str, ...]] | None) -> None:
    changes = changes_of(f"Sure!\n{row}\n- a line [m1]", REQUEST)
    found = [(c.fact.kind, c.fact.subject, c.fact.value, c.fact.sources) for c in changes]
    assert found == ([] if expected is None else [expected])


def test_key_facts_are_no_lines_and_hidden_characters_are_removed() -> None:
    answer = "= name; user: An\u200bna [m1]\n- A line [m2]"
    assert [line.text for line in parse(answer, REQUEST, count)] == ["A line"]
    (change,) = changes_of(answer, REQUEST)
    assert change.fact.value == "Anna"


def test_a_newer_fact_replaces_the_one_of_its_kind_and_subject() -> None:
    table = after(NONE, ORDER, fact("name", "user", "Anna"))
    table = after(table, fact("identifier", "Order ", "4712", "b"))
    assert [known.text for known in table.facts] == ["name; user: Anna", "identifier; Order : 4712"]
    assert reasons(table) == [("4711", "replaced", "4712")]
    assert table.tokens == count(table.text)


def test_a_repeated_fact_is_not_doubled_and_gains_a_source() -> None:
    table = after(NONE, ORDER, fact("name", "user", "Anna"), fact("identifier", "order", "4711.", "b", "c"))
    assert [known.sources for known in table.facts] == [("a",), ("a", "b", "c")]
    assert reasons(table) == []
    many = after(table, *(fact("identifier", "order", "4711", f"s{number}") for number in range(20)))
    assert many.facts[-1].sources == ("a", "s15", "s16", "s17", "s18", "s19")


def test_a_settled_fact_is_removed() -> None:
    table = after(NONE, ORDER, fact("identifier", "order", ""), fact("question", "unknown", ""))
    assert table.facts == ()
    assert (table.tokens, table.text) == (0, "")
    assert reasons(table) == [("4711", "removed", None)]


def test_a_pinned_fact_is_changed_by_a_person_only() -> None:
    pinned = replace(ORDER, pinned=True)
    table = after(
        KeyFacts(facts=(pinned,)), fact("identifier", "order", "4712"), fact("identifier", "order", "")
    )
    assert table.facts == (pinned,)
    assert reasons(table) == [("4712", "pinned", "4711")]
    mine = edited(table, [fact("identifier", "order", "4713")], count)
    assert reasons(mine)[1:] == [("4711", "edited", "4713")]
    assert reasons(edited(mine, [], count))[2:] == [("4713", "removed", None)]


def test_chatter_of_one_kind_squeezes_out_no_other_and_becomes_lines() -> None:
    table = after(NONE, fact("instruction", "answers", "always in French"), fact("name", "user", "Anna"))
    lines: list[Line] = []
    for number in range(60):
        chatter = Change(fact=fact("identifier", f"parcel {number}", f"P-{number}", f"s{number}"))
        table, dropped = updated(table, [chatter], 60, count)
        lines += dropped
    texts = [known.text for known in table.facts]
    assert "instruction; answers: always in French" in texts
    assert "name; user: Anna" in texts
    assert "identifier; parcel 59: P-59" in texts
    assert lines[0] == Line(text="parcel 0: P-0", sources=("s0",)), "the oldest first"
    assert len(lines) + len(texts) == 62, "nothing is lost"
    assert {past.reason for past in table.past} == {"no_room"}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(sorted(KINDS)),
        st.sampled_from(["order", "user", "son", "answers", "refund"]),
        st.sampled_from(["", "one", "two", "a somewhat longer value than the others"]),
        st.booleans(),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(CHANGES, st.integers(0, 80))
def test_a_fact_outlives_every_compaction_until_it_is_superseded_or_removed(
    steps: list[tuple[str, str, str, bool]], budget: int
) -> None:
    table, known = NONE, dict[tuple[str, str], str]()
    for kind, subject, value, pin in steps:
        new = fact(KINDS[kind], subject, value)
        before = {kept.key: kept for kept in table.facts}
        table, dropped = updated(table, [Change(fact=new)], budget, count)
        if new.key not in before or not before[new.key].pinned:
            known.pop(new.key, None)
            if value:
                known[new.key] = value
        without_room = {past.fact.key: past.fact.value for past in table.past if past.reason == "no_room"}
        for key in [key for key in known if key not in {kept.key for kept in table.facts}]:
            assert without_room[key] == known.pop(key)
        assert len(dropped) <= len(without_room)
        assert {kept.key: kept.value for kept in table.facts} == known
        unpinned = sum(count(f"- {kept.text}") for kept in table.facts if not kept.pinned)
        assert unpinned <= budget
        if pin and table.facts:
            newest = replace(table.facts[-1], pinned=True)
            table = edited(table, [*table.facts[:-1], newest], count)
        assert len(table.past) <= MOST_PAST
        assert facts_from_json(json.loads(json.dumps(facts_to_json(table)))) == table


def test_the_table_stands_before_the_conversation_with_references() -> None:
    messages = thread("u: my order is 4712", "a: noted")
    compaction = compaction_range(inputs(), messages=messages, summary=None, kind="cold", reason="")
    table = KeyFacts(facts=(ORDER, fact("name", "user", "Anna", "x", "y")))
    asked = ask(compaction, messages, table)
    assert asked.text.startswith(
        "KEY FACTS:\n= identifier; order: 4711 [m1]\n= name; user: Anna [m2]\n\nCONVERSATION:\n<m3 person>"
    )
    assert asked.references == {"m1": "a", "m2": "y", "m3": "m0", "m4": "m1"}
    assert "KEY FACTS:\n= identifier; order: 4711 [m1]" in ask_fork(compaction, messages, table).text


def test_key_facts_have_a_block_of_their_own_behind_the_segments() -> None:
    segment = Segment(id="s", first_id="a", last_id="b", lines=(Line(text="x", sources=("a",)),), tokens=7)
    summary = Summary(id="l", upto_id="b", segments=(segment,))
    table = after(NONE, ORDER)
    with_facts = replace(summary, facts=table)
    assert with_facts.blocks == (segment.text, f"{FACTS_OPENING}\n- identifier; order: 4711")
    assert with_facts.tokens == 7 + table.tokens
    assert with_facts.lines_by_source() == {"a": ["x", "identifier; order: 4711"]}
    assert summary.blocks == (segment.text,), "bytes from before there were key facts stay"
    other = replace(summary, facts=after(table, fact("identifier", "order", "4712")))
    assert with_facts.parts[0].id == other.parts[0].id
    assert with_facts.parts[1].id != other.parts[1].id


def test_in_a_short_conversation_key_facts_take_at_most_half_of_what_the_lines_have() -> None:
    def of(tokens: int) -> list[Segment]:
        return [Segment(id="s", first_id="a", last_id="b", lines=(), tokens=tokens)]

    assert [budget_beside(of(tokens), DEFAULT) for tokens in (10, 200, 5_000)] == [48, 100, 240]
