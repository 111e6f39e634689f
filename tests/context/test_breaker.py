"""When a model that keeps failing is left alone, and how it comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.limits.breaker import UNWELL, Breaker, Thresholds

T = Thresholds(window=60, slices=6, failures=5, share=0.5, pause=10, longest=40, probes=2, probing=150)


def after(story: str, breaker: Breaker | None = None, *, start: float = 1_000.0) -> tuple[Breaker, float]:
    """A breaker after a story: `+` a good call, `-` a failed one, `.` one second later, `?` a call is admitted."""
    now, snapshot = start, breaker or Breaker()
    for what in story:
        match what:
            case "+":
                snapshot = snapshot.went_well(now, T)
            case "-":
                snapshot = snapshot.failed(now, T)
            case "?":
                snapshot = snapshot.admit(now, T) or snapshot
            case "x":
                snapshot = snapshot.let_go()
            case _:
                now += 1
    return snapshot, now


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("", "closed"),
        ("----", "closed"),
        ("-----", "open"),
        ("+++++-----", "open"),
        ("++++++-----", "closed"),
        ("----" + "." * 61 + "-", "closed"),
        ("----" + "." * 40 + "-", "open"),
        ("-----" + "." * 9, "open"),
        ("-----" + "." * 10, "half_open"),
        ("-----" + "." * 10 + "?+", "half_open"),
        ("-----" + "." * 10 + "?+?+", "closed"),
        ("-----" + "." * 10 + "?+?-", "open"),
        ("-----" + "." * 10 + "?-" + "." * 19, "open"),
        ("-----" + "." * 10 + "?-" + "." * 20, "half_open"),
        ("-----" + "." * 3 + "++", "open"),
        ("-----" + "." * 10 + "?+?+----", "closed"),
    ],
)
def test_the_state_after_a_story(story: str, state: str) -> None:
    breaker, now = after(story)
    assert breaker.state(now) == state


def test_an_open_breaker_lets_nobody_through_and_a_half_open_one_only_a_single_probe() -> None:
    breaker, now = after("-----")
    assert breaker.admit(now, T) is None
    assert breaker.wait(now, T) == 10
    later = now + 10
    probing = breaker.admit(later, T)
    assert probing is not None
    assert probing.admit(later, T) is None
    assert probing.wait(later, T) == 150
    assert probing.let_go().admit(later, T) is not None, "a cancelled probe makes room for the next"
    assert probing.admit(later + 150, T) is not None, "so does one whose process died"


def test_the_pause_grows_to_its_bound_and_is_short_again_after_a_recovery() -> None:
    breaker, now = after("-----")
    pauses = []
    for _ in range(4):
        now += breaker.pause
        probing = breaker.admit(now, T)
        assert probing is not None
        breaker = probing.failed(now, T)
        pauses.append(breaker.pause)
    assert pauses == [20, 40, 40, 40]
    now += breaker.pause
    recovered, _ = after("?+?+-----", breaker, start=now)
    assert recovered.pause == 10


def test_no_fault_of_one_request_counts() -> None:
    for outcome in ("bad_request", "authentication", "permission", "not_found", "too_large", "billing"):
        assert outcome not in UNWELL
    assert not UNWELL & {"rate_limited", "spend_cap", "refusal", "cancelled", "ok"}


@given(st.lists(st.sampled_from("+-.?x"), max_size=200).map("".join))
def test_a_breaker_stays_small_and_never_locks_itself_for_ever(story: str) -> None:
    breaker, now = after(story)
    assert len(breaker.slices) <= T.slices
    assert breaker.admit(now + breaker.wait(now, T), T) is not None
