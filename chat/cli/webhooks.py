"""`palaver webhooks`: what endpoints were sent, and sending it again. Calls no model, and may run beside a server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from chat.cli.options import Config, DataDir

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from store.webhook_deliveries import Delivery

commands = typer.Typer(
    no_args_is_help=True, help="Show what webhooks were sent, and send it again. Calls no model."
)


@commands.command("list")
def list_command(
    status: Annotated[
        Literal["waiting", "delivered", "given_up"] | None, typer.Option(help="Only deliveries like this.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only those to the endpoint of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, with what is sent.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show deliveries, newest first: those that wait, and those that ended in the last three days."""
    from functools import partial

    from rich.console import Console

    from chat.cli.console import configured, exit_on, run
    from chat.usage.compare import CannotTell, read
    from store import webhook_deliveries

    settings = configured(data_dir=data_dir, config=config)
    newest = partial(webhook_deliveries.newest, limit=limit, status=status, endpoint=endpoint)
    with exit_on(CannotTell):
        deliveries = run(read(settings, newest))
    if as_json:
        for delivery in deliveries:
            typer.echo(json.dumps(_as_json(delivery)))
    else:
        _show(deliveries, Console())


@commands.command("redeliver")
def redeliver_command(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of deliveries, as `list` shows them.")] = None,
    given_up: Annotated[bool, typer.Option("--given-up", help="All that were given up.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Send deliveries again, with the same ids: the running server does it at once, or the next one."""
    from functools import partial

    from chat.cli.console import configured, fail, run
    from chat.clock import SystemClock
    from chat.usage.compare import CannotTell, write
    from chat.webhooks.outbox import GIVEN_UP
    from store import webhook_deliveries

    if bool(ids) == given_up:
        raise typer.BadParameter("name deliveries, or use --given-up")
    settings = configured(data_dir=data_dir, config=config)
    again = partial(webhook_deliveries.again, ids=ids or None, give_up_at=SystemClock().now() + GIVEN_UP)
    try:
        count = run(write(settings, again))
    except CannotTell as problem:
        fail(str(problem))
    if ids and count < len(set(ids)):
        fail(f"{len(set(ids)) - count} of these deliveries are not there; {count} will be sent.")
    typer.echo(f"{count} {'delivery' if count == 1 else 'deliveries'} will be sent.")


def _as_json(delivery: Delivery) -> dict[str, object]:
    from chat.clock import rfc3339

    ends = delivery.finished_at
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint,
        "status": delivery.status,
        "tries": delivery.tries,
        "result": delivery.result,
        "created_at": rfc3339(delivery.created_at),
        "finished_at": None if ends is None else rfc3339(ends),
        "payload": json.loads(delivery.body),
    }


def _show(deliveries: Sequence[Delivery], console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    from chat.clock import rfc3339

    if not deliveries:
        console.print("No deliveries.")
        return
    table = Table(header_style="bold")
    for name in ("id", "endpoint", "event", "created", "status", "tries", "result"):
        table.add_column(name, justify="right" if name == "tries" else "left", no_wrap=name == "id")
    for delivery in deliveries:
        cells = (
            delivery.id,
            delivery.endpoint,
            delivery.event,
            rfc3339(delivery.created_at),
            delivery.status,
        )
        table.add_row(*map(escape, cells), str(delivery.tries), escape(delivery.result or "\u2014"))
    console.print(table)
