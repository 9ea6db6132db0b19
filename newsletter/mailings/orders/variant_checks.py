"""Preflight of the content that differs between readers: translations, parts for some, subjects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow
from newsletter.errors import ConflictError, ContentError, ListError
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.i18n.values import LanguageName, Number
from newsletter.issues.checks.content import check_issue
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.checks.visibility import Extent, Needs, PartVisibility, find_visibilities
from newsletter.issues.conditions import (
    conditions_of,
    part_conditions,
    placed_conditions,
)
from newsletter.issues.model import Issue
from newsletter.issues.translations import missing_by_language, translated
from newsletter.mailings.archive import languages_sent
from newsletter.mailings.planning.audience import count_languages
from newsletter.mailings.planning.readers import name_readers, without_languages
from newsletter.mailings.planning.variants import (
    VariantCount,
    condition_name,
    condition_query,
    count_variants,
    require_few,
)
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.trials.subjects import LETTERS, SubjectTrial
from newsletter.rendering.checks import check_subject
from newsletter.rendering.model import Subject
from newsletter.rendering.preflight import PriorFindings

_MAIL = IssuePlace(field=IssueField.MAIL)
_FEWER = msg("Use fewer conditions, or split the issue into several.")


def variants_now(
    session: Session,
    newsletter: NewsletterRow,
    issue: Issue,
    *,
    segment: str = "",
    urgent: bool = False,
    figures: Figures | None = None,
) -> Sequence[VariantCount]:
    """Return the variants that a mailing would have now; empty if all parts are for everybody.

    Raises:
        ListError: A condition or the segment is not valid.
        ConflictError: There are too many conditions.
    """
    conditions = conditions_of(issue)
    if not conditions:
        return ()
    if figures is None:
        return count_variants(session, newsletter, conditions, segment, urgent=urgent)
    # Part of the cache key: named segments may be redefined.
    queries = tuple(condition_query(session, newsletter.id, each) for each in conditions)
    key = ("variants", newsletter.id, newsletter.time_zone, conditions, queries, segment, urgent)
    return figures.of(
        session,
        key,
        lambda own: count_variants(own, newsletter, conditions, segment, urgent=urgent),
    ).value


def check_variants(
    session: Session,
    newsletter: NewsletterRow,
    issue: Issue,
    *,
    figures: Figures | None = None,
) -> PriorFindings:
    """Return the findings about an issue with parts for some readers only."""
    if not conditions_of(issue):
        return PriorFindings()
    if faults := tuple(_faults(session, newsletter, issue)):
        return PriorFindings(findings=faults)
    try:
        variants = variants_now(session, newsletter, issue, figures=figures)
        require_few(len(variants))
    except ConflictError as error:
        many = _finding("variants-many", Severity.ERROR, _MAIL, error.message, _FEWER)
        return PriorFindings(findings=(many,))
    return PriorFindings(
        findings=tuple(variant_findings(issue, variants)),
        variants={variant.met: variant.name for variant in variants},
    )


def _faults(session: Session, newsletter: NewsletterRow, issue: Issue) -> Iterator[Finding]:
    for place, condition in placed_conditions(issue):
        try:
            condition_query(session, newsletter.id, condition)
        except ListError as error:
            yield _finding(
                "condition-unknown",
                Severity.ERROR,
                place,
                msg("The condition of a part cannot be read. {reason}", reason=error.message),
                error.advice or msg("Choose a saved segment, or write a query."),
                about=condition,
            )


def variant_findings(issue: Issue, variants: Sequence[VariantCount]) -> Iterator[Finding]:
    """Yield findings about the variants that readers get.

    Without readers there are no variants, and so no findings.
    """
    if not part_conditions(issue) or not variants:
        return
    yield _finding(
        "variants",
        Severity.HINT,
        _MAIL,
        msg(
            "Some parts are not for everybody: readers get {count} different emails.",
            count=Number(len(variants)),
        ),
        msg(
            "Above each preview you choose whose email it shows; test emails follow it. The "
            "archive and the feed leave these parts out."
        ),
    )
    met = {condition for variant in variants for condition in variant.met}
    labels = variants[0].labels
    for place, condition in placed_conditions(issue):
        if condition not in met:
            yield _finding(
                "condition-unmet",
                Severity.WARNING,
                place,
                msg(
                    "No reader meets the condition “{condition}” now.",
                    condition=condition_name(condition, labels),
                ),
                msg("Check the condition, or remove the part."),
                about=condition,
            )
    yield from _bare(issue, without_languages(variants))


def _bare(issue: Issue, variants: Sequence[VariantCount]) -> Iterator[Finding]:
    """Yield the parts that would be empty in some variants, with the readers concerned.

    For a variant without any content this is the only finding.
    """
    remaining = [(variant, frozenset(variant.met)) for variant in variants]
    # Grouped: parts with the same conditions are empty for the same readers.
    alike: dict[tuple[Needs, frozenset[Needs]], list[VariantCount]] = {}
    for part in find_visibilities(issue):
        key = (part.needs, part.content)
        if key not in alike:
            alike[key] = [variant for variant, met in remaining if part.is_bare(met)]
        if some := alike[key]:
            yield _bare_finding(part, some, variants)
        if part.extent is Extent.MAIL:
            remaining = [each for each in remaining if each[0] not in some]
            alike.clear()


def _bare_finding(
    part: PartVisibility, some: Sequence[VariantCount], everybody: Sequence[VariantCount]
) -> Finding:
    people = sum(variant.people for variant in some)
    values: dict[str, object] = {"people": Number(people), "readers": name_readers(some, everybody)}
    all_of_them = len(some) == len(everybody)
    match part.extent:
        case Extent.MAIL:
            code = "variant-empty"
            message = (
                msg("The email has no content for any reader now.")
                if all_of_them
                else nmsg(
                    "The email of {people} reader ({readers}) has no content.",
                    "The email of {people} readers ({readers}) has no content.",
                    people,
                    **values,
                )
            )
            remedy = msg("Add something for everybody, or send it to a segment.")
        case Extent.CONTENTS:
            code = "variant-contents-empty"
            message = (
                msg("The contents are empty for every reader now.")
                if all_of_them
                else nmsg(
                    "The contents are empty in the email of {people} reader ({readers}).",
                    "The contents are empty in the email of {people} readers ({readers}).",
                    people,
                    **values,
                )
            )
            remedy = msg("Give the contents the same condition as the headings, or remove them.")
        case Extent.HEADING:
            code = "variant-part-empty"
            values["heading"] = part.heading
            message = (
                msg(
                    "No reader gets anything below “{heading}” now.",
                    heading=part.heading,
                )
                if all_of_them
                else nmsg(
                    "Below “{heading}”, there is nothing in the email of {people} reader "
                    "({readers}).",
                    "Below “{heading}”, there is nothing in the email of {people} readers "
                    "({readers}).",
                    people,
                    **values,
                )
            )
            remedy = msg(
                "Give the heading the condition of what is below it, or add something for all."
            )
        case _:
            assert_never(part.extent)
    return replace(
        _finding(code, Severity.WARNING, part.place, message, remedy, about=part.heading),
        within=(part.heading,) if part.heading else (),
    )


def _finding(
    code: str,
    severity: Severity,
    place: IssuePlace,
    message: Message,
    remedy: Message,
    *,
    about: str = "",
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        place=place,
        about=about,
        message=message,
        remedy=remedy,
    )


def check_translations(
    session: Session, newsletter: NewsletterRow, issue: Issue, *, corrects: int | None = None
) -> list[Finding]:
    """Return findings about an issue's translations.

    Args:
        session: The database session, for counting readers.
        newsletter: The issue's newsletter.
        issue: The present content, with snippets inserted.
        corrects: The sent issue that it corrects, if any: a correction is not sent to everybody
            again.
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
    """Yield the findings that concern translations but not the original."""
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


def check_subjects(
    issue: Issue, others: Sequence[Subject], fields: Collection[str] = ()
) -> Sequence[Finding]:
    """Return the errors and warnings about the alternative subjects of a trial, without hints.

    Args:
        issue: The issue.
        others: The alternative subjects, in order.
        fields: The keys of the newsletter's fields, which subjects may contain.
    """
    bare = replace(issue, masthead="", lead=(), contents=(), chapters=(), credits=())
    found: list[Finding] = []
    for letter, subject in zip(LETTERS[1:], others, strict=False):
        # Without a preheader of its own, the subject has the issue's, which was checked already.
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


def require_subjects(issue: Issue, trial: SubjectTrial, fields: Collection[str]) -> None:
    """Check the subjects of a trial.

    Raises:
        ContentError: A subject cannot be sent.
    """
    for finding in check_subjects(issue, trial.others, fields):
        if finding.severity is Severity.ERROR:
            raise ContentError(finding.message, remedy=finding.remedy)
