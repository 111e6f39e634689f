"""How much thinking a message needs: in many languages, in a thread, and with what never happens."""

import json
import re
from math import log2
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.models.catalog import TIERS
from context.routing.complexity import Complexity, assess, with_classifier
from context.routing.floors import LONG, tier_at
from context.routing.gain import expected_gain
from context.routing.lexicon import world
from context.routing.model import shipped
from context.routing.rules import Rule, matching
from context.routing.signals import DENSITY, HEAD, TAIL, read
from context.routing.thread import EarlierMessage

SMALL_TALK = """hola · gracias! · merci beaucoup · danke schön · да · спасибо большое · привет, как дела? · 你好 · 谢谢 · 好的 · ありがとうございます
はい · 네 감사합니다 · 안녕하세요 · شكرا · مرحبا · धन्यवाद · cảm ơn bạn · terima kasih · obrigado · ¿Cómo estás? · nein danke · дякую · ขอบคุณ
hello · thanks a lot · yes please · ok great, bye · hi, how are you? · תודה רבה · teşekkür ederim · tak · kiitos · děkuji · köszönöm · ευχαριστώ
σε ευχαριστώ · tudo bem? · chào buổi sáng · 아니요 괜찮아요 · terima kasih banyak · ладно, понял · いいえ、結構です · ठीक है"""

WORK = """Escribe un programa en Python que ordene una lista de números y explica su complejidad
Démontrez que la racine carrée de 2 est irrationnelle.
Schreibe einen Aufsatz über die Ursachen des Ersten Weltkriegs und bewerte die wichtigsten Thesen
Напиши функцию на Python, которая находит все простые числа до n, и объясни, как она работает
Докажите, что сумма углов треугольника равна 180 градусам
请写一篇关于人工智能对就业影响的论文，并分析优缺点
用Python实现一个线程安全的LRU缓存
次の微分方程式を解いて、手順を詳しく説明してください
파이썬으로 이진 탐색 트리를 구현하고 시간 복잡도를 분석해 주세요
اكتب مقالا عن أسباب الحرب العالمية الأولى وحلل النتائج
एक पायथन प्रोग्राम लिखें जो फाइबोनैचि संख्याओं की गणना करे और समझाएं
Viết một bài luận phân tích tác động của biến đổi khí hậu và đề xuất giải pháp
Tulis program Python untuk menghitung bilangan prima dan jelaskan langkah-langkahnya
Napisz program w C++, który rozwiązuje układ równań liniowych metodą Gaussa
Write a thread-safe LRU cache in Rust and explain why it is correct
Let $f(x) = x^3 - 3x + 1$. How many real roots does $f(f(x)) = 0$ have?
Compare three database designs for a booking system, with their trade-offs, and recommend one"""

ORDINARY = """¿Cuál es la capital de Australia? · Wann fährt der nächste Zug nach Berlin? · Qui a écrit Les Misérables ? · 明天北京天气怎么样？
Сколько стоит билет до Москвы? · 오늘 서울 날씨 어때? · ما هي عاصمة مصر؟ · भारत की राजधानी क्या है? · ผมอยากจองโรงแรม
what is the capital of australia · book me a table for two · Where can I find your exchange rates?"""

ANSWER = EarlierMessage(role="assistant", text="It is 42.")


def texts(table: str) -> list[str]:
    return [text.strip() for text in re.split(r"·|\n", table)]


@pytest.mark.parametrize("text", texts(SMALL_TALK))
def test_small_talk_is_simple_in_every_language_known(text: str) -> None:
    assert assess(text).tier == "simple"


@pytest.mark.parametrize("text", texts(ORDINARY))
def test_an_ordinary_question_is_standard(text: str) -> None:
    assert assess(text).tier == "standard"


@pytest.mark.parametrize("text", texts(WORK))
def test_work_is_complex(text: str) -> None:
    assert assess(text).tier == "complex"


@pytest.mark.parametrize(
    "text", ["ႫႰႭႤႪ", "ሰላም ነው", "ᎣᏏᏲ ᎤᎾᎵᎢ", "გამარჯობა", "\U00012000\U00012001", "zxqv blorp ßñø đđ"]
)
def test_what_the_model_was_not_trained_on_is_never_simple_unseen(text: str) -> None:
    assert assess(text).tier != "simple"


