"""Conversations bound to a thread, by the real client: only what is new is stored, and the model never reads anything twice."""

import asyncio

import pytest
from openai import APIError, APIStatusError, AsyncOpenAI, BadRequestError, ConflictError, OpenAI

from tests.chat.protocols.openai.told import Messages, asked, assistant, bound, say, stored, user
from tests.palaver import Palaver
from tests.upstream import Reply, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_answer_comes_word_by_word_and_is_a_turn_of_the_thread(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="Let me count.", gate=gate))
    answer = await openai_client.chat.completions.create(
        model="palaver-auto",
        messages=[user("Count")],
        stream=True,
        stream_options={"include_usage": True},
        extra_headers=bound(thread),
        extra_body={"metadata": {"a": "b"}, "chat_id": "x", "temperature": 0.3, "n": 1, "tools": []},
    )
    assert answer.response.headers["palaver-thread"] == thread
    gate.release(5)
    words = thoughts = ""
    chunks = []
    async for chunk in answer:
        chunks.append(chunk)
        delta = chunk.choices[0].delta if chunk.choices else None
        words += (delta and delta.content) or ""
        thoughts += getattr(delta, "reasoning_content", None) or ""
        if words == "one ":
            assert (await house.messages(thread))[-1]["status"] == "streaming"
            gate.open()
    assert (words, thoughts) == ("one two three", "Let me count.")
    [_, stored_answer] = await house.messages(thread)
    assert {(chunk.id, chunk.created, chunk.object) for chunk in chunks} == {
        (f"chatcmpl-{stored_answer['turn_id']}", chunks[0].created, "chat.completion.chunk")
    }
    assert {chunk.model for chunk in chunks} == {stored_answer["model"]}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    last = chunks[-1]
    assert last.choices == []
    assert last.usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert last.usage.completion_tokens == stored_answer["usage"]["output_tokens"]
    assert last.usage.total_tokens == stored_answer["usage"]["total_tokens"]
    assert await stored(house, thread) == [("user", "Count"), ("assistant", "one two three")]


