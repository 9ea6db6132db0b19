"""``newsletter mailing``: list, show and control mailings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, ngettext, styled, text
from newsletter.cli.state import As, AskedReason, AuditReason, Json, open_database, settings_of
from newsletter.database.vocabulary import DeliveryState
from newsletter.i18n.values import Number

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.accounts.audit import Actor
    from workers.saved_journals import Brought

app = typer.Typer(
    no_args_is_help=True,
    help="List, reschedule, pause, resume and cancel mailings; settle uncertain deliveries.",
)


@app.command("list")
def list_mailings(
    context: typer.Context,
    newsletter: Annotated[
        str | None,
        typer.Option("--newsletter", "-n", help="Only of this newsletter; of all if omitted."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The maximum number.")] = 20,
    json: Json = False,
) -> None:
    """List mailings with what became of their deliveries, the newest first."""
    from newsletter.cli.console import console, print_json
    from newsletter.cli.mailing_progress import as_json, show
    from newsletter.database.engine import reading
    from newsletter.mailings.reports.progress import list_progress
    from newsletter.newsletters.publications import find_newsletter

    engine = open_database(settings_of(context))
    with reading(engine) as session:
        newsletter_id = find_newsletter(session, newsletter).id if newsletter else None
    progress = list_progress(engine, newsletter_id=newsletter_id, limit=limit)
    if json:
        print_json([as_json(now) for now in progress])
        return
    show(*progress)
    if not progress:
        console.print(_("There are no mailings yet."))


@app.command()
def pause(context: typer.Context, mailing: int, reason: AuditReason = "", as_: As = None) -> None:
    """Pause a mailing; workers stop within two seconds."""
    from newsletter.cli.console import console
    from newsletter.mailings.orders.actions import pause as pause_mailing

    engine, actor = _on_mailing(context, mailing, as_, Action.MAILING_PAUSE)
    pause_mailing(engine, actor, mailing, reason=reason)
    console.print(_("Mailing {mailing} is paused.", mailing=mailing))


@app.command()
def resume(
    context: typer.Context,
    mailing: int,
    even_twice: Annotated[
        bool,
        typer.Option(
            "--even-twice",
            help="After a restore: also send to people who may have received it already.",
        ),
    ] = False,
    reason: AuditReason = "",
    as_: As = None,
) -> None:
    """Resume a paused mailing."""
    from newsletter.cli.console import console
    from newsletter.mailings.orders.actions import resume as resume_mailing

    engine, actor = _on_mailing(context, mailing, as_, Action.MAILING_RESUME)
    resume_mailing(engine, actor, mailing, reason=reason, even_twice=even_twice)
    console.print(_("Mailing {mailing} goes on.", mailing=mailing))


@app.command()
def cancel(
    context: typer.Context,
    mailing: int,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    reason: AuditReason = "",
    as_: As = None,
) -> None:
    """Cancel a mailing; those who have not received it yet are skipped."""
    from newsletter.cli.console import console
    from newsletter.cli.prompts import confirm
    from newsletter.mailings.orders.actions import cancel as cancel_mailing
    from newsletter.mailings.reports.progress import progress

    engine, actor = _on_mailing(context, mailing, as_, Action.MAILING_CANCEL)
    if not yes:
        subject = progress(engine, mailing).subject
        question = _("Cancel mailing {mailing}, “{subject}”?", mailing=mailing, subject=subject)
        confirm(question, option="--yes")
    cancel_mailing(engine, actor, mailing, reason=reason)
    console.print(_("Mailing {mailing} is cancelled.", mailing=mailing))


@app.command("reschedule")
def change_hour(
    context: typer.Context,
    mailing: int,
    at: Annotated[
        str,
        typer.Option(help="When to send, such as 2026-12-01 08:00 (on the clocks it was for)."),
    ],
    decide_at: Annotated[
        str,
        typer.Option(
            help="When the subject is decided; if omitted, as long after the start as before."
        ),
    ] = "",
    reason: AuditReason = "",
    as_: As = None,
) -> None:
    """Change the time of a mailing that has not begun; an approval remains valid."""
    from newsletter.cli.mailing_progress import show
    from newsletter.errors import Place
    from newsletter.mailings.ledger.schedule import read_hour
    from newsletter.mailings.orders.rescheduling import reschedule
    from newsletter.mailings.reports.progress import progress

    engine, actor = _on_mailing(context, mailing, as_, Action.MAILING_RESCHEDULE)
    decide = read_hour(decide_at, Place(source="--decide-at")) if decide_at else None
    hour = read_hour(at, Place(source="--at"))
    reschedule(engine, actor, mailing, hour=hour, decide=decide, reason=reason)
    show(progress(engine, mailing))


@app.command("decide")
def decide_subject(
    context: typer.Context,
    mailing: int,
    subject: Annotated[str, typer.Argument(help="The letter of the subject, from A to D.")],
    reason: AuditReason = "",
    as_: As = None,
) -> None:
    """Decide between the subjects of a mailing now; the rest is sent with this one."""
    from newsletter.mailings.orders.actions import decide_subject as decide_mailing
    from newsletter.mailings.trials.subjects import place_of

    engine, actor = _on_mailing(context, mailing, as_, Action.MAILING_DECIDE)
    decide_mailing(engine, actor, mailing, place_of(subject), reason=reason)


def _on_mailing(
    context: typer.Context, mailing: int, as_: str | None, action: Action
) -> tuple[Engine, Actor]:
    """Return the database and who acts on a mailing that is there."""
    from newsletter.accounts.actors import find_actor
    from newsletter.mailings.orders.actions import newsletter_of

    engine = open_database(settings_of(context))
    return engine, find_actor(engine, as_, action, newsletter_of(engine, mailing))


@app.command("show")
def show_deliveries(
    context: typer.Context,
    mailing: int,
    state: Annotated[DeliveryState, typer.Option()] = DeliveryState.UNCERTAIN,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The maximum number.")] = 1000,
    json: Json = False,
) -> None:
    """List the deliveries of a mailing in one state, with the reason."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.ledger.evidence import message_ids
    from newsletter.mailings.ledger.outcomes import worded_reply
    from newsletter.mailings.ledger.settlement import list_deliveries
    from newsletter.mailings.mailings import find_mailing
    from newsletter.services import build_services

    settings = settings_of(context)
    engine = open_database(settings)
    with reading(engine) as session:
        find_mailing(session, mailing)
    deliveries = list_deliveries(engine, state, mailing_id=mailing, limit=limit)
    places = {one.position for one in deliveries}
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
                for one in deliveries
            ]
        )
        return
    for one in deliveries:
        known = f"<{ids.get(one.position, '')}> {one.queue_id} {text(worded_reply(one.reply))}"
        console.print(f"{one.address}  {styled(known, 'dim')}")
    console.print(_("{count} {state}", count=Number(len(deliveries)), state=label(state)))


