"""Read the repository's READMEs: sections, tables, code blocks, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def section(path: str, title: str) -> str:
    """The text under `## title`, without its heading."""
    return (ROOT / path).read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[tuple[str, ...]]:
    """The cells of all table rows, without headings and the lines under them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rules = {number for number, line in enumerate(lines) if re.fullmatch(r"[|\s:-]+", line)}
    headings = {number - 1 for number in rules}
    return [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for number, line in enumerate(lines)
        if number not in rules | headings
    ]


def code(text: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)\n```", text, re.DOTALL)


def links(path: Path) -> Iterator[tuple[str, str]]:
    """The relative links of a file: target and anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield file, anchor


def anchors(path: Path) -> set[str]:
    """What a link may name behind `#` in a file: its headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def readmes() -> list[Path]:
    """Every README of the repository."""
    tops = ("chat", "store", "context", "tests")
    return [
        ROOT / "README.md",
        ROOT / "web" / "README.md",
        ROOT / "web" / "examples" / "README.md",
        *sorted(
            file
            for top in tops
            for file in (ROOT / top).rglob("README.md")
            if "node_modules" not in file.parts
        ),
    ]
