"""``newsletter mailing``, ``relay``, ``domain``, ``drain``: an operator's word, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.state import As, Json, open_database, settings_of
from newsletter.database.vocabulary import DeliveryState

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.accounts.audit import Actor
    from newsletter.mailings.relays import RelayState
    from newsletter.operations.overview import Overview

mailings = typer.Typer(
    no_args_is_help=True, help="Hold, resume, cancel a mailing; settle what is in doubt."
)
relays = typer.Typer(no_args_is_help=True, help="See, hold and let go the relays.")
domains = typer.Typer(no_args_is_help=True, help="See, hold and let go recipient domains.")
suppressions = typer.Typer(no_args_is_help=True, help="See why an address gets no mail; lift it.")

Reason = Annotated[str, typer.Option(help="Why, for whoever looks next.")]


@mailings.command()
def pause(
    context: typer.Context, mailing: int, reason: Reason = "held by command", as_: As = None
) -> None:
    """Hold a mailing; workers stop within two seconds."""
    from newsletter.mailings.actions import pause as pause_mailing

    engine, actor = _on_mailing(context, mailing, as_, Permission.HOLD)
    pause_mailing(engine, actor, mailing, reason=reason)


@mailings.command()
def resume(
    context: typer.Context,
    mailing: int,
    even_twice: Annotated[
        bool,
        typer.Option("--even-twice", help="After a restore: also to whom may have got it."),
    ] = False,
    reason: Reason = "by command",
    as_: As = None,
) -> None:
    """Let a held mailing go on."""
    from newsletter.mailings.actions import resume as resume_mailing

    engine, actor = _on_mailing(context, mailing, as_, Permission.HOLD)
    resume_mailing(engine, actor, mailing, reason=reason, even_twice=even_twice)


@mailings.command()
def cancel(
    context: typer.Context, mailing: int, reason: Reason = "by command", as_: As = None
) -> None:
    """End a mailing; whoever did not get it yet is skipped."""
    from newsletter.mailings.actions import cancel as cancel_mailing

    engine, actor = _on_mailing(context, mailing, as_, Permission.HOLD)
    cancel_mailing(engine, actor, mailing, reason=reason)


def _on_mailing(
    context: typer.Context, mailing: int, as_: str | None, permission: Permission
) -> tuple[Engine, Actor]:
    """Return the database and who acts on a mailing that is there."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.mailings.actions import newsletter_of

    engine = open_database(settings_of(context))
    return engine, find_actor(engine, as_, permission, newsletter_of(engine, mailing))


def _on_all(context: typer.Context, as_: str | None) -> tuple[Engine, Actor]:
    """Return the database and who acts on what all newsletters share."""
    from newsletter.accounts.command_line import find_actor

    engine = open_database(settings_of(context))
    return engine, find_actor(engine, as_, Permission.OPERATE)


@mailings.command("show")
def show_deliveries(
    context: typer.Context,
    mailing: int,
    state: Annotated[DeliveryState, typer.Option()] = DeliveryState.UNCERTAIN,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    json: Json = False,
) -> None:
    """List a mailing's deliveries in one state, with why: uncertain, failed, skipped and others."""
    from rich.markup import escape

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.evidence import message_ids
    from newsletter.mailings.mailings import find_mailing
    from newsletter.mailings.settlement import list_deliveries
    from newsletter.services import build_services

    settings = settings_of(context)
    engine = open_database(settings)
    with reading(engine) as session:
        find_mailing(session, mailing)
    found = list_deliveries(engine, state, mailing_id=mailing, limit=limit)
    places = {one.position for one in found}
    with reading(engine) as session:
        ids = message_ids(session, mailing, build_services(settings, engine).message_id_key, places)
    if json:
        print_json(
            [
                {
                    "address": one.address,
                    "reply": one.reply,
                    "message_id": ids.get(one.position),
                    "queue_id": one.queue_id or None,
                    "relay": one.transport or None,
                }
                for one in found
            ]
        )
        return
    for one in found:
        known = f"<{ids.get(one.position, '')}> {one.queue_id} {one.reply}"
        console.print(f"{escape(one.address)}  [dim]{escape(known)}[/]")
    console.print(f"{len(found):,} {state.value}")


