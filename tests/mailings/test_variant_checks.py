"""What preflight says of subjects besides the issue's own: those of trials and of translations."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.database.tables import NewsletterRow
from newsletter.i18n.language import Language
from newsletter.issues.model import Issue
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translations import with_translation
from newsletter.mailings.orders.readiness import stored_findings
from newsletter.mailings.orders.variant_checks import check_subjects
from newsletter.mailings.trials.subjects import SubjectTrial
from newsletter.rendering.model import Subject
from tests.support.databases import on_one_database
from tests.support.stage import set_stage

ISSUE = Issue(title="町だより", issue_date=date(2026, 12, 1))
LONG = "Town news " * 11


def test_what_is_wrong_with_a_compared_subject_names_its_letter() -> None:
    others = (Subject(title="年末", preheader="{{name}}"), Subject(title=LONG))
    trial = SubjectTrial(others=others, share=50, decide=datetime.fromisoformat("2026-12-01T09:00"))
    findings = check_subjects(ISSUE, trial.others)
    assert [(each.code, each.message.in_language(Language.ENGLISH)[:13]) for each in findings] == [
        ("placeholder", "In subject B:"),
        ("subject-long", "In subject C:"),
    ]
    assert check_subjects(ISSUE, ()) == []


@on_one_database("sqlite")
def test_a_translated_subject_that_inboxes_cut_names_its_language(engine: Engine) -> None:
    stage = set_stage(engine)
    english = translation_from_issue(ISSUE, replace(ISSUE, title=LONG), "en")
    with reading(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        known = stored_findings(session, newsletter, with_translation(ISSUE, english), besides=None)
    (found,) = [each for each in known.findings if each.code == "subject-long"]
    assert found.message.in_language(Language.ENGLISH).startswith("In English: ")
