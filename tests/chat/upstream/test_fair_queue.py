"""Users are served in turn, and answers before side calls."""

from hypothesis import given
from hypothesis import strategies as st

from chat.upstream.fair_queue import FairQueue


def waiting(story: str) -> FairQueue[str]:
    """Calls in the order they came: `a1 b1 a2`; one that begins with `~` is a side call."""
    queue: FairQueue[str] = FairQueue()
    for name in story.split():
        queue.add(name, owner=name.strip("~")[0], reply=not name.startswith("~"))
    return queue


def served(queue: FairQueue[str]) -> str:
    order = []
    while (first := queue.first()) is not None:
        order.append(first)
        queue.take()
    return " ".join(order)


def test_users_take_turns_however_many_calls_one_of_them_has() -> None:
    assert served(waiting("a1 a2 a3 b1 c1 b2")) == "a1 b1 c1 a2 b2 a3"


def test_answers_come_before_titles_and_summaries() -> None:
    assert served(waiting("~a1 b1 ~c1 a2")) == "b1 a2 ~a1 ~c1"


def test_who_leaves_makes_room() -> None:
    queue = waiting("a1 b1 a2")
    queue.remove("a1", owner="a", reply=True)
    queue.remove("a1", owner="a", reply=True)
    assert len(queue) == 2
    assert served(queue) == "a2 b1", "a user keeps the turn, whichever call leaves"


@given(st.lists(st.sampled_from(["a", "b", "c", "~a", "~b"]), max_size=20))
def test_the_order_foretold_is_the_order_of_service(names: list[str]) -> None:
    queue = waiting(" ".join(f"{name}{number}" for number, name in enumerate(names)))
    foretold = " ".join(queue.in_order())
    assert len(queue) == len(names)
    assert served(queue) == foretold
    assert len(queue) == 0