async def test_a_second_turn_has_the_first_in_its_history_once(
    house: Palaver, thread: str, blocking_client: OpenAI
) -> None:
    house.sim.script(Reply(text="Hello Ada."), Reply(text="You are Ada."))

    def talk() -> str:
        told: Messages = [user("I am Ada.")]
        for question in ("Who am I?", None):
            made = blocking_client.chat.completions.create(
                model="standard", messages=told, extra_headers=bound(thread)
            )
            told.append(assistant(made.choices[0].message.content or ""))
            if question is not None:
                told.append(user(question))
        return made.choices[0].message.content or ""

    assert await asyncio.to_thread(talk) == "You are Ada."
    expected = [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?"), ("assistant", "You are Ada.")]  # fmt: skip
    assert await stored(house, thread) == expected
    assert asked(house) == expected[:3]


async def test_texts_in_parts_are_one_message(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(Reply(text="Hi."), Reply(text="Yes."))
    first: Messages = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    assert await say(openai_client, first, thread) == "Hi."
    assert await say(openai_client, [user("Hello"), assistant("Hi."), user("Now?")], thread) == "Yes."
    assert asked(house) == [("user", "Hello"), ("assistant", "Hi."), ("user", "Now?")]


async def test_instructions_of_the_client_become_the_threads(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(*(Reply(text=text) for text in "abcd"))
    told: Messages = []
    for number, instructions in enumerate((["Be brief."], ["Be brief."], ["Be kind.", "Be clear."], [])):
        told.append(user(str(number)))
        sent: Messages = [{"role": "developer", "content": text} for text in instructions]
        told.append(assistant(await say(openai_client, [*sent, *told], thread)))
    systems = [[block["text"] for block in request["system"][1:]] for request in house.sim.requests]
    both = "Be kind.\n\nBe clear."
    assert systems == [["Be brief."], ["Be brief."], [both], [both]]
    stored_here = await house.get(f"/api/threads/{thread}/instructions")
    assert [version["text"] for version in stored_here["versions"]] == [both, "Be brief."]
    assert [text for _, text in asked(house)] == ["0", "a", "1", "b", "2", "c", "3"]


async def test_instructions_that_are_too_long_for_a_thread_are_refused(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    long: Messages = [{"role": "system", "content": "x" * 64_001}, user("Hello")]
    with pytest.raises(BadRequestError, match="64000 characters of instructions"):
        await say(openai_client, long, thread)
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404


async def test_the_last_message_again_is_another_answer_beside_the_first(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(*(Reply(text=text) for text in ("first", "second", "after", "later")))
    assert await say(openai_client, [user("Say")], thread) == "first"
    assert await say(openai_client, [user("Say")], thread) == "second"
    [_, answer] = await house.messages(thread)
    assert len(answer["sibling_ids"]) == 2
    assert await say(openai_client, [user("Say"), assistant("first"), user("Go on")], thread) == "after"
    assert asked(house) == [("user", "Say"), ("assistant", "first"), ("user", "Go on")]
    assert await say(openai_client, [user("Say"), assistant("second"), user("Go on")], thread) == "later"
    assert asked(house) == [("user", "Say"), ("assistant", "second"), ("user", "Go on")]
    assert (await stored(house, thread))[-1] == ("assistant", "later")


async def test_an_edited_message_begins_a_branch_where_it_differs(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(*(Reply(text=text) for text in ("Hi.", "Red.", "Blue.", "Sky.", "Ahoy.")))
    told: Messages = [user("Hello"), assistant("Hi.")]
    await say(openai_client, told[:1], thread)
    await say(openai_client, [*told, user("A color?")], thread)
    edited: Messages = [*told, user("A cold color?")]
    assert await say(openai_client, edited, thread) == "Blue."
    assert await stored(house, thread) == [("user", "Hello"), ("assistant", "Hi."), ("user", "A cold color?"), ("assistant", "Blue.")]  # fmt: skip
    assert await say(openai_client, [*edited, assistant("Blue."), user("Why?")], thread) == "Sky."
    assert "A color?" not in str(house.sim.requests[-1])
    assert await say(openai_client, [user("Ahoy")], thread) == "Ahoy."
    assert await stored(house, thread) == [("user", "Ahoy"), ("assistant", "Ahoy.")]
    question = (await house.messages(thread))[0]
    assert len(question["sibling_ids"]) == 2, "the first message was edited, too"


async def test_what_was_said_elsewhere_is_stored_once_with_the_new_message(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(*(Reply(text=text) for text in ("Ada.", "Still Ada.", "Green.")))
    elsewhere: Messages = [user("I am Ada."), assistant("Hello Ada.\r\n"), user("Who am I?")]
    assert await say(openai_client, elsewhere, thread) == "Ada."
    assert [text for _, text in await stored(house, thread)] == ["I am Ada.", "Hello Ada.\r\n", "Who am I?", "Ada."]  # fmt: skip
    assert [role for role, _ in asked(house)] == ["user", "assistant", "user"]
    more: Messages = [user("I am Ada."), assistant("Hello Ada."), user("Who am I?"), assistant("Ada."), user("Sure?")]  # fmt: skip
    assert await say(openai_client, more, thread) == "Still Ada."
    messages = await house.messages(thread)
    assert [len(message["sibling_ids"]) for message in messages] == [1] * 6
    changed: Messages = [user("I am Ada."), assistant("Hello, Ada Lovelace."), user("A color?")]
    assert await say(openai_client, changed, thread) == "Green."
    assert asked(house) == [
        ("user", "I am Ada."),
        ("assistant", "Hello, Ada Lovelace."),
        ("user", "A color?"),
    ]
    assert len(await stored(house, thread)) == 4


async def test_a_client_that_tells_the_newest_part_only_goes_on_behind_it(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(*(Reply(text=text) for text in ("a", "b", "c")))
    await say(openai_client, [user("1")], thread)
    await say(openai_client, [user("1"), assistant("a"), user("2")], thread)
    await say(openai_client, [user("2"), assistant("b"), user("3")], thread)
    assert await stored(house, thread) == [("user", "1"), ("assistant", "a"), ("user", "2"), ("assistant", "b"), ("user", "3"), ("assistant", "c")]  # fmt: skip
    assert [text for _, text in asked(house)] == ["1", "a", "2", "b", "3"]


async def test_a_message_that_comes_again_under_its_id_is_the_same_turn(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(Reply(text="one"), Reply(text="two"), Reply(text="three"))
    names = {"X-OpenWebUI-Chat-Id": thread, "X-OpenWebUI-Message-Id": "m1"}
    said = [
        await openai_client.chat.completions.create(
            model="palaver-auto", messages=[user("Count")], extra_headers={**names, **more}
        )
        for more in ({}, {}, {"X-OpenWebUI-Message-Id": "m2"})
    ]
    assert [made.choices[0].message.content for made in said] == ["one", "one", "two"]
    assert len(house.sim.requests) == 2
    assert await stored(house, thread) == [("user", "Count"), ("assistant", "two")]
    edited = await openai_client.chat.completions.create(
        model="palaver-auto", messages=[user("Count on")], extra_headers=names
    )
    assert edited.choices[0].message.content == "three", "the same id with another text is another message"


@pytest.mark.parametrize(
    ("headers", "bound_to_it"),
    [
        ({"X-OpenWebUI-Chat-Id": "{thread}"}, True),
        ({"Palaver-Thread": "{{LIBRECHAT_BODY_CONVERSATIONID}}", "X-OpenWebUI-Chat-Id": "{thread}"}, True),
        ({"X-OpenWebUI-Chat-Id": "{thread}", "X-OpenWebUI-Task": "{{TASK}}"}, True),
        ({"X-OpenWebUI-Chat-Id": "{thread}", "X-OpenWebUI-Task": "title_generation"}, False),
        ({"Palaver-Thread": "{{LIBRECHAT_BODY_CONVERSATIONID}}"}, False),
        ({"Palaver-Thread": ""}, False),
    ],
)
async def test_headers_of_frontends(
    house: Palaver, thread: str, openai_client: AsyncOpenAI, headers: dict[str, str], bound_to_it: bool
) -> None:
    house.sim.script(Reply(text="Yes."))
    named = {name: value.replace("{thread}", thread) for name, value in headers.items()}
    made = await openai_client.chat.completions.create(
        model="palaver-auto", messages=[user("Hello")], extra_headers=named
    )
    assert made.choices[0].message.content == "Yes."
    found = await house.http.get(f"/api/threads/{thread}")
    assert found.status_code == (200 if bound_to_it else 404)


async def test_an_error_before_the_answer(house: Palaver, thread: str, openai_client: AsyncOpenAI) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="Yes.", gate=gate))
    asking = asyncio.create_task(say(openai_client, [user("Hello")], thread))
    await gate.reached()
    with pytest.raises(ConflictError) as busy:
        await say(openai_client, [user("Me too")], thread)
    assert busy.value.code == "thread_busy"
    assert busy.value.request_id
    gate.open()
    assert await asking == "Yes."
    assert len(house.sim.requests) == 1
    house.sim.respond(lambda _: faults.payment_required())
    with pytest.raises(APIStatusError) as failed:
        await say(openai_client, [user("Hello"), assistant("Yes."), user("And?")], thread)
    assert (failed.value.status_code, failed.value.code) == (502, "upstream_error")
    assert len(house.sim.requests) == 2, "the client does not ask again by itself"
    house.sim.respond(None)
    house.sim.script(Reply(text="Now."))
    assert await say(openai_client, [user("Hello"), assistant("Yes."), user("And?")], thread) == "Now."
    assert [text for _, text in await stored(house, thread)] == ["Hello", "Yes.", "And?", "Now."]


async def test_an_error_in_the_middle_raises_and_keeps_the_words(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(faults.error_event("one two "), Reply(text="four", thinking=""))
    answer = await openai_client.chat.completions.create(
        model="palaver-auto", messages=[user("Count")], stream=True, extra_headers=bound(thread)
    )
    heard = ""
    with pytest.raises(APIError) as failed:  # noqa: PT012 - what was heard before it counts
        async for chunk in answer:
            heard += chunk.choices[0].delta.content or ""
    assert heard.startswith("one ")
    assert failed.value.code == "upstream_error"
    assert await say(openai_client, [user("Count"), assistant(heard), user("On")], thread) == "four"
    assert [role for role, _ in await stored(house, thread)] == ["user", "assistant", "user", "assistant"]
