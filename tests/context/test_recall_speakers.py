"""Who speaks in the messages of a conversation of several people, and what that does for questions that name them."""

import pytest

from context.recall.speakers import FEWEST, possible_names, speaker_label
from context.recall.stems import word_stems
from store.search.term_index import LABELED, indexed_stems, speaker


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nora: I moved to Lisbon", "Nora"),
        ("**Nora:** I moved", "Nora"),
        ("[Nora]: I moved", "Nora"),
        ("<Nora Vale>: hm", "Nora Vale"),
        ("Jürgen: Ich bin umgezogen", "Jürgen"),
        ("Анна: я переехала", "Анна"),
        ("小明：我搬家了", "小明"),
        ("さくら：引っ越した", "さくら"),
        ("민수: 이사했어", "민수"),
        ("نورا: انتقلت", "نورا"),
        ("10:30 is fine", ""),
        ("10:30: fine", ""),
        ("https://example.org/nora: gone", ""),
        ("What I mean is this, and it takes me a while to say it: no", ""),
        ("one line\nNora: two", ""),
        ("", ""),
        (":", ""),
    ],
)
def test_the_name_in_front_of_a_message_is_read_in_any_script(text: str, name: str) -> None:
    stems = {stem for stems in word_stems(name).values() for stem in stems}
    assert speaker_label(text)[0] == stems
    assert {stem for stem in indexed_stems(text, "user") if stem.startswith(LABELED)} == (
        {LABELED, *map(speaker, stems)} if stems else set()
    )


def test_who_asks_is_not_asked_about() -> None:
    counts = {"nora": 40, "paul": 60, "cook": FEWEST, "rare": FEWEST - 1}
    assert possible_names("What did Nora cook for Paul?", counts) == ["paul", "nora", "cook"]
    assert possible_names("Paul: What did Nora cook?", counts) == ["nora", "cook"]
    assert possible_names("Paul: What did Nora cook for Paul?", counts) == ["paul", "nora", "cook"]
