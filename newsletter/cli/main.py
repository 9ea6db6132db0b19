"""``newsletter``: the command line. Exit codes are documented in docs/cli.md."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from newsletter import __version__
from newsletter.accounts.invitations import first_link
from newsletter.cli import (
    accounts,
    bounce_log,
    intake,
    issues,
    operating,
    overview,
    segments,
    subscribers,
)
from newsletter.cli.bounces import bounce_app
from newsletter.cli.console import console, errors, print_error, print_json
from newsletter.cli.demo import run_demo
from newsletter.cli.dkim import dkim
from newsletter.cli.embedded import ALL_ROLES, find_ports, supervised
from newsletter.cli.preflight import preflight_stored, require_clear
from newsletter.cli.sending import as_json, show, start_mailing, watch_mailing
from newsletter.cli.state import Json, NewsletterName, environment_of, open_database, settings_of
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.vocabulary import DeliveryState, ProcessKind, UncertainPolicy
from newsletter.delivery.mailings import Progress, list_progress, progress
from newsletter.delivery.schedule import Schedule, read_hour
from newsletter.errors import (
    ExitCode,
    NewsletterError,
    Place,
    SettingError,
    UnavailableError,
)
from newsletter.issues.store import find_issue
from newsletter.language import Language
from newsletter.operations.heartbeats import lives_here
from newsletter.operations.overview import Overview, look
from newsletter.settings import Settings
from newsletter.web.serve import serve
from subscribers.newsletters import NewsletterDraft, create_newsletter, find_newsletter
from workers.command import WorkerRole
from workers.transports import relay_names

#: A relay may take its time over the last messages; the rest of their batches is given back.
_WORKER_STOP_SECONDS = 60.0

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Write an issue, send it to a list, lose nobody, mail nobody twice.",
)
app.add_typer(issues.app, name="issue")
app.add_typer(subscribers.app, name="subscriber")
app.add_typer(operating.mailings, name="mailing")
app.add_typer(operating.relays, name="relay")
app.add_typer(operating.domains, name="domain")
app.add_typer(operating.suppressions, name="suppression")
app.command()(operating.drain)
app.command()(dkim)
app.add_typer(segments.app, name="segment")
app.add_typer(accounts.app, name="account")
bounce_app.add_typer(bounce_log.app)
bounce_app.command("listen")(intake.listen_for_bounces)
bounce_app.command("fetch")(intake.fetch_bounces)
bounce_app.command("receive")(intake.receive_bounce)
app.add_typer(bounce_app, name="bounce")


def _version(wanted: bool) -> None:
    if wanted:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def options(
    env_file: Annotated[
        Path | None, typer.Option(help="The file of settings, in place of .env here.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before every command."""
    del env_file, version


@app.command()
def init(
    context: typer.Context,
    slug: Annotated[str, typer.Option(prompt="Short name (a-z, 0-9, -)")],
    name: Annotated[str, typer.Option(prompt="Name of the newsletter")],
    from_address: Annotated[str, typer.Option(prompt="Sender address")],
    postal_address: Annotated[str, typer.Option(prompt="Postal address of the sender")],
    language: Annotated[Language, typer.Option()] = Language.JAPANESE,
    time_zone: Annotated[str, typer.Option()] = "Asia/Tokyo",
    template: Annotated[str, typer.Option()] = "digest",
) -> None:
    """Write .env with a new key if no key is set, and create a newsletter."""
    env_file = Path(".env")
    settings = settings_of(context)
    is_bare = context.find_root().params.get("env_file") is None and not env_file.exists()
    if is_bare and not settings.secret_keys:
        env_file.touch(mode=0o600)
        env_file.write_text(f"SECRET_KEYS={secrets.token_urlsafe(48)}\n", encoding="ascii")
        console.print("Wrote .env with a new signing key; .env.example explains all settings.")
    draft = NewsletterDraft(
        slug=slug,
        name=name,
        from_address=from_address,
        postal_address=postal_address,
        language=language,
        time_zone=time_zone,
        template=template,
    )
    with transaction(open_database(settings_of(context))) as session:
        create_newsletter(session, draft)
    console.print(
        f"Newsletter [bold]{escape(slug)}[/] is there. Next: newsletter issue import FILE"
    )


