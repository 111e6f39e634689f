"""Kinds of turns that once went to the wrong tier: each with siblings that no weight was trained on."""

import re

import pytest

from context.routing.complexity import assess
from context.routing.floors import FADES
from context.routing.marks import without_identifiers
from context.routing.signals import read
from context.routing.thread import EarlierMessage

TERSE = """Is 1009 prime? · Is 221 a prime number? · Is 7919 prime or composite? · Simplify (x^2-1)/(x-1) · Simplify sqrt(50)+sqrt(8)
Simplify sin^2 x + cos^2 x · What is zeta(2)? · What is gamma(1/2)? · Value of arctan(1)+arctan(2)+arctan(3)? · Integral of x e^x
integrate ln x from 1 to e · Last digit of 7^2023? · Last two digits of 3^100 · What are the last three digits of 2^1000?
Compute 17^23 mod 10 · remainder of 2^100 divided by 7 · derivative of x^x · limit of sin(x)/x at 0 · solve x^3 - 6x + 4 = 0
鸡兔同笼，共35个头94只脚，各几只？ · 一个数除以3余2，除以5余3，除以7余2，最小是多少？ · 用5升和3升的桶量出4升水
三个人说谎，谁说的是真话？甲说乙在说谎，乙说丙在说谎，丙说甲乙都在说谎。 · 12个球有一个重量不同，用天平称三次找出来
Тело брошено под углом 30° со скоростью 20 м/с. Найдите дальность полёта. · Найдите КПД тепловой машины с нагревателем 500 К и холодильником 300 К
С какой силой притягиваются два заряда по 1 мкКл на расстоянии 10 см?"""

ORDINARY = """Which travel adapter do I need for Japan? · Do I need a plug adapter in Italy? · What power adapter works in the UK?
Table for 2 at 18:00 on Sunday please · Book the 9:45 train to Cambridge · I need a room for 3 nights, 80-120 euros
我想找一家人均消费50-100元的餐馆 · 想订一间200-300元的酒店，评分4.5分以上 · 推荐一个门票20-50元的景点
Translate 'good morning' to French · How do you say thank you in Japanese? · Übersetze 'guten Appetit' ins Englische
traduis 'bonne nuit' en italien · translate 'see you tomorrow' into German"""

SIMPLE = """Roll a dice · roll two d6 · flip a coin · Throw a die for me · AB-4471-XQ · My order number is QZ77-LK09-PP
order id: 8f3e-22ab-91cc · DE89370400440532013000 · VIN is WVWZZZ1JZXW000001"""

CODE = (
    EarlierMessage(
        role="user", text="Write a function that finds two numbers in a list that add up to a target"
    ),
    EarlierMessage(role="assistant", text="```python\ndef two_sum(a, t): ...\n```\nThis checks every pair."),
)
TRAINS = (
    EarlierMessage(
        role="user",
        text="Trains leave at 60 km/h and 90 km/h from 300 km apart; derive when they meet.",
        score=0.9,
    ),
    EarlierMessage(role="assistant", text="They close at 150 km/h, so they meet after $300/150 = 2$ hours."),
)
BOOKING = (
    EarlierMessage(role="user", text="Any trains to York on Monday?"),
    EarlierMessage(role="assistant", text="There is one at 9:45 for 30 pounds. Shall I book it?"),
)


def texts(table: str) -> list[str]:
    return [text.strip() for text in re.split(r"·|\n", table)]


@pytest.mark.parametrize("text", texts(TERSE))
def test_a_terse_problem_of_mathematics_logic_or_physics_is_hard(text: str) -> None:
    assert assess(text).tier == "complex"


@pytest.mark.parametrize("text", texts(ORDINARY))
def test_prices_times_ranges_and_short_translations_are_ordinary(text: str) -> None:
    assert assess(text).tier == "standard"


@pytest.mark.parametrize("text", texts(SIMPLE))
def test_dice_and_identifiers_are_simple(text: str) -> None:
    assert assess(text).tier == "simple"


@pytest.mark.parametrize("text", ["DE89370400440532013000", "FR7630006000011234567890189", "LES-2231-DER"])
def test_an_identifier_is_in_no_language(text: str) -> None:
    assert not read(text).foreign
    assert without_identifiers(text) == (" ", 1)


@pytest.mark.parametrize("text", ["x^2-1", "20-50", "f(3)", "COVID", "GPT4", "rd2d", "2026"])
def test_formulae_ranges_and_words_are_no_identifiers(text: str) -> None:
    assert without_identifiers(text) == (text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "better time complexity?",
        "can it be faster?",
        "and with less memory?",
        "what about negative numbers?",
        "¿y si la lista está vacía?",
        "а если список пуст?",
        "如果列表是空的呢？",
    ],
)
def test_a_follow_up_has_the_tier_of_what_it_follows(text: str) -> None:
    assert assess(text, CODE).tier == "complex"


@pytest.mark.parametrize(
    "text",
    [
        "What about if the first leaves an hour later?",
        "and if the distance is 500 km?",
        "What if both start at 60?",
    ],
)
def test_a_changed_condition_has_the_tier_of_what_it_follows(text: str) -> None:
    assert assess(text, TRAINS).tier == "complex"
    assert assess(text, BOOKING).tier == "standard"


def test_what_follows_a_hard_turn_fades() -> None:
    score, tiers = 0.9, []
    for _ in range(6):
        before = EarlierMessage(role="user", text="the one before", score=score)
        answered = assess("and what about that one?", (before, CODE[1]))
        tiers.append(answered.tier)
        score = answered.score
    assert tiers[0] == "complex"
    assert tiers[-1] == "standard"
    assert tiers == sorted(tiers), "once it came down it stays there"
    assert FADES > 0


@pytest.mark.parametrize(
    "text",
    [
        "Not right now",
        "No, not right now thanks",
        "Thanks but not right now.",
        "not at the moment",
        "Not today, thanks",
    ],
)
def test_not_right_now_is_no_correction(text: str) -> None:
    assert "correction" not in read(text).signals
    assert assess(text, BOOKING).tier == "simple"


@pytest.mark.parametrize(
    "text",
    [
        "That is not correct. I am going to York and there are two of us.",
        "Sorry, I made a mistake. Please make it two rooms.",
        "My mistake, it is on Tuesday at half past nine.",
    ],
)
def test_a_correction_that_brings_what_is_right_needs_no_better_model(text: str) -> None:
    assert assess(text, BOOKING).tier == "standard"
    assert assess("That is wrong.", BOOKING).tier == "complex"


@pytest.mark.parametrize("text", ["thanks, that works", "ok got it", "great, thank you so much for this"])
def test_who_closes_a_hard_turn_asks_for_nothing(text: str) -> None:
    assert assess(text, CODE).tier == "simple"
    assert assess(text, TRAINS).tier == "simple"
