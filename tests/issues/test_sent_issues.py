"""What was sent never changes afterwards, by whichever door somebody tries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from threading import Thread

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DeliveryRow, IssueRow, NewsletterRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from newsletter.issues.drafts.publishing import publish_draft
from newsletter.issues.drafts.reuse import start_from
from newsletter.issues.drafts.saving import Draft, create_draft, open_issue, save_draft
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import IssueSentError, last_sent
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue, last_edition, save_issue
from newsletter.mailings.archive import find_publication, list_publications
from newsletter.mailings.ledger.schedule import Schedule, read_hour
from newsletter.mailings.mailings import cancel_mailing, create_mailing
from newsletter.mailings.overview import IssueStatus, list_lines
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.reports.reports import list_headlines, summarise
from newsletter.newsletters.publications import find_newsletter
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.support.rendering import render_stored
from tests.support.stage import Stage, set_stage


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp", "b@example.jp")
    return stage


def _open(stage: Stage) -> Draft:
    with transaction(stage.engine) as session:
        return open_issue(session, stage.newsletter_id, stage.issue, author="aoki")


def _status(stage: Stage) -> IssueStatus:
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        return list_lines(session, newsletter)[0].status


def _sample() -> Issue:
    return read_issue(sample_issue(Language.JAPANESE), source="sample").issue


def test_a_draft_of_a_sent_issue_is_neither_saved_nor_published(stage: Stage) -> None:
    draft = _open(stage)
    with transaction(stage.engine) as session:
        other = save_draft(session, draft, replace(draft.issue, title="次の号"), author="aoki")
    number = stage.mail()
    plan_mailing(stage.engine, number)

    with pytest.raises(IssueSentError), transaction(stage.engine) as session:
        save_draft(session, other, replace(other.issue, title="また別"), author="aoki")
    with pytest.raises(IssueSentError), transaction(stage.engine) as session:
        publish_draft(session, other)
    with reading(stage.engine) as session:
        assert find_issue(session, stage.newsletter_id, stage.issue).title == draft.issue.title


def test_an_import_replaces_no_sent_issue_and_the_same_text_is_no_change(stage: Stage) -> None:
    plan_mailing(stage.engine, stage.mail())
    same = read_issue(sample_issue(Language.JAPANESE), source="sample")
    other = replace(same, issue=replace(same.issue, title="書き換え"))

    with transaction(stage.engine) as session:
        save_issue(session, stage.newsletter_id, same)
    with pytest.raises(IssueSentError, match="was sent"), transaction(stage.engine) as session:
        save_issue(session, stage.newsletter_id, other)


def test_every_list_names_a_mailing_as_it_was_sent(stage: Stage) -> None:
    """Also where the issue's row says something else, as older versions let it."""
    number = stage.mail()
    plan_mailing(stage.engine, number)
    title, day = _sample().title, _sample().issue_date
    with transaction(stage.engine) as session:
        session.execute(
            update(IssueRow).values(
                title="別の題", issue_date=date(2030, 1, 1), content={"title": "x"}
            )
        )

    with reading(stage.engine) as session:
        published = list_publications(session, stage.newsletter_id, limit=5)
        assert [(each.title, each.issue_date) for each in published] == [(title, day)]
        assert find_publication(session, stage.newsletter_id, stage.issue)[0].title == title
        assert list_headlines(session, stage.newsletter_id, limit=5)[0].subject == title
        summary = summarise(session, stage.newsletter_id, number, Figures(stage.engine))
    assert (summary.subject, progress(stage.engine, number).subject) == (title, title)


def test_a_scheduled_issue_is_kept_until_its_mailing_is_cancelled(stage: Stage) -> None:
    draft = _open(stage)
    number = stage.mail(schedule=Schedule(hour=read_hour("2999-12-01 08:00")))
    changed = replace(draft.issue, title="直した題")

    with (
        pytest.raises(IssueSentError, match="scheduled as mailing"),
        transaction(stage.engine) as session,
    ):
        save_draft(session, draft, changed, author="aoki")
    assert _status(stage) is IssueStatus.SCHEDULED

    with transaction(stage.engine) as session:
        cancel_mailing(session, number)
        publish_draft(session, save_draft(session, draft, changed, author="aoki"))
    assert _status(stage) is IssueStatus.READY


