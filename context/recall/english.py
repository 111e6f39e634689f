"""English stems: Porter's algorithm (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980), and the irregular forms.

Applied to every word in plain Latin letters. In other languages that use them it takes fewer endings off, but the same ones on
both sides, which is all that finding needs.
"""

import re
from typing import Final

_VOWELS: Final = "aeiou"

_STEP_2: Final = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "abli": "able", "alli": "al", "entli": "ent",
    "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive", "fulness": "ful",
    "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
_STEP_3: Final = {
    "icate": "ic",
    "ative": "",
    "alize": "al",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
}
_STEP_4: Final = (
    *(
        "ement",
        "ance",
        "ence",
        "able",
        "ible",
        "ment",
        "ant",
        "ent",
        "ism",
        "ate",
        "iti",
        "ous",
        "ive",
        "ize",
    ),
    *("ion", "al", "er", "ic", "ou"),
)
# Past forms and plurals that no ending explains, behind what they come from.
_FORMS: Final = """
become:became begin:began,begun bite:bit,bitten blow:blew,blown break:broke,broken bring:brought build:built buy:bought
catch:caught choose:chose,chosen come:came deal:dealt dig:dug draw:drew,drawn drink:drank,drunk drive:drove,driven
eat:ate,eaten fall:fell,fallen feed:fed feel:felt fight:fought find:found fly:flew,flown forget:forgot,forgotten
forgive:forgave,forgiven freeze:froze,frozen get:got,gotten give:gave,given go:went,gone grow:grew,grown hang:hung hear:heard
hide:hid,hidden hold:held keep:kept know:knew,known lay:laid lead:led leave:left lend:lent lose:lost make:made mean:meant
meet:met pay:paid ride:rode,ridden ring:rang,rung rise:rose,risen run:ran say:said see:saw,seen seek:sought sell:sold
send:sent shake:shook,shaken shine:shone shoot:shot show:shown sing:sang,sung sink:sank,sunk sit:sat sleep:slept
speak:spoke,spoken spend:spent stand:stood steal:stole,stolen stick:stuck strike:struck swim:swam,swum take:took,taken
teach:taught tear:tore,torn tell:told think:thought throw:threw,thrown understand:understood wake:woke,woken wear:wore,worn
win:won write:wrote,written child:children man:men woman:women foot:feet tooth:teeth mouse:mice goose:geese person:people
life:lives wife:wives knife:knives leaf:leaves half:halves shelf:shelves wolf:wolves
"""
_IRREGULAR: Final = {
    form: base
    for base, _, forms in (entry.partition(":") for entry in _FORMS.split())
    for form in forms.split(",")
}


def english(word: str) -> str:
    """The stem of a compacted word in the letters a to z."""
    word = _IRREGULAR.get(word, word)
    if len(word) <= 2:
        return word
    word = _plural(word)
    word = _past(word)
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    for table in (_STEP_2, _STEP_3):
        ending = next((word[-size:] for size in range(7, 1, -1) if word[-size:] in table), None)
        if ending is not None and _measure(word[: -len(ending)]) > 0:
            word = word[: -len(ending)] + table[ending]
    ending = next((ending for ending in _STEP_4 if word.endswith(ending)), "")
    root = word[: len(word) - len(ending)]
    if ending and _measure(root) > 1 and (ending != "ion" or root[-1] in "st"):
        word = root
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _short(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        root = word[: -len(ending)]
        if not word.endswith(ending) or not _has_vowel(root):
            continue
        if root.endswith(("at", "bl", "iz")):
            return root + "e"
        if len(root) > 1 and root[-1] == root[-2] and root[-1] not in "aeioulsz":
            return root[:-1]
        return root + "e" if _measure(root) == 1 and _short(root) else root
    return word


def _shape(word: str) -> str:
    """The word as v for vowels and c for consonants; y is a vowel behind a consonant."""
    shape = ""
    for index, letter in enumerate(word):
        vowel = letter in _VOWELS or (letter == "y" and index > 0 and shape[-1] == "c")
        shape += "v" if vowel else "c"
    return shape


def _measure(word: str) -> int:
    """How many times a vowel is followed by a consonant: roughly, syllables."""
    return len(re.findall("v+c+", _shape(word)))


def _has_vowel(word: str) -> bool:
    return "v" in _shape(word)


def _short(word: str) -> bool:
    """Whether a word ends in consonant, vowel, consonant, like "hop"."""
    return _shape(word)[-3:] == "cvc" and word[-1] not in "wxy"
