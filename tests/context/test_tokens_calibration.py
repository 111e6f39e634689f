"""What reported usage teaches."""

from __future__ import annotations

import json
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.tokens.beliefs import FAMILIES, belief, family_of
from context.tokens.calibration import Calibration
from context.tokens.features import INDEX, NAMES, NOTHING, Features, frame, total
from context.tokens.prior import TokenPrior

prior = TokenPrior.load()
start = Calibration.initial("some-model")

ENGLISH = (
    "Could you look into my booking from last Tuesday? The hotel says it never arrived.",
    "Certainly! Here are three things to check before you call them again, in order of effort.",
    "def total(rows):\n    return sum(row.price * row.count for row in rows)\n",
    "| item | count |\n|---|---|\n| apples | 12 |\n| pears | 1,204 |\n",
    "Thanks, that worked. Now the same for order 48213, please; it was paid on 3 May 2026.",
    "Photosynthesis turns carbon dioxide and water into glucose, releasing oxygen through stomata.",
)
FOREIGN = (
    "Где находится библиотека?",
    "今日はいい天気ですね。",
    "كيف حالك اليوم؟",
    "สวัสดีครับ",
    "¿Dónde está la estación?",
)

features_of = st.tuples(*[st.integers(0, 500)] * len(NAMES))
reports = st.lists(st.tuples(st.sampled_from(ENGLISH + FOREIGN), st.integers(1, 200)), max_size=6)


def taught(*pairs: tuple[str, int]) -> Calibration:
    calibration = start
    for text, tokens in pairs:
        calibration = calibration.observe(prior.features(text), tokens)
    return calibration


def truth(features: Features) -> int:
    """A made-up tokenizer, far from the starting belief."""
    prices = {
        "word": 1.3,
        "glued_word": 1.4,
        "rare_piece": 0.9,
        "digit": 1.0,
        "sign_run": 1.1,
        "line_break": 1.0,
    }
    return round(sum(prices.get(name, 0.6) * count for name, count in zip(NAMES, features, strict=True)))


def test_nothing_costs_nothing() -> None:
    assert start.estimate(NOTHING) == 0
    assert start.bound(NOTHING) == 0


def test_english_starts_near_the_vendors_rule_of_thumb() -> None:
    text = " ".join(ENGLISH[:2]) * 10
    for model, low, high in [
        ("claude-sonnet-5-5", 0.33, 0.45),
        ("claude-haiku-4-5", 0.24, 0.34),
        ("other", 0.18, 0.26),
    ]:
        assert low < Calibration.initial(model).estimate(prior.features(text)) / len(text) < high


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-opus-5-5", "claude"),
        ("claude-opus-4-8", "claude"),
        ("claude-opus-4-7", "claude"),
        ("claude-fable-5-2", "claude"),
        ("us.anthropic.claude-sonnet-5", "claude"),
        ("claude-opus-4-6", "claude-4.6"),
        ("claude-sonnet-4-5", "claude-4.6"),
        ("claude-haiku-4-5@20251001", "claude-4.6"),
        ("claude-opus-4-20250514", "claude-4.6"),
        ("claude-3-5-sonnet-20241022", "claude-4.6"),
        ("smollm2-135m-instruct", "other"),
    ],
)
def test_the_model_id_chooses_the_tokenizer_family(model: str, family: str) -> None:
    assert family_of(model) == family


@pytest.mark.parametrize("family", FAMILIES)
def test_every_feature_has_a_starting_price_and_doubt(family: str) -> None:
    assert all(price > 0 for price in belief(family).mean)
    unsure = [name for i, name in enumerate(NAMES) if belief(family).covariance[i][i] > 0]
    assert {*NAMES} - {*unsure} <= {"token"}


def test_reports_bring_the_estimate_to_the_truth() -> None:
    unseen = total(prior.features(text) for text in ENGLISH)
    before = abs(start.estimate(unseen) - truth(unseen)) / truth(unseen)
    calibration = start
    for text in ENGLISH * 4:
        features = prior.features(text)
        calibration = calibration.observe(features, truth(features))
    after = abs(calibration.estimate(unseen) - truth(unseen)) / truth(unseen)
    assert before > 0.15
    assert after < 0.02


