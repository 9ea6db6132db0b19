"""Preflight of an issue's content before rendering: its text, its dates and their weekdays."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import chain
from unicodedata import east_asian_width

from newsletter.i18n.messages import msg
from newsletter.i18n.values import Day, Weekday
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
from newsletter.issues.drafts.restating import ERAS, NUMERAL, WEEKDAYS, read_numeral
from newsletter.issues.model import Issue
from newsletter.issues.outline import (
    outline_anchors,
    remove_part,
    table_of_contents,
    to_outline,
    with_outline,
)
from newsletter.issues.rewriting import rewrite_issue
from newsletter.issues.sources.normalise import find_character_faults, mend_characters
from newsletter.issues.walking import walk_parts, walk_passages, walk_pictures, walk_texts

#: A date without a year may be in any year in which it is at most this far from the issue's date.
_FARTHEST = timedelta(days=250)
#: Years relative to that of the issue.
_RELATIVE = {"昨年": -1, "去年": -1, "前年": -1, "今年": 0, "本年": 0, "来年": 1, "翌年": 1}
_HOLIDAY = r"(?:[・･、,，/／]?\s?(?:祝日?|休日?|振替?休?日?))?"
_JAPANESE = re.compile(
    r"(?<![0-9０-９〇一二三四五六七八九十百千/／.])(?<!毎月)"
    rf"(?:(?:(?P<era>令和|平成|R|Ｒ)?(?P<year>{NUMERAL}|元)\s?年\s?"
    rf"|(?P<relative>{'|'.join(_RELATIVE)})の?\s?)?"
    rf"(?P<month>{NUMERAL})(?:\s?月\s?|[/／]))?(?P<day>{NUMERAL})(?:\s?日)?\s?"
    rf"(?:[（(]\s?(?P<within>[{WEEKDAYS}])(?:曜日?)?{_HOLIDAY}\s?[)）]"
    rf"|(?<=日)(?P<beside>[{WEEKDAYS}])曜)"
)


def _any_of(names: calendar._localized_month | calendar._localized_day) -> str:
    return "|".join(filter(None, names))


_MONTH = f"{_any_of(calendar.month_name)}|{_any_of(calendar.month_abbr)}|Sept"
_WEEKDAY = f"{_any_of(calendar.day_name)}|{_any_of(calendar.day_abbr)}|Tues|Thur|Thurs"
_NTH = r"(?:st|nd|rd|th)?"
_ENGLISH_DAY = (
    rf"(?:(?P<day>\d{{1,2}}){_NTH}(?: of)? (?P<name>{_MONTH})\b\.?"
    rf"|(?P<name2>{_MONTH})\b\.? (?P<day2>\d{{1,2}}){_NTH}(?!\d))(?:,? (?P<year>\d{{4}})(?!\d))?"
)
_ENGLISH = (
    re.compile(rf"\b(?P<weekday>{_WEEKDAY})\b\.?,? (?:the )?{_ENGLISH_DAY}"),
    re.compile(rf"(?<!\d){_ENGLISH_DAY} ?\((?P<weekday>{_WEEKDAY})\b\.?\)"),
)


def check_weekdays(issue: Issue) -> Iterator[Finding]:
    """Yield findings about dates with a wrong weekday.

    A date without a year may be in the present, previous or next year, if it is near the issue's
    date. In an issue without a date, only dates with a year are checked.
    """
    own = None if issue.undated else issue.issue_date
    for place, text in walk_passages(issue):
        for written, days, weekday in chain(_japanese(text, own), _english(text, own)):
            if not days or any(day.weekday() == weekday for day in days):
                continue
            yield Finding(
                code="weekday-wrong",
                severity=Severity.WARNING,
                place=place,
                about=written,
                within=tuple(line for line in text.split("\n") if written in line)[:1],
                message=msg(
                    "It says “{written}”, but {day} is a {weekday}.",
                    written=written,
                    day=Day(days[0]),
                    weekday=Weekday(days[0]),
                ),
                remedy=msg("Check which of the two is right, the date or the weekday."),
            )


_Dated = tuple[str, list[date], int]


def _japanese(text: str, own: date | None) -> Iterator[_Dated]:
    """Yield dates with weekdays; a day without month (5日(土)・6日(日)) has the previous one."""
    month: int | None = None
    years: tuple[int | None, ...] = ()
    for match in _JAPANESE.finditer(text):
        if match["month"]:
            month, years = read_numeral(match["month"]), _years(match, own)
        elif "日" not in match[0][: -len("日）")] or month is None:
            continue
        weekday = WEEKDAYS.index(match["within"] or match["beside"])
        yield match[0], _days(years, month, read_numeral(match["day"]), own), weekday


def _years(match: re.Match[str], own: date | None) -> tuple[int | None, ...]:
    """Return the years that a date can mean: (None,) without a year, empty if it is unreadable."""
    if match["relative"]:
        return (own.year + _RELATIVE[match["relative"]],) if own else ()
    if not match["year"]:
        return (None,)
    year = 1 if match["year"] == "元" else read_numeral(match["year"])
    if year is None or (year < 1000 and not match["era"]):  # noqa: PLR2004 - 26年 without an era
        return ()
    return (year + ERAS.get(match["era"] or "", 0),)


def _english(text: str, own: date | None) -> Iterator[_Dated]:
    months = [name[:3] for name in calendar.month_name]
    weekdays = [name[:3] for name in calendar.day_name]
    for match in chain.from_iterable(pattern.finditer(text) for pattern in _ENGLISH):
        month = months.index((match["name"] or match["name2"])[:3])
        years = (int(match["year"]) if match["year"] else None,)
        days = _days(years, month, int(match["day"] or match["day2"]), own)
        yield match[0], days, weekdays.index(match["weekday"][:3])


def _days(
    years: tuple[int | None, ...], month: int | None, day: int | None, own: date | None
) -> list[date]:
    """Return the days that a date can mean, the nearest to the issue's date first."""
    found = []
    for year in years:
        if year is not None:
            found += _day(year, month, day)
        elif own is not None:
            near = [each for to in (-1, 0, 1) for each in _day(own.year + to, month, day)]
            near.sort(key=lambda each: abs(each - own))
            found += [each for each in near if abs(each - own) <= _FARTHEST]
    return found


def _day(year: int, month: int | None, day: int | None) -> list[date]:
    try:
        return [date(year, month or 0, day or 0)]
    except ValueError:
        return []


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