@mailings.command()
def settle(
    context: typer.Context,
    mailing: int,
    resend: Annotated[
        bool | None, typer.Option("--resend/--leave", help="Send again, or take as arrived.")
    ] = None,
    journals: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A worker host's DATA_DIR/journals."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The relay's log (Postfix or Exim)."),
    ] = None,
    reason: Reason = "by command",
    as_: As = None,
) -> None:
    """Settle what is uncertain, by evidence or by your word.

    Journals and the relay's log prove what was taken; they tell also whom a restored database does
    not know to have got the mailing.
    """
    from newsletter.cli.console import console
    from newsletter.mailings.actions import settle as settle_mailing
    from newsletter.services import build_services

    engine, actor = _on_mailing(context, mailing, as_, Permission.OPERATE)
    if journals is not None or log is not None:
        key = build_services(settings_of(context), engine).message_id_key
        count = _prove(engine, actor, mailing, journals=journals, log=log, key=key, reason=reason)
        console.print(f"{count:,} settled by what was logged")
    elif resend is None:
        raise typer.BadParameter("say --resend, --leave, --journals FOLDER or --log FILE")
    if resend is None:
        return
    count = settle_mailing(engine, actor, mailing, resend=resend, reason=reason)
    console.print(f"{count:,} {'sent again' if resend else 'taken as arrived'}")


def _prove(
    engine: Engine,
    actor: Actor,
    mailing: int,
    *,
    journals: Path | None,
    log: Path | None,
    key: bytes,
    reason: str,
) -> int:
    from newsletter.mailings.actions import settle_by_journals, settle_by_log
    from newsletter.mailings.evidence import log_lines
    from workers.journal import outcomes_below

    count = 0
    if journals is not None:
        read = partial(outcomes_below, journals)
        count += settle_by_journals(engine, actor, mailing, read, reason=reason)
    if log is not None:
        with log.open("rb") as file:
            lines = log_lines(file)
            count += settle_by_log(engine, actor, mailing, lines, key=key, reason=reason)
    return count


@mailings.command()
def retry(
    context: typer.Context, mailing: int, reason: Reason = "by command", as_: As = None
) -> None:
    """Send what failed once more."""
    from newsletter.cli.console import console
    from newsletter.mailings.actions import retry as retry_mailing

    engine, actor = _on_mailing(context, mailing, as_, Permission.OPERATE)
    count = retry_mailing(engine, actor, mailing, reason=reason)
    console.print(f"{count:,} sent again")


@relays.command("list")
def list_relays(context: typer.Context, json: Json = False) -> None:
    """Show the relays that take nothing now."""
    from newsletter.cli.console import console, print_json
    from newsletter.mailings.relays import resting_relays

    found = resting_relays(open_database(settings_of(context)))
    if json:
        print_json(
            [
                {
                    "name": relay.name,
                    "reason": relay.reason,
                    "held": relay.held,
                    "retry_at": relay.retry_at.isoformat(),
                }
                for relay in found
            ]
        )
    elif found:
        show_relays(found)
    else:
        console.print("No relay is held, and none refuses mail.")


@relays.command()
def hold(
    context: typer.Context, name: str, reason: Reason = "held by command", as_: As = None
) -> None:
    """Send nothing by a relay, such as smtp:mail.example.jp:587, until it is let go."""
    from newsletter.operations.actions import hold_relay
    from workers.transports import relay_names

    engine, actor = _on_all(context, as_)
    known = relay_names(settings_of(context))
    hold_relay(engine, actor, name, reason=reason, known=known)


@relays.command()
def release(
    context: typer.Context, name: str, reason: Reason = "by command", as_: As = None
) -> None:
    """Send by a relay again."""
    from newsletter.operations.actions import release_relay

    engine, actor = _on_all(context, as_)
    release_relay(engine, actor, name, reason=reason)


def show_relays(found: Sequence[RelayState]) -> None:
    """Print the relays that take nothing, a line each."""
    from rich.markup import escape

    from newsletter.cli.console import console, format_clock

    for relay in found:
        until = "held" if relay.held else f"asked again {format_clock(relay.retry_at)}"
        console.print(f"[bold]{escape(relay.name)}[/] {until}: {escape(relay.reason)}")


