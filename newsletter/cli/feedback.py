"""``newsletter bounce list`` and its neighbours: the log, its rates, and an operator's word."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.state import As, Json, NewsletterName, open_database, settings_of
from newsletter.database.vocabulary import BounceKind, IncidentResolution

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from newsletter.feedback.rates import Rate
    from newsletter.feedback.search import LoggedBounce

app = typer.Typer()

Reason = Annotated[str, typer.Option(help="Why, for whoever looks next.")]
Since = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="UTC.")
]


@app.command("list")
def show_list(
    context: typer.Context,
    address: Annotated[str, typer.Option(help="A part of the address.")] = "",
    domain: str = "",
    mailing: int | None = None,
    kind: BounceKind | None = None,
    reason: Annotated[str, typer.Option(help="Such as user-unknown, mailbox-full.")] = "",
    since: Since = None,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """Search the log of what came back, the newest first."""
    from rich.markup import escape
    from rich.table import Column, Table

    from newsletter.cli.console import console, format_moment, print_json
    from newsletter.database.engine import reading
    from newsletter.feedback.search import BounceFilter, list_bounces

    with reading(open_database(settings_of(context))) as session:
        wanted = BounceFilter(
            address=address,
            domain=domain,
            mailing_id=mailing,
            kind=kind,
            reason=reason,
            since=since.replace(tzinfo=UTC) if since else None,
            newsletter_ids=_only(session, newsletter),
        )
        found = list_bounces(session, wanted, limit=limit)
    if json:
        print_json([as_json(one) for one in found])
        return
    table = Table(
        *("id", Column("when", no_wrap=True), "address", "kind", "reason", "mailing", "decision"),
        box=None,
    )
    for one in found:
        row = one.row
        table.add_row(
            str(row.id),
            format_moment(row.occurred_at),
            escape(row.address) or "[dim]–[/]",
            row.kind.value,
            escape(row.reason),
            str(row.mailing_id or ""),
            one.standing.action.value if one.standing else "",
        )
    console.print(table if found else "Nothing of that kind came back.")


def as_json(one: LoggedBounce) -> dict[str, Any]:
    """Return what ``--json`` prints of a bounce."""
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
    """Show one: what came, what was decided, on what evidence, and the raw report."""
    from rich.markup import escape

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
        {"reason": made.reason.value, "newsletter": made.newsletter_id} for made in kept_from
    ]
    if json:
        more = {"decisions": decisions, "suppressions": suppressions, "raw": one.row.raw}
        print_json(as_json(one) | more)
        return
    for name, value in as_json(one).items():
        console.print(f"[dim]{name:12}[/] {escape(str('' if value is None else value))}")
    for decision in decisions:
        undone = f"  undone: {decision['undone_because']}" if decision["undone_at"] else ""
        evidence = ", ".join(f"{name} {value}" for name, value in decision["evidence"].items())
        console.print(f"[dim]decided     [/] {decision['action']}  {escape(evidence + undone)}")
    for made in suppressions:
        console.print(f"[dim]suppressed  [/] {made['reason']}")
    console.print()
    console.print(escape(one.row.raw) or "[dim]The raw report is no longer kept.[/]")


@app.command()
def undo(context: typer.Context, bounce: int, reason: Reason, as_: As = None) -> None:
    """Take back what followed from one: lift its suppression, let a complaint's reader return."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from newsletter.feedback.undo import undo_bounce

    engine = open_database(settings_of(context))
    actor = find_actor(engine, as_, Permission.SEE_BOUNCES)
    with transaction(engine) as session:
        action = undo_bounce(session, actor, bounce, reason=reason)
    console.print(f"Undone: {action.value}")


@app.command()
def incidents(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    json: Json = False,
) -> None:
    """List waves of bounces, which suppress nobody until somebody says what they were."""
    from rich.markup import escape

    from newsletter.cli.console import console, format_moment, print_json
    from newsletter.database.engine import reading
    from newsletter.feedback.incidents import list_incidents

    with reading(open_database(settings_of(context))) as session:
        found = list_incidents(session, closed=everything)
    if json:
        print_json(
            [
                {
                    "id": row.id,
                    "subject": row.subject,
                    "bounced": row.bounced,
                    "mailed": row.mailed,
                    "usual_rate": row.usual_rate,
                    "words": row.words,
                    "opened_at": row.opened_at.isoformat(),
                    "resolution": row.resolution.value if row.resolution else None,
                }
                for row in found
            ]
        )
        return
    for row in found:
        state = row.resolution.value if row.resolution else "open"
        share = f"{row.bounced:,} of {row.mailed:,} mailed, usually {100 * row.usual_rate:.1f} %"
        console.print(f"[bold]{row.id}[/] {escape(row.subject)} ({state}): {share}")
        console.print(f"  [dim]{format_moment(row.opened_at)}  {escape(row.words[:200])}[/]")
    if not found:
        console.print("There is no incident.")


