"""Issues as form fields: conversion to strings, and parsing of submitted strings.

Text within a part is Markdown; pictures and links have separate fields. Properties without fields,
the table of contents and the language, are taken from the issue that the form was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.editions import check_day, read_day
from newsletter.issues.markdown.dialect import ReadCount
from newsletter.issues.markdown.reader import read_body, read_markdown, take_links
from newsletter.issues.markdown.writer import blocks_to_markdown, link_to_markdown, to_markdown
from newsletter.issues.model import Block, Issue, Link, Picture
from newsletter.issues.outline import (
    Level,
    Outline,
    Part,
    outline_anchors,
    to_outline,
    with_outline,
)
from newsletter.issues.sources.normalise import without_controls

#: The name of the lead among parts; chapters, sections and items have their anchors.
LEAD = "lead"


@dataclass(slots=True)
class FormEntry:
    """Text in a part, or a picture if ``source`` is set."""

    words: str = ""
    source: str = ""
    alt: str = ""
    target: str = ""


@dataclass(slots=True)
class LinkFields:
    """The fields of a link; without URL there is no link."""

    url: str = ""
    label: str = ""


@dataclass(slots=True)
class Card:
    """The fields of a part; ``level`` is None for the lead, ``count`` is a chapter's number.

    ``condition`` is the segment of its readers.
    """

    level: Level | None
    count: str = ""
    heading: str = ""
    condition: str = ""
    entries: list[FormEntry] = field(default_factory=list)
    links: list[LinkFields] = field(default_factory=list)


@dataclass(slots=True)
class Sheet:
    """All fields of an issue; the first card is the lead."""

    title: str = ""
    date: str = ""
    number: str = ""
    masthead: str = ""
    preheader: str = ""
    credits: str = ""
    cards: list[Card] = field(default_factory=list)


def to_sheet(issue: Issue) -> Sheet:
    """Return the fields of an issue."""
    lead = Card(level=None, entries=list(_entries(issue.lead)))
    return Sheet(
        title=issue.title,
        date=issue.issue_date.isoformat(),
        number=issue.number,
        masthead=issue.masthead,
        preheader=issue.preheader,
        credits="\n".join(issue.credits),
        cards=[lead, *map(_card, to_outline(issue))],
    )


def _card(part: Part) -> Card:
    return Card(
        level=part.level,
        count="" if part.number is None else str(part.number),
        heading=part.heading,
        condition=part.condition,
        entries=list(_entries(part.body)),
        links=[LinkFields(url=link.url, label=link.label) for link in part.links],
    )


def _entries(blocks: Iterable[Block]) -> Iterator[FormEntry]:
    """Yield texts and the pictures between them, ending with a text.

    A picture with a title or caption is part of the text, since there are no fields for these.
    """
    waiting: list[Block] = []
    for block in blocks:
        if not isinstance(block, Picture) or block.title or block.caption:
            waiting.append(block)
            continue
        if waiting:
            yield FormEntry(words=blocks_to_markdown(waiting))
            waiting.clear()
        yield FormEntry(source=block.source, alt=block.alt, target=block.url)
    yield FormEntry(words=blocks_to_markdown(waiting))


def sheet_of_fields(fields: Iterable[tuple[str, str]]) -> Sheet:
    """Return the fields of a submitted form; each field ``part`` starts a new card."""
    sheet = Sheet()
    card = Card(level=None)
    for name, value in fields:
        text = without_controls(value.replace("\r\n", "\n").replace("\r", "\n"))
        if name == "part":
            level = Level(int(text)) if text in {"1", "2", "3"} else None
            card = Card(level=level)
            sheet.cards.append(card)
        elif name in {"title", "date", "number", "masthead", "preheader", "credits"}:
            setattr(sheet, name, text)
        else:
            _take_field(card, name, text)
    leads = [card for card in sheet.cards if card.level is None] or [Card(level=None)]
    sheet.cards = [leads[0], *(card for card in sheet.cards if card.level is not None)]
    return sheet


def _take_field(card: Card, name: str, text: str) -> None:
    match name:
        case "count" | "heading" | "condition":
            setattr(card, name, text)
        case "words":
            card.entries.append(FormEntry(words=text))
        case "picture":
            card.entries.append(FormEntry(source=text))
        case "alt" | "target" if card.entries:
            setattr(card.entries[-1], name, text)
        case "link":
            card.links.append(LinkFields(url=text))
        case "label" if card.links:
            card.links[-1].label = text
        case _:
            return


def read_sheet(sheet: Sheet, kept: Issue, *, template: str) -> Issue:
    """Return the issue of the fields, which equals its parsed Markdown.

    Raises:
        ContentError: A field is invalid; the place names the part by its anchor, or the field of
            the issue.
    """
    lead, *cards = sheet.cards
    outline = bare_outline(sheet)
    count = ReadCount()
    parts = tuple(
        _read_part(card, part, anchor, count)
        for card, part, anchor in zip(cards, outline, outline_anchors(outline), strict=True)
    )
    issue = replace(
        kept,
        title=_title(sheet.title),
        issue_date=_day(sheet.date),
        number=sheet.number,
        masthead=sheet.masthead,
        preheader=_within(sheet.preheader, "preheader"),
        credits=tuple(filter(None, sheet.credits.split("\n"))),
        lead=_read_entries(lead.entries, LEAD, count),
    )
    whole = with_outline(issue, parts)
    return read_markdown(to_markdown(whole, template=template), source="blocks")[0]


def bare_outline(sheet: Sheet) -> Outline:
    """Return the parts with only their headings and conditions."""
    return tuple(
        Part(
            level=card.level,
            heading=" ".join(card.heading.split("\n")),
            condition=" ".join(card.condition.split("\n")).strip(),
        )
        for card in sheet.cards
        if card.level is not None
    )


def _read_part(card: Card, part: Part, anchor: str, count: ReadCount) -> Part:
    body, links = take_links(_read_entries(card.entries, anchor, count))
    typed = tuple(read_link(link, anchor, count) for link in card.links if link.url or link.label)
    return replace(part, number=_read_count(card.count, anchor), body=body, links=(*links, *typed))


def _read_entries(entries: Iterable[FormEntry], anchor: str, count: ReadCount) -> tuple[Block, ...]:
    return tuple(block for entry in entries for block in _read_entry(entry, anchor, count))


def _read_entry(entry: FormEntry, anchor: str, count: ReadCount) -> tuple[Block, ...]:
    if not entry.source:
        return _read(entry.words, anchor, count)
    picture = Picture(source=entry.source, alt=entry.alt, url=entry.target.strip())
    return _read(blocks_to_markdown([picture]), anchor, count)


def read_link(typed: LinkFields, anchor: str = "", count: ReadCount | None = None) -> Link:
    """Return the link of the fields, which equals its parsed Markdown.

    Raises:
        ContentError: The URL is missing, or not allowed in mail.
    """
    link = Link(url=typed.url.strip(), label=typed.label)
    if not link.url:
        raise ContentError(
            msg("The link “{label}” has no address.", label=link.label),
            place=Place(field=anchor),
            remedy=msg("Enter the address, or remove the link text."),
        )
    _body, links = take_links(_read(link_to_markdown(link), anchor, count))
    return links[0] if links else link


def _read(text: str, anchor: str, count: ReadCount | None) -> tuple[Block, ...]:
    try:
        return read_body(text, source="blocks", count=count)
    except ContentError as error:
        place = Place(field=anchor)
        raise ContentError(error.message, place=place, remedy=error.advice) from None


def _read_count(text: str, anchor: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= 999:  # noqa: PLR2004 - three digits
        return int(text)
    raise ContentError(
        msg("“{text}” is not a chapter number.", text=text),
        place=Place(field=anchor),
        remedy=msg("Enter a number from 1 to 999, or leave it empty."),
    )


def _title(text: str) -> str:
    title = " ".join(text.split("\n"))
    if title.strip():
        return _within(title, "title")
    raise ContentError(
        msg("The issue has no subject."),
        place=Place(field="title"),
        remedy=msg("Enter a subject."),
    )


def _within(text: str, name: str) -> str:
    if len(text) <= 300:  # noqa: PLR2004 - as in front matter
        return text
    raise ContentError(
        msg("The text has {count} characters; the limit is 300.", count=len(text)),
        place=Place(field=name),
        remedy=msg("Shorten it."),
    )


def _day(text: str) -> date:
    place = Place(field="date")
    return check_day(read_day(text, place), place)
