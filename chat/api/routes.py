"""The route table of the HTTP API: one resource per noun, in the order of README.md."""

from chat.api.budgets import Budgets
from chat.api.endpoint import Resource
from chat.api.info import Info
from chat.api.instructions import ThreadInstructions
from chat.api.messages import Messages
from chat.api.metrics import Metrics
from chat.api.presence import Presence
from chat.api.search import Search
from chat.api.summary import Summaries
from chat.api.threads import Threads
from chat.api.tokens import Tokens
from chat.api.turns import Turns
from chat.api.usage import Ledger

RESOURCES: tuple[type[Resource], ...] = (
    Info,
    Threads,
    Messages,
    Turns,
    Summaries,
    ThreadInstructions,
    Presence,
    Search,
    Budgets,
    Ledger,
    Tokens,
    Metrics,
)
