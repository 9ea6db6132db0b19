"""Preflight of translations: which are incomplete, who gets the original, what is amiss in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow
from newsletter.i18n.messages import msg, nmsg
from newsletter.i18n.values import LanguageName, Number
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.model import Issue
from newsletter.issues.translations import missing_by_language, translated
from newsletter.mailings.archive import languages_sent
from newsletter.mailings.planning.languages import count_languages
from newsletter.rendering.checks import check_subject

_MAIL = IssuePlace(field=IssueField.MAIL)


def check_translations(
    session: Session, newsletter: NewsletterRow, issue: Issue, *, corrects: int | None = None
) -> list[Finding]:
    """Return what is to be known, and what is wrong, of an issue's translations.

    Args:
        session: To count readers with.
        newsletter: Whose issue.
        issue: As it is now, with its snippets put in.
        corrects: The sent issue that it corrects: then nobody is sent it anew.
    """
    sent = languages_sent(session, corrects) if corrects is not None else frozenset()
    if not issue.translations and not sent:
        return []
    lacking = missing_by_language(issue)
    complete = [each.language for each in issue.translations if each.language not in lacking]
    findings = list(_in_translations(issue, complete))
    if corrects is not None:
        findings += [
            _left_behind(tag, len(missing)) if tag in sent else _lacking(tag, len(missing), 0)
            for tag, missing in lacking.items()
        ]
        kept = {each.language for each in issue.translations}
        return findings + [_withdrawn(tag) for tag in sorted(sent - kept)]
    people = count_languages(session, newsletter, issue, lacking)
    findings += [_lacking(tag, len(missing), people[tag]) for tag, missing in lacking.items()]
    return findings


def _left_behind(tag: str, missing: int) -> Finding:
    return Finding(
        code="translation-incomplete",
        severity=Severity.WARNING,
        place=_MAIL,
        about=tag,
        message=nmsg(
            "The translation into {language} lacks {count} part. In the archive and in all copies, "
            "its readers see it uncorrected, with a notice that the original was corrected.",
            "The translation into {language} lacks {count} parts. In the archive and in all "
            "copies, its readers see it uncorrected, with a notice that the original was "
            "corrected.",
            missing,
            language=LanguageName(tag),
        ),
        remedy=msg(
            "Translate what is missing. If you remove the translation, its readers see the "
            "corrected original instead."
        ),
    )


def _withdrawn(tag: str) -> Finding:
    return Finding(
        code="translation-incomplete",
        severity=Severity.WARNING,
        place=_MAIL,
        about=tag,
        message=msg(
            "The issue was sent in {language}; the correction has no such translation, so its "
            "readers see the corrected original instead.",
            language=LanguageName(tag),
        ),
        remedy=msg("Restore the translation if they are to read it in their language."),
    )


def _lacking(tag: str, missing: int, people: int) -> Finding:
    if not people:
        message = nmsg(
            "The translation into {language} lacks {count} part.",
            "The translation into {language} lacks {count} parts.",
            missing,
            language=LanguageName(tag),
        )
    else:
        message = nmsg(
            "The translation into {language} lacks {count} part; its readers ({people}) get the "
            "original.",
            "The translation into {language} lacks {count} parts; its readers ({people}) get the "
            "original.",
            missing,
            language=LanguageName(tag),
            people=Number(people),
        )
    return Finding(
        code="translation-incomplete",
        severity=Severity.WARNING if people else Severity.HINT,
        place=_MAIL,
        about=tag,
        message=message,
        remedy=msg("Translate what is missing, or remove the translation."),
    )


def _in_translations(issue: Issue, tags: Sequence[str]) -> Iterator[Finding]:
    """Yield what is wrong with what readers of translations get, and not with the original."""
    own = {(finding.code, finding.about) for finding in check_issue(issue)}
    for tag in tags:
        said = translated(issue, tag)
        for finding in (*check_issue(said), *check_subject(said.title)):
            if finding.severity is Severity.HINT or (finding.code, finding.about) in own:
                continue
            yield replace(
                finding,
                about=f"{tag} {finding.about}".strip(),
                message=msg(
                    "In {language}: {finding}", language=LanguageName(tag), finding=finding.message
                ),
                fix=None,
            )
