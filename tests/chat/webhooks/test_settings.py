"""`[[webhooks]]` as an operator writes them: what is read, and what is refused by name without its value."""

import tomllib
from pathlib import Path

import pytest

from chat.config.load import BadSettings, load
from chat.config.webhooks import matching
from chat.webhooks.endpoint import endpoints
from tests.markdown import code

GOOD = '[[webhooks]]\nname = "crm"\nurl = "https://crm.example/hook"\nsecret = "planted-secret-0123"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "named", "words"),
    [
        (GOOD + 'secrets = "planted"', "PALAVER_WEBHOOKS[0].secrets", "did you mean secret?"),
        (GOOD + 'events = ["turn.complete"]', "PALAVER_WEBHOOKS[0]", "turn.completed"),
        (GOOD + 'events = ["turn*"]', "PALAVER_WEBHOOKS[0]", "turn.*"),
        (GOOD + "events = []", "PALAVER_WEBHOOKS[0].events", ""),
        (GOOD + 'secret_env = "CRM"', "PALAVER_WEBHOOKS[0]", "leave one out"),
        (GOOD * 2, "PALAVER_WEBHOOKS", "a name of its own"),
        (GOOD.replace("crm", "alert_webhook", 1), "PALAVER_WEBHOOKS[0]", "PALAVER_ALERT_WEBHOOK"),
        (GOOD.replace("https", "ftp"), "PALAVER_WEBHOOKS[0].url", "https://"),
        (GOOD.replace("crm.example", ""), "PALAVER_WEBHOOKS[0].url", "no host"),
        (GOOD.replace("planted-secret-0123", "planted"), "PALAVER_WEBHOOKS[0].secret", "16"),
        (GOOD.replace("planted-secret-0123", "whsec_planted-not-base64"), "PALAVER_WEBHOOKS[0].secret", "base64"),
        (GOOD.replace("secret = ", "secret_env = "), "PALAVER_WEBHOOKS[0]", "the environment has no"),
        ('[[webhooks]]\nname = "crm"\nurl = "https://crm.example/hook"\n', "PALAVER_WEBHOOKS[0].secret", "required"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(folder: Path, lines: str, named: str, words: str) -> None:
    (folder / "palaver.toml").write_text(lines)
    with pytest.raises(BadSettings) as refused:
        load()
    message = str(refused.value)
    assert message.split(": ")[0] == named
    assert words in message
    assert "planted" not in message.replace("no planted-secret-0123", "")
    assert "palaver.toml, line" in message


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_secret_may_stand_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    lines = GOOD.replace('secret = "planted-secret-0123"', 'secret_env = "CRM_SECRET"')
    (folder / "palaver.toml").write_text(lines)
    if place == ".env":
        (folder / ".env").write_text("CRM_SECRET=planted-secret-0123\n")
    else:
        monkeypatch.setenv("CRM_SECRET", "planted-secret-0123")
    [endpoint] = endpoints(load())
    assert endpoint.secret == "planted-secret-0123"
    assert "planted" not in repr(endpoint)
    assert "planted" not in repr(load())


def test_the_readmes_example_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = Path(__file__).parents[3] / "chat" / "webhooks" / "README.md"
    [example] = code(readme.read_text(), "toml")
    assert tomllib.loads(example)
    (folder / "palaver.toml").write_text(example)
    for name in {
        entry["secret_env"] for entry in tomllib.loads(example)["webhooks"] if "secret_env" in entry
    }:
        monkeypatch.setenv(name, "planted-secret-0123")
    assert len(endpoints(load())) == len(tomllib.loads(example)["webhooks"])


def test_an_alert_webhook_is_an_endpoint_for_budgets(folder: Path) -> None:
    (folder / "palaver.toml").write_text(
        'alert_webhook = "http://10.0.0.1/"\nalert_secret = "planted-secret-0123"'
    )
    [endpoint] = endpoints(load())
    assert (endpoint.name, endpoint.events, endpoint.allow_private, endpoint.include_text) == (
        "alert_webhook", matching("budget.*"), True, False,
    )  # fmt: skip
