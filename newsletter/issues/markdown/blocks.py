"""Conversion of Markdown's syntax tree to blocks and runs of the content model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from urllib.parse import unquote

from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.normal_form import split_url
from newsletter.i18n.values import Alternatives
from newsletter.issues.checks.markup_kinds import find_placeholders
from newsletter.issues.markdown.dialect import OPEN_COMMENT
from newsletter.issues.markdown.fences import (
    LINK_SCHEMES,
    PART_CONDITION,
    PICTURE_SCHEMES,
    FencedReader,
)
from newsletter.issues.markdown.runs import (
    SOURCE_MARKS,
    anchor_of,
    caption_in,
    joins_without_space,
    merged,
    merged_at_all,
    paragraph_of,
    shows,
    source_start,
    title_of,
    without_blank_edges,
    without_mark,
    words_behind_fence,
)
from newsletter.issues.markdown.syntax import IS_TEXT, Parsed
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
    MergeField,
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

#: Item numbers from here on are probably years at the beginning of dates: "2026. 12. 6".
_A_YEAR = 1000
#: The character before brackets in program code, as in ``calls[0]()``.
_IN_PROGRAM = re.compile(r"[A-Za-z0-9_)\]]\Z")
_TASK = re.compile(r"\[[ xX]\](?=[ \t\n])")
#: The signs of tasks in a mail, in which nothing can be ticked.
OPEN_TASK, DONE_TASK = "\N{BALLOT BOX}", "\N{BALLOT BOX WITH CHECK}"
#: The largest number of characters of footnotes that are repeated for several references.
_NOTES_LENGTH = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadingParts:
    """A heading: its plain text, and the content that cannot be in a heading."""

    words: str
    links: tuple[Link, ...]
    blocks: tuple[Block, ...]


class BlockReader:
    """Converts nodes; ``first_line`` is the number of lines before the Markdown in its file."""

    def __init__(self, parsed: Parsed, *, source: str, first_line: int) -> None:
        self._parsed, self._source, self._first_line = parsed, source, first_line
        self._notes: dict[str | int, Footnote] = {}
        self._notes_length = 0
        self._in_note = False

    def place(self, node: SyntaxTreeNode) -> Place:
        """Return the place of a node's beginning in the file."""
        while node.map is None and node.parent is not None:
            node = node.parent
        line = self._first_line + (node.map[0] if node.map else 0) + 1
        return Place(source=self._source, line=line)

    def blocks(self, nodes: Iterable[SyntaxTreeNode]) -> Iterator[Block]:
        """Yield the blocks of block nodes."""
        for node in nodes:
            yield from self._block(node)

    def _block(self, node: SyntaxTreeNode) -> Iterator[Block]:  # noqa: C901 - one a kind
        match node.type:
            case "paragraph":
                yield from self._paragraph(node)
            case "bullet_list":
                yield ListBlock(items=self._items(node.children))
            case "ordered_list":
                yield from self._numbered(node.children)
            case "blockquote":
                yield self._quotation(node)
            case "heading":
                yield from self._heading(node)
            case "table":
                yield self._table(node)
            case "hr":
                yield ThematicBreak()
            case "comment":
                yield Comment(text=node.content)
            case "footnote_reference":
                yield from self._unused_note(node)
            case kind if kind == PART_CONDITION:
                raise self.misplaced_condition(node)
            case "fence" | "code_block":
                named = words_behind_fence(node.info)
                text = node.content.removesuffix("\n")
                yield Verbatim(text=f"{named}\n{text}" if named else text)
            case _:
                yield FencedReader(self).read(node)

    def _unused_note(self, node: SyntaxTreeNode) -> Iterator[Block]:
        """Yield the literal text of an unused footnote; others are converted at their reference."""
        if not node.meta.get(IS_TEXT):
            return
        words = Text(text=f"[^{node.meta['label']}]: ")
        match list(self.blocks(node.children)):
            case [Paragraph(content=content), *others]:
                yield Paragraph(content=tuple(merged((words, *content))))
                yield from others
            case others:
                yield from paragraph_of([words])
                yield from others

    def misplaced_condition(self, node: SyntaxTreeNode) -> ContentError:
        """Return the error about a part's condition at a wrong place."""
        return ContentError(
            msg("“:for[…]” does not stand right below a heading."),
            place=self.place(node),
            remedy=msg(
                "Move it below the heading of its part, or enclose the text in :::for … :::."
            ),
        )

    def label(self, link: SyntaxTreeNode) -> str:
        """Return the text of a link, which must not contain pictures."""
        return inline_words(self._without_pictures(self._runs(link.children), link))

    def _quotation(self, node: SyntaxTreeNode) -> Quotation:
        """Return a quotation; a last line that begins with a dash is its source."""
        last = node.children[-1] if node.children else None
        at = source_start(last.children[0]) if last and last.type == "paragraph" else None
        if last is None or at is None:
            return Quotation(blocks=tuple(self.blocks(node.children)))
        runs = last.children[0].children
        blocks = (
            *self.blocks(node.children[:-1]),
            *self._pictured(self._runs(runs[: max(at - 1, 0)])),
        )
        source = [run for run in self._runs(runs[at:]) if not isinstance(run, Picture)]
        content = without_mark(tuple(merged(source)), SOURCE_MARKS)
        if not (blocks and content):
            return Quotation(blocks=tuple(self.blocks(node.children)))
        return Quotation(blocks=blocks, source=content)

    def _items(self, nodes: Iterable[SyntaxTreeNode]) -> tuple[tuple[Block, ...], ...]:
        return tuple(tuple(self._list_item(item)) for item in nodes)

    def _numbered(self, items: Sequence[SyntaxTreeNode]) -> Iterator[ListBlock]:
        """Yield numbered lists; a new list starts where the typed numbers are not consecutive.

        CommonMark would number all items consecutively. This is only intended if all items have the
        same number, unless the number is a year.
        """
        numbers = [int(item.info) for item in items]
        begins = [
            index
            for index, number in enumerate(numbers)
            if not index
            or (number != numbers[index - 1] + 1 and (len(set(numbers)) > 1 or number >= _A_YEAR))
        ]
        for begin, end in pairwise([*begins, len(items)]):
            yield ListBlock(items=self._items(items[begin:end]), ordered=True, start=numbers[begin])

    def _list_item(self, item: SyntaxTreeNode) -> Iterator[Block]:
        """Yield the blocks of an item; GFM's check box of a task becomes a visible sign."""
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
        yield from self._pictured(self._runs(node.children))

    @staticmethod
    def _pictured(runs: Iterable[Inline | Picture]) -> Iterator[Block]:
        """Yield the blocks of running text; pictures in it become separate blocks, in order.

        Text below a picture that begins with a colon is its caption.
        """
        waiting: list[Inline] = []
        picture: Picture | None = None
        for run in (*runs, None):
            if run is not None and not isinstance(run, Picture):
                waiting.append(run)
                continue
            caption = caption_in(waiting) if picture else ()
            if picture:
                yield replace(picture, caption=caption)
            if not caption:
                yield from paragraph_of(waiting)
            waiting.clear()
            picture = run

    def _heading(self, node: SyntaxTreeNode) -> Iterator[Block]:
        runs = list(self._runs(node.children, line_end=Text(text=" ")))
        words = [run for run in runs if not isinstance(run, Picture)]
        content = without_blank_edges(merged(words))
        if shows(content):
            yield Heading(level=int(node.tag[1:]), content=content)
        else:
            yield from (run for run in content if isinstance(run, Comment))
        yield from (run for run in runs if isinstance(run, Picture))

    def heading(self, node: SyntaxTreeNode) -> HeadingParts:
        """Return the heading of a chapter, section or item.

        Raises:
            ContentError: The heading has a footnote.
        """
        words: list[str] = []
        links: list[Link] = []
        blocks: list[Block] = []
        for run in merged_at_all(self._runs(node.children, line_end=Text(text=" "))):
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
            case MergeField():
                raise ContentError(
                    msg("There is a merge field in a heading."),
                    place=self.place(node),
                    remedy=msg("Put it into the text below; contents and archive show headings."),
                )
            case Footnote():
                raise ContentError(
                    msg("There is a footnote in a heading."),
                    place=self.place(node),
                    remedy=msg("Move its mark into the text below."),
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
                    msg("There is a picture in a table cell or in a footnote."),
                    place=self.place(node),
                    remedy=msg("Put it above or below."),
                )
            found.append(run)
        return without_blank_edges(merged(found))

    def _runs(
        self,
        nodes: Iterable[SyntaxTreeNode],
        *,
        url: str = "",
        line_end: Inline = LineBreak(),  # noqa: B008 - immutable
    ) -> Iterator[Inline | Picture]:
        """Yield the runs of inline nodes; ``url`` is the target of the surrounding link.

        Line ends become ``line_end``; a space is omitted between Japanese characters.
        """
        before: Inline | Picture | None = None
        soft = False
        for node in nodes:
            if node.type == "softbreak":
                soft = True
                continue
            for run in self._run(node, url, line_end):
                if soft and not (isinstance(line_end, Text) and joins_without_space(before, run)):
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
                label = node.meta.get("label")
                is_text = label is not None and label not in self._parsed.notes
                yield Text(text=f"[^{label}]") if is_text else self._footnote(node)
            case "text":
                if node.content:
                    yield Text(text=node.content)
            case "merge_field":
                if not node.meta:
                    raise ContentError(
                        msg("This is not a reader field: {text}", text=node.content),
                        place=self.place(node),
                        remedy=msg(
                            "Write :field[name|fallback], or a backslash before the bracket."
                        ),
                    )
                yield MergeField(**node.meta)
            case kind if kind == OPEN_COMMENT:
                raise ContentError(
                    msg("A comment does not end in the paragraph in which it begins."),
                    place=self.place(node),
                    remedy=msg("Put it on lines of its own, or write \\< for a sign that is text."),
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
        """Yield the marked content; pictures in it are yielded separately, in order."""
        runs = list(self._runs(node.children, url=url, line_end=line_end))
        if not any(isinstance(run, Picture) for run in runs):
            yield mark(tuple(merged(runs)))
            return
        for pictured, group in groupby(runs, lambda run: isinstance(run, Picture)):
            if pictured:
                yield from group
            elif shows(content := without_blank_edges(merged(group))):
                yield mark(content)

    def _link(self, node: SyntaxTreeNode, line_end: Inline) -> Iterator[Inline | Picture]:
        before = node.previous_sibling
        if not node.attrs["href"] and before and _IN_PROGRAM.search(before.content):
            yield Text(text="[")
            yield from self._runs(node.children, line_end=line_end)
            yield Text(text="]()")
            return
        url = self.checked(str(node.attrs["href"]), LINK_SCHEMES, node)
        title = title_of(node)
        runs = list(
            self._marked(node, url, line_end, lambda content: anchor_of(url, content, title))
        )
        match runs:
            case [Anchor(content=content)] if not shows(content):
                yield anchor_of(url, (Text(text=url),), title)
            case _:
                # The title of a link that contains only pictures belongs to the first picture.
                waiting = "" if any(isinstance(run, Anchor) for run in runs) else title
                for run in runs:
                    if isinstance(run, Picture) and waiting not in {"", run.alt, run.title}:
                        yield replace(run, title=" / ".join(filter(None, (run.title, waiting))))
                        waiting = ""
                    else:
                        yield run

    def _picture(self, node: SyntaxTreeNode, url: str) -> Picture:
        source = self.checked(str(node.attrs["src"]), PICTURE_SCHEMES, node)
        runs = self._runs(node.children, line_end=Text(text=" "))
        words = (run.alt if isinstance(run, Picture) else inline_words((run,)) for run in runs)
        alt = "".join(words)
        title = title_of(node)
        return Picture(source=source, alt=alt, url=url, title="" if title == alt else title)

    def _footnote(self, node: SyntaxTreeNode) -> Footnote:
        if self._in_note:
            raise ContentError(
                msg("There is a footnote inside a footnote."),
                place=self.place(node),
                remedy=msg("Combine them into one footnote."),
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
                msg("The footnotes are too long."),
                place=self.place(node),
                remedy=msg("Shorten them."),
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
                    msg("A footnote contains more than plain text."),
                    place=self.place(definition),
                    remedy=msg("Write it as a paragraph, without lists, quotations or tables."),
                )
            content.extend([LineBreak()] if content else [])
            content.extend(self._without_pictures(self._runs(paragraph.children), definition))
        return tuple(content)

    def checked(self, url: str, schemes: frozenset[str], node: SyntaxTreeNode) -> str:
        """Return a URL that is allowed in mail.

        Raises:
            ContentError: The URL has another scheme.
        """
        try:
            scheme = split_url(url).scheme.lower()
        except ValueError:
            scheme = ""
        if scheme not in schemes:
            if signs := next(find_placeholders(unquote(url)), ""):
                raise ContentError(
                    msg(
                        "The address is a merge field of another mail system: {signs}.", signs=signs
                    ),
                    place=self.place(node),
                    remedy=msg(
                        "Enter the address, or remove the link; every email already has links to "
                        "unsubscribe and to the web version."
                    ),
                )
            if not url:
                raise ContentError(
                    msg("The link leads nowhere: its address is empty."),
                    place=self.place(node),
                    remedy=msg("Enter the address, or keep the words without the link."),
                )
            if scheme == "data":
                raise ContentError(
                    msg("A picture is pasted into the text itself, which emails cannot show."),
                    place=self.place(node),
                    remedy=msg(
                        "Save it as a file, add it under Pictures on the page where you write, and "
                        "put the new picture in its place."
                    ),
                )
            raise ContentError(
                msg(
                    "The address “{address}” cannot be used in an email.", address=unquote(url)[:80]
                ),
                place=self.place(node),
                remedy=msg(
                    "Write it in full, beginning with {names}.",
                    names=Alternatives(tuple(sorted(schemes))),
                ),
            )
        return url
