"""``newsletter digest``: show, change, preview, pause and resume weekly and monthly digests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label as word
from newsletter.cli.language import labelled, ngettext, styled
from newsletter.cli.state import As, Json, NewsletterName, changing, open_newsletter
from newsletter.database.vocabulary import DigestDetail, Frequency

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from newsletter.cli.state import NewsletterContext
    from newsletter.newsletters.publications import Newsletter

app = typer.Typer(no_args_is_help=True, help="Weekly and monthly digests (docs/digests.md).")

_Which = Annotated[Frequency, typer.Argument(help="weekly or monthly")]


@app.command("list")
def show(
    context: typer.Context, newsletter: NewsletterName = None, as_: As = None, json: Json = False
) -> None:
    """Show which digests are offered, when the next ones are due, and what waits for them."""
    from newsletter.cli.console import console, planned_in_utc, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.digests.opening import DigestSetting, preview_digest
    from newsletter.mailings.digests.rules import DIGESTS, count_by_frequency, find_rules

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_MAILINGS)
    setting = DigestSetting.of(opened.settings)
    rows: list[dict[str, Any]] = []
    with reading(opened.engine) as session:
        rules = find_rules(session, opened.newsletter.id)
        readers = count_by_frequency(session, opened.newsletter.id)
        for frequency in DIGESTS:
            rule = rules.get(frequency)
            digest = preview_digest(session, opened.newsletter, rule, setting) if rule else None
            rows.append(
                {
                    "frequency": frequency.value,
                    "offered": rule is not None and rule.offered,
                    "paused": rule is not None and rule.paused,
                    "readers": readers.get(frequency, 0),
                    "next": rule.due_at if rule else None,
                    "issues": len(digest.issue.chapters) if digest and digest.issue else 0,
                    "people": digest.people if digest else 0,
                }
            )
    if json:
        print_json([row | {"next": row["next"] and row["next"].isoformat()} for row in rows])
        return
    for row in rows:
        state = (
            _("paused") if row["paused"] else _("offered") if row["offered"] else _("not offered")
        )
        console.print(labelled(styled(word(Frequency(row["frequency"]))), state))
        console.print("  " + ngettext("{count} subscriber", "{count} subscribers", row["readers"]))
        if row["next"]:
            console.print("  " + _("Next one: {moment}", moment=planned_in_utc(row["next"])))
            console.print(
                "  " + ngettext("{count} issue waits", "{count} issues wait", row["issues"])
            )


@app.command("set")
def change(
    context: typer.Context,
    frequency: _Which,
    offered: Annotated[
        bool | None, typer.Option("--offer/--no-offer", help="Whether subscribers may choose it.")
    ] = None,
    day: Annotated[
        int | None,
        typer.Option(help="Weekday, 0 for Monday to 6 for Sunday; or day of the month, 1 to 31."),
    ] = None,
    hour: Annotated[str | None, typer.Option(help="Time of day, such as 08:00.")] = None,
    everywhere: Annotated[
        bool | None,
        typer.Option("--everywhere/--no-everywhere", help="In each subscriber's own time zone."),
    ] = None,
    introduction: Annotated[str | None, typer.Option(help="What the digest begins with.")] = None,
    detail: Annotated[
        DigestDetail | None, typer.Option(help="How much it shows of each item of an issue.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Its template; the newsletter's if empty.")
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Offer a digest, or change when it goes out and how it looks."""
    from newsletter.mailings.digests.rules import find_rules, set_digest, terms_of

    given: dict[str, Any] = {
        "offered": offered,
        "day": day,
        "hour": hour,
        "everywhere": everywhere,
        "introduction": introduction,
        "detail": detail,
        "template": template,
    }
    with _acting(context, newsletter, as_, Action.NEWSLETTER_DIGEST) as (opened, session, row):
        terms = terms_of(find_rules(session, row.id).get(frequency), frequency)
        changed = {name: value for name, value in given.items() if value is not None}
        set_digest(session, opened.actor, row, frequency, replace(terms, **changed))


@app.command()
def preview(
    context: typer.Context,
    frequency: _Which,
    html: Annotated[
        bool, typer.Option("--html", help="Show its HTML instead of its text.")
    ] = False,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Show the next digest as it would be now; nothing is changed."""
    from newsletter.cli.console import console
    from newsletter.database.engine import reading
    from newsletter.errors import NotFoundError
    from newsletter.i18n.messages import msg
    from newsletter.mailings.digests.opening import DigestSetting, preview_digest
    from newsletter.mailings.digests.rules import find_rules
    from newsletter.mailings.planning.links import DeliveryLinks
    from newsletter.rendering.slots import fill

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_MAILINGS)
    with reading(opened.engine) as session:
        rule = find_rules(session, opened.newsletter.id).get(frequency)
        setting = DigestSetting.of(opened.settings)
        digest = preview_digest(session, opened.newsletter, rule, setting) if rule else None
    if digest is None or digest.rendered is None:
        raise NotFoundError(msg("No issue waits for this digest."))
    slots = DeliveryLinks.leading_nowhere().slots(name="", address="")
    shown = digest.rendered.html if html else digest.rendered.text
    console.print(fill(shown, slots), highlight=False, soft_wrap=True)


@app.command()
def pause(
    context: typer.Context, frequency: _Which, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Pause a digest until it is resumed; issues for its readers wait."""
    from newsletter.mailings.digests.rules import pause_digest

    with _acting(context, newsletter, as_, Action.DIGEST_PAUSE) as (opened, session, row):
        pause_digest(session, opened.actor, row, frequency)


@app.command()
def resume(
    context: typer.Context,
    frequency: _Which,
    without_waiting: Annotated[
        bool,
        typer.Option("--without-waiting", help="Leave out the issues that wait for its readers."),
    ] = False,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Resume a paused digest from its next date on."""
    from newsletter.mailings.digests.rules import resume_digest

    with _acting(context, newsletter, as_, Action.DIGEST_RESUME) as (opened, session, row):
        resume_digest(session, opened.actor, row, frequency, without_waiting=without_waiting)


@contextmanager
def _acting(
    context: typer.Context, newsletter: str | None, as_: str | None, action: Action
) -> Iterator[tuple[NewsletterContext, Session, Newsletter]]:
    from newsletter.newsletters.publications import get_newsletter

    with changing(context, newsletter, as_, action) as (opened, session):
        yield opened, session, get_newsletter(session, opened.newsletter.id)
