"""Stems by language, and the language a text is written in."""

import threading

import pytest

from context.recall.function_words import function_words, is_english, language_of
from context.recall.query import analyse
from context.recall.stems import (
    ALGORITHMS,
    RELATIVES,
    SCRIPTS,
    english,
    language_of_text,
    other_stems,
    stems,
    word_stems,
)

# Two forms of one word, in a language whose rules know them.
FORMS = {
    "tr": ("kitap", "kitaplarımızdan"), "fi": ("talo", "taloissa"), "hu": ("könyv", "könyvek"), "de": ("haus", "häuser"),
    "fr": ("nationale", "nationaux"), "es": ("canción", "canciones"), "pt": ("cidade", "cidades"), "it": ("macchina", "macchine"),
    "nl": ("vergadering", "vergaderingen"), "sv": ("bil", "bilarna"), "da": ("møde", "møderne"), "no": ("bil", "bilene"),
    "pl": ("samochód", "samochodów"), "cs": ("kniha", "knihách"), "ro": ("oraș", "orașele"), "id": ("bayar", "membayar"),
    "et": ("maja", "majades"), "lt": ("namas", "namų"), "ca": ("amic", "amics"), "en": ("child", "children"),
    "ru": ("новый", "новая"), "el": ("δρόμος", "δρόμοι"), "hi": ("किताब", "किताबों"), "hy": ("քաղաք", "քաղաքի"), "ta": ("புத்தகம்", "புத்தகங்கள்"),
}  # fmt: skip
# Sentences of everyday talk.
SENTENCES = {
    "tr": "Bu kitaplar çok güzel ama onu nerede buldun?",
    "fi": "Missä me olemme ja miksi se on niin kaukana?",
    "hu": "Hol van a könyv, amit nekem adtál és miért?",
    "de": "Wo sind die Schlüssel, die ich dir gegeben habe?",
    "fr": "Où est le livre que je vous ai donné hier ?",
    "es": "¿Dónde está el libro que te he dado?",
    "pt": "Onde está o livro que eu lhe dei ontem?",
    "it": "Dove sono le chiavi che ti ho dato ieri?",
    "nl": "Waar is het boek dat ik je gisteren heb gegeven?",
    "pl": "Gdzie jest książka, którą ci wczoraj dałem, bo jej nie ma?",
    "ru": "Где книга, которую я тебе вчера дал?",
    "en": "Where is the book that I gave you yesterday?",
    "ar": "أين هو الكتاب الذي كان على الطاولة من قبل؟",
    "zh": "我们什么时候可以去那个地方？为什么不是今天？",
}


@pytest.mark.parametrize("language", FORMS)
def test_forms_of_a_word_share_a_stem_in_their_language(language: str) -> None:
    one, other = FORMS[language]
    plain = [next(iter(word_stems(word))) for word in (one, other)]
    assert stems(plain[0], one, language)[0] == stems(plain[1], other, language)[0]


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language(language: str) -> None:
    assert language_of_text(SENTENCES[language]) == language
    assert is_english(word_stems(SENTENCES[language])) == (language == "en")


@pytest.mark.parametrize("text", ["Schlüssel Garage", "ok", "", "Wow, Mel!", "12:30 3.14", "son"])
def test_a_word_or_two_tell_none(text: str) -> None:
    assert language_of_text(text) is None
    assert is_english(word_stems(text))


def test_every_language_has_a_list_its_words_normalized() -> None:
    assert "nerede" in function_words(word_stems(SENTENCES["tr"]))
    assert "уже" in function_words(word_stems(SENTENCES["ru"]))
    assert "为什" in function_words(word_stems(SENTENCES["zh"]))
    assert language_of(["o", "je"]) != "en"


def test_every_algorithm_belongs_to_a_script() -> None:
    written = {language for _, default, others in SCRIPTS for language in (default, *others)}
    assert written == set(ALGORITHMS)
    assert set(RELATIVES.values()) <= written


def test_what_a_message_says_in_another_language_is_found_in_its_forms() -> None:
    query = analyse("Wo habe ich die Häusern gesehen?", now=1_790_000_000_000)
    assert "haus" in query.weights
    assert query.others["haus"] == ("hausern",)
    assert query.looked_up(10)[:2] == ["haus", "hausern"]
    places = query.joined({"haus": [1, 5], "hausern": [3, 5], "x": [2]}, most=2)
    assert places == {"haus": [3, 5], "hausern": [3, 5], "x": [2]}
    assert query.every_stem()["hausern"] == query.weights["haus"]


def test_an_english_word_has_one_stem_whatever_stands_beside_it() -> None:
    assert word_stems("The naïve children of “Москва”") == {
        "the": ("the",), "naive": ("naiv",), "children": ("child",), "of": ("of",), "москва": ("москв",),
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["\x00", "ə́", "'", "İ", "ß", "é" * 100_000, "и\u0306" * 1_000, "a" * 100_000, "\ud800"]
)
def test_whatever_a_word_is_it_has_a_stem(text: str) -> None:
    for word, found in word_stems(text).items():
        assert found
        assert all(found), word


def test_stems_are_the_same_from_many_threads() -> None:
    words = [f"nation{ending}s{number}al" for ending in ("alite", "aux", "alement") for number in range(400)]
    expected = [other_stems.__wrapped__(word, word) for word in words]
    other_stems.cache_clear()
    got: list[list[tuple[str, ...]]] = []
    threads = [
        threading.Thread(target=lambda: got.append([other_stems(word, word) for word in words]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 4


@pytest.mark.parametrize(
    ("form", "stem"),
    [("running", "run"), ("ran", "run"), ("cities", "citi"), ("as", "as"), ("university", "univers")],
)
def test_english_stems_are_porters(form: str, stem: str) -> None:
    assert english(form) == stem