@app.command()
def settle(
    context: typer.Context,
    mailing: int,
    reason: AskedReason = "",
    resend: Annotated[
        bool | None, typer.Option("--resend/--leave", help="Send again, or mark as received.")
    ] = None,
    journals: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="A copy of a worker host’s DATA_DIR, or of its journals.",
        ),
    ] = None,
    kept_power: Annotated[
        bool,
        typer.Option(
            "--kept-power", help="That host had power until its workers had ended (for --journals)."
        ),
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The relay's log (Postfix or Exim)."),
    ] = None,
    as_: As = None,
) -> None:
    """Settle uncertain deliveries, by records or by decision.

    Journals and the relay's log prove what was accepted, also what a restored database lost.
    """
    from newsletter.cli.console import console
    from newsletter.cli.files import opened_file
    from newsletter.mailings.ledger.evidence import log_lines
    from newsletter.mailings.orders.actions import settle as settle_mailing
    from newsletter.mailings.orders.actions import settle_by_log
    from newsletter.services import build_services
    from workers.saved_journals import bring_in

    proves = journals is not None or log is not None
    action = Action.DELIVERY_PROVE if proves else Action.DELIVERY_RESEND
    engine, actor = _on_mailing(context, mailing, as_, action)
    if proves:
        count, brought = 0, None
        if log is not None:
            key = build_services(settings_of(context), engine).message_id_key
            with opened_file(log) as file:
                lines = log_lines(file)
                count += settle_by_log(engine, actor, mailing, lines, key=key, reason=reason)
        if journals is not None:
            settings = settings_of(context)
            brought = bring_in(
                engine, actor, mailing, journals, settings, reason=reason, kept_power=kept_power
            )
            count += brought.count
        console.print(
            ngettext(
                "{count} delivery settled by the records",
                "{count} deliveries settled by the records",
                count,
            )
        )
        if brought is not None:
            _tell_of_hosts(engine, mailing, brought)
    elif resend is None:
        raise typer.BadParameter(_("Use --resend, --leave, --journals FOLDER or --log FILE."))
    if resend is None:
        return
    count = settle_mailing(engine, actor, mailing, resend=resend, reason=reason)
    console.print(
        _again(count)
        if resend
        else ngettext(
            "{count} delivery marked as received", "{count} deliveries marked as received", count
        )
    )


def _tell_of_hosts(engine: Engine, mailing: int, brought: Brought) -> None:
    """After a restore, print the hosts with journals, the gaps, and the state of the mailing."""
    from newsletter.cli.console import console
    from newsletter.mailings.reports.progress import progress

    for saved in brought.hosts:
        if saved.lacks is None:
            console.print(
                _("The journals of {host} are brought back in full.", host=saved.host.name)
            )
        else:
            console.print(
                _(
                    "The journals of {host} are not brought back in full. {reason}",
                    host=saved.host.name,
                    reason=saved.lacks,
                )
            )
    if brought.was_restored and not brought.hosts:
        console.print(
            _(
                "These journals do not tell whose they are, so their host stays missing. Copy all "
                "of its DATA_DIR."
            )
        )
    if brought.was_restored and (reason := progress(engine, mailing).halt_reason):
        console.print(text(reason))


@app.command()
def retry(context: typer.Context, mailing: int, reason: AskedReason = "", as_: As = None) -> None:
    """Send failed deliveries again."""
    from newsletter.cli.console import console
    from newsletter.mailings.orders.actions import retry as retry_mailing

    engine, actor = _on_mailing(context, mailing, as_, Action.DELIVERY_RETRY)
    count = retry_mailing(engine, actor, mailing, reason=reason)
    console.print(_again(count))


def _again(count: int) -> str:
    return ngettext(
        "{count} delivery will be sent again", "{count} deliveries will be sent again", count
    )
