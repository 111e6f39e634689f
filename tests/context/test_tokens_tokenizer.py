"""The shipped tokenizer and how it cuts words."""

from __future__ import annotations

from hashlib import sha256
from importlib import resources
from threading import Thread

import pytest

from context.tokens.prior import TokenPrior
from context.tokens.tokenizer import FILE, WordTokenizer, parse

words = WordTokenizer.load()


def test_it_knows_common_words_and_the_words_of_code() -> None:
    assert {"the", "house", "def", "return", "Exception"} <= words.whole


@pytest.mark.parametrize(
    ("word", "surplus"),
    [
        ("tomato", 0),  # known whole
        ("housewarming", 1),  # house warming
        ("für", 2),  # a letter it does not know is a piece
        ("ééé", 2),
    ],
)
def test_a_word_it_does_not_know_is_cut_into_pieces(word: str, surplus: int) -> None:
    assert words.surplus(word) == surplus


@pytest.mark.parametrize("data", [b"", b"{}", b"no json", b'{"model": {"type": "BPE"}}', b"\xff\xfe"])
def test_what_is_no_tokenizer_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        parse(data)


def test_another_tokenizer_gets_another_name() -> None:
    """Calibrations are stored under the name. Change both together."""
    digest = sha256(resources.files("context.tokens").joinpath(FILE).read_bytes()).hexdigest()
    assert (TokenPrior.name, digest[:16]) == ("words-2", "5d2a9dc318449faa")


def test_threads_that_ask_at_once_get_the_same_instance() -> None:
    loaded: list[TokenPrior] = []
    threads = [Thread(target=lambda: loaded.append(TokenPrior.load())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, loaded))) == 1
