"""What is counted in a text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.tokens.features import INDEX, NAMES, NOTHING, SCRIPTS, Features, frame, total
from context.tokens.pieces import LONGEST, PIECE, SHAPES, WORDS
from context.tokens.prior import PART, REMEMBERED, TokenPrior
from tests import texts

prior = TokenPrior.load()
any_text = st.text(st.characters(exclude_categories=[]), max_size=200)


def counted(text: str) -> dict[str, int]:
    """What is counted, by a prior that remembers nothing."""
    fresh = TokenPrior(prior._tokenizer)
    return {name: count for name, count in zip(NAMES, fresh.features(text), strict=True) if count}


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", {}),
        ("the house", {"glued_word": 1, "word": 1}),
        ("x = 1234", {"glued_word": 1, "sign_run": 1, "digit": 4, "digit_group": 2, "spaced_number": 1}),
        ("\n\n    if", {"line_break": 1, "line_extra": 1, "space_run": 1, "space_extra": 2, "word": 1}),
        (" Привіт", {"cyrillic": 6, "cyrillic_minor": 1}),
        ("你好，世界", {"han": 4, "symbol": 1}),
        ("ok 👍🏽\u200d", {"glued_word": 1, "emoji": 2, "joiner": 1}),
        ("\0\0", {"rest": 2}),
        ("é\0你\0", {"glued_word": 1, "accent": 1, "han": 1, "rest": 2}),
        ("\ud800", {"rest": 1}),
    ],
)
def test_each_kind_of_text_is_counted_for_what_it_is(text: str, counts: dict[str, int]) -> None:
    assert counted(text) == counts


@pytest.mark.parametrize(("script", "first", "last"), SCRIPTS)
def test_a_script_holds_its_first_and_its_last_letter(script: str, first: int, last: int) -> None:
    assert counted(chr(first))[script] == 1
    assert counted(chr(last))[script] == 1
    assert script not in counted(chr(first - 1) + chr(last + 1))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("symbol", 0x2010, 0x25FF),
        ("symbol", 0x27C0, 0x303F),
        ("symbol", 0xFF00, 0xFFEF),
        ("joiner", 0x200B, 0x200F),
        ("joiner", 0xFE00, 0xFE0F),
        ("emoji", 0x2600, 0x27BF),
        ("emoji", 0x1F000, 0x1FFFF),
        ("han", 0x20000, 0x3FFFF),
        ("rest", 0xFFF0, 0x1EFFF),
        ("rest", 0x40000, 0x10FFFF),
    ],
)
def test_symbols_emoji_and_joiners_are_told_apart_at_the_edges_of_their_blocks(
    name: str, first: int, last: int
) -> None:
    assert set(counted(chr(first))) == {name}
    assert set(counted(chr(last))) == {name}


def test_words_that_english_does_not_know_cost_more_pieces() -> None:
    assert counted("the")["glued_word"] == 1
    assert counted("xqzvkjw")["rare_piece"] > 2
    assert counted("xqzvkjw")["rare_word"] == 1


@given(any_text)
def test_any_string_at_all_can_be_counted(text: str) -> None:
    features = prior.features(text)
    assert len(features) == len(NAMES)
    assert all(count >= 0 for count in features)
    assert any(features) == bool(text)


@given(any_text)
def test_a_fresh_prior_counts_the_same_as_one_that_has_seen_much(text: str) -> None:
    assert TokenPrior(prior._tokenizer).features(text) == prior.features(text)


@given(any_text, any_text)
def test_text_after_a_paragraph_adds_its_own_features(first: str, second: str) -> None:
    joined = total([prior.features(first + "a\n"), prior.features("b" + second)])
    whole = prior.features(first + "a\nb" + second)
    assert whole == joined


latin_text = st.text(
    st.sampled_from("aeZéŁ\u0301 \n\t\r\x0b7.,-=\0\x1f\x7f")
    | st.characters(max_codepoint=0x24F, categories=["L", "P", "Z"]),
    max_size=200,
)


@given(latin_text)
def test_cutting_loses_no_character(text: str) -> None:
    data = "".join(char for char in text if char.isascii() or char in LATIN).encode()
    words, gaps = data.translate(WORDS).split(), data.translate(SHAPES).split()
    assert sum(map(len, words)) + sum(map(len, gaps)) == len(data)
    for gap in gaps:
        assert b"".join(PIECE.findall(gap)) == gap
        assert all(len(piece) <= LONGEST + 1 for piece in PIECE.findall(gap))


@given(latin_text)
def test_translating_and_splitting_counts_what_a_plain_expression_over_the_text_counts(text: str) -> None:
    text = "".join(char for char in text if char.isascii() or char in LATIN)
    expected = dict.fromkeys(
        ("word", "glued_word", "digit", "digit_group", "spaced_number", "sign_run", "rest"), 0
    )
    expected |= dict.fromkeys(("sign_extra", "line_break", "line_extra", "space_run", "space_extra"), 0)
    for token in DEFINITION.finditer(text):
        spaced, size = token[0].startswith(" "), len(token[0])
        match token.lastgroup:
            case "latin":
                expected["word" if spaced else "glued_word"] += 1
            case "digits":
                expected["digit"] += size - spaced
                expected["digit_group"] += 1
                expected["spaced_number"] += spaced
            case "signs":
                expected["sign_run"] += 1
                expected["sign_extra"] += size - spaced - 1
            case "blank":
                lines = max(token[0].rfind("\n"), token[0].rfind("\r")) + 1
                expected["line_break"] += lines > 0
                expected["line_extra"] += max(0, lines - 1)
                expected["space_run"] += size > lines
                expected["space_extra"] += max(0, size - lines - 1)
            case _:
                expected["rest"] += 1
    features = prior.features(text)
    assert {name: features[INDEX[name]] for name in expected} == expected


LATIN = "ªºÀÖØöøéŁɏ\u0301"
# Long words count as several, of 32 letters each; a gap keeps its last space for what follows.
DEFINITION = re.compile(
    rf"(?P<latin> ?+[A-Za-z{LATIN}]{{1,32}}+)|(?P<signs> ?+[!-/:-@\[-`{{-~]{{1,32}}+)|(?P<digits> ?+[0-9]{{1,3}}+)"
    r"|(?P<blank>\s{1,32}(?= \S)|\s{1,32}+)|.",
    re.DOTALL,
)


@pytest.mark.parametrize(
    "unit", ["a", "qzXvKw", " ", "\n", "\u3000", "漢", "\u0301", "=", "7", "\0", "é", " \n"]
)
def test_a_megabyte_without_a_break_is_cut_into_short_pieces(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    features = prior.features(text)
    assert sum(features) >= len(text) / LONGEST / 2


def test_a_flood_of_new_words_does_not_fill_the_memory() -> None:
    small = TokenPrior(prior._tokenizer)
    for start in range(0, 3 * REMEMBERED, 2_000):
        small.features(
            " ".join(f"w{chr(97 + i % 26)}{i:x}q".translate(LETTERS) for i in range(start, start + 2_000))
        )
    assert len(small._memory) < REMEMBERED + 5_000


LETTERS = {ord(digit): letter for digit, letter in zip("0123456789", "ghijklmnop", strict=True)}


@pytest.mark.parametrize(
    "kind", [*texts.SCRIPTS, "many words", "dates", "bullets", "emoji family", "letter and accents"]
)
def test_a_long_text_counts_as_the_sum_of_its_parts(kind: str) -> None:
    text = texts.text(kind, 10 * PART)
    assert prior.features(text) == prior._part_features(text)


def test_a_long_text_without_a_seam_is_cut_all_the_same() -> None:
    text = texts.text("one digit", 10 * PART)
    whole = sum(prior._part_features(text))
    assert whole <= sum(prior.features(text)) <= whole * 1.01


def test_the_frame_of_a_request_is_counted_beside_its_texts() -> None:
    request = total([prior.features("hello"), frame(messages=3)])
    assert request[INDEX["message"]] == 3
    assert request[INDEX["request"]] == 1
    assert request[INDEX["glued_word"]] == 1


@given(st.lists(st.tuples(*[st.integers(0, 9)] * len(NAMES)), max_size=4))
@settings(max_examples=20)
def test_features_of_many_texts_add_up(features: list[Features]) -> None:
    assert total(features) == tuple(sum(each[i] for each in features) for i in range(len(NAMES)))
    assert total([]) == NOTHING
