"""Budgets: how much may be spent by whom until when, which counters a call draws on, and the most a call can cost.

Amounts are integers: picodollars, tokens or requests. Periods are those of the UTC calendar, so no clock change ever makes a day
shorter or counts an hour twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from context.models.pricing import DAY, PriceTable, Usage

Scope = Literal["deployment", "user", "tier", "token", "thread", "model"]
Unit = Literal["usd", "tokens", "requests"]
Period = Literal["minute", "day", "month"]

MINUTE: Final = 60_000  # milliseconds
EACH: Final = "*"  # a budget of that name is one for each
ADJECTIVES: Final[Mapping[Period, str]] = {"minute": "per-minute", "day": "daily", "month": "monthly"}
NOUNS: Final[Mapping[Unit, str]] = {
    "usd": "money budget",
    "tokens": "token budget",
    "requests": "request budget",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit. `name` is whom it is for: `*` for each user, tier, …; a budget for one name takes the place of that for each.

    `degrade_at`: the share of the limit, in per cent, from which on answers become cheaper and shorter.
    """

    scope: Scope
    name: str = EACH
    unit: Unit
    period: Period
    limit: int
    degrade_at: int = 90

    @property
    def words(self) -> str:
        """What it is called, as one tells the person who spends from it."""
        return f"{ADJECTIVES[self.period]} {NOUNS[self.unit]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAccount:
    """Whose budgets something draws on; what is not known yet is None, and draws on no budget of that scope."""

    owner_id: str
    thread_id: str | None = None
    token: str | None = None
    tier: str | None = None
    model: str | None = None

    def name(self, scope: Scope) -> str | None:
        """What a budget of that scope calls it."""
        names: dict[Scope, str | None] = {
            "deployment": EACH,
            "user": self.owner_id,
            "tier": self.tier,
            "token": self.token,
            "thread": self.thread_id,
            "model": self.model,
        }
        return names[scope]

    def subject(self, scope: Scope) -> str:
        """The same, told apart from everybody else's: two users may both have a thread of one name."""
        name = self.name(scope)
        return f"{self.owner_id}/{name}" if scope == "thread" else name or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What one budget counts for one subject in one period. Times in milliseconds since 1970 UTC."""

    key: str
    period_start: int
    budget: Budget
    subject: str

    @property
    def resets_at(self) -> int:
        return period_end(self.budget.period, self.period_start)

    @property
    def name(self) -> str:
        """The subject as a budget names it."""
        return _named(self.budget.scope, self.subject)

    @property
    def words(self) -> str:
        """Whose budget it is, and which."""
        whose: dict[Scope, str] = {
            "deployment": "this server's",
            "user": "your",
            "tier": f"the {self.subject} tier's",
            "token": "this token's",
            "thread": "this conversation's",
            "model": f"{self.subject}'s",
        }
        return f"{whose[self.budget.scope]} {self.budget.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAmounts:
    """How much a call or turn uses, by unit. `usd` in picodollars, None when the price is not known."""

    usd: int | None = 0
    tokens: int = 0
    requests: int = 0

    def of(self, unit: Unit) -> int | None:
        return {"usd": self.usd, "tokens": self.tokens, "requests": self.requests}[unit]


def counters(budgets: Iterable[Budget], account: BudgetAccount, now: int) -> tuple[Counter, ...]:
    """The counters something draws on, in the order in which they are to be locked."""
    drawn: dict[str, Counter] = {}
    for budget in budgets:
        name = account.name(budget.scope)
        if name is None or budget.name not in (EACH, name):
            continue
        subject = account.subject(budget.scope)
        key = counter_key(budget.scope, subject, budget.unit, budget.period)
        if key not in drawn or budget.name != EACH:
            start = period_start(budget.period, now)
            drawn[key] = Counter(key=key, period_start=start, budget=budget, subject=subject)
    return tuple(drawn[key] for key in sorted(drawn))


def by_turn(budget: Budget) -> bool:
    """Whether a budget counts turns, when they are accepted. Who answers is not known then, so tiers and models count later."""
    return budget.unit == "requests" and budget.scope not in ("tier", "model")


def by_answer(budget: Budget) -> bool:
    """Whether a budget counts the turns a tier answers: one for each, however often the model is called for it.

    A model's budget counts every call, whatever it is for, as the provider's own limits do.
    """
    return budget.unit == "requests" and budget.scope == "tier"


def every_key(account: BudgetAccount, now: int) -> list[tuple[str, int, Unit]]:
    """The keys of all counters there could be for a call, whatever the budgets, with their period's start."""
    scopes: tuple[Scope, ...] = ("deployment", "user", "tier", "token", "thread", "model")
    units: tuple[Unit, ...] = ("usd", "tokens", "requests")
    periods: tuple[Period, ...] = ("minute", "day", "month")
    return sorted(
        (counter_key(scope, account.subject(scope), unit, period), period_start(period, now), unit)
        for scope in scopes
        if account.name(scope) is not None
        for unit in units
        if unit != "requests" or scope in ("tier", "model")
        for period in periods
    )


