"""Names that are no settings, the place of a value, other files, and other people's encodings."""

from pathlib import Path

import pytest

from chat.config.load import BadSettings, load
from chat.config.sources import toml_line


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


BUDGET = 'scope = "deployment"\nunit = "usd"\nperiod = "day"\nlimit = 1\n'


def refusal() -> str:
    with pytest.raises(BadSettings) as refused:
        load()
    return str(refused.value)


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        (f"[[budget]]\n{BUDGET}", ["budget: ", "did you mean budgets?", "palaver.toml, line 1"]),
        ("port = 1\n\nPALAVER_HOST = 'x'\n", ["PALAVER_HOST: ", "did you mean host?", "line 3"]),
        ("grace-seconds = 5", ["grace-seconds: ", "did you mean grace_seconds?"]),
        ("[server]\nport = 1", ["server: ", "line 1"]),
        (f"[[budgets]]\n{BUDGET}[[budgets]]\n{BUDGET}degrade-at = 0.5\n", ["PALAVER_BUDGETS[1].degrade-at: ", "did you mean degrade_at?", "line 11"]),
        ("[[tokens]]\nname = 'a'\nsha = 'planted'\n", ["PALAVER_TOKENS[0].sha: ", "did you mean sha256?", "line 3"]),
        ("[[routing_rules]]\nname = 'a'\ntier = 'simple'\nlable = 'x'", ["PALAVER_ROUTING_RULES[0].lable: ", "label"]),
        ("config = 'other.toml'", ["config: "]),
    ],
)  # fmt: skip
def test_an_unknown_name_in_the_file_stops_the_start(folder: Path, toml: str, parts: list[str]) -> None:
    (folder / "palaver.toml").write_text(toml)
    message = refusal()
    assert [part for part in parts if part not in message] == [], message
    assert "planted" not in message


def test_an_unknown_name_in_dotenv_stops_the_start(folder: Path) -> None:
    (folder / ".env").write_text("OTHER=1\n# PALAVER_X\nexport PALAVER_BUDGET=planted\n")
    assert (
        refusal() == "PALAVER_BUDGET: there is no such setting; did you mean PALAVER_BUDGETS? (.env, line 3)"
    )


@pytest.mark.parametrize("name", ["PALAVER_TOKKEN", "PALAVER_tokn", "PALAVER_METRIC_TOKEN"])
def test_an_unknown_name_in_the_environment_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "planted")
    message = refusal()
    assert message.startswith(f"{name}: there is no such setting; did you mean PALAVER_")
    assert message.endswith("(from the environment)")


def test_what_kubernetes_says_of_a_service_of_that_name_is_no_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "PALAVER_SERVICE_HOST",
        "PALAVER_SERVICE_PORT_HTTP",
        "PALAVER_PORT_8100_TCP_ADDR",
        "PALAVER_PORT_8100_TCP",
    ):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PALAVER_PORT", "tcp://10.0.0.1:8100")
    assert load().port == 8100


def test_the_place_of_a_bad_value_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "palaver.toml").write_text('host = "a"\nport = "many"\n')
    assert refusal().endswith("(palaver.toml, line 2)")
    (folder / ".env").write_text("A=1\nPALAVER_PORT=many\n")
    assert refusal().endswith("(.env, line 2)")
    monkeypatch.setenv("palaver_port", "many")
    assert refusal().endswith("(from the environment)")
    with pytest.raises(BadSettings, match=r"\(from the command line\)$"):
        load(port=-1)


@pytest.mark.parametrize("name", ["TOKENS", "BUDGETS", "ROUTING_RULES", "TOKENIZER"])
def test_a_table_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"PALAVER_{name}", "{planted")
    message = refusal()
    assert message.startswith(f"PALAVER_{name}: ")
    assert message.endswith("(from the environment)")


def test_a_broken_file_is_named_with_its_line(folder: Path) -> None:
    (folder / "palaver.toml").write_text("port = 1\nhost = = 2\n")
    assert "palaver.toml" in refusal()
    assert "line 2" in refusal()
    (folder / "palaver.toml").write_bytes(b"\xff\x00bad")
    assert "palaver.toml" in refusal()
    (folder / "palaver.toml").unlink()
    (folder / ".env").write_bytes(b"PALAVER_HOST=\xe4\n")
    assert ".env" in refusal()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read_past(folder: Path, encoding: str) -> None:
    (folder / "palaver.toml").write_text('host = "häuser"\n', encoding=encoding)
    (folder / ".env").write_text("PALAVER_PORT=7\n", encoding=encoding)
    (folder / "prompt.txt").write_text("Be brief.", encoding=encoding)
    settings = load(system_prompt_file="prompt.txt")
    assert (settings.host, settings.port) == ("häuser", 7)


@pytest.mark.parametrize("how", ["command line", "environment", "dotenv"])
def test_another_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    (folder / "palaver.toml").write_text("port = 1")
    (folder / "other.toml").write_text("port = 2")
    if how == "environment":
        monkeypatch.setenv("PALAVER_CONFIG", "other.toml")
    if how == "dotenv":
        (folder / ".env").write_text("PALAVER_CONFIG=other.toml")
    assert load(config=Path("other.toml") if how == "command line" else None).port == 2


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(BadSettings, match=r"nowhere\.toml"):
        load(config=Path("nowhere.toml"))


def test_home_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "prompt.txt").write_text("Be brief.")
    (folder / "other.toml").write_text(
        'database_url = "sqlite:///~/x.db"\ncache_dir = "~/c"\ntokenizer = "~/t.json"'
    )
    settings = load(config=Path("~/other.toml"), data_dir=Path("~/d"), system_prompt_file="~/prompt.txt")
    assert settings.database == f"sqlite:///{folder}/x.db"
    assert (settings.data_dir, settings.cache_dir) == (folder / "d", folder / "c")
    assert (settings.system_prompt_file, settings.tokenizer) == (
        folder / "prompt.txt",
        {"*": folder / "t.json"},
    )


@pytest.mark.parametrize("text", [None, " \n", b"\xff\xff"])
def test_a_prompt_that_cannot_be_used_is_found_before_anything_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes | None
) -> None:
    monkeypatch.setenv("PALAVER_SYSTEM_PROMPT_FILE", "prompt.txt")
    if text is not None:
        (folder / "prompt.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert refusal().startswith("PALAVER_SYSTEM_PROMPT_FILE: prompt.txt ")


def test_the_line_of_a_key() -> None:
    text = 'port = 1\n[tokenizer]\n"a" = "x"\n[[budgets]]\nlimit = 1\n[[budgets]]\nlimit = 2\n'
    assert toml_line(text, ("port",)) == 1
    assert toml_line(text, ("tokenizer", "a")) == 3
    assert toml_line(text, ("budgets", 1, "limit")) == 7
    assert toml_line(text, ("host",)) is None
