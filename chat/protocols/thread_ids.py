"""The thread of a conversation that another client named."""

import re
from hashlib import sha256

from chat.api.schemas.fields import ID_PATTERN


def thread_of(chat_id: str) -> str:
    """Id of a chat's thread: the same, or a digest where no thread can have that id. assistant-ui's begin with underscores."""
    if re.fullmatch(ID_PATTERN, chat_id):
        return chat_id
    return f"chat-{sha256(chat_id.encode('utf-8', 'replace')).hexdigest()[:32]}"
