"""An issue as the JSON that the editor's script sends: trusted in nothing, read as its Markdown.

What comes in is parsed into the content model, then written as Markdown and read back: so the rules
for addresses, depth, tables and days are those of every other source, and what is kept is at once
what its Markdown says.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.finding_lines import part_at
from newsletter.issues.markdown import read_markdown
from newsletter.issues.markdown_writer import to_markdown
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.normalise import without_controls

#: The name that errors give the source.
SOURCE = "blocks"
_TITLE_LENGTH = 300


def read_json(text: str, *, template: str = "") -> Issue:
    """Read an issue from JSON as `issue_to_json` writes it.

    Raises:
        ContentError: It is no issue, or breaks a rule of Markdown; the place names the part by its
            anchor, or the field.
    """
    try:
        issue = issue_from_json(_plain(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from None
    if not issue.title.strip():
        raise ContentError(
            msg("The issue has no title."),
            place=Place(source=SOURCE, field="title"),
            remedy=msg("Write one; it becomes the subject."),
        )
    if len(issue.title) > _TITLE_LENGTH:
        raise ContentError(
            msg("The title has {count} characters; the limit is 300.", count=len(issue.title)),
            place=Place(source=SOURCE, field="title"),
            remedy=msg("Shorten it."),
        )
    return _as_its_markdown(issue, template)


def _as_its_markdown(issue: Issue, template: str) -> Issue:
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


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return JSON with its texts as a mail can carry them."""
    match value:
        case str():
            return without_controls(value)
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {str(name): _plain(each) for name, each in value.items()}
        case _:
            return value


def _unreadable(error: Exception) -> ContentError:
    """Say what is wrong: the day, which a person types, or a page that is out of date."""
    if isinstance(error, ValidationError):
        place = error.errors()[0]["loc"]
        if place and place[0] == "issue_date":
            return ContentError(
                msg("The issue has no date."),
                place=Place(source=SOURCE, field="date"),
                remedy=msg("Choose the day of this edition."),
            )
    return ContentError(msg("This page is out of date."), remedy=msg("Load it again."))
