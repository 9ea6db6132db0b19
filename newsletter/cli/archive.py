"""``newsletter issue archive``: where an issue stands in its newsletter's archive."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter
from newsletter.database.vocabulary import Archived


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
        console.print(_("By the rule: listed, or unlisted if sent to a segment alone"))
    elif json:
        print_json({"issue": issue, "archive": stands.value})
    else:
        console.print(text(name_of(stands)))
