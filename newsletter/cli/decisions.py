"""``newsletter issue duplicate``, ``ask``, ``approve``, ``return``: what is decided on an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled
from newsletter.cli.prompts import ask as ask_for
from newsletter.cli.state import As, Json, NewsletterName, open_with_keys, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from newsletter.accounts.audit import Actor
    from newsletter.issues.store import StoredIssue
    from newsletter.mailings.approval_notices import Post
    from newsletter.newsletters.publications import Newsletter
    from newsletter.rendering.model import RenderedIssue
    from newsletter.settings import Settings

IssueName = Annotated[str | None, typer.Argument(help="The issue; the newest if omitted.")]


def duplicate(
    context: typer.Context,
    issue: IssueName = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Start the next issue as a draft with this one's content; date, number and title move on."""
    from rich.markup import escape

    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.issues.model import issue_from_json
    from newsletter.newsletters.issue_actions import duplicate_issue

    engine = open_with_keys(settings_of(context))
    with reading(engine) as session:
        row, stored = _find(session, newsletter, issue)
    actor = find_actor(engine, as_, Permission.WRITE, row.id)
    with transaction(engine) as session:
        draft = duplicate_issue(
            session,
            actor,
            row.id,
            issue_from_json(stored.content),
            template=stored.template,
            source=stored.slug,
        )
    begun = draft.issue
    if json:
        day = begun.issue_date.isoformat()
        print_json({"draft": draft.id, "title": begun.title, "date": day, "number": begun.number})
        return
    console.print(
        _(
            "Draft {draft} of {date}: {title}",
            draft=styled(draft.id),
            date=begun.issue_date,
            title=escape(begun.title),
        )
    )


def ask_approval(
    context: typer.Context,
    issue: IssueName = None,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", help="An approver's address; repeatable. Without it, all."),
    ] = None,
    segment: Annotated[
        str, typer.Option(help="The audience that is planned, as for newsletter send.")
    ] = "",
    at: Annotated[
        str | None, typer.Option(help="The time that is planned: 2026-12-01 08:00.")
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Request approval of an issue as it is now; the approvers are notified by email."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.mailings.approval import SendingPlan, request_approval
    from newsletter.mailings.schedule import Schedule, read_hour

    settings = settings_of(context)
    engine = open_with_keys(settings)
    with reading(engine) as session:
        row, stored = _find(session, newsletter, issue)
        asked = _accounts(session, row.id, of or ())
    actor = _person(engine, as_, Permission.ASK_APPROVAL, row.id)
    rendered, digest = _mail_of(stored, row, settings)
    plan = SendingPlan(segment=segment, schedule=Schedule(hour=read_hour(at) if at else None))
    with transaction(engine) as session:
        request_approval(
            session,
            actor,
            stored,
            rendered,
            digest,
            post=_post(settings),
            plan=plan,
            asked=asked,
        )
    if json:
        print_json({"issue": stored.slug, "digest": digest})
        return
    console.print(_("Approval of issue {issue} was requested.", issue=styled(stored.slug)))


def give_approval(
    context: typer.Context,
    issue: IssueName = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Approve an issue exactly as it is now, as the account that --as names."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.mailings.approval import approve

    settings = settings_of(context)
    engine = open_with_keys(settings)
    with reading(engine) as session:
        row, stored = _find(session, newsletter, issue)
    actor = _person(engine, as_, Permission.APPROVE, row.id)
    rendered, digest = _mail_of(stored, row, settings)
    with transaction(engine) as session:
        approve(session, actor, stored, rendered, digest, post=_post(settings))
    if json:
        print_json({"issue": stored.slug, "digest": digest})
        return
    console.print(_("Issue {issue} was approved.", issue=styled(stored.slug)))


def return_issue(
    context: typer.Context,
    issue: IssueName = None,
    because: Annotated[str, typer.Option(help="What to change; asked for if omitted.")] = "",
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Return an issue with a comment, as the account that --as names."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.mailings.approval import send_back

    settings = settings_of(context)
    because = because or ask_for(_("What needs to be changed?"), option="--because")
    engine = open_with_keys(settings)
    with reading(engine) as session:
        row, stored = _find(session, newsletter, issue)
    actor = _person(engine, as_, Permission.APPROVE, row.id)
    rendered, digest = _mail_of(stored, row, settings)
    with transaction(engine) as session:
        send_back(session, actor, stored, rendered, digest, because=because, post=_post(settings))
    if json:
        print_json({"issue": stored.slug, "digest": digest})
        return
    console.print(_("Issue {issue} was returned.", issue=styled(stored.slug)))


def _find(
    session: Session, newsletter: str | None, issue: str | None
) -> tuple[Newsletter, StoredIssue]:
    from newsletter.issues.store import find_issue
    from newsletter.newsletters.publications import find_newsletter

    row = find_newsletter(session, newsletter)
    return row, find_issue(session, row.id, issue)


def _person(
    engine: Engine, address: str | None, permission: Permission, newsletter_id: int
) -> Actor:
    """Return who decides: always somebody with an account, as another must be able to.

    Raises:
        ListError: Nobody is named.
    """
    from newsletter.accounts.command_line import find_actor
    from newsletter.errors import ListError
    from newsletter.i18n.messages import msg

    if address is None:
        raise ListError(
            msg("Approval is possible only between people with an account."),
            remedy=msg("Name yours with --as ADDRESS."),
        )
    return find_actor(engine, address, permission, newsletter_id)


def _mail_of(
    issue: StoredIssue, newsletter: Newsletter, settings: Settings
) -> tuple[RenderedIssue | None, str]:
    from newsletter.mailings.approval import content_digest
    from newsletter.mailings.readiness import check_stored

    rendered = check_stored(issue, newsletter, settings, ask_dns=False).rendered
    return rendered, content_digest(newsletter, rendered) if rendered else ""


def _post(settings: Settings) -> Post:
    from newsletter.mailings.approval_notices import Post

    return Post(templates_dir=settings.templates_dir, public_url=settings.public_url.rstrip("/"))


def _accounts(session: Session, newsletter_id: int, addresses: Sequence[str]) -> list[int]:
    """Return the accounts of approvers.

    Raises:
        ListError: An address is no approver's.
    """
    from newsletter.errors import ListError
    from newsletter.i18n.messages import msg
    from newsletter.mailings.approval import approvers

    known = {row.address: row.id for row in approvers(session, newsletter_id)}
    for address in addresses:
        if address not in known:
            raise ListError(
                msg("{address} cannot approve this.", address=address),
                remedy=msg("Approvers are: {people}.", people=", ".join(known) or "–"),
            )
    return [known[address] for address in addresses]
