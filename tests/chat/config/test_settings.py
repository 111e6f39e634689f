"""Settings: where they come from, and what is refused."""

from pathlib import Path

import pytest

from chat.config.load import BadSettings, environment_name, load
from chat.config.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings files are looked for where the process stands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_nearer_source_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().port == 8100
    (folder / "palaver.toml").write_text('port = 1\nhost = "toml"\nlog_level = "debug"\n')
    (folder / ".env").write_text("PALAVER_PORT=2\nPALAVER_HOST=dotenv\n")
    monkeypatch.setenv("PALAVER_PORT", "3")
    assert (load().port, load().host, load().log_level) == (3, "dotenv", "debug")
    assert load(port=4).port == 4
    assert load(port=None).port == 3, "what the command line leaves out does not count"


def test_established_names_and_empty_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALAVER_TOKEN", "")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
    settings = load()
    assert settings.token is None
    assert settings.anthropic_api_key is not None
    assert not settings.uses_local_model
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert load().uses_local_model
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert not load().uses_local_model


def test_every_setting_has_a_name_in_the_environment_and_a_description() -> None:
    names = {environment_name(field) for field in Settings.model_fields}
    assert len(names) == len(Settings.model_fields)
    assert all(name.startswith(("PALAVER_", "ANTHROPIC_")) for name in names)
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PALAVER_PORT", "-1"),
        ("PALAVER_PORT", "65536"),
        ("PALAVER_TOKEN", "too-short"),
        ("PALAVER_LOG_HOURS", "0"),
        ("PALAVER_DEFAULT_TIER", "best"),
        ("PALAVER_DATABASE_URL", "sqlite://relative"),
        ("PALAVER_DATABASE_URL", "mysql://h/d"),
        ("PALAVER_REDIS_URL", "http://h"),
        ("PALAVER_CORS_ORIGINS", "*"),
        ("PALAVER_CORS_ORIGINS", "null"),
        ("PALAVER_CORS_ORIGINS", "https://a.example,https://*.b.example"),
        ("PALAVER_CORS_ORIGINS", "https://a.example/"),
        ("PALAVER_CORS_ORIGINS", "a.example"),
        ("PALAVER_BASE_PATH", "a-chat"),
        ("PALAVER_BASE_PATH", "/a/../chat"),
        ("PALAVER_BASE_PATH", "/chat/."),
        ("PALAVER_BASE_PATH", "/chat?x=1"),
        ("PALAVER_BASE_PATH", "/chat#x"),
        ("PALAVER_BASE_PATH", "/my chat"),
        ("PALAVER_BASE_PATH", "/chat\n/x"),
        ("PALAVER_BASE_PATH", "//chat"),
        ("PALAVER_BASE_PATH", "/chat//"),
        ("PALAVER_BASE_PATH", "/%63hat"),
        ("PALAVER_BASE_PATH", "/chät"),
        ("PALAVER_UDS_MODE", "rw-rw"),
        ("PALAVER_UDS_MODE", "888"),
        ("PALAVER_UDS_MODE", "7777"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as refused:
        load()
    assert str(refused.value).startswith(f"{name}: ")
    if len(value) > 4:
        assert value not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "prefix"), [("/", ""), ("/chat", "/chat"), ("/chat/", "/chat"), (" /a/b.c_~-1/ ", "/a/b.c_~-1")]
)
def test_a_base_path_stands_in_front_of_paths(
    monkeypatch: pytest.MonkeyPatch, value: str, prefix: str
) -> None:
    monkeypatch.setenv("PALAVER_BASE_PATH", value)
    assert load().path_prefix == prefix


def test_permissions_may_be_a_number_in_the_file(folder: Path) -> None:
    (folder / "palaver.toml").write_text("uds_mode = 600")
    assert load().uds_mode == "600"


def test_a_broken_file_is_named(folder: Path) -> None:
    (folder / "palaver.toml").write_text("port = = 5")
    with pytest.raises(BadSettings, match=r"palaver\.toml"):
        load()


def test_origins_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALAVER_CORS_ORIGINS", " https://a.example , http://localhost:3000 ,")
    assert load().cors_origins == ("https://a.example", "http://localhost:3000")


def test_secrets_do_not_show_in_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALAVER_TOKEN", "planted-token-0123456789")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-planted-0123456789")
    assert "planted" not in repr(load()) + str(load())


def test_a_mistyped_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALAVER_TOKKEN", "x")
    monkeypatch.setenv("PALAVER_PORT", "1")
    with pytest.raises(BadSettings, match=r"^PALAVER_TOKKEN: .* did you mean PALAVER_TOKEN\?"):
        load()
