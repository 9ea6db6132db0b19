"""Corrections as a test makes them: written, readied, checked and put into effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow
from newsletter.issues.drafts.saving import Draft, get_draft, save_draft
from newsletter.issues.model import Issue
from newsletter.issues.store import find_issue
from newsletter.mailings.approvals.requests import ready_draft
from newsletter.mailings.corrections.effect import (
    CorrectionReview,
    put_into_effect,
    require_readied,
    review_correction,
)
from newsletter.mailings.corrections.mail import compose_correction_mail, send_correction_mail
from newsletter.mailings.corrections.notes import keep_note
from newsletter.mailings.orders.readiness import check_stored
from newsletter.newsletters.issue_actions import begin_correction
from newsletter.newsletters.publications import get_newsletter
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from tests.support.stage import Stage

SETTINGS = Settings(_env_file=None)
NOTE = "開催日を誤って記載しました。正しくは12月4日です。"


def titled(title: str) -> Callable[[Issue], Issue]:
    return lambda issue: replace(issue, title=title)


def write_correction(
    stage: Stage,
    change: Callable[[Issue], Issue],
    *,
    note: str = NOTE,
    ready: bool = True,
    **translations: str,
) -> Draft:
    """Begin a correction of the stage's issue, and ready it.

    ``translations`` are of the note, by their tags.
    """
    with transaction(stage.engine) as session:
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        begun = begin_correction(session, COMMAND_LINE, stage.newsletter_id, issue.id)
        draft = save_draft(session, begun, change(begun.issue), author="葵")
        keep_note(session, issue.id, note, translations)
        if ready:
            ready_draft(session, COMMAND_LINE, draft, SETTINGS)
        return get_draft(session, stage.newsletter_id, draft.id)


def look(stage: Stage) -> CorrectionReview:
    """Look at what was readied, as whoever confirms it does."""
    return _checked(stage)[-1]


def take_effect(stage: Stage) -> int:
    """Put what was readied into effect; return the correction's number."""
    return confirm_effect(stage)(stage.engine)


def confirm_effect(stage: Stage) -> Callable[[Engine], int]:
    """Look at what was readied; return what puts just that into effect."""
    issue, readied, preflight, review = _checked(stage)
    return lambda engine: put_into_effect(
        engine, COMMAND_LINE, issue, readied, preflight, review.digest, with_warnings=True
    )


def confirm_mail(stage: Stage, number: int = 1) -> Callable[[Engine], int]:
    """Look at the mail about a correction; return what orders just that."""
    with reading(stage.engine) as session:
        newsletter = get_newsletter(session, stage.newsletter_id)
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        mail = compose_correction_mail(session, newsletter, issue, number, SETTINGS)
    return lambda engine: send_correction_mail(
        engine, COMMAND_LINE, issue, mail, mail.digest, batch_size=2
    )


def _checked(stage: Stage) -> tuple[IssueRow, IssueRow, Preflight, CorrectionReview]:
    with reading(stage.engine) as session:
        newsletter = get_newsletter(session, stage.newsletter_id)
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        readied = require_readied(session, issue.id)
        preflight = check_stored(readied, newsletter, SETTINGS, ask_dns=False)
        review = review_correction(session, newsletter, issue, readied, preflight)
        return issue, readied, preflight, review


def correct(stage: Stage, change: Callable[[Issue], Issue], *, note: str = NOTE) -> int:
    """Correct the stage's issue."""
    write_correction(stage, change, note=note)
    return take_effect(stage)
