"""The command line: `palaver serve`, `migrate`, `doctor`, `token`, `economics`, `usage`, `route`, `monitoring`.

Each command loads what it needs when it is asked for: the SDK and the database take seconds, and `palaver token` wants neither.
"""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="palaver",
    help="A self-hosted chat backend for long conversations with Claude.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.")]


@contextmanager
def _loading() -> Iterator[None]:
    """While modules are loaded nothing becomes garbage, and looking for some would take a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Run the server. Without an API key a small local model answers."""
    with _loading():
        from chat.cli.console import configured, run
        from chat.cli.serve import check_exposure, serve_until_stopped
    gc.freeze()  # what is loaded never becomes garbage either: no collection of the server's life looks at it again
    settings = configured(host=host, port=port, data_dir=data_dir)
    check_exposure(settings)
    run(serve_until_stopped(settings, open_browser))


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date and stop; `serve` does the same on start."""
    with _loading():
        from chat.cli.console import configured, console, run
        from chat.clock import SystemClock
        from chat.runtime.open_database import open_database
    settings = configured(data_dir=data_dir)

    async def work() -> None:
        async with open_database(settings, SystemClock()):
            console.print("The database is up to date.")

    run(work())


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Say what is configured, what can be reached, what is missing, and how to mend it."""
    with _loading():
        from rich.console import Console

        from chat.cli import doctor as examination
        from chat.cli.console import configured, run
    settings = configured(data_dir=data_dir)
    findings = run(examination.examine(settings))
    examination.show(findings, Console())
    raise typer.Exit(0 if all(one.state != "broken" for one in findings) else 1)


@app.command("token")
def token_command(
    name: Annotated[str, typer.Argument(help="What to call it: shown in the ledger, and what budgets name.")],
    user: Annotated[
        str | None, typer.Option(help="Whose threads it opens; yours if nobody is named.")
    ] = None,
) -> None:
    """Make an access token: shown this once, with the lines of palaver.toml that let it in."""
    with _loading():
        from chat.auth import tokens
        from chat.cli.console import console
        from store.users import LOCAL
    made = tokens.new_token()
    try:
        lines = tokens.as_toml(made, name=name, user=LOCAL if user is None else user)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    typer.echo(made)
    console.print("The token is shown this once. These lines go into palaver.toml:", style="dim")
    typer.echo(f"\n{lines}", nl=False)


@app.command()
def economics(
    thread: Annotated[str | None, typer.Argument(help="Id of a thread, as in its address.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All threads, and their sum.")] = False,
    window: Annotated[
        int, typer.Option(min=2, help="Messages a simple policy keeps that keeps only so many.")
    ] = 40,
    data_dir: DataDir = None,
) -> None:
    """Say what was paid, what the caches brought, and what the same turns could have cost. Asks no model."""
    with _loading():
        from rich.console import Console

        from chat.cli.console import configured, finding, run
        from chat.cli.economics import show
        from chat.usage.compare import CannotTell, examine
    if (thread is None) != everything:
        raise typer.BadParameter("name one thread, or ask for --all")
    settings = configured(data_dir=data_dir)
    with finding(CannotTell):
        found = run(examine(settings, thread, window=window))
    show(found, Console(), total=everything)


@app.command("route")
def route_command(
    text: Annotated[str | None, typer.Argument(help="What a user might write.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Texts, one per line: plain, or JSON with `text`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, with all signals.")] = False,
) -> None:
    """Say which tier would answer a text and why. Asks no model."""
    with _loading():
        from rich.console import Console

        from chat.cli import route
        from chat.cli.console import finding, loaded
    if (text is None) == (file is None):
        raise typer.BadParameter("give one text, or a file with --file")
    settings = loaded()
    rules = [one.rule for one in settings.routing_rules]
    with finding(route.CannotRead):
        asked = [route.RouteQuery(text=text)] if text is not None else route.read_file(file or Path())
        findings = [route.look(one, rules, settings.tiers) for one in asked]
    if as_json:
        for one in findings:
            print(json.dumps(one.to_json(), ensure_ascii=False))
    else:
        route.show(findings, Console())


@app.command("usage")
def usage_command(
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Group by day, model, user, thread, purpose, feature, tier, outcome, token; again for more."
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="A day, a moment, or so many days: 30d.")] = "30d",
    zone: Annotated[str, typer.Option(help="Whose days: an IANA name.")] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Say what was used and paid, and what routing and caching saved. Asks no model; may run beside a server."""
    with _loading():
        from rich.console import Console

        from chat.cli import usage
        from chat.cli.console import configured, finding, run
        from chat.clock import SystemClock
        from chat.usage.compare import CannotTell
    if as_json and as_csv:
        raise typer.BadParameter("choose --json or --csv")
    settings = configured(data_dir=data_dir)
    now = SystemClock().now()
    with finding(CannotTell):
        found = run(usage.look(settings, by or ["day", "model"], since, zone, now))
    if as_json or as_csv:
        sys.stdout.write(usage.as_json(found) + "\n" if as_json else usage.csv_of(found))
    else:
        usage.show(found, Console())


@app.command()
def monitoring(
    what: Annotated[Literal["dashboard", "alerts"], typer.Argument(help="What to print.")],
) -> None:
    """Print an example Grafana dashboard (JSON) or Prometheus alert rules (YAML) for `/metrics`."""
    name = {"dashboard": "dashboard.json", "alerts": "alerts.yml"}[what]
    sys.stdout.write((files("chat.telemetry") / "examples" / name).read_text(encoding="utf-8"))


def main() -> None:
    """Entry point of the `palaver` command."""
    app()
