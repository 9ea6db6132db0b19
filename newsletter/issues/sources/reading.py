"""Reading an issue from a file: detection of the format, with a report of changes and guesses.

The report is stored with a draft until it is handled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, written
from newsletter.i18n.values import Size
from newsletter.issues.markdown.reader import looks_like_markdown, read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.sources.digest import Unplaced, looks_like_digest, read_digest
from newsletter.issues.sources.encodings import decode
from newsletter.issues.sources.normalise import ReplacedCharacter, normalise
from newsletter.spreadsheets import kind_of

#: Octets of the largest file; a file of more than a million characters is not a newsletter.
LARGEST_ISSUE = 4_000_000


#: Beginnings of front matter of other systems.
_FOREIGN_START = re.compile(r"\s*(\+\+\+(?=\s)|\{(?=\s*\"))")
_FORMS = {"+++": written("TOML"), "{": written("JSON")}


class SourceFormat(StrEnum):
    """The formats of issues in files."""

    MARKDOWN = "markdown"
    DIGEST = "digest"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadIssue:
    """An issue and how it was read; ``template`` is empty if the source names none."""

    issue: Issue
    format: SourceFormat
    text: str
    template: str
    encoding: str
    changes: tuple[ReplacedCharacter, ...]
    unplaced: tuple[Unplaced, ...]


def read_issue(data: bytes, *, source: str, language: Language = Language.JAPANESE) -> ReadIssue:
    """Return the issue of a file's octets.

    Args:
        data: The octets.
        source: The name of the file.
        language: The default language of Markdown. Digests are always Japanese.

    Raises:
        ContentError: The format or encoding is unknown, or the content is invalid.
    """
    if len(data) > LARGEST_ISSUE:
        raise ContentError(
            msg(
                "The file is {size}; an issue may have at most {limit}.",
                size=Size(len(data)),
                limit=Size(LARGEST_ISSUE),
            ),
            place=Place(source=source),
        )
    if kind := kind_of(data):
        raise ContentError(
            msg("This is {kind}, not the text of an issue.", kind=kind),
            place=Place(source=source),
            remedy=msg("Save it as plain text or Markdown, in UTF-8."),
        )
    decoded = decode(data, source=source)
    normalised = normalise(decoded.text)
    text = normalised.text
    unplaced: tuple[Unplaced, ...] = ()
    if looks_like_markdown(text):
        issue, template = read_markdown(text, source=source, language=language)
        form = SourceFormat.MARKDOWN
    elif looks_like_digest(text):
        issue, unplaced = read_digest(text, source=source)
        form, template = SourceFormat.DIGEST, "digest"
    else:
        if foreign := _FOREIGN_START.match(text):
            raise ContentError(
                msg("The text begins with {form}, which is not read.", form=_FORMS[foreign[1]]),
                place=Place(source=source, line=text[: foreign.start(1)].count("\n") + 1),
                remedy=msg(
                    "Write the front matter between two lines of ---, each field as name: value."
                ),
            )
        raise ContentError(
            msg("The text is neither Markdown with front matter nor a digest."),
            place=Place(source=source, line=1),
            remedy=msg(
                "Begin with a line of --- and the front matter; or with a line of the date, "
                "such as 2021.10.21, and mark headings with 1., ■ or 【】."
            ),
        )
    return ReadIssue(
        issue=issue,
        format=form,
        text=text,
        template=template,
        encoding=decoded.encoding,
        changes=normalised.changes,
        unplaced=unplaced,
    )


#: Reasons for replacing characters, for display.
REASONS: Mapping[str, Message] = {
    "radical that stands for an ideograph": msg("a radical in place of an ideograph"),
    "no-break space": msg("an odd space"),
    "character of Windows-1252": msg("a character of Windows-1252"),
    "control character": msg("a control character"),
    "invisible character": msg("an invisible character"),
    "line ends": msg("line ends"),
    "full-width space at the end of a line": msg("full-width space at a line's end"),
}
#: Limits of a report: kinds of changes, lines per kind, and lines with guessed places.
_KINDS, _LINES, _UNPLACED = 100, 12, 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """One character that was replaced everywhere; ``lines`` are the first affected lines."""

    before: str
    after: str
    reason: str
    count: int
    lines: tuple[int, ...]

    @property
    def why(self) -> Message:
        """The reason of the replacement, for display."""
        return REASONS[self.reason]

    @property
    def named(self) -> str:
        """The character's code point, since some characters are invisible."""
        return " ".join(f"U+{ord(character):04X}" for character in self.before[:4])


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueImportReport:
    """How a text was parsed; line numbers refer to the imported text."""

    format: str
    encoding: str
    replaced: tuple[Replaced, ...]
    unplaced: tuple[Unplaced, ...]

    @property
    def count(self) -> int:
        """The number of replaced characters."""
        return sum(entry.count for entry in self.replaced)


_ADAPTER: TypeAdapter[IssueImportReport] = TypeAdapter(IssueImportReport)


def report_on(read: ReadIssue) -> IssueImportReport:
    """Return the report of parsing an issue."""
    return IssueImportReport(
        format=read.format.value,
        encoding=read.encoding,
        replaced=_sum_up(read.changes),
        unplaced=read.unplaced[:_UNPLACED],
    )


def _sum_up(changes: Iterable[ReplacedCharacter]) -> tuple[Replaced, ...]:
    lines: dict[tuple[str, str, str], list[int]] = {}
    for change in changes:
        lines.setdefault((change.before, change.after, change.reason), []).append(change.line)
    kinds = sorted(lines.items(), key=lambda kind: -len(kind[1]))[:_KINDS]
    return tuple(
        Replaced(
            before=before,
            after=after,
            reason=reason,
            count=len(found),
            lines=tuple(dict.fromkeys(found))[:_LINES],
        )
        for (before, after, reason), found in kinds
    )


def report_to_json(report: IssueImportReport) -> dict[str, Any]:
    """Return a report as JSON-ready values."""
    value: dict[str, Any] = _ADAPTER.dump_python(report, mode="json")
    return value


def report_from_json(value: dict[str, Any]) -> IssueImportReport:
    """Return the report of JSON that `report_to_json` wrote."""
    return _ADAPTER.validate_python(value)
