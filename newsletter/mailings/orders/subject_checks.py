"""Preflight of the subjects that a trial compares with an issue's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from newsletter.errors import ContentError
from newsletter.i18n.messages import msg
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.findings import Finding, IssueField, Severity
from newsletter.issues.model import Issue
from newsletter.mailings.trials.subjects import LETTERS, SubjectTrial
from newsletter.rendering.checks import check_subject
from newsletter.rendering.model import Subject


def check_subjects(
    issue: Issue, others: Sequence[Subject], fields: Collection[str] = ()
) -> Sequence[Finding]:
    """Return what is wrong with the subjects besides the issue's own, by their letters; no hints.

    Args:
        issue: Whose subjects are compared.
        others: These, in their order.
        fields: The keys of the fields that the newsletter has of its readers.
    """
    bare = replace(issue, masthead="", lead=(), contents=(), chapters=(), credits=())
    found: list[Finding] = []
    for letter, subject in zip(LETTERS[1:], others, strict=False):
        # Without a preheader of its own it has the issue's, which was looked at.
        looked_at = {IssueField.TITLE} | ({IssueField.PREHEADER} if subject.preheader else set())
        shown = replace(bare, title=subject.title, preheader=subject.preheader, translations=())
        found += [
            replace(
                finding,
                about=f"{letter} {finding.about}".strip(),
                message=msg(
                    "In subject {letter}: {finding}", letter=letter, finding=finding.message
                ),
                fix=None,
            )
            for finding in (*check_issue(shown, fields), *check_subject(subject.title))
            if finding.place.field in looked_at and finding.severity is not Severity.HINT
        ]
    return found


def demand_subjects(issue: Issue, trial: SubjectTrial, fields: Collection[str]) -> None:
    """Refuse a trial with a subject that no mail can carry.

    Raises:
        ContentError: One is such.
    """
    for finding in check_subjects(issue, trial.others, fields):
        if finding.severity is Severity.ERROR:
            raise ContentError(finding.message, remedy=finding.remedy)
