"""``newsletter issue comments``, ``comment``, ``resolve``: comments on an issue."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import labelled, styled, text
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter, reading_newsletter

IssueOption = Annotated[str | None, typer.Option("--issue", help="The issue; else the newest.")]
CommentNumber = Annotated[int, typer.Argument(help="The comment's number.")]


def show_comments(
    context: typer.Context,
    issue: Annotated[str | None, typer.Argument(help="The issue; the newest if omitted.")] = None,
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
