"""Talk to Palaver in a terminal, in one thread that stays. An empty line ends it."""

from chat.client import Palaver, Turn, TurnFailed


def show(turn: Turn) -> None:
    """Print the words of an answer as they come."""
    try:
        for words in turn:
            print(words, end="", flush=True)
    except TurnFailed as failed:
        print(f" [{failed.message}]", end="")
    print()


with Palaver("http://localhost:8100", token=None) as palaver:
    thread = palaver.thread("terminal")
    thread.create()
    if running := thread.resume():  # this program was stopped in the middle of an answer
        show(running)
    while text := input("You: "):
        show(thread.send(text))
