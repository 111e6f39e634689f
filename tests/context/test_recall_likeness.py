"""Evidence from an embedding model: what it adds, and when it says nothing."""

from hypothesis import given
from hypothesis import strategies as st

from context.recall.likeness import liken
from context.recall.policy import RecallPolicy

POLICY = RecallPolicy(likeness=2.0)
ALIKE = st.dictionaries(st.integers(0, 200), st.floats(-1, 1), min_size=10)


def test_what_stands_above_the_others_is_evidence_and_what_stands_below_is_none() -> None:
    total = {0: 5.0}
    liken(total, {**dict.fromkeys(range(99), 0.1), 99: 0.6}, POLICY)
    assert set(total) == {0, 99}
    assert total[0] == 5.0
    assert round(total[99], 6) == round(2.0 * (99**0.5 - 1), 6), (
        "that many standard deviations above the mean, less one"
    )


def test_a_thread_with_few_vectors_or_with_equal_ones_says_nothing() -> None:
    total: dict[int, float] = {}
    liken(total, {0: 0.9, 1: 0.1}, POLICY)
    liken(total, {}, POLICY)
    liken(total, dict.fromkeys(range(50), 0.25), POLICY)
    assert total == {}


@given(ALIKE, st.dictionaries(st.integers(0, 200), st.floats(0, 50)))
def test_nothing_loses_worth_and_of_two_the_more_alike_gains_at_least_as_much(
    alike: dict[int, float], before: dict[int, float]
) -> None:
    total = dict(before)
    liken(total, alike, POLICY)
    assert all(total[position] >= worth for position, worth in before.items())
    gained: dict[int, float] = {}
    liken(gained, alike, POLICY)
    ordered = [gained.get(position, 0.0) for position in sorted(alike, key=lambda place: alike[place])]
    assert ordered == sorted(ordered)
    assert set(total) == set(before) | set(gained)
