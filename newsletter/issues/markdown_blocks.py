"""Markdown's syntax tree to blocks and runs of the content model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from urllib.parse import unquote, urlsplit

from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.issues.markdown_syntax import OPEN_COMMENT, Parsed
from newsletter.issues.markup_checks import find_placeholders
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
    Link,
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
from newsletter.issues.plain_text import inline_words

_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_PICTURE_SCHEMES = frozenset({"http", "https"})
_TASK = re.compile(r"\[[ xX]\](?=[ \t\n])")
#: How a task shows in a mail, where nothing can be ticked.
OPEN_TASK, DONE_TASK = "\N{BALLOT BOX}", "\N{BALLOT BOX WITH CHECK}"
#: Characters that footnotes may take by being referred to again and again.
_NOTES_LENGTH = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadingParts:
    """A heading that is a name: its words, and what cannot stand in a name."""

    words: str
    links: tuple[Link, ...]
    blocks: tuple[Block, ...]


class BlockReader:
    """Reads nodes; ``first_line`` is how many lines stand above the Markdown in its file."""

    def __init__(self, parsed: Parsed, *, source: str, first_line: int) -> None:
        self._parsed, self._source, self._first_line = parsed, source, first_line
        self._notes: dict[str | int, Footnote] = {}
        self._notes_length = 0
        self._in_note = False

    def place(self, node: SyntaxTreeNode) -> Place:
        """Return where in the file a node begins."""
        while node.map is None and node.parent is not None:
            node = node.parent
        line = self._first_line + (node.map[0] if node.map else 0) + 1
        return Place(source=self._source, line=line)

    def blocks(self, nodes: Iterable[SyntaxTreeNode]) -> Iterator[Block]:
        """Read block nodes."""
        for node in nodes:
            yield from self._block(node)

    def _block(self, node: SyntaxTreeNode) -> Iterator[Block]:
        match node.type:
            case "paragraph":
                yield from self._paragraph(node)
            case "bullet_list" | "ordered_list":
                yield ListBlock(
                    items=tuple(tuple(self._list_item(item)) for item in node.children),
                    ordered=node.type == "ordered_list",
                    start=int(node.attrs.get("start", 1)),
                )
            case "blockquote":
                yield Quotation(blocks=tuple(self.blocks(node.children)))
            case "heading":
                yield from self._heading(node)
            case "table":
                yield self._table(node)
            case "hr":
                yield ThematicBreak()
            case "comment":
                yield Comment(text=node.content)
            case "footnote_reference":
                return
            case "fence" | "code_block":
                # Behind a fence stands a language's name; other words are the editor's.
                named = "" if node.info.isascii() else f"{node.info.strip()}\n"
                yield Verbatim(text=named + node.content.removesuffix("\n"))
            case kind:
                raise AssertionError(kind)

    def _list_item(self, item: SyntaxTreeNode) -> Iterator[Block]:
        """Read an item; GFM's box of a task becomes a sign that every reader sees."""
        blocks = list(self.blocks(item.children))
        first = item.children[0] if item.children else None
        task = first and first.type == "paragraph" and _TASK.match(first.children[0].content)
        match blocks:
            case [Paragraph(content=(Text(text=text), *rest)), *others] if task:
                sign = OPEN_TASK if text.startswith("[ ]") else DONE_TASK
                yield Paragraph(content=(Text(text=sign + text[3:]), *rest))
                yield from others
            case _:
                yield from blocks

    def _paragraph(self, node: SyntaxTreeNode) -> Iterator[Block]:
        """Read a paragraph; pictures within it become blocks of their own, in order."""
        waiting: list[Inline] = []
        for run in self._runs(node.children):
            if isinstance(run, Picture):
                yield from _words(waiting)
                waiting.clear()
                yield run
            else:
                waiting.append(run)
        yield from _words(waiting)

    def _heading(self, node: SyntaxTreeNode) -> Iterator[Block]:
        runs = list(self._runs(node.children, line_end=Text(text=" ")))
        words = [run for run in runs if not isinstance(run, Picture)]
        content = _without_blank_edges(_merged(words))
        if _shows(content):
            yield Heading(level=int(node.tag[1:]), content=content)
        else:
            yield from (run for run in content if isinstance(run, Comment))
        yield from (run for run in runs if isinstance(run, Picture))

    def heading(self, node: SyntaxTreeNode) -> HeadingParts:
        """Read the heading of a chapter, section or item.

        Raises:
            ContentError: A footnote hangs on it.
        """
        words: list[str] = []
        links: list[Link] = []
        blocks: list[Block] = []
        for run in _merged_at_all(self._runs(node.children, line_end=Text(text=" "))):
            match run:
                case Picture() | Comment():
                    blocks.append(run)
                case _:
                    words.append(self._plain(run, links, blocks, node))
        name = "".join(words).strip()
        found = (replace(link, label="" if link.label == name else link.label) for link in links)
        return HeadingParts(words=name, links=tuple(found), blocks=tuple(blocks))

    def _plain(
        self, run: Inline, links: list[Link], blocks: list[Block], node: SyntaxTreeNode
    ) -> str:
        match run:
            case Text(text=text) | Code(text=text):
                return text
            case LineBreak():
                return " "
            case Comment():
                return ""
            case Footnote():
                raise ContentError(
                    "A footnote hangs on a heading.",
                    place=self.place(node),
                    remedy="Put its sign into the text below.",
                )
            case Strong(content=content) | Emphasis(content=content):
                return "".join(self._plain(inner, links, blocks, node) for inner in content)
            case Strikethrough(content=content):
                words = "".join(self._plain(inner, links, blocks, node) for inner in content)
                return f"~~{words}~~"
            case Anchor(url=url, content=content, title=title):
                words = "".join(self._plain(inner, links, blocks, node) for inner in content)
                if title:
                    blocks.append(Paragraph(content=(run,)))
                else:
                    links.append(Link(url=url, label="" if words == url else words))
                return words

    def _table(self, node: SyntaxTreeNode) -> Table:
        rows = [row for part in node.children for row in part.children]
        head, *others = (tuple(map(self._cell, row.children)) for row in rows)
        styles = (str(cell.attrs.get("style", "")) for cell in rows[0].children)
        return Table(
            alignments=tuple(Alignment(style.removeprefix("text-align:")) for style in styles),
            head=head,
            rows=tuple(others),
        )

    def _cell(self, node: SyntaxTreeNode) -> Cell:
        return self._without_pictures(self._runs(node.children), node)

    def _without_pictures(
        self, runs: Iterable[Inline | Picture], node: SyntaxTreeNode
    ) -> tuple[Inline, ...]:
        found: list[Inline] = []
        for run in runs:
            if isinstance(run, Picture):
                raise ContentError(
                    "A picture stands in the cell of a table or in a footnote.",
                    place=self.place(node),
                    remedy="Put it above or below.",
                )
            found.append(run)
        return _without_blank_edges(_merged(found))

    def _runs(
        self,
        nodes: Iterable[SyntaxTreeNode],
        *,
        url: str = "",
        line_end: Inline = LineBreak(),  # noqa: B008 - a frozen value
    ) -> Iterator[Inline | Picture]:
        """Read inline nodes; ``url`` is where the link leads that they stand in.

        A line's end is what ``line_end`` says; as a space, it is none between Japanese characters.
        """
        before: Inline | Picture | None = None
        soft = False
        for node in nodes:
            if node.type == "softbreak":
                soft = True
                continue
            for run in self._run(node, url, line_end):
                if soft and not (isinstance(line_end, Text) and _joins_without_space(before, run)):
                    yield line_end
                soft = False
                before = run
                yield run

    def _run(  # noqa: C901, PLR0912 - one a kind
        self, node: SyntaxTreeNode, url: str, line_end: Inline
    ) -> Iterator[Inline | Picture]:
        match node.type:
            case "inline":
                yield from self._runs(node.children, url=url, line_end=line_end)
            case "strong":
                yield from self._marked(node, url, line_end, lambda runs: Strong(content=runs))
            case "em":
                yield from self._marked(node, url, line_end, lambda runs: Emphasis(content=runs))
            case "s":
                yield from self._marked(
                    node, url, line_end, lambda runs: Strikethrough(content=runs)
                )
            case "link":
                yield from self._link(node, line_end)
            case "image":
                yield self._picture(node, url)
            case "code_inline":
                yield Code(text=node.content)
            case "hardbreak":
                yield LineBreak()
            case "comment":
                yield Comment(text=node.content)
            case "footnote_ref":
                yield self._footnote(node)
            case "text":
                if node.content:
                    yield Text(text=node.content)
            case kind if kind == OPEN_COMMENT:
                raise ContentError(
                    "A comment does not end in the paragraph in which it begins.",
                    place=self.place(node),
                    remedy="Give it lines of its own, or write \\< for a sign that is text.",
                )
            case kind:
                raise AssertionError(kind)

    def _marked(
        self,
        node: SyntaxTreeNode,
        url: str,
        line_end: Inline,
        mark: Callable[[tuple[Inline, ...]], Inline],
    ) -> Iterator[Inline | Picture]:
        """Read what a mark embraces; pictures step out of it, in order."""
        runs = list(self._runs(node.children, url=url, line_end=line_end))
        if not any(isinstance(run, Picture) for run in runs):
            yield mark(tuple(_merged(runs)))
            return
        for pictured, group in groupby(runs, lambda run: isinstance(run, Picture)):
            if pictured:
                yield from group
            elif _shows(content := _without_blank_edges(_merged(group))):
                yield mark(content)

    def _link(self, node: SyntaxTreeNode, line_end: Inline) -> Iterator[Inline | Picture]:
        url = self._checked(str(node.attrs["href"]), _LINK_SCHEMES, node)
        title = _title(node)
        runs = list(self._marked(node, url, line_end, lambda content: _anchor(url, content, title)))
        match runs:
            case [Anchor(content=content)] if not _shows(content):
                yield _anchor(url, (Text(text=url),), title)
            case _:
                # A link of pictures alone has its title on the first of them.
                waiting = "" if any(isinstance(run, Anchor) for run in runs) else title
                for run in runs:
                    if isinstance(run, Picture) and waiting not in {"", run.alt, run.title}:
                        yield replace(run, title=" / ".join(filter(None, (run.title, waiting))))
                        waiting = ""
                    else:
                        yield run

    def _picture(self, node: SyntaxTreeNode, url: str) -> Picture:
        source = self._checked(str(node.attrs["src"]), _PICTURE_SCHEMES, node)
        runs = self._runs(node.children, line_end=Text(text=" "))
        words = (run.alt if isinstance(run, Picture) else inline_words((run,)) for run in runs)
        alt = "".join(words)
        title = _title(node)
        return Picture(source=source, alt=alt, url=url, title="" if title == alt else title)

    def _footnote(self, node: SyntaxTreeNode) -> Footnote:
        if self._in_note:
            raise ContentError(
                "A footnote stands within a footnote.",
                place=self.place(node),
                remedy="Make one note of both.",
            )
        key = node.meta.get("label", node.meta["id"])
        if key not in self._notes:
            self._in_note = True
            self._notes[key] = Footnote(content=self._note_content(key, node))
            self._in_note = False
        note = self._notes[key]
        self._notes_length += len(inline_words(note.content))
        if self._notes_length > _NOTES_LENGTH:
            raise ContentError(
                "The footnotes are too long.", place=self.place(node), remedy="Shorten them."
            )
        return note

    def _note_content(self, key: str | int, node: SyntaxTreeNode) -> tuple[Inline, ...]:
        if isinstance(key, int):
            return self._without_pictures(self._runs(self._parsed.inline_notes[key]), node)
        definition = self._parsed.notes[key]
        content: list[Inline] = []
        for paragraph in definition.children:
            if paragraph.type != "paragraph":
                raise ContentError(
                    "A footnote holds more than running text.",
                    place=self.place(definition),
                    remedy="Write it as a paragraph, without lists, quotations or tables.",
                )
            content.extend([LineBreak()] if content else [])
            content.extend(self._without_pictures(self._runs(paragraph.children), definition))
        return tuple(content)

    def _checked(self, url: str, schemes: frozenset[str], node: SyntaxTreeNode) -> str:
        try:
            scheme = urlsplit(url).scheme.lower()
        except ValueError:
            scheme = ""
        if scheme not in schemes:
            if signs := next(find_placeholders(unquote(url)), ""):
                raise ContentError(
                    f"The address is a field of another mail system: {signs}.",
                    place=self.place(node),
                    remedy="Write the address, or take the link out; each mail says by itself how "
                    "to leave, and where to read it on the web.",
                )
            raise ContentError(
                f"The address {unquote(url)[:80]!r} cannot stand in a mail.",
                place=self.place(node),
                remedy=f"Write it in full, beginning with {' or '.join(sorted(schemes))}.",
            )
        return url


