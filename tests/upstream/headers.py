"""The headers every response carries: who is asking, which request it was, and what is left of the rate limits."""

from __future__ import annotations

from tests.upstream.log import Exchange

ORGANIZATION = "11111111-2222-4333-8444-555555555555"


def response_headers(exchange: Exchange) -> dict[str, str]:
    return {
        "request-id": exchange.request_id,
        "anthropic-organization-id": ORGANIZATION,
        "anthropic-workspace-id": exchange.workspace or "wrkspc_unknown",
        **exchange.limits,
    }
