"""Words, dates and standing instructions: what recall understands of a text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.recall.dates import DAY, ranges
from context.recall.function_words import function_words
from context.recall.instructions import is_instruction, is_preference
from context.recall.kinds import kinds, member_kinds
from context.recall.normalization import PIECE, normalized
from context.recall.query import analyse
from context.recall.stems import english, word_stems
from context.recall.time_mentions import tells_when
from context.recall.words import tokens, vocabulary

NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("hiking", "hike"),
        ("collection", "collected"),
        ("organizer", "organization"),
        ("studies", "studying"),
        ("broken", "broke"),
        ("children", "child"),
        ("bought", "buying"),
        ("naïve", "naive"),
        ("Straße", "strasse"),
        ("договора", "договоров"),
        ("книга", "книги"),
        ("ＦＵＬＬ", "full"),
    ],
)
def test_forms_of_one_word_share_a_stem(word: str, other: str) -> None:
    assert list(word_stems(word).values()) == list(word_stems(other).values())


@pytest.mark.parametrize(
    ("word", "other"), [("policy", "police"), ("hop", "hope"), ("3.14", "314"), ("new", "news paper")]
)
def test_different_words_keep_apart(word: str, other: str) -> None:
    assert list(word_stems(word).values()) != list(word_stems(other).values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's Ada's C++ book", ["it", "ada", "c", "book"]),
        ("$3,500.50 for v4.12.1 at 10:30", ["3500.50", "for", "v", "4.12.1", "at", "10:30"]),
        ("snake_case main.py", ["snake", "case", "main", "py"]),
        ("北京大学 ok", ["北京", "京大", "大学", "ok"]),
        ("我", ["我"]),
        ("학교에서", ["학교", "교에", "에서"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("don't", ["dont"]),
        ("", []),
        ("!!! --- \x00", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert list(tokens(text)) == words


@given(st.text(st.sampled_from("ab1,.'-’ é日本한Яя\n")))
def test_a_vocabulary_is_the_words_of_a_text(text: str) -> None:
    assert vocabulary(text) == set(tokens(text))


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ("か\u3099", "が"),  # a sound mark
        ("ｶ\uff9e", "ガ"),  # a half-width one, which is a letter for Unicode
        ("\u1112\u1161\u11ab", "한"),
        ("ก\u0e33", "กำ"),
    ],
)
def test_a_letter_written_in_parts_is_one_letter_wherever_it_stands_in_a_long_text(
    parts: str, whole: str
) -> None:
    for before in range(PIECE - len(parts), PIECE + 1):
        assert normalized("x" * before + parts) == "x" * before + normalized(whole)


def test_a_function_word_of_another_language_is_a_word() -> None:
    assert "son" not in function_words({"how", "old", "is", "my", "son"})
    assert "son" in function_words({"quel", "est", "son", "nom"})


def test_the_longest_word_is_stemmed_in_time() -> None:
    assert word_stems("a" * 100_000)


def spoken_of(text: str) -> list[tuple[str, str]]:
    def day(at: int) -> str:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")

    return [(day(start), day(end)) for start, end in ranges(text, NOW)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 13 August, 2023", [("2023-08-12", "2023-08-15")]),
        ("on August 13th 2023?", [("2023-08-12", "2023-08-15")]),
        ("in August 2023", [("2023-08-01", "2023-09-01")]),
        ("2023-08-13", [("2023-08-12", "2023-08-15")]),
        ("2024年3月5日", [("2024-03-04", "2024-03-07")]),
        ("am 5. März", [("2026-03-04", "2026-03-07")]),
        ("le 5 février 2025", [("2025-02-04", "2025-02-07")]),
        ("el 5 de mayo de 2025", [("2025-05-04", "2025-05-07")]),
        ("December 24", [("2025-12-23", "2025-12-26")]),
        ("03/04/2025", [("2025-03-03", "2025-03-06"), ("2025-04-02", "2025-04-05")]),
        ("what did I say yesterday", [("2026-11-18", "2026-11-21")]),
        ("gestern", [("2026-11-18", "2026-11-21")]),
        ("昨天", [("2026-11-18", "2026-11-21")]),
        ("two weeks ago", [("2026-11-03", "2026-11-10")]),
        ("what did I say last week", [("2026-11-06", "2026-11-20")]),
        ("the past year", [("2024-11-20", "2026-11-20")]),
        ("31 February 2023", []),
        ("2023-13-05, 2023-13, 2023-00", []),
        ("99/99/2023", []),
        ("I may go, he marched on", []),
        ("version 2023.1.5.7", []),
    ],
)
def test_dates_a_text_names(text: str, expected: list[tuple[str, str]]) -> None:
    assert spoken_of(text) == expected


def test_a_text_full_of_dates_names_none() -> None:
    assert ranges(" ".join(f"2023-01-{day:02}" for day in range(1, 29)), NOW) == ()


def test_dates_at_the_ends_of_time_raise_nothing() -> None:
    assert ranges("0001-01-01, yesterday, 999 years ago, 1 January 1900", DAY) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Always include tool names when I ask about software.",
        "always answer in French please",
        "Never use emojis.",
        "From now on, keep answers under 100 words",
        "Please never mention my employer.",
        "ok. also, whenever I paste code, review it for security when I ask you to",
        "Call me Ada.",
        "Don't use bullet points",
        "Remember that my daughter is called Mia",
        "Antworte immer auf Deutsch. Bitte immer kurz.",
        "Désormais, réponds en français",
        "De ahora en adelante responde siempre en español",
        "以后请用中文回答",
        "今後は敬語を使ってください",
        "앞으로는 짧게 대답해 주세요",
        "Отныне отвечай по-русски",
    ],
)
def test_a_rule_for_answers_is_an_instruction(text: str) -> None:
    assert is_instruction(text)


@pytest.mark.parametrize(
    "text",
    [
        "I've never been to Rome",
        "I always forget her birthday",
        "Never mind, it works",
        "Always a pleasure!",
        "What should I pack?",
        "Call me back later",
        "这家酒店多少钱",
        "",
    ],
)
def test_habits_and_small_talk_are_not_instructions(text: str) -> None:
    assert not is_instruction(text)


@pytest.mark.parametrize(
    "text",
    [
        "I prefer window seats",
        "I'm vegetarian",
        "Ich bevorzuge Tee",
        "我不喜欢香菜",
        "I really don't like mornings",
    ],
)
def test_a_preference_is_seen(text: str) -> None:
    assert is_preference(text)


@pytest.mark.parametrize(
    "text",
    [
        "I signed up for a class yesterday",
        "We moved here in September 2021.",
        "Das war letzten Dienstag",
        "Nous l'avons vendu il y a deux ans",
        "Empecé la semana pasada",
        "A consulta é na segunda-feira",
        "L'ho visto ieri",
        "Мы ездили туда в прошлом году",
        "我们上周去了海边",
        "先週買いました",
        "지난 주에 샀어요",
    ],
)
def test_a_text_tells_when_something_was(text: str) -> None:
    assert tells_when(text)


@pytest.mark.parametrize("text", ["Wow, that sounds great!", "You may be right", "Danke, das klingt gut", ""])
def test_talk_about_what_was_told_tells_no_time(text: str) -> None:
    assert not tells_when(text)


def test_small_talk_asks_for_nothing() -> None:
    assert analyse("Ok, thanks!", now=NOW).empty
    assert analyse("", now=NOW).empty


def test_names_and_numbers_weigh_more_and_general_words_less() -> None:
    weights = analyse("Which different hotel did Nancy book for 120?", now=NOW).weights
    assert weights["nanci"] > weights["hotel"] > weights["differ"]
    assert weights["120"] > weights["book"]


def test_a_word_is_of_the_kinds_that_questions_name() -> None:
    for thing, kind in (
        ("lisbon", "city"),
        ("basketball", "sport"),
        ("hamster", "rodent"),
        ("daughter", "child"),
    ):
        named = set(kinds({thing}, {english(thing)}))
        assert named.intersection(member_kinds({kind}, [english(kind)])[english(kind)]), (thing, kind)
    assert not set(kinds({"lisbon"}, {"lisbon"})).intersection(member_kinds({"sport"}, ["sport"])["sport"])


def test_kinds_are_for_english_alone_and_never_words() -> None:
    words = {"wo", "liegt", "die", "stadt", "rat", "hand"}
    assert list(kinds(words, map(english, words))) == []
    assert member_kinds(words, ["hand"]) == {}
    assert all(kind.startswith(" ") for kind in kinds({"hand"}, {"hand"}))
