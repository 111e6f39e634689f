"""What tests of the OpenAI adapter say, and read back from the thread, the model's requests and the ledger."""

from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.palaver import Palaver

Messages = list[ChatCompletionMessageParam]


def user(text: str) -> ChatCompletionMessageParam:
    return {"role": "user", "content": text}


def assistant(text: str) -> ChatCompletionMessageParam:
    return {"role": "assistant", "content": text}


def bound(thread: str) -> dict[str, str]:
    """The header that binds a request to a thread."""
    return {"Palaver-Thread": thread}


async def stored(house: Palaver, thread: str) -> list[tuple[str, str]]:
    """Role and text of each message of the visible branch."""
    return [
        (message["role"], "\n\n".join(part["text"] for part in message["parts"] if part["type"] == "text"))
        for message in await house.messages(thread)
    ]


def asked(house: Palaver) -> list[tuple[str, str]]:
    """Role and text of the messages in the last request to the model."""
    last: dict[str, Any] = house.sim.requests[-1]
    return [
        (message["role"], "|".join(block["text"] for block in message["content"]))
        for message in last["messages"]
    ]


async def say(client: AsyncOpenAI, messages: Messages, thread: str, **headers: str) -> str:
    """The whole answer."""
    made = await client.chat.completions.create(
        model="palaver-auto", messages=messages, extra_headers={**bound(thread), **headers}
    )
    return made.choices[0].message.content or ""
