"""Token counts as the application uses them: by a named tokenizer or by estimate, and what is stored under which name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection

from chat.config.load import BadSettings, load
from chat.runtime.token_sizes import Sizes, load_tokenizers
from context.messages import Message, TextPart
from context.tokens.exact import ExactTokenizer
from store import learned_stats
from tests.chat.talk import talk
from tests.context.public_tokenizers import TEXTS, file

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tokenizer, which settings files are looked for in too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(file("byte-level"))
    return tmp_path


def message(text: str) -> Message:
    return Message(
        id="m",
        parent_id=None,
        role="user",
        status="complete",
        parts=(TextPart(text=text),),
        depth=0,
        tokens=0,
    )


def test_the_setting_is_one_file_or_a_table_of_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "tokenizer.json"
    assert load().tokenizer is None
    monkeypatch.setenv("PALAVER_TOKENIZER", str(path))
    assert load().tokenizer == {"*": path}
    monkeypatch.setenv("PALAVER_TOKENIZER", json.dumps({"qwen": str(path)}))
    assert load().tokenizer == {"qwen": path}
    monkeypatch.delenv("PALAVER_TOKENIZER")
    (folder / "palaver.toml").write_text('[tokenizer]\nqwen = "tokenizer.json"\n')
    assert load().tokenizer == {"qwen": Path("tokenizer.json")}
    (folder / "palaver.toml").write_text('tokenizer = "tokenizer.json"\n')
    assert load().tokenizer == {"*": Path("tokenizer.json")}


@pytest.mark.parametrize("value", ["{", '{"m": 5}', '{"m": {}}'])
def test_a_table_that_cannot_be_read_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALAVER_TOKENIZER", value)
    with pytest.raises(BadSettings, match=r"^PALAVER_TOKENIZER"):
        load()


@pytest.mark.parametrize("content", [None, b"", b"{}"])
async def test_a_missing_or_broken_file_is_refused_at_start(folder: Path, content: bytes | None) -> None:
    path = folder / "other.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSettings, match=rf"^PALAVER_TOKENIZER: {path}: "):
        async with talk(folder, tokenizer=path):
            pass


def sized(sizes: Sizes, text: str, model: str) -> Message:
    [one] = sizes.sized([message(text)], sizes.of_messages([message(text)], model), model)
    return one


def test_a_model_with_a_tokenizer_is_counted_by_it_and_others_are_estimated(folder: Path) -> None:
    exact = ExactTokenizer(file("byte-level"))
    sizes = Sizes("claude-sonnet-5-5", load_tokenizers({"qwen": folder / "tokenizer.json"}))
    plain = Sizes("claude-sonnet-5-5")
    for text in TEXTS:
        assert sizes.count(text, "qwen") == exact.count(text)
        assert sized(sizes, text, "qwen").tokens == exact.count(text)
        assert sizes.count(text) == plain.count(text)
        assert sized(sizes, text, "other") == sized(plain, text, "other")


def test_a_file_for_every_model_gives_way_to_a_models_own(folder: Path) -> None:
    (folder / "own.json").write_bytes(file("wordpiece"))
    files = {"*": folder / "tokenizer.json", "qwen": folder / "own.json"}
    sizes = Sizes("any", load_tokenizers(files))
    assert sizes.count(TEXTS[2]) == ExactTokenizer(file("byte-level")).count(TEXTS[2])
    assert sizes.count(TEXTS[2], "qwen") == ExactTokenizer(file("wordpiece")).count(TEXTS[2])


def test_calibrations_are_stored_under_the_tokenizers_name(folder: Path) -> None:
    sizes = Sizes("m", load_tokenizers({"qwen": folder / "tokenizer.json"}))
    assert sizes.calibration_key("m") == "tokens words-2 m"
    assert sizes.calibration_key("qwen") == f"tokens {ExactTokenizer(file('byte-level')).name} qwen"


async def test_what_bills_taught_is_kept_per_tokenizer(folder: Path) -> None:
    async with talk(folder) as estimated:
        await estimated.many(3)
        model = estimated.app.deps.deployment.tiers["standard"]
    async with talk(folder, tokenizer=folder / "tokenizer.json") as counted:
        sizes = counted.app.deps.runtime.sizes
        assert sizes.calibration(model).reports == 0
        await counted.many(3)
        assert sizes.calibration(model).family == "exact"
        assert sizes.calibration(model).reports > 0
    async with talk(folder) as again:
        assert again.app.deps.runtime.sizes.calibration(model).reports > 0

        def read(connection: Connection) -> None:
            assert learned_stats.get(connection, f"tokens {model}") is None
            assert learned_stats.get(connection, f"tokens words-2 {model}") is not None

        await again.app.deps.database.read(read)


def test_nothing_is_loaded_before_a_text_comes() -> None:
    code = """
import sys
from chat.runtime.token_sizes import Sizes
sizes = Sizes("m")
sizes.calibration_key("m"), sizes.calibration("m")
assert "tokenizers" not in sys.modules
assert sizes.count("Hello there.") > 0
assert "tokenizers" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
