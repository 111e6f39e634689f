"""Full-text search, on both databases."""

from functools import partial

from sqlalchemy import Connection

from store import threads
from store.database import Database
from store.search import messages
from tests.store.rows import thread

SAID = {
    "plain": "The quick brown fox jumps over the lazy dog",
    "code": "Edit config.yaml and src/main.py, then call do_the_thing() with --dry-run",
    "mail": "Write to ada@example.com about https://example.org/a/b?x=1",
    "german": "Die Straße war groß und Übergänge schmal",
    "chinese": "我们明天去北京大学看书",
    "thai": "ภาษาไทยไม่มีช่องว่าง",
    "numbers": "Version 3.14.15 costs 1,299.50 and -40 degrees",
    "short": "C++ or don't",
    "wide": "ＦＵＬＬＷＩＤＴＨ letters",
}


QUERIES = [
    ("fox", "plain"),
    ("FOX brown", "plain"),
    ("lazy do", "plain"),
    ("fox cat", ""),
    ("ox", ""),
    ("config.yaml", "code"),
    ("config", "code"),
    ("yaml", "code"),
    ("main.py", "code"),
    ("do_the_thing", "code"),
    ("dry-run", "code"),
    ("ada@example.com", "mail"),
    ("example.org", "mail"),
    ("example", "mail"),
    ("groß", "german"),
    ("übergänge", "german"),
    ("北京", "chinese"),
    ("京北", ""),
    ("北京大学", "chinese"),
    ("ไทย", "thai"),
    ("3.14", "numbers"),
    ("299.50", "numbers"),
    ("-40", "numbers"),
    ("don't", "short"),
    ("fullwidth", "wide"),
    ('"', ""),
    ("fox OR", ""),
    ("fox AND dog", ""),
    ("NEAR(fox dog)", ""),
    ("words:fox", ""),
    ("fox* -dog", "plain"),
    ("' ; DROP TABLE messages; --", ""),
    ("\\ & | ! <-> :* fox", "plain"),
    ("((((", ""),
]


async def test_what_a_query_finds(database: Database) -> None:
    await thread(database, "t", *(f"u {name}: {words}" for name, words in SAID.items()))

    def read(connection: Connection) -> None:
        results = {}
        for query, _ in QUERIES:
            hits = messages.find(connection, "ada", query, limit=10)
            results[query] = " ".join(hit.message_id for hit in hits)
        assert results == dict(QUERIES)

    await database.read(read)


async def test_the_better_match_comes_first_and_limits_hold(database: Database) -> None:
    await thread(database, "t", "u once: a fox " + "and much else " * 30, "a often: fox fox fox fox")

    def read(connection: Connection) -> None:
        hits = messages.find(connection, "ada", "fox", limit=10)
        assert [hit.message_id for hit in hits] == ["often", "once"]
        assert len(messages.find(connection, "ada", "fox", limit=1)) == 1

    await database.read(read)


async def test_of_equals_the_newest_come_first_and_a_longer_message_comes_last(database: Database) -> None:
    await thread(
        database, "t", "u old: a fox here", "a long: a fox and " + "much else " * 30, "u m: a fox here",
        "a new: a fox here",
    )  # fmt: skip
    for limit in (1, 2, 3, 4):
        hits = await database.read(partial(messages.find, owner_id="ada", query="fox", limit=limit))
        assert [hit.message_id for hit in hits] == ["new", "m", "old", "long"][:limit]


async def test_nobody_finds_what_others_said(database: Database) -> None:
    await thread(database, "t", "u mine: the secret word is xylophone", owner="ada")

    def read(connection: Connection) -> None:
        assert messages.find(connection, "bob", "xylophone", limit=10) == []
        assert len(messages.find(connection, "ada", "xylophone", limit=10)) == 1

    await database.read(read)


async def test_a_search_may_stay_in_one_thread(database: Database) -> None:
    await thread(database, "one", "u m1: a common word")
    await thread(database, "two", "u m2: a common word")
    hits = await database.read(
        lambda connection: messages.find(connection, "ada", "common", limit=10, thread_id="two")
    )
    assert [hit.thread_id for hit in hits] == ["two"]


async def test_a_deleted_thread_is_not_found_even_if_its_numbers_are_used_again(database: Database) -> None:
    await thread(database, "one", "u m1: xylophone")
    await database.write(lambda connection: threads.remove(connection, "ada", "one"))
    await thread(database, "two", "u m2: something else")
    hits = await database.read(lambda connection: messages.find(connection, "ada", "xylophone", limit=10))
    assert hits == []


