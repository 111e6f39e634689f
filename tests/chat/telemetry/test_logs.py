"""What the log may say: never a secret, never what people say."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chat.config.settings import Settings
from chat.config.webhooks import ConfiguredWebhook
from chat.telemetry.logs import HIDDEN, Redactor, secrets
from tests.chat.process import environment, serving
from tests.upstream import Reply, Simulator, faults

SECRET = "planted-secret-value"


@pytest.mark.parametrize(
    ("entry", "hidden"),
    [
        ({"event": f"the token {SECRET} stands in a sentence"}, SECRET),
        ({"event": "x", "deep": {"list": [{"of": (f"a{SECRET}b",)}]}}, SECRET),
        ({"event": "x", "token": "abc123"}, "abc123"),
        ({"event": "x", "Authorization": "abc123"}, "abc123"),
        ({"event": "x", "api_key": "abc123"}, "abc123"),
        ({"event": "x", "nested": {"password": "abc123"}}, "abc123"),
        ({"event": "x", "set_cookie": "abc123"}, "abc123"),
        ({"event": "x", "database_url": "postgresql://h/abc123"}, "abc123"),
        ({"event": "key sk-ant-api03-abc123DEF456 leaked"}, "abc123DEF456"),
        ({"event": "Authorization: Bearer abc123.def456-ghi"}, "abc123"),
        ({"event": "postgresql://palaver:abc123@db:5432/x"}, "abc123"),
        ({"event": "GET /api/turns/t/events?after=1&access_token=abc123 HTTP/1.1"}, "abc123"),
        ({"event": "x", "exception": f"Traceback\nValueError: {SECRET}"}, SECRET),
    ],
)
def test_a_planted_secret_is_hidden(entry: dict[str, Any], hidden: str) -> None:
    shown = json.dumps(Redactor([SECRET])(None, "info", entry))
    assert hidden not in shown
    assert HIDDEN in shown


def test_every_secret_among_the_settings_is_known() -> None:
    named = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    planted = {name: f"https://planted-{name}-0123456789" for name in named}
    assert "alert_webhook" in named
    values: dict[str, Any] = {name: SecretStr(value) for name, value in planted.items()}
    webhook = {"name": "n", "url": "https://planted-url", "secret": "planted-secret-0123456789"}
    values["webhooks"] = (ConfiguredWebhook.model_validate(webhook),)
    settings = Settings.model_construct().model_copy(update=values)
    planted |= {name: value for name, value in webhook.items() if name != "name"}
    shown = Redactor(secrets(settings))(None, "info", {"event": " ".join(planted.values())})
    assert set(shown["event"].split()) == {HIDDEN}


def test_what_is_no_secret_stays_and_control_characters_are_visible() -> None:
    shown = Redactor([SECRET])(
        None, "info", {"event": "tokens\x1b[2J\r\x00\x9b2J\x85\u2028", "tokens": 5, "path": "/api/x"}
    )
    assert shown == {"event": "tokens\\x1b[2J\\x0d\\x00\\x9b2J\\x85\\u2028", "tokens": 5, "path": "/api/x"}


async def test_a_running_server_logs_neither_secrets_nor_words(tmp_path: Path) -> None:
    token = "planted-token-0123456789abcdef"
    async with Simulator() as sim:
        env = environment(tmp_path, sim, PALAVER_TOKEN=token, PALAVER_LOG_FORMAT="json")
        async with serving(tmp_path, env) as server:
            headers = {"authorization": f"Bearer {token}", "cookie": "planted-cookie=1"}
            sim.script(
                Reply(text="planted-answer", thinking="planted-thought"), faults.error_event("planted-half")
            )
            for text in ("planted-question", "planted-again"):
                async with server.http.stream(
                    "POST",
                    "/api/threads/t/turns",
                    json={"input": {"text": text}, "metadata": {"note": "planted-metadata"}},
                    headers={**headers, "accept": "text/event-stream", "idempotency-key": f"planted-{text}"},
                ) as response:
                    assert b"planted" in await response.aread()
            await server.http.get("/api/search?q=planted-search", headers=headers)
            await server.http.get("/api/info?access_token=planted-in-query")
            await server.http.get("/api/info", headers={"authorization": "Bearer planted-wrong-token"})
            await server.http.post("/api/threads/t/turns", content=b'{"planted-broken', headers=headers)
            await server.http.patch("/api/threads/t", json={"title": "planted-title"}, headers=headers)
            request = await server.http.get("/api/none", headers={**headers, "x-request-id": "find-me"})
            assert request.status_code == 404
            assert await server.stop(signal.SIGTERM) == 0
        logged = [json.loads(line) for line in server.lines if line.startswith("{")]
    assert "planted" not in "".join(server.lines)
    requests = [line for line in logged if line["event"] == "request.finished"]
    assert len(requests) >= 8
    assert [line["path"] for line in requests if line["request_id"] == "find-me"] == ["/api/none"]
    ended = [line for line in logged if line["event"] == "turn.ended"]
    assert [line["outcome"] for line in ended] == ["completed", "failed"]
    assert [line["outcome"] for line in logged if line["event"] == "upstream.call_failed"] == []


EMBEDDING = """
import asyncio, sys
from chat.app import running
from chat.config.settings import Settings
import structlog

async def main():
    settings = Settings(_env_file=None, data_dir=sys.argv[1], anthropic_api_key="sk-ant-planted-0123456789",
        anthropic_base_url="http://127.0.0.1:9", titles="first_words")
    async with running(settings):
        said = "what somebody said"
        try:
            raise ValueError("sk-ant-planted-0123456789 was refused")
        except ValueError:
            structlog.get_logger().exception("call.failed")

asyncio.run(main())
"""


def test_a_program_that_embeds_the_application_logs_neither_secrets_nor_variables(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", EMBEDDING, str(tmp_path)], capture_output=True, text=True, check=True
    )
    logged = run.stdout + run.stderr
    assert "call.failed" in logged
    assert "was refused" in logged
    assert "planted" not in logged
    assert "what somebody said" not in logged


def test_a_program_that_has_set_up_its_own_logging_keeps_it(tmp_path: Path) -> None:
    own = "structlog.configure(processors=[structlog.processors.KeyValueRenderer()])\n\nasync def main"
    run = subprocess.run(
        [sys.executable, "-c", EMBEDDING.replace("async def main", own), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "event='call.failed'" in run.stdout