@given(st.text(min_size=LONG + 1, max_size=600).filter(lambda text: len(text.strip()) > LONG))
@settings(max_examples=200, deadline=None)
def test_a_long_text_is_never_simple(text: str) -> None:
    assert assess(text).tier != "simple" or read(text).small_talk


@given(
    st.text(max_size=300),
    st.lists(
        st.builds(
            EarlierMessage,
            role=st.sampled_from(["user", "assistant"]),
            text=st.text(max_size=80),
            thumb=st.sampled_from([-1, 0, 1]),
        ),
        max_size=5,
    ),
)
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_score_in_its_tiers_third_and_always_the_same(
    text: str, history: list[EarlierMessage]
) -> None:
    assessment = assess(text, history)
    assert tier_at(assessment.score) == assessment.tier
    assert assessment == assess(text, history)


@given(st.text(max_size=200), st.integers(1, 3))
@settings(deadline=None)
def test_an_attachment_never_lowers_the_tier(text: str, attachments: int) -> None:
    bare, full = assess(text), assess(text, attachments=attachments)
    assert TIERS.index(full.tier) >= max(1, TIERS.index(bare.tier))


@pytest.mark.parametrize("text", ["That is wrong.", "No, das ist falsch", "это неправильно", "不对，错了"])
def test_a_correction_asks_for_more_than_the_last_turn_had(text: str) -> None:
    before = EarlierMessage(role="user", text="What is six times nine?", score=0.4)
    assert assess(text, [before, ANSWER]).tier == "complex"


def test_a_repeated_question_asks_for_more() -> None:
    before = EarlierMessage(role="user", text="what is the capital of australia", score=0.4)
    assessment = assess("What is the capital of Australia?", [before, ANSWER])
    assert (assessment.tier, assessment.why) == ("complex", "needs thought: it repeats an earlier question")


def test_a_disliked_answer_asks_for_more() -> None:
    before = EarlierMessage(role="user", text="what time is it", score=0.1)
    disliked = EarlierMessage(role="assistant", text="It is noon.", thumb=-1)
    assert assess("what about now", [before, disliked]).tier == "standard"
    assert assess("thanks", [before, disliked]).tier == "simple"


def test_a_follow_up_on_hard_work_is_hard() -> None:
    before = EarlierMessage(role="user", text="Implement a parser", score=0.9)
    answer = EarlierMessage(role="assistant", text="```python\ndef parse(): ...\n```")
    assert assess("Can you make it faster?", [before, answer]).tier == "complex"
    assert assess("Can you make it faster?").tier != "complex"


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("Prove that sqrt(2) is irrational", "complex"),
        ("Could you please design a distributed queue?", "complex"),
        ("Debug this race", "complex"),
        ("Where can I compare prices of flights?", "standard"),
        ("Turn the volume down", "simple"),
        ("Mach bitte das Licht aus", "simple"),
    ],
)
def test_what_is_asked_for_counts_and_not_the_length(text: str, tier: str) -> None:
    assert assess(text).tier == tier


@pytest.mark.parametrize("text", ["Thanks for the design", "The new design is nice"])
def test_a_demand_is_a_verb(text: str) -> None:
    assert "asks demand" not in read(text).signals


@pytest.mark.parametrize("text", ["Design a queue", "Please design a queue"])
def test_a_demand_is_the_first_thing_asked_for(text: str) -> None:
    assert "asks demand" in read(text).signals


def test_a_fact_may_be_about_one_technical_word() -> None:
    assert "asks a fact" in read("Who invented Python?").signals
    assert "asks a fact" not in read("Who wrote the compiler of Rust?").signals


@pytest.mark.parametrize("text", ["وشكرا", "والسلام", "ותודה"])
def test_small_words_that_are_written_together_with_the_next_hide_nothing(text: str) -> None:
    assert read(text).small_talk


def test_a_foreign_word_in_an_english_sentence_makes_it_not_foreign() -> None:
    assert not read("Is danke polite?").foreign
    assert read("danke, is gut").foreign