async def test_a_message_longer_than_the_index_takes_is_still_stored(database: Database) -> None:
    await thread(database, "t", "u long: beginning " + " ".join(f"word{n}" for n in range(60_000)))
    hits = await database.read(lambda connection: messages.find(connection, "ada", "beginning", limit=10))
    assert len(hits) == 1


# What is written, what finds it, and what does not, in twenty languages and more.
LANGUAGES = {
    "hindi": ("दिन में सूरज", ["दिन", "दि", "सूरज"], ["दान", "दन"]),
    "hindi nukta": ("सड़क पर", ["सड़क", "सड\u093cक"], ["सडन"]),
    "bengali": ("আমি বাংলায় গান গাই", ["বাংলা", "গান"], ["বাংলো", "গানা"]),
    "tamil": ("வணக்கம் உலகம்", ["வணக்கம்", "வண உலகம்"], ["வாணக்கம்"]),
    "telugu": ("నమస్కారం ప్రపంచం", ["నమస్కారం"], ["నామస్కారం"]),
    "thai": ("ภาษาไทยไม่มีช่องว่าง", ["ไทย", "ไม่มี"], ["ไม่มา", "ไมมี"]),
    "khmer": ("ភាសា\u200bខ្មែរ", ["ខ្មែរ", "ភាសាខ្មែរ"], ["ខ្មារ"]),
    "burmese": ("မြန်မာဘာသာ", ["မြန်မာ"], ["မြန်မီ"]),
    "tibetan": ("བོད་ཡིག", ["བོད", "བོད་ཡིག"], ["བདཡག"]),
    "chinese": ("我们明天去北京大学", ["北京", "明天 北京"], ["京北"]),
    "japanese": ("ﾌﾟﾛｸﾞﾗﾑを書く", ["プログラム", "書く"], ["フロクラム"]),
    "korean": ("학교에서 친구를 만났다", ["학교", "학교 친구", "친구 학교"], ["교학"]),
    "russian": ("Ёлка стоит, договор подписан", ["елка", "ЁЛКА", "ёлк стоит", "договор елка"], ["ёлочка"]),
    "ukrainian": ("Її їжак", ["її", "їжак"], ["іжа2"]),
    "greek": ("Καλημέρα, κόσμος", ["καλημερα", "ΚΌΣΜΟΣ", "κόσμοσ"], ["κόπος"]),
    "arabic": ("كِتَابٌ جديد على الطاولة", ["كتاب", "كـتـاب", "الطاوله", "علي"], ["كتبا"]),
    "persian": ("می\u200cخواهم یک کتاب", ["میخواهم", "مي\u200cخواهم", "كتاب"], ["خواهر"]),
    "hebrew": ("שָׁלוֹם עולם", ["שלום", "עולם"], ["שלים"]),
    "turkish": ("Isparta'da İstanbul'lu", ["ısparta", "isparta", "ISTANBUL"], ["ispatta"]),
    "vietnamese": ("Đường phố Hà Nội", ["duong pho", "ĐƯỜNG", "hà nội", "noi"], ["ha noa"]),
    "polish": ("Łódź, źdźbło", ["lodz", "ŁÓDŹ", "zdzblo"], ["lodz2"]),
    "german": ("Die Straße am Zu\u00adsammenfluss", ["STRASSE", "strasse", "zusammenfluss"], ["sammenfluss"]),
    "french": ("l’été à l'œuvre", ["ete", "l'été", "oeuvre", "œuvre"], ["oevre"]),
    "danish": ("Rødgrød på øen", ["rodgrod", "pa oen"], ["radgrad"]),
    "georgian": ("საქართველოში ვარ", ["საქართველო ვარ"], ["საქართველი"]),
    "armenian": ("Բարեւ աշխարհ", ["բարեւ", "ԲԱՐԵՒ"], ["բարու"]),
    "english": (
        "na\u00efve co\u200boperation of ﬁnal ＦＵＬＬ width",
        ["naive", "cooperation", "final", "full"],
        ["cooper ation"],
    ),
}


async def test_one_normalization_for_text_and_query_in_every_language(database: Database) -> None:
    await thread(database, "t", *(f"u {name.replace(' ', '-')}: {row[0]}" for name, row in LANGUAGES.items()))

    def read(connection: Connection) -> None:
        wrong = []
        for name, (_, finding, missing) in LANGUAGES.items():
            for query in (*finding, *missing):
                hits = messages.find(connection, "ada", query, limit=30)
                matches = name.replace(" ", "-") in {hit.message_id for hit in hits}
                if matches != (query in finding):
                    wrong.append((name, query, matches))
        assert wrong == []

    await database.read(read)
