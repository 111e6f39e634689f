"""What a turn asks of the database is built once: building a statement takes several times what running it does."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, TextClause
from sqlalchemy.sql.selectable import Select

from tests.chat.talk import talk

PARTS = (BinaryExpression, BindParameter, Delete, Insert, Select, TextClause, Update)
QUESTION = "How often do tomatoes want water in July?"


async def test_a_turn_builds_no_statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    async with talk(tmp_path) as chat:
        chat.app.stop_leases()
        for _ in range(3):  # statements that vary are built when they are first used
            await chat.say(QUESTION)
            chat.clock.advance(30)
        for part in PARTS:
            monkeypatch.setattr(part, "__init__", _noting(part, built))
        for thread in ("t", "t", "another", "another"):
            turn = await chat.say(QUESTION, thread=thread)
            assert turn["status"] == "completed"
            chat.clock.advance(30)
        monkeypatch.undo()
    assert not built


def _noting(part: Any, built: list[str]) -> Any:
    """The constructor of a part of a statement, which notes where it is called."""
    init = part.__init__

    def noted(self: Any, *args: Any, **named: Any) -> None:
        built.append("".join(traceback.format_stack(limit=12)))
        init(self, *args, **named)

    return noted