@app.command()
def settle(
    context: typer.Context,
    incident: int,
    outage: Annotated[
        bool,
        typer.Option(
            "--outage/--genuine", help="It says nothing of the people; or they are gone after all."
        ),
    ],
    reason: Reason,
    as_: As = None,
) -> None:
    """Say what a wave was: an outage is excused, a genuine one is judged bounce by bounce."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from newsletter.feedback.incidents import settle_incident
    from newsletter.services import build_services

    settings = settings_of(context)
    resolution = IncidentResolution.OUTAGE if outage else IncidentResolution.GENUINE
    engine = open_database(settings)
    actor = find_actor(engine, as_, Permission.SEE_BOUNCES)
    with transaction(engine) as session:
        judged = settle_incident(
            session,
            actor,
            incident,
            resolution,
            reason=reason,
            keys=build_services(settings, engine).feedback_keys,
        )
    console.print(f"{judged:,} judged" if judged else "Closed.")


@app.command()
def rates(
    context: typer.Context,
    domains: Annotated[
        bool, typer.Option("--domains", help="By recipient domain, not by mailing.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Of domains: so many days.")] = 30,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    json: Json = False,
) -> None:
    """Show how much came back, by mailing or by domain."""
    from rich.markup import escape
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.database.types import now
    from newsletter.feedback.rates import rates_by_domain, rates_by_mailing

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
    table = Table("domain" if domains else "mailing", box=None)
    for name in ("mailed", "hard", "soft", "complaints"):
        table.add_column(name, justify="right")
    for one in found:
        shares = (f"{n:,} ({one.share(n):.2f} %)" for n in (one.hard, one.soft, one.complaints))
        named = one.name if one.title == one.name else f"{one.name} {one.title}"
        table.add_row(escape(named), f"{one.mailed:,}", *shares)
    console.print(table if found else "Nothing was mailed yet.")


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
        int | None, typer.Option(help="Mailings in a row that must come back softly.")
    ] = None,
    soft_days: Annotated[int | None, typer.Option(help="Days within which they must.")] = None,
    complaint_everywhere: Annotated[
        bool | None,
        typer.Option(
            "--complaint-everywhere/--complaint-here",
            help="Whether a complaint ends mail of every newsletter, or of the one.",
        ),
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Show, or set, when a newsletter stops writing to an address."""
    from rich.markup import escape

    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.feedback.policy import FeedbackPolicy, load_policy, set_policy
    from newsletter.newsletters.publications import find_newsletter

    given = (soft_limit, soft_days, complaint_everywhere)
    engine = open_database(settings_of(context))
    with reading(engine) as session:
        row = find_newsletter(session, newsletter)
    actor = find_actor(engine, as_, Permission.ADMINISTER, row.id)
    with transaction(engine) as session:
        old = load_policy(session, row.id)
        new = FeedbackPolicy(
            soft_limit=old.soft_limit if soft_limit is None else soft_limit,
            soft_days=old.soft_days if soft_days is None else soft_days,
            complaint_everywhere=(
                old.complaint_everywhere if complaint_everywhere is None else complaint_everywhere
            ),
        )
        if any(one is not None for one in given):
            set_policy(session, actor, row, new)
    if json:
        print_json(asdict(new))
        return
    where = "of every newsletter" if new.complaint_everywhere else f"of {row.slug}"
    console.print("A hard bounce ends mail of every newsletter at once.")
    console.print(
        f"{new.soft_limit} soft ones in a row within {new.soft_days} days do so, too.",
        soft_wrap=True,
    )
    console.print(f"A complaint ends mail {escape(where)} at once.")


def _only(session: Session, newsletter: str | None) -> list[int] | None:
    from newsletter.newsletters.publications import find_newsletter

    return None if newsletter is None else [find_newsletter(session, newsletter).id]
