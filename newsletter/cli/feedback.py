"""``newsletter bounce list`` and further commands: the log, rates, and operators' decisions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, ngettext, styled, terminal_language, text
from newsletter.cli.state import (
    As,
    AskedReason,
    Json,
    NewsletterName,
    changing,
    changing_all,
    open_database,
    settings_of,
)
from newsletter.database.vocabulary import BounceKind, IncidentResolution
from newsletter.i18n.values import Number, Percent

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from newsletter.feedback.search import LoggedBounce, Rate

app = typer.Typer()

Since = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")
]


@app.command("list")
def show_list(
    context: typer.Context,
    address: Annotated[str, typer.Option(help="Part of the address.")] = "",
    domain: str = "",
    mailing: int | None = None,
    kind: BounceKind | None = None,
    reason: Annotated[str, typer.Option(help="Such as user-unknown, mailbox-full.")] = "",
    since: Since = None,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """Search the log of bounces and complaints, newest first."""
    from rich.table import Column, Table

    from newsletter.cli.console import console, in_utc, print_json
    from newsletter.database.engine import reading
    from newsletter.feedback.search import BounceFilter, list_bounces

    with reading(open_database(settings_of(context))) as session:
        criteria = BounceFilter(
            address=address,
            domain=domain,
            mailing_id=mailing,
            kind=kind,
            reason=reason,
            since=since.replace(tzinfo=UTC) if since else None,
            newsletter_ids=_only(session, newsletter),
        )
        bounces = list_bounces(session, criteria, limit=limit)
    if json:
        print_json([as_json(one) for one in bounces])
        return
    table = Table(
        *(_("ID"), Column(_("When"), no_wrap=True), _("Address"), _("Kind"), _("Reason")),
        *(_("Mailing"), _("Decision")),
        box=None,
    )
    for one in bounces:
        row = one.row
        table.add_row(
            str(row.id),
            in_utc(row.occurred_at),
            row.address or styled("–", "dim"),
            label(row.kind),
            row.reason,
            str(row.mailing_id or ""),
            label(one.standing.action) if one.standing else "",
        )
    console.print(table if bounces else _("Nothing found."))


def as_json(one: LoggedBounce) -> dict[str, Any]:
    """Return the JSON object for a bounce."""
    row = one.row
    return {
        "id": row.id,
        "occurred_at": row.occurred_at.isoformat(),
        "address": row.address,
        "kind": row.kind.value,
        "reason": row.reason,
        "status": row.status,
        "reply": row.reply,
        "source": row.source.value,
        "reader": row.reader,
        "mailing": row.mailing_id,
        "action": one.standing.action.value if one.standing else None,
    }


@app.command()
def show(context: typer.Context, bounce: int, json: Json = False) -> None:
    """Show one bounce with its consequences, their evidence and the original report."""
    from rich.cells import set_cell_size

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.feedback.search import find_bounce, suppressions_of

    with reading(open_database(settings_of(context))) as session:
        one = find_bounce(session, bounce)
        kept_from = suppressions_of(session, one.row)
    decisions: list[dict[str, Any]] = [
        {
            "action": decision.action.value,
            "evidence": decision.evidence,
            "incident": decision.incident_id,
            "decided_at": decision.decided_at.isoformat(),
            "undone_at": decision.undone_at.isoformat() if decision.undone_at else None,
            "undone_because": decision.undone_because,
        }
        for decision in one.decisions
    ]
    suppressions = [
        {"reason": suppression.reason.value, "newsletter": suppression.newsletter_id}
        for suppression in kept_from
    ]
    if json:
        more = {"decisions": decisions, "suppressions": suppressions, "raw": one.row.raw}
        print_json(as_json(one) | more)
        return
    for name, value in as_json(one).items():
        console.print(f"{styled(f'{name:12}', 'dim')} {'' if value is None else value}")
    for decision in decisions:
        undone = ""
        if decision["undone_at"]:
            undone = "  " + _("undone: {reason}", reason=decision["undone_because"])
        evidence = ", ".join(f"{name} {value}" for name, value in decision["evidence"].items())
        decided = f"{decision['action']}  {evidence + undone}"
        console.print(
            _(
                "{label} {value}",
                label=styled(set_cell_size(_("decision"), 12), "dim"),
                value=decided,
            )
        )
    for suppression in suppressions:
        reason = suppression["reason"]
        console.print(
            _(
                "{label} {value}",
                label=styled(set_cell_size(_("suppression"), 12), "dim"),
                value=reason,
            )
        )
    console.print()
    console.print(one.row.raw or styled(_("The raw report is no longer kept."), "dim"))


@app.command()
def undo(context: typer.Context, bounce: int, reason: AskedReason = "", as_: As = None) -> None:
    """Undo the consequences of a bounce: lift its suppression, or restore the subscription."""
    from newsletter.cli.console import console
    from newsletter.feedback.incidents import undo_bounce

    with changing_all(context, as_, Action.BOUNCE_UNDO) as (opened, session):
        action = undo_bounce(session, opened.actor, bounce, reason=reason)
    console.print(_("Undone: {action}", action=label(action)))


@app.command()
def handle(context: typer.Context, bounce: int, reason: AskedReason = "", as_: As = None) -> None:
    """Close what a reader wrote and nobody answered yet; the reason says what was done about it."""
    from newsletter.cli.console import console
    from newsletter.feedback.requests import handle_request

    with changing_all(context, as_, Action.BOUNCE_HANDLE) as (opened, session):
        handle_request(session, opened.actor, bounce, reason=reason)
    console.print(_("Closed."))


@app.command()
def incidents(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Include closed ones.")] = False,
    json: Json = False,
) -> None:
    """List incidents: waves of bounces that have no consequences until they are settled."""
    from newsletter.cli.console import console, in_utc, print_json
    from newsletter.database.engine import reading
    from newsletter.feedback.incidents import list_incidents

    with reading(open_database(settings_of(context))) as session:
        incidents = list_incidents(session, closed=everything)
    if json:
        print_json(
            [
                {
                    "id": joint.row.id,
                    "subject": joint.row.subject,
                    "parts": [{"id": part.id, "subject": part.subject} for part in joint.parts],
                    "bounced": joint.row.bounced,
                    "mailed": joint.row.mailed,
                    "usual_rate": joint.row.usual_rate,
                    "words": joint.row.words,
                    "opened_at": joint.row.opened_at.isoformat(),
                    "resolution": joint.row.resolution.value if joint.row.resolution else None,
                }
                for joint in incidents
            ]
        )
        return
    for joint in incidents:
        row = joint.row
        state = label(row.resolution) if row.resolution else _("open")
        share = _(
            "{bounced} of {mailed} sent, usually {rate}",
            bounced=Number(row.bounced),
            mailed=Number(row.mailed),
            rate=Percent(100 * row.usual_rate, 1),
        )
        what = joint.about.in_language(terminal_language())
        console.print(f"{styled(row.id)} {what} ({state}): {share}")
        console.print("  " + styled(f"{in_utc(row.opened_at)}  {row.words[:200]}", "dim"))
    if not incidents:
        console.print(_("There are no incidents."))


@app.command()
def settle(
    context: typer.Context,
    incident: int,
    outage: Annotated[
        bool,
        typer.Option(
            "--outage/--genuine", help="An outage of the receiving side, or genuine bounces."
        ),
    ],
    reason: AskedReason = "",
    as_: As = None,
) -> None:
    """Settle an incident: an outage is ignored; genuine bounces are processed one by one."""
    from newsletter.cli.console import console
    from newsletter.feedback.incidents import settle_incident
    from newsletter.services import build_services

    resolution = IncidentResolution.OUTAGE if outage else IncidentResolution.GENUINE
    with changing_all(context, as_, Action.INCIDENT_SETTLE) as (opened, session):
        judged = settle_incident(
            session,
            opened.actor,
            incident,
            resolution,
            reason=reason,
            keys=build_services(opened.settings, opened.engine).feedback_keys,
        )
    console.print(
        ngettext("{count} bounce processed", "{count} bounces processed", judged)
        if judged
        else _("Closed.")
    )


@app.command()
def rates(
    context: typer.Context,
    domains: Annotated[
        bool, typer.Option("--domains", help="By recipient domain instead of by mailing.")
    ] = False,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="The number of days, with --domains.")
    ] = 30,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    json: Json = False,
) -> None:
    """Show bounce rates by mailing or by domain."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.database.types import now
    from newsletter.feedback.search import rates_by_domain, rates_by_mailing

    with reading(open_database(settings_of(context))) as session:
        only = _only(session, newsletter)
        found = (
            rates_by_domain(
                session, since=now() - timedelta(days=days), newsletter_ids=only, limit=limit
            )
            if domains
            else rates_by_mailing(session, newsletter_ids=only, limit=limit)
        )
    if json:
        print_json([_rate_as_json(one) for one in found])
        return
    table = Table(_("Domain") if domains else _("Mailing"), box=None)
    for name in (_("Sent"), _("Hard bounces"), _("Soft bounces"), _("Complaints")):
        table.add_column(name, justify="right")
    for one in found:
        shares = (
            _("{count} ({share})", count=Number(n), share=Percent(one.share(n), 2))
            for n in (one.hard, one.soft, one.complaints)
        )
        named = one.name if one.title == one.name else f"{one.name} {one.title}"
        table.add_row(named, text(Number(one.mailed)), *shares)
    console.print(table if found else _("Nothing has been sent yet."))


