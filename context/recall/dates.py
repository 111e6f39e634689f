"""Parse the dates in a text, as ranges of time in milliseconds UTC.

Rules: a named year makes a date definite; without one the newest such date that is not in the future is meant; a date that two
customs read differently (3/4/2026) stands for both. Ranges are whole days, and one day is given on either side of a single day,
because the writer's midnight is not known here and because people tell of a day on the next.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from context.recall.normalization import normalized

Range = tuple[int, int]  # milliseconds since 1970 UTC: from the first, up to and without the second

DAY: Final = 86_400_000
READ: Final = 5_000  # characters of a text that dates are looked for in
MOST: Final = 6  # dates of one text; a pasted table of them says nothing of when

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero janeiro gennaio januari января январь",
            "february feb februar fevrier febrero fevereiro febbraio februari февраля февраль",
            "march mar marz mars marzo marco maart марта март",
            "april apr avril abril aprile апреля апрель",
            "may mai mayo maio maggio mei мая май",
            "june jun juni juin junio junho giugno июня июнь",
            "july jul juli juillet julio julho luglio июля июль",
            "august aug aout agosto augustus августа август",
            "september sep sept septembre septiembre setembro settembre сентября сентябрь",
            "october oct oktober octobre octubre outubro ottobre oktober октября октябрь",
            "november nov novembre noviembre novembro ноября ноябрь",
            "december dec dezember decembre diciembre dezembro dicembre декабря декабрь",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|er|\.)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_WRITTEN: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_DAY}\s*(?:of\s+|de\s+)?{_MONTH}(?:,?\s*(?:de\s+|del\s+)?{_YEAR})?",
        rf"\b{_MONTH}\s+{_DAY}\b(?!:)(?:,?\s*{_YEAR})?",
        rf"\b{_MONTH},?\s+(?:of\s+|de\s+)?{_YEAR}",
        r"(?<![\d.])(?P<year>(?:19|20)\d\d)[-/.年](?P<month>[01]?\d)(?:[-/.月](?P<day>[0-3]?\d)日?)?(?![-/.]?\d)",
    )
)
_NUMERIC = re.compile(r"(?<![\d./-])([0-3]?\d)[/.]([0-3]?\d)[/.]((?:19|20)\d\d)\b")
_MONTH_ALONE = re.compile(rf"\b(?:in|during|last|since|im|en|em|in|в)\s+{_MONTH}(?!\s*\d)")
_DAYS_AGO: Final = {
    **dict.fromkeys(
        ("today", "heute", "aujourd'hui", "hoy", "hoje", "oggi", "vandaag", "сегодня", "今天"), 0
    ),
    **dict.fromkeys(
        ("yesterday", "gestern", "hier", "ayer", "ontem", "ieri", "gisteren", "вчера", "昨天"), 1
    ),
    "前天": 2,
}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[今昨前]天")
_AGO = re.compile(
    r"\b(?P<n>\d{1,3}|an?|one|two|three|four|five|six)\s+(?P<unit>day|week|month|year)s?\s+ago\b"
)
_LAST = re.compile(r"\b(?:last|past|previous)\s+(?P<unit>week|month|year)\b")
_NUMBERS: Final = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_UNIT_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}


def ranges(text: str, now: int) -> tuple[Range, ...]:
    """The ranges of time that `text`, written at `now`, names; none when it names many."""
    plain = normalized(text[:READ])[:READ]
    spans = list(dict.fromkeys(span for span in _spans(plain, _day(now)) if span is not None))
    return tuple(spans) if len(spans) <= MOST else ()


def _spans(plain: str, today: date) -> Iterator[Range | None]:
    for pattern in _WRITTEN:
        for match in pattern.finditer(plain):
            parts = match.groupdict()
            month = MONTHS.get(parts["month"]) or int(parts["month"])
            year = int(parts["year"]) if parts.get("year") else None
            yield _span(year, month, int(parts["day"]) if parts.get("day") else None, today)
        plain = pattern.sub(" ; ", plain)  # "5 May 2025" is not May 2025 too
    for match in _NUMERIC.finditer(plain):
        first, second, year = (int(part) for part in match.groups())
        yield _span(year, first, second, today)
        yield _span(year, second, first, today)
    for match in _MONTH_ALONE.finditer(plain):
        yield _span(None, MONTHS[match["month"]], None, today)
    for match in _WORD.finditer(plain):
        if match[0] in _DAYS_AGO:
            yield _within(today, _DAYS_AGO[match[0]] + 1, _DAYS_AGO[match[0]] - 2)
    for match in _AGO.finditer(plain):
        count = _NUMBERS[match["n"]] if match["n"] in _NUMBERS else int(match["n"])
        unit = _UNIT_DAYS[match["unit"]]
        yield _within(today, count * unit + 1 + unit // 3, count * unit - 2 - unit // 3)
    for match in _LAST.finditer(plain):
        unit = _UNIT_DAYS[match["unit"]]
        yield _within(today, 2 * unit, 0)


def _within(today: date, first: int, last: int) -> Range | None:
    """From `first` days before today up to `last` days before it; None when the calendar does not go back so far."""
    try:
        return _milliseconds(today - timedelta(days=first), today - timedelta(days=last))
    except OverflowError:
        return None


def _span(year: int | None, month: int, day: int | None, today: date) -> Range | None:
    """A day or a month; without a year the newest that is not in the future. None when there is no such date."""
    try:
        if year is None:
            year = today.year if date(today.year, month, day or 1) <= today else today.year - 1
        if day is not None:
            return _around(date(year, month, day))
        last = monthrange(year, month)[1]
        return _milliseconds(date(year, month, 1), date(year, month, last) + timedelta(days=1))
    except (ValueError, OverflowError):
        return None


def _around(day: date) -> Range:
    return _milliseconds(day - timedelta(days=1), day + timedelta(days=2))


def _milliseconds(start: date, end: date) -> Range:
    first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() for day in (start, end))
    return int(first * 1000), int(last * 1000)


def _day(now: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now)).date()
