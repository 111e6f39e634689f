"""Fits the weights of the router to rows: two logistic heads over signals, then words, and the gain. The method is in the docstring of `train`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import exp, log1p, sqrt

from context.routing.complexity import judge_message
from context.routing.gain import form_of
from context.routing.model import Weights, terms
from context.routing.signals import Reading
from tests.bench.routing import prior as prior_weights
from tests.bench.routing.rows import Row

# Penalties on the squared distance of a signal's weight from its prior, and of a word's from nothing.
HELD = 5.0
WORD_HELD = 0.1
DAMPING = (
    1.0  # of words when used: less was better before the written turns, which hold the signals to their sense
)
LEAST_ROWS = 2  # that a word or pair stands in
LEAST_SHOWN = 0.03
STEPS = 15  # of Newton's method
SHORTEST_STEP = 1e-3  # a step is halved until it makes the loss smaller
NEAR = 0.02  # a step this small is the last
PASSES = 150  # over the words
RATE = 0.3
# The gain: penalty, and rows from which on a form of text counts as known.
GAIN_HELD = 1_000.0
KNOWN = 200
SHARED = 20  # rows of a form in a set, and of other forms, from which on they can be compared
# Sets too small to learn from (22 rows).
SMALL_SETS = frozenset({"mt-bench"})

Sparse = list[tuple[int, float]]
Goal = tuple[float, float]  # what a head should say of a row, and how much the row counts


def train(turns: Sequence[Row], quality: Sequence[tuple[str, Reading, float]] = ()) -> Weights:
    """Weights for all heads. The thread's need comes from a first round without it."""
    none = Weights(version="training", bias=(0.0, 0.0), signals={}, words={}, gain={})
    first = signal_heads([(row, dict(row.reading.signals)) for row in turns], none)
    signals = [(row, dict(judge_message(row.reading, row.said, first).signals)) for row in turns]
    whole = word_heads(signals, signal_heads(signals, none))
    return replace(whole, version="3", gain=gains(quality))


def signal_heads(rows: Sequence[tuple[Row, dict[str, float]]], start: Weights) -> Weights:
    """The two heads over the signals alone."""
    names = sorted({name for _, signals in rows for name in signals})
    place = {name: i + 1 for i, name in enumerate(names)}
    features: list[Sparse] = [
        [(0, 1.0), *((place[name], value) for name, value in signals.items())] for _, signals in rows
    ]
    heads = []
    for head, prior in enumerate((prior_weights.MORE_THAN_SIMPLE, prior_weights.COMPLEX)):
        begin = [prior_weights.BIAS[head], *(prior.get(name, 0.0) for name in names)]
        goals = [(aim(row, head), row.weight) for row, _ in rows]
        heads.append(newton(features, goals, begin))
    more, hard = heads
    return replace(
        start,
        bias=(round(more[0], 4), round(hard[0], 4)),
        signals={name: (round(more[i], 3), round(hard[i], 3)) for name, i in place.items()},
    )


def aim(row: Row, head: int) -> float:
    """What a head should say of a row."""
    return float(row.label == "complex" if head else row.label != "simple")


def newton(rows: Sequence[Sparse], goals: Sequence[Goal], prior: Sequence[float]) -> list[float]:
    """The weights of a logistic head, held to the prior (but for the bias), by Newton's method with steps that are halved where they lead up."""
    size = len(prior)
    weights = list(prior)
    height = loss(rows, goals, prior, weights)
    for _ in range(STEPS):
        slope = [0.0, *(HELD * (weights[i] - prior[i]) for i in range(1, size))]
        curve = [[0.0] * size for _ in range(size)]
        for row, (goal, counts) in zip(rows, goals, strict=True):
            predicted = chance(sum(weights[i] * value for i, value in row))
            error, steep = counts * (predicted - goal), counts * predicted * (1.0 - predicted) + 1e-6
            for i, value in row:
                slope[i] += error * value
                line, share = curve[i], steep * value
                for j, other in row:
                    line[j] += share * other
        for i in range(1, size):
            curve[i][i] += HELD
        step, length = solve(curve, slope), 1.0
        while length > SHORTEST_STEP:
            moved = [weight - length * move for weight, move in zip(weights, step, strict=True)]
            lower = loss(rows, goals, prior, moved)
            if lower <= height:
                break
            length /= 2
        weights, height = moved, lower
        if length * max(map(abs, step)) < NEAR:
            break
    return weights


def loss(
    rows: Sequence[Sparse], goals: Sequence[Goal], prior: Sequence[float], weights: Sequence[float]
) -> float:
    """What `newton` makes small: the logistic loss and the distance from the prior."""
    held = sum((weight - start) ** 2 for weight, start in zip(weights[1:], prior[1:], strict=True))
    total = HELD / 2 * held
    for row, (goal, counts) in zip(rows, goals, strict=True):
        odds = sum(weights[i] * value for i, value in row)
        total += counts * (max(odds, 0.0) + log1p(exp(-abs(odds))) - goal * odds)
    return total


