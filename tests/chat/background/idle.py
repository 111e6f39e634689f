"""Conversations with idle gaps, and a page that says whether it is visible."""

from tests.chat.talk import Talk

PAUSE = 420.0  # seconds: longer than an entry lives, short enough to renew it once


async def present(chat: Talk, state: str, thread: str = "t") -> None:
    """The page says something of itself."""
    answer = await chat.app.http.post(f"/api/threads/{thread}/presence", json={"state": state})
    assert answer.status_code == 204


async def used_to(chat: Talk, pause: float, state: str = "visible", turns: int = 7) -> None:
    """A conversation with pauses of that length, and the last answer just given."""
    for number in range(turns):
        await chat.say(f"Note {number}: " + "we went on with it " * 100)
        await present(chat, state)
        await chat.rest(pause)
    await chat.say("And one more.")
    await present(chat, state)
