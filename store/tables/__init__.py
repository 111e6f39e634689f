"""Every table, as SQLModel classes in one module per noun, and as SQLAlchemy tables here for queries. Imports nothing of Palaver.

Times are integers: milliseconds since 1970 UTC. Column comments say what a name cannot. A change here needs a migration.
"""

from sqlalchemy import Table
from sqlmodel import SQLModel

from store.tables.access import AccessTokenRow
from store.tables.context_engine import CacheStateRow, CompactionClaimRow, LearnedStatRow
from store.tables.conversations import (
    EventRoundRow,
    InstructionsRow,
    MessageRow,
    PromptRow,
    SummaryRow,
    ThreadRow,
    TurnEventRow,
    TurnRow,
    UserRow,
)
from store.tables.ledger import BudgetRow, LedgerEntryRow, OpenCallRow
from store.tables.search import VectorRow
from store.tables.webhooks import WebhookDeliveryRow


def _table(row: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(row.__tablename__)]


users = _table(UserRow)
threads = _table(ThreadRow)
thread_instructions = _table(InstructionsRow)
messages = _table(MessageRow)
turns = _table(TurnRow)
turn_events = _table(TurnEventRow)
event_rounds = _table(EventRoundRow)
summaries = _table(SummaryRow)
prompts = _table(PromptRow)
cache_states = _table(CacheStateRow)
compaction_claims = _table(CompactionClaimRow)
learned_stats = _table(LearnedStatRow)
ledger_entries = _table(LedgerEntryRow)
open_calls = _table(OpenCallRow)
budgets = _table(BudgetRow)
access_tokens = _table(AccessTokenRow)
message_vectors = _table(VectorRow)
webhook_deliveries = _table(WebhookDeliveryRow)
metadata = SQLModel.metadata