def _title(node: SyntaxTreeNode) -> str:
    """Return the title of a link or picture on one line."""
    return " ".join(str(node.attrs.get("title", "")).split())


def _anchor(url: str, content: tuple[Inline, ...], title: str) -> Anchor:
    """Return a link; a title that its words say themselves is none."""
    said = title in {url, inline_words(content)}
    return Anchor(url=url, content=content, title="" if said else title)


def _words(runs: Iterable[Inline]) -> Iterator[Block]:
    """Yield a paragraph; remarks alone are no paragraph, and blanks are nothing."""
    content = _without_blank_edges(_merged(runs))
    if _shows(content):
        yield Paragraph(content=content)
    else:
        yield from (run for run in content if isinstance(run, Comment))


def _shows(runs: Sequence[Inline]) -> bool:
    return bool(inline_words(tuple(runs)).strip()) or any(isinstance(run, Footnote) for run in runs)


def _without_blank_edges(runs: Iterable[Inline]) -> tuple[Inline, ...]:
    """Drop the blanks, and breaks beside them, that a picture leaves where it stood."""
    content = list(runs)
    for edge, strip in ((0, str.lstrip), (-1, str.rstrip)):
        while content:
            match content[edge]:
                case Text(text=text) if (rest := strip(text, " \t\n")) != text:
                    content[edge : edge + 1 or None] = [Text(text=rest)] if rest else []
                case LineBreak():
                    del content[edge]
                case _:
                    break
    return tuple(content)


def _merged(runs: Iterable[Inline | Picture]) -> Iterator[Inline]:
    """Join neighbouring texts, so that one sentence is one value however its lines were broken."""
    for run in _merged_at_all(runs):
        assert not isinstance(run, Picture)  # noqa: S101 - none went in
        yield run


def _merged_at_all(runs: Iterable[Inline | Picture]) -> Iterator[Inline | Picture]:
    waiting: list[str] = []
    for run in runs:
        if isinstance(run, Text):
            waiting.append(run.text)
            continue
        if waiting:
            yield Text(text="".join(waiting))
            waiting.clear()
        yield run
    if waiting:
        yield Text(text="".join(waiting))


def _joins_without_space(before: Inline | Picture | None, after: Inline | Picture) -> bool:
    """Whether a line's end in the source means nothing, as it does between Japanese characters."""
    if before is None or isinstance(before, Picture) or isinstance(after, Picture):
        return True
    left, right = inline_words((before,))[-1:], inline_words((after,))[:1]
    return all(char and unicodedata.east_asian_width(char) in "WF" for char in (left, right))
