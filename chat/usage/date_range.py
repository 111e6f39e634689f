"""Parse the date range of a usage report: days of a time zone, or moments."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from store.ledger.aggregates import Offset

LONGEST = 800  # days of one report: a bit over two years, so that no query reads a ledger of decades
DEFAULT_DAYS = 30  # days of a report without a start


class BadQuestion(Exception):
    """An invalid query; `field` names the parameter that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive), in milliseconds; days are those of `zone`."""

    start: int
    end: int
    zone: tzinfo


def span(start: str | None, end: str | None, zone: str, now: int) -> Span:
    """A date range of days (both included) or moments. Raises BadQuestion.

    Without an end it ends now; without a start it covers the 30 days before its end. Dates are days of `zone`, an IANA name.
    """
    tz = _zone(zone)
    until = now + 1 if end is None else _moment("to", end, tz, after=True)
    default_start = datetime.fromtimestamp(until / 1000, tz) - timedelta(days=DEFAULT_DAYS)
    since = (
        round(default_start.timestamp() * 1000) if start is None else _moment("from", start, tz, after=False)
    )
    if since >= until:
        raise BadQuestion("from", "the span ends before it begins")
    if until - since > (LONGEST + 1) * 86_400_000:
        raise BadQuestion("from", f"a span may have at most {LONGEST} days")
    return Span(start=since, end=until, zone=tz)


def offsets(span: Span) -> tuple[Offset, ...]:
    """The UTC offsets of the zone within the range, with the moments they change, exact to the second."""

    def ahead(at: int) -> int:
        offset = datetime.fromtimestamp(at, UTC).astimezone(span.zone).utcoffset()
        return round((offset or timedelta()).total_seconds()) * 1000

    at, last = span.start // 1000, span.end // 1000 + 1
    changes = [Offset(start=0, ahead=ahead(at))]
    while at < last:
        step = min(at + 86_400, last)
        if ahead(step) != ahead(at):
            low, high = at, step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle) == ahead(at) else (low, middle)
            changes.append(Offset(start=high * 1000, ahead=ahead(step)))
        at = step
    return tuple(changes)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadQuestion("time_zone", "not the name of a time zone, like Europe/Vienna") from None


def _moment(field: str, value: str, zone: tzinfo, *, after: bool) -> int:
    """A date or a moment in milliseconds. With `after`, a date means the start of the next day."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value) + timedelta(days=1 if after else 0)
            moment = datetime.combine(day, time(), zone)
        else:
            moment = datetime.fromisoformat(value)
        if not 1970 < moment.year < 2200:
            raise ValueError
        return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):  # the day after the calendar's last one
        raise BadQuestion(
            field, "neither a date like 2026-11-20 nor a moment like 2026-11-20T12:00:00Z"
        ) from None
