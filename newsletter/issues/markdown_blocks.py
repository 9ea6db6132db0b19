"""CommonMark's syntax tree to blocks and runs of the content model."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.issues.model import (
    Anchor,
    Block,
    Code,
    Emphasis,
    Inline,
    LineBreak,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Strong,
    Text,
    Verbatim,
)
from newsletter.issues.plain import inline_text

_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_PICTURE_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockReader:
    """Reads nodes; ``first_line`` is how many lines stand above the Markdown in its file."""

    source: str
    first_line: int

    def line(self, node: SyntaxTreeNode) -> int:
        """Return the line in the file at which a node begins."""
        while node.map is None and node.parent is not None:
            node = node.parent
        return self.first_line + (node.map[0] if node.map else 0) + 1

    def blocks(self, nodes: Iterable[SyntaxTreeNode]) -> Iterator[Block]:
        """Read block nodes."""
        for node in nodes:
            yield from self._block(node)

    def _block(self, node: SyntaxTreeNode) -> Iterator[Block]:
        match node.type:
            case "paragraph":
                yield from self._paragraph(node.children)
            case "bullet_list" | "ordered_list":
                yield ListBlock(
                    items=tuple(tuple(self.blocks(item.children)) for item in node.children),
                    ordered=node.type == "ordered_list",
                    start=int(node.attrs.get("start", 1)),
                )
            case "blockquote":
                yield Quotation(blocks=tuple(self.blocks(node.children)))
            case "hr":
                return
            case _:
                yield Verbatim(text=node.content.rstrip("\n"))

    def _paragraph(self, nodes: Sequence[SyntaxTreeNode]) -> Iterator[Block]:
        """Read a paragraph; pictures within it become blocks of their own, in order."""
        waiting: list[SyntaxTreeNode] = []
        for node in (inner for outer in nodes for inner in outer.children):
            picture = self._picture(node)
            if picture is None:
                waiting.append(node)
                continue
            yield from self._words(waiting)
            waiting.clear()
            yield picture
        yield from self._words(waiting)

    def _words(self, nodes: Sequence[SyntaxTreeNode]) -> Iterator[Paragraph]:
        content = self.runs(nodes)
        if inline_text(content).strip():
            yield Paragraph(content=content)

    def _picture(self, node: SyntaxTreeNode) -> Picture | None:
        if node.type == "image":
            source = self._checked(str(node.attrs["src"]), _PICTURE_SCHEMES, node)
            return Picture(source=source, alt=inline_text(self.runs(node.children)))
        if node.type == "link" and [child.type for child in node.children] == ["image"]:
            image = node.children[0]
            source = self._checked(str(image.attrs["src"]), _PICTURE_SCHEMES, node)
            url = self._checked(str(node.attrs["href"]), _LINK_SCHEMES, node)
            return Picture(source=source, alt=inline_text(self.runs(image.children)), url=url)
        return None

    def runs(self, nodes: Iterable[SyntaxTreeNode]) -> tuple[Inline, ...]:
        """Read inline nodes."""
        found: list[Inline] = []
        soft = False
        for node in nodes:
            if node.type == "softbreak":
                soft = True
                continue
            for run in self._run(node):
                if soft and found and not _joins_without_space(found[-1], run):
                    found.append(Text(text=" "))
                soft = False
                found.append(run)
        return tuple(_merged(found))

    def _run(self, node: SyntaxTreeNode) -> Iterator[Inline]:
        match node.type:
            case "inline":
                yield from self.runs(node.children)
            case "strong":
                yield Strong(content=self.runs(node.children))
            case "em":
                yield Emphasis(content=self.runs(node.children))
            case "code_inline":
                yield Code(text=node.content)
            case "link":
                url = self._checked(str(node.attrs["href"]), _LINK_SCHEMES, node)
                yield Anchor(url=url, content=self.runs(node.children))
            case "hardbreak":
                yield LineBreak()
            case _:
                if node.content:
                    yield Text(text=node.content)

    def _checked(self, url: str, schemes: frozenset[str], node: SyntaxTreeNode) -> str:
        try:
            scheme = urlsplit(url).scheme.lower()
        except ValueError:
            scheme = ""
        if scheme not in schemes:
            raise ContentError(
                f"The address {url[:80]!r} cannot stand in a mail.",
                place=Place(source=self.source, line=self.line(node)),
                remedy=f"Write it in full, beginning with {' or '.join(sorted(schemes))}.",
            )
        return url


def _merged(runs: Iterable[Inline]) -> Iterator[Inline]:
    """Join neighbouring texts, so that one sentence is one value however its lines were broken."""
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


def _joins_without_space(before: Inline, after: Inline) -> bool:
    """Whether a line's end in the source means nothing, as it does between Japanese characters."""
    left, right = inline_text((before,))[-1:], inline_text((after,))[:1]
    return all(char and unicodedata.east_asian_width(char) in "WF" for char in (left, right))