@domains.command("list")
def list_domains(context: typer.Context, json: Json = False) -> None:
    """Show the recipient domains that are held."""
    from rich.markup import escape

    from newsletter.cli.console import console, format_moment, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.domain_holds import held_domains

    with reading(open_database(settings_of(context))) as session:
        found = held_domains(session)
    if json:
        print_json(
            [{"domain": one.domain, "reason": one.reason, "since": one.since} for one in found]
        )
    for one in found if not json else ():
        since = f"since {format_moment(one.since)}"
        console.print(f"[bold]{escape(one.domain)}[/] held {since}: {escape(one.reason)}")
    if not found and not json:
        console.print("No domain is held.")


@domains.command("hold")
def hold_one(
    context: typer.Context, domain: str, reason: Reason = "held by command", as_: As = None
) -> None:
    """Send nothing to a recipient domain until it is let go; it is looked at each minute."""
    from newsletter.operations.actions import hold_domain

    engine, actor = _on_all(context, as_)
    hold_domain(engine, actor, domain, reason=reason)


@domains.command("release")
def release_one(
    context: typer.Context, domain: str, reason: Reason = "by command", as_: As = None
) -> None:
    """Send to a recipient domain again; what waited goes on within a minute."""
    from newsletter.operations.actions import release_domain

    engine, actor = _on_all(context, as_)
    release_domain(engine, actor, domain, reason=reason)


def drain(
    context: typer.Context,
    worker: Annotated[str, typer.Argument(help="Its name, such as bulk@host; see status.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it take batches again.")] = False,
    reason: Reason = "by command",
    as_: As = None,
) -> None:
    """Let a worker finish its messages in flight and take no new batch, until --undo."""
    from newsletter.operations.actions import drain_worker, undrain_worker

    engine, actor = _on_all(context, as_)
    change = undrain_worker if undo else drain_worker
    change(engine, actor, worker, reason=reason)


@suppressions.command("show")
def show_suppressions(context: typer.Context, address: str, json: Json = False) -> None:
    """Show why an address gets no mail."""
    from rich.markup import escape

    from newsletter.cli.console import console, format_moment, print_json
    from newsletter.database.engine import reading
    from newsletter.services import build_services
    from subscribers.suppression import find_suppressions

    settings = settings_of(context)
    engine = open_database(settings)
    pseudonyms = build_services(settings, engine).pseudonyms
    with reading(engine) as session:
        found = find_suppressions(session, address, pseudonyms)
    if json:
        print_json(
            [
                {
                    "number": one.suppression_id,
                    "newsletter": one.newsletter or None,
                    "reason": one.reason.value,
                    "evidence": one.evidence,
                    "reply": one.reply,
                    "since": one.since,
                    "liftable": one.liftable,
                }
                for one in found
            ]
        )
        return
    for one in found:
        scope = one.newsletter or "all newsletters"
        words = escape(one.reply or one.evidence or "no evidence kept")
        console.print(
            f"[bold]{one.suppression_id}[/] {one.reason.value}, {escape(scope)}, "
            f"{format_moment(one.since)}: {words}"
        )
    if not found:
        console.print("Nothing suppresses this address.")


@suppressions.command("lift")
def lift(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Its number, from newsletter suppression show.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")],
    as_: As = None,
) -> None:
    """Let a suppressed address get mail again."""
    from newsletter.operations.actions import lift_suppression

    engine, actor = _on_all(context, as_)
    lift_suppression(engine, actor, number, reason=reason)


def status(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many mailings.")] = 5,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show all of operations, live, until Ctrl-C.")
    ] = False,
    json: Json = False,
) -> None:
    """Show whether something is wrong, and where the newest mailings stand."""
    from newsletter.cli import overview
    from newsletter.cli.console import console, print_json
    from newsletter.cli.send import as_json, show
    from newsletter.mailings.mailings import list_progress
    from newsletter.operations.overview import look
    from workers.transports import relay_names

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
