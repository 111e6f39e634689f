"""Ask the provider whether a model can be used, for `palaver doctor`."""

from dataclasses import dataclass
from typing import Literal

import anthropic

from chat.upstream.client import Upstream

TIMEOUT = 10  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the provider says about one model. `detail`: its display name, or the problem in words."""

    state: Literal["ok", "refused", "unknown", "unreachable"]
    detail: str


async def probe(upstream: Upstream, model: str) -> Probe:
    """Look a model up in the Models API; where that does not know it, make a call of one token. Raises nothing."""
    try:
        info = await upstream.client.models.retrieve(model, timeout=TIMEOUT)
        return Probe(state="ok", detail=str(info.display_name))
    except anthropic.AuthenticationError:
        return Probe(state="refused", detail="the key is not accepted")
    except anthropic.APIConnectionError as problem:
        return Probe(state="unreachable", detail=f"no answer ({type(problem).__name__})")
    except Exception:  # noqa: BLE001 - many gateways have no Models API: the answer is a 404, a page or a list
        return await _probe_by_call(upstream, model)


async def _probe_by_call(upstream: Upstream, model: str) -> Probe:
    try:
        await upstream.client.messages.create(
            model=model,
            max_tokens=1,
            messages=[{"role": "user", "content": "Hi"}],
            timeout=TIMEOUT,
        )
    except anthropic.AuthenticationError:
        return Probe(state="refused", detail="the key is not accepted")
    except anthropic.NotFoundError:
        return Probe(state="unknown", detail="not known to the provider")
    except Exception as problem:  # noqa: BLE001 - the SDK passes on whatever its HTTP library raises
        return Probe(state="unreachable", detail=f"no answer ({type(problem).__name__})")
    return Probe(state="ok", detail="answers calls (the endpoint has no Models API)")
