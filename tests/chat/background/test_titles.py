"""What of a model's answer becomes a title, in any language."""

import pytest

from chat.background.titles import MAX_TITLE, valid


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
