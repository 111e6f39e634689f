"""Ask the provider whether a model can be used, for `palaver doctor`."""

from dataclasses import dataclass
from typing import Literal

import anthropic

from chat.upstream.client import Upstream

TIMEOUT = 10  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The Models API's answer about one model. `detail`: its display name, or the problem in words."""

    state: Literal["ok", "refused", "unknown", "unreachable"]
    detail: str


async def probe(upstream: Upstream, model: str) -> Probe:
    """Look a model up in the provider's Models API. Raises nothing: every problem is a state."""
    try:
        info = await upstream.client.models.retrieve(model, timeout=TIMEOUT)
    except anthropic.AuthenticationError:
        return Probe(state="refused", detail="the key is not accepted")
    except anthropic.NotFoundError:
        return Probe(state="unknown", detail="not known to the provider")
    except anthropic.AnthropicError as problem:
        return Probe(state="unreachable", detail=f"no answer ({type(problem).__name__})")
    return Probe(state="ok", detail=info.display_name)
