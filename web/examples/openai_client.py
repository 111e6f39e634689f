"""Talk to Palaver with the OpenAI client, in a thread of Palaver's. An empty line ends it."""

from uuid import uuid4

from openai import OpenAI

client = OpenAI(
    base_url="http://localhost:8100/v1", api_key="the access token, or anything where none is set"
)
thread = f"openai-{uuid4().hex}"
messages = []
while text := input("You: "):
    messages.append({"role": "user", "content": text})
    chunks = client.chat.completions.create(
        model="palaver-auto",
        messages=messages,
        stream=True,
        extra_headers={"Palaver-Thread": thread, "Idempotency-Key": uuid4().hex},
    )
    answer = ""
    for chunk in chunks:
        words = chunk.choices[0].delta.content if chunk.choices else None
        answer += words or ""
        print(words or "", end="", flush=True)
    print()
    messages.append({"role": "assistant", "content": answer})
