"""Texts of any length that are hard to read in linear time: twelve scripts, letters that grow, runs of marks, unfinished markup."""

from collections.abc import Callable, Iterator
from itertools import cycle, islice, product
from typing import Final

SCRIPTS: Final = {
    "latin": "The quick brown fox, naïve as ever, jumps over 12 lazy dogs. ",
    "cyrillic": "Съешь ещё этих мягких французских булок, да выпей чаю. ",
    "greek": "Καλημέρα κόσμε, τι κάνεις σήμερα; ",
    "arabic": "مرحبا بالعالم، كِتَابٌ جديد هنا. ",
    "hebrew": "שָׁלוֹם עולם, מה שלומך היום? ",
    "devanagari": "दिन में सूरज निकलता है, हिन्दी भाषा। ",
    "tamil": "வணக்கம் உலகம், எப்படி இருக்கிறீர்கள்? ",
    "thai": "ภาษาไทยไม่มีช่องว่างระหว่างคำ",
    "han": "我们明天去北京大学看书，然后回家。",
    "kana": "これからは日本語で書いてください。カタカナも。",
    "hangul": "항상 한국어로 답해 주세요. 학교에서 만나요. ",
    "georgian": "გამარჯობა მსოფლიო, როგორ ხარ? ",
}
REPEATED: Final = {
    "ligature of 18 letters": "\ufdfa",
    "small ligature": "ﬁ",
    "one accent": "\u0301",
    "accents out of order": "\u0301\u0316",
    "thai marks out of order": "\u0e48\u0e38",
    "indic marks out of order": "\u094d\u093c",
    "letter and accents": "a\u0327\u0301",
    "jamo": "\u1112\u1161\u11ab",
    "zero width": "\u200b",
    "direction override": "\u202e",
    "emoji family": "👩\u200d👩\u200d👧\u200d👦",
    "beyond the basic plane": "\U00020000𝐀",
    "script of every other letter": "日a",
    "line feed": "\n",
    "line separator": "\u2028",
    "space": " ",
    "tab": "\t",
    "NUL": "\0",
    "one letter": "x",
    "one digit": "1",
    "digits and commas": "1,",
    "digits and hyphens": "2025-",
    "stops": ".",
    "question marks": "?",
    "stops and letters": ".a",
    "paragraphs": "a\n\n",
    "quotation marks": '"',
    "quoted": "“ab”",
    "apostrophes": "a'b",
    "capitals": ", Ab",
    "nested emphasis": "*a **a ",
    "unclosed links": "[a](b",
    "brackets": "[",
    "quotes": "> ",
    "unclosed emphasis": "a_ ",
    "backticks": "e`",
    "image openers": "![[]()",
    "comments": "<!--",
    "ampersands": "&",
    "hard breaks": "x\\\n",
    "table": "|c|d|\n",
    "bullets": "- ",
    "autolinks": "<a@b",
    "fences": "```\n",
    "references": "[m1] ",
    "unclosed references": "[m1, m1",
    "lines with references": "- a [m1]\n",
    "opening words": "please, and ",
    "rules": "항상 常に siempre que yo ",
    "preferences": "i really ",
    "dates": "5 May 2025 ",
    "months": "may ",
    "times ago": "1 day ",
}
# Once, then repeated, then once.
FRAMED: Final = {
    "bullet and spaces": ("- ", " ", "x"),
    "bullet, text and spaces": ("- a", " ", "x"),
    "letter, question marks, letter": ("a", "?", "b"),
    "month and spaces": ("5 May", " ", "x"),
    "bracket in a bracket": ("- ", "[", "m1]"),
    "one quotation mark": ("“", "ab ", ""),
}
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_MANY: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "many words": lambda: ("w" + "".join(letters) + " " for letters in product(_LETTERS, repeat=4)),
    "many characters of Han": lambda: map(chr, cycle(range(0x4E00, 0x9F00))),
    "many syllables of Hangul": lambda: map(chr, cycle(range(0xAC00, 0xD700))),
    "many sentences": lambda: (" ".join(letters) + ". " for letters in product(_LETTERS, repeat=5)),
}
NAMES: Final = (*SCRIPTS, *REPEATED, *FRAMED, *_MANY)


def text(name: str, length: int) -> str:
    """The text of that name with so many characters."""
    if name in _MANY:
        return "".join(islice(_MANY[name](), length))[:length]
    before, unit, after = FRAMED.get(name, ("", {**SCRIPTS, **REPEATED}.get(name, ""), ""))
    repeated = max(0, length - len(before) - len(after))
    return before + (unit * (repeated // len(unit) + 1))[:repeated] + after
