"""The command line: declares the commands of `palaver` and their options.

A command imports what it needs when it runs: the SDK and the database take a second or more, and `palaver token` needs neither.
"""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import typer

from chat import DISTRIBUTION
from chat.cli import webhooks
from chat.cli.garbage_collection import raise_thresholds
from chat.cli.options import Config, DataDir

app = typer.Typer(
    name="palaver",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.add_typer(webhooks.commands, name="webhooks")


@contextmanager
def _loading() -> Iterator[None]:
    """Switch garbage collection off while modules load: they make no garbage, and looking for it takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"palaver {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def palaver(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """A self-hosted chat backend for long conversations with Claude."""


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    uds: Annotated[
        Path | None, typer.Option(help="Unix socket to listen on, instead of host and port.")
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Run the server. Without an API key a small local model answers."""
    with _loading():
        from chat.cli.console import configured, fail, run
        from chat.cli.listen import check_exposure, listening
        from chat.config.load import BadSettings
    raise_thresholds()
    settings = configured(host=host, port=port, uds=uds, data_dir=data_dir, config=config)
    check_exposure(settings)
    if open_browser and settings.uds is not None:
        fail("--open: a browser cannot open a Unix socket")
    try:
        with listening(settings) as bound:
            with _loading():
                from chat.cli.serve import serve_until_stopped
            run(serve_until_stopped(settings, bound, open_browser))
    except BadSettings as problem:
        fail(str(problem))


@app.command()
def migrate(data_dir: DataDir = None, config: Config = None) -> None:
    """Update the database schema and exit. `serve` also does this when it starts."""
    with _loading():
        from chat.cli.console import configured, console, run
        from chat.clock import SystemClock
        from chat.runtime.open_database import open_database
    settings = configured(data_dir=data_dir, config=config)

    async def work() -> None:
        async with open_database(settings, SystemClock()):
            console.print("The database is up to date.")

    run(work())


@app.command()
def doctor(data_dir: DataDir = None, config: Config = None) -> None:
    """Check settings, folders, database and models, and say how to fix what is wrong."""
    with _loading():
        from rich.console import Console

        from chat.cli import doctor as checks
        from chat.cli.console import configured, run
    settings = configured(data_dir=data_dir, config=config)
    findings = run(checks.examine(settings))
    checks.show(findings, Console())
    raise typer.Exit(0 if all(finding.state != "broken" for finding in findings) else 1)


@app.command("token")
def token_command(
    name: Annotated[
        str, typer.Argument(help="Name of the token: appears in the ledger, and budgets can name it.")
    ],
    user: Annotated[
        str | None, typer.Option(help="User whose threads it opens. Default: the local user.")
    ] = None,
) -> None:
    """Make an access token: prints it once, with the lines to add to palaver.toml."""
    with _loading():
        from chat.auth import tokens
        from chat.cli.console import console
        from store.local_user import LOCAL
    token = tokens.new_token()
    try:
        lines = tokens.as_toml(token, name=name, user=LOCAL if user is None else user)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    typer.echo(token)
    console.print("The token is shown only once. Add these lines to palaver.toml:", style="dim")
    typer.echo(f"\n{lines}", nl=False)


@app.command()
def economics(
    thread: Annotated[str | None, typer.Argument(help="Id of a thread, as in its address.")] = None,
    all_threads: Annotated[bool, typer.Option("--all", help="All threads, and their total.")] = False,
    window: Annotated[
        int, typer.Option(min=2, help="Messages kept by the policies that keep a fixed number.")
    ] = 40,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Compare actual cost with estimates, a lower bound and simpler policies. Calls no model."""
    with _loading():
        from rich.console import Console

        from chat.cli.console import configured, exit_on, run
        from chat.cli.economics import show
        from chat.usage.compare import CannotTell, examine
    if (thread is None) != all_threads:
        raise typer.BadParameter("name one thread, or use --all")
    settings = configured(data_dir=data_dir, config=config)
    with exit_on(CannotTell):
        costs = run(examine(settings, thread, window=window))
    show(costs, Console(), total=all_threads)


@app.command("route")
def route_command(
    text: Annotated[str | None, typer.Argument(help="What a user might write.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Texts, one per line: plain, or JSON with `text`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines with all signals.")] = False,
    config: Config = None,
) -> None:
    """Show which tier would answer a text and why. Calls no model."""
    with _loading():
        from rich.console import Console

        from chat.cli import route
        from chat.cli.console import exit_on, loaded
        from chat.stream.one_line import one_line
    if (text is None) == (file is None):
        raise typer.BadParameter("give either a text, or a file with --file")
    settings = loaded(config=config)
    rules = [configured.rule for configured in settings.routing_rules]
    with exit_on(route.CannotRead):
        queries = [route.RouteQuery(text=text)] if text is not None else route.read_file(file or Path())
        decisions = [route.decide(query, rules, settings.tiers) for query in queries]
    if as_json:
        for decision in decisions:
            print(one_line(json.dumps(decision.to_json(), ensure_ascii=False)))
    else:
        route.show(decisions, Console())


@app.command("usage")
def usage_command(
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Group by day, model, user, thread, purpose, feature, tier, outcome or token. May be repeated."
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="A day, a time, or a number of days: 30d.")] = "30d",
    zone: Annotated[str, typer.Option(help="IANA name of the time zone whose days are meant.")] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show tokens, cost and latency, and what routing and caching saved. Calls no model."""
    with _loading():
        from rich.console import Console

        from chat.cli import usage
        from chat.cli.console import configured, exit_on, run
        from chat.clock import SystemClock
        from chat.usage.compare import CannotTell
    if as_json and as_csv:
        raise typer.BadParameter("choose --json or --csv")
    settings = configured(data_dir=data_dir, config=config)
    now = SystemClock().now()
    with exit_on(CannotTell):
        report = run(usage.look(settings, by or ["day", "model"], since, zone, now))
    if as_json or as_csv:
        sys.stdout.write(usage.as_json(report) + "\n" if as_json else usage.csv_of(report))
    else:
        usage.show(report, Console())


@app.command()
def monitoring(
    what: Annotated[Literal["dashboard", "alerts"], typer.Argument(help="What to print.")],
) -> None:
    """Print a Grafana dashboard (JSON) or Prometheus alert rules (YAML) for `/metrics`."""
    name = {"dashboard": "dashboard.json", "alerts": "alerts.yml"}[what]
    sys.stdout.write((files("chat.telemetry") / "examples" / name).read_text(encoding="utf-8"))


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API, to generate clients from. A running server has it at `/openapi.json`."""
    with _loading():
        from chat.api.openapi import as_json, document
        from chat.app import described
    sys.stdout.write(as_json(document(described())))


def main() -> None:
    """Entry point of the `palaver` command."""
    app()
