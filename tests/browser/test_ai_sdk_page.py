"""Pages of other people, made with the AI SDK's hook and with assistant-ui, in Chromium: the packages as npm has them."""

import pytest
from playwright.async_api import expect

from tests import node
from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor
from tests.markdown import ROOT, code, section
from tests.palaver import Palaver
from tests.upstream import Reply

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BUNDLE = ROOT / "tests" / "chat" / "protocols" / "ai_sdk" / "bundle.mjs"
MOUNT = """
import { createRoot } from "react-dom/client";
createRoot(document.body.appendChild(document.createElement("main"))).render(<Chat />);
"""
ASSISTANT_UI = """
import { AssistantRuntimeProvider, ComposerPrimitive, MessagePrimitive, ThreadPrimitive } from "@assistant-ui/react";
import { AssistantChatTransport, useChatRuntime } from "@assistant-ui/react-ai-sdk";

const transport = new AssistantChatTransport({ api: "http://localhost:8100/api/ai-sdk/chat" });
const Said = () => <MessagePrimitive.Root><article><MessagePrimitive.Parts /></article></MessagePrimitive.Root>;
function Chat() {
  return (
    <AssistantRuntimeProvider runtime={useChatRuntime({ transport })}>
      <ThreadPrimitive.Root>
        <ThreadPrimitive.Messages components={{ Message: Said }} />
        <ComposerPrimitive.Root><ComposerPrimitive.Input name="text" /><ComposerPrimitive.Send>Send</ComposerPrimitive.Send></ComposerPrimitive.Root>
      </ThreadPrimitive.Root>
    </AssistantRuntimeProvider>
  );
}
"""


async def mount(person: Visitor, script: str) -> None:
    """The page with nothing but the script's on it."""
    await person.page.evaluate("() => document.body.replaceChildren()")
    await person.page.evaluate(script)


async def test_the_readmes_component_streams_and_goes_on_after_a_reload(
    app: Palaver, open_page: Visit
) -> None:
    gate = app.sim.gate()
    app.sim.script(Reply(text="Good morning to you.", thinking="", chunk=5, gate=gate))
    [snippet] = code(section("README.md", "Call it from your app"), "jsx")
    script = await node.run(BUNDLE, snippet.replace("http://localhost:8100", app.url) + MOUNT)
    person = await open_page(f"{app.url}/docs")
    await mount(person, script)
    await person.page.locator("input").fill("Hello")
    await person.page.locator("input").press("Enter")
    gate.release(1)
    await expect(person.page.locator("form")).to_contain_text("Hello Good")
    await person.page.reload()
    await mount(person, script)
    await expect(person.page.locator("form")).to_contain_text("Good")
    gate.open()
    await expect(person.page.locator("form")).to_have_text("Good morning to you.")
    assert len(app.sim.requests) == 1


async def test_assistant_ui_sends_streams_and_goes_on_in_the_same_thread(
    app: Palaver, open_page: Visit
) -> None:
    app.sim.script(Reply(text="Good morning.", thinking="Let me see."), Reply(text="Ada."))
    script = await node.run(BUNDLE, ASSISTANT_UI.replace("http://localhost:8100", app.url) + MOUNT)
    person = await open_page(f"{app.url}/docs")
    await mount(person, script)
    for text, shown in (("I am Ada", 2), ("Who am I?", 4)):
        await person.page.locator("[name=text]").fill(text)
        await person.page.get_by_role("button", name="Send").click()
        await expect(person.page.locator("article")).to_have_count(shown)
        await expect(person.page.locator("article").last).to_contain_text(
            "Good morning." if shown == 2 else "Ada."
        )
    assert [message["role"] for message in app.sim.requests[-1]["messages"]] == ["user", "assistant", "user"]
    [thread] = (await app.get("/api/threads"))["threads"]
    assert len(await app.messages(thread["id"])) == 4
