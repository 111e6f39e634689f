"""Words learned from the messages that match best, and what they add to the scores."""

import pytest

from context.messages import Role
from context.recall.feedback import candidates, learned, shortlist
from context.recall.policy import DEFAULT
from context.recall.query import analyse
from context.recall.rank import learn, rarity
from context.recall.thread import Outline

QUERY = analyse("When do the bees swarm?", now=0)
BEST = [
    (4.0, "The bees swarm in May, the hive was restless"),
    (2.0, "Our hive swarms when the queen is old"),
    (1.0, "The queen of the neighbours"),
]


def outline(*sizes: int) -> Outline:
    roles: list[Role] = ["user"] * len(sizes)
    return Outline(roles=roles, tokens=sizes, at=[0] * len(sizes), typical=20.0)


def test_a_word_gets_the_scores_of_all_messages_that_hold_it_beside_the_best_one() -> None:
    received = candidates(BEST, QUERY)
    assert received["hive"] == pytest.approx(1.0 + 0.5)
    assert received["queen"] == pytest.approx(0.5 + 0.25)
    assert received["restless"] == pytest.approx(1.0)


def test_nothing_is_learned_of_the_questions_own_words_nor_of_words_that_say_nothing() -> None:
    received = candidates(BEST, QUERY)
    assert not received.keys() & {*QUERY.weights, "the", "when", "our", "is", "of"}
    assert not candidates([(1.0, "q")], QUERY), "a letter"
    assert candidates([], QUERY) == {}


def test_the_words_with_the_most_evidence_are_looked_up() -> None:
    assert shortlist({"a": 1.0, "c": 2.0, "b": 2.0}, 2) == ["b", "c"]


def test_a_learned_word_weighs_by_its_evidence_and_its_rarity_and_the_best_one_as_set() -> None:
    weights = learned({"hive": 1.5, "queen": 1.5, "absent": 9.0}, {"hive": 2, "queen": 40}, 100, DEFAULT)
    assert list(weights) == ["hive", "queen"]
    assert weights["hive"] == pytest.approx(DEFAULT.feedback_weight)
    assert weights["queen"] == pytest.approx(DEFAULT.feedback_weight * rarity(100, 40) / rarity(100, 2))


def test_a_message_gets_the_evidence_of_every_learned_word_it_holds_and_its_neighbours_none() -> None:
    scores = {0: 3.0}
    postings = {"hive": [0, 2], "queen": [2]}
    learn(scores, outline(20, 20, 20), {"hive": 0.2, "queen": 0.1, "absent": 9.0}, postings, DEFAULT)
    hive, queen = 0.2 * rarity(3, 2), 0.1 * rarity(3, 1)
    assert scores.keys() == {0, 2}
    assert scores[0] == pytest.approx(3.0 + hive)
    assert scores[2] == pytest.approx(hive + queen)


def test_a_learned_word_tells_less_of_a_long_message() -> None:
    scores: dict[int, float] = {}
    learn(scores, outline(20, 200), {"hive": 0.2}, {"hive": [0, 1]}, DEFAULT)
    assert 0 < scores[1] < scores[0]
