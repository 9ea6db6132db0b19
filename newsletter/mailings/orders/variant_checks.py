"""Preflight of parts for some readers: who gets which, and whose mail would lack what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.i18n.values import Number
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.checks.visibility import Extent, Needs, PartVisibility, find_visibilities
from newsletter.issues.conditions import (
    conditions_of,
    part_conditions,
    placed_conditions,
)
from newsletter.issues.model import Issue
from newsletter.mailings.planning.readers import name_readers, without_languages
from newsletter.mailings.planning.variants import (
    VariantCount,
    condition_name,
    condition_query,
    count_variants,
    demand_few,
)
from newsletter.mailings.reports.cached_figures import Figures
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
    """Return the variants that a mailing would have now; none where all parts are for everybody.

    Raises:
        ListError: A condition or the segment is none.
        ConflictError: There are too many conditions.
    """
    conditions = conditions_of(issue)
    if not conditions:
        return ()
    if figures is None:
        return count_variants(session, newsletter, conditions, segment, urgent=urgent)
    # The segments that conditions name may be others by the next look.
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
    """Return what is to be known, and what is wrong, of an issue with parts for some readers."""
    if not conditions_of(issue):
        return PriorFindings()
    if faults := tuple(_faults(session, newsletter, issue)):
        return PriorFindings(findings=faults)
    try:
        variants = variants_now(session, newsletter, issue, figures=figures)
        demand_few(len(variants))
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
    """Yield what is to be known, and what is wrong, of the variants that readers get.

    Where there are no readers yet, there are no variants, and nothing is wrong with them.
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
    """Yield what some readers would see without its content, with whose mail it is.

    Where a mail has no content at all, nothing more is said of it.
    """
    remaining = [(variant, frozenset(variant.met)) for variant in variants]
    # Parts under the same conditions are bare for the same readers.
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
