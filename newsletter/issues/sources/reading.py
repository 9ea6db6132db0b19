"""Reading an issue from a file: detection of the format, with a report of changes and guesses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, written
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
