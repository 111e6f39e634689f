"""What the ledger is asked over HTTP: sums and rows, for the right people, in the right shape, and nothing a spreadsheet would run."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chat.usage.csv_export import as_csv
from chat.usage.date_range import BadQuestion, offsets, span
from context.models.pricing import Usage
from store.local_user import LOCAL
from tests.palaver import Palaver, palaver
from tests.store.ledger import DAY, START, anything, call, keep
from tests.upstream import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

FROM, TO = "2026-11-01", "2026-12-31"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Palaver]:
    """A Palaver whose ledger has calls of its one user and of somebody else."""
    async with Simulator() as sim, palaver(tmp_path_factory.mktemp("books"), sim) as app:
        rows = anything(120)
        mine = [replace(row, owner_id=LOCAL) if row.owner_id == "ada" else row for row in rows]
        await keep(app.deps.database, mine)
        yield app


async def usage(app: Palaver, **params: Any) -> dict[str, Any]:
    return await app.get("/api/usage", **{"from": FROM, "to": TO, **params})


async def test_a_turn_is_in_the_usage_with_its_exact_cost(tmp_path: Path) -> None:
    async with Simulator() as model, palaver(tmp_path, model) as app:
        turn = await app.chat("t", "Hello", feature="demo")
        report = await app.get("/api/usage", group_by="day,model,feature,thread")
    (group,) = report["groups"]
    assert group["group"]["feature"] == "demo"
    assert (group["group"]["model"], group["group"]["thread"]) == ("claude-sonnet-5-5", "t")
    assert (group["calls"], group["ok"], group["unpriced"]) == (1, 1, 0)
    assert Decimal(group["cost_usd"]) == Decimal(turn["message"]["cost_usd"])
    assert group["tokens"]["output"] == turn["usage"]["output_tokens"]
    assert group["first_token_ms"]["p50"] <= group["first_token_ms"]["p95"]
    assert Decimal(report["total"]["saved_usd"]) == Decimal(group["top_model_usd"]) - Decimal(
        group["cost_usd"]
    )
    assert report["top_model"] == "claude-opus-5-5"


async def test_one_sees_ones_own_unless_everything_is_asked_for(books: Palaver) -> None:
    own, everything = await usage(books, group_by="user"), await usage(books, group_by="user", scope="all")
    assert [group["group"]["user"] for group in own["groups"]] == [LOCAL]
    assert {group["group"]["user"] for group in everything["groups"]} == {LOCAL, "bob"}
    assert own["total"]["calls"] < everything["total"]["calls"] == 120


async def test_the_whole_deployment_is_for_admins(tmp_path: Path) -> None:
    tokens = [
        {"name": name, "user": name, "sha256": sha256(name.encode()).hexdigest(), "admin": name == "root"}
        for name in ("ada", "root")
    ]
    async with Simulator() as model, palaver(tmp_path, model, tokens=tokens) as app:
        await keep(app.deps.database, anything(40))
        params = {"from": FROM, "to": TO, "group_by": "user"}
        for path in ("/api/usage", "/api/usage/calls"):
            refused = await app.http.get(
                path,
                params={"from": FROM, "to": TO, "scope": "all"},
                headers={"authorization": "Bearer ada"},
            )
            assert (refused.status_code, refused.json()["error"]["param"]) == (403, "scope")
        bobs = await app.http.get(
            "/api/usage", params={**params, "user": "bob"}, headers={"authorization": "Bearer ada"}
        )
        assert bobs.json()["total"]["calls"] == 0
        everything = await app.http.get(
            "/api/usage", params={**params, "scope": "all"}, headers={"authorization": "Bearer root"}
        )
        assert {group["group"]["user"] for group in everything.json()["groups"]} == {"ada", "bob"}


async def test_json_and_csv_say_the_same(books: Palaver) -> None:
    as_json = await usage(books, group_by="day,feature")
    params = {"from": FROM, "to": TO, "group_by": "day,feature"}
    for more, accept in (({"format": "csv"}, "*/*"), ({}, "text/csv")):
        answer = await books.http.get("/api/usage", params={**params, **more}, headers={"accept": accept})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith('attachment; filename="palaver-usage-2026-')
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["cost_usd"] for row in rows] == [group["cost_usd"] or "" for group in as_json["groups"]]
        features = {row["feature"] for row in rows}
        assert features == {"", "search", "'=cmd()"}, "a label is text, never a formula"


async def test_the_whole_ledger_can_be_taken_away_in_pages(books: Palaver) -> None:
    whole = await books.http.get("/api/usage/calls", params={"from": FROM, "to": TO})
    rows = [json.loads(line) for line in whole.text.splitlines()]
    total = (await usage(books))["total"]
    assert len(rows) == total["calls"]
    assert sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"] is not None) == Decimal(
        total["cost_usd"]
    )
    assert {row["user"] for row in rows} == {LOCAL}
    paged: list[str] = []
    while True:
        after = {"after": paged[-1]} if paged else {}
        answer = await books.http.get(
            "/api/usage/calls", params={"from": FROM, "to": TO, "limit": 25, **after}
        )
        page = [json.loads(line)["id"] for line in answer.text.splitlines()]
        paged += page
        if len(page) < 25:
            break
    assert paged == [row["id"] for row in rows]
    table = await books.http.get("/api/usage/calls", params={"from": FROM, "to": TO, "format": "csv"})
    assert [row["id"] for row in csv.DictReader(io.StringIO(table.text))] == paged


async def test_labels_narrow_what_is_counted(books: Palaver) -> None:
    report = await usage(books, group_by="outcome", purpose="reply", tier="simple")
    rows = (
        await books.http.get(
            "/api/usage/calls", params={"from": FROM, "to": TO, "purpose": "reply", "tier": "simple"}
        )
    ).text.splitlines()
    assert 0 < report["total"]["calls"] == len(rows)
    assert {group["group"]["outcome"] for group in report["groups"]} == {
        json.loads(row)["outcome"] for row in rows
    }


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"group_by": "hour"}, "group_by"),
        ({"group_by": "day,day"}, "group_by"),
        ({"group_by": "day,model,user,tier,token"}, "group_by"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "2026-11-20", "to": "2026-11-19"}, "from"),
        ({"from": "2020-01-01", "to": "2026-11-19"}, "from"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"limit": "0"}, "limit"),
        ({"scope": "theirs"}, "scope"),
        ({"format": "xlsx"}, "format"),
        ({"colour": "blue"}, "colour"),
    ],
)
async def test_a_wrong_question_names_its_parameter(
    books: Palaver, query: dict[str, str], param: str
) -> None:
    answer = await books.http.get("/api/usage", params=query)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_another_ones_call_is_no_place_to_go_on_from(books: Palaver) -> None:
    rows = (await books.http.get("/api/usage/calls", params={"from": FROM, "to": TO, "scope": "all"})).text
    bobs_call = next(row["id"] for row in map(json.loads, rows.splitlines()) if row["user"] == "bob")
    for after in (bobs_call, "call_nowhere"):
        answer = await books.http.get("/api/usage/calls", params={"after": after})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


async def test_days_are_those_of_the_place_asked_for(tmp_path: Path) -> None:
    late = START - START % DAY + DAY - 1_800_000  # 23:30 UTC
    async with Simulator() as model, palaver(tmp_path, model) as app:
        await keep(app.deps.database, [call(1, owner_id=LOCAL, created_at=late, used=Usage(output=1))])
        utc = await usage(app, group_by="day")
        vienna = await usage(app, group_by="day", time_zone="Europe/Vienna")
    assert utc["groups"][0]["group"]["day"] == "2026-11-18"
    assert vienna["groups"][0]["group"]["day"] == "2026-11-19"


async def test_a_span_of_days_has_both_its_ends_and_knows_when_clocks_change() -> None:
    period = span("2026-10-25", "2026-10-25", "Europe/Vienna", now=0)
    assert period.end - period.start == 25 * 3_600_000, "the day on which summer time ends has 25 hours"
    summer, winter = offsets(period)
    assert (summer.ahead, winter.ahead) == (7_200_000, 3_600_000)
    assert winter.start == period.start + 3 * 3_600_000
    with pytest.raises(BadQuestion):
        span("9999-12-31", None, "UTC", now=START)


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd",
        "-cmd",
        "@x",
        "\tx",
        "\rx",
        "\x07",
        "＝1+1",
        "＋cmd",
        "－cmd",
        "＠x",
        "﹦x",
        " =x",
        "\u00a0＝x",
    ],
)
async def test_no_cell_is_a_formula(cell: str) -> None:
    written = as_csv([{"a": cell}, {"a": -5}, {"a": "-0.25"}], ["a"])
    read = [row["a"] for row in csv.DictReader(io.StringIO(written, newline=""))]
    assert read == [f"'{cell}", "-5", "-0.25"]


async def test_routing_is_compared_with_each_threads_best_single_tier(tmp_path: Path) -> None:
    async with Simulator() as model, palaver(tmp_path, model, default_tier="auto") as app:
        await app.chat("t", "Where can I find your exchange rates?")
        await app.chat("t", "thanks!")
        report = await app.get("/api/usage/routing")
        whole = await app.get("/api/usage", purpose="reply")
        nobody = await app.get("/api/usage/routing", thread="another")
    assert (report["threads"], report["turns"], report["more"]) == (1, 2, False)
    assert Decimal(report["cost_usd"]) == Decimal(whole["total"]["cost_usd"])
    assert Decimal(report["saved_usd"]) == Decimal(report["single_tier_usd"]) - Decimal(report["cost_usd"])
    assert Decimal(report["single_tier_usd"]) > 0
    assert (nobody["threads"], nobody["single_tier_usd"], nobody["needed_more"]) == (0, "0", 0)


async def test_the_routing_of_everybody_needs_admin_rights_and_counts_what_has_a_tier(books: Palaver) -> None:
    own = await app_routing(books)
    everybody = await app_routing(books, scope="all")
    assert everybody["turns"] >= own["turns"] >= 0


async def app_routing(app: Palaver, **params: Any) -> dict[str, Any]:
    return await app.get("/api/usage/routing", **{"from": FROM, "to": TO, **params})