def test_two_letters_of_a_text_without_spaces_count_as_a_word() -> None:
    assert "words 3-4" in read("明天北京天气怎么样？").signals


def test_a_text_without_spaces_that_fits_is_looked_at_once() -> None:
    text = "写" * (HEAD // DENSITY - 6) + "3升和5升"
    assert read(text).signals["numbers"] == 1.0, "two of them"


def test_what_counted_is_stored_by_name_with_the_tier_that_is_certain() -> None:
    attached = assess("what is the capital of australia", attachments=1)
    first, *others = attached.signals
    assert (first.name, first.weight, first.floor) == (
        "it comes with an attachment",
        "at least standard",
        "standard",
    )
    assert "English words and pairs known" in [signal.name for signal in others]
    assert Complexity.from_json(json.loads(json.dumps(attached.to_json()))) == attached


def test_the_expected_gain_is_learned_by_form_and_signal_and_grows_with_length() -> None:
    question = read("who is it")
    learned = {"question": {"": 0.5, "asks who": 0.25}, "open": {"": 9.0}}
    assert expected_gain(question, learned, 0.5) == pytest.approx(0.5 + 0.25 + 0.2 * log2(10))
    assert expected_gain(question, learned, 0.9) > expected_gain(question, learned, 0.5)


def test_the_classifier_decides_what_was_unsure() -> None:
    unsure = assess("Can you make it faster?")
    assert (unsure.tier, unsure.unsure) == ("simple", True)
    for tier in TIERS:
        named = with_classifier(unsure, tier)
        assert (named.tier, named.unsure, tier_at(named.score)) == (tier, False, tier)
    assert with_classifier(unsure, "simple").why == "short and simple; the classifier agrees"
    assert with_classifier(unsure, "complex").why == "needs thought, says the classifier"


def test_the_classifier_never_goes_below_what_is_certain() -> None:
    attached = assess("hello", attachments=1)
    assert [with_classifier(attached, tier).tier for tier in TIERS] == ["standard", "standard", "complex"]


UNITS = [
    "a",
    "word ",
    "don't ",
    "{",
    "$",
    "a^",
    "1. ",
    " ",
    "\n",
    "x = ",
    "写一篇",
    "ผมอยาก",
    "एक ",
    "напиши ",
    "\\",
    "(((",
    "```",
    "A. ",
    "?",
    "a_b",
]


@pytest.mark.parametrize("unit", UNITS)
def test_only_the_beginning_and_the_end_of_a_long_text_are_looked_at(unit: str) -> None:
    long = unit * (200_000 // len(unit))
    assert sum(map(len, read(long).words)) <= HEAD + TAIL + 1


@pytest.mark.parametrize("unit", UNITS)
def test_doubling_a_text_at_most_about_doubles_the_time(unit: str) -> None:
    def took(length: int) -> float:
        text, best = unit * (length // len(unit)), 9.0
        for _ in range(7):
            began = process_time()
            for _ in range(20):
                read(text)
            best = min(best, process_time() - began)
        return best

    assert took(1_400) <= 3 * took(700) + 0.001


def test_rules_match_by_label_by_pattern_and_by_both() -> None:
    invoice = re.compile("(?i)invoice")
    rules = [
        Rule(name="label", tier="simple", label="bot"),
        Rule(name="pattern", tier="complex", pattern=invoice),
        Rule(name="both", tier="standard", label="bot", pattern=invoice),
        Rule(name="empty", tier="complex"),
    ]
    assert [rule.name for rule in matching(rules, "My Invoice", {"bot"})] == ["label", "pattern", "both"]
    assert [rule.name for rule in matching(rules, "My invoice")] == ["pattern"]
    assert matching(rules, "hello") == ()


def test_the_shipped_weights_know_only_signals_and_words() -> None:
    weights = shipped()
    assert weights.version == "3"
    assert len(weights.signals) < 200
    assert all(len(word.split()) <= 2 for word in weights.words)


def test_every_entry_of_the_lexicon_can_be_found() -> None:
    lexicon = world()
    assert all(word == word.lower() for word in [*lexicon.words, *lexicon.stems, *lexicon.runs])
    assert all(len(stem) >= 2 for stem in lexicon.stems)