@pytest.mark.parametrize(
    ("reached", "status"),
    [(DeliveryState.ACCEPTED, IssueStatus.STOPPED), (DeliveryState.DEFERRED, IssueStatus.READY)],
)
def test_a_cancelled_mailing_was_sent_only_if_somebody_may_have_it(
    stage: Stage, reached: DeliveryState, status: IssueStatus
) -> None:
    number = stage.mail()
    plan_mailing(stage.engine, number)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.position == 1).values(state=reached))
        cancel_mailing(session, number)

    assert _status(stage) is status
    with reading(stage.engine) as session:
        published = list_publications(session, stage.newsletter_id, limit=5)
    assert len(published) == (status is IssueStatus.STOPPED)


def test_no_mailing_is_made_of_an_issue_that_changed_since_it_was_rendered(stage: Stage) -> None:
    folder = Settings(_env_file=None).templates_dir
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = find_issue(session, newsletter.id, stage.issue)
    rendered = render_stored(issue, newsletter, templates_dir=folder)
    draft = _open(stage)
    with transaction(stage.engine) as session:
        changed = replace(draft.issue, title="直した題")
        publish_draft(session, save_draft(session, draft, changed, author="aoki"))

    with pytest.raises(ConflictError, match="changed since"), transaction(stage.engine) as session:
        create_mailing(session, newsletter, issue, rendered, batch_size=5)


def test_of_a_change_and_a_mailing_at_once_neither_overlooks_the_other(stage: Stage) -> None:
    """Whichever is first: the mailing is of what the issue says ever after."""
    draft = _open(stage)
    failures: list[Exception] = []

    def change() -> None:
        try:
            with transaction(stage.engine) as session:
                changed = replace(draft.issue, title="直した題")
                publish_draft(session, save_draft(session, draft, changed, author="aoki"))
        except ConflictError as error:
            failures.append(error)

    def send() -> None:
        try:
            stage.mail()
        except ConflictError as error:
            failures.append(error)

    both = [Thread(target=change), Thread(target=send)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()

    with reading(stage.engine) as session:
        title = session.scalars(select(IssueRow.title)).one()
        sent = [each.subject for each in list_headlines(session, stage.newsletter_id, limit=5)]
    assert len(failures) <= 1
    assert all(subject == title for subject in sent)


def test_a_new_issue_begins_with_a_sent_ones_content_moved_on(stage: Stage) -> None:
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        issue = issue_from_json(find_issue(session, stage.newsletter_id, stage.issue).content)
        draft = start_from(session, stage.newsletter_id, issue, author="aoki")
        row = publish_draft(session, draft)

    assert draft.issue.chapters == issue.chapters
    assert draft.issue.issue_date > issue.issue_date
    assert row.slug != stage.issue


def _sent(stage: Stage, day: date, number: str) -> str:
    with transaction(stage.engine) as session:
        issue = issue_from_json(find_issue(session, stage.newsletter_id, stage.issue).content)
        other = replace(issue, title=f"号 {day}", issue_date=day, number=number)
        draft = create_draft(session, stage.newsletter_id, other, author="aoki")
        slug = publish_draft(session, draft).slug
    plan_mailing(stage.engine, replace(stage, issue=slug).mail())
    return slug


def _last_edition(stage: Stage) -> str:
    with reading(stage.engine) as session:
        latest = last_edition(session, stage.newsletter_id)
        return latest.slug if latest else ""


def _last_sent(stage: Stage, slug: str) -> str:
    with reading(stage.engine) as session:
        before = last_sent(session, find_issue(session, stage.newsletter_id, slug))
        return before.slug if before else ""


def test_a_notice_is_not_what_the_next_edition_follows_or_is_compared_with(stage: Stage) -> None:
    plan_mailing(stage.engine, stage.mail())
    day = _sample().issue_date
    edition = _sent(stage, day + timedelta(days=30), "第9号")
    notices = [_sent(stage, day + timedelta(days=days), "") for days in (33, 39)]
    assert _last_edition(stage) == edition
    assert _last_sent(stage, edition) == stage.issue
    assert _last_sent(stage, notices[1]) == notices[0]


def test_where_numbers_have_ceased_the_newest_issue_is_followed(stage: Stage) -> None:
    day = _sample().issue_date
    slugs = [_sent(stage, day + timedelta(days=30 * at), "") for at in range(1, 10)]
    assert _last_edition(stage) == slugs[-1]


def test_what_is_read_again_replaces_an_issue_that_was_not_sent(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        read = read_issue(sample_issue(Language.JAPANESE), source="sample")
        first = save_issue(session, stage.newsletter_id, read, slug="unsent")
        later = replace(read, issue=replace(read.issue, title="新しい題"))
        again = save_issue(session, stage.newsletter_id, later, slug="unsent")
        assert (again.id, again.title) == (first.id, "新しい題")
