"""Budgets: the calendar, whose counters a call draws on, its worst case, and what still fits."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.limits.budgets import (
    Budget,
    BudgetAccount,
    BudgetAmounts,
    Counter,
    Period,
    Scope,
    Unit,
    by_answer,
    by_turn,
    counters,
    every_key,
    period_end,
    period_start,
    unit_of,
    worst_case,
)
from context.limits.fit import FLOOR, BudgetStatus, Fits, FitsNot, Offer, fit
from context.models.pricing import Prices, PriceTable, Usage

moments = st.integers(min_value=0, max_value=4_102_444_800_000)
ADA = BudgetAccount(owner_id="ada", thread_id="t", token="laptop", tier="standard", model="m")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def prices(input: int = 2, output: int = 10, step: int | None = None) -> PriceTable:
    base = Prices(input=input, output=output, cache_read=1, cache_write_5m=3, cache_write_1h=4)
    dear = Prices(input=2 * input, output=2 * output, cache_read=2, cache_write_5m=6, cache_write_1h=8)
    return PriceTable(model="m", steps=((0, base),) if step is None else ((0, base), (step, dear)))


def status(used: int = 0, reserved: int = 0, **budget: Any) -> BudgetStatus:
    fields = {"scope": "user", "unit": "usd", "period": "day", "limit": 1_000_000, **budget}
    drawn = counters([Budget(**fields)], ADA, at("2026-11-20T12:00"))
    return BudgetStatus(counter=drawn[0], used=used, reserved=reserved)


def offer(*statuses: BudgetStatus, tier: str = "complex", dear: int = 1, **more: Any) -> Offer:
    fields = {
        "model": f"{tier}-model",
        "bound": 1_000,
        "output": 16_000,
        "prices": prices(2 * dear, 10 * dear),
    }
    return Offer(tier=tier, statuses=statuses, **{**fields, **more})


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        ("minute", "2026-11-20T11:59:59.999", "2026-11-20T11:59", "2026-11-20T12:00"),
        ("day", "2026-03-29T01:30", "2026-03-29T00:00", "2026-03-30T00:00"),
        ("day", "2026-10-25T02:30", "2026-10-25T00:00", "2026-10-26T00:00"),
        ("month", "2026-01-31T23:59:59.999", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("month", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("month", "2026-12-31T23:00", "2026-12-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_periods_are_those_of_the_utc_calendar(period: Period, now: str, start: str, end: str) -> None:
    accepted_upstream = period_start(period, at(now))
    assert (accepted_upstream, period_end(period, accepted_upstream)) == (at(start), at(end))


@given(moments, st.sampled_from(["minute", "day", "month"]))
def test_periods_follow_one_another_without_gap_or_overlap(now: int, period: Period) -> None:
    start = period_start(period, now)
    end = period_end(period, start)
    assert start <= now < end
    assert period_start(period, end) == end
    assert period_start(period, end - 1) == start == period_start(period, start)


def test_a_call_draws_on_the_budgets_that_name_it_and_one_for_a_name_replaces_that_for_each() -> None:
    budgets = [
        Budget(scope="deployment", unit="usd", period="month", limit=100),
        Budget(scope="user", unit="usd", period="day", limit=10),
        Budget(scope="user", name="ada", unit="usd", period="day", limit=50),
        Budget(scope="user", name="bob", unit="tokens", period="day", limit=5),
        Budget(scope="thread", unit="tokens", period="day", limit=7),
        Budget(scope="tier", name="complex", unit="usd", period="day", limit=1),
        Budget(scope="token", unit="requests", period="minute", limit=3),
    ]
    now = at("2026-11-20T12:34:56")
    drawn = {counter.key: counter.budget.limit for counter in counters(budgets, ADA, now)}
    assert drawn == {
        "deployment|usd|month": 100,
        "thread:ada/t|tokens|day": 7,
        "token:laptop|requests|minute": 3,
        "user:ada|usd|day": 50,
    }
    assert list(drawn) == sorted(drawn), "locked in one order by everybody"
    bob = BudgetAccount(owner_id="bob", thread_id="t")
    assert [counter.key for counter in counters(budgets, bob, now)] == [
        "deployment|usd|month", "thread:bob/t|tokens|day", "user:bob|tokens|day", "user:bob|usd|day",
    ]  # fmt: skip
    calls = {counter.key for counter in counters(budgets, ADA, now) if not by_turn(counter.budget)}
    assert set(drawn) - calls == {"token:laptop|requests|minute"}, "counted when the turn is accepted"
    assert calls <= {key for key, _, _ in every_key(ADA, now)}
    assert all(unit_of(key) == unit for key, _, unit in every_key(ADA, now))


def test_the_worst_case_is_the_dearest_write_at_that_length_and_the_whole_answer() -> None:
    assert worst_case(prices(), bound=100, output=10) == BudgetAmounts(
        usd=100 * 4 + 10 * 10, tokens=110, requests=1
    )
    assert worst_case(prices(step=99), bound=100, output=10).usd == 100 * 8 + 10 * 20
    assert worst_case(prices(), bound=100, output=10, free=True).usd == 0
    assert worst_case(None, bound=100, output=10).usd is None


@given(
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.integers(0, 500),
    st.sampled_from([None, 1_000, 5_000]),
)
def test_no_bill_within_its_bounds_is_larger_than_the_worst_case(
    plain: int, read: int, short: int, long: int, output: int, step: int | None
) -> None:
    table = prices(step=step)
    usage = Usage(input=plain, cache_read=read, cache_write_5m=short, cache_write_1h=long, output=output)
    most = worst_case(table, bound=usage.prompt, output=500)
    assert most.usd is not None
    assert table.cost(usage) <= most.usd
    assert usage.total <= most.tokens


def test_what_fits_is_asked_as_wanted() -> None:
    assert fit([offer(status()), offer(status(), tier="simple")]) == Fits(index=0, output=16_000, reason=None)
    assert fit([offer()]) == Fits(index=0, output=16_000, reason=None)


def test_first_the_answer_becomes_shorter_then_the_tier_cheaper_then_both_then_it_is_refused() -> None:
    def fit_below(most: int) -> Fits | FitsNot:
        tight = status(limit=most, degrade_at=100)
        return fit([offer(tight, dear=10), offer(tight, tier="simple")])

    shorter = fit_below(20_000 + 100 * 3_000)
    assert isinstance(shorter, Fits)
    assert (shorter.index, shorter.output) == (0, 3_000)
    assert shorter.reason == "little is left of your daily money budget: the answer has at most 3,000 tokens"
    cheaper = fit_below(20_000 + 100 * FLOOR - 1)
    assert isinstance(cheaper, Fits)
    assert (cheaper.index, cheaper.output) == (1, 16_000)
    assert cheaper.reason == "little is left of your daily money budget: simple answers instead of complex"
    both = fit_below(1_000 * 4 + 10 * FLOOR)
    assert isinstance(both, Fits)
    assert (both.index, both.output) == (1, FLOOR)
    assert both.reason is not None
    assert "simple answers instead of complex, and the answer has at most 2,048 tokens" in both.reason


def test_what_never_fits_does_not_promise_a_reset() -> None:
    refused = fit([offer(status(limit=10))])
    assert isinstance(refused, FitsNot)
    assert refused.resets_at is None
    assert "too small for any answer" in refused.reason
    unpriced = fit([offer(status(), prices=None)])
    assert isinstance(unpriced, FitsNot)
    assert "price of complex-model is not known" in unpriced.reason
    assert isinstance(fit([offer(status(), prices=None, free=True)]), Fits)
    assert isinstance(fit([offer(status(unit="tokens"), prices=None)]), Fits)


def test_a_refusal_says_when_the_budget_resets() -> None:
    month = status(used=1_000_000, period="month")
    day = status(used=1_000_000)
    refused = fit([offer(month, day), offer(day, tier="simple")])
    assert isinstance(refused, FitsNot)
    assert refused.resets_at == at("2026-11-21T00:00"), "when the simple tier can answer again"
    assert refused.reason.endswith("it resets at 2026-11-21 00:00 UTC")
    both = fit([offer(month, day)])
    assert isinstance(both, FitsNot)
    assert both.resets_at == at("2026-12-01T00:00"), "all of what is in the way must be over"


def test_near_the_limit_answers_become_cheaper_and_shorter_before_they_must() -> None:
    near = status(limit=10**9, used=9 * 10**8)
    outcome = fit([offer(near), offer(near, tier="simple")])
    assert isinstance(outcome, Fits)
    assert (outcome.index, outcome.output) == (1, 4_096)
    tokens = status(limit=10**9, used=9 * 10**8, unit="tokens")
    outcome = fit([offer(tokens), offer(tokens, tier="simple")])
    assert isinstance(outcome, Fits)
    assert (outcome.index, outcome.output) == (0, 4_096), "a cheaper tier spares no tokens"
    again = fit([offer(near), offer(near, tier="simple")], eager=False)
    assert again == Fits(index=0, output=16_000, reason=None), "once in a turn is enough"
    later = status(limit=10**9, used=9 * 10**8, degrade_at=95)
    assert fit([offer(later)]) == Fits(index=0, output=16_000, reason=None)


def test_what_others_spent_is_not_told() -> None:
    shared = status(used=999_999, scope="deployment")
    refused = fit([offer(shared)])
    assert isinstance(refused, FitsNot)
    assert "999" not in refused.reason
    assert refused.reason.startswith("what is left of this server's daily money budget")


limits = st.integers(0, 2_000_000)


@given(
    st.lists(st.tuples(limits, limits, st.sampled_from(["usd", "tokens", "requests"])), max_size=4),
    st.integers(0, 20_000),
    st.integers(1, 20_000),
    st.integers(1, 50),
)
def test_whatever_is_asked_fits_every_counter_at_its_worst(
    stands: list[tuple[int, int, Unit]], bound: int, output: int, dear: int
) -> None:
    statuses = tuple(status(limit=limit, used=used, unit=unit) for limit, used, unit in stands)
    offers = [
        offer(*statuses, bound=bound, output=output, dear=dear),
        offer(*statuses, bound=bound, output=output, tier="simple"),
    ]
    match fit(offers):
        case Fits(index=index, output=chosen):
            assert min(FLOOR, output, 4_096) <= chosen <= output
            most = worst_case(offers[index].prices, bound=bound, output=chosen)
            for budget_status in statuses:
                amount = most.of(budget_status.counter.budget.unit)
                assert amount is not None
                assert amount <= budget_status.left
        case FitsNot(counter=counter):
            assert isinstance(counter, Counter)
            assert any(each.counter == counter for each in statuses)


def test_requests_of_a_tier_are_answers_of_a_model_calls_and_of_all_else_turns() -> None:
    scopes: tuple[Scope, ...] = ("deployment", "user", "tier", "token", "thread", "model")
    units: tuple[Unit, ...] = ("usd", "tokens", "requests")
    limits = [Budget(scope=scope, unit=unit, period="day", limit=1) for scope in scopes for unit in units]
    assert [(one.scope, one.unit) for one in limits if by_answer(one)] == [("tier", "requests")]
    assert [(one.scope, one.unit) for one in limits if by_turn(one)] == [
        (scope, "requests") for scope in ("deployment", "user", "token", "thread")
    ]
