"""A SQLite file belongs to one process, whichever way its path is written."""

from pathlib import Path

import pytest

from chat.clock import SystemClock
from chat.config.load import BadSettings
from chat.config.settings import Settings
from chat.runtime.open_database import open_database


def settings(path: Path) -> Settings:
    return Settings(_env_file=None, database_url=f"sqlite:///{path}")


@pytest.mark.parametrize("through", ["file", "folder", "dots"])
async def test_a_second_process_is_refused_through_a_link(tmp_path: Path, through: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    match through:
        case "file":
            other = tmp_path / "elsewhere.db"
            other.symlink_to(home / "palaver.db")
        case "folder":
            (tmp_path / "link").symlink_to(home, target_is_directory=True)
            other = tmp_path / "link" / "palaver.db"
        case _:
            other = home / ".." / "home" / "palaver.db"
    async with open_database(settings(home / "palaver.db"), SystemClock()):
        with pytest.raises(BadSettings, match="another Palaver process"):
            async with open_database(settings(other), SystemClock()):
                pass
