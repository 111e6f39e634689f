"""Whether a turn recalls anything: what asks nothing recalls nothing, in any language."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.models.pricing import Prices, PriceTable
from context.recall.asking import manner
from context.recall.need import BIAS, WEIGHTS, Features, features, may_need, probability
from context.recall.policy import DEFAULT
from context.recall.purchase import MODES, MOST_TURNS, TRUST, TURNS, Terms, answer_value, chance
from context.recall.query import analyse
from context.recall.thread import Outline

NOTHING_ASKED = (
    "No, thanks",
    "No thanks, that's all.",
    "ok",
    "Okay, great!",
    "yes please",
    "Sounds good.",
    "4417",
    "2026-11-03",
    "3rd of March, 10:30",
    "ada@example.org",
    "+49 170 1234567",
    "AB-1234-XY",
    "https://example.org/search?q=boats",
    "👍",
    "😂😂",
    "...",
    "hello",
    "Good morning!",
    "danke, das war's",
    "Nein, danke.",
    "Guten Morgen",
    "merci beaucoup",
    "non merci",
    "sí, gracias",
    "obrigado!",
    "grazie mille",
    "nee, dank je",
    "да, спасибо",
    "нет",
    "dziękuję",
    "teşekkürler",
    "谢谢",
    "好的，谢谢你。",
    "嗯",
    "ありがとう",
    "감사합니다",
    "ขอบคุณครับ",
    "شكرا",
    "धन्यवाद",
)
NOW = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
QUESTION_MARKS = "?？؟"
ABOUT_OLD = (
    "What was the combination of the bicycle chain?",
    "what was the combination of the bicycle chain",
    "Remind me of the combination of the bicycle chain.",
    "Wie war die Kombination vom Fahrradschloss?",
    "Wann hatte ich den Termin beim Zahnarzt in Lübeck?",
    "¿Cuál era la combinación del candado de la bicicleta?",
    "Quelle était la combinaison de l'antivol du vélo ?",
    "Qual era la combinazione del lucchetto della bicicletta?",
    "Wat was de combinatie van het fietsslot?",
    "Какой был код замка велосипеда?",
    "自行车锁的密码是多少？",
    "自転車の鍵の番号は何でしたか？",
    "자전거 자물쇠 비밀번호가 뭐였지?",
    "ما هو رمز قفل الدراجة؟",
)
TOLD_TO_TELL = (
    "Give me my booking reference.",
    "Please list the restaurants I visited in Lisbon",
    "Tell me our decision on the colour of the kitchen",
    "Nenne mir meine Allergien",
    "Dime mi número de reserva",
    "Donne-moi mon numéro de dossier",
    "Dammi il mio numero di prenotazione",
    "Дай мне мой номер заказа",
    "把我的订单号告诉我",
    "私の予約番号を教えて",
    "제 예약 번호 알려 줘",
)
ORDERS_OF_SOMETHING_NEW = (
    "Find a hotel",
    "I need to book a flight",
    "Show me something nice",
    "给我推荐一家餐馆",
    "my name is Bob",
)


def features_of(
    text: str, *, in_window: bool = False, counts: Mapping[str, int] | None = None, at: int = 0
) -> Features:
    """The features of a message whose words stand in two of 400 older messages each (or in so many), written `at`, and perhaps in the window."""
    query = analyse(text, now=NOW)
    return features(
        text,
        query,
        dict.fromkeys(query.weights, 2) if counts is None else counts,
        Outline(roles=["user"] * 400, tokens=[30] * 400, at=[at] * 400, typical=30.0),
        size=max(1, len(text) // 4),
        window=[text if in_window else "Well then."],
        best=4.0,
        policy=DEFAULT,
    )


@pytest.mark.parametrize("text", NOTHING_ASKED)
def test_a_message_that_asks_nothing_needs_nothing_old(text: str) -> None:
    # Before anything is searched, or because none of its words tells anything.
    assert not may_need(text) or probability(features_of(text)) == 0.0


@given(
    st.sampled_from(NOTHING_ASKED), st.sampled_from(NOTHING_ASKED), st.sampled_from((" ", ", ", "! ", "\n"))
)
def test_two_such_messages_in_one_need_nothing_old(first: str, second: str, between: str) -> None:
    text = f"{first}{between}{second}"
    assert not may_need(text) or probability(features_of(text)) < 0.001


@pytest.mark.parametrize("text", ABOUT_OLD)
def test_a_question_about_something_old_may_need_it_in_any_language(text: str) -> None:
    assert may_need(text)
    assert probability(features_of(text)) > (0.1 if text[-1] in QUESTION_MARKS else 0.05)
    assert probability(features_of(text)) > probability(features_of(text, in_window=True)), (
        "the window holds it"
    )


@pytest.mark.parametrize("text", TOLD_TO_TELL)
def test_who_wants_to_be_told_something_of_his_own_asks_without_the_form_of_a_question(text: str) -> None:
    assert may_need(text)
    assert probability(features_of(text)) > 0.01


@pytest.mark.parametrize("text", ORDERS_OF_SOMETHING_NEW)
def test_who_wants_something_new_needs_nothing_old(text: str) -> None:
    assert not may_need(text)


@pytest.mark.parametrize(
    ("sign", "texts"),
    [
        ("looks_back", ("as I said earlier", "wie ich vorhin sagte", "之前的那家餐馆", "先日の店", "지난번 식당", "ร้านก่อนหน้า")),
        ("reacts", ("thanks a lot", "merci bien", "好的就这样", "了解しました", "고마워요", "ขอบคุณมาก")),
        ("points", ("and that", "und dieser", "那个呢", "それは", "그것은", "อันนี้")),
        ("orders", ("please book it", "bitte suche", "帮我订一张", "予約をお願い", "예약해 주세요", "ช่วยจอง")),
    ],
)  # fmt: skip
def test_a_sign_is_seen_in_any_script(sign: str, texts: tuple[str, ...]) -> None:
    assert [text for text in texts if not getattr(manner(text), sign)] == []
    assert not getattr(manner("Lisbon, Porto und 里斯本"), sign)


@given(st.text(max_size=300))
def test_any_text_has_a_probability(text: str) -> None:
    assert 0.0 <= probability(features_of(text)) < 1.0
    assert manner(text) == manner(text)


def test_reacting_and_pointing_speak_against_it() -> None:
    asked = features_of("What was the combination of the bicycle chain?")
    for name in ("reacts", "points", "orders"):
        assert probability(replace(asked, manner=replace(asked.manner, **{name: True}))) < probability(asked)
    assert probability(replace(asked, unknown=0.9)) < probability(asked), "no older message has its words"
    assert probability(replace(asked, answers=True)) < probability(asked), "it answers a question"


def test_each_sign_has_a_weight() -> None:
    assert features_of("When?").values().keys() == WEIGHTS.keys()
    assert BIAS < 0, "most turns need nothing"


def test_the_better_the_score_the_likelier_is_a_message_needed() -> None:
    curve = [chance(step / 100) for step in range(101)]
    assert curve == sorted(curve)
    assert chance(1.5) == chance(1.0) == pytest.approx(0.25)
    assert chance(-1.0) == chance(0.0) == pytest.approx(5e-05)


@given(st.floats(0, 1e6), st.integers(1, 10_000))
def test_the_least_share_rules_out_only_what_does_not_pay(worth: float, size: int) -> None:
    terms = Terms(cap=1_000, worth=worth)
    below = max(0.0, terms.least_share - 0.001)
    if terms.least_share > 0:
        assert not terms.pays(chance(below), max(size, 8))


def prices(*, input: int = 2_000_000) -> PriceTable:
    cheap = Prices(
        input=input, output=5 * input, cache_read=input // 10, cache_write_5m=input, cache_write_1h=input
    )
    dear = Prices(
        input=4 * input, output=5 * input, cache_read=input, cache_write_5m=input, cache_write_1h=input
    )
    return PriceTable(model="m", steps=((0, cheap), (100_000, dear)))


def test_a_dearer_policy_values_more_and_a_dearer_prompt_buys_less() -> None:
    worth = [answer_value(mode, prices(), prompt=5_000, turn=10**10) for mode in MODES]
    assert worth[0] == 0
    assert worth == sorted(worth)
    assert len(set(worth)) == len(MODES)
    above = answer_value("balanced", prices(), prompt=120_000, turn=10**10)
    assert above < answer_value("balanced", prices(), prompt=5_000, turn=10**10) / 3.9
    longer = answer_value("balanced", prices(), prompt=5_000, turn=10**12)
    assert longer > worth[2], "a dear turn is dear to repeat"


def test_what_a_cheap_turn_buys_stays_in_proportion_to_it() -> None:
    table, turn = prices(), 400 * prices().at(0).input  # as much as 400 uncached tokens
    for mode in ("thrifty", "balanced", "generous"):
        assert answer_value(mode, table, prompt=5_000, turn=turn) == (TURNS + MOST_TURNS[mode]) * 400
    assert (
        answer_value("balanced", table, prompt=5_000, turn=100 * turn) == TURNS * 40_000 + TRUST["balanced"]
    )


def test_a_model_that_costs_nothing_weighs_tokens_too() -> None:
    assert answer_value("balanced", prices(input=0), prompt=5_000, turn=0) == TRUST["balanced"]
    assert Terms(cap=10).pays(1e-9, 10**9), "without terms everything pays"
    assert Terms(cap=10).worth == inf


@pytest.mark.parametrize(
    "text",
    [
        "What did Nora cook on 14 March 2026?",
        "Was hat Nora am 14. März 2026 gekocht?",
        "Qu'est-ce que Nora a cuisiné le 14 mars 2026 ?",
        "Что Нора готовила 14 марта 2026?",
        "诺拉2026年3月14日做了什么菜？",
    ],
)
def test_a_date_on_which_older_messages_were_written_is_not_unknown(text: str) -> None:
    query = analyse(text, now=NOW)
    counts = {stem: 2 for stem in query.weights if stem not in query.date_words}
    that_day = int(datetime(2026, 3, 14, 9, tzinfo=UTC).timestamp() * 1000)
    assert query.date_words
    assert features_of(text, counts=counts, at=that_day).unknown == 0
    assert features_of(text, counts=counts, at=that_day - 10**10).unknown > 0.2


def test_a_date_alone_still_counts_as_words() -> None:
    assert (
        features_of(
            "14 March 2026?", counts={}, at=int(datetime(2026, 3, 14, tzinfo=UTC).timestamp() * 1000)
        ).words
        > 0
    )
