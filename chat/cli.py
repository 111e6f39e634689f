"""The command line: `palaver serve`, `migrate`, `doctor`, `token`, `economics`, `usage`, `route`, `monitoring`."""

import asyncio
import json
import sys
import webbrowser
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from chat import doctor as examination
from chat import report, routing_report
from chat.access import tokens
from chat.app import application, open_database, running
from chat.clock import SystemClock
from chat.economics.examine import CannotTell, examine
from chat.economics.show import show
from chat.logs import configure
from chat.server import listen, serve
from chat.settings import BadSettings, Settings, load, unknown_names
from chat.upstream.local.process import LocalModel
from chat.upstream.local.weights import LocalModelUnavailable, ensure_weights
from store.errors import StoreError
from store.users import LOCAL

T = TypeVar("T")

app = typer.Typer(
    name="palaver",
    help="A self-hosted chat backend for long conversations with Claude.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True, highlight=False)

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.")]


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Run the server. Without an API key a small local model answers."""
    settings = _settings(host=host, port=port, data_dir=data_dir)
    _check_exposure(settings)
    _run(_serve(settings, open_browser))


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date and stop; `serve` does the same on start."""
    settings = _settings(data_dir=data_dir)

    async def work() -> None:
        async with open_database(settings, SystemClock()):
            console.print("The database is up to date.")

    _run(work())


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Say what is configured, what can be reached, what is missing, and how to mend it."""
    settings = _settings(data_dir=data_dir)
    findings = _run(examination.examine(settings))
    examination.show(findings, Console())
    raise typer.Exit(0 if all(finding.state != "broken" for finding in findings) else 1)


@app.command("token")
def token_command(
    name: Annotated[str, typer.Argument(help="What to call it: shown in the ledger, and what budgets name.")],
    user: Annotated[str, typer.Option(help="Whose threads it opens.")] = LOCAL,
) -> None:
    """Make an access token: shown this once, with the lines of palaver.toml that let it in."""
    made = tokens.fresh()
    try:
        lines = tokens.as_toml(made, name=name, user=user)
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
    if (thread is None) != everything:
        raise typer.BadParameter("name one thread, or ask for --all")
    settings = _settings(data_dir=data_dir)
    try:
        found = _run(examine(settings, thread, window=window))
    except CannotTell as problem:
        console.print(f"[bold red]Nothing to show.[/] {escape(str(problem))}")
        raise typer.Exit(1) from None
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
    if (text is None) == (file is None):
        raise typer.BadParameter("give one text, or a file with --file")
    settings = _loaded()
    rules = [one.rule for one in settings.routing_rules]
    try:
        asked = (
            [routing_report.Asked(text=text)]
            if text is not None
            else routing_report.read_file(file or Path())
        )
        findings = [routing_report.look(one, rules, settings.tiers) for one in asked]
    except routing_report.CannotRead as problem:
        console.print(f"[bold red]Nothing to show.[/] {escape(str(problem))}")
        raise typer.Exit(1) from None
    if as_json:
        for finding in findings:
            print(json.dumps(finding.to_json(), ensure_ascii=False))
    else:
        routing_report.show(findings, Console())


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
    if as_json and as_csv:
        raise typer.BadParameter("choose --json or --csv")
    settings = _settings(data_dir=data_dir)
    now = SystemClock().now()
    try:
        found = _run(report.look(settings, by or ["day", "model"], since, zone, now))
    except CannotTell as problem:
        console.print(f"[bold red]Nothing to show.[/] {escape(str(problem))}")
        raise typer.Exit(1) from None
    if as_json or as_csv:
        sys.stdout.write(report.as_json(found) + "\n" if as_json else report.csv_of(found))
    else:
        report.show(found, Console())


@app.command()
def monitoring(
    what: Annotated[Literal["dashboard", "alerts"], typer.Argument(help="What to print.")],
) -> None:
    """Print an example Grafana dashboard (JSON) or Prometheus alert rules (YAML) for `/metrics`."""
    name = {"dashboard": "dashboard.json", "alerts": "alerts.yml"}[what]
    sys.stdout.write((files("chat.observe") / "examples" / name).read_text(encoding="utf-8"))


def main() -> None:
    """Entry point of the `palaver` command."""
    app()


async def _serve(settings: Settings, open_browser: bool) -> None:
    bound = listen(settings.host, settings.port)
    async with AsyncExitStack() as stack:
        local = await _local_model(settings, stack) if settings.uses_local_model else None
        deps = await stack.enter_async_context(running(settings, local_model=local))
        host, port = bound.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{'localhost' if host in {'0.0.0.0', '::'} else shown}:{port}/"  # noqa: S104 - compared, not bound
        who = "the small local demo model" if local is not None else settings.model_standard
        console.print(
            f"[bold]Palaver[/] is at [bold cyan]{url}[/]  ({who} answers; Ctrl+C stops)", soft_wrap=True
        )
        if local is not None:
            console.print("Set ANTHROPIC_API_KEY to talk to Claude instead.", style="dim")
        if open_browser:
            webbrowser.open(url)
        await serve(application(deps), deps.runner, bound, settings)


async def _local_model(settings: Settings, stack: AsyncExitStack) -> LocalModel:
    weights = await ensure_weights(settings.cache_dir, settings.local_model, console)
    model = LocalModel(weights)
    await model.start()
    stack.push_async_callback(model.stop)
    return model


def _loaded(**overrides: object) -> Settings:
    try:
        return load(**overrides)
    except BadSettings as problem:
        _fail(str(problem))


def _settings(**overrides: object) -> Settings:
    settings = _loaded(**overrides)
    configure(settings)
    for name in unknown_names():
        console.print(f"[yellow]There is no setting {name}; it is ignored.[/]")
    return settings


def _check_exposure(settings: Settings) -> None:
    """Without a token nobody but this machine may reach the server."""
    if not settings.asks_for_token and not _is_loopback(settings.host):
        _fail(
            f"PALAVER_HOST: {settings.host} can be reached from other machines, and no token is set.\n"
            "Set PALAVER_TOKEN to a long random text, or listen on 127.0.0.1."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _run(work: Awaitable[T]) -> T:
    """Run to the end; problems an operator can mend are told in words, without a traceback."""

    async def whole() -> T:
        return await work

    loop_factory = None
    if sys.platform != "win32":
        import uvloop

        loop_factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(whole())
    except LocalModelUnavailable as problem:
        _fail(f"{problem}\n{problem.remedy}")
    except (BadSettings, StoreError) as problem:
        _fail(str(problem))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(message: str) -> NoReturn:
    console.print(f"[bold red]Palaver stops here.[/] {escape(message)}", markup=True)
    raise typer.Exit(1)
