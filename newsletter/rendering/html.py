"""Blocks and inline runs of an issue as escaped HTML; it is well-formed XML, as MJML requires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import unquote

from markupsafe import Markup, escape

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message
from newsletter.i18n.normal_form import split_url
from newsletter.issues.cards import Button, Contact, Event, File, dialled, is_email
from newsletter.issues.events import day_words, read_span, when_words
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
from newsletter.issues.walking import notes_of
from newsletter.rendering.blocks import (
    ADDRESS,
    CALENDAR,
    CAPACITY,
    CONTENTS,
    EMAIL,
    HOURS,
    PHONE,
    REGISTER,
    WEBSITE,
    WHEN,
    WHERE,
    BlockContext,
)

#: Right-aligned cells are numbers, which are not wrapped.
_ALIGNED = {
    Alignment.NONE: Markup(""),
    Alignment.LEFT: Markup(' align="left"'),
    Alignment.CENTER: Markup(' align="center"'),
    Alignment.RIGHT: Markup(' align="right" style="white-space:nowrap"'),
}


def _within(start: str, inner: Markup, end: str) -> Markup:
    """Return HTML between two tags of this module; `Markup.format` takes ten times as long."""
    return inner.join((Markup(start), Markup(end)))  # noqa: S704 - literals of this module


def _title(title: str) -> Markup:
    return Markup(' title="{}"').format(title) if title else Markup("")


#: Pixels: the width of a mail, the width available in the narrowest bundled template, and the gap.
_ROOM, _SHARED, _GAP = 600, 536, 16
_BUTTON = Markup(
    '<table class="button" role="presentation" border="0" cellspacing="0" cellpadding="0"><tr>'
    '<td class="button-cell"><a class="button-link" href="{}">{}</a></td></tr></table>'
)
_ROW = Markup(
    '<div class="{}"><!--[if mso]><table role="presentation" width="100%" border="0" '
    'cellspacing="0" cellpadding="0"><tr><![endif]-->{}'
    "<!--[if mso]></tr></table><![endif]--></div>"
)
_CELL = Markup(
    '<!--[if mso]><td width="{}%" valign="top" style="padding:0 {}px 0 {}px"><![endif]-->'
    '<div class="{}"><div class="{}">{}</div></div>'
    "<!--[if mso]></td><![endif]-->"
)
_PANEL = Markup(
    '<table class="panel {}" role="presentation" width="100%" border="0" cellspacing="0" '
    'cellpadding="0"><tr>{}<td class="panel-cell">{}</td></tr></table>'
)


_FACTS = Markup(
    '<table class="facts" role="presentation" border="0" cellspacing="0" cellpadding="0">{}</table>'
)


def _panel(kind: str, inner: Markup, *, before: Markup = Markup("")) -> Markup:  # noqa: B008 - a constant
    return _PANEL.format(kind, before, inner)


def _named(name: str) -> Markup:
    return Markup('<p class="panel-name">{}</p>').format(_lines(name)) if name else Markup("")


def _when(event: Event, language: Language) -> Markup:
    """Return the time of an event, with its hours kept on one line."""
    day, space, hours = when_words(event, language).rpartition(" ")
    if ":" not in hours:
        return escape(day + space + hours)
    return Markup('{}{}<span class="hours">{}</span>').format(day, space, hours)


def _linked(words: str, url: str) -> Markup:
    """Return text with a link if there is a URL."""
    return (
        Markup('<a class="link" href="{}">{}</a>').format(url, _lines(words))
        if url
        else _lines(words)
    )


def _lines(text: str) -> Markup:
    return Markup("<br />").join(text.split("\n")) if text else Markup("")


def inline_html(content: Iterable[Inline]) -> Markup:
    """Return inline content as HTML, without the text of its footnotes."""
    return _Writer({}, BlockContext()).runs(content)


def blocks_html(blocks: Iterable[Block], context: BlockContext | None = None) -> Markup:
    """Return blocks as HTML, with their footnotes below; their classes are in the style sheet."""
    part = tuple(blocks)
    notes = notes_of(part)
    writer = _Writer(notes, context or BlockContext())
    below = (
        Markup('<p class="note">[{}] {}</p>').format(number, writer.runs(note.content))
        for note, number in notes.items()
    )
    return writer.blocks(part) + Markup("").join(below)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the content of one part; ``notes`` are its footnotes with their numbers."""

    notes: Mapping[Footnote, int]
    context: BlockContext
    #: Pixels that a picture may fill in programs that do not scale it, such as Outlook.
    room: int = _ROOM

    def runs(self, content: Iterable[Inline]) -> Markup:
        return Markup("").join(map(self._run, content))

    def _run(self, run: Inline) -> Markup:  # noqa: C901, PLR0911 - one a kind
        match run:
            case Text(text=text):
                return escape(text)
            case Strong(content=content):
                return _within("<strong>", self.runs(content), "</strong>")
            case Emphasis(content=content):
                return _within("<em>", self.runs(content), "</em>")
            case Strikethrough(content=content):
                return _within("<del>", self.runs(content), "</del>")
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
            case MergeField(fallback=fallback):
                return escape(fallback)
            case Comment():
                return Markup("")
            case _:
                assert_never(run)

    def blocks(self, blocks: Iterable[Block]) -> Markup:
        return Markup("").join(map(self._block, blocks))

    def _block(self, block: Block) -> Markup:  # noqa: C901, PLR0911, PLR0912 - one a kind
        match block:
            case Paragraph(content=content, language_tag=tag):
                if tag:
                    return Markup('<p class="body" lang="{}">{}</p>').format(
                        tag, self.runs(content)
                    )
                return _within('<p class="body">', self.runs(content), "</p>")
            case Heading(content=content):
                return Markup('<h4 class="subhead">{}</h4>').format(self.runs(content))
            case ListBlock(items=items, ordered=ordered, start=start):
                inner = Markup("").join(
                    _within('<li class="point">', self._list_item(item), "</li>") for item in items
                )
                if ordered:
                    return Markup('<ol class="body" start="{}">{}</ol>').format(start, inner)
                return Markup('<ul class="body">{}</ul>').format(inner)
            case Quotation(blocks=blocks, source=source):
                below = Markup('<p class="source">— {}</p>').format(self.runs(source))
                return Markup('<blockquote class="quotation">{}{}</blockquote>').format(
                    self.blocks(blocks), below if source else ""
                )
            case Picture():
                return self._picture(block)
            case Gallery(pictures=pictures):
                return self._beside([self._narrowed(len(pictures)).blocks((p,)) for p in pictures])
            case Conditional(blocks=blocks):
                return self.blocks(blocks)
            case Columns(left=left, right=right):
                narrow = self._narrowed(2)
                return self._beside([narrow.blocks(left), narrow.blocks(right)], kind="column")
            case Button(label=label, url=url):
                return _BUTTON.format(url, label or short_url(url))
            case File():
                return self._file(block)
            case Event():
                return self._event(block)
            case Contact():
                return self._contact(block)
            case Contents():
                return self._contents()
            case Snippet():
                return Markup("")
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

    def _narrowed(self, parts: int) -> _Writer:
        """Return a writer for content that shares a row with other parts."""
        parts = max(parts, 1)
        return replace(self, room=(min(self.room, _SHARED) - _GAP * (parts - 1)) // parts)

    def _picture(self, picture: Picture) -> Markup:
        image = Markup('<img class="picture" src="{}" alt="{}"{} width="{}" />').format(
            picture.source, picture.alt, _title(picture.title), self.room
        )
        if picture.url:
            # The alternative text, shown while the image is not loaded, has the colour of a link.
            image = Markup('<a class="link" href="{}">{}</a>').format(picture.url, image)
        shown = Markup('<p class="body{}">{}</p>').format(
            " shown" if picture.caption else "", image
        )
        if not picture.caption:
            return shown
        return shown + Markup('<p class="caption">{}</p>').format(self.runs(picture.caption))

    @staticmethod
    def _beside(parts: Sequence[Markup], *, kind: str = "tile") -> Markup:
        """Put parts side by side if there is room; Outlook on Windows needs a table.

        Each part gives up the same width for the gaps, so that all have one width, and there is no
        gap at the edges.
        """
        count = len(parts)
        inner = Markup("").join(
            _CELL.format(
                100 // count,
                _GAP * (count - at) // count,
                _GAP * (at - 1) // count,
                f"{kind} {kind}-{count} {kind}-at-{at}",
                f"{kind}-inner",
                part,
            )
            for at, part in enumerate(parts, start=1)
        )
        return _ROW.format(f"{kind}s", inner)

    def _file(self, file: File) -> Markup:
        facts = Markup('<span class="file-kind">{}</span>').format(
            kind_and_size(file.media_type, file.size, self.context.language)
        )
        name = Markup('<a class="link file-name" href="{}">{}</a>').format(
            file.url, _lines(file.name) or short_url(file.url)
        )
        return _panel("file", Markup('<p class="file-line">{}{}</p>').format(name, facts))

    def _event(self, event: Event) -> Markup:
        facts = self._facts(
            (WHEN, _when(event, self.context.language)),
            (WHERE, _lines(event.place)),
            (CAPACITY, _lines(event.capacity)),
        )
        links = [(REGISTER, event.url), (CALENDAR, self.context.calendars.get(event, ""))]
        content = _named(event.name) + facts + self._panel_links(links)
        return _panel("event", content, before=self._day(event))

    def _day(self, event: Event) -> Markup:
        """Return an event's first day as a calendar sheet; the text repeats the date in full."""
        span = read_span(event)
        if span is None:
            return Markup("")
        month, day, weekday = day_words(span.starts, self.context.language)
        return Markup(
            '<td class="day-cell" width="64" align="center" valign="top" aria-hidden="true">'
            '<span class="day-month">{}</span><br /><span class="day-number">{}</span><br />'
            '<span class="day-month">{}</span></td>'
        ).format(month, day, weekday)

    def _panel_links(self, links: Iterable[tuple[Message, str]]) -> Markup:
        shown = [
            Markup('<a class="link" href="{}">{}</a>').format(url, self.context.words(words))
            for words, url in links
            if url
        ]
        return (
            Markup('<p class="more">{}</p>').format(Markup(" ・ ").join(shown))
            if shown
            else Markup("")
        )

    def _facts(self, *facts: tuple[Message, Markup]) -> Markup:
        """Return names and values in a table, with the values below each other."""
        rows = Markup("").join(
            Markup(
                '<tr><td class="fact-name" valign="top">{}</td><td class="fact">{}</td></tr>'
            ).format(self.context.words(name), value)
            for name, value in facts
            if value
        )
        return _FACTS.format(rows) if rows else Markup("")

    def _contact(self, contact: Contact) -> Markup:
        number = dialled(contact.phone)
        email = contact.email if is_email(contact.email) else ""
        name = "\n".join(filter(None, (contact.department, contact.name)))
        facts = self._facts(
            (ADDRESS, _lines(contact.address)),
            (PHONE, _linked(contact.phone, number and f"tel:{number}")),
            (EMAIL, _linked(contact.email, email and f"mailto:{email}")),
            (HOURS, _lines(contact.hours)),
            (WEBSITE, _linked(short_url(contact.url), contact.url)),
        )
        return _panel("contact", _named(name) + facts)

    def _contents(self) -> Markup:
        """Return the table of contents, in the form that the template uses at its own place."""
        if not self.context.contents:
            return Markup("")
        head = Markup('<h2 class="chapter contents-head" id="contents">{}</h2>').format(
            self.context.words(CONTENTS)
        )
        return head + Markup("").join(map(self._contents_line, self.context.contents))

    def _contents_line(self, line: ContentsLine) -> Markup:
        words: Markup = escape(line.text)
        if line.anchor:
            words = Markup('<a class="link" href="{}#{}">{}</a>').format(
                self.context.page, line.anchor, line.text
            )
        if line.label and line.level == 1:
            words = Markup("{}. {}").format(line.label, words)
        elif line.label:
            label = line.label.replace(" ", "")
            words = Markup('<span class="label">{}</span>{}').format(label, words)
        return Markup('<p class="toc{}">{}</p>').format(" inner" if line.level > 1 else "", words)

    def _list_item(self, blocks: tuple[Block, ...]) -> Markup:
        """Return a list item; a lone paragraph, even above a list, is written without its tag."""
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


#: Characters of a URL that fit on one line of a telephone.
_URL_LETTERS = 34
#: Minimum characters of a path that still have meaning.
_PATH_LETTERS = 8


def short_url(url: str) -> str:
    """Return a web URL shortened to one line; any other text is returned unchanged."""
    try:
        parts = split_url(url)
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
    """Return a path with its letters decoded, unless the result is not readable."""
    decoded = unquote(path, errors="replace")
    return decoded if decoded.isprintable() and "\ufffd" not in decoded else path
