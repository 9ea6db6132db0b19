"""Decisions on an issue, and what is said about it before they are made.

``newsletter issue duplicate``, ``ask``, ``approve``, ``return``, ``archive``; and ``comments``,
``comment``, ``resolve`` for comments on an issue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import labelled, styled, text
from newsletter.cli.prompts import ask as ask_for
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter, reading_newsletter
from newsletter.database.vocabulary import Archived

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from newsletter.accounts.audit import Actor
    from newsletter.issues.store import StoredIssue
    from newsletter.mailings.approvals.notices import Post
    from newsletter.newsletters.publications import Newsletter
    from newsletter.rendering.model import RenderedIssue

IssueArgument = Annotated[str | None, typer.Argument(help="The issue; the newest if omitted.")]


def duplicate(
    context: typer.Context,
    issue: IssueArgument = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Start the next issue as a draft with this one's content; date, number and subject move on."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import transaction
    from newsletter.issues.model import issue_from_json
    from newsletter.issues.store import find_issue
    from newsletter.newsletters.issue_actions import duplicate_issue

    opened = open_newsletter(context, newsletter, as_, Action.ISSUE_DUPLICATE, with_keys=True)
    with transaction(opened.engine) as session:
        stored = find_issue(session, opened.newsletter.id, issue)
        draft = duplicate_issue(
            session,
            opened.actor,
            opened.newsletter.id,
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
            title=begun.title,
        )
    )


def ask_approval(
    context: typer.Context,
    issue: IssueArgument = None,
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
    from newsletter.database.engine import reading, transaction
    from newsletter.errors import Place
    from newsletter.mailings.approvals.plans import SendingPlan
    from newsletter.mailings.approvals.requests import request_approval
    from newsletter.mailings.ledger.schedule import Schedule, read_hour

    case = _case(context, newsletter, issue, as_, Action.ISSUE_APPROVAL_REQUESTED)
    with reading(case.engine) as session:
        asked = _accounts(session, case.newsletter.id, of or ())
    hour = read_hour(at, Place(source="--at")) if at else None
    plan = SendingPlan(segment=segment, schedule=Schedule(hour=hour))
    with transaction(case.engine) as session:
        request_approval(session, case.actor, *case.mail, post=case.post, plan=plan, asked=asked)
    sentence = _("Approval of issue {issue} was requested.", issue=styled(case.issue.slug))
    _report(case, sentence, json=json)


def give_approval(
    context: typer.Context,
    issue: IssueArgument = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Approve an issue exactly as it is now, as the account that --as names."""
    from newsletter.database.engine import transaction
    from newsletter.mailings.approvals.requests import approve

    case = _case(context, newsletter, issue, as_, Action.ISSUE_APPROVED)
    with transaction(case.engine) as session:
        approve(session, case.actor, *case.mail, post=case.post)
    _report(case, _("Issue {issue} was approved.", issue=styled(case.issue.slug)), json=json)


