"""The comments on cells of a workbook, by row, which are remarks about people.

Excel has two kinds (ECMA-376, 18.7, and MS-XLSX, 2.1.24): notes, and threaded comments, which also
have a placeholder note. Only comments about mail or unsubscribing are kept.
"""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape

from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size
from subscribers.lists.parsers.text_lists import LONGEST_COMMENT, comments_against
from subscribers.lists.parsers.workbook_parts import SAVE_SHEETS, Attributes, Parts

_PLACE = re.compile(r"\$?[A-Z]{1,3}\$?(\d{1,7})")
#: Octets of all kept comments of a sheet.
_MOST_KEPT = 16 * 1024 * 1024


def read_comments(parts: Parts, sheet: str) -> list[tuple[int, str]]:
    """Return the comments on a sheet's cells about mail or unsubscribing, by row, the last first.

    Raises:
        ListError: There are too many comments.
    """
    found: dict[int, list[str]] = defaultdict(list)
    threads = parts.targets(sheet, kind="/threadedComment").values()
    places: set[str] = set()
    for path in threads:
        if parts.has(path):
            places |= _Comments(parts, path, found, element="text").places
    for path in parts.targets(sheet, kind="/comments").values():
        if parts.has(path):
            _Comments(parts, path, found, element="t", known=places)
    return [(row, comments_against(found[row])) for row in sorted(found, reverse=True)]


class _Comments:
    """Parses the comments in one part."""

    def __init__(
        self,
        parts: Parts,
        path: str,
        found: dict[int, list[str]],
        *,
        element: str,
        known: frozenset[str] | set[str] = frozenset(),
    ) -> None:
        """Parse the part.

        Args:
            parts: The parts of the workbook.
            path: The path of the part.
            found: The found comments by row, which are added to.
            element: The element that contains the text.
            known: Cells whose comments are already known.
        """
        self._parts, self._found, self._element, self._known = parts, found, element, known
        self.places: set[str] = set()
        self._authors: list[str] = []
        self._kept = 0
        self._place = self._author = ""
        self._words: list[str] = []
        self._size = 0
        self._takes = self._in_author = self._reads_aloud = False
        parts.parse(path, start=self._start, end=self._end, text=self._text)

    def _start(self, tag: str, attributes: Attributes) -> None:
        if tag in {"comment", "threadedComment"}:
            self._place = attributes.get("ref", "")
            at = attributes.get("authorId", "")
            is_known = at.isdecimal() and len(at) < 7 and int(at) < len(self._authors)  # noqa: PLR2004 - a limit of digits
            self._author = self._authors[int(at)] if is_known else ""
            self._words.clear()
            self._size = 0
        elif tag == "author":
            self._in_author = True
            self._authors.append("")
            self._parts.refuse_many(len(self._authors))
        elif tag == "rPh":
            self._reads_aloud = True
        self._takes = tag == self._element and not self._reads_aloud

    def _text(self, text: str) -> None:
        if self._in_author:
            kept = text[: LONGEST_COMMENT - len(self._authors[-1])]
            self._authors[-1] += self._parts.keep(kept)
        elif self._takes and self._size <= 2 * LONGEST_COMMENT:
            self._words.append(text)
            self._size += len(text)

    def _end(self, tag: str) -> None:
        self._takes = False
        if tag == "author":
            self._in_author = False
        elif tag == "rPh":
            self._reads_aloud = False
        elif tag in {"comment", "threadedComment"}:
            self._keep(_PLACE.fullmatch(self._place))

    def _keep(self, place: re.Match[str] | None) -> None:
        """Store the finished comment, without the author's name at its beginning."""
        if place is None or self._place in self._known:
            return
        self.places.add(self._place)
        self._parts.refuse_many(len(self.places))
        words = "".join(self._words).strip().removeprefix(f"{self._author}:")
        said = comments_against([words])
        if not said:
            return
        self._found[int(place[1])].append(said)
        self._kept += len(said.encode("utf-8", "replace"))
        if self._kept > _MOST_KEPT:
            raise self._parts.refusal(
                msg("The comments of the workbook are larger than {size}.", size=Size(_MOST_KEPT)),
                SAVE_SHEETS,
            )


def with_comment(row: str, comment: str) -> str:
    """Return the start tag of a row with its comments in ``data-comment``."""
    return f'{row.removesuffix(">")} data-comment="{escape(comment)}">' if comment else row


def note_of(comment: str) -> str:
    """Return the comment on a row without person as a cell, without addresses in it."""
    return escape(comment.replace("@", " ").replace("＠", " "))
