"""Preflight of parts for some readers: who gets what now, and what would be amiss for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.conditions import (
    conditions_of,
    part_conditions,
    placed_conditions,
    select_parts,
)
from newsletter.issues.model import Issue
from newsletter.issues.translations import language_conditions
from newsletter.issues.walking import walk_parts
from newsletter.mailings.planning.variants import (
    VariantCount,
    condition_query,
    count_variants,
    demand_few,
)
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.rendering.preflight import Known

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
) -> Known:
    """Return what is to be known, and what is wrong, of an issue with parts for some readers."""
    if not conditions_of(issue):
        return Known()
    if faults := tuple(_faults(session, newsletter, issue)):
        return Known(findings=faults)
    try:
        variants = variants_now(session, newsletter, issue, figures=figures)
        demand_few(len(variants))
    except ConflictError as error:
        many = _finding("variants-many", Severity.ERROR, _MAIL, error.message, _FEWER)
        return Known(findings=(many,))
    return Known(
        findings=tuple(_check(issue, variants)),
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


def _check(issue: Issue, variants: Sequence[VariantCount]) -> Iterator[Finding]:
    if not part_conditions(issue):
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
    for place, condition in placed_conditions(issue):
        if condition not in met:
            yield _finding(
                "condition-unmet",
                Severity.WARNING,
                place,
                msg("No reader meets the condition “{condition}” now.", condition=condition),
                msg("Check the condition, or remove the part."),
                about=condition,
            )
    yield from _empty(issue, variants)


def _empty(issue: Issue, variants: Sequence[VariantCount]) -> Iterator[Finding]:
    """Yield what some readers would find empty, with how many they are."""
    empty = {part.place.heading for part in walk_parts(issue) if part.empty}
    places = {part.place.heading: part.place for part in reversed(list(walk_parts(issue)))}
    by_heading: Counter[str] = Counter()
    nothing = 0
    for variant in variants:
        shown = select_parts(issue, set(variant.met).difference(language_conditions(issue)))
        if not (shown.lead or shown.chapters):
            nothing += variant.people
        headings = {
            part.place.heading
            for part in walk_parts(shown)
            if part.empty and part.place.chapter is not None
        }
        by_heading.update(dict.fromkeys(headings - empty, variant.people))
    if nothing:
        yield _finding(
            "variant-empty",
            Severity.WARNING,
            _MAIL,
            msg("For {people} readers, the email is empty.", people=Number(nothing)),
            msg("Add something for everybody, or send it to a segment."),
        )
    for heading, people in by_heading.items():
        yield _finding(
            "variant-part-empty",
            Severity.WARNING,
            places.get(heading, _MAIL),
            msg(
                "For {people} readers, there is nothing below “{heading}”.",
                people=Number(people),
                heading=heading,
            ),
            msg("Give the heading the condition of what is below it, or add something for all."),
            about=heading,
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
