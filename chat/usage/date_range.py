"""From when to when, in whose days: the spans that questions to the ledger name."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from store.ledger.aggregates import Offset

LONGEST = 800  # days of one report: two years and a bit, so that no question reads a ledger of decades
USUAL = 30  # days of a report that names no start


class BadQuestion(Exception):
    """A question that cannot be answered; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` on and before `end`, in milliseconds; days are those of `zone`."""

    start: int
    end: int
    zone: tzinfo


def span(start: str | None, end: str | None, zone: str, now: int) -> Span:
    """A span of days (both included) or moments. Raises BadQuestion.

    Without an end it ends now; without a start it has the 30 days before its end. Dates are days of `zone`, an IANA name.
    """
    place = _zone(zone)
    until = now + 1 if end is None else _moment("to", end, place, after=True)
    usual = datetime.fromtimestamp(until / 1000, place) - timedelta(days=USUAL)
    since = round(usual.timestamp() * 1000) if start is None else _moment("from", start, place, after=False)
    if since >= until:
        raise BadQuestion("from", "the span ends before it begins")
    if until - since > (LONGEST + 1) * 86_400_000:
        raise BadQuestion("from", f"a span may have at most {LONGEST} days")
    return Span(start=since, end=until, zone=place)


def offsets(asked: Span) -> tuple[Offset, ...]:
    """How far ahead of UTC the zone is, and from when on, exact to the second."""

    def ahead(at: int) -> int:
        found = datetime.fromtimestamp(at, UTC).astimezone(asked.zone).utcoffset()
        return round((found or timedelta()).total_seconds()) * 1000

    at, last = asked.start // 1000, asked.end // 1000 + 1
    found = [Offset(start=0, ahead=ahead(at))]
    while at < last:
        step = min(at + 86_400, last)
        if ahead(step) != ahead(at):
            low, high = at, step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle) == ahead(at) else (low, middle)
            found.append(Offset(start=high * 1000, ahead=ahead(step)))
        at = step
    return tuple(found)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadQuestion("time_zone", "not the name of a time zone, like Europe/Vienna") from None


def _moment(field: str, value: str, zone: tzinfo, *, after: bool) -> int:
    """A date or a moment in milliseconds; `after` a date is the beginning of the next day."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value) + timedelta(days=1 if after else 0)
            moment = datetime.combine(day, time(), zone)
        else:
            moment = datetime.fromisoformat(value)
        if not 1970 < moment.year < 2200:
            raise ValueError
        return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):  # no day follows the calendar's last one
        raise BadQuestion(
            field, "neither a date like 2026-11-20 nor a moment like 2026-11-20T12:00:00Z"
        ) from None
