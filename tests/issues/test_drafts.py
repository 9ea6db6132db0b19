"""Drafts on both databases: saving, history, and two editors at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRevisionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import ConflictError, NotFoundError
from newsletter.issues.drafts.publishing import publish_draft
from newsletter.issues.drafts.saving import (
    Draft,
    DraftConflictError,
    create_draft,
    get_draft,
    get_revision,
    list_drafts,
    list_revisions,
    open_issue,
    restore_revision,
    save_draft,
)
from newsletter.issues.model import Chapter, Issue, Item, issue_from_json
from newsletter.issues.store import list_issues
from tests.support.stage import Stage

FIRST = Issue(
    title="初版",
    issue_date=date(2026, 12, 1),
    chapters=(Chapter(heading="章", items=(Item(headline="記事"),)),),
)


@pytest.fixture
def draft(stage: Stage) -> Draft:
    with transaction(stage.engine) as session:
        return create_draft(session, stage.newsletter_id, FIRST, author="aoki")


def _save(stage: Stage, draft: Draft, title: str, **more: object) -> Draft:
    values = {"author": "aoki"} | more
    with transaction(stage.engine) as session:
        return save_draft(session, draft, replace(draft.issue, title=title), **values)  # type: ignore[arg-type]


def _numbers(stage: Stage, draft: Draft) -> list[int]:
    with reading(stage.engine) as session:
        return [revision.number for revision in list_revisions(session, draft)]


def test_what_was_saved_is_read_again(stage: Stage, draft: Draft) -> None:
    saved = _save(stage, draft, "二版", template="letter")

    with reading(stage.engine) as session:
        read = get_draft(session, stage.newsletter_id, draft.id)
        assert list_drafts(session, stage.newsletter_id) == [read]
    assert read == saved
    assert (read.issue.title, read.template, read.revision) == ("二版", "letter", 2)


def test_whoever_saves_second_gets_both_versions_and_overwrites_nothing(
    stage: Stage, draft: Draft
) -> None:
    _save(stage, draft, "青木の版")

    with pytest.raises(DraftConflictError) as conflict:
        _save(stage, draft, "馬場の版", author="baba")

    assert conflict.value.theirs.issue.title == "青木の版"
    assert conflict.value.mine.issue.title == "馬場の版"
    with reading(stage.engine) as session:
        assert get_draft(session, stage.newsletter_id, draft.id).issue.title == "青木の版"


def test_of_many_who_save_at_once_exactly_one_succeeds(stage: Stage, draft: Draft) -> None:
    start = Barrier(6)

    def save(number: int) -> bool:
        start.wait()
        try:
            _save(stage, draft, f"版{number}", author=f"editor {number}")
        except DraftConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(save, range(6))) == [False] * 5 + [True]
    assert _numbers(stage, draft) == [2, 1]


def test_the_same_save_twice_counts_once(stage: Stage, draft: Draft) -> None:
    first = _save(stage, draft, "二版")

    assert _save(stage, draft, "二版") == first
    assert _numbers(stage, draft) == [2, 1]


def test_one_sitting_of_autosaves_is_one_revision(stage: Stage, draft: Draft) -> None:
    for title in ("あ", "ああ", "あああ"):
        draft = _save(stage, draft, title, kind=RevisionKind.AUTOSAVED)

    assert draft.revision == 4
    assert _numbers(stage, draft) == [4, 1]


def test_autosaves_of_another_person_or_a_later_hour_are_their_own_revision(
    stage: Stage, draft: Draft
) -> None:
    draft = _save(stage, draft, "一", kind=RevisionKind.AUTOSAVED)
    draft = _save(stage, draft, "二", kind=RevisionKind.AUTOSAVED, author="baba")
    with transaction(stage.engine) as session:
        session.execute(update(DraftRevisionRow).values(began_at=now() - timedelta(minutes=6)))
    draft = _save(stage, draft, "三", kind=RevisionKind.AUTOSAVED, author="baba")

    assert _numbers(stage, draft) == [4, 3, 2, 1]


_LONG = "窓口は、年末は二十八日まで、年始は四日から開きます。" * 6


def test_a_long_text_that_an_autosave_loses_stays_in_the_history(
    stage: Stage, draft: Draft
) -> None:
    for title in ("あ", _LONG[:40], _LONG, "い", "いい"):
        draft = _save(stage, draft, title, kind=RevisionKind.AUTOSAVED)

    assert _numbers(stage, draft) == [6, 4, 1]
    with reading(stage.engine) as session:
        assert get_revision(session, draft, 4).issue.title == _LONG


def test_a_text_that_is_written_over_by_another_stays_in_the_history(
    stage: Stage, draft: Draft
) -> None:
    other = "市立図書館では、冬の読書会への参加者を募集しています。" * 6
    for title in (_LONG, other):
        draft = _save(stage, draft, title, kind=RevisionKind.AUTOSAVED)

    assert _numbers(stage, draft) == [3, 2, 1]


def test_what_was_published_stays_in_the_history(stage: Stage, draft: Draft) -> None:
    draft = _save(stage, draft, "一", kind=RevisionKind.AUTOSAVED)
    with transaction(stage.engine) as session:
        publish_draft(session, draft)
        draft = get_draft(session, stage.newsletter_id, draft.id)
    for title in ("一号", "一号で"):
        draft = _save(stage, draft, title, kind=RevisionKind.AUTOSAVED)

    assert _numbers(stage, draft) == [4, 2, 1]


def test_restoring_adds_a_revision_and_loses_none(stage: Stage, draft: Draft) -> None:
    changed = _save(stage, draft, "二版", template="letter")
    with transaction(stage.engine) as session:
        restored = restore_revision(session, changed, 1, author="aoki")

    assert (restored.issue, restored.template, restored.revision) == (FIRST, "", 3)
    assert _numbers(stage, draft) == [3, 2, 1]
    with reading(stage.engine) as session:
        assert get_revision(session, restored, 2).issue.title == "二版"


def test_a_draft_is_seen_by_readers_only_once_it_is_published(stage: Stage, draft: Draft) -> None:
    with transaction(stage.engine) as session:
        assert len(list_issues(session, stage.newsletter_id)) == 1
        row = publish_draft(session, draft)
        assert len(list_issues(session, stage.newsletter_id)) == 2

    assert row.slug == "2026-12-01"
    assert issue_from_json(row.content) == FIRST


def test_publishing_again_replaces_the_same_issue_under_the_same_address(
    stage: Stage, draft: Draft
) -> None:
    with transaction(stage.engine) as session:
        first = publish_draft(session, draft)
    moved = replace(draft.issue, issue_date=date(2026, 12, 2))
    with transaction(stage.engine) as session:
        later = save_draft(
            session, get_draft(session, stage.newsletter_id, draft.id), moved, author="aoki"
        )
        second = publish_draft(session, later)

    assert (second.id, second.slug) == (first.id, first.slug)


def test_a_draft_takes_no_other_issues_place(stage: Stage, draft: Draft) -> None:
    with pytest.raises(ConflictError, match="already an issue"), transaction(stage.engine) as s:
        publish_draft(s, draft, slug=stage.issue)


def test_issues_without_a_number_share_a_day_and_keep_their_addresses(stage: Stage) -> None:
    notices = [replace(FIRST, title=title) for title in ("断水のお知らせ", "断水の終了", "続報")]
    with transaction(stage.engine) as session:
        drafts = [
            create_draft(session, stage.newsletter_id, each, author="aoki") for each in notices
        ]
        slugs = [publish_draft(session, each).slug for each in drafts]
        again = get_draft(session, stage.newsletter_id, drafts[1].id)
        assert publish_draft(session, again).slug == slugs[1]

    assert slugs == ["2026-12-01", "2026-12-01-2", "2026-12-01-3"]


def test_two_issues_of_one_day_and_number_are_refused(stage: Stage) -> None:
    numbered = replace(FIRST, number="第4号")
    with transaction(stage.engine) as session:
        drafts = [
            create_draft(session, stage.newsletter_id, numbered, author="aoki") for _ in range(2)
        ]
        publish_draft(session, drafts[0])
    with pytest.raises(ConflictError, match="already an issue"), transaction(stage.engine) as s:
        publish_draft(s, drafts[1])


def test_a_draft_that_changed_meanwhile_is_not_published(stage: Stage, draft: Draft) -> None:
    _save(stage, draft, "二版")

    with pytest.raises(DraftConflictError), transaction(stage.engine) as session:
        publish_draft(session, draft)


def test_an_issue_has_one_draft_however_often_it_is_opened(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        first = open_issue(session, stage.newsletter_id, stage.issue, author="aoki")
        again = open_issue(session, stage.newsletter_id, stage.issue, author="baba")

    assert again == first


def test_another_newsletters_draft_is_not_found(stage: Stage, draft: Draft) -> None:
    with pytest.raises(NotFoundError), reading(stage.engine) as session:
        get_draft(session, stage.newsletter_id + 1, draft.id)
