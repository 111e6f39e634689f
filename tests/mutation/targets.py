"""What is mutated, by which tests it must be noticed, and mutants that no test can notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.copy import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Modules, the tests that are theirs, and the share of mutants that may survive unexplained.

    `apart`: modules that are not mutated, because only tests that need PostgreSQL run them.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    allowed: float = 0.1
    apart: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        paths = [path.relative_to(ROOT) for source in self.sources for path in sorted(ROOT.glob(source))]
        return [path for path in paths if path.name != "__init__.py" and str(path) not in self.apart]


def _store(name: str, *tests: str, apart: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Target:
    files = tuple(f"tests/store/test_{test}.py" for test in (*tests, "owners"))
    return Target(name=name, sources=(f"{name}/*.py",), tests=(*files, *more), apart=apart)


def _context(package: str, *tests: str) -> Target:
    files = tuple(f"tests/context/test_{test}.py" for test in tests)
    return Target(name=f"context/{package}", sources=(f"context/{package}/*.py",), tests=files)


_PLANS = ("plan", "plan_cache", "plan_contents", "plan_properties", "stored_plan", "unseen_turns")
_ALL: Final = (
    _context("planning", "tool_offer", "quote", "instructions", *_PLANS),
    _context(
        "cache",
        "breakpoints",
        "cache_state",
        "global_gaps",
        "ttl_choice",
        "cache_audit",
        "cost_model",
        "floor",
        "prefix_sizes",
        "instructions",
        *_PLANS,
    ),
    _context(
        "compaction",
        "compaction_prompt",
        "compaction_scope",
        "compaction_when",
        "key_facts",
        "levels",
        *_PLANS,
    ),
    _context("routing", "routing", "routing_kinds", "thread_bill", "complexity", "unseen_turns"),
    _context("limits", "breaker", "budgets", "fallback", "headroom", "model_sequence"),
    _context("models", "pricing", "catalog"),
    _context(
        "request",
        "request",
        "request_layout_2",
        "window",
        "shortened",
        "cache_audit",
        "key_facts",
        "instructions",
        *_PLANS,
    ),
    _context("audit", "baselines", "bound", "cache_audit", "hindsight", "single_tier"),
    _context(
        "recall",
        "recall",
        "recall_choice",
        "recall_decision",
        "recall_feedback",
        "recall_likeness",
        "recall_need",
        "recall_rank",
        "recall_speakers",
        "recall_stems",
        "recall_words",
    ),
    _context("tokens", "tokens_calibration", "tokens_exact", "tokens_features", "tokens_tokenizer"),
    Target(  # what decides about bills and recall, by the golden values alone
        name="golden",
        sources=(
            "context/compaction/when.py",
            "context/planning/plan.py",
            "context/models/pricing.py",
            "context/recall/choose.py",
        ),
        tests=("tests/bench/golden/test_golden.py",),
        allowed=0.2,
    ),
    _store(
        "store",
        "access_tokens",
        "branches",
        "cache_states",
        "compaction_claims",
        "connections",
        "database",
        "driver_errors",
        "erase",
        "event_rounds",
        "events",
        "learned_stats",
        "locked",
        "messages",
        "migrations",
        "patience",
        "reporting",
        "savepoint",
        "summaries",
        "threads",
        "turn_rows",
        "turns",
        "url",
        "webhook_deliveries",
        "window_reads",
        apart=("store/postgres_database.py", "store/lost_commit.py"),
    ),
    _store(
        "store/ledger",
        "budget_counters",
        "budgets",
        "entries",
        "open_calls",
        "report_edges",
        "reports",
    ),
    _store(
        "store/search",
        "branch_index",
        "catch_up",
        "recall",
        "recall_decision",
        "recall_reads",
        "search",
        "search_forms",
        "search_rebuild",
        "term_index",
        "vectors",
        "words",
        more=("tests/bench/golden/test_golden.py",),
    ),
    Target(
        name="chat/stream",
        sources=("chat/stream/*.py",),
        tests=("tests/chat/stream",),
        allowed=0.15,
    ),
    Target(
        name="chat/auth",
        sources=("chat/auth/*.py",),
        tests=("tests/chat/auth",),
        allowed=0.15,
    ),
)
TARGETS: Final = {target.name: target for target in _ALL}

# Mutants, or functions with all of theirs, that no test of a target can notice, and why.
_POSTGRES = "only Postgres runs it, and there tests/store notices it"
_BY_NAME = "the library finds the provider of Claude models by the model's name, too"


def _on_postgres(function: str, first: int, last: int) -> dict[str, str]:
    """The mutants of a function's lines for Postgres."""
    return {f"{function}__mutmut_{number}": _POSTGRES for number in range(first, last + 1)}


