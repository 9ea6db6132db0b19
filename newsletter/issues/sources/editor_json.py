"""Issues as JSON from the script of the editor, which is untrusted input.

The JSON is parsed to the content model, which is written as Markdown and parsed again. Therefore
the rules for URLs, depth, tables and dates are those of all other sources, and the stored issue
always equals its Markdown.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.checks.lines import part_at
from newsletter.issues.markdown.reader import read_body, read_markdown, read_parts
from newsletter.issues.markdown.syntax import MOST_HEADINGS, MOST_LINES
from newsletter.issues.markdown.tables import MOST_CELLS
from newsletter.issues.markdown.writer import blocks_to_markdown, body_to_markdown, to_markdown
from newsletter.issues.model import (
    Block,
    Chapter,
    Issue,
    Item,
    Section,
    Table,
    ThematicBreak,
    blocks_from_json,
    issue_from_json,
)
from newsletter.issues.sources.normalise import without_controls
from newsletter.issues.walking import walk_parts, walk_placed_blocks

#: The name of the source in errors.
SOURCE = "blocks"
_TITLE_LENGTH = 300
#: Size of the cache of parsed parts, and the largest part in characters that is cached.
_KEPT_PARTS, _KEPT_LENGTH = 2048, 8000
#: Appended to a part that is parsed separately.
_END = Chapter(heading="end", body=(ThematicBreak(),))
_Body = tuple[tuple[Block, ...], tuple[Chapter, ...]]
_Part = TypeVar("_Part", Chapter, Section, Item)


def read_json(text: str, *, template: str = "") -> Issue:
    """Return the issue of JSON in the form of `issue_to_json`.

    Raises:
        ContentError: The JSON is not an issue, or breaks a rule of Markdown; the place names the
            part by its anchor, or the field.
    """
    try:
        issue = issue_from_json(_plain(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from None
    if not issue.title.strip():
        raise ContentError(
            msg("The issue has no subject."),
            place=Place(source=SOURCE, field="title"),
            remedy=msg("Enter a subject."),
        )
    if len(issue.title) > _TITLE_LENGTH:
        raise ContentError(
            msg("The subject has {count} characters; the limit is 300.", count=len(issue.title)),
            place=Place(source=SOURCE, field="title"),
            remedy=msg("Shorten it."),
        )
    return _as_its_markdown(issue, template)


def read_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of JSON in the form of `blocks_to_json`.

    Raises:
        ContentError: The JSON is not a list of blocks, or breaks a rule of Markdown.
    """
    try:
        blocks = blocks_from_json(_plain(json.loads(text)))
        return read_body(blocks_to_markdown(blocks), source=SOURCE)
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from None


def _as_its_markdown(issue: Issue, template: str) -> Issue:
    try:
        return _by_part(issue, template)
    except (_NotByItselfError, ContentError, RecursionError):
        # Parsing the whole text yields the error with its place.
        return _whole(issue, template)


def _whole(issue: Issue, template: str) -> Issue:
    try:
        written = to_markdown(issue, template=template)
    except RecursionError as error:
        raise _unreadable(error) from None
    try:
        return read_markdown(written, source=SOURCE)[0]
    except ContentError as error:
        line = error.place.line if error.place else None
        field = part_at(written, line) if line else "title"
        place = Place(source=SOURCE, field=field)
        raise ContentError(error.message, place=place, remedy=error.advice) from None


class _NotByItselfError(Exception):
    """A part cannot be parsed separately with the same result as within its issue."""


def _by_part(issue: Issue, template: str) -> Issue:
    """Parse each part separately with a cache, so that only changed parts are parsed again.

    Raises:
        ContentError: A part breaks a rule.
        _NotByItselfError: The issue must be parsed as a whole.
    """
    blocks = [block for _place, block in walk_placed_blocks(issue)]
    parts = sum(1 for _part in walk_parts(issue))
    cells = sum(
        len(block.head) * (1 + len(block.rows)) for block in blocks if isinstance(block, Table)
    )
    is_long = parts > MOST_HEADINGS or len(blocks) + parts > MOST_LINES
    if cells > MOST_CELLS or is_long:
        raise _NotByItselfError
    bare = to_markdown(replace(issue, lead=(), chapters=()), template=template)
    return replace(
        read_markdown(bare, source=SOURCE)[0],
        lead=_read_part(body_to_markdown(issue.lead, [_END]))[0],
        chapters=tuple(map(_chapter, issue.chapters)),
    )


def _chapter(chapter: Chapter) -> Chapter:
    return replace(
        _alone(replace(chapter, items=(), sections=())),
        items=tuple(map(_item, chapter.items)),
        sections=tuple(map(_section, chapter.sections)),
    )


def _section(section: Section) -> Section:
    bare = Chapter(heading="", sections=(replace(section, items=()),))
    return replace(_only(_alone(bare).sections), items=tuple(map(_item, section.items)))


def _item(item: Item) -> Item:
    return _only(_alone(Chapter(heading="", items=(item,))).items)


def _alone(chapter: Chapter) -> Chapter:
    """Parse a chapter separately; another chapter is appended to detect its end."""
    return _only(_read_part(body_to_markdown((), [chapter, _END]))[1])


def _only(parts: tuple[_Part, ...]) -> _Part:
    if len(parts) != 1:
        raise _NotByItselfError
    return parts[0]


def _read_part(text: str) -> _Body:
    return _remembered(text) if len(text) <= _KEPT_LENGTH else _read_apart(text)


def _read_apart(text: str) -> _Body:
    lead, chapters = read_parts(text, source=SOURCE)
    if chapters[-1:] != (_END,):
        raise _NotByItselfError
    return lead, chapters[:-1]


_remembered = lru_cache(maxsize=_KEPT_PARTS)(_read_apart)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return JSON whose texts have no control characters."""
    if isinstance(value, str):
        return without_controls(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _unreadable(error: Exception) -> ContentError:
    """Return the error for invalid JSON: a wrong date, which people type, or an outdated page."""
    if isinstance(error, ValidationError):
        place = error.errors()[0]["loc"]
        if place and place[0] == "issue_date":
            return ContentError(
                msg("The issue has no date."),
                place=Place(source=SOURCE, field="date"),
                remedy=msg("Choose the day of this edition."),
            )
    return ContentError(msg("This page is out of date."), remedy=msg("Load it again."))
