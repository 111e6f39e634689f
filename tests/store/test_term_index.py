"""What the index behind recall holds of a message, in a form that every version reads."""

from collections.abc import Iterable

import pytest

from store.search import term_index
from store.search.term_index import (
    INSTRUCTION,
    LABELED,
    PREFERRING,
    TELLING,
    digest,
    entry,
    indexed_stems,
    scope,
)


def properties(words: str, role: str = "user") -> set[str]:
    """What is indexed that is neither a word nor a kind of things."""
    return {
        stem for stem in indexed_stems(words, role) if stem.startswith(" ") and not stem.strip().isdigit()
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Always answer in metric units.", {INSTRUCTION}),
        ("I prefer tea to coffee", {PREFERRING}),
        ("We met last week in Paris", {TELLING}),
        ("Nora: I sailed yesterday", {LABELED, f"{LABELED} nora", TELLING}),
        ("My sister Nora is a doctor", set()),
    ],
)
def test_properties_of_a_whole_message_are_indexed_beside_its_words(words: str, expected: set[str]) -> None:
    assert properties(words) == expected


@pytest.mark.parametrize("words", ["Always answer in metric units.", "I prefer tea to coffee"])
def test_rules_and_preferences_are_those_of_the_user(words: str) -> None:
    assert properties(words, "assistant") == set()


def test_words_and_the_kinds_of_what_they_name_are_indexed() -> None:
    stems = indexed_stems("lighthouse", "user")
    assert "lighthous" in stems
    assert any(stem.strip().isdigit() for stem in stems), "what a lighthouse is"
    assert indexed_stems("", "user") == set()


def test_an_entry_is_what_every_version_has_stored() -> None:
    """Changed digests would hide what is indexed already: they need a rebuild."""
    assert [scope("ada", "t", stretch) for stretch in (None, 0, 3)] == [
        "f919df0ed4",
        "ecab0849af",
        "1b75ee12c7",
    ]
    assert digest("lighthous") == "752fe4aa"
    assert entry("ada", "t", None, ["a", "b"]) == "f919df0ed4ca234c55 f919df0ed4fd9d3f51"
    assert (term_index.INSTRUCTION, term_index.PREFERRING, term_index.TELLING, term_index.LABELED) == (
        " standing", " preferring", " telling", " labeled",
    )  # fmt: skip


def test_threads_of_all_owners_and_stretches_have_lists_of_their_own() -> None:
    names: Iterable[tuple[str, str, int | None]] = [
        ("ada", "t", None), ("bob", "t", None), ("ada", "s", None), ("ad", "at", None), ("ada", "t", 0), ("ada", "t", 1),
        ("ada", "\ud800", None),
    ]  # fmt: skip
    assert len({scope(*name) for name in names}) == 7
    assert len({digest(stem) for stem in ("a", "b", " a", "\ud800")}) == 4