def counter_key(scope: Scope, subject: str, unit: Unit, period: Period) -> str:
    """How a counter is named in the store. The subject may hold anything: what follows it is of a fixed form."""
    return f"{scope}:{subject}|{unit}|{period}" if scope != "deployment" else f"deployment|{unit}|{period}"


def counter_of(budgets: Iterable[Budget], key: str, period_start: int) -> Counter | None:
    """A stored counter, under the budget that limits it now; None when none does."""
    whose, unit, period = key.rsplit("|", 2)
    scope, _, subject = whose.partition(":")
    name = _named(scope, subject)
    best: Budget | None = None
    for budget in budgets:
        same = (budget.scope, budget.unit, budget.period) == (scope, unit, period)
        if same and (budget.name == name or (budget.name == EACH and best is None)):
            best = budget
    if best is None:
        return None
    return Counter(key=key, period_start=period_start, budget=best, subject=subject)


def _named(scope: str, subject: str) -> str:
    return subject.partition("/")[2] if scope == "thread" else subject


def share_reached(budget: Budget, used: int, *, refused: bool, shares: Iterable[int]) -> int:
    """The highest of some shares, in per cent, that a counter has reached; 0 for none.

    One that had to refuse something is at its end, though the worst case it keeps room for may leave some of it unspent.
    """
    return max(
        (share for share in shares if used * 100 >= budget.limit * share or (refused and share <= 100)),
        default=0,
    )


def unit_of(key: str) -> Unit:
    """The unit a counter of that key counts."""
    units: dict[str, Unit] = {"usd": "usd", "tokens": "tokens", "requests": "requests"}
    return units[key.rsplit("|", 2)[1]]


def period_start(period: Period, now: int) -> int:
    """When the period of a moment began."""
    match period:
        case "minute":
            return now // MINUTE * MINUTE
        case "day":
            return now // DAY * DAY
        case "month":
            first = datetime.fromtimestamp(now // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
            return int(first.timestamp()) * 1000


def period_end(period: Period, start: int) -> int:
    """When the period that began then is over, and the next begins."""
    match period:
        case "minute":
            return start + MINUTE
        case "day":
            return start + DAY
        case "month":
            return period_start("month", start + 31 * DAY)


def worst_case(prices: PriceTable | None, *, bound: int, output: int, free: bool = False) -> BudgetAmounts:
    """The most a call can take: a prompt of `bound` tokens, all of it at its dearest, and an answer as long as it may be.

    Without known prices its cost is unknown, so it fits no money budget.
    """
    if free:
        usd: int | None = 0
    elif prices is None or not prices.known:
        usd = None
    else:
        prompt, answer = dearest(prices, bound)
        usd = bound * prompt + output * answer
    return BudgetAmounts(usd=usd, tokens=bound + output, requests=1)


def dearest(prices: PriceTable, bound: int) -> tuple[int, int]:
    """The most a token of a prompt up to that length can cost, and one of its answer: picodollars.

    A step applies to all tokens of a longer prompt and is usually dearer; taking the dearest of all within reach does not rely on it.
    """
    within = [step for start, step in prices.steps if start == 0 or bound > start]
    prompt = max(
        max(step.input, step.cache_read, step.cache_write_5m, step.cache_write_1h) for step in within
    )
    return prompt, max(step.output for step in within)


def used(usage: Usage, cost: int | None, *, requests: int) -> BudgetAmounts:
    """What a call took in the end. An unpriced call counts no money."""
    return BudgetAmounts(usd=cost or 0, tokens=usage.total, requests=requests)
