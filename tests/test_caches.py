"""What a process remembers is bounded, and listed in chat/README.md: every cache is filled far beyond its bound here."""

import ast
import asyncio
import gc
import itertools
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute

from chat.api.middleware.rate_limit import ADDRESSES, Windows
from chat.background.keepalive import MOST_PRESENCES, Keepalives
from chat.background.summarizer import MOST_PAUSED, Summarizer
from chat.clock import SystemClock
from chat.runtime.runtime import Runtime
from chat.runtime.token_sizes import Sizes
from context.messages import Message, TextPart
from context.recall import render, stems
from context.recall.thread import Outline
from context.routing import lexicon
from context.tokens import exact, pieces, prior
from store.search import term_index
from store.search.branch_index import Branch, Outlines
from tests.chat.auth.many_users import fill_end_users
from tests.context.public_tokenizers import file

ROOT = Path(__file__).parents[1]
MIB = 1024 * 1024
CONSTANT = {  # read once, or one value per constant of the program
    "chat.api.files.content_etag",  # of the page's files, 256 at most
    "chat.api.event_schemas.definitions",
    "chat.api.openapi._schemas",
    "chat.api.page._description",
    "chat.upstream.client._certificates",
    "store.ledger.prior_usage._used",  # by budget: those of the settings
    "context.recall.function_words._languages_of",
    "context.recall.function_words._lists",
    "context.recall.kinds._table",
    "context.recall.stems._marked_letters",
    "context.recall.stems._stemmer",
    "context.routing.lexicon._shipped",
    "context.routing.lexicon.english",
    "context.routing.lexicon.foreign_openers",
    "context.routing.lexicon.world",
    "context.routing.model.shipped",
    "context.cache.plan_inputs._digest",  # by model and tools
    "context.request.prompts._digest",  # of the system prompts
    "context.request.tools.text",
    "context.tokens.beliefs.belief",
    "context.tokens.calibration._without_reports",  # by family
    "context.tokens.pieces._letter",
    "context.tokens.pieces._word",
    "context.tokens.prior._shipped",
    "context.models.pricing._anything",
    "store.search.highlight._matching",  # likewise
    "store.search.highlight._Original",  # likewise
    "context.recall.excerpts.excerpt",  # lives as long as one call
}
CACHES = {"cache", "lru_cache", "LRUCache", "TTLCache", "LFUCache", "cached", "cachedmethod"}
LETTERS = "bcdfghjklmnpqrstvwxz"


def words_of(length: int) -> Iterator[str]:
    """Different words of that many letters, outside ASCII, which take the most memory."""
    for letters in itertools.product("ԱԲԳԴԵԶԷԸԹԺ", repeat=6):
        yield "".join(letters) + "ա" * (length - 6)


class Deps:
    """As much of a runtime as a cache asks for."""

    clock = SystemClock()


def runtime() -> Runtime:
    return Deps()  # type: ignore[return-value]


def fill_sizes() -> object:
    sizes = Sizes("m")
    for number in range(8_500):
        message = Message(
            id=f"msg_{number:026}",
            parent_id=None,
            role="user",
            status="complete",
            parts=(TextPart(text=f"{number} " + "We met, 漢 and é.\n" * 5),),
            depth=0,
            tokens=0,
        )
        sizes.of_messages([message], "m")
    return sizes


def fill_outlines() -> object:
    outlines, dice = Outlines(), random.Random(1)
    for number in range(3_000):
        size = dice.choice([1, 4, 100, 200])
        numbers = [1_790_000_000_000 + number * 1_000 + place for place in range(size)]
        branch = Branch(
            first=0,
            last=size,
            tip=f"msg_{number:026}",
            pks=numbers,
            depths=[place + 1_000 for place in range(size)],
            outline=Outline(
                roles=["user"] * size,
                tokens=[place + 300 for place in range(size)],
                at=[at + 1 for at in numbers],
                typical=1.0,
            ),
            place={pk: place for place, pk in enumerate(numbers)},
        )
        outlines.put(f"user {number % 9}", f"thr_{number:026}", branch)
    return outlines


def fill_presences() -> object:
    keepalives = Keepalives(
        runtime=runtime(),
        scheduler=None,  # type: ignore[arg-type]
        summarizer=None,  # type: ignore[arg-type]
        enabled=True,
        keepalive_cap=None,  # type: ignore[arg-type]
    )
    for number in range(3 * MOST_PRESENCES):
        keepalives.report_presence(f"u{number:063}", f"t{number:0127}", "open")
    return keepalives


def fill_failures() -> object:
    summarizer = Summarizer(runtime=runtime())
    for number in range(3 * MOST_PAUSED):
        summarizer._rest((f"u{number:063}", f"t{number:0127}"))
    return summarizer


def fill_refusals() -> object:
    from chat.budgets.reservations import REMEMBERED, Budgets
    from context.limits.budgets import Counter

    class Kept:
        async def write(self, _: object) -> None:
            pass

    budgets = Budgets()

    async def fill() -> None:
        for number in range(3 * REMEMBERED):
            counter = object.__new__(Counter)
            for name, value in (("key", f"budget/thread/{number:0128}"), ("period_start", 1_790_000_000_000)):
                object.__setattr__(counter, name, value)
            await budgets.remember(Kept(), counter, 0)  # type: ignore[arg-type]

    asyncio.run(fill())
    return budgets


