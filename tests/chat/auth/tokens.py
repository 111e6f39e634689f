"""Two users with a token each."""

from hashlib import sha256

import httpx

from tests.palaver import Palaver
from tests.waiting import LIMIT

ADA, BOB = "token-of-ada-0123456789", "token-of-bob-0123456789"
SECRETS = {"ada": ADA, "bob": BOB}
GRANTED = [{"name": f"{user}-laptop", "user": user, "sha256": sha256(secret.encode()).hexdigest()} for user, secret in SECRETS.items()]  # fmt: skip


def client(app: Palaver, token: str | None) -> httpx.AsyncClient:
    """A client with this token; it closes itself at the end of `async with`."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=app.url, headers=headers, timeout=LIMIT, trust_env=False)
