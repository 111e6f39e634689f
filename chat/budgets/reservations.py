"""Enforce budgets: which ones a turn and its calls draw on, what they reserve, and what a refused client is told.

accept .... counts one request in every request budget, in the transaction that stores the turn; refuses it when money or tokens are used up
reserve ... reserves the worst case of a call in the transaction that adds the open call, before anything is sent
settle .... chat.calls.ledger.keep releases the reservation and counts what was used, in the transaction of the ledger entry

Without budgets none of this executes a statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from chat.clock import rfc3339
from chat.errors import BudgetSpent, BudgetUsedUp, OverBudget, SpentBudget
from chat.upstream.failures import FailureDetails, UpstreamFailure
from context.limits.budgets import (
    Budget,
    BudgetAccount,
    BudgetAmounts,
    Counter,
    by_answer,
    by_turn,
    counters,
    worst_case,
)
from context.limits.fit import FLOOR, clock
from context.models.pricing import PriceTable
from store.database import Database, Work
from store.ledger import budgets as store
from store.ledger import open_calls
from store.ledger.budgets import DoesNotFit
from store.ledger.open_calls import OpenCall

OVER_BUDGET = "over_budget"
"""The outcome of a call that was not sent because a budget had no room for it."""

REMEMBERED = 10_000  # refusals a process remembers, so that a refused client causes no writes


class CallDoesNotFit(UpstreamFailure):
    """A call was not sent: a budget had no room for its worst case. `final`: nor for any smaller call."""

    def __init__(self, counter: Counter, resets_at: int | None, reason: str, *, final: bool = False) -> None:
        message = f"{reason[0].upper()}{reason[1:]}."
        super().__init__(
            FailureDetails(
                code="budget_exceeded", message=message, outcome=OVER_BUDGET, retryable=resets_at is not None
            )
        )
        self.counter = counter
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """All budgets of this deployment; none at all by default."""

    all: tuple[Budget, ...] = ()
    _refused: set[tuple[str, int]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.all)

    def of_turn(self, account: BudgetAccount, now: int) -> list[Counter]:
        """The request budgets that count turns."""
        return [counter for counter in counters(self.all, account, now) if by_turn(counter.budget)]

    def of_call(
        self, account: BudgetAccount, now: int, *, purpose: str = "reply", again: bool = False
    ) -> list[Counter]:
        """The counters a call draws on. `again`: its turn has already counted as a request of its tier."""
        return [
            counter
            for counter in counters(self.all, account, now)
            if not by_turn(counter.budget)
            and (not by_answer(counter.budget) or (purpose == "reply" and not again))
        ]

    def accept(
        self, connection: Connection, account: BudgetAccount, least: BudgetAmounts, *, now: int
    ) -> None:
        """Count a turn that is about to be stored. Raises DoesNotFit when less than `least` is left: then it must not be stored."""
        if not self.all:
            return
        # Reservations may be released, so only what was really used refuses a turn.
        for status in store.statuses(connection, self.of_call(account, now)):
            amount = least.of(status.counter.budget.unit)
            if amount is not None and status.used + amount > status.counter.budget.limit:
                raise DoesNotFit(status.counter)
        requests = [(counter, 1) for counter in self.of_turn(account, now)]
        store.reserve(connection, requests, use=True)

    async def reserve(
        self,
        database: Database,
        call: OpenCall,
        most: BudgetAmounts,
        *,
        again: bool = False,
        also: Work[None] | None = None,
    ) -> None:
        """Add the open call, with whatever is to be stored `also`, and reserve its worst case, `most`.

        `again` as in `of_call`. Raises CallDoesNotFit, and then nothing was stored.
        """
        drawn_on = self.of_call(account_of(call), call.created_at, purpose=call.purpose, again=again)
        amounts = [(counter, most.of(counter.budget.unit)) for counter in drawn_on]

        def write(connection: Connection) -> None:
            if also is not None:
                also(connection)
            if open_calls.add(connection, replace(call, reserved=store.reservations(amounts))):
                store.reserve(connection, amounts)  # last: it locks counters that all calls wait for

        try:
            await database.write(write)
        except DoesNotFit as refusal:
            await self.remember(database, refusal.counter, call.created_at)
            raise CallDoesNotFit(
                refusal.counter,
                refusal.counter.resets_at,
                f"what is left of {refusal.counter.words} is not enough; it resets at {clock(refusal.counter.resets_at)}",
            ) from None

    async def remember(self, database: Database, counter: Counter, now: int) -> None:
        """Record that a budget refused something, for the operator's alert."""
        key = (counter.key, counter.period_start)
        if key in self._refused:
            return
        if len(self._refused) >= REMEMBERED:
            self._refused.clear()
        self._refused.add(key)
        await database.write(lambda connection: store.mark_refused(connection, counter, now))


def account_of(call: OpenCall) -> BudgetAccount:
    """Whose budgets a call draws on."""
    return BudgetAccount(
        owner_id=call.owner_id,
        thread_id=call.thread_id,
        token=call.token,
        tier=call.tier,
        model=call.model,
    )


def refusal(counter: Counter, now: int) -> OverBudget:
    """The error for a client whose turn was refused: which budget and until when, without amounts."""
    budget = counter.budget
    kind = BudgetSpent if budget.unit == "usd" else BudgetUsedUp
    return kind(
        f"{counter.words} is used up; it resets at {clock(counter.resets_at)}",
        retry_after=max(1, -(-(counter.resets_at - now) // 1000)),
        budget=SpentBudget(
            scope=budget.scope,
            unit=budget.unit,
            period=budget.period,
            resets_at=rfc3339(counter.resets_at),
        ),
    )


def least_of_all(tables: Sequence[PriceTable | None], output: int, *, free: bool) -> BudgetAmounts:
    """The least an answer can use, whichever model gives it: what must be left for a turn to be accepted."""
    cases = [worst_case(table, bound=0, output=min(FLOOR, output), free=free) for table in tables]
    prices = [case.usd for case in cases if case.usd is not None]
    return BudgetAmounts(usd=min(prices, default=0), tokens=min(FLOOR, output))
