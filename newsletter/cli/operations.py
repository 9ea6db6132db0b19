"""``newsletter relay``, ``domain``, ``suppression``, ``alarm``, ``drain``, ``status``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, labelled, styled
from newsletter.cli.state import As, AskedReason, Json, open_all, open_database, settings_of

if TYPE_CHECKING:
    from newsletter.mailings.ledger.relays import RelayState


relays = typer.Typer(no_args_is_help=True, help="List, hold and release relays.")
domains = typer.Typer(no_args_is_help=True, help="List, hold and release recipient domains.")
suppressions = typer.Typer(
    no_args_is_help=True, help="Show why an address is suppressed; lift a suppression."
)


@relays.command("list")
def list_relays(context: typer.Context, json: Json = False) -> None:
    """List the relays by name, and which of them accept no mail at present."""
    from newsletter.cli.console import console, print_json
    from newsletter.mailings.ledger.relays import troubled_relays
    from workers.transports import relay_names

    settings = settings_of(context)
    resting = {relay.name: relay for relay in troubled_relays(open_database(settings))}
    names = list(dict.fromkeys([*relay_names(settings), *resting]))
    if json:
        states = ((name, resting.get(name)) for name in names)
        print_json(
            [
                {
                    "name": name,
                    "accepting": relay is None,
                    "reason": relay.reason if relay else "",
                    "held": relay is not None and relay.held,
                    "retry_at": relay.retry_at.isoformat() if relay else None,
                }
                for name, relay in states
            ]
        )
        return
    for name in names:
        if name in resting:
            show_relays([resting[name]])
        else:
            console.print(f"{styled(name)} {_('accepting mail')}")
    if not names:
        console.print(_("MAIL_TRANSPORTS names no relay."))


@relays.command()
def hold(context: typer.Context, name: str, reason: AskedReason = "", as_: As = None) -> None:
    """Hold a relay, such as smtp:mail.example.jp:587, until it is released."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import hold_relay
    from workers.transports import relay_names

    opened = open_all(context, as_, Action.RELAY_HOLD)
    known = relay_names(opened.settings)
    hold_relay(opened.engine, opened.actor, name, reason=reason, known=known)
    console.print(_("{name} is on hold.", name=name))


@relays.command()
def release(context: typer.Context, name: str, reason: AskedReason = "", as_: As = None) -> None:
    """Send through a relay again."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import release_relay

    opened = open_all(context, as_, Action.RELAY_RELEASE)
    release_relay(opened.engine, opened.actor, name, reason=reason)
    console.print(_("{name} is released.", name=name))


def show_relays(states: Sequence[RelayState]) -> None:
    """Print the relays that are not used at present, with one line each."""
    from newsletter.cli.console import clock_in_utc, console

    for relay in states:
        until = (
            _("on hold")
            if relay.held
            else _("next attempt at {time}", time=clock_in_utc(relay.retry_at))
        )
        console.print(labelled(f"{styled(relay.name)} {until}", relay.reason))


@domains.command("list")
def list_domains(context: typer.Context, json: Json = False) -> None:
    """List the recipient domains that are on hold."""
    from newsletter.cli.console import console, in_utc, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.ledger.domain_holds import held_domains

    with reading(open_database(settings_of(context))) as session:
        found = held_domains(session)
    if json:
        print_json(
            [{"domain": one.domain, "reason": one.reason, "since": one.since} for one in found]
        )
        return
    for one in found:
        since = _("on hold since {moment}", moment=in_utc(one.since))
        console.print(labelled(f"{styled(one.domain)} {since}", one.reason))
    if not found:
        console.print(_("No domain is on hold."))


@domains.command("hold")
def hold_one(context: typer.Context, domain: str, reason: AskedReason = "", as_: As = None) -> None:
    """Hold a recipient domain: nothing is sent to it until it is released."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import hold_domain

    opened = open_all(context, as_, Action.DOMAIN_HOLD)
    hold_domain(opened.engine, opened.actor, domain, reason=reason)
    console.print(_("{name} is on hold.", name=domain))


@domains.command("release")
def release_one(
    context: typer.Context, domain: str, reason: AskedReason = "", as_: As = None
) -> None:
    """Release a recipient domain; waiting deliveries continue within a minute."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import release_domain

    opened = open_all(context, as_, Action.DOMAIN_RELEASE)
    release_domain(opened.engine, opened.actor, domain, reason=reason)
    console.print(_("{name} is released.", name=domain))


def drain(
    context: typer.Context,
    worker: Annotated[
        str, typer.Argument(help="The worker's name, such as bulk@host; see newsletter status.")
    ],
    reason: AskedReason = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Let the worker take batches again.")
    ] = False,
    as_: As = None,
) -> None:
    """Drain a worker: it finishes its current messages and takes no new batches, until --undo."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import drain_worker, undrain_worker

    change = undrain_worker if undo else drain_worker
    action = Action.WORKER_UNDRAIN if undo else Action.WORKER_DRAIN
    opened = open_all(context, as_, action)
    change(opened.engine, opened.actor, worker, reason=reason)
    if undo:
        console.print(_("{name} takes batches again.", name=worker))
    else:
        console.print(_("{name} takes no new batches.", name=worker))


