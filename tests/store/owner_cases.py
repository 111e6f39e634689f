"""What bob asks of every query that knows an owner: for what is his, for what is another's, and for what both have."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from context.cache.cache_state import CacheState
from context.limits.budgets import Budget, BudgetAccount, Counter, Scope, Unit, counters
from context.messages import TextPart
from context.recall.policy import DEFAULT
from context.recall.stems import english
from context.request.prompts import Instructions
from store import (
    branches,
    cache_states,
    compaction_claims,
    events,
    instructions,
    messages,
    summaries,
    threads,
    turns,
)
from store.cache_states import StoredCacheState
from store.ledger import aggregates, budgets, entries, open_calls, prior_usage, reports
from store.ledger.aggregates import Dimension, Offset, Selection, conditions
from store.messages import FinishedAnswer
from store.search import branch_index, parts, recall, term_index, vectors
from store.search import messages as search
from store.search.branch_index import Outlines
from store.search.recall import RecallRequest
from store.search.term_index import Indexed
from tests.store.ledger import DAY, START, call
from tests.store.rows import new_message
from tests.store.tenants import BOB, MODEL, World, new_call, new_summary, new_turn

Ask = Callable[[Connection, World], Any]

DONE = FinishedAnswer(status="complete", parts=(TextPart(text="The garden is locked"),), tokens=4)
STATE = CacheState(model=MODEL, uses=9)
ENDED: Final[dict[str, Any]] = {"status": "failed", "usage": None, "error": None, "last_seq": 7, "now": START}
BOBS = Selection(owner_id=BOB, start=START - DAY, end=START + DAY)
EVERYWHERE: Final[dict[str, Any]] = {"pks": (0, 10**6), "depths": (0, 99), "most": 99}


def _bobs_state(c: Connection) -> StoredCacheState:
    return cache_states.of_thread(c, BOB, "t")[MODEL]


def _hits(c: Connection, query: str, limit: int, thread_id: str | None = None) -> list[tuple[object, ...]]:
    """Without scores: how rare a word is, BM25 counts over the whole index."""
    hits = search.find(c, BOB, query, limit=limit, thread_id=thread_id)
    return [(hit.pk, hit.thread_id, hit.message_id, hit.text) for hit in hits]


def _recalled(c: Connection, w: World, thread_id: str) -> Any:
    request = RecallRequest(question="What is the code of the garden?", before=w.last, now=START, cap=200)
    return recall.recall(c, BOB, thread_id, request, count=lambda words: len(words.split())).blocks


def _searched(c: Connection, w: World, thread_id: str) -> Any:
    request = RecallRequest(question="", before=w.last, now=START, cap=200)
    return recall._index(c, BOB, thread_id, request, DEFAULT, Outlines()).branch


def _indexed(w: World) -> Indexed:
    return Indexed(pk=w.pk[BOB, "q2"], owner_id=BOB, thread_id="t", role="user", depth=2)


def _counters() -> list[Counter]:
    """bob's own, and his thread's that another has, too: money, tokens, requests."""
    scopes: tuple[Scope, ...] = ("user", "thread")
    units: tuple[Unit, ...] = ("usd", "tokens", "requests")
    limits = [Budget(scope=s, unit=u, period="month", limit=10**15) for s in scopes for u in units]
    return list(counters(limits, BudgetAccount(owner_id=BOB, thread_id="t"), START))


def _report(*by: Dimension) -> Ask:
    return lambda c, w: reports.report(c, BOBS, by, limit=9)


CASES: Final[Mapping[Callable[..., Any], Sequence[Ask]]] = {
    branches.branch: (
        lambda c, w: branches.branch(c, BOB, "t", "a2", rows=9),
        lambda c, w: branches.branch(c, BOB, "t", "a3", rows=9),
        lambda c, w: branches.branch(c, BOB, "theirs", "z", rows=9),
        lambda c, w: branches.branch(c, BOB, "t", "a1", rows=9, until_summary=True),
    ),
    branches.steps: (
        lambda c, w: branches.steps(c, BOB, "t", "a2"),
        lambda c, w: branches.steps(c, BOB, "t", "a3"),
    ),
    branches.siblings: (
        lambda c, w: branches.siblings(c, BOB, "t", {None, "q1", "a2"}),
        lambda c, w: branches.siblings(c, BOB, "theirs", {None, "x"}),
    ),
    branches.newest_leaf: (
        lambda c, w: branches.newest_leaf(c, BOB, "t", "q1"),
        lambda c, w: branches.newest_leaf(c, BOB, "t", "a2"),
        lambda c, w: branches.newest_leaf(c, BOB, "theirs", "x"),
    ),
    cache_states.of_thread: (
        lambda c, w: cache_states.of_thread(c, BOB, "t"),
        lambda c, w: cache_states.of_thread(c, BOB, "theirs"),
    ),
    cache_states.put: (lambda c, w: cache_states.put(c, BOB, "t", STATE, turn_id="new", next_at=8),),
    cache_states.change: (lambda c, w: _then(c, lambda s: cache_states.change(c, s, STATE, 8)),),
    cache_states.claim: (lambda c, w: _then(c, lambda s: cache_states.claim(c, s, 8)),),
    compaction_claims.claim: (
        lambda c, w: compaction_claims.claim(c, BOB, "w", "new", now=START, lease=9),
        lambda c, w: compaction_claims.claim(c, BOB, "t", "new", now=START, lease=9),
    ),
    compaction_claims.extend: (
        lambda c, w: compaction_claims.extend(c, BOB, "t", "process", now=START, lease=9),
        lambda c, w: compaction_claims.extend(c, BOB, "theirs", "process", now=START, lease=9),
    ),
    compaction_claims.release: (
        lambda c, w: compaction_claims.release(c, BOB, "t", "process"),
        lambda c, w: compaction_claims.release(c, BOB, "theirs", "process"),
    ),
    events.after: (
        lambda c, w: events.after(c, BOB, "turn_bob", 1),
        lambda c, w: events.after(c, BOB, "turn_ada", 0),
    ),
    events.last_seq: (
        lambda c, w: events.last_seq(c, BOB, "turn_bob"),
        lambda c, w: events.last_seq(c, BOB, "turn_ada"),
    ),
    budgets.statuses: (lambda c, w: budgets.statuses(c, _counters()),),
    prior_usage.used_so_far: (lambda c, w: [prior_usage.used_so_far(c, counter) for counter in _counters()],),
    budgets.reserve: (lambda c, w: _counted(c, lambda: budgets.reserve(c, [(one, 1) for one in _counters()])),),
    budgets.mark_refused: (lambda c, w: _counted(c, lambda: budgets.mark_refused(c, _counters()[0], START)),),
    entries.add: (lambda c, w: entries.add(c, call(9, id="call_new", owner_id=BOB)),),
    entries.explain: (
        lambda c, w: entries.explain(c, BOB, "call_bob_0", "edited"),
        lambda c, w: entries.explain(c, BOB, "call_ada_0", "edited"),
    ),
    entries.of_turn: (
        lambda c, w: entries.of_turn(c, BOB, "turn_bob"),
        lambda c, w: entries.of_turn(c, BOB, "turn_ada"),
    ),
    entries.of_thread: (
        lambda c, w: entries.of_thread(c, BOB, "t"),
        lambda c, w: entries.of_thread(c, BOB, None),
    ),
    entries.page: (lambda c, w: entries.page(c, conditions(BOBS), after=None, limit=9),),
    entries.get: (
        lambda c, w: entries.get(c, BOB, "call_bob_0"),
        lambda c, w: entries.get(c, BOB, "call_ada_0"),
    ),
    open_calls.add: (lambda c, w: open_calls.add(c, new_call(BOB, "open_new")),),
    open_calls.of_turn: (
        lambda c, w: open_calls.of_turn(c, BOB, "turn_bob"),
        lambda c, w: open_calls.of_turn(c, BOB, "turn_ada"),
    ),
    aggregates.sums: (
        lambda c, w: c.execute(aggregates.sums(c, BOBS, ("thread",), (Offset(start=0, ahead=0),), ())).all(),
    ),
    reports.report: (_report(), _report("user"), _report("thread", "day")),
    reports.first_call: (lambda c, w: reports.first_call(c, BOBS),),
    messages.add: (lambda c, w: _stored(messages.add(c, BOB, "t", new_message("q3", "garden", parent=w.last))),),
    messages.finish: (
        lambda c, w: messages.finish(c, BOB, "s1", DONE),
        lambda c, w: messages.finish(c, BOB, "s2", DONE),
    ),
    messages.get: (
        lambda c, w: messages.get(c, BOB, "q1"),
        lambda c, w: messages.get(c, BOB, "a3"),
        lambda c, w: messages.get(c, BOB, "x", thread_id="theirs"),
    ),
    messages.rate: (
        lambda c, w: messages.rate(c, BOB, "a1", "up"),
        lambda c, w: messages.rate(c, BOB, "a3", "up"),
    ),
    branch_index.branch_above: (
        lambda c, w: branch_index.branch_above(c, BOB, "t", w.last, reach=9, outlines=Outlines()),
    ),
    branch_index._read: (lambda c, w: branch_index._read(c, BOB, "t", 0, w.last),),
    branch_index._rows: (lambda c, w: branch_index._rows(c, BOB, "t", 0, 9),),
    search.index: (lambda c, w: search.index(c, _indexed(w), (TextPart(text="The shed"),)),),
    search.forget_thread: (
        lambda c, w: search.forget_thread(c, BOB, "t"),
        lambda c, w: search.forget_thread(c, BOB, "theirs"),
    ),
    search.find: (
        lambda c, w: _hits(c, "garden code", 1),
        lambda c, w: _hits(c, "garden", 99, "t"),
        lambda c, w: _hits(c, "garden", 99, "theirs"),
    ),
    recall.recall: (
        lambda c, w: _recalled(c, w, "t"),
        lambda c, w: _recalled(c, w, "theirs"),
    ),
    recall._index: (
        lambda c, w: _searched(c, w, "t"),
        lambda c, w: _searched(c, w, "theirs"),
    ),
    parts.parts_of: (lambda c, w: parts.parts_of(c, BOB, [*w.pk.values()]),),
    term_index.index: (lambda c, w: term_index.index(c, _indexed(w), "The shed"),),
    term_index.forget_thread: (
        lambda c, w: term_index.forget_thread(c, BOB, "t"),
        lambda c, w: term_index.forget_thread(c, BOB, "theirs"),
    ),
    term_index.holding: (
        lambda c, w: term_index.holding(c, BOB, "t", [english("garden")], **EVERYWHERE),
        lambda c, w: term_index.holding(c, BOB, "theirs", [english("garden")], **EVERYWHERE),
    ),
    vectors.between: (lambda c, w: vectors.between(c, BOB, "t", MODEL, 0, 10**6),),
    vectors.missing: (
        lambda c, w: vectors.missing(c, BOB, "t", MODEL, reach=9, most=9),
        lambda c, w: vectors.missing(c, BOB, "t", MODEL, reach=1, most=9),
    ),
    vectors.keep: (lambda c, w: vectors.keep(c, BOB, "t", MODEL, dict.fromkeys(w.pk.values(), b"new")),),
    summaries.add: (lambda c, w: summaries.add(c, BOB, "t", new_summary("sum_new", "a1", 1, 30)),),
    summaries.get: (
        lambda c, w: summaries.get(c, BOB, "sum_bob"),
        lambda c, w: summaries.get(c, BOB, "sum_ada"),
    ),
    summaries.active_at: (
        lambda c, w: summaries.active_at(c, BOB, "t", "q2"),
        lambda c, w: summaries.active_at(c, BOB, "t", "a1"),
    ),
    summaries.retire: (lambda c, w: summaries.retire(c, BOB, "fin_bob"), lambda c, w: summaries.retire(c, BOB, "sum_ada")),
    summaries.restore: (lambda c, w: summaries.restore(c, BOB, "sum_bob"), lambda c, w: summaries.restore(c, BOB, "old_ada")),
    instructions.put: (lambda c, w: instructions.put(c, BOB, "t", "Answer in Welsh.", after_id=None, now=30),),
    instructions.get: (
        lambda c, w: instructions.get(c, BOB, "t", Instructions.of("Speak of bob's garden.").digest),
        lambda c, w: instructions.get(c, BOB, "t", Instructions.of("Speak of ada's garden.").digest),
        lambda c, w: instructions.get(c, BOB, "theirs", Instructions.of("Speak of ada's garden.").digest),
    ),
    instructions.versions: (
        lambda c, w: instructions.versions(c, BOB, "t", limit=1),
        lambda c, w: instructions.versions(c, BOB, "t", limit=99),
        lambda c, w: instructions.versions(c, BOB, "theirs", limit=99),
    ),
    summaries.undone: (lambda c, w: summaries.undone(c, BOB, "t"),),
    summaries.versions: (lambda c, w: summaries.versions(c, BOB, "t"),),
    threads.create: (
        lambda c, w: threads.create(c, BOB, "theirs", now=9),
        lambda c, w: threads.create(c, BOB, "t", now=9),
    ),
    threads.get: (lambda c, w: threads.get(c, BOB, "t"), lambda c, w: threads.get(c, BOB, "theirs")),
    threads.lock: (lambda c, w: threads.lock(c, BOB, "t"), lambda c, w: threads.lock(c, BOB, "theirs")),
    threads.page: (
        lambda c, w: threads.page(c, BOB, limit=1),
        lambda c, w: threads.page(c, BOB, limit=99, title_contains="garden"),
        lambda c, w: threads.page(c, BOB, limit=99, after=(6, "w")),
    ),
    threads.change: (
        lambda c, w: threads.change(c, BOB, "t", title="Mine"),
        lambda c, w: threads.change(c, BOB, "theirs", title="Mine"),
    ),
    threads.mark_read: (lambda c, w: threads.mark_read(c, BOB, "t"),),
    threads.remove: (
        lambda c, w: threads.remove(c, BOB, "t"),
        lambda c, w: threads.remove(c, BOB, "theirs"),
    ),
    turns.add: (lambda c, w: turns.add(c, new_turn(BOB, "turn_new", "t", "their key")),),
    turns.get: (lambda c, w: turns.get(c, BOB, "turn_bob"), lambda c, w: turns.get(c, BOB, "turn_ada")),
    turns.window_start: (
        lambda c, w: turns.window_start(c, BOB, "turn_bob"),
        lambda c, w: turns.window_start(c, BOB, "turn_ada"),
    ),
    turns.of_thread: (
        lambda c, w: turns.of_thread(c, BOB, "t"),
        lambda c, w: turns.of_thread(c, BOB, "theirs"),
    ),
    turns.by_key: (lambda c, w: turns.by_key(c, BOB, "key"), lambda c, w: turns.by_key(c, BOB, "their key")),
    turns.running: (lambda c, w: turns.running(c, BOB, "w"), lambda c, w: turns.running(c, BOB, "t")),
    turns.is_running: (
        lambda c, w: turns.is_running(c, BOB, "more_bob"),
        lambda c, w: turns.is_running(c, BOB, "more_ada"),
    ),
    turns.set_plan: (lambda c, w: turns.set_plan(c, BOB, "more_bob", {"kind": "new"}, "q2"), lambda c, w: turns.set_plan(c, BOB, "more_ada", {"kind": "new"}, "q2")),
    turns.finish: (lambda c, w: turns.finish(c, BOB, "more_bob", **ENDED), lambda c, w: turns.finish(c, BOB, "more_ada", **ENDED)),
    turns.request_cancel: (lambda c, w: turns.request_cancel(c, BOB, "more_bob"), lambda c, w: turns.request_cancel(c, BOB, "more_ada")),
}  # fmt: skip


def _then(c: Connection, change: Callable[[StoredCacheState], Any]) -> Any:
    return change(_bobs_state(c))


def _counted(c: Connection, change: Callable[[], None]) -> Any:
    change()
    return budgets.statuses(c, _counters())


def _stored(pk: int) -> bool:
    """Not the `pk`: it counts on when a transaction is rolled back."""
    return pk > 0
