"""Settings of who hears of events: webhooks, and the alerts of budgets."""

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from chat.config.end_users import EndUsers
from chat.config.types import SigningSecret, Thresholds, WebhookUrl
from chat.config.webhooks import Webhooks


class Notifications(EndUsers):
    """The settings of `Settings` that follow those of its placement."""

    webhooks: Webhooks = Field(
        default=(),
        description="Endpoints that events are posted to, as `[[webhooks]]` in `palaver.toml` (JSON in the environment); see `chat/webhooks/README.md`.",
    )
    alert_thresholds: Thresholds = Field(
        default=(80, 100), description="Shares of a budget, in per cent, at which an alert is sent."
    )
    alert_webhook: WebhookUrl | None = Field(
        default=None,
        description="URL that alerts are posted to, besides the log and `[[webhooks]]`; it may be a private address.",
    )
    alert_secret: SigningSecret | None = Field(
        default=None,
        min_length=16,
        validate_default=True,
        description="Secret that alerts are signed with; `whsec_…` is read as base64.",
    )

    @field_validator("alert_secret")
    @classmethod
    def _signed(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("alert_webhook") is not None:
            raise ValueError("alerts are signed: set a secret that the webhook knows too")
        return value