EXPLAINED: Final[dict[str, str]] = {
    "context.limits.breaker.xǁBreakerǁlet_go__mutmut_2": "a copy without a probe of a breaker without a probe",
    "context.models.pricing.x__rates__mutmut_4": _BY_NAME,
    "context.models.pricing.x__rates__mutmut_18": _BY_NAME,
    "context.models.pricing.x__rates__mutmut_22": _BY_NAME,
    "context.models.pricing.x__rates__mutmut_41": _BY_NAME,
    "chat.auth.token_registry.xǁTokenRegistryǁreloading__mutmut_8": "the task's name, for logs and debuggers",
    "chat.auth.token_registry.xǁTokenRegistryǁ_reload__mutmut_3": "the value is None there",
    "chat.auth.tokens.x_new_token__mutmut_2": "the library's default is 32 bytes, too",
    "chat.stream.answer_builder.x_harmless__mutmut_24": "another spelling of the same codec",
    "chat.stream.journal.xǁJournalǁending__mutmut_4": "the words of an error that only a wrong caller in our own code sees",
    **_on_postgres("store.lease_clock.x_present", 10, 21),
    "store.ledger.percentiles.x_native": _POSTGRES,
    **_on_postgres("store.ledger.percentiles.x_read", 17, 26),
    "store.search.messages.x__lexeme": _POSTGRES,
    "store.search.messages.x__postgres_match": _POSTGRES,
    "store.search.messages.x__postgres_phrase": _POSTGRES,
    **_on_postgres("store.search.parts.x_parts_of", 17, 25),
    "store.search.term_index.x_scope__mutmut_16": "another spelling of the same codec",
    "store.sqlite.x_rows__mutmut_2": "SQLite's dialect gives errors no names of its own",
    "store.sqlite_database.xǁSqliteDatabaseǁtruncate_log__mutmut_16": "SQL in lower case",
    "store.sqlite.xǁConnectionThreadǁ__init____mutmut_6": "how many rows are fetched by a cursor of aiosqlite, which is not used",
    "context.models.catalog.x__claude": "called at import, before a mutant is chosen; test_catalog holds its fields",
    "context.cache.floor.x__gaps__mutmut_26": "there is a weight for each bucket, by its construction",
    "context.cache.layout.x_lay_out__mutmut_73": "no breakpoint stands behind the new message: that name is for who reads a layout",
    "context.planning.plan.x__cache_use__mutmut_36": "an entry counts from the start of its request, which the cache state is told apart",
    "context.recall.normalization.x__in_pieces__mutmut_19": "one piece more, which is cut off again",
    "context.recall.stems.x_load": "it is there for what it loads, whatever it stems",
    "context.tokens.calibration.x__scatter__mutmut_21": "the line before it compares the same lengths",
    "context.tokens.exact.xǁExactTokenizerǁfeatures__mutmut_3": "the feature is the last one: nothing comes after it",
    "context.tokens.pieces.x__shape": "called at import, before a mutant is chosen; test_tokens_features notices its mutants when they are in the file",
    "context.tokens.prior.xǁTokenPriorǁ_part_features__mutmut_2": "a memory smaller by one piece in 32,768",
}


def explained(mutant: str) -> bool:
    """Whether a mutant has its explanation, by its own name or by its function's."""
    return mutant in EXPLAINED or mutant.rpartition("__mutmut_")[0] in EXPLAINED
