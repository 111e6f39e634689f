"""A search finds the other forms of its words, in the languages that have rules for them, and marks them as they were written."""

import pytest
from sqlalchemy import Connection

from store.database import Database
from store.search import messages
from store.search.highlight import highlights
from store.search.words import LONGEST_QUERY, MOST_STEMMED, terms
from tests.store.rows import thread

# A message, queries that find it with the words they find there, and queries that do not: in 24 languages.
FORMS: dict[str, tuple[str, dict[str, list[str]], list[str]]] = {
    "turkish": (
        "Kitaplarımızdan hangisi daha güzel, onu okuduk",
        {"kitap": ["Kitaplarımızdan"], "kitap okuduk": ["Kitaplarımızdan", "okuduk"]},
        ["kitle okuduk"],
    ),
    "turkish, short": ("Evlerimizden çıktık", {"ev çıktık": ["Evlerimizden", "çıktık"]}, ["ela çıktık"]),
    "finnish": (
        "Taloissa on paljon kirjoja mutta ei autoja",
        {"talo kirja": ["Taloissa", "kirjoja"], "autot": ["autoja"]},
        ["tallinna kirja"],
    ),
    "hungarian": (
        "A házakban nem volt könyvek, csak gyerekek",
        {"ház könyv": ["házakban", "könyvek"], "gyereket csak": ["csak", "gyerekek"]},
        ["hazug könyv"],
    ),
    "german": (
        "Wir haben die Häuser und ihre Rechnungen gesehen",
        {"haus rechnung": ["Häuser", "Rechnungen"], "häusern gesehen": ["Häuser", "gesehen"]},
        ["hass rechnung"],
    ),
    "dutch": (
        "Wij hebben onze vergaderingen en boeken",
        {"vergadering boek": ["vergaderingen", "boeken"]},
        ["boer en"],
    ),
    "swedish": ("Vi har sett bilarna och husen", {"bil hus": ["bilarna", "husen"]}, ["barn hus"]),
    "norwegian": ("Jeg har sett bilene og husene der", {"bil hus": ["bilene", "husene"]}, ["barn hus"]),
    "danish": ("Vi har set bilerne og møderne", {"bil møde": ["bilerne", "møderne"]}, ["bilag møde"]),
    "french": (
        "Nous avons parlé des maisons nationales",
        {"maison national": ["maisons", "nationales"], "parler maison": ["parlé", "maisons"]},
        ["maire national"],
    ),
    "spanish": (
        "Los niños cantaban canciones en la casa",
        {"canción niño": ["niños", "canciones"]},
        ["cancelar niño"],
    ),
    "portuguese": (
        "As cidades com os médicos não foram boas",
        {"cidade médica": ["cidades", "médicos"]},
        ["cidadania medida"],
    ),
    "italian": (
        "Le macchine dei bambini sono nella casa",
        {"macchina bambino": ["macchine", "bambini"]},
        ["macchia bambino"],
    ),
    "catalan": (
        "Els amics i les ciutats que tenim són aquí",
        {"amic ciutat": ["amics", "ciutats"]},
        ["amor ciutat"],
    ),
    "romanian": (
        "Am văzut orașele și mașinile lor",
        {"oraș mașină": ["orașele", "mașinile"]},
        ["orar mașină"],
    ),
    "polish": (
        "W książkach nie było samochodów",
        {"książka samochód": ["książkach", "samochodów"]},
        ["księga samochód"],
    ),
    "czech": ("V knihách nebyly školy ani města", {"kniha škola": ["knihách", "školy"]}, ["knír škola"]),
    "lithuanian": (
        "Mieste nėra namų ir knygų, bet yra vaikai",
        {"namas knyga": ["namų", "knygų"]},
        ["namelis knyga"],
    ),
    "estonian": (
        "Majades ei olnud raamatuid ega autosid",
        {"maja raamat": ["Majades", "raamatuid"]},
        ["majandus raamat"],
    ),
    "indonesian": (
        "Saya sudah membayar rumahnya dengan uang",
        {"bayar rumah": ["membayar", "rumahnya"]},
        ["bayam rumah"],
    ),
    "english": (
        "Children paid for the cities",
        {"child city": ["Children", "cities"], "paying city": ["paid", "cities"]},
        ["cite child"],
    ),
    "russian": (
        "Мы говорили о новых договорах",
        {"новый договор": ["новых", "договорах"]},
        ["новость договор"],
    ),
    "greek": ("Οι δρόμοι και τα σπίτια μας", {"δρόμος σπιτιού": ["δρόμοι", "σπίτια"]}, ["δράμα σπιτιού"]),
    "arabic": ("قرأت الكتب في المدرسة", {"مدرسة": ["المدرسة"]}, ["مدير"]),
    "hindi": ("किताबों में भाषाएँ हैं", {"किताब भाषा": ["किताबों", "भाषाएँ"]}, ["किता भाव"]),
    "tamil": ("புத்தகங்கள் வீட்டில் உள்ளன", {"புத்தகம் வீடு": ["புத்தகங்கள்", "வீட்டில்"]}, ["புதன் வீடு"]),
    "armenian": ("Գրքերը տան մեջ են", {"գրքեր": ["Գրքերը"]}, ["գիր մեջ"]),
}


