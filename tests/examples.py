"""The files of `web/examples`, with the address and the token that a test has instead of those that stand in them."""

from pathlib import Path

from tests.markdown import ROOT

EXAMPLES = ROOT / "web" / "examples"
ADDRESS = "http://localhost:8100"


def copied(name: str, folder: Path, address: str, replaced: dict[str, str] | None = None) -> Path:
    """A copy of an example in a folder of its own, which talks to `address`. Each of the texts to replace must stand in it once."""
    text = (EXAMPLES / name).read_text()
    for old, new in {ADDRESS: address, **(replaced or {})}.items():
        assert text.count(old) == 1, f"{old} in {name}"
        text = text.replace(old, new)
    copy = folder / name
    copy.write_text(text)
    return copy
