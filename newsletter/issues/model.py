"""The content model: an issue is a value, free of HTML, whatever source it came from.

Text is Unicode after normalisation. Nothing here is escaped; whoever writes HTML or MJML escapes.
The database keeps an issue as JSON.
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

#: What a link or picture says besides its words, as a tooltip and in the text; often nothing, and
#: then not in the database.
Title = Annotated[str, Field(exclude_if=not_)]
#: For whom a part is: the name of a saved segment, or a query as segments are written; empty for
#: everybody, and then not in the database.
ConditionText = Annotated[str, Field(exclude_if=not_)]
#: Running text that a block may have besides its own, such as a caption; likewise.
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
    """A run that no longer holds, such as a former price."""

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
    """A break the author asked for within a paragraph."""

    kind: Literal["break"] = "break"


@dataclass(frozen=True, kw_only=True, slots=True)
class Footnote:
    """A note to the words before it; printed below the part that it stands in.

    Notes of equal content are one note, whatever their labels were.
    """

    content: tuple[Inline, ...]
    kind: Literal["footnote"] = "footnote"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """An editor's own remark, in the source alone: no mail, page or feed shows it."""

    text: str
    kind: Literal["comment"] = "comment"


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeField:
    """What is known of each reader, such as ``name``; ``fallback`` where nothing is.

    Archive and feed, which have no reader, show the fallback.
    """

    field: str
    fallback: str = ""
    kind: Literal["field"] = "field"


#: Told apart by ``kind``, so that reading nested JSON tries one class a value.
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
        language_tag: The BCP 47 tag of its words where they are not in the issue's language, such
            as those of a correction's note that nobody translated. No source states it.
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
    """Words of somebody else; ``source`` says whose, and where they stand."""

    blocks: tuple[Block, ...]
    source: Beside = ()
    kind: Literal["quotation"] = "quotation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An image the editor chose, by http(s) URL; ``url`` is where a click on it leads."""

    source: str
    alt: str
    url: str = ""
    title: Title = ""
    caption: Beside = ()
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verbatim:
    """Lines kept exactly as they stand: preformatted, or text that fitted nothing else."""

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
    """A rule between two thoughts."""

    kind: Literal["thematic-break"] = "thematic-break"


class Alignment(StrEnum):
    """How a column of a table stands; none is left to the mail program."""

    NONE = ""
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


Cell = tuple[Inline, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Cells under the heads of their columns; every row has as many as ``alignments``."""

    alignments: tuple[Alignment, ...]
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    kind: Literal["table"] = "table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Two to four pictures in a row; on a telephone, two beside each other."""

    pictures: tuple[Picture, ...]
    kind: Literal["gallery"] = "gallery"


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Blocks beside each other, below each other on a telephone; neither side holds columns."""

    left: tuple[Block, ...] = ()
    right: tuple[Block, ...] = ()
    kind: Literal["columns"] = "columns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """Where the table of contents stands; without it, the template has its own place for it."""

    kind: Literal["contents"] = "contents"


@dataclass(frozen=True, kw_only=True, slots=True)
class Snippet:
    """Blocks that the newsletter keeps under a name, put here before the issue is rendered."""

    name: str
    kind: Literal["snippet"] = "snippet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditional:
    """Blocks for those readers alone who meet a condition; see `newsletter.issues.conditions`."""

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


#: What every kind of block and run is called in JSON.
KINDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        kind.__dataclass_fields__["kind"].default
        for union in (Block, Inline)
        for kind in get_args(get_args(union)[0])
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link that stands by itself below what it belongs to; shown as its URL without a label."""

    url: str
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One piece of news: a headline, what it says, where to read on."""

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
        text: What the line says, without its label.
        label: A short name shown before the text, such as 政府.
        anchor: The anchor within the issue that the line leads to; empty when it leads nowhere.
        level: 1 for chapters, 2 for what stands below them.
    """

    text: str
    label: str = ""
    anchor: str = ""
    level: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatedUnit:
    """What a unit of an issue says in another language; see `newsletter.issues.translations`.

    Attributes:
        source: The digest of the unit that it translates, as that was then.
        original: What that said, so that a later change of it can be shown.
        text: The words of a unit that is one text, such as a heading.
        joined: Whether what it says stands with the unit before it, so that nothing is left here.
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
        masthead: The publication's name as this edition prints it; empty for the newsletter's own.
        number: The running number or name of the edition as printed, such as ``42`` or ``第42号``.
        preheader: What an inbox shows behind the subject; derived from the lead when empty.
        lead: Blocks before the first chapter.
        contents: The table of contents as the editor wrote it; empty when it is to be derived.
        credits: Closing lines, such as who edited the issue.
        undated: Whether its date stays unprinted, as each reader gets it on another day.
        language: That of the fixed words around it, and of its own unless ``language_tag`` is set.
        language_tag: The BCP 47 tag of its own words where ``language`` does not say it.
        translations: What it says in other languages.
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
        """The BCP 47 tag of its words."""
        return self.language_tag or self.language.value


_ADAPTER: TypeAdapter[Issue] = TypeAdapter(Issue)


_BLOCKS_ADAPTER: TypeAdapter[tuple[Block, ...]] = TypeAdapter(tuple[Block, ...])


def blocks_to_json(blocks: tuple[Block, ...]) -> list[dict[str, Any]]:
    """Return blocks as JSON-ready values."""
    value: list[dict[str, Any]] = _BLOCKS_ADAPTER.dump_python(blocks, mode="json")
    return value


def blocks_from_json(value: object) -> tuple[Block, ...]:
    """Return the blocks that `blocks_to_json` wrote."""
    return _BLOCKS_ADAPTER.validate_python(value)


def issue_to_json(issue: Issue) -> dict[str, Any]:
    """Return an issue as JSON-ready values."""
    value: dict[str, Any] = _ADAPTER.dump_python(issue, mode="json")
    return value


def issue_from_json(value: dict[str, Any]) -> Issue:
    """Return the issue that `issue_to_json` wrote."""
    return _ADAPTER.validate_python(value)
