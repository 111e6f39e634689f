"""Answers of very different lengths, and the ledger rows they leave."""

import json
import random
from typing import Any

from tests.chat.talk import Talk, model
from tests.upstream import Reply

WORDS = [
    "alpha", "invoice", "shipment", "refund", "customer", "order", "number", "delivery", "paris", "london", "budget",
    "meeting", "deadline", "tokyo", "contract", "clause", "lawyer", "price", "discount", "tuesday", "friday", "report",
]  # fmt: skip


def chatty(seed: int) -> Any:
    """A model whose answers are of very different lengths."""
    chance = random.Random(seed)

    def reply(_: dict[str, Any]) -> Reply:
        return Reply(text=" ".join(chance.choice(WORDS) for _ in range(chance.randint(20, 160))), thinking="")

    return model(reply)


async def replies(chat: Talk) -> list[dict[str, Any]]:
    """The ledger's rows of answers, with what was estimated of them."""
    rows = [row for row in await chat.spent() if row["purpose"] == "reply"]
    return [{**row, "estimated_usage": json.loads(row["estimated_usage"])} for row in rows]


def missed(rows: list[dict[str, Any]]) -> list[str]:
    """The reads that did not happen, with their causes."""
    return [row["cache_miss"] for row in rows if row["cache_miss"]]