@suppressions.command("show")
def show_suppressions(context: typer.Context, address: str, json: Json = False) -> None:
    """Show why an address is suppressed."""
    from newsletter.cli.console import console, in_utc, print_json
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
        scope = one.newsletter or _("all newsletters")
        words = one.reply or one.evidence or _("no evidence kept")
        console.print(
            f"{styled(one.suppression_id)} {label(one.reason)}, {scope}, "
            f"{in_utc(one.since)}: {words}"
        )
    if not found:
        console.print(_("This address is not suppressed."))


@suppressions.command("lift")
def lift(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The number shown by newsletter suppression show.")],
    reason: AskedReason = "",
    as_: As = None,
) -> None:
    """Lift the suppression of an address."""
    from newsletter.operations.actions import lift_suppression

    opened = open_all(context, as_, Action.SUPPRESSION_LIFT)
    lift_suppression(opened.engine, opened.actor, number, reason=reason)


def status(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of mailings.")] = 5,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Show the live overview of operations until Ctrl-C."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Print open alarms only; end with 8 (warning) or 9 (critical) if there are any.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Show the state of the system and the progress of the newest mailings."""
    from newsletter.cli import overview
    from newsletter.cli.console import console, print_json
    from newsletter.cli.mailing_progress import as_json, show
    from newsletter.database.engine import reading
    from newsletter.mailings.reports.progress import list_progress
    from newsletter.newsletters.publications import list_newsletters
    from workers.composition import require_settings
    from workers.overview import overview_source

    settings = settings_of(context)
    require_settings(settings)
    engine = open_database(settings)
    look_now = overview_source(settings, engine)
    if check:
        raise typer.Exit(overview.check(look_now(), json=json))
    if watch:
        with suppress(KeyboardInterrupt):
            overview.watch(look_now)
        return
    progress = list_progress(engine, limit=limit)
    if json:
        seen = overview.overview_as_json(look_now())
        print_json({**seen, "mailings": [as_json(now) for now in progress]})
        return
    console.print(overview.show_overview(look_now()))
    console.print()
    if progress:
        show(*progress)
        return
    with reading(engine) as session:
        has_newsletters = bool(list_newsletters(session))
    if has_newsletters:
        console.print(_("Nothing has been sent yet. Send the newest issue with: newsletter send"))
    else:
        console.print(_("There is no newsletter yet."), _("Create one with: newsletter init."))


alarms = typer.Typer(no_args_is_help=True, help="List, acknowledge and reopen alarms.")

AlarmKey = Annotated[
    str, typer.Argument(help="As newsletter alarm list names it: relay-stuck smtp:mx.example:25.")
]


@alarms.command("list")
def list_alarms(context: typer.Context, json: Json = False) -> None:
    """List what is wrong, and who looks after it."""
    from newsletter.cli.console import console, print_json
    from newsletter.cli.overview import alarms_as_json, show_alarms
    from newsletter.operations.alarms import find_alarms
    from workers.overview import overview_source

    settings = settings_of(context)
    found = find_alarms(overview_source(settings, open_database(settings))())
    if json:
        print_json(alarms_as_json(found))
    elif found:
        console.print(show_alarms(found))
    else:
        console.print(_("There are no alarms."))


@alarms.command("acknowledge")
def acknowledge(
    context: typer.Context,
    alarm: AlarmKey,
    reason: Annotated[str, typer.Option(help="What is being done about it.")],
    as_: As = None,
) -> None:
    """Acknowledge an alarm: it stays listed, and is no longer new until it ends or worsens."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import acknowledge_alarm
    from workers.overview import overview_source

    opened = open_all(context, as_, Action.ALARM_ACKNOWLEDGE)
    seen = overview_source(opened.settings, opened.engine)()
    acknowledge_alarm(opened.engine, opened.actor, alarm, reason=reason, seen=seen)
    console.print(_("The alarm is acknowledged."))


@alarms.command("reopen")
def reopen(
    context: typer.Context, alarm: AlarmKey, reason: AskedReason = "", as_: As = None
) -> None:
    """Reopen an acknowledged alarm, so that it counts as new again."""
    from newsletter.cli.console import console
    from newsletter.operations.actions import reopen_alarm

    opened = open_all(context, as_, Action.ALARM_REOPEN)
    reopen_alarm(opened.engine, opened.actor, alarm, reason=reason)
    console.print(_("The alarm is open again."))