def word_heads(rows: Sequence[tuple[Row, dict[str, float]]], start: Weights) -> Weights:
    """Words and pairs, fitted to what the signals left over (gradients with a step of their own for each weight, AdaGrad)."""
    own = [() if row.reading.foreign else terms(row.reading.words) for row, _ in rows]
    counts = Counter(term for row_terms in own for term in row_terms)
    numbers = {
        term: i for i, term in enumerate(sorted(term for term, n in counts.items() if n >= LEAST_ROWS))
    }
    places = [[numbers[term] for term in row_terms if term in numbers] for row_terms in own]
    heads = []
    for head in (0, 1):
        known = [
            start.bias[head]
            + sum(
                start.signals[name][head] * value for name, value in signals.items() if name in start.signals
            )
            for _, signals in rows
        ]
        weights, squares = [0.0] * len(numbers), [1e-2] * len(numbers)
        for _ in range(PASSES):
            slope = [WORD_HELD * weight for weight in weights]
            for (row, _), base, term_numbers in zip(rows, known, places, strict=True):
                error = row.weight * (chance(base + sum(weights[i] for i in term_numbers)) - aim(row, head))
                for i in term_numbers:
                    slope[i] += error
            for i, step in enumerate(slope):
                squares[i] += step * step
                weights[i] -= RATE * step / sqrt(squares[i])
        heads.append(weights)
    more, hard = heads
    return replace(
        start,
        words={
            term: (round(more[i], 2), round(hard[i], 2))
            for term, i in numbers.items()
            if abs(more[i]) + abs(hard[i]) >= LEAST_SHOWN
        },
    )


def chance(log_odds: float) -> float:
    """Log-odds as a chance."""
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, log_odds))))


def gains(quality: Sequence[tuple[str, Reading, float]]) -> dict[str, dict[str, float]]:
    """What was learned of the gain, by form of text: nothing of an open one, nor of one with few rows."""
    rows = [
        (dataset, form_of(reading), reading, gain)
        for dataset, reading, gain in quality
        if dataset not in SMALL_SETS
    ]
    learned: dict[str, dict[str, float]] = {}
    for form in sorted({row[1] for row in rows}):
        own = [(dataset, reading, gain) for dataset, row_form, reading, gain in rows if row_form == form]
        weights = ridge(own) if form != "open" and len(own) >= KNOWN else {}
        mean = sum(
            sum(weights.get(name, 0.0) * value for name, value in reading.signals.items())
            for _, reading, _ in own
        ) / len(own)
        shown = {name: round(weight, 4) for name, weight in weights.items() if abs(weight) >= 0.0005}
        learned[form] = {"": round(beyond(form, rows) - (mean if weights else 0.0), 4), **shown}
    return learned


def beyond(form: str, rows: Sequence[tuple[str, str, Reading, float]]) -> float:
    """How much more a form gains than the sets it stands in, shrunk."""
    total, n = 0.0, 0
    for dataset in sorted({row[0] for row in rows}):
        every = [gain for origin, _, _, gain in rows if origin == dataset]
        own = [gain for origin, row_form, _, gain in rows if origin == dataset and row_form == form]
        if len(own) >= SHARED and len(every) - len(own) >= SHARED:
            total += sum(own) - len(own) * sum(every) / len(every)
            n += len(own)
    return total / (n + 30)


def ridge(quality: Sequence[tuple[str, Reading, float]]) -> dict[str, float]:
    """Least squares with a penalty, signals and gains centred per set, exactly solved."""
    names = sorted({name for _, reading, _ in quality for name in reading.signals})
    place = {name: i for i, name in enumerate(names)}
    size = len(names)
    matrix = [[GAIN_HELD if i == j else 0.0 for j in range(size)] for i in range(size)]
    right = [0.0] * size
    for dataset in sorted({row[0] for row in quality}):
        own = [
            ([(place[name], value) for name, value in reading.signals.items()], gain)
            for origin, reading, gain in quality
            if origin == dataset
        ]
        total, gained = [0.0] * size, sum(gain for _, gain in own)
        for features, gain in own:
            for i, value in features:
                total[i] += value
                right[i] += value * gain
                line = matrix[i]
                for j, other in features:
                    line[j] += value * other
        for i in range(size):
            if total[i]:
                right[i] -= total[i] * gained / len(own)
                matrix[i] = [a - total[i] * b / len(own) for a, b in zip(matrix[i], total, strict=True)]
    return dict(zip(names, solve(matrix, right), strict=True))


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """A linear system, by elimination with the largest pivot."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    n = len(rows)
    for i in range(n):
        best = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for k in range(i + 1, n):
            factor = rows[k][i] / rows[i][i]
            if factor:
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    out = [0.0] * n
    for i in reversed(range(n)):
        out[i] = (rows[i][n] - sum(rows[i][j] * out[j] for j in range(i + 1, n))) / rows[i][i]
    return out
