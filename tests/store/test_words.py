"""The words of a text as each database indexes them, and where an index entry ends."""

import pytest

from context.recall.normalization import normalized
from store.search import words
from store.search.words import (
    FEW,
    LARGEST,
    LAST_POSITION,
    LONGEST_QUERY,
    LONGEST_WORD,
    MOST_POSITIONS,
    MOST_STEMMED,
    OTHER_STEM,
    SHORTEST_PREFIX,
    STEM,
    Term,
    fts5,
    signed_stems,
    terms,
    tsvector,
)


def entries(text: str) -> dict[str, str]:
    """The lexemes of a tsvector and their positions."""
    return {
        lexeme[1:-1]: places
        for lexeme, _, places in (part.rpartition(":") for part in tsvector(text).split())
    }


def written(text: str) -> dict[str, str]:
    """The same without stems."""
    return {word: places for word, places in entries(text).items() if word[0] not in (STEM, OTHER_STEM)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The FOX, the dog", "the fox the dog"),
        ("src/main.py 3.14", "src main py 3 14"),
        ("北京go大学", "北 京 go 大 学"),
        ("a、b。", "a b"),
        ("", ""),
        ("!?", ""),
        ("x" * (LONGEST_WORD + 5), "x" * LONGEST_WORD),
    ],
)
def test_a_text_is_split_into_words_the_same_for_both_databases(text: str, expected: str) -> None:
    assert list(words.words(text)) == expected.split()
    assert [word for word in fts5(text).split() if word[0] not in (STEM, OTHER_STEM)] == expected.split()
    assert set(written(text)) == set(expected.split())


def test_words_know_where_they_stand_in_the_normalized_text() -> None:
    assert list(words.word_spans("one, two 北京")) == [
        ("one", (0, 3)),
        ("two", (5, 8)),
        ("北", (9, 10)),
        ("京", (10, 11)),
    ]


def test_a_word_has_all_its_positions_and_more_weight_than_a_stem() -> None:
    indexed = entries("houses and more houses stood")
    assert (indexed["houses"], indexed["and"], indexed["stood"]) == ("1A,4A", "2A", "5A")
    assert indexed[f"{STEM}hous"] == "1", "where its word stands first"
    assert fts5("houses and houses").split().count(f"{STEM}hous") == 1


def test_a_word_has_so_many_positions_and_none_behind_the_last() -> None:
    places = written("ab " * (MOST_POSITIONS + 9))["ab"].split(",")
    assert places == [f"{place}A" for place in range(1, MOST_POSITIONS + 1)]
    before = " ".join(f"w{number}" for number in range(LAST_POSITION - 2))
    indexed = written(f"{before} one two two three")
    assert indexed["one"] == f"{LAST_POSITION - 1}A"
    assert (indexed["two"], indexed["three"]) == (f"{LAST_POSITION}A", f"{LAST_POSITION}A"), "once each"


def test_an_entry_is_no_larger_than_postgres_takes_and_holds_what_comes_first() -> None:
    letters = [
        chr(code) for code in (*range(0x20000, 0x32000), *range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))
    ]
    letters = [letter for letter in letters if letter.isalnum() and normalized(letter) == letter]
    indexed = list(written("".join(letters)))
    assert len(indexed) < len(letters)
    assert indexed == letters[: len(indexed)]
    size = sum(len(letter.encode()) + 6 for letter in indexed)
    assert LARGEST - 10 < size <= LARGEST + 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fox", [Term(words=("fox",), prefix=True)]),
        ("ox fox", [Term(words=("ox",), prefix=False), Term(words=("fox",), prefix=True)]),
        (
            "x" * SHORTEST_PREFIX + " y",
            [Term(words=("x" * SHORTEST_PREFIX,), prefix=True), Term(words=("y",), prefix=True)],
        ),
        (
            "x" * (SHORTEST_PREFIX - 1) + " y",
            [Term(words=("xxx",), prefix=False), Term(words=("y",), prefix=True)],
        ),
        ("12345 y", [Term(words=("12345",), prefix=False), Term(words=("y",), prefix=True)]),
        ("main.py! ? y", [Term(words=("main", "py"), prefix=False), Term(words=("y",), prefix=True)]),
        ("京 y", [Term(words=("京",), prefix=True), Term(words=("y",), prefix=True)]),
        ("", []),
        ("?! .", []),
    ],
)
def test_a_query_is_terms_of_which_some_may_be_beginnings(query: str, expected: list[Term]) -> None:
    assert [Term(words=term.words, prefix=term.prefix) for term in terms(query)] == expected


def test_of_a_query_so_many_characters_are_read_and_so_many_words_in_other_forms() -> None:
    assert [term.words[0] for term in terms("a" * (LONGEST_QUERY - 1) + " b")] == ["a" * LONGEST_WORD]
    assert len(terms("a " * LONGEST_QUERY)) == LONGEST_QUERY // 2
    forms = [bool(term.forms) for term in terms("houses " * (MOST_STEMMED + 2))]
    assert forms == [True] * MOST_STEMMED + [False] * 2
    assert not terms("houses.cats dogs")[0].forms, "a phrase is looked for as it is written"


def test_forms_are_the_stem_behind_its_sign_and_the_word_where_it_is_a_stem() -> None:
    (houses,) = terms("houses")
    assert houses.forms[:3] == ("hous", f"{STEM}houses", f"{STEM}hous")
    assert all(form.startswith(OTHER_STEM) for form in houses.forms[3:])
    (stem,) = terms("hou")
    assert stem.forms[0] == f"{STEM}hou"
    assert terms("京")[0].forms == ()


def test_a_short_text_of_unknown_language_has_stems_of_every_language_and_a_long_one_of_its_default() -> None:
    def signs(count: int) -> set[str]:
        distinct = ["houses", *(f"x{number}" for number in range(count - 1))]
        return {stem[0] for stem in signed_stems("houses", distinct)["houses"]}

    assert signs(FEW) == {STEM, OTHER_STEM}
    assert signs(FEW + 1) == {STEM}
    assert signed_stems("12 34", ["12", "34"]) == {}


def test_a_text_of_a_known_language_has_the_stems_of_that_one() -> None:
    text = "Wir haben die Häuser und ihre Rechnungen gesehen"
    stems = signed_stems(text, list(words.words(text)))
    assert stems["hauser"] == (f"{OTHER_STEM}haus",)
    assert "und" not in stems or all(stem[0] == OTHER_STEM for stem in stems["und"])
