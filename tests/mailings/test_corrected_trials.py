"""Corrections amid a trial of subjects: what was compared, and what was chosen, stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.database.tables import SubjectTrialRow
from newsletter.database.vocabulary import BatchState, TrialVerdict
from newsletter.issues.model import Issue, Paragraph, Text
from newsletter.issues.store import find_issue
from newsletter.mailings.archive import find_publication, list_publications
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.variants import with_subject
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.trials.decisions import decide_due, report_trial
from newsletter.rendering.slots import fill
from tests.support.corrections import correct, look, write_correction
from tests.support.stage import Stage
from tests.support.trials import (
    OTHER,
    TEXT,
    TRIAL,
    batches_of,
    click,
    decision_of,
    let_hour_come,
    plan_trial,
    trial_stage,
)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

RIGHT = "十二月のお知らせ（訂正）"
CORRECTED = "窓口は二十七日までです。"
PART = '\n:::for domain = "example.jp"\n市内の方へ\n:::\n'


def _mend(issue: Issue) -> Issue:
    """Correct title and text; the links stay."""
    more = Paragraph(content=(Text(text=CORRECTED),))
    return replace(issue, title=RIGHT, preheader="訂正しました", lead=(*issue.lead, more))


def _mail(stage: Stage, mailing: int, variant: int) -> tuple[str, bool, str]:
    """Return the subject of a variant, whether it is corrected, and its preheader."""
    with reading(stage.engine) as session:
        rendered = load_content(session, mailing, variant).rendered
    html = fill(rendered.html, {})
    preheader = next(
        each for each in ("窓口は28日まで", "訂正しました", "市役所から", "") if each in html
    )
    return fill(rendered.subject, {}), CORRECTED in fill(rendered.text, {}), preheader


@pytest.mark.parametrize("text", [TEXT, TEXT + PART], ids=["for all", "with a part for some"])
def test_before_the_decision_each_subject_goes_on_with_the_corrected_text(
    engine: Engine, text: str
) -> None:
    stage = trial_stage(engine, text)
    mailing = plan_trial(stage)
    correct(stage, _mend)

    for part in (0, 1) if text != TEXT else (0,):
        mails = [_mail(stage, mailing, with_subject(part, subject)) for subject in (0, 1)]
        assert mails == [(RIGHT, True, "訂正しました"), (OTHER, True, "窓口は28日まで")]
    # What is compared is called what its mails say from now on.
    with reading(engine) as session:
        report = report_trial(session, mailing)
    assert report is not None
    assert [each.title for each in report.subjects] == [RIGHT, OTHER]


def test_decided_afterwards_the_rest_goes_corrected_with_the_subject_that_was_clicked_most(
    engine: Engine,
) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, 0, 90)
    correct(stage, _mend)
    let_hour_come(engine, mailing)
    decide_due(engine)

    assert decision_of(stage, mailing) == (1, TrialVerdict.BEST)
    (rest,) = [each for each in batches_of(stage, mailing) if each.state is BatchState.PENDING]
    assert _mail(stage, mailing, rest.variant) == (OTHER, True, "窓口は28日まで")


@pytest.mark.parametrize("chosen", [0, 1])
def test_a_subject_that_was_chosen_stays_in_the_mail_the_archive_and_the_report(
    engine: Engine, chosen: int
) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, *((90, 0), (0, 90))[chosen])
    let_hour_come(engine, mailing)
    decide_due(engine)
    correct(stage, _mend)

    subject = (RIGHT, OTHER)[chosen]
    assert decision_of(stage, mailing) == (chosen, TrialVerdict.BEST)
    (rest,) = [each for each in batches_of(stage, mailing) if each.state is BatchState.PENDING]
    assert _mail(stage, mailing, rest.variant)[:2] == (subject, True)
    assert progress(engine, mailing).subject == subject
    with reading(engine) as session:
        (listed,) = list_publications(session, stage.newsletter_id, limit=5)
        assert listed.title == subject
        assert listed.summary == ("訂正しました", "窓口は28日まで")[chosen]
        _, content = find_publication(session, stage.newsletter_id, stage.issue)
        assert CORRECTED in fill(content.rendered.text, {})
        assert fill(content.rendered.subject, {}) == subject
        # The issue itself says what was corrected, whatever its mailing is called.
        assert find_issue(session, stage.newsletter_id, stage.issue).title == RIGHT


def test_a_mailing_that_is_still_to_begin_tries_the_corrected_subject(engine: Engine) -> None:
    stage = trial_stage(engine)
    plan_trial(stage)
    later = stage.mail(trial=TRIAL)
    correct(stage, _mend)
    plan_mailing(engine, later)

    mails = [_mail(stage, later, with_subject(0, subject))[:2] for subject in (0, 1)]
    assert mails == [(RIGHT, True), (OTHER, True)]
    with reading(engine) as session:
        subjects = session.get_one(SubjectTrialRow, later).subjects
        assert [each["title"] for each in subjects] == [RIGHT, OTHER]


def test_whoever_confirms_is_told_which_other_subjects_may_still_leave(engine: Engine) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage)
    click(stage, mailing, 90, 0)
    write_correction(stage, _mend)
    assert look(stage).subjects == (OTHER,)
    let_hour_come(engine, mailing)
    decide_due(engine)
    assert decision_of(stage, mailing) == (0, TrialVerdict.BEST)
    assert look(stage).subjects == ()