def return_issue(
    context: typer.Context,
    issue: IssueArgument = None,
    because: Annotated[str, typer.Option(help="What to change; asked for if omitted.")] = "",
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Return an issue with a comment, as the account that --as names."""
    from newsletter.database.engine import transaction
    from newsletter.mailings.approvals.requests import send_back

    because = because or ask_for(_("What needs to be changed?"), option="--because")
    case = _case(context, newsletter, issue, as_, Action.ISSUE_APPROVAL_RETURNED)
    with transaction(case.engine) as session:
        send_back(session, case.actor, *case.mail, because=because, post=case.post)
    _report(case, _("Issue {issue} was returned.", issue=styled(case.issue.slug)), json=json)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """An issue in its present form, with the actor who decides on it."""

    engine: Engine
    newsletter: Newsletter
    issue: StoredIssue
    actor: Actor
    rendered: RenderedIssue | None
    digest: str
    post: Post

    @property
    def mail(self) -> tuple[StoredIssue, RenderedIssue | None, str]:
        """The issue, its mail and its digest, to which the decision applies."""
        return self.issue, self.rendered, self.digest


def _case(
    context: typer.Context,
    newsletter: str | None,
    issue: str | None,
    as_: str | None,
    action: Action,
) -> _Case:
    """Find an issue, render it, and find who decides: always somebody with an account.

    Raises:
        ListError: Nobody is named.
    """
    from newsletter.database.engine import reading
    from newsletter.errors import ListError
    from newsletter.i18n.messages import msg
    from newsletter.issues.corrections import note_of
    from newsletter.issues.store import find_issue
    from newsletter.mailings.approvals.content import content_digest
    from newsletter.mailings.approvals.notices import Post
    from newsletter.mailings.orders.readiness import check_stored

    opened = open_newsletter(context, newsletter, as_, action, with_keys=True)
    if as_ is None:
        raise ListError(
            msg("Approval is possible only between people with an account."),
            remedy=msg("Name yours with --as ADDRESS."),
        )
    settings, publication = opened.settings, opened.newsletter
    with reading(opened.engine) as session:
        stored = find_issue(session, publication.id, issue)
        note = note_of(session, stored)
    rendered = check_stored(stored, publication, settings, ask_dns=False).rendered
    return _Case(
        engine=opened.engine,
        newsletter=publication,
        issue=stored,
        actor=opened.actor,
        rendered=rendered,
        digest=content_digest(publication, rendered, note=note) if rendered else "",
        post=Post(templates_dir=settings.templates_dir, public_url=settings.public_url.rstrip("/")),
    )


def _report(case: _Case, sentence: str, *, json: bool) -> None:
    from newsletter.cli.console import console, print_json

    if json:
        print_json({"issue": case.issue.slug, "digest": case.digest})
        return
    console.print(sentence)


def _accounts(session: Session, newsletter_id: int, addresses: Sequence[str]) -> list[int]:
    """Return the ids of approvers' accounts.

    Raises:
        ListError: An address does not belong to an approver.
    """
    from newsletter.errors import ListError
    from newsletter.i18n.messages import msg
    from newsletter.mailings.approvals.state import approvers

    known = {row.address: row.id for row in approvers(session, newsletter_id)}
    for address in addresses:
        if address not in known:
            raise ListError(
                msg("{address} cannot approve this.", address=address),
                remedy=msg("Approvers are: {people}.", people=", ".join(known) or "–"),
            )
    return [known[address] for address in addresses]


def archive(
    context: typer.Context,
    issue: Annotated[str, typer.Argument(help="The issue; with --draft, the number of a draft.")],
    place: Annotated[
        Archived | None,
        typer.Argument(help="Omitted: listed, or unlisted if it is sent to a segment alone."),
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Choose it for the issue that a draft will be.")
    ] = False,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Choose where an issue stands in the archive: listed, unlisted, or for subscribers only."""
    from newsletter.cli.console import console, print_json
    from newsletter.cli.language import gettext as _
    from newsletter.cli.language import text
    from newsletter.database.engine import reading, transaction
    from newsletter.database.words import name_of
    from newsletter.issues.drafts.saving import get_draft
    from newsletter.issues.store import find_issue
    from newsletter.mailings.archive import archive_issue, archived_as, place_draft

    opened = open_newsletter(context, newsletter, as_, Action.ISSUE_ARCHIVE, with_keys=True)
    newsletter_id = opened.newsletter.id
    if draft:
        with transaction(opened.engine) as session:
            number = int(issue) if issue.isdecimal() else 0
            place_draft(session, opened.actor, get_draft(session, newsletter_id, number), place)
        stands = place
    else:
        with transaction(opened.engine) as session:
            stored = find_issue(session, newsletter_id, issue)
            archive_issue(session, opened.actor, newsletter_id, stored.id, place)
        with reading(opened.engine) as session:
            stands = archived_as(session, find_issue(session, newsletter_id, issue))
    if json and stands is None:
        print_json({"issue": issue, "archive": None})
    elif stands is None:
        console.print(_("By the rule: unlisted for a segment"))
    elif json:
        print_json({"issue": issue, "archive": stands.value})
    else:
        console.print(text(name_of(stands)))


IssueOption = Annotated[str | None, typer.Option("--issue", help="The issue; else the newest.")]
CommentNumber = Annotated[int, typer.Argument(help="The comment's number.")]


def show_comments(
    context: typer.Context,
    issue: IssueArgument = None,
    all_: Annotated[bool, typer.Option("--all", help="The resolved ones, too.")] = False,
    newsletter: NewsletterName = None,
    json: Json = False,
) -> None:
    """List the comments on an issue, thread by thread, with the part that each is about."""
    from newsletter.accounts.actors import colleagues_by_address, name_actor
    from newsletter.cli.console import console, print_json
    from newsletter.issues.model import issue_from_json
    from newsletter.issues.store import find_issue
    from newsletter.mailings.approvals.comments import threads_of

    with reading_newsletter(context, newsletter, with_keys=True) as (session, found):
        stored = find_issue(session, found.id, issue)
        threads = [
            thread
            for thread in threads_of(session, stored.id, issue_from_json(stored.content))
            if all_ or thread.resolved_at is None
        ]
        colleagues = colleagues_by_address(session)
    if json:
        print_json(
            [
                {
                    "number": thread.id,
                    "part": thread.anchor,
                    "about": thread.heading,
                    "gone": thread.gone,
                    "resolved": thread.resolved_at is not None,
                    "comments": [
                        {
                            "author": comment.author,
                            "at": comment.written_at.isoformat(),
                            "words": comment.words,
                        }
                        for comment in thread.comments
                    ],
                }
                for thread in threads
            ]
        )
        return
    if not threads:
        console.print(_("There are no comments."))
    for thread in threads:
        about = thread.heading or _("the whole issue")
        state = f" ({_('Resolved')})" if thread.resolved_at else ""
        console.print(f"{styled(thread.id)} {styled(about)}{state}")
        for comment in thread.comments:
            author = text(name_actor(comment.author, colleagues))
            console.print("  " + labelled(author, comment.words))


def write_comment(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help="What is to be said.")],
    issue: IssueOption = None,
    part: Annotated[
        str, typer.Option(help="The part it is about, such as c1-i2; else the whole issue.")
    ] = "",
    answer: Annotated[
        int | None, typer.Option("--to", help="The comment that this one answers.")
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Comment on an issue or a part of it, or reply; the people concerned are notified by email."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import transaction
    from newsletter.issues.store import find_issue
    from newsletter.mailings.approvals import comments

    opened = open_newsletter(context, newsletter, as_, Action.ISSUE_COMMENT, with_keys=True)
    with transaction(opened.engine) as session:
        stored = find_issue(session, opened.newsletter.id, issue)
        number = comments.write_comment(
            session, opened.actor, stored, words, anchor=part, thread_id=answer
        )
    if json:
        print_json({"number": answer or number})
    else:
        console.print(_("Comment {number} is written.", number=styled(answer or number)))


def resolve_comment(
    context: typer.Context,
    number: CommentNumber,
    issue: IssueOption = None,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again instead.")] = False,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Mark a comment as resolved, or open it again."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import transaction
    from newsletter.issues.store import find_issue
    from newsletter.mailings.approvals.comments import settle_thread

    action = Action.ISSUE_COMMENT_REOPEN if reopen else Action.ISSUE_COMMENT_RESOLVE
    opened = open_newsletter(context, newsletter, as_, action, with_keys=True)
    with transaction(opened.engine) as session:
        stored = find_issue(session, opened.newsletter.id, issue)
        settle_thread(session, opened.actor, stored, number, resolved=not reopen)
    if json:
        print_json({"number": number, "resolved": not reopen})
    elif reopen:
        console.print(_("Comment {number} is open again.", number=styled(number)))
    else:
        console.print(_("Comment {number} is resolved.", number=styled(number)))
