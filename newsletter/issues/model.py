"""The content model: an issue is an immutable value without HTML, independent of its source.

Text is normalized Unicode. Nothing is escaped here; escaping is the task of code that writes HTML
or MJML. The database stores issues as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import not_
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter

from newsletter.i18n.language import Language
from newsletter.issues.cards import Button, Contact, Event, File

#: The title of a link or picture, shown as a tooltip and in the text body. Omitted from JSON if
#: empty.
Title = Annotated[str, Field(exclude_if=not_)]
#: The condition of a part: the name of a saved segment, or a query; empty for all readers. Omitted
#: from JSON if empty.
ConditionText = Annotated[str, Field(exclude_if=not_)]
#: Additional text of a block, such as a caption. Omitted from JSON if empty.
Beside = Annotated[tuple["Inline", ...], Field(exclude_if=not_)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A run of plain characters."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Strong:
    """A run of strong importance."""

    content: tuple[Inline, ...]
    kind: Literal["strong"] = "strong"


@dataclass(frozen=True, kw_only=True, slots=True)
class Emphasis:
    """A run of stress emphasis."""

    content: tuple[Inline, ...]
    kind: Literal["emphasis"] = "emphasis"


@dataclass(frozen=True, kw_only=True, slots=True)
class Strikethrough:
    """A run that is struck through, such as a former price."""

    content: tuple[Inline, ...]
    kind: Literal["strikethrough"] = "strikethrough"


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A run of literal characters."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """A link within running text; ``url`` is http, https, mailto or tel."""

    url: str
    content: tuple[Inline, ...]
    title: Title = ""
    kind: Literal["anchor"] = "anchor"


@dataclass(frozen=True, kw_only=True, slots=True)
class LineBreak:
    """A line break within a paragraph."""

    kind: Literal["break"] = "break"


@dataclass(frozen=True, kw_only=True, slots=True)
class Footnote:
    """A footnote to the words before it, printed at the end of its part.

    Footnotes with equal content are printed as one, even if their labels differed.
    """

    content: tuple[Inline, ...]
    kind: Literal["footnote"] = "footnote"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """An editor's comment, which appears in the source only, and in no mail, page or feed."""

    text: str
    kind: Literal["comment"] = "comment"


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeField:
    """The value of a reader's field, such as ``name``, or ``fallback`` if it is empty.

    The archive and the feed show the fallback.
    """

    field: str
    fallback: str = ""
    kind: Literal["field"] = "field"


