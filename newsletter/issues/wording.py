"""Names and texts of an issue's fields and blocks for users, without markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from newsletter.i18n.formats import format_day
from newsletter.i18n.language import Language, language_name
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.i18n.normal_form import split_url
from newsletter.issues.cards import Event
from newsletter.issues.events import when_words
from newsletter.issues.merging import Unit, written
from newsletter.issues.model import (
    Block,
    Columns,
    Comment,
    Conditional,
    Gallery,
    Heading,
    Issue,
    Link,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Snippet,
    Table,
    Verbatim,
)
from newsletter.issues.outline import Level, Part
from newsletter.issues.plain_text import block_text, inline_text
from newsletter.issues.translation_units import fields_of_block
from newsletter.issues.walking import content_of

#: The names of blocks.
KIND_NAMES: Mapping[str, Message] = {
    "paragraph": msg("Paragraph"),
    "list": pmsg("block", "List"),
    "quotation": msg("Quotation"),
    "picture": msg("Picture"),
    "verbatim": msg("Code"),
    "heading": msg("Subheading"),
    "thematic-break": msg("Divider"),
    "table": msg("Table"),
    "comment": msg("Comment"),
    "gallery": msg("Row of pictures"),
    "button": msg("Button"),
    "columns": msg("Two columns"),
    "file": msg("File"),
    "event": msg("Event"),
    "contact": msg("Contact box"),
    "contents": msg("Table of contents"),
    "snippet": msg("Snippet"),
    "conditional": msg("Part for some readers"),
}
_LEVELS: Mapping[Level, Message] = {
    Level.CHAPTER: msg("Chapter"),
    Level.SECTION: msg("Section"),
    Level.ITEM: msg("Item"),
}
#: The names of an issue's fields.
FIELD_NAMES: Mapping[str, Message] = {
    "title": msg("Subject"),
    "issue_date": msg("Date"),
    "language": msg("Language"),
    "language_tag": msg("Language"),
    "masthead": msg("Masthead"),
    "number": msg("Number"),
    "preheader": msg("Preheader"),
    "heading": msg("Heading"),
    "contents": msg("Table of contents"),
    "credits": msg("Credits"),
    "undated": msg("Date"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """A line of text, with a label if needed.

    Attributes:
        cells: The texts of the cells of a table's row.
        row: The number of a table's row; 0 for the head.
    """

    text: str
    label: Message | None = None
    cells: tuple[str, ...] = ()
    row: int = field(default=0, compare=False)

    @property
    def name(self) -> Message | None:
        """Its label, or the name of its row."""
        if not self.cells:
            return self.label
        return msg("Row {number}", number=self.row) if self.row else pmsg("table", "Head")


def field_text(issue: Issue, name: str, language: Language) -> str:
    """Return the text of an issue's field in a user's language; empty if the field is."""
    match name:
        case "issue_date":
            return format_day(issue.issue_date, language)
        case "undated":
            return msg("not printed").in_language(language) if issue.undated else ""
        case "language" | "language_tag":
            tag = issue.language.value if name == "language" else issue.language_tag
            return (language_name(tag, language) or tag) if tag else ""
        case _:
            return written(getattr(issue, name))


def kind_of(unit: Unit) -> Message:
    """Return the name of the kind of a block, link or heading."""
    if isinstance(unit, Part):
        return _LEVELS[unit.level]
    return msg("Link") if isinstance(unit, Link) else KIND_NAMES[unit.kind]


def lines_of(unit: Unit, language: Language) -> list[TextLine]:
    """Return a unit's lines, in order, with dates in a language's format."""
    return [line for line in _lines(unit, language) if line.text]


def _lines(unit: Unit, language: Language) -> Iterator[TextLine]:  # noqa: C901, PLR0912 - one branch per kind
    match unit:
        case Part(heading=heading, number=number, condition=condition):
            # Automatic numbers are 0.
            yield TextLine(text=f"{number}. {heading}" if number else heading)
            yield TextLine(text=condition, label=_ONLY_FOR)
        case Link(url=url, label=label):
            yield TextLine(text=label)
            yield TextLine(text=url, label=_ADDRESS if label else None)
        case Paragraph(content=content) | Heading(content=content):
            yield TextLine(text=inline_text(content))
        case Quotation(blocks=blocks, source=source):
            yield from _within(blocks, language)
            yield TextLine(text=inline_text(source), label=msg("Source"))
        case ListBlock(items=items, ordered=ordered, start=start):
            for number, item in enumerate(items, start=start):
                mark = f"{number}. " if ordered else "・"
                yield TextLine(text=mark + "\n".join(map(block_text, item)))
        case Table(head=head, rows=rows):
            for number, row in enumerate((head, *rows)):
                cells = tuple(map(inline_text, row))
                yield TextLine(text=BETWEEN_CELLS.join(cells), cells=cells, row=number)
        case Columns(left=left, right=right):
            yield from _within((*left, *right), language)
        case Conditional(condition=condition, blocks=blocks):
            yield TextLine(text=condition, label=_ONLY_FOR)
            yield from _within(blocks, language)
        case Verbatim(text=text) | Comment(text=text) | Snippet(name=text):
            yield TextLine(text=text)
        case Gallery(pictures=pictures):
            yield from _within(pictures, language)
        case Picture(source=source, caption=caption):
            name = file_name(source)
            if not _BY_CONTENT.fullmatch(name):
                yield TextLine(text=name)
            yield from _named(unit)
            yield TextLine(text=inline_text(caption), label=msg("Caption"))
        case Event():
            yield TextLine(text=when_words(unit, language), label=msg("When"))
            yield from _named(unit)
        case _:
            yield from _named(unit)
            for blocks in content_of(unit).within:
                yield from _within(blocks, language)


#: The separator between cells of a row.
BETWEEN_CELLS = "　|　"
_ONLY_FOR = msg("Only for")
#: The file names of the library's pictures, which contain a digest and are not shown.
_BY_CONTENT = re.compile(r"[0-9a-f]{64}-\d{1,5}w\.(?:png|jpg)")
_ADDRESS = pmsg("link", "Address")


def _named(block: Block) -> Iterator[TextLine]:
    for each in fields_of_block(block):
        if each.name != "caption":
            yield TextLine(text=each.text, label=each.label)


def _within(blocks: Iterable[Block], language: Language) -> Iterator[TextLine]:
    for block in blocks:
        yield from _lines(block, language)


def file_name(url: str) -> str:
    """Return the file name in a URL, or the URL if it has none."""
    try:
        path = split_url(url).path
    except ValueError:
        return url
    return unquote(path.rpartition("/")[2]) or url
