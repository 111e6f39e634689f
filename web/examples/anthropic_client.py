"""Talk to Palaver with the Anthropic client: the model is chosen and the prompt cached, the conversation stays here. An empty line ends it."""

from anthropic import Anthropic

client = Anthropic(
    base_url="http://localhost:8100", api_key="the access token, or anything where none is set"
)
messages = []
while text := input("You: "):
    messages.append({"role": "user", "content": text})
    with client.messages.stream(model="palaver-auto", max_tokens=1024, messages=messages) as stream:
        for words in stream.text_stream:
            print(words, end="", flush=True)
        messages.append({"role": "assistant", "content": stream.get_final_text()})
    print()
