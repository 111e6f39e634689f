"""The endpoints that events are posted to, as the settings name them."""

from dataclasses import dataclass, field

from chat.config.settings import Settings
from chat.config.webhooks import ALERT_WEBHOOK, EventName, matching


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint with what it is sent. `secret`: what deliveries are signed with; `whsec_…` is read as base64.

    `include_text`: deliveries about a message have its text; `allow_private`: it may have an address that is not public.
    """

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    events: frozenset[EventName]
    include_text: bool = False
    allow_private: bool = False


def endpoints(settings: Settings) -> tuple[Endpoint, ...]:
    """All `[[webhooks]]`, and the one of PALAVER_ALERT_WEBHOOK."""
    named = [
        Endpoint(
            name=webhook.name,
            url=webhook.url.get_secret_value(),
            secret=webhook.secret.get_secret_value(),
            events=frozenset().union(*map(matching, webhook.events)),
            include_text=webhook.include_text,
            allow_private=webhook.allow_private,
        )
        for webhook in settings.webhooks
    ]
    if settings.alert_webhook is not None and settings.alert_secret is not None:
        alerts = Endpoint(
            name=ALERT_WEBHOOK,
            url=settings.alert_webhook.get_secret_value(),
            secret=settings.alert_secret.get_secret_value(),
            events=matching("budget.*"),
            allow_private=True,
        )
        named.append(alerts)
    return tuple(named)
