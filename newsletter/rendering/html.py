"""Blocks and runs of an issue as escaped HTML that is also well-formed XML, as MJML wants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import unquote, urlsplit

from markupsafe import Markup, escape

from newsletter.issues.model import (
    Alignment,
    Anchor,
    Block,
    Cell,
    Code,
    Comment,
    Emphasis,
    Footnote,
    Heading,
    Inline,
    LineBreak,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Strikethrough,
    Strong,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)
from newsletter.issues.walking import notes_of

#: Cells at the right are figures, which no line parts.
_ALIGNED = {
    Alignment.NONE: Markup(""),
    Alignment.LEFT: Markup(' align="left"'),
    Alignment.CENTER: Markup(' align="center"'),
    Alignment.RIGHT: Markup(' align="right" style="white-space:nowrap"'),
}


def _title(title: str) -> Markup:
    return Markup(' title="{}"').format(title) if title else Markup("")


def inline_html(content: Iterable[Inline]) -> Markup:
    """Return running text as HTML, without what its footnotes say."""
    return _Writer({}).runs(content)


def blocks_html(blocks: Iterable[Block]) -> Markup:
    """Return blocks as HTML, with their footnotes below; classes are those of the style sheet."""
    part = tuple(blocks)
    notes = notes_of(part)
    writer = _Writer(notes)
    below = (
        Markup('<p class="note">[{}] {}</p>').format(number, writer.runs(note.content))
        for note, number in notes.items()
    )
    return writer.blocks(part) + Markup("").join(below)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes what stands in one part; ``notes`` are its footnotes with their numbers."""

    notes: Mapping[Footnote, int]

    def runs(self, content: Iterable[Inline]) -> Markup:
        return Markup("").join(map(self._run, content))

    def _run(self, run: Inline) -> Markup:  # noqa: PLR0911 - one a kind
        match run:
            case Text(text=text):
                return escape(text)
            case Strong(content=content):
                return Markup("<strong>{}</strong>").format(self.runs(content))
            case Emphasis(content=content):
                return Markup("<em>{}</em>").format(self.runs(content))
            case Strikethrough(content=content):
                return Markup("<del>{}</del>").format(self.runs(content))
            case Code(text=text):
                return Markup('<code class="code">{}</code>').format(text)
            case Anchor(url=url, content=content, title=title):
                bare = content == (Text(text=url),)
                words = short_url(url) if bare else self.runs(content)
                return Markup('<a class="link" href="{}"{}>{}</a>').format(
                    url, _title(title), words
                )
            case LineBreak():
                return Markup("<br />")
            case Footnote():
                number = self.notes.get(run)
                return Markup("<sup>[{}]</sup>").format(number) if number else Markup("")
            case Comment():
                return Markup("")
            case _:
                assert_never(run)

    def blocks(self, blocks: Iterable[Block]) -> Markup:
        return Markup("").join(map(self._block, blocks))

    def _block(self, block: Block) -> Markup:  # noqa: C901, PLR0911 - one a kind
        match block:
            case Paragraph(content=content):
                return Markup('<p class="body">{}</p>').format(self.runs(content))
            case Heading(content=content):
                return Markup('<h4 class="subhead">{}</h4>').format(self.runs(content))
            case ListBlock(items=items, ordered=ordered, start=start):
                inner = Markup("").join(
                    Markup('<li class="point">{}</li>').format(self._list_item(item))
                    for item in items
                )
                if ordered:
                    return Markup('<ol class="body" start="{}">{}</ol>').format(start, inner)
                return Markup('<ul class="body">{}</ul>').format(inner)
            case Quotation(blocks=blocks):
                return Markup('<blockquote class="quotation">{}</blockquote>').format(
                    self.blocks(blocks)
                )
            case Picture(source=source, alt=alt, url=url, title=title):
                image = Markup('<img class="picture" src="{}" alt="{}"{} width="600" />').format(
                    source, alt, _title(title)
                )
                if url:
                    image = Markup('<a href="{}">{}</a>').format(url, image)
                return Markup('<p class="body">{}</p>').format(image)
            case Verbatim(text=text):
                return Markup('<pre class="verbatim">{}</pre>').format(text)
            case ThematicBreak():
                return Markup('<hr class="rule" />')
            case Table():
                return self._table(block)
            case Comment():
                return Markup("")
            case _:
                assert_never(block)

    def _list_item(self, blocks: tuple[Block, ...]) -> Markup:
        """Return a list item; one paragraph, alone or above a list, stands without its tag."""
        match blocks:
            case (Paragraph(content=content), *inner) if all(
                isinstance(each, ListBlock) for each in inner
            ):
                return self.runs(content) + self.blocks(inner)
            case _:
                return self.blocks(blocks)

    def _table(self, table: Table) -> Markup:
        head = self._row(table, table.head, Markup('<th class="cell" scope="col"{}>{}</th>'))
        rows = (self._row(table, row, Markup('<td class="cell"{}>{}</td>')) for row in table.rows)
        return Markup(
            '<div class="wide"><table class="table" border="0" cellspacing="0" cellpadding="0">'
            "<thead>{}</thead><tbody>{}</tbody></table></div>"
        ).format(head, Markup("").join(rows))

    def _row(self, table: Table, cells: Iterable[Cell], cell: Markup) -> Markup:
        return Markup("<tr>{}</tr>").format(
            Markup("").join(
                cell.format(
                    _ALIGNED[alignment],
                    self.runs(content),
                )
                for alignment, content in zip(table.alignments, cells, strict=True)
            )
        )


#: Letters of an address that fit on one line of a telephone.
_URL_LETTERS = 34
#: Letters of a path that still say something.
_PATH_LETTERS = 8


def short_url(url: str) -> str:
    """Return a web address short enough for one line; what is none comes back as it is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return url
    if parts.scheme not in {"http", "https"} or not host:
        return url
    host = host.removeprefix("www.")
    rest = _readable(parts.path.rstrip("/"))
    whole = not (parts.query or parts.fragment)
    if len(host) + len(rest) <= _URL_LETTERS:
        return host + rest + ("" if whole else "…")
    room = max(_URL_LETTERS - len(host) - 1, _PATH_LETTERS)
    return f"{host}{rest[:room]}…"


def _readable(path: str) -> str:
    """Return a path with its letters decoded, unless that shows what nobody can read."""
    decoded = unquote(path, errors="replace")
    return decoded if decoded.isprintable() and "\ufffd" not in decoded else path
