"""Values that were copied with something around them: cleaned where the meaning is certain, refused by name where it is not."""

from pathlib import Path

import pytest

from chat.config.load import BadSettings, load
from chat.runtime import build

SECRET = "planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["PALAVER_TOKEN", "PALAVER_METRICS_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]
)
@pytest.mark.parametrize(
    "form", ["{}\n", "{}\r\n", ' "{}" ', "'{}'", "\ufeff{}", "“{}”", "{}\u200b", '"{}\n"']
)
def test_what_surely_does_not_belong_to_a_secret_is_taken_off(
    monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    monkeypatch.setenv(name, form.format(SECRET))
    value = getattr(load(), name.removeprefix("PALAVER_").lower())
    assert value.get_secret_value() == SECRET


@pytest.mark.parametrize(
    "name", ["PALAVER_TOKEN", "PALAVER_METRICS_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"]
)
@pytest.mark.parametrize(
    "value", ["planted 0123456789abcdef", "planted\n0123456789abcdef", "plänted-0123456789abcdef", '"planted-0123456789abcdef', "  ", "planted\x7f0123456789abcd"]
)  # fmt: skip
def test_what_is_not_certain_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=f"^{name}: ") as refused:
        load()
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://gateway.example/v1", "https://gateway.example"),
        ("https://gateway.example/v1/", "https://gateway.example"),
        ("https://gateway.example/v1/messages", "https://gateway.example"),
        ("https://gateway.example/claude/v1\n", "https://gateway.example/claude"),
        ('"http://localhost:4000/"', "http://localhost:4000"),
        ("https://gateway.example/messages", "https://gateway.example/messages"),
        ("https://gateway.example/anthropic", "https://gateway.example/anthropic"),
    ],
)
def test_a_base_url_loses_what_the_sdk_adds(monkeypatch: pytest.MonkeyPatch, value: str, url: str) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", value)
    assert load().anthropic_base_url == url


@pytest.mark.parametrize(
    "value", ["gateway.example", "https://", "https://gate\nway.example", "https://gate way.example", "ftp://g.example", "https://g.example?x=1", "https://g.example:port", "https://gätéway.example", "https://g.example:0"]
)  # fmt: skip
def test_a_base_url_that_cannot_work_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", value)
    with pytest.raises(BadSettings, match=r"^ANTHROPIC_BASE_URL: "):
        load()


@pytest.mark.parametrize(
    "name", ["PALAVER_HOST", "PALAVER_MODEL_SIMPLE", "PALAVER_REDIS_URL", "PALAVER_DATABASE_URL"]
)
def test_the_same_holds_for_other_values_of_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = {"PALAVER_REDIS_URL": "redis://h/0", "PALAVER_DATABASE_URL": "sqlite:////tmp/x.db"}.get(
        name, "some-name"
    )
    monkeypatch.setenv(name, f'"{value}"\n')
    cleaned = getattr(load(), name.removeprefix("PALAVER_").lower())
    assert (cleaned if isinstance(cleaned, str) else cleaned.get_secret_value()) == value
    monkeypatch.setenv(name, value.replace("e", "e\n", 1))
    with pytest.raises(BadSettings, match=f"^{name}: "):
        load()


@pytest.mark.parametrize(
    ("env", "credentials"),
    [
        ({"ANTHROPIC_AUTH_TOKEN": "bearer-token"}, (None, "bearer-token")),
        ({"ANTHROPIC_AUTH_TOKEN": "bearer-token", "ANTHROPIC_API_KEY": "key"}, ("key", None)),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}, ("none", None)),
    ],
)
async def test_the_auth_token_is_sent_where_no_key_is_set(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], credentials: tuple[str | None, str | None]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert not settings.uses_local_model
    upstream = build.upstream(settings, None, None, None)
    assert (upstream.client.api_key, upstream.client.auth_token) == credentials
    await upstream.close()
