"""What a compaction covers and costs: figures worked out by hand."""

from dataclasses import replace

import pytest

from context.cache.cache_state import CacheState, Written
from context.cache.plan_inputs import PlanInputs, SummarizerModel
from context.compaction.scope import Chunk, chunks, compaction_range
from context.messages import Message
from context.models.pricing import Prices, PriceTable
from context.policy import DEFAULT
from context.request.summary_blocks import Line, Segment, Summary
from tests.context.plan_inputs import inputs
from tests.context.threads import sized

FLAT = Prices(input=10, output=100, cache_read=1, cache_write_5m=12, cache_write_1h=20)
CHEAP = Prices(input=2, output=20, cache_read=1, cache_write_5m=3, cache_write_1h=4)


def table(prices: Prices) -> PriceTable:
    return PriceTable(model="m", steps=((0, prices),))


def priced(*, same_model: bool = False) -> PlanInputs:
    summarizer = SummarizerModel(model="cheap", prices=table(CHEAP), same_model=same_model)
    return replace(inputs(), prices=table(FLAT), summarizer=summarizer)


def summary(*sizes: int) -> Summary:
    line = Line(text="x", sources=("z",))
    return Summary(
        id="l",
        upto_id="z",
        segments=tuple(
            Segment(id=f"s{number}", first_id="z", last_id="z", lines=(line,), tokens=size)
            for number, size in enumerate(sizes)
        ),
    )


@pytest.mark.parametrize(
    ("sizes", "most", "parts"),
    [
        ("", 10, ()),
        ("u4 a6", 10, (("m0", "m1", 10),)),
        ("u4 a7", 10, (("m0", "m0", 4), ("m1", "m1", 7))),  # no user message to cut before
        ("u4 a4 u1 a4", 10, (("m0", "m1", 8), ("m2", "m3", 5))),
        ("u4 a4 u1 a1 u1", 10, (("m0", "m3", 10), ("m4", "m4", 1))),
        ("u99 a1", 10, (("m0", "m0", 99), ("m1", "m1", 1))),
        ("u3 a3 u3 a3 u3 a3", 7, (("m0", "m1", 6), ("m2", "m3", 6), ("m4", "m5", 6))),
    ],
)
def test_chunks_end_before_a_user_message_where_one_is_near(
    sizes: str, most: int, parts: tuple[tuple[str, str, int], ...]
) -> None:
    expected = tuple(Chunk(first_id=first, last_id=last, tokens=size) for first, last, size in parts)
    assert chunks(sized(sizes), most) == expected


def warm(prefix: int) -> CacheState:
    entries = (size for size in (prefix, prefix // 2) if size)
    written = tuple(Written(key=str(size), tokens=size, ttl="5m", touched_at=0) for size in entries)
    return CacheState(model="m", written=written)


MESSAGES = sized("u400 a600")


def test_a_compaction_says_what_it_covers_and_what_it_costs() -> None:
    made = compaction_range(
        priced(), messages=MESSAGES, summary=None, kind="cold", reason="because", leaf_id="m9"
    )
    assert (made.kind, made.reason, made.after_id, made.leaf_id) == ("cold", "because", None, "m9")
    assert (made.first_id, made.last_id, made.tokens, len(made.chunks)) == ("m0", "m1", 1_000, 1)
    # 400 tokens of instructions and 1,000 of messages are read, 200 are written.
    assert (made.summarizer, made.model, made.cost) == ("cheap", "cheap", 1_400 * 2 + 200 * 20)
    assert (
        compaction_range(priced(), messages=MESSAGES, summary=summary(50), kind="cold", reason="").after_id
        == "z"
    )


def test_each_chunk_pays_the_instructions_again_and_merges_are_calls_of_their_own() -> None:
    messages = sized(" ".join(["u30000 a30000"] * 3))
    made = compaction_range(priced(), messages=messages, summary=summary(300, 200), kind="cold", reason="")
    assert (len(made.chunks), made.to_json()["calls"]) == (3, 5)
    # The two known segments become one; so do the first two chunks, whose lines are not stored yet.
    assert [(part.segments, part.chunks) for part in made.summary.merges] == [
        (("s0", "s1"), ()),
        ((), (0, 1)),
    ]
    assert made.summary.merged_tokens == 500
    chunks_cost = (3 * DEFAULT.summarizer_prompt + 180_000) * 2 + 3 * made.summary.budget * 20
    written = sum(part.budget for part in made.summary.merges)
    assert made.cost == chunks_cost + (2 * DEFAULT.merge_prompt + 500) * 2 + written * 20


def test_where_the_model_summarizes_itself_its_own_prices_count() -> None:
    made = compaction_range(priced(same_model=True), messages=MESSAGES, summary=None, kind="cold", reason="")
    assert (made.model, made.cost) == (inputs().model.id, 1_400 * 10 + 200 * 100)


@pytest.mark.parametrize(
    ("kind", "prefix", "same_model", "summarizer"),
    [
        # Behind the cached prefix: prefix x 1 + 200 x 10 + 200 x 100 = 22,000 and the prefix, against 34,000 of a call of its own.
        ("warm", 11_999, True, "fork"),
        ("warm", 12_000, True, "cheap"),
        ("warm", 100, False, "cheap"),  # 6,800 with the cheap model
        ("cold", 100, True, "cheap"),
        ("requested", 100, True, "cheap"),
    ],
)
def test_the_model_itself_summarizes_behind_its_cached_prefix_where_that_is_cheaper(
    kind: str, prefix: int, same_model: bool, summarizer: str
) -> None:
    made = compaction_range(
        priced(same_model=same_model),
        messages=MESSAGES,
        summary=None,
        kind=kind,  # type: ignore[arg-type]  # one of the literals
        reason="",
        cache_state=warm(prefix),
    )
    assert made.summarizer == summarizer
    if summarizer == "fork":
        assert (made.model, made.cost) == (inputs().model.id, prefix + 22_000)


def test_in_several_chunks_nothing_is_summarized_behind_the_prefix() -> None:
    messages: list[Message] = sized("u60000 a60000")
    made = compaction_range(
        priced(same_model=True), messages=messages, summary=None, kind="warm", reason="", cache_state=warm(9)
    )
    assert (len(made.chunks), made.summarizer) == (2, "cheap")
    alone = compaction_range(priced(same_model=True), messages=MESSAGES, summary=None, kind="warm", reason="")
    assert alone.summarizer == "cheap", "nothing is known of the cache"


def test_what_is_stored_of_a_compaction() -> None:
    made = compaction_range(priced(), messages=MESSAGES, summary=None, kind="overdue", reason="why")
    assert made.to_json() == {
        "kind": "overdue",
        "first_id": "m0",
        "last_id": "m1",
        "tokens": 1_000,
        "calls": 1,
        "summarizer": "cheap",
        "model": "cheap",
        "reason": "why",
    }
