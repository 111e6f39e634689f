"""The table of webhook deliveries."""

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel


class WebhookDeliveryRow(SQLModel, table=True):
    """The outbox of webhooks: an event that an endpoint is sent. It is kept when its thread is deleted: it has no text of it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_due", "endpoint", "next_at", "id"),
        Index("webhook_deliveries_by_end", "finished_at"),
    )
    id: str = Field(primary_key=True)  # also that of the request, the same in each try
    endpoint: str  # its name in the settings
    event: str
    body: str = Field(sa_column=Column(Text, nullable=False))  # JSON as it is sent, without texts of messages
    status: str  # waiting, delivered or given_up
    tries: int
    result: str | None = None  # of the newest try: an HTTP status, or what went wrong
    next_at: int | None = Field(default=None, sa_type=BigInteger)  # when it is due, or its claim ends
    created_at: int = Field(sa_type=BigInteger)
    give_up_at: int = Field(sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger)
