"""The table is printed from files of the kit's form: bills over the bound, evidence in the request."""

import gzip
import json
from pathlib import Path

import pytest

from tests.bench.as_shipped.__main__ import main
from tests.bench.as_shipped.rows import Row

KIT = """
from types import SimpleNamespace
def score_one(question, messages, budget, context):
    found = [messages[id]["content"] in "\\n".join(context) for id in question["evidence"]]
    return SimpleNamespace(recall=sum(found) / len(found))
"""


def test_the_table_has_bills_and_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = [
        ("user", "My parrot is called Kea."),
        ("assistant", "Nice!"),
        ("user", "It is green."),
        ("assistant", "I see."),
    ]
    messages = [
        {"id": f"m{number}", "role": role, "ts": f"2026-10-01T09:0{number}:00Z", "content": text}
        for number, (role, text) in enumerate(talk)
    ]
    question = {
        "id": "q",
        "thread": "t",
        "source": "locomo",
        "category": "multi_hop",
        "question": "What is my parrot called?",
        "answer": "Kea",
        "evidence": ["m0"],
        "asked_at": "2026-10-02T09:00:00Z",
        "scored": True,
    }
    _write(tmp_path / "support" / "threads-200.jsonl.gz", {"id": "t", "messages": messages})
    _write(tmp_path / "recall" / "locomo.threads.jsonl.gz", {"id": "t", "messages": messages})
    _write(tmp_path / "recall" / "locomo.questions.jsonl.gz", question)
    (tmp_path / "context_recall.py").write_text(KIT)
    options = ["--data", str(tmp_path), "--eval", str(tmp_path)]

    assert main([*options, "--rows", "support-200,locomo", "--turns", "2"]) == 0

    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    values = {row[0].removeprefix("| "): row[1] for row in rows}
    assert 1.0 <= float(values["support-200: bill ÷ bound"]) < 1.6
    assert values["support-200: bill ÷ bound"] == values["support-200, recall off: bill ÷ bound"]
    assert values["locomo: % of the evidence in the request"] == "100.000"
    assert values["locomo: answer words in summary and window"] == "1.000"


def test_a_row_says_whether_its_aim_is_reached() -> None:
    assert [Row(name="a", value=value, aim=1.25).mark for value in (1.2, 1.3, None)] == ["yes", "no", ""]
    assert [Row(name="a", value=value, aim=88, at_least=True).mark for value in (90, 80)] == ["yes", "no"]


def test_an_unknown_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--rows", "everything"])


def _write(path: Path, row: dict[str, object]) -> None:
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.write(json.dumps(row) + "\n")