def test_a_script_is_learned_without_disturbing_english() -> None:
    english, russian = prior.features(ENGLISH[0]), prior.features(FOREIGN[0] * 20)
    calibration = start
    for _ in range(20):
        calibration = calibration.observe(russian, 900)
    assert isclose(calibration.estimate(russian), 900, rel_tol=0.03)
    assert isclose(calibration.estimate(english), start.estimate(english), rel_tol=0.15)


def test_the_overhead_of_messages_is_learned_with_the_texts() -> None:
    calibration = start
    for messages in [1, 3, 9, 20, 40] * 4:
        features = total([prior.features(ENGLISH[messages % 6]), frame(messages)])
        calibration = calibration.observe(
            features, round(start.estimate(prior.features(ENGLISH[messages % 6]))) + 7 * messages
        )
    assert calibration.estimate(frame(100)) == pytest.approx(700, rel=0.03)


def test_doubt_shrinks_with_every_report() -> None:
    text = prior.features(FOREIGN[3] * 10)
    calibration, doubts = start, [start.deviation(text)]
    for _ in range(5):
        calibration = calibration.observe(text, round(start.estimate(text)))
        doubts.append(calibration.deviation(text))
    assert doubts == sorted(doubts, reverse=True)


@given(reports, features_of)
@settings(max_examples=60, deadline=None)
def test_the_bound_is_never_below_the_estimate(pairs: list[tuple[str, int]], features: Features) -> None:
    calibration = taught(*pairs)
    assert calibration.estimate(features) >= 0
    assert calibration.bound(features, 0.5) >= calibration.estimate(features)
    assert calibration.bound(features) >= calibration.bound(features, 0.9)


@given(features_of, st.integers(2, 50))
@settings(max_examples=40)
def test_twice_the_text_is_estimated_at_twice_the_tokens(features: Features, times: int) -> None:
    longer = tuple(count * times for count in features)
    assert start.estimate(longer) == pytest.approx(times * start.estimate(features))
    assert start.bound(longer) <= times * start.bound(features) + 1


@given(reports)
@settings(max_examples=30, deadline=None)
def test_what_was_learned_survives_storage_exactly(pairs: list[tuple[str, int]]) -> None:
    calibration = taught(*pairs)
    restored = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    features = prior.features(ENGLISH[0])
    assert restored == calibration
    assert restored.estimate(features) == calibration.estimate(features)
    assert restored.bound(features) == calibration.bound(features)


@given(reports.filter(bool))
@settings(max_examples=30, deadline=None)
def test_the_order_of_reports_does_not_matter(pairs: list[tuple[str, int]]) -> None:
    features = prior.features(ENGLISH[1])
    assert taught(*pairs).estimate(features) == pytest.approx(
        taught(*reversed(pairs)).estimate(features), rel=1e-6
    )


def test_observing_leaves_the_old_calibration_as_it_was() -> None:
    calibration = taught((ENGLISH[0], 30))
    before = calibration.to_json()
    calibration.observe(prior.features(ENGLISH[1]), 25)
    assert calibration.to_json() == before


@pytest.mark.parametrize(
    ("features", "tokens"), [(NOTHING, 10), (prior.features("hello"), 0), (prior.features("hello"), -3)]
)
def test_empty_reports_teach_nothing(features: Features, tokens: int) -> None:
    assert start.observe(features, tokens) is start


def test_absurd_reports_leave_an_estimate_above_zero() -> None:
    calibration = start
    for _ in range(50):
        calibration = calibration.observe(prior.features("hello there " * 500), 1)
    assert calibration.estimate(prior.features("hello there")) > 0


def test_a_thread_in_english_keeps_little() -> None:
    assert len(json.dumps(taught(*((text, 25) for text in ENGLISH)).to_json())) < 8_000


@pytest.mark.parametrize(
    "change", [{"format": 0}, {"family": "nobody"}, {"moments": {"no such feature": 1.0}}]
)
def test_another_formats_calibration_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Calibration.from_json(taught((ENGLISH[0], 20)).to_json() | change)


def test_features_keep_their_names_in_storage() -> None:
    stored = taught(("hello", 2)).to_json()
    assert set(stored["moments"]) == {"glued_word"}
    assert INDEX["glued_word"] in taught(("hello", 2)).moments