@pytest.mark.parametrize("language", FORMS)
async def test_other_forms_of_a_word_are_found_and_marked(database: Database, language: str) -> None:
    text, finding, missing = FORMS[language]
    others = (row[0] for name, row in FORMS.items() if name != language)
    await thread(database, "t", f"u it: {text}", *(f"u other{n}: {other}" for n, other in enumerate(others)))

    def read(connection: Connection) -> None:
        for query, marked in finding.items():
            hits = [
                hit for hit in messages.find(connection, "ada", query, limit=30) if hit.message_id == "it"
            ]
            assert hits, query
            assert [hits[0].text[start:end] for start, end in highlights(hits[0].text, query)] == marked
        for query in missing:
            hits = messages.find(connection, "ada", query, limit=30)
            assert "it" not in {hit.message_id for hit in hits}, query

    await database.read(read)


async def test_a_short_word_before_the_last_is_no_prefix(database: Database) -> None:
    await thread(
        database,
        "t",
        "u rome: Rome and roads for robots",
        "u ro: the Ro of Robert",
        "u cat: a category for roads",
    )

    def read(connection: Connection) -> None:
        for query, expected in {
            "Ro of": {"ro"},
            "cat roads": set(),
            "road rome": {"rome"},
            "cate road": {"cat"},
        }.items():
            hits = messages.find(connection, "ada", query, limit=10)
            assert {hit.message_id for hit in hits} == expected, query

    await database.read(read)


async def test_what_is_written_like_the_query_comes_first(database: Database) -> None:
    await thread(
        database, "t", "u same: the houses stood", "u other: the house stood", "u same2: the houses stood"
    )
    hits = await database.read(lambda connection: messages.find(connection, "ada", "houses stood", limit=10))
    assert [hit.message_id for hit in hits] == ["same2", "same", "other"]


async def test_the_longest_query_is_answered(database: Database) -> None:
    await thread(database, "t", "u it: words")

    def read(connection: Connection) -> None:
        for unit in ("words ", "evlerimizden ", "a ", "북경 ", "कि ", "word's ", "'\" "):
            messages.find(connection, "ada", unit * LONGEST_QUERY, limit=1)

    await database.read(read)


def test_only_the_first_words_of_a_query_are_looked_for_in_other_forms() -> None:
    stemmed = [term for term in terms("houses " * LONGEST_QUERY) if term.forms]
    assert len(stemmed) == MOST_STEMMED


# A text, a query, and what of the text is marked.
MARKED = [
    ("Die Ёлка стоит", "елка", ["Ёлка"]),
    ("U\u0308ber die Übergänge", "ubergange", ["Übergänge"]),
    (
        "na\u00efve co\u00adoperation of ﬁnal",
        "naive cooperation final",
        ["naïve", "co\u00adoperation", "ﬁnal"],
    ),
    ("e\u0301te\u0301 là", "été", ["e\u0301te\u0301"]),
    ("我们明天去北京大学", "北京 明天", ["明天", "北京"]),
    ("दिन में दान", "दिन", ["दिन"]),
    ("ﾌﾟﾛｸﾞﾗﾑを書く", "プログラム", ["ﾌﾟﾛｸﾞﾗﾑ"]),
    ("كِتَابٌ جديد", "كتاب", ["كِتَابٌ"]),
    ("می\u200cخواهم یک", "میخواهم", ["می\u200cخواهم"]),
    ("Łódź 👩\u200d👧 İstanbul", "lodz istanbul", ["Łódź", "İstanbul"]),
    ("STRASSE und Straße", "strasse", ["STRASSE", "Straße"]),
    ("ﷺ test", "عليه", ["ﷺ"]),
    ("main.py in src/main.py, not main py3", "main.py", ["main.py", "main.py", "main py3"]),
    ("ＦＵＬＬ width", "full", ["ＦＵＬＬ"]),
    ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글", ["\u1112\u1161\u11ab\u1100\u1173\u11af"]),
    ("é" * 300 + " Übergänge " + "ﬁ" * 300 + " Übergang", "übergänge", ["Übergänge", "Übergang"]),
    ("nothing here", "fox", []),
    ("nothing here", "", []),
    ("", "fox", []),
]


@pytest.mark.parametrize(("text", "query", "marked"), MARKED)
async def test_a_hit_is_marked_in_the_text_as_it_was_written(
    database: Database, text: str, query: str, marked: list[str]
) -> None:
    assert [text[start:end] for start, end in highlights(text, query)] == marked
    if text:
        await thread(database, "t", f"u it: {text}")
        hits = await database.read(lambda connection: messages.find(connection, "ada", query, limit=1))
        assert [hit.message_id for hit in hits] == ["it"] * bool(marked)