def _rate_as_json(one: Rate) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "mailed": one.mailed,
        "hard": one.hard,
        "soft": one.soft,
        "complaints": one.complaints,
    }


@app.command()
def policy(
    context: typer.Context,
    soft_limit: Annotated[
        int | None, typer.Option(help="The number of consecutive mailings with a soft bounce.")
    ] = None,
    soft_days: Annotated[
        int | None, typer.Option(help="The number of days within which they must occur.")
    ] = None,
    complaint_everywhere: Annotated[
        bool | None,
        typer.Option(
            "--complaint-everywhere/--complaint-here",
            help="Whether a complaint stops all newsletters or only the one.",
        ),
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Show or set when a newsletter stops sending to an address."""
    from newsletter.cli.console import console, print_json
    from newsletter.feedback.policy import FeedbackPolicy, load_policy, set_policy

    given = (soft_limit, soft_days, complaint_everywhere)
    with changing(context, newsletter, as_, Action.POLICY_SET) as (opened, session):
        old = load_policy(session, opened.newsletter.id)
        new = FeedbackPolicy(
            soft_limit=old.soft_limit if soft_limit is None else soft_limit,
            soft_days=old.soft_days if soft_days is None else soft_days,
            complaint_everywhere=(
                old.complaint_everywhere if complaint_everywhere is None else complaint_everywhere
            ),
        )
        if any(one is not None for one in given):
            set_policy(session, opened.actor, opened.newsletter, new)
    if json:
        print_json(asdict(new))
        return
    console.print(_("A hard bounce stops email from all newsletters immediately."))
    console.print(
        _(
            "So do {count} soft bounces in a row within {days} days.",
            count=new.soft_limit,
            days=new.soft_days,
        ),
        soft_wrap=True,
    )
    where = _("all newsletters") if new.complaint_everywhere else opened.newsletter.slug
    console.print(_("A complaint stops email from {newsletter} immediately.", newsletter=where))


def _only(session: Session, newsletter: str | None) -> list[int] | None:
    from newsletter.newsletters.publications import find_newsletter

    return None if newsletter is None else [find_newsletter(session, newsletter).id]