#: Discriminated by ``kind``, so that parsing JSON tries a single class per value.
Inline = Annotated[
    Text
    | Strong
    | Emphasis
    | Strikethrough
    | Code
    | Anchor
    | LineBreak
    | Footnote
    | Comment
    | MergeField,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """Running text.

    Attributes:
        language_tag: The BCP 47 tag of its text if it differs from the issue's language, such as in
            the note of a correction that was not translated. Sources cannot express it.
    """

    content: tuple[Inline, ...]
    language_tag: Annotated[str, Field(exclude_if=not_)] = ""
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListBlock:
    """A list, numbered from ``start`` when ordered."""

    items: tuple[tuple[Block, ...], ...]
    ordered: bool = False
    start: int = 1
    kind: Literal["list"] = "list"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotation:
    """A quotation; ``source`` names the author or work."""

    blocks: tuple[Block, ...]
    source: Beside = ()
    kind: Literal["quotation"] = "quotation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture, by its http(s) URL; ``url`` is the target of a link on it."""

    source: str
    alt: str
    url: str = ""
    title: Title = ""
    caption: Beside = ()
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verbatim:
    """Preformatted lines, or text that could not be parsed otherwise; kept unchanged."""

    text: str
    kind: Literal["verbatim"] = "verbatim"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading below those of items (level 4 to 6), or of any level in a list or quotation."""

    level: int
    content: tuple[Inline, ...]
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, kw_only=True, slots=True)
class ThematicBreak:
    """A horizontal rule."""

    kind: Literal["thematic-break"] = "thematic-break"


class Alignment(StrEnum):
    """The alignment of a table's column; ``NONE`` leaves it to the mail program."""

    NONE = ""
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


Cell = tuple[Inline, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table; every row has as many cells as ``alignments``."""

    alignments: tuple[Alignment, ...]
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    kind: Literal["table"] = "table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Two to four pictures in a row; two per row on narrow screens."""

    pictures: tuple[Picture, ...]
    kind: Literal["gallery"] = "gallery"


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Two columns of blocks, stacked on narrow screens; columns cannot be nested."""

    left: tuple[Block, ...] = ()
    right: tuple[Block, ...] = ()
    kind: Literal["columns"] = "columns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """The position of the table of contents; without it, the template determines the position."""

    kind: Literal["contents"] = "contents"


@dataclass(frozen=True, kw_only=True, slots=True)
class Snippet:
    """A reference to a snippet by name; its blocks are inserted before rendering."""

    name: str
    kind: Literal["snippet"] = "snippet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditional:
    """Blocks for readers who meet a condition; see `newsletter.issues.conditions`."""

    condition: Annotated[str, Field(min_length=1)]
    blocks: tuple[Block, ...] = ()
    kind: Literal["conditional"] = "conditional"


Block = Annotated[
    Paragraph
    | ListBlock
    | Quotation
    | Picture
    | Verbatim
    | Heading
    | ThematicBreak
    | Table
    | Comment
    | Gallery
    | Button
    | Columns
    | File
    | Event
    | Contact
    | Contents
    | Snippet
    | Conditional,
    Field(discriminator="kind"),
]


#: The names of all kinds of blocks and runs in JSON.
KINDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        kind.__dataclass_fields__["kind"].default
        for union in (Block, Inline)
        for kind in get_args(get_args(union)[0])
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A separate link below an item or chapter; without a label, the URL is shown."""

    url: str
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One piece of news: headline, text, and links."""

    headline: str
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    condition: ConditionText = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Items under one heading within a chapter, such as 政府 or 自治体."""

    heading: str
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    items: tuple[Item, ...] = ()
    condition: ConditionText = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A main part of an issue; ``number`` is shown when the source numbers its chapters.

    Order in print: body, links, items, sections.
    """

    heading: str
    number: int | None = None
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    items: tuple[Item, ...] = ()
    sections: tuple[Section, ...] = ()
    condition: ConditionText = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentsLine:
    """A line of the table of contents.

    Attributes:
        text: The line's text, without its label.
        label: A short name before the text, such as 政府.
        anchor: The anchor of the line's target; empty without a target.
        level: 1 for chapters, 2 for parts of chapters.
    """

    text: str
    label: str = ""
    anchor: str = ""
    level: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatedUnit:
    """The translation of a unit of an issue; see `newsletter.issues.translations`.

    Attributes:
        source: The digest of the original unit at the time of translation.
        original: The text of the original unit, so that later changes can be shown.
        text: The translated text of a unit with a single text, such as a heading.
        joined: Whether its content is included in the unit before it, so that it is empty itself.
    """

    source: str
    original: str = ""
    text: str = ""
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    joined: Annotated[bool, Field(exclude_if=not_)] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """An issue in another language, unit by unit; ``language`` is a BCP 47 tag."""

    language: str
    units: tuple[TranslatedUnit, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """One edition's content.

    Attributes:
        title: The headline of the edition, and the default subject.
        issue_date: The date of the edition, in the newsletter's time zone.
        masthead: The publication's name in this edition; empty for the newsletter's name.
        number: The printed number or name of the edition, such as ``42`` or ``第42号``.
        preheader: The text that inboxes show after the subject; derived from the lead if empty.
        lead: Blocks before the first chapter.
        contents: The table of contents as written by the editor; derived if empty.
        credits: Closing lines, such as the names of editors.
        undated: Whether the date is not printed, because readers get the issue on different days.
        language: The language of the fixed texts around it, and of its own text unless
            ``language_tag`` is set.
        language_tag: The BCP 47 tag of its own text if that differs from ``language``.
        translations: The issue in other languages.
    """

    title: str
    issue_date: date
    language: Language = Language.JAPANESE
    language_tag: Annotated[str, Field(exclude_if=not_)] = ""
    masthead: str = ""
    number: str = ""
    preheader: str = ""
    lead: tuple[Block, ...] = ()
    contents: tuple[ContentsLine, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    credits: tuple[str, ...] = ()
    undated: Annotated[bool, Field(exclude_if=not_)] = False
    translations: Annotated[tuple[Translation, ...], Field(exclude_if=not_)] = ()

    @property
    def tag(self) -> str:
        """The BCP 47 tag of its text."""
        return self.language_tag or self.language.value


_ADAPTER: TypeAdapter[Issue] = TypeAdapter(Issue)


_BLOCKS_ADAPTER: TypeAdapter[tuple[Block, ...]] = TypeAdapter(tuple[Block, ...])


def blocks_to_json(blocks: tuple[Block, ...]) -> list[dict[str, Any]]:
    """Return blocks as values for JSON."""
    value: list[dict[str, Any]] = _BLOCKS_ADAPTER.dump_python(blocks, mode="json")
    return value


def blocks_from_json(value: object) -> tuple[Block, ...]:
    """Return the blocks that `blocks_to_json` wrote."""
    return _BLOCKS_ADAPTER.validate_python(value)


def issue_to_json(issue: Issue) -> dict[str, Any]:
    """Return an issue as values for JSON."""
    value: dict[str, Any] = _ADAPTER.dump_python(issue, mode="json")
    return value


def issue_from_json(value: dict[str, Any]) -> Issue:
    """Return the issue that `issue_to_json` wrote."""
    return _ADAPTER.validate_python(value)