@app.command()
def send(
    context: typer.Context,
    issue: Annotated[str | None, typer.Argument(help="The issue; the newest if not named.")] = None,
    newsletter: NewsletterName = None,
    segment: Annotated[
        str, typer.Option(help="Only these: a saved segment's name, or a query (docs/lists.md).")
    ] = "",
    at: Annotated[
        str | None,
        typer.Option(help="2026-12-01 08:00 on the newsletter's clock; now if not said."),
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="--at is the time on each subscriber's own clock.")
    ] = False,
    over: Annotated[
        float, typer.Option(min=0, max=168, help="Spread the sending over so many hours.")
    ] = 0,
    uncertain: Annotated[
        UncertainPolicy,
        typer.Option(help="What becomes of mail of which nobody can tell whether it arrived."),
    ] = UncertainPolicy.ASK,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Send an issue to everybody subscribed, now or at a time.

    Without REDIS_URL, the parts that are needed run for as long as this command does; without
    MAIL_TRANSPORTS, mail goes into a mailbox on this machine.
    """
    settings = settings_of(context)
    engine = open_database(settings)
    schedule = Schedule(
        hour=read_hour(at) if at else None, everywhere=everywhere, spread=timedelta(hours=over)
    )
    found = preflight_stored(engine, settings, newsletter=newsletter, issue=issue)
    require_clear(found, yes=yes, quiet=json)
    if not yes:
        _confirm(engine, newsletter, issue)
    with ExitStack() as stack:
        is_later = at is not None
        check = (
            (lambda: None)
            if is_later
            else _start_missing_parts(stack, settings, environment_of(context))
        )
        mailing_id = start_mailing(
            engine,
            settings,
            newsletter=newsletter,
            issue=issue,
            segment=segment,
            schedule=schedule,
            uncertain_policy=uncertain,
        )
        if is_later:
            _say_scheduled(progress(engine, mailing_id), json=json)
            return
        now = watch_mailing(engine, mailing_id, quiet=json, check=check)
    if json:
        print_json(as_json(now))
    else:
        show(now)
    if now.counts.get(DeliveryState.ACCEPTED, 0) < now.planned:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _say_scheduled(now: Progress, *, json: bool) -> None:
    if json:
        print_json(as_json(now))
        return
    show(now)
    console.print("It goes out by itself while newsletter worker runs.")


def _confirm(engine: Engine, newsletter: str | None, issue: str | None) -> None:
    with reading(engine) as session:
        newsletter_row = find_newsletter(session, newsletter)
        row = find_issue(session, newsletter_row.id, issue)
    console.print(f"{escape(newsletter_row.name)}: [bold]{escape(row.title)}[/]")
    typer.confirm("Send it to everybody subscribed?", abort=True)


def _start_missing_parts(
    stack: ExitStack, settings: Settings, environment: dict[str, str]
) -> Callable[[], None]:
    """Start what no setting names; return a check that it still runs."""
    if settings.redis_url:
        return lambda: None
    redis_port, smtp_port = find_ports(2, base=18_100, exact=False)
    environment = environment | {"REDIS_URL": f"redis://127.0.0.1:{redis_port}/0"}
    folder = settings.data_dir.resolve()
    mailbox = folder / "mailbox.sqlite3"
    if not settings.mail_transports:
        environment["MAIL_TRANSPORTS"] = f"smtp://127.0.0.1:{smtp_port}"
        errors.print(f"MAIL_TRANSPORTS is not set: mail goes into {mailbox}.")
    supervisor = stack.enter_context(supervised(folder, environment))
    supervisor.start_valkey(redis_port)
    if not settings.mail_transports:
        supervisor.start_mailbox(smtp_port, mailbox)
    supervisor.start_workers(settings.worker_processes)
    return supervisor.check


@app.command()
def status(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many mailings.")] = 5,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show all of operations, live, until Ctrl-C.")
    ] = False,
    json: Json = False,
) -> None:
    """Show whether something is wrong, and where the newest mailings stand."""
    settings = settings_of(context)
    engine = open_database(settings)
    names = relay_names(settings)

    def look_now() -> Overview:
        return look(engine, redis_url=settings.redis_url, relays=names)

    if watch:
        with suppress(KeyboardInterrupt):
            overview.watch(look_now)
        return
    found = list_progress(engine, limit=limit)
    if json:
        seen = overview.overview_as_json(look_now())
        print_json({**seen, "mailings": [as_json(now) for now in found]})
        return
    console.print(overview.show_overview(look_now()))
    console.print()
    if found:
        show(*found)
    else:
        console.print("Nothing was sent yet. Send the newest issue: newsletter send")


@app.command()
def worker(
    context: typer.Context,
    role: Annotated[
        WorkerRole | None, typer.Option(help="Only this part of the work; both if not named.")
    ] = None,
    beat: Annotated[
        bool, typer.Option(help="Run beat, too; one must run, more do no harm.")
    ] = True,
) -> None:
    """Run the Celery workers that send, on as many hosts as you like."""
    settings = settings_of(context)
    open_database(settings).dispose()
    if not settings.redis_url:
        raise SettingError(
            "No broker is set.",
            place=Place(source="settings", field="REDIS_URL"),
            remedy="Set it, such as redis://127.0.0.1:6379/0.",
        )
    with supervised(
        settings.data_dir,
        environment_of(context),
        in_terminal=True,
        stop_seconds=_WORKER_STOP_SECONDS,
    ) as supervisor:
        supervisor.start_workers(
            settings.worker_processes,
            log_level=settings.log_level,
            beat=beat,
            roles=ALL_ROLES if role is None else (role,),
        )
        with suppress(KeyboardInterrupt):
            supervisor.watch()


@app.command()
def alive(context: typer.Context, kind: ProcessKind) -> None:
    """Tell by the exit code whether a worker, or beat, lives on this host; for health checks."""
    engine = open_engine(settings_of(context).effective_database_url)
    if not lives_here(engine, kind):
        raise UnavailableError(f"No sign of life of {kind.value} on this host for 12 seconds.")


@app.command()
def web(context: typer.Context) -> None:
    """Serve the web application."""
    settings = settings_of(context)
    engine = open_database(settings)
    with transaction(engine) as session:
        token = first_link(session)
    engine.dispose()
    if token is not None:
        errors.print("Nobody administers this yet. Open, once and within 24 hours:")
        errors.print(f"  {settings.public_url}/welcome/{token}", soft_wrap=True)
    serve(settings)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the sending.")] = False,
    json: Json = False,
    port_base: Annotated[
        int | None, typer.Option(min=1024, max=65_000, help="The first of three ports to use.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what earlier runs kept.")] = False,
) -> None:
    """Send the sample issue to 1,000 sample subscribers on this machine."""
    raise typer.Exit(run_demo(once=once, json=json, port_base=port_base, fresh=fresh))


def run() -> None:
    """Run the command line; what goes wrong is said without a stack trace."""
    try:
        app()
    except NewsletterError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except OperationalError as error:
        print_error(
            UnavailableError(
                f"The database does not answer: {str(error.orig).strip()}.",
                remedy="See whether it runs, and DATABASE_URL.",
            )
        )
        sys.exit(ExitCode.UNAVAILABLE)