def fill_windows() -> object:
    windows, rate = Windows(), RateLimitItemPerMinute(60)
    for number in range(ADDRESSES + 5_000):
        windows.hit(rate, f"2001:0db8:85a3:0000:0000:8a2e:{number >> 16:04x}:{number & 0xFFFF:04x}")
    return windows


def fill_prior() -> object:
    read = prior.TokenPrior(prior.TokenPrior.load()._tokenizer)
    dice = random.Random(1)
    for _ in range(20):
        read.features(" ".join("".join(dice.choices(LETTERS + "éüß", k=30)) for _ in range(2_000)))
    return read


def fill_exact() -> object:
    tokenizer = exact.ExactTokenizer(file("byte-level"))
    for number in range(3 * exact.REMEMBERED):
        tokenizer.count(f"text {number}")
    return tokenizer


def fill_pieces() -> object:
    for letters in itertools.product(b"_nt", repeat=9):
        pieces._piece_counts(bytes(letters) + b"n" * 20)
    return pieces


def fill_stems() -> object:
    for word in itertools.islice(words_of(stems.LONGEST_WORD), 60_000):
        stems.stems(word, word + "é", "de")
        stems.other_stems(word, word + "é")
    return stems


def fill_digests() -> object:
    for word in itertools.islice(words_of(stems.LONGEST_WORD), 60_000):
        term_index.digest(word)
    return term_index


def fill_lexicons() -> object:
    made = lexicon.english(), lexicon.world()
    for word in itertools.islice(words_of(lexicon.LONGEST), 3 * lexicon.REMEMBERED):
        for known in made:
            known.of(word)
    for number in range(1_000):
        for known in made:
            known.of(f"{number} {'x' * 100_000}")
    return made


def fill_days() -> object:
    for number in range(20_000):
        render.day(number * 86_400_000)
    return render


FILL: dict[str, Callable[[], object]] = {
    "chat.runtime.token_sizes.Sizes": fill_sizes,
    "store.search.branch_index.Outlines": fill_outlines,
    "chat.background.keepalive.Keepalives": fill_presences,
    "chat.background.summarizer.Summarizer": fill_failures,
    "chat.budgets.reservations.Budgets": fill_refusals,
    "chat.api.middleware.rate_limit.Windows": fill_windows,
    "chat.auth.end_users.EndUsers": fill_end_users,
    "context.tokens.prior.TokenPrior": fill_prior,
    "context.tokens.exact.ExactTokenizer": fill_exact,
    "context.tokens.pieces": fill_pieces,
    "context.recall.stems": fill_stems,
    "store.search.term_index": fill_digests,
    "context.routing.lexicon.Lexicon": fill_lexicons,
    "context.recall.render": fill_days,
}
# Keyed by model and day, each entry a few dozen numbers.
SMALL = {"context.models.pricing", "context.audit.savings"}


def table() -> dict[str, str]:
    """The caches of chat/README.md, with their bounds."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \|$", (ROOT / "chat/README.md").read_text(), re.MULTILINE
    )
    return {name: bound for name, bound in rows if name.startswith(("chat.", "store.", "context."))}


def caches() -> Iterator[str]:
    """Every function that is decorated with a cache, and every function or class that makes one."""
    for path in sorted(ROOT.glob("*/**/*.py")):
        if path.relative_to(ROOT).parts[0] in ("chat", "store", "context"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.ClassDef | ast.FunctionDef) or _has_few_values(node):
                    continue
                if any(map(_is_cache, ast.walk(node))):
                    yield f"{module}.{node.name}"


def _is_cache(node: ast.AST) -> bool:
    """Whether a node of a module makes a cache or decorates with one."""
    makers = [node.func] if isinstance(node, ast.Call) else getattr(node, "decorator_list", [])
    return any(isinstance(maker, ast.Name) and maker.id in CACHES for maker in makers)


def _has_few_values(node: ast.ClassDef | ast.FunctionDef) -> bool:
    """Whether all parameters of a function are yes or no, or the database's dialect: how the store builds each statement once."""
    if isinstance(node, ast.ClassDef):
        return False
    parameters = [*node.args.args, *node.args.kwonlyargs]
    kinds = {(each.arg, ast.unparse(each.annotation or ast.Constant(None))) for each in parameters}
    return all(kind == "bool" or (name, kind) == ("dialect", "str") for name, kind in kinds)


def test_every_cache_is_listed() -> None:
    listed = table()
    assert listed.keys() == FILL.keys() | SMALL
    for name in caches():
        module = name.rpartition(".")[0]
        assert name in CONSTANT or name in listed or module in listed, f"{name}: chat/README.md, Memory"


@pytest.mark.parametrize("name", FILL)
def test_a_cache_that_is_filled_stays_within_its_bound(name: str) -> None:
    [most] = re.findall(r"(\d+) MiB", table()[name])
    prior.TokenPrior.load().features("Loaded before the memory is looked at. 漢é 1,")
    lexicon.english(), lexicon.world()
    file("byte-level")
    gc.collect()
    tracemalloc.start(1)
    try:
        held = FILL[name]()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held is not None
    assert size <= int(most) * MIB, f"{size / MIB:.1f} MiB"
