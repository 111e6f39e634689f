"""The shipped word lists and how words are cut by them."""

from __future__ import annotations

import pytest

from context.tokens import vocabulary
from context.tokens.vocabulary import Vocabulary

english, world = vocabulary.load()


def test_english_holds_common_words_and_the_pieces_of_code() -> None:
    assert {"the", "house", "def", "return", "Exception"} <= english.whole
    assert "" not in english.whole | world.whole


def test_the_world_holds_short_pieces_of_other_languages() -> None:
    assert {"und", "que", "für", "één"} <= world.whole
    assert max(map(len, world.whole - english.whole)) == 4


@pytest.mark.parametrize(
    ("word", "surplus"),
    [
        ("tomato", 0),  # known whole
        ("tomatot", 1),  # six letters and the rest
        ("abcxyabc", 4),  # abc x ya b c
        ("ééé", 2),  # letters nobody knows are one each
    ],
)
def test_an_unknown_word_is_cut_from_the_left_into_pieces_that_are_known(word: str, surplus: int) -> None:
    small = Vocabulary(["tomato", "abc", "ab", "ya"])
    assert small.surplus(word) == surplus


def test_what_is_packed_is_what_is_loaded() -> None:
    first, second = vocabulary.unpack(vocabulary.pack({"a", "the"}, {"a", "für"}))
    assert (set(first.whole), set(second.whole)) == ({"a", "the"}, {"a", "für"})


def test_the_same_words_make_the_same_file() -> None:
    assert vocabulary.pack(english.whole, world.whole) == vocabulary.pack(
        set(english.whole), set(world.whole)
    )
