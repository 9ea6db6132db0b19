"""Preflight of an issue's content, before rendering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from unicodedata import east_asian_width

from newsletter.i18n.messages import msg
from newsletter.issues.checks.blocks import check_blocks
from newsletter.issues.checks.findings import (
    Finding,
    IssueField,
    IssuePlace,
    Severity,
    sorted_findings,
)
from newsletter.issues.checks.links import check_links
from newsletter.issues.checks.markup import check_markup
from newsletter.issues.checks.spelling import check_spelling
from newsletter.issues.checks.weekdays import check_weekdays
from newsletter.issues.model import Issue
from newsletter.issues.outline import (
    outline_anchors,
    remove_part,
    table_of_contents,
    to_outline,
    with_outline,
)
from newsletter.issues.rewriting import rewrite_issue
from newsletter.issues.sources.characters import find_character_faults, mend_characters
from newsletter.issues.walking import walk_parts, walk_pictures, walk_texts

#: Columns of text below which an issue with pictures is regarded as pictures only; a full-width
#: character has two columns.
_FEW_COLUMNS = 120
#: Characters of a preheader below which inboxes also show the text after it.
_PREHEADER_SHORT = 20
#: The largest number of characters of a preheader that inboxes show.
_PREHEADER_LONG = 140
#: Parts of an issue that do not count as its text.
_AROUND = frozenset(
    {
        IssueField.TITLE,
        IssueField.MASTHEAD,
        IssueField.PREHEADER,
        IssueField.CONTENTS,
        IssueField.CREDITS,
    }
)


def check_issue(
    issue: Issue, fields: Collection[str] = (), known_words: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Return the findings about an issue's content, errors first.

    Args:
        issue: The issue.
        fields: The keys of the newsletter's fields.
        known_words: The words of the newsletter's dictionary, folded.
    """
    findings = [finding for check in _CHECKS for finding in check(issue)]
    spelling = check_spelling(issue, known_words)
    return sorted_findings([*findings, *spelling, *check_blocks(issue, fields)])


def _check_empty(issue: Issue) -> Iterator[Finding]:
    if not issue.title.strip():
        yield Finding(
            code="title-empty",
            severity=Severity.ERROR,
            place=IssuePlace(field=IssueField.TITLE),
            message=msg("The issue has no subject."),
            remedy=msg("Enter a subject."),
        )
    if not issue.lead and not issue.chapters:
        yield Finding(
            code="issue-empty",
            severity=Severity.ERROR,
            place=IssuePlace(field=IssueField.BODY),
            message=msg("There is nothing in the issue."),
            remedy=msg("Write a chapter or a lead, or bring a text in."),
        )
    for part in walk_parts(issue):
        if part.place.chapter is None:
            continue
        nameless = not part.place.heading.strip()
        if part.empty:
            yield Finding(
                code="part-empty",
                severity=Severity.WARNING,
                place=part.place,
                message=msg("It has nothing below it."),
                remedy=msg("Complete it, or remove it."),
                fix=partial(_without_part, place=part.place),
                act=msg("Remove"),
            )
        elif nameless and (part.place.item or part.place.section):
            yield Finding(
                code="heading-empty",
                severity=Severity.WARNING,
                place=part.at(IssueField.HEADING),
                message=msg("It has no heading."),
                remedy=msg("Write one."),
            )


def _without_part(issue: Issue, *, place: IssuePlace) -> Issue:
    outline = to_outline(issue)
    index = outline_anchors(outline).index(place.anchor)
    return with_outline(issue, remove_part(outline, index))


