"""One vocabulary: words that were coined for this code once, and have a term of the field now, do not come back.

Two lists. The first holds for everything: identifiers, file names, strings (log events, API fields, page text), docstrings, comments and
documents. The second holds for identifiers only: plain English words that were used as names for something that has a name.
"""

import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Written or named by us nowhere; the term to use instead.
COINED: Mapping[str, str] = {
    **dict.fromkeys(("fold", "folds", "folded", "folding", "refold", "unfolded"), "compact, compaction"),
    **dict.fromkeys(("ladder", "ladders"), "summary, summary segment"),
    **dict.fromkeys(("lane", "lanes"), "cache state"),
    **dict.fromkeys(("errand", "errands"), "call context, background task"),
    **dict.fromkeys(("wish", "wishes"), "request"),
    **dict.fromkeys(("rung", "rungs"), "fallback candidate"),
    **dict.fromkeys(("duty", "duties"), "periodic task"),
    **dict.fromkeys(("shortfall", "shortfalls"), "cache miss"),
    **dict.fromkeys(("allowance", "allowances"), "keep-alive cap"),
    "tending": "keep-alive",
    "hangup": "unread body",
    "deeds": "actions context",
    "outlook": "gap forecast",
    **dict.fromkeys(("foreseen", "foresee", "foresees", "foretold"), "estimated, predicted"),
    **dict.fromkeys(("summarise", "summarises", "summarised", "summariser", "summarising"), "summarize"),
    **dict.fromkeys(("sanitise", "sanitised", "sanitiser"), "sanitize"),
    **dict.fromkeys(("colour", "colours"), "color"),
}

# No identifier or part of one.
NOT_AS_NAME: Mapping[str, str] = {
    "standing": "thread snapshot",
    "stood": "thread snapshot",
    "billed": "actual usage",
    "predicted": "estimated usage",
    "told": "the noun (reported, shown, position, ...), or context report",
    "resting": "open (circuit breaker)",
    "life": "TTL",
    "lives": "TTL",
}

# Phrases of the old prose, in any text.
PHRASES: Mapping[str, str] = {
    "what the model is told": "context",
    "what the model was told": "context report",
    "cache mark": "cache breakpoint",
    "last mark": "last cache breakpoint",
    "cache life": "cache TTL",
    "place in line": "queue position",
    "left alone": "open (circuit breaker)",
    "half of the answers within": "median",
    "not go well": "failed",
    "stopped by somebody": "cancelled",
}
STANDARD = ("case folding", "casefold", "half_life", "half-life")  # terms of other fields

# Where such a word is right, with the reason: path (a file, or a folder and all in it) to words.
ALLOWED: Mapping[str, tuple[frozenset[str], str]] = {
    "store/migrations": (
        frozenset(COINED) | frozenset(NOT_AS_NAME),
        "they name tables and columns as they were once",
    ),
    "context/recall/stems.py": (
        frozenset({"rung"}),
        "a list of English words",
    ),
    "context/recall/asking.py": (frozenset({"summarise"}), "what people write"),
    "tests/test_vocabulary.py": (frozenset(COINED), "the lists themselves"),
}

# Areas that are not held to it yet. Empty this as they are cleaned up; nothing is ever added.
PENDING: frozenset[str] = frozenset()


