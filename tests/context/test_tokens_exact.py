"""Exact counts by a public tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from context.tokens.calibration import Calibration
from context.tokens.exact import REMEMBERED, SEGMENT, ExactTokenizer, segments
from context.tokens.features import INDEX, frame, total
from context.tokens.prior import TokenPrior
from tests.context.public_tokenizers import KINDS, TEXTS, file

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
UNITS = (
    "a",
    "qzXvKw",
    " ",
    "\n",
    " \n",
    "\u3000",
    "漢",
    "สวัสดี",
    "\u0301",
    "=",
    "7",
    "\0",
    "a ",
    "'",
    "👍🏽\u200d",
)


@pytest.mark.parametrize("kind", KINDS)
@given(any_text)
@settings(max_examples=30, deadline=None)
def test_counts_are_those_of_the_library(kind: str, text: str) -> None:
    expected = Tokenizer.from_buffer(file(kind)).encode(text, add_special_tokens=False)
    assert ExactTokenizer(file(kind)).count(text) == len(expected)


@pytest.mark.parametrize("kind", ["byte-level", "expression", "wordpiece"])
def test_a_text_counted_in_parts_has_the_count_of_the_whole(kind: str) -> None:
    text = " ".join(TEXTS) * 300
    assert len(text) > 4 * SEGMENT
    expected = Tokenizer.from_buffer(file(kind)).encode(text, add_special_tokens=False)
    assert ExactTokenizer(file(kind)).count(text) == len(expected)


@given(st.text(st.sampled_from("a ,.。漢\n'"), max_size=300), st.integers(1, 500))
@settings(max_examples=50)
def test_parts_are_short_and_lose_no_character(text: str, times: int) -> None:
    parts = segments(text * times)
    assert "".join(parts) == text * times
    assert all(len(part) <= SEGMENT for part in parts)


def test_control_tokens_that_somebody_types_count_as_text() -> None:
    assert ExactTokenizer(file("byte-level")).count("<|end|>") > 1


def test_truncation_and_padding_of_the_file_do_not_count() -> None:
    data = json.loads(file("wordpiece"))
    cut = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    pad = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[UNK]",
    }
    changed = ExactTokenizer(json.dumps(data | {"truncation": cut, "padding": pad}).encode())
    plain = ExactTokenizer(file("wordpiece"))
    for text in ("a", TEXTS[0] * 3):
        assert changed.count(text) == plain.count(text)


def test_broken_surrogates_are_counted() -> None:
    assert ExactTokenizer(file("byte-level")).count("a\ud800b") == ExactTokenizer(file("byte-level")).count(
        "a?b"
    )


def test_a_tokenizer_that_cannot_count_every_text_is_refused() -> None:
    data = json.loads(file("wordpiece"))
    data["model"]["unk_token"] = "[MISSING]"
    with pytest.raises(ValueError, match="cannot count every text"):
        ExactTokenizer(json.dumps(data).encode())


def test_counts_are_remembered_within_a_bound() -> None:
    tokenizer = ExactTokenizer(file("byte-level"))
    for number in range(REMEMBERED + 10):
        tokenizer.count(str(number))
    assert len(tokenizer._known) <= REMEMBERED


def test_the_name_is_that_of_the_files_contents() -> None:
    assert ExactTokenizer(file("byte-level")).name == ExactTokenizer(file("byte-level")).name
    assert ExactTokenizer(file("byte-level")).name != ExactTokenizer(file("unigram")).name


def test_an_exact_count_is_the_estimate_whatever_bills_have_taught() -> None:
    tokenizer, calibration = ExactTokenizer(file("byte-level")), Calibration.exact()
    for count in (10, 300, 50):
        calibration = calibration.observe(total([tokenizer.features("hello"), frame(2)]), count)
    assert round(calibration.estimate(tokenizer.features(TEXTS[0]))) == tokenizer.count(TEXTS[0])


def test_the_bound_of_an_exact_count_is_close() -> None:
    features = list(frame(0, 0))
    features[INDEX["token"]] = 60_000
    assert Calibration.exact().bound(tuple(features)) < 60_600


def test_bills_far_from_the_counts_make_the_bound_wide() -> None:
    """Somebody has named the wrong file."""
    tokenizer, calibration = ExactTokenizer(file("byte-level")), Calibration.exact()
    for times in range(1, 11):
        text = tokenizer.features(TEXTS[0] * times)
        calibration = calibration.observe(total([text, frame(2)]), 2 * sum(text))
    whole = tokenizer.features(TEXTS[0] * 10)
    assert calibration.bound(whole) > 1.5 * calibration.estimate(whole)


@pytest.mark.parametrize(
    ("kind", "unit"), [*product(["estimate"], UNITS), *product(KINDS, ["qzXvKw", " \n", "\u3000", "漢"])]
)
def test_four_times_the_text_takes_about_four_times_as_long(kind: str, unit: str) -> None:
    def fresh() -> Callable[[str], object]:
        if kind == "estimate":
            return TokenPrior(TokenPrior.load()._tokenizer).features
        return ExactTokenizer(file(kind)).count

    def least(size: int) -> float:
        text, times = "x " + unit * (size // len(unit)) + " y", []
        for _ in range(2):
            count = fresh()
            start = process_time()
            count(text)
            times.append(process_time() - start)
        return min(times)

    once = least(2 * SEGMENT)
    assert least(8 * SEGMENT) < 10 * once + 0.01
