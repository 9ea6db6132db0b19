"""Blocks of an issue as plain text in the style of Japanese mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from newsletter.i18n.messages import Message
from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.events import when_words
from newsletter.issues.library.files import kind_and_size
from newsletter.issues.model import (
    Alignment,
    Anchor,
    Block,
    Cell,
    Code,
    Columns,
    Comment,
    Conditional,
    Contents,
    ContentsLine,
    Emphasis,
    Footnote,
    Gallery,
    Heading,
    Inline,
    LineBreak,
    ListBlock,
    MergeField,
    Paragraph,
    Picture,
    Quotation,
    Snippet,
    Strikethrough,
    Strong,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)
from newsletter.issues.plain_text import picture_text, struck, with_target
from newsletter.issues.walking import notes_of, walk_runs
from newsletter.rendering.blocks import (
    ADDRESS,
    CALENDAR,
    CAPACITY,
    CONTENTS,
    EMAIL,
    HOURS,
    PHONE,
    POINT_MARK,
    REGISTER,
    SOURCE_MARK,
    SUBHEADING_MARK,
    WHEN,
    WHERE,
    BlockContext,
    box_title,
    contents_head,
    fact_name,
    labelled,
    question,
)
from newsletter.rendering.wrap import COLUMNS, may_not_begin_line, width, wrap

#: Columns of a line that a telephone shows. A wider table is written row by row.
_TABLE_COLUMNS = 44
#: Minimum columns of a quotation or list, at any depth.
_NARROWEST = 20


def rule(mark: str = "─") -> str:
    """Return a horizontal line; Japanese fonts draw these characters two columns wide."""
    return mark * (COLUMNS // 2)


def blocks_text(blocks: Iterable[Block], context: BlockContext | None = None) -> str:
    """Return blocks, wrapped and separated by empty lines, with their footnotes below."""
    part = tuple(blocks)
    notes = notes_of(part)
    context = context or BlockContext()
    writer = _Writer(
        notes,
        context,
        heading=context.words(SUBHEADING_MARK),
        point=context.words(POINT_MARK),
    )
    parts = [writer.blocks(part, COLUMNS)] if part else []
    for note, number in notes.items():
        mark = f"[{number}] "
        parts.append("\n".join(_hanging(mark, writer.wrapped(note.content, COLUMNS - len(mark)))))
    return "\n\n".join(filter(None, parts)) + ("\n" if notes else "")


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the content of one part; ``notes`` are its footnotes with their numbers."""

    notes: Mapping[Footnote, int]
    context: BlockContext
    heading: str
    point: str

    def blocks(self, blocks: Iterable[Block], columns: int, *, apart: str = "\n\n") -> str:
        return apart.join(filter(None, (self._block(block, columns) for block in blocks)))

    def _block(self, block: Block, columns: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one a kind
        match block:
            case Paragraph(content=content):
                return self.wrapped(content, columns)
            case Heading(content=content):
                return "\n".join(
                    _hanging(self.heading, self.wrapped(content, columns - 2), hang="  ")
                )
            case ListBlock():
                return "\n".join(self._points(block, columns))
            case Quotation(blocks=inner, source=source):
                room = max(columns - 2, _NARROWEST)
                lines = self.blocks(inner, room).split("\n")
                if source:
                    mark = self.context.words(SOURCE_MARK)
                    lines += _hanging(mark, self.wrapped(source, room - 3), hang="   ")
                return "\n".join(f"> {line}".rstrip(" ") for line in lines)
            case Picture():
                return self._picture(block, columns)
            case Gallery(pictures=pictures):
                return "\n\n".join(self._picture(picture, columns) for picture in pictures)
            case Conditional(blocks=inner):
                return self.blocks(inner, columns)
            case Columns(left=left, right=right):
                return self.blocks((*left, *right), columns)
            case Button(label=label, url=url):
                return _lined(wrap(self._button_words(label), columns=columns), url)
            case File(name=name, url=url):
                kind = kind_and_size(block.media_type, block.size, self.context.language)
                words = " ".join(filter(None, (name, f"({kind})" if kind else "")))
                return _lined(wrap(words, columns=columns), url)
            case Event():
                return self._event(block, columns)
            case Contact():
                return self._contact(block, columns)
            case Contents():
                return self._contents(columns)
            case Snippet():
                return ""
            case Verbatim(text=text):
                return text
            case ThematicBreak():
                return "* * *"
            case Table():
                return self._table(block, columns)
            case Comment():
                return ""
            case _:
                assert_never(block)

    def wrapped(self, content: Iterable[Inline], columns: int) -> str:
        content = tuple(content)
        links = (run for run in walk_runs(content) if isinstance(run, Anchor))
        labels = frozenset(self._runs(link.content) for link in links)
        return wrap(self._runs(content), columns=columns, whole=labels)

    def _runs(self, content: Iterable[Inline]) -> str:
        """Return inline content, with a space between a URL and the text after it.

        Mail programs turn URLs into links, and many would include the following text.
        """
        parts: list[str] = []
        address = False
        for run in content:
            text = self._run(run)
            if not text:
                continue
            if address and (isinstance(run, Footnote) or _extends_url(text[0], parts[-1][-1])):
                parts.append(" ")
            parts.append(text)
            address = _ends_in_address(run)
        return "".join(parts)

    def _run(self, run: Inline) -> str:  # noqa: PLR0911 - one a kind
        match run:
            case Text(text=text) | Code(text=text):
                return text
            case LineBreak():
                return "\n"
            case Anchor(content=content):
                return with_target(self._runs(content), run)
            case Strong(content=content) | Emphasis(content=content):
                return self._runs(content)
            case Strikethrough(content=content):
                return struck(self._runs(content))
            case Footnote():
                return f"[{self.notes[run]}]"
            case MergeField(fallback=fallback):
                return fallback
            case Comment():
                return ""
            case _:
                assert_never(run)

    def _picture(self, picture: Picture, columns: int) -> str:
        shown = wrap(picture_text(replace(picture, caption=())), columns=columns)
        return _lined(shown, self.wrapped(picture.caption, columns) if picture.caption else "")

    def _event(self, event: Event, columns: int) -> str:
        calendar = self.context.calendars.get(event, "")
        return _lined(
            wrap(self._titled(event.name), columns=columns),
            self._fact(WHEN, when_words(event, self.context.language), columns),
            self._fact(WHERE, event.place, columns),
            self._fact(CAPACITY, event.capacity, columns),
            f"{self.context.words(REGISTER)}\n{event.url}" if event.url else "",
            f"{self.context.words(CALENDAR)}\n{calendar}" if calendar else "",
        )

    def _contact(self, contact: Contact, columns: int) -> str:
        return _lined(
            wrap(self._titled(contact.department or contact.name), columns=columns),
            wrap(contact.name if contact.department else "", columns=columns),
            self._fact(ADDRESS, contact.address, columns),
            self._fact(PHONE, contact.phone, columns),
            self._fact(EMAIL, contact.email, columns),
            self._fact(HOURS, contact.hours, columns),
            contact.url,
        )

    def _button_words(self, label: str) -> str:
        return self.context.words(question(label)) if label else ""

    def _titled(self, name: str) -> str:
        return self.context.words(box_title(name)) if name else ""

    def _fact(self, name: Message, value: str, columns: int) -> str:
        """Return a value after its name; further lines are indented to the start of the value."""
        if not value:
            return ""
        mark = self.context.words(fact_name(name))
        hang = " " * width(mark)
        text = wrap(value, columns=max(columns - len(hang), _NARROWEST))
        return "\n".join(_hanging(mark, text, hang=hang))

    def _contents(self, columns: int) -> str:
        lines = [
            wrap(_contents_words(line, self.point), columns=columns)
            for line in self.context.contents
        ]
        head = self.context.words(contents_head(self.context.words(CONTENTS)))
        return _lined(head, *lines) if lines else ""

    def _points(self, block: ListBlock, columns: int) -> Iterator[str]:
        """Yield the lines of a list; further lines of an item are indented to its first word."""
        for index, item in enumerate(block.items):
            mark = f"{block.start + index}. " if block.ordered else self.point
            hang = " " * width(mark)
            tight = all(isinstance(inner, Paragraph | ListBlock) for inner in item)
            room = max(columns - len(hang), _NARROWEST)
            text = self.blocks(item, room, apart="\n" if tight else "\n\n")
            if item and isinstance(item[0], ListBlock):
                text = "\n" + text
            yield from _hanging(mark, text, hang=hang)

    def _table(self, table: Table, columns: int) -> str:
        rows = [[self._runs(cell) for cell in row] for row in (table.head, *table.rows)]
        widths = [
            max(width(line) for row in rows for line in row[column].split("\n"))
            for column in range(len(table.head))
        ]
        broken = any("\n" in cell for row in rows for cell in row)
        if not broken and sum(widths) + 3 * (len(widths) - 1) <= min(columns, _TABLE_COLUMNS):
            return "\n".join(_grid(rows, widths, table.alignments))
        return "\n\n".join(self._record(table.head, row, columns) for row in table.rows) or (
            "\n".join(wrap(cell, columns=columns) for cell in rows[0])
        )

    def _record(self, head: Sequence[Cell], row: Sequence[Cell], columns: int) -> str:
        """Write a row as separate lines, each cell after the heading of its column."""
        lines: list[str] = []
        for name, cell in zip(map(self._runs, head), map(self._runs, row), strict=True):
            label = " ".join(name.split("\n"))
            words = self.context.words(labelled(label, cell)) if label else cell
            mark = "  " if lines else self.point
            lines.extend(
                _hanging(mark, wrap(words, columns=max(columns - 2, _NARROWEST)), hang="  ")
            )
        return "\n".join(lines)


def _ends_in_address(run: Inline) -> bool:
    """Return whether inline content ends in a link, inside any emphasis."""
    match run:
        case Anchor():
            return True
        case Strong(content=content) | Emphasis(content=content) | Strikethrough(content=content):
            return bool(content) and _ends_in_address(content[-1])
        case _:
            return False


def _extends_url(letter: str, before: str) -> bool:
    """Return whether programs would take a letter for part of a URL that ``before`` ends."""
    if letter.isspace() or (before == ">" and may_not_begin_line(letter)):
        return False
    return letter.isalnum() or not letter.isascii()


def _lined(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _contents_words(line: ContentsLine, point: str) -> str:
    if line.level == 1:
        return f"{line.label}. {line.text}" if line.label else line.text
    return f"  [{line.label}] {line.text}" if line.label else f"  {point}{line.text}"


def _grid(
    rows: Sequence[Sequence[str]], widths: Sequence[int], alignments: Sequence[Alignment]
) -> Iterator[str]:
    for index, row in enumerate(rows):
        cells = (
            _padded(cell, columns, alignment)
            for cell, columns, alignment in zip(row, widths, alignments, strict=True)
        )
        yield " | ".join(cells).rstrip()
        if index == 0:
            yield "-+-".join("-" * columns for columns in widths)


def _padded(cell: str, columns: int, alignment: Alignment) -> str:
    room = columns - width(cell)
    match alignment:
        case Alignment.RIGHT:
            return " " * room + cell
        case Alignment.CENTER:
            return " " * (room // 2) + cell + " " * (room - room // 2)
        case Alignment.NONE | Alignment.LEFT:
            return cell + " " * room
        case _:
            assert_never(alignment)


def _hanging(mark: str, text: str, *, hang: str | None = None) -> Iterator[str]:
    """Yield lines: the first after a mark, and the others indented to its text."""
    first, *others = text.split("\n")
    yield (mark + first).rstrip()
    for line in others:
        yield ((" " * len(mark) if hang is None else hang) + line).rstrip()
