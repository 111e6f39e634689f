"""Queries that know no owner, and why they need none."""

from collections.abc import Mapping
from typing import Final

_HOUSEKEEPING: Final = "housekeeping, for the rows of all"
_BY_PK: Final = "one message that the caller has just stored or read, by its pk"
_BY_ID: Final = "the ids are those the caller has just read or made, and no client names them"
_OF_TURNS_HERE: Final = "the logs of turns that run here"
_TOKENS: Final = (
    "asked before anybody is known, or for the operator and the host, who decide about all end users"
)
_NOBODYS: Final = "rows that belong to nobody"

WITHOUT_OWNER: Final[Mapping[str, str]] = {
    "access_tokens.add": _TOKENS,
    "access_tokens.find": _TOKENS,
    "access_tokens.in_force": _TOKENS,
    "access_tokens.is_known": _TOKENS,
    "access_tokens.page": _TOKENS,
    "access_tokens.remove_old": _HOUSEKEEPING,
    "access_tokens.revoke": _TOKENS,
    "access_tokens.revoke_all": _TOKENS,
    "cache_states.due": _HOUSEKEEPING,
    "erase.erase_deleted": _HOUSEKEEPING,
    "event_rounds.add": _OF_TURNS_HERE,
    "event_rounds.erase": "the turns of a thread that its owner deletes",
    "event_rounds.remove": _HOUSEKEEPING,
    "event_rounds.restore": _HOUSEKEEPING,
    "event_rounds.restore_all": _HOUSEKEEPING,
    "event_rounds.rounds": _HOUSEKEEPING,
    "events.append": _OF_TURNS_HERE,
    "events.append_missing": _OF_TURNS_HERE,
    "events.append_rest": _OF_TURNS_HERE,
    "events.holds": _OF_TURNS_HERE,
    "events.remove": _HOUSEKEEPING,
    "learned_stats.get": _NOBODYS,
    "learned_stats.lock": _NOBODYS,
    "learned_stats.put": _NOBODYS,
    "learned_stats.some": _NOBODYS,
    "ledger.budgets.current_totals": "gauges, for the operator",
    "ledger.budgets.mark_alerted": _HOUSEKEEPING,
    "ledger.budgets.may_need_alert": _HOUSEKEEPING,
    "ledger.budgets.remove_old": _HOUSEKEEPING,
    "ledger.budgets.settle": "the counters that a call reserved",
    "ledger.entries.all_threads": "for the operator",
    "ledger.entries.hold": _BY_ID,
    "ledger.entries.some": _BY_ID,
    "ledger.open_calls.abandoned": _HOUSEKEEPING,
    "ledger.open_calls.of_holder": "the calls of a process",
    "ledger.open_calls.remove": _BY_ID,
    "ledger.open_calls.renew": "the calls of a process",
    "ledger.open_calls.shorten_leases": _HOUSEKEEPING,
    "migrate.current": _NOBODYS,
    "migrate.revision": _NOBODYS,
    "migrate.upgrade": _HOUSEKEEPING,
    "prompts.get": _NOBODYS,
    "prompts.keep": _NOBODYS,
    "savepoint.attempt": "runs the work of others",
    "savepoint.attempt_each": "runs the work of others",
    "savepoint.savepoint": "runs the work of others",
    "search.catch_up.last_pk": _HOUSEKEEPING,
    "search.catch_up.unindexed": _HOUSEKEEPING,
    "search.messages.index_stored": _BY_PK,
    "search.rebuild.next_batch": _HOUSEKEEPING,
    "search.rebuild.write": _HOUSEKEEPING,
    "sqlite.rows": "runs the statements of others",
    "threads.owners": "for the operator",
    "turns.abandoned": _HOUSEKEEPING,
    "turns.forget_logs": _HOUSEKEEPING,
    "turns.renew_leases": "the turns of a process",
    "turns.shorten_leases": _HOUSEKEEPING,
    "turns.with_old_logs": _HOUSEKEEPING,
    "users.ensure": "for the operator's tokens",
    "webhook_deliveries.add": "what the operator's endpoints are sent",
    "webhook_deliveries.again": "for the operator",
    "webhook_deliveries.any_due": _HOUSEKEEPING,
    "webhook_deliveries.claim": _HOUSEKEEPING,
    "webhook_deliveries.give_up_untried": _HOUSEKEEPING,
    "webhook_deliveries.newest": "for the operator",
    "webhook_deliveries.remove_old": _HOUSEKEEPING,
    "webhook_deliveries.shorten_pauses": _HOUSEKEEPING,
    "webhook_deliveries.tried": _BY_ID,
}
