"""`palaver doctor`: check settings, folders, database, Redis and models, and say how to fix what is wrong. Changes nothing."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from chat.api.page import DIST
from chat.clock import SystemClock
from chat.config.settings import Settings
from chat.embeddings.weights import find
from chat.runtime import build
from chat.upstream.client import Upstream
from chat.upstream.local.capabilities import INSTALL, NOT_INSTALLED, is_installed
from chat.upstream.local.weights import find_weights
from chat.upstream.probe import probe
from chat.upstream.replica_sync import reachable
from context.models.pricing import price_table
from store import migrate, sqlite
from store.database import Database
from store.errors import SchemaTooNew, SqliteTooOld, StoreError

State = Literal["good", "note", "broken"]
LOW_DISK = 500 * 1024 * 1024  # bytes of free disk below which the doctor warns
SYMBOLS = {"good": "[green]✓[/]", "note": "[yellow]![/]", "broken": "[red]✗[/]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check. `note`: works, but the operator should know; `remedy`: how to fix it."""

    what: str
    state: State
    says: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Check everything a start depends on."""
    findings = [*_folders(settings), _sqlite(settings), await _database(settings)]
    findings += [*await _redis(settings), *await _model(settings), *_embeddings(settings)]
    findings += [_exposure(settings), *_budgets(settings), _page()]
    return findings


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings as a table."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        remedy = f"\n[dim]{finding.remedy}[/]" if finding.remedy else ""
        table.add_row(SYMBOLS[finding.state], f"[bold]{finding.what}[/]", finding.says + remedy)
    console.print(table)


def _folders(settings: Settings) -> list[Finding]:
    existing = next(
        folder for folder in (settings.data_dir, *settings.data_dir.absolute().parents) if folder.exists()
    )
    if not os.access(existing, os.W_OK):
        remedy = "Set PALAVER_DATA_DIR to another folder, or let this user write there."
        return [
            Finding(
                what="data folder",
                state="broken",
                says=f"{settings.data_dir} cannot be written",
                remedy=remedy,
            )
        ]
    free = shutil.disk_usage(existing).free
    state: State = "good" if free > LOW_DISK else "note"
    remedy = "" if state == "good" else "Free some space: on a full disk nothing new can be stored."
    says = f"{settings.data_dir} ({free // 2**20:,} MiB free)"
    return [Finding(what="data folder", state=state, says=says, remedy=remedy)]


def _sqlite(settings: Settings) -> Finding:
    library = sqlite.driver()
    good = library.sqlite_version_info >= sqlite.SAFE_VERSION
    return Finding(
        what="SQLite",
        state="good" if good else "note",
        says=f"{library.sqlite_version} ({library.__name__})",
        remedy=""
        if good
        else "Versions before 3.51.3 can corrupt a WAL database under load: install pysqlite3.",
    )


async def _database(settings: Settings) -> Finding:
    if _is_missing_file(settings.database):
        return Finding(what="database", state="good", says="will be created at the first start")
    database = Database(settings.database)
    try:
        revision = await migrate.current(database)
    except (SchemaTooNew, SqliteTooOld) as problem:
        return Finding(what="database", state="broken", says=str(problem))
    except (StoreError, OSError, Exception) as problem:  # noqa: BLE001 - drivers raise errors of their own
        return Finding(
            what="database",
            state="broken",
            says=f"cannot be opened ({type(problem).__name__})",
            remedy="Check PALAVER_DATABASE_URL, and that the server runs and accepts this user and password.",
        )
    finally:
        await database.close()
    newest = migrate.head()
    says = f"{database.dialect}, revision {revision}"
    if revision != newest:
        return Finding(
            what="database",
            state="note",
            says=says,
            remedy="`palaver migrate` or `palaver serve` updates it.",
        )
    return Finding(what="database", state="good", says=says)


async def _redis(settings: Settings) -> list[Finding]:
    """Check Redis. Palaver works without it, so a Redis that does not answer is a note."""
    if settings.redis_url is None:
        return []
    if await reachable(settings.redis_url.get_secret_value()):
        return [Finding(what="Redis", state="good", says="answers; replicas share breakers and rate limits")]
    remedy = "Check PALAVER_REDIS_URL and that the server runs. Until then each replica decides for itself."
    return [Finding(what="Redis", state="note", says="does not answer", remedy=remedy)]


def _is_missing_file(url: str) -> bool:
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()


async def _model(settings: Settings) -> list[Finding]:
    if settings.uses_local_model:
        return [_local(settings)]
    upstream = build.upstream(settings, None, None, None)
    findings = []
    try:
        for tier, model in settings.tiers.items():
            findings.append(await _claude(upstream, tier, model))
    finally:
        await upstream.close()
    return findings


async def _claude(upstream: Upstream, tier: str, model: str) -> Finding:
    result = await probe(upstream, model)
    remedies = {
        "refused": "Set ANTHROPIC_API_KEY.",
        "unknown": f"Set PALAVER_MODEL_{tier.upper()} to a model that this key may use.",
        "unreachable": "Check the network and ANTHROPIC_BASE_URL.",
    }
    return Finding(
        what=tier,
        state="good" if result.state == "ok" else "broken",
        says=f"{model}: {result.detail}",
        remedy=remedies.get(result.state, ""),
    )


def _local(settings: Settings) -> Finding:
    if not is_installed():
        return Finding(what="model", state="broken", says=NOT_INSTALLED, remedy=INSTALL)
    weights = find_weights(settings.cache_dir, settings.local_model)
    if weights is not None:
        remedy = "Set ANTHROPIC_API_KEY to talk to Claude instead."
        return Finding(what="model", state="note", says=f"the local demo model, {weights}", remedy=remedy)
    if settings.local_model is not None:
        remedy = "Set PALAVER_LOCAL_MODEL to an existing GGUF file."
        return Finding(
            what="model", state="broken", says=f"{settings.local_model} is not a GGUF file", remedy=remedy
        )
    remedy = "Set ANTHROPIC_API_KEY to talk to Claude instead."
    return Finding(
        what="model", state="note", says="the local demo model, downloaded at the first start", remedy=remedy
    )


def _embeddings(settings: Settings) -> list[Finding]:
    if not settings.recall_embeddings:
        return []
    missing = [name for name in ("numpy", "tokenizers") if find_spec(name) is None]
    if missing:
        remedy = "pip install 'palaver-chat[embeddings]', or unset PALAVER_RECALL_EMBEDDINGS."
        says = f"{' and '.join(missing)} not installed"
        return [Finding(what="embeddings", state="broken", says=says, remedy=remedy)]
    weights = find(settings.cache_dir)
    says = "downloaded at the first start" if weights is None else str(weights)
    return [Finding(what="embeddings", state="good", says=says)]


def _exposure(settings: Settings) -> Finding:
    if settings.requires_token:
        return Finding(what="access", state="good", says="every API request must carry a token")
    who = "only this machine" if settings.uds is None else "whoever may open the Unix socket"
    return Finding(
        what="access",
        state="note",
        says=f"no token: {who} can reach the server",
        remedy="Set PALAVER_TOKEN before listening on another address.",
    )


def _budgets(settings: Settings) -> list[Finding]:
    """Warn of models without a known price: a budget in USD refuses all their calls."""
    if not settings.budgets:
        return []
    now = SystemClock().now()
    unpriced = sorted({model for model in settings.tiers.values() if price_table(model, now=now) is None})
    if (
        unpriced
        and not settings.uses_local_model
        and any(budget.unit == "usd" for budget in settings.budgets)
    ):
        return [
            Finding(
                what="budgets",
                state="note",
                says=f"no known price for {', '.join(unpriced)}: a budget in USD refuses its calls",
                remedy="Limit tokens instead, or choose a model with a known price.",
            )
        ]
    return [Finding(what="budgets", state="good", says=f"{len(settings.budgets)} configured")]


def _page() -> Finding:
    if (DIST / "index.html").is_file():
        return Finding(what="page", state="good", says="built")
    return Finding(
        what="page",
        state="broken",
        says="not built",
        remedy="Install Palaver with pip, which builds the page.",
    )
