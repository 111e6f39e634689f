"""Tiny builders of ledger rows."""

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Connection

from context.models.pricing import PRICE_TABLE, Usage, price
from store.database import Database
from store.ledger import entries
from store.ledger.entries import Entry

DAY = 86_400_000
START = 1_795_000_000_000  # a day on which the price table knows all current models
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-nobody-knows")


def call(number: int, *, model: str = "claude-sonnet-5-5", used: Usage | None = None, **more: Any) -> Entry:
    """A call of `ada` that went well; its cost is what the table says, unless `local`."""
    used = Usage(input=100, output=10) if used is None else used
    local = more.pop("local", False)
    entry = Entry(
        id=f"call_{number:06}",
        owner_id="ada",
        thread_id="t",
        turn_id=f"turn_{number}",
        purpose="reply",
        requested_model=model,
        response_model=model,
        usage=used,
        cost=Decimal(0) if local else price(model, used),
        price_table=None if local else PRICE_TABLE,
        estimated=False,
        outcome="ok",
        attempt=1,
        upstream_id=f"msg_{number}",
        total_ms=900,
        created_at=START + number,
    )
    return replace(entry, **more)


def anything(count: int, seed: int = 1) -> list[Entry]:
    """Calls of every kind, by two owners over ten days."""
    dice = random.Random(seed)
    history = []
    for number in range(count):
        outcome = dice.choice(["ok"] * 6 + ["refusal", "cancelled", "overloaded", "interrupted"])
        used = Usage(
            input=dice.randrange(400_000),
            cache_read=dice.choice([0, dice.randrange(300_000)]),
            cache_write_5m=dice.choice([0, dice.randrange(9_000)]),
            cache_write_1h=dice.choice([0, dice.randrange(9_000)]),
            output=dice.randrange(4_000),
        )
        row = call(
            number,
            model=dice.choice(MODELS),
            used=Usage() if outcome == "overloaded" else used,
            local=dice.random() < 0.1,
            owner_id=dice.choice(["ada", "bob"]),
            thread_id=dice.choice(["t1", "t2", None]),
            purpose=dice.choice(["reply", "reply", "summary", "title", "keepalive"]),
            feature=dice.choice([None, "search", "=cmd()"]),
            tier=dice.choice([None, "simple", "complex"]),
            token=dice.choice([None, "default"]),
            outcome=outcome,
            estimated=outcome in {"cancelled", "interrupted"},
            first_token_ms=dice.choice([None, dice.randrange(5_000)]),
            created_at=START + dice.randrange(10 * DAY),
        )
        history.append(row)
    return history


async def keep(database: Database, rows: Sequence[Entry]) -> None:
    """Write them in one transaction."""

    def write(connection: Connection, rows: Sequence[Entry]) -> None:
        for row in rows:
            entries.add(connection, row)

    await database.write(partial(write, rows=rows))
