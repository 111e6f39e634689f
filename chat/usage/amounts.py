"""Format exact amounts of money, tokens and requests as text: the one place where picodollars become dollars.

Amounts are text in the API, in exports and in alerts, because a JSON number would lose digits.
"""

from decimal import Decimal

from context.limits.budgets import Unit
from context.models.pricing import usd


def dollars(pico: int) -> str:
    """Picodollars as an exact decimal number of US dollars, without trailing zeros."""
    return plain(usd(pico))


def plain(amount: Decimal) -> str:
    """A decimal number without exponent and trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_cents(amount: Decimal) -> str:
    """An exact amount with at least two decimal places, for people."""
    whole, _, cents = plain(amount).partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


def budget_amount(unit: Unit, amount: int) -> str:
    """What a budget counts: US dollars with all twelve decimal places, or a whole number of tokens or requests."""
    return format(usd(amount), "f") if unit == "usd" else str(amount)
