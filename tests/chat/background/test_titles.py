"""What of a model's answer becomes a title, in any language."""

from pathlib import Path

import pytest

from chat.background.titles import MAX_TITLE, valid
from tests.palaver import palaver
from tests.upstream import Simulator


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Learn C#", "Learn C#"),
        ("# Learn F#", "Learn F#"),
        ("#1 priority", "#1 priority"),
        ("Rock 'n' roll'", "Rock 'n' roll'"),
        ("The *best* pizza", "The *best* pizza"),
        ('"Hello" and "Goodbye"', '"Hello" and "Goodbye"'),
        ('What is "this"', 'What is "this"'),
        ('"Trip to Lisbon"', "Trip to Lisbon"),
        ("**“Trip to Lisbon”**", "Trip to Lisbon"),
        ("„Reise nach Lissabon“", "Reise nach Lissabon"),
        ("«Voyage à Lisbonne»", "Voyage à Lisbonne"),
        ("« Voyage\u00a0: Lisbonne »", "Voyage : Lisbonne"),
        ("「旅行の計画」", "旅行の計画"),
        ("「東京」と「京都」", "「東京」と「京都」"),
        ("東京\u3000旅行。", "東京 旅行"),
        ("می\u200cخواهم سفر کنم", "می\u200cخواهم سفر کنم"),
        ("श्री\u200dमान", "श्री\u200dमान"),
        ("Family 👩\u200d👧 plans", "Family 👩\u200d👧 plans"),
        ("”Resa till Lissabon”", "Resa till Lissabon"),
        ("»Reise nach Lissabon«", "Reise nach Lissabon"),
        ("»Matka Lissaboniin»", "Matka Lissaboniin"),
        ("„Podróż do Lizbony”", "Podróż do Lizbony"),
        ("‚Reise‘", "Reise"),
        ("《旅行计划》", "旅行计划"),
        ("〈여행 계획〉", "여행 계획"),
        ("״טיול לליסבון״", "טיול לליסבון"),
        ("〝旅行〟", "旅行"),
        ("｢旅行｣", "旅行"),
        ("＂旅行＂", "旅行"),
        ("«رحلة إلى لشبونة»", "رحلة إلى لشبونة"),
        ("'It's a dog's life'", "It's a dog's life"),
        ("‘It’s a dog’s life’", "It’s a dog’s life"),
        ("“How to say “no” politely”", "How to say “no” politely"),
        ("“Hello” and “Goodbye”", "“Hello” and “Goodbye”"),
        ("„Reise“ und „Rückreise“", "„Reise“ und „Rückreise“"),
        ("《红楼梦》与《西游记》", "《红楼梦》与《西游记》"),
        ("צה״ל", "צה״ל"),
        ("'90s music", "'90s music"),
        ("Qu’est-ce que c’est\u202f?", "Qu’est-ce que c’est ?"),
        ("thin\u2009and\u205fother\u1680spaces", "thin and other spaces"),
        ("ភាសា\u200bខ្មែរ", "ភាសា\u200bខ្មែរ"),
        ("ᠮᠣᠩᠭᠣᠯ\u180eᠠ", "ᠮᠣᠩᠭᠣᠯ\u180eᠠ"),
        (
            "Flags 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f ❤\ufe0f",
            "Flags 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f ❤\ufe0f",
        ),
        ("Trip planned.", "Trip planned"),
        ("Moving to the U.S.", "Moving to the U.S."),
        ("To be continued...", "To be continued..."),
        ("\n\n  Second line first \nthird", "Second line first"),
        ("a\u202eb\x07c", "abc"),
        ("\u200d\n---", "---"),
        ("a new emoji \U0001fae9", "a new emoji \U0001fae9"),
    ],
)
def test_a_title_keeps_what_belongs_to_it(answer: str, title: str) -> None:
    assert valid(answer) == title


@pytest.mark.parametrize("answer", ["", " \n\u3000\n", "\u200b\u202e", "\x00"])
def test_nothing_to_see_is_no_title(answer: str) -> None:
    assert valid(answer) is None


@pytest.mark.parametrize("letter", ["न\u0940", "e\u0301", "👩\u200d👧", "x"])
def test_a_long_title_is_cut_between_letters(letter: str) -> None:
    title = valid(letter * 200)
    assert title is not None
    assert len(title) <= MAX_TITLE
    assert title == letter * (len(title) // len(letter))


@pytest.mark.parametrize("mark", ['"', "“", "„", "«", "「", "《", "*"])
@pytest.mark.parametrize("times", [2, 3, 80])
def test_marks_alone_or_without_their_partner_raise_nothing(mark: str, times: int) -> None:
    assert valid(mark * times) is None
    assert valid(f"{mark * times}word") == f"{mark * times}word"[:MAX_TITLE] or times == 80


@pytest.mark.parametrize(
    ("first", "title"),
    [
        ("Hello\n\n  world", "Hello world"),
        ("\u202ea\x07b", "ab"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u202e", "…"),
        ("न\u0940" * 40, "न\u0940" * 30 + "…"),
        ("e\u0301" * 30 + "👩\u200d👧", "e\u0301" * 30 + "…"),
        ("word " * 20, "word " * 11 + "word…"),
    ],
)
async def test_the_first_words_are_a_title_until_there_is_a_better_one(
    tmp_path: Path, first: str, title: str
) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim) as app:
        await app.chat("t", first)
        assert (await app.get("/api/threads/t"))["title"] == title
