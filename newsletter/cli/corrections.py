"""``newsletter issue correct``: corrects a sent issue from a file, and mails its readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.issues import IssueFile, read_file
from newsletter.cli.language import gettext as _
from newsletter.cli.language import ngettext, styled, terminal_language
from newsletter.cli.prompts import confirm
from newsletter.cli.state import As, Json, NewsletterContext, NewsletterName, changing
from newsletter.errors import ConflictError

if TYPE_CHECKING:
    from newsletter.issues.store import StoredIssue
    from newsletter.mailings.corrections.effect import CorrectionReview


def correct(
    context: typer.Context,
    issue: Annotated[str, typer.Argument(help="The issue, which was sent.")],
    file: IssueFile,
    note: Annotated[str, typer.Option(help="For readers: what was wrong, and what is right.")],
    note_in: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANGUAGE=WORDS",
            help="The same in another language that the issue was sent in, such as en=…; "
            "may be given several times.",
        ),
    ] = None,
    newsletter: NewsletterName = None,
    mail: Annotated[
        bool,
        typer.Option("--mail", help="Send a mail about it to whoever has a copy without it."),
    ] = False,
    with_warnings: Annotated[
        bool, typer.Option("--with-warnings", help="Correct it despite preflight’s warnings.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Correct an issue that was sent: in the archive, the feed and copies still to be sent.

    Copies that were sent stay as they are. Where the newsletter requires approval, the correction
    needs it, too: ask for it on the page of its draft, then run this command again.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.issues.drafts.saving import save_draft
    from newsletter.issues.store import find_issue
    from newsletter.mailings.approvals.requests import ready_draft
    from newsletter.mailings.corrections.effect import (
        put_into_effect,
        require_readied,
        review_correction,
    )
    from newsletter.mailings.corrections.notes import keep_note
    from newsletter.newsletters.issue_actions import begin_correction

    translations = _translations(note_in or ())
    with changing(context, newsletter, as_, Action.ISSUE_CORRECT) as (opened, session):
        sent = find_issue(session, opened.newsletter.id, issue)
        draft = begin_correction(session, opened.actor, opened.newsletter.id, sent.id)
        read = read_file(file, draft.issue.language)
        draft = save_draft(session, draft, read.issue, author=opened.actor.name)
        keep_note(session, sent.id, note, translations)
        preflight = ready_draft(session, opened.actor, draft, opened.settings)[1]
    with reading(opened.engine) as session:
        sent = find_issue(session, opened.newsletter.id, issue)
        readied = require_readied(session, sent.id)
        review = review_correction(session, opened.newsletter, sent, readied, preflight)
    if not json:
        _show(review)
    if not yes:
        confirm(_("Put it into effect?"), option="--yes")
    number = put_into_effect(
        opened.engine,
        opened.actor,
        sent,
        readied,
        preflight,
        review.digest,
        with_warnings=with_warnings,
    )
    mailing, people, reason = None, 0, ""
    if mail:
        # The correction is already in effect, even if there is nobody to mail.
        try:
            mailing, people = _send_mail(opened, sent, number)
        except ConflictError as error:
            reason = error.in_language(terminal_language())
    if json:
        print_json({"issue": issue, "correction": number, "mailing": mailing, "people": people})
        return
    console.print(
        _("Correction {number} of {issue} is in effect.", number=number, issue=styled(issue))
    )
    if reason:
        console.print(_("No mail was sent about it. {reason}", reason=reason))
    if mailing is not None:
        console.print(
            ngettext(
                "Mailing {mailing} informs {count} person.",
                "Mailing {mailing} informs {count} people.",
                people,
                mailing=mailing,
            )
        )


def _translations(given: Sequence[str]) -> dict[str, str]:
    """Return notes in other languages by language tag.

    Raises:
        ListError: A note has no language tag.
    """
    from newsletter.errors import ListError
    from newsletter.i18n.messages import msg

    notes: dict[str, str] = {}
    for each in given:
        tag, sign, words = each.partition("=")
        if not sign:
            raise ListError(
                msg("“{value}” does not say which language it is in.", value=each),
                remedy=msg("Write the language before it, such as en=The date was wrong."),
            )
        notes[tag.strip()] = words
    return notes


def _send_mail(opened: NewsletterContext, issue: StoredIssue, number: int) -> tuple[int, int]:
    from newsletter.database.engine import reading
    from newsletter.issues.store import find_issue
    from newsletter.mailings.corrections.mail import (
        compose_correction_mail,
        send_correction_mail,
    )

    with reading(opened.engine) as session:
        corrected = find_issue(session, opened.newsletter.id, issue.slug)
        mail = compose_correction_mail(
            session, opened.newsletter, corrected, number, opened.settings
        )
    mailing = send_correction_mail(
        opened.engine,
        opened.actor,
        corrected,
        mail,
        mail.digest,
        batch_size=opened.settings.batch_size,
    )
    return mailing, mail.people


def _show(review: CorrectionReview) -> None:
    """Print the changes and the warnings of preflight."""
    from newsletter.cli.console import console
    from newsletter.issues.difference import compare_issues

    language = terminal_language()
    signs = {"added": ("+", "green"), "removed": ("-", "red"), "moved": ("~", "blue")}
    for group in compare_issues(review.before, review.after, language):
        for each in group.differences if not group.same else ():
            whole = signs.get(each.change.value)
            console.print(each.kind.in_language(language))
            for piece in (piece for line in each.lines for piece in line.pieces):
                sign, colour = signs.get(piece.changed.value) or whole or (" ", "default")
                console.print(styled(f"{sign} {piece.text}", colour), soft_wrap=True)
    for warning in review.warnings:
        console.print(
            styled(warning.message.in_language(terminal_language()), "yellow"), soft_wrap=True
        )
