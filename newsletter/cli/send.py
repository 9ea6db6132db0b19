"""``newsletter send``: an issue to everybody subscribed, with what is missing started beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy import Engine

from newsletter.cli.console import console, errors, print_json
from newsletter.cli.embedded import find_ports, supervised
from newsletter.cli.preflight import preflight_stored, require_clear
from newsletter.cli.sending import as_json, show, start_mailing, watch_mailing
from newsletter.cli.state import Json, NewsletterName, environment_of, open_database, settings_of
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState, UncertainPolicy
from newsletter.delivery.audience import count_audience
from newsletter.delivery.mailings import Progress, progress
from newsletter.delivery.schedule import Schedule, read_hour
from newsletter.errors import ExitCode
from newsletter.issues.store import find_issue
from newsletter.settings import Settings
from subscribers.newsletters import find_newsletter
from subscribers.segments.saved import segment_text


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
    query = _segment(engine, newsletter, segment)
    if not yes:
        _confirm(engine, newsletter, issue, query, schedule)
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
            segment=query,
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


def _segment(engine: Engine, newsletter: str | None, segment: str) -> str:
    """Return the query of a segment, before anything is asked or started."""
    if not segment:
        return ""
    with reading(engine) as session:
        return segment_text(session, find_newsletter(session, newsletter).id, segment)


def _confirm(
    engine: Engine, newsletter: str | None, issue: str | None, query: str, schedule: Schedule
) -> None:
    with reading(engine) as session:
        newsletter_row = find_newsletter(session, newsletter)
        row = find_issue(session, newsletter_row.id, issue)
        people = count_audience(session, newsletter_row, query).included
    console.print(f"{escape(newsletter_row.name)}: [bold]{escape(row.title)}[/]")
    within = f"whoever fits {escape(query)}" if query else "everybody subscribed"
    console.print(f"To {within}: {people:,} {'person' if people == 1 else 'people'}.")
    console.print(f"{_in_words(schedule, newsletter_row.time_zone)}.")
    typer.confirm("Send it?", abort=True)


def _in_words(schedule: Schedule, zone: str) -> str:
    if schedule.hour is None:
        moment = "At once"
    else:
        clock = "on each subscriber's own clock" if schedule.everywhere else f"in {zone}"
        moment = f"At {schedule.hour:%Y-%m-%d %H:%M} {clock}"
    hours = schedule.spread.total_seconds() / 3600
    return f"{moment}, spread over {hours:g} hours" if hours else moment


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
