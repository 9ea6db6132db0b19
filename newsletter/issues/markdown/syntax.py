"""The Markdown dialect of issues: CommonMark with common extensions.

The extensions are GFM's tables, strikethrough and bare URLs, footnotes as in GFM and pandoc, and
emphasis next to Japanese. Of HTML, only comments and ``<br>`` are parsed; everything else is text.
Content that other Markdown parsers drop silently is reported as an error with its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number
from newsletter.issues.markdown.dialect import (
    DEEPEST,
    Definitions,
    ReadCount,
    dialect_parser,
)
from newsletter.issues.markdown.fences import FenceError
from newsletter.issues.markdown.tables import MOST_CELLS, TooManyCellsError

#: The largest number of lines; each may be a paragraph, a row of a table, a picture.
MOST_LINES = 10_000
#: The largest number of chapters, sections and items; rendering each takes five milliseconds.
MOST_HEADINGS = 1_000
#: Characters of the longest text, twice that of the largest mail that mailboxes show completely. If
#: every other character is a mark, each takes some 15 µs of CPU time, and forms are parsed three
#: times.
MOST_LETTERS = 200_000
#: The key in ``meta`` of a footnote's definition that is literal text.
IS_TEXT = "is_text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """The syntax tree of a text, and the inline content of each footnote by label."""

    nodes: tuple[SyntaxTreeNode, ...]
    notes: dict[str, SyntaxTreeNode]
    inline_notes: dict[int, tuple[SyntaxTreeNode, ...]]


def require_bounded(
    text: str, *, source: str, first_line: int = 0, count: ReadCount | None = None
) -> None:
    """Refuse a text that is longer than any newsletter; the arguments are those of `parse`.

    Raises:
        ContentError: The text is too long.
    """
    count = count or ReadCount()
    count.letters += len(text)
    if text.count("\n") > MOST_LINES:
        problem = msg("The text has more than {limit} lines.", limit=Number(MOST_LINES))
        line = MOST_LINES
    elif count.letters > MOST_LETTERS:
        problem = msg("The text has more than {limit} characters.", limit=Number(MOST_LETTERS))
        line = text.count("\n", 0, max(0, len(text) - (count.letters - MOST_LETTERS)))
    else:
        return
    raise ContentError(
        problem,
        place=Place(source=source, line=first_line + line + 1),
        remedy=msg("Put long texts on a web page, and link to it."),
    )


def require_few_headings(count: int, place: Place) -> None:
    """Refuse more chapters, sections and items than any newsletter has.

    Raises:
        ContentError: There are too many.
    """
    if count > MOST_HEADINGS:
        raise ContentError(
            msg("The text has more than {limit} headings.", limit=Number(MOST_HEADINGS)),
            place=place,
            remedy=msg("Put long texts on a web page, and link to it."),
        )


def parse(text: str, *, source: str, first_line: int, count: ReadCount | None = None) -> Parsed:
    """Parse Markdown; ``first_line`` is the number of lines before it in its file.

    Raises:
        ContentError: Content would be lost, for example by too deep nesting; or the text is too
            long.
    """
    count = count or ReadCount()
    require_bounded(text, source=source, first_line=first_line, count=count)
    place = Place(source=source, line=first_line + 1)
    try:
        tokens, env = _read(text, count)
    except RecursionError:
        raise _too_deep(place) from None
    except TooManyCellsError as error:
        raise ContentError(
            msg("The tables have more than {limit} cells.", limit=Number(MOST_CELLS)),
            place=Place(source=source, line=first_line + error.line + 1),
            remedy=msg("Put large tables on a web page, and link to it."),
        ) from None
    except FenceError as error:
        raise ContentError(
            error.problem,
            place=Place(source=source, line=first_line + error.line + 1),
            remedy=error.remedy,
        ) from None
    for line in _deep_lines(tokens):
        raise _too_deep(Place(source=source, line=first_line + line + 1))
    for line, problem, remedy in _losses(tokens, env):
        place = Place(source=source, line=first_line + line + 1)
        raise ContentError(problem, place=place, remedy=remedy)
    tree = SyntaxTreeNode(tokens)
    notes = {
        str(node.meta["label"]): node
        for node in tree.walk()
        if node.type == "footnote_reference" and not node.meta.get(IS_TEXT)
    }
    written = env.get("footnotes", {}).get("list", {})
    return Parsed(
        nodes=tuple(tree.children),
        notes=notes,
        inline_notes={
            number: tuple(SyntaxTreeNode(note["tokens"]).children)
            for number, note in written.items()
            if "tokens" in note
        },
    )


def _read(text: str, count: ReadCount) -> tuple[list[Token], dict[str, Any]]:
    """Parse a text; unused definitions become text, since they would be lost otherwise."""
    cells = count.cells
    env: dict[str, Any] = {"cells": count, "definitions": Definitions()}
    tokens = dialect_parser().parse(text, env)
    definitions = _definitions(tokens, env)
    if definitions.unused:
        count.cells = cells
        env = {"cells": count, "definitions": definitions}
        tokens = dialect_parser().parse(text, env)
    _keep_unused_notes(tokens)
    return tokens, env


def find_headings(text: str) -> Iterator[tuple[int, int]]:
    """Yield the level and line, from 0, of each heading outside lists and quotations."""
    try:
        tokens = dialect_parser().parse(text, {"cells": ReadCount(), "definitions": Definitions()})
    except (TooManyCellsError, FenceError):
        return
    for token in tokens:
        if token.type == "heading_open" and token.map is not None and not token.level:
            yield int(token.tag[1:]), token.map[0]


def _too_deep(place: Place) -> ContentError:
    return ContentError(
        msg("Lists, quotations or formatting are nested too deeply."),
        place=place,
        remedy=msg("Reduce the nesting."),
    )


def _deep_lines(tokens: Iterable[Token]) -> Iterator[int]:
    """Yield the lines at which blocks reach the depth from which markdown-it drops content."""
    line = 0
    for token in tokens:
        line = token.map[0] if token.map else line
        marks = max((child.level for child in token.children or ()), default=0)
        if token.level + (token.nesting > 0) >= DEEPEST or marks >= DEEPEST:
            yield line


def _losses(tokens: list[Token], env: dict[str, Any]) -> Iterator[tuple[int, Message, Message]]:
    """Yield content that would be lost or include later text: line, message and remedy."""
    for token in tokens:
        # All later chapters would become code.
        if token.type == "fence" and token.map and not token.meta["is_closed"]:
            yield (
                token.map[0],
                msg("The code block is not closed."),
                msg(
                    "Close it with a line of {fence}, or put a backslash before it if it is text.",
                    fence=token.markup,
                ),
            )
    for link in env.get("duplicate_refs", ()):
        first = env["references"][link["label"]]
        if (link["href"], link["title"]) != (first["href"], first["title"]):
            yield (
                link["map"][0],
                msg("The link “{label}” is defined twice.", label=link["label"]),
                msg("Rename one of them."),
            )


def _definitions(tokens: list[Token], env: dict[str, Any]) -> Definitions:
    """Return the used and the unused definitions of links."""
    notes = env.get("footnotes", {}).get("list", {}).values()
    inner = chain.from_iterable(note.get("tokens", ()) for note in notes)
    labels = set(_labels(chain(tokens, inner), {"link_open", "image"}))
    found = Definitions()
    for label, link in (
        *env.get("references", {}).items(),
        *((link["label"], link) for link in env.get("duplicate_refs", ())),
    ):
        begin, end = link["map"]
        (found.used if label in labels else found.unused)[begin] = end
    return found


def _keep_unused_notes(tokens: list[Token]) -> None:
    """Mark footnotes as literal text: those without references in used text, and duplicates."""
    notes: dict[str, list[Token]] = {}
    outside: list[Token] = []
    into = outside
    for token in tokens:
        if token.type == "footnote_reference_open":
            label = str(token.meta["label"])
            token.meta[IS_TEXT] = label in notes
            into = outside if label in notes else notes.setdefault(label, [token])
        else:
            into.append(token)
        if token.type == "footnote_reference_close":
            into = outside
    used = set(_labels(outside, {"footnote_ref"}))
    waiting = list(notes)
    while waiting:
        # References in literal text count as uses.
        text = next((label for label in waiting if label not in used), None)
        if text is None:
            break
        waiting.remove(text)
        notes[text][0].meta[IS_TEXT] = True
        used.update(_labels(notes[text], {"footnote_ref"}))


def _labels(tokens: Iterable[Token], kinds: set[str]) -> Iterator[str]:
    """Yield the labels of references to definitions."""
    for token in tokens:
        if token.type in kinds and "label" in token.meta:
            yield str(token.meta["label"])
        yield from _labels(token.children or (), kinds)
