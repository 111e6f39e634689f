"""The real server is killed between the commit of an event and its delivery: after a restart it is delivered. Its log has no secret."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.chat.webhooks.receiver import SECRET, receiver
from tests.crash.server import ROOT, Server, client_for, environment, free_port, settings_for
from tests.upstream import Reply, Simulator
from tests.waiting import until


async def test_no_event_is_lost_with_the_process(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hooks/planted-in-the-path?key=planted-in-the-query"
    hooks = [{"name": "crm", "url": url, "secret_env": "CRM_SECRET", "allow_private": True}]
    async with Simulator() as sim:
        gate = sim.gate()
        sim.script(Reply(text="A whole answer"), Reply(text="An answer that breaks off", gate=gate))
        more = {
            "PALAVER_WEBHOOKS": json.dumps(hooks),
            "PALAVER_LOG_LEVEL": "debug",
            "PALAVER_CASCADE": "false",
            "PALAVER_DEFAULT_TIER": "standard",
            "CRM_SECRET": SECRET,
        }
        server = Server(folder=tmp_path, settings=settings_for(sim.base_url, **more))
        await server.start()
        async with client_for(server) as http:

            async def say(thread: str) -> str:
                answer = await http.post(f"/api/threads/{thread}/turns", json={"input": {"text": "Hello"}})
                assert answer.status_code == 202, answer.text
                return str(answer.json()["id"])

            whole = await say("whole")

            async def ended() -> bool:
                return bool((await http.get(f"/api/turns/{whole}")).json()["status"] != "running")

            await until(ended)
            broken = await say("broken")
            await until(lambda: len(sim.log) >= 2)
            await until(lambda: "webhook.delivery_failed" in server.log.read_text())
            await server.kill()
            async with receiver(port=port) as hook:
                await server.start()
                told = [await hook.received_type(f"turn.{name}") for name in ("completed", "failed")]
                assert [body["data"]["turn_id"] for body in told] == [whole, broken]
                assert told[1]["data"]["error"] == {"code": "interrupted", "retryable": True}
                await until(lambda: hook.types.count("thread.created") == 2)
                await delivered(server, 4)
                assert len(set(hook.ids)) == len(hook.ids) == 4
        gate.open()
        await server.terminate()
    log = server.log.read_text()
    assert "planted" not in log
    assert SECRET not in log


async def delivered(server: Server, count: int) -> None:
    """Wait until the command says that so many are delivered: it runs beside the server."""

    async def listed() -> bool:
        rows = [row for row in await webhooks(server, "list", "--json") if row["status"] == "delivered"]
        return len(rows) == count

    await until(listed, pause=0.5)


async def webhooks(server: Server, *arguments: str) -> list[dict[str, Any]]:
    """What `palaver webhooks` prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chat", "webhooks", *arguments, "--data-dir", str(server.folder),
        stdout=asyncio.subprocess.PIPE, env=environment(**server.settings), cwd=ROOT,
    )  # fmt: skip
    written, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in written.splitlines()]
