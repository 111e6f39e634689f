"""Semantic similarity: evidence from an embedding model, where one is used, for messages that share no word with the question.

Theory of operation. How alike a vector is to the question's says little by itself: it depends on the model, on the subject of the
thread, on the length of the question. How far it stands above the others of the same thread says something, counted in their
standard deviations. Many reach the first of them in any thread; only what stands out by more is evidence. A message without a
vector has none of it. Where the vectors come from, and how two of them are compared, is not known here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from context.recall.policy import RecallPolicy

FEWEST = 10  # vectors: below, a mean and a deviation say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What a question is compared by: the model's name, and how alike the question is to each of some stored vectors."""

    model: str
    compare: Callable[[Sequence[bytes]], Sequence[float]]


def liken(total: dict[int, float], alike: Mapping[int, float], policy: RecallPolicy) -> None:
    """Add the evidence of likeness to `total`, in place. `alike` is how alike the message at each position is."""
    if len(alike) < FEWEST:
        return
    mean = fsum(alike.values()) / len(alike)
    spread = sqrt(fsum((similarity - mean) ** 2 for similarity in alike.values()) / len(alike))
    if spread <= 0:
        return
    for position, similarity in alike.items():
        outstanding = (similarity - mean) / spread - 1
        if outstanding > 0:
            total[position] = total.get(position, 0.0) + policy.likeness * outstanding
