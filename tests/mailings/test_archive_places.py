"""Where an issue stands in the archive: chosen while it is written, else by whom it goes to."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow
from newsletter.database.vocabulary import Archived, Visibility
from newsletter.errors import ConflictError
from newsletter.issues.drafts.publishing import publish_draft
from newsletter.issues.drafts.saving import Draft, create_draft, get_draft
from newsletter.issues.model import Issue
from newsletter.issues.store import find_issue
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.archive import archived_as, chosen_place, list_publications, place_draft
from newsletter.mailings.orders.ordering import review_order
from newsletter.mailings.orders.readiness import check_stored
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.cached_figures import Figures
from tests.support.corrections import SETTINGS, titled, write_correction
from tests.support.databases import each_database
from tests.support.stage import Stage, set_stage

LISTED, UNLISTED, SUBSCRIBERS = Archived.LISTED, Archived.UNLISTED, Archived.SUBSCRIBERS
SEGMENT = 'domain = "example.jp"'
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _draft(stage: Stage) -> Draft:
    issue = Issue(title="次号", issue_date=date(2026, 12, 8))
    with transaction(stage.engine) as session:
        return create_draft(session, stage.newsletter_id, issue, author="葵")


def _place(stage: Stage, draft: Draft, place: Archived | None) -> None:
    with transaction(stage.engine) as session:
        now = get_draft(session, stage.newsletter_id, draft.id)
        place_draft(session, COMMAND_LINE, now, place)


def _publish(stage: Stage, draft: Draft) -> Stage:
    with transaction(stage.engine) as session:
        now = get_draft(session, stage.newsletter_id, draft.id)
        return replace(stage, issue=publish_draft(session, now).slug)


def _stands(stage: Stage, *sent_to: str) -> Archived:
    with reading(stage.engine) as session:
        return archived_as(session, find_issue(session, stage.newsletter_id, stage.issue), *sent_to)


@on_one_database
def test_what_was_chosen_for_a_draft_holds_for_its_issue(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    draft = _draft(stage)
    _place(stage, draft, UNLISTED)
    sent = _publish(stage, draft)
    plan_mailing(engine, sent.mail())

    assert _stands(sent) is UNLISTED
    with reading(engine) as session:
        assert list_publications(session, stage.newsletter_id, limit=5) == []
        (entry,) = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == Action.ISSUE_ARCHIVE)
        )
    assert (entry.details["before"], entry.details["after"]) == (None, "unlisted")


@on_one_database
@pytest.mark.parametrize("second", [LISTED, None])
def test_it_can_be_chosen_anew_once_the_draft_is_an_issue(
    engine: Engine, second: Archived | None
) -> None:
    stage = set_stage(engine)
    draft = _draft(stage)
    _place(stage, draft, SUBSCRIBERS)
    issue = _publish(stage, draft)
    _place(stage, draft, second)
    # What is readied once more, as before each test mail, keeps it.
    _publish(stage, draft)

    assert _stands(issue) is LISTED
    with reading(engine) as session:
        now = get_draft(session, stage.newsletter_id, draft.id)
        assert chosen_place(session, now) is second


@each_database
def test_chosen_at_the_moment_the_draft_becomes_an_issue_it_holds(engine: Engine) -> None:
    stage = set_stage(engine)
    draft = _draft(stage)
    both = threading.Barrier(2)

    def place() -> None:
        both.wait()
        _place(stage, draft, SUBSCRIBERS)

    chooser = threading.Thread(target=place)
    chooser.start()
    both.wait()
    issue = _publish(stage, draft)
    chooser.join()
    assert _stands(issue) is SUBSCRIBERS


@on_one_database
def test_whoever_confirms_is_told_where_it_will_stand(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")

    def told(segment: str) -> Archived | None:
        with reading(engine) as session:
            newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
            issue = find_issue(session, newsletter.id, stage.issue)
            preflight = check_stored(issue, newsletter, SETTINGS, ask_dns=False)
            return review_order(
                session,
                newsletter,
                issue,
                preflight,
                SendingPlan(segment=segment),
                figures=Figures(engine),
            ).place

    assert (told(""), told(SEGMENT)) == (LISTED, UNLISTED)
    plan_mailing(engine, stage.mail())
    # It is in the list already.
    assert told(SEGMENT) is LISTED
    with transaction(engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).visibility = Visibility.PRIVATE
    assert told("") is None


@on_one_database
def test_a_correction_has_no_place_of_its_own(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    plan_mailing(engine, stage.mail())
    draft = write_correction(stage, titled("訂正"))
    with pytest.raises(ConflictError, match="where the sent issue stands"):
        _place(stage, draft, UNLISTED)
