"""The file that `--config` names is the one whose tokens are re-read."""

from pathlib import Path

import httpx
import pytest

from chat.auth.tokens import as_toml
from tests.palaver import palaver
from tests.upstream import Simulator

FIRST, SECOND = "a-first-token-of-sixteen", "a-second-token-of-sixteen"


async def test_tokens_are_reread_from_the_file_that_config_names(
    tmp_path: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "elsewhere.toml"
    file.write_text(as_toml(FIRST, name="first", user="ada"))

    async with palaver(tmp_path / "data", sim, config=file) as app:

        async def status(token: str) -> int:
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=app.url, headers=headers, trust_env=False) as http:
                return (await http.get("/api/threads")).status_code

        assert (await status(FIRST), await status(SECOND)) == (200, 401)
        for name in ("palaver.toml", "elsewhere.toml"):  # the default file is not read
            (tmp_path / name).write_text(as_toml(SECOND, name="second", user="ada"))
            for _ in range(2):
                await app.deps.token_registry.check()
            expected = (200, 401) if name == "palaver.toml" else (401, 200)
            assert (await status(FIRST), await status(SECOND)) == expected
