"""`palaver route` and the operator's rules: what is decided, and what is refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat.cli.main import app
from chat.config.load import BadSettings, load

RULES = """
[[routing_rules]]
name = "contracts"
tier = "complex"
pattern = "(?i)contract"

[[routing_rules]]
name = "bot"
tier = "simple"
label = "bot"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_text_is_explained() -> None:
    ended = CliRunner().invoke(app, ["route", "thanks a lot!"])
    assert ended.exit_code == 0
    assert ended.output.startswith("simple")
    assert "small talk" in ended.output
    assert "towards less" in ended.output


def test_a_file_is_read_line_by_line_with_its_history_and_labels(folder: Path) -> None:
    (folder / "palaver.toml").write_text(RULES)
    lines = [
        "hello",
        json.dumps({"text": "please check this Contract"}),
        json.dumps({"prompt": "Where is my order?", "labels": ["bot"]}),
        json.dumps({"text": "hello", "history": [{"role": "assistant", "content": "Hi!"}]}),
    ]
    (folder / "turns.jsonl").write_text("\n".join(lines))
    ended = CliRunner().invoke(app, ["route", "--file", "turns.jsonl", "--json"])
    rows = [json.loads(line) for line in ended.output.splitlines()]
    assert [(row["tier"], row["rules"]) for row in rows] == [
        ("simple", []),
        ("complex", ["contracts"]),
        ("simple", ["bot"]),
        ("simple", []),
    ]
    assert all(0 <= row["score"] <= 1 and row["signals"] for row in rows)
    table = CliRunner().invoke(app, ["route", "--file", "turns.jsonl"])
    assert "4 texts: 3 simple (75%)" in table.output


def test_a_file_without_texts_is_no_question(folder: Path) -> None:
    (folder / "turns.jsonl").write_text("\n")
    ended = CliRunner().invoke(app, ["route", "--file", "turns.jsonl"])
    assert (ended.exit_code, "turns.jsonl: the file has no text" in ended.output) == (1, True)


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"text": 1}', "turns.jsonl, line 2: `text` is missing"), ('{"text": "a"', "turns.jsonl, line 2")],
)
def test_a_line_that_cannot_be_read_is_named(folder: Path, line: str, message: str) -> None:
    (folder / "turns.jsonl").write_text(f"hello\n{line}\n")
    ended = CliRunner().invoke(app, ["route", "--file", "turns.jsonl"])
    assert ended.exit_code == 1
    assert message in " ".join(ended.output.split())


@pytest.mark.parametrize("arguments", [[], ["hello", "--file", "x"]])
def test_a_text_or_a_file_is_wanted(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["route", *arguments]).exit_code == 2


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            'name = "a"\ntier = "complex"\npattern = "("',
            "the pattern of the rule 'a' cannot be used: missing )",
        ),
        ('name = "a"\ntier = "complex"\npattern = "(?=x)"', "the rule 'a'"),
        ('name = "a"\ntier = "complex"', "the rule 'a' needs a label or a pattern"),
        ('name = "a"\ntier = "best"\nlabel = "x"', "PALAVER_ROUTING_RULES"),
        ('name = "a"\ntier = "complex"\nlabel = "x"\nmodel = "y"', "PALAVER_ROUTING_RULES"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(folder: Path, rule: str, message: str) -> None:
    (folder / "palaver.toml").write_text(f"[[routing_rules]]\n{rule}\n")
    with pytest.raises(BadSettings, match="PALAVER_ROUTING_RULES") as refused:
        load()
    assert message in str(refused.value)


def test_a_pattern_that_would_stall_another_engine_takes_no_time(folder: Path) -> None:
    (folder / "palaver.toml").write_text(
        '[[routing_rules]]\nname = "slow"\ntier = "complex"\npattern = "(a+)+$"\n'
    )
    [rule] = load().routing_rules
    assert not rule.rule.matches("a" * 50_000 + "!", ())
