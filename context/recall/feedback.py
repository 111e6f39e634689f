"""Pseudo relevance feedback: words learned from the messages that match best.

What these share is what the question is about. It finds the messages that speak of the subject in other words than the question's.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from context.recall.function_words import PALE_WORDS, function_words
from context.recall.policy import RecallPolicy
from context.recall.query import Query
from context.recall.rank import rarity
from context.recall.stems import word_stems

READ = 1_000  # characters of each message: the subject is named early, and long replies would drown the rest


def candidates(texts: Sequence[tuple[float, str]], query: Query) -> dict[str, float]:
    """The stems of the best messages, given with their scores, and how much of those scores speaks for each stem."""
    received: dict[str, float] = defaultdict(float)
    top = max((score for score, _ in texts), default=0.0) or 1.0
    for score, text in texts:
        stems = word_stems(text[:READ])
        telling = stems.keys() - function_words(stems) - PALE_WORDS
        share = score / top
        for root in {stems[word][0] for word in telling if len(word) > 1} - query.weights.keys():
            received[root] += share
    return received


def learned(
    received: Mapping[str, float], counts: Mapping[str, int], messages: int, policy: RecallPolicy
) -> dict[str, float]:
    """The weights of the words worth looking for. `counts` is how many of the thread's `messages` hold each."""
    worth = {
        root: score * rarity(messages, counts[root]) for root, score in received.items() if counts.get(root)
    }
    best = sorted(worth, key=lambda root: (-worth[root], root))[: policy.feedback_terms]
    return {root: policy.feedback_weight * worth[root] / worth[best[0]] for root in best}


def shortlist(received: Mapping[str, float], most: int) -> list[str]:
    """The `most` stems with the most evidence; bounds what is looked up in the index."""
    return sorted(received, key=lambda root: (-received[root], root))[:most]
