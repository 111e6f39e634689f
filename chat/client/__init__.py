"""The Python client: `Palaver`, and `AsyncPalaver` for asyncio. README.md shows both.
Imports: `chat.stream` (its event types) and `chat.clock`, nothing of the server. Nothing of the server imports it.
"""

from chat.client.asynchronous import AsyncPalaver, AsyncThread, AsyncTurn
from chat.client.blocking import Palaver, Thread, Turn
from chat.client.errors import ApiError, ClientError, ConnectionLost, TurnCancelled, TurnFailed
from chat.client.retries import Retries
from chat.client.shapes import Message, MessagePage, Part, ThreadInfo, TurnInfo

__all__ = [
    "ApiError",
    "AsyncPalaver",
    "AsyncThread",
    "AsyncTurn",
    "ClientError",
    "ConnectionLost",
    "Message",
    "MessagePage",
    "Palaver",
    "Part",
    "Retries",
    "Thread",
    "ThreadInfo",
    "Turn",
    "TurnCancelled",
    "TurnFailed",
    "TurnInfo",
]
