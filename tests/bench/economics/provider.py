"""What a request is billed, by the accounting of the simulator of the Messages API, over blocks made from sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from context.models.pricing import PriceTable, Usage
from tests.upstream.cache import PromptCache
from tests.upstream.prompt import Block


@dataclass(frozen=True, slots=True)
class Part:
    """One block: what it is (equal names are equal bytes), its tokens, and the life of a mark on it."""

    name: str
    tokens: int
    ttl: str | None = None


@dataclass(slots=True)
class Provider:
    """A cache and a purse; `spent` by purpose in picodollars."""

    cache: PromptCache = field(default_factory=PromptCache)
    spent: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    read_tokens: int = 0

    def ask(
        self,
        model: str,
        prices: PriceTable,
        parts: Sequence[Part],
        *,
        now: int,
        minimum: int,
        output: int,
        purpose: str,
    ) -> Usage:
        """Bill one request that starts at `now` (milliseconds)."""
        rolling = sha256(model.encode())
        blocks: list[Block] = []
        for part in parts:
            rolling.update(f"\0{part.name}".encode())
            digest = rolling.digest()
            blocks.append(
                Block(
                    level="messages",
                    kind="text",
                    place=part.name,
                    tokens=part.tokens,
                    ttl=part.ttl,
                    digest=digest,
                    plain=digest,
                )
            )
        assert sum(part.ttl is not None for part in parts) <= 4
        bill = self.cache.open(blocks, now=now / 1000, least=minimum)
        self.cache.begin_response(bill, now=now / 1000)
        usage = Usage(
            input=bill.input,
            cache_read=bill.read,
            cache_write_5m=bill.write_5m,
            cache_write_1h=bill.write_1h,
            output=output,
        )
        self.pay(purpose, prices.cost(usage))
        self.prompt_tokens += usage.prompt
        self.read_tokens += usage.cache_read
        return usage

    def pay(self, purpose: str, amount: int) -> None:
        self.spent[purpose] = self.spent.get(purpose, 0) + amount

    @property
    def total(self) -> int:
        return sum(self.spent.values())