def _check_preheader(issue: Issue) -> Iterator[Finding]:
    place = IssuePlace(field=IssueField.PREHEADER)
    length = len(issue.preheader.strip())
    if not length:
        yield Finding(
            code="preheader-missing",
            severity=Severity.HINT,
            place=place,
            message=msg("There is no preheader; the first words of the text stand in."),
            remedy=msg("Write a sentence that gives a reason to open the mail."),
        )
    elif length < _PREHEADER_SHORT:
        yield Finding(
            code="preheader-short",
            severity=Severity.HINT,
            place=place,
            message=msg("The preheader has only {length} characters.", length=length),
            remedy=msg(
                "Write {preheader_short} or more, or the inbox adds what follows it.",
                preheader_short=_PREHEADER_SHORT,
            ),
        )
    elif length > _PREHEADER_LONG:
        yield Finding(
            code="preheader-long",
            severity=Severity.HINT,
            place=place,
            message=msg(
                "The preheader has {length} characters; inboxes cut it off.", length=length
            ),
            remedy=msg("Keep it under {limit} characters.", limit=_PREHEADER_LONG),
        )


def _check_pictures(issue: Issue) -> Iterator[Finding]:
    for place, picture in walk_pictures(issue):
        if not picture.alt.strip():
            yield Finding(
                code="alt-missing",
                severity=Severity.WARNING,
                place=place,
                about=picture.source,
                message=msg("The picture has no alternative text: {source}", source=picture.source),
                remedy=msg("Describe what it shows; many readers never see pictures."),
            )


def _check_pictures_alone(issue: Issue) -> Iterator[Finding]:
    """Yield a finding if an issue consists of pictures only; recurring parts are not counted."""
    pictures = [picture for _, picture in walk_pictures(issue)]
    if not pictures:
        return
    described = Counter(words for picture in pictures for words in (picture.alt, picture.title))
    letters = 0
    for place, text in walk_texts(issue):
        if place.field in _AROUND:
            continue
        if described[text]:
            described[text] -= 1
            continue
        letters += sum(
            1 + (east_asian_width(letter) in "WF") for letter in text if not letter.isspace()
        )
    if letters < _FEW_COLUMNS:
        yield Finding(
            code="image-only",
            severity=Severity.WARNING,
            place=IssuePlace(field=IssueField.MAIL),
            message=msg("The email consists of pictures with hardly any text."),
            remedy=msg(
                "Add the content of the pictures as text; filters may classify such emails as spam."
            ),
        )


def _check_characters(issue: Issue) -> Iterator[Finding]:
    for place, text in walk_texts(issue):
        for fault in find_character_faults(text):
            yield Finding(
                code=fault.code,
                severity=fault.severity,
                place=place,
                message=fault.message,
                remedy=msg("Replace them with what was meant.")
                if fault.mendable
                else msg("Rewrite the passage."),
                about=fault.found[0],
                within=tuple(
                    line for line in text.split("\n") if any(map(line.count, fault.found))
                )[:1],
                fix=partial(rewrite_issue, text=mend_characters) if fault.mendable else None,
                act=msg("Replace them"),
            )


_FROM_HEADINGS = msg("Create from headings")


def _check_contents(issue: Issue) -> Iterator[Finding]:
    anchors = {anchor: at for at, anchor in enumerate(outline_anchors(to_outline(issue)))}
    for line in table_of_contents(issue):
        if issue.contents and not line.anchor:
            yield Finding(
                code="contents-dead",
                severity=Severity.WARNING,
                place=IssuePlace(field=IssueField.CONTENTS),
                about=line.text,
                message=msg(
                    "The contents name “{text}”, which no heading matches.", text=line.text
                ),
                remedy=msg("Match the heading, or derive the contents from the headings."),
                fix=_derive_contents,
                act=_FROM_HEADINGS,
            )
    order = [anchors[line.anchor] for line in table_of_contents(issue) if line.anchor in anchors]
    if issue.contents and order != sorted(order):
        yield Finding(
            code="contents-order",
            severity=Severity.WARNING,
            place=IssuePlace(field=IssueField.CONTENTS),
            message=msg("The contents are in a different order."),
            remedy=msg("Create the contents from the headings."),
            fix=_derive_contents,
            act=_FROM_HEADINGS,
        )


def _derive_contents(issue: Issue) -> Issue:
    return replace(issue, contents=())


_CHECKS: tuple[Callable[[Issue], Iterator[Finding]], ...] = (
    _check_empty,
    _check_characters,
    check_weekdays,
    check_markup,
    check_links,
    _check_pictures,
    _check_pictures_alone,
    _check_contents,
    _check_preheader,
)
