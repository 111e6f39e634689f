"""What a message scores for a question: dates at their limits, and what neighbours hand on."""

from context.messages import Role
from context.recall.policy import DEFAULT
from context.recall.query import analyse
from context.recall.rank import scores
from context.recall.thread import Outline

DAY = 86_400_000


def outline(sizes: list[int], at: list[int] | None = None) -> Outline:
    roles: list[Role] = ["user"] * len(sizes)
    return Outline(roles=roles, tokens=sizes, at=at or [0] * len(sizes), typical=20.0)


def test_a_date_holds_from_its_first_millisecond_to_its_last() -> None:
    query = analyse("on 24 November 2023", now=20_000 * DAY)
    [(start, end)] = query.dates
    messages = outline([20] * 6, [start - 1, start, end - 1, end, end + 1, 0])
    assert scores(messages, query, {}, {}, DEFAULT).keys() == {1, 2}


def test_a_long_message_hands_less_on_to_its_neighbours_than_a_short_one() -> None:
    query = analyse("the boiler", now=0)

    def handed_on(size: int) -> dict[int, float]:
        messages = outline([20] * 5 + [size] + [20] * 5)
        return scores(messages, query, {"boiler": [5]}, {"boiler": 1}, DEFAULT)

    short, long = handed_on(20), handed_on(400)
    assert short.keys() == long.keys() == {*range(1, 10)}
    for neighbour in short.keys() - {5}:
        assert 0 < long[neighbour] < short[neighbour] / 5
    assert short[4] == short[6] == DEFAULT.neighbours[0] * short[5]