def areas() -> list[str]:
    """The folders that are checked one by one, and the documents."""
    chat = sorted(
        f"chat/{path.name}" for path in (ROOT / "chat").iterdir() if (path / "__init__.py").exists()
    )
    return ["chat", *chat, "store", "context", "web/src", "documents"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A word that has a better one."""

    path: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word!r}: say {self.instead}"


@pytest.mark.parametrize("area", areas())
def test_every_word_is_the_fields(area: str) -> None:
    if area in PENDING:
        pytest.skip("not cleaned up yet")
    findings = [str(finding) for path in files_of(area) for finding in findings_in(path)]
    if findings:
        pytest.fail(f"{len(findings)} words:\n" + "\n".join(findings), pytrace=False)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.py", "lane_of = foldCount(casefold)\n", ["lane", "fold"]),
        ("a.py", '"""A docstring of two\nlines about a lane."""\n', ["lane"]),
        ("a.py", "# billed is a plain word here\nbilled = 1\n", ["billed"]),
        ("a.py", 'log.info("summary.folded")\n', ["folded"]),
        ("shortfall.py", "x = 1\n", ["shortfall"]),
        ("a.ts", "const lifeOf = (life: string) => life; // Folded away\n", ["life", "folded"]),
        ("a.md", "`PALAVER_LANE_SIZE`, what the model\nwas told\n", ["lane", "what the model was told"]),
        ("a.md", "An island, a scaffold, a lifetime; five-fold.\n", []),
    ],
)
def test_a_coined_word_is_found_wherever_it_hides(
    name: str, text: str, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert [finding.word for finding in findings_in(path)] == words


def test_the_allowed_places_exist() -> None:
    assert [path for path in ALLOWED if not (ROOT / path).exists()] == []


def files_of(area: str) -> list[Path]:
    """The files of an area, in order; what stands directly in `chat/` is an area of its own."""
    if area == "documents":
        folders = ("chat", "store", "context", "web", "tests")
        inner = (path for folder in folders for path in (ROOT / folder).rglob("*.md"))
        return sorted(path for path in (*ROOT.glob("*.md"), *inner) if "node_modules" not in path.parts)
    paths = (ROOT / area).glob("*") if area == "chat" else (ROOT / area).rglob("*")
    return sorted(path for path in paths if path.suffix in (".py", ".ts", ".tsx", ".css", ".html"))


def findings_in(path: Path) -> Iterator[Finding]:
    """Every coined word in a file and in its name."""
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    allowed = {
        word
        for place, (words, _) in ALLOWED.items()
        if shown == place or shown.startswith(f"{place}/")
        for word in words
    }
    text = path.read_text("utf-8")
    read = python_words if path.suffix == ".py" else text_words
    for line, word, instead in (*words_of(1, path.stem, name=True), *read(text), *phrases_in(text)):
        if word not in allowed:
            yield Finding(shown, line, word, instead)


Hit = tuple[int, str, str]
_COMPOUND = re.compile(r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NEUTRAL = re.compile("|".join((*STANDARD, r"\b[a-z]+-fold\b")), re.IGNORECASE)  # five-fold


def python_words(text: str) -> Iterator[Hit]:
    """The coined words of a Python file: its names, strings and comments."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield from words_of(token.start[0], token.string, name=True)
        elif token.type not in (tokenize.OP, tokenize.NUMBER):
            yield from text_words(token.string, token.start[0])


def text_words(text: str, first: int = 1) -> Iterator[Hit]:
    """The coined words of any other text; compounds (`lifeOf`, `LANE_SIZE`) are names."""
    for line, content in enumerate(_NEUTRAL.sub("", text).split("\n"), start=first):
        for compound in _COMPOUND.findall(content):
            parts = _PART.findall(compound)
            yield from words_of(line, compound, name=len(parts) > 1 and "-" not in compound)


def words_of(line: int, compound: str, *, name: bool) -> Iterator[Hit]:
    """The coined words among the parts of a word."""
    known = {**COINED, **NOT_AS_NAME} if name else COINED
    for part in _PART.findall(_NEUTRAL.sub("", compound)):
        word = part.lower()
        if word in known:
            yield line, word, known[word]


def phrases_in(text: str) -> Iterator[Hit]:
    """The old phrases, also across the ends of lines."""
    plain = re.sub(r"\s*\n\s*(?:[#*/]+ ?)?", lambda match: " " * len(match[0]), text).lower()
    for phrase, instead in PHRASES.items():
        for match in re.finditer(r"\s+".join(map(re.escape, phrase.split())), plain):
            yield text.count("\n", 0, match.start()) + 1, phrase, instead
