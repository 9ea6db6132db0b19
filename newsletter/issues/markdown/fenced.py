"""Conversion of blocks between lines of colons from the syntax tree to the content model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, assert_never

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.events import read_typed_moment, read_typed_span
from newsletter.issues.library.files import read_kind, read_size
from newsletter.issues.markdown.fences import Fence
from newsletter.issues.model import Block, Columns, Conditional, Contents, Gallery, Picture, Snippet
from newsletter.issues.walking import walk_blocks

LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
PICTURE_SCHEMES = frozenset({"http", "https"})


class InnerMarkdown(Protocol):
    """Converts the Markdown within these blocks."""

    def place(self, node: SyntaxTreeNode) -> Place:
        """Return the place of a node's beginning in the file."""

    def blocks(self, nodes: Iterable[SyntaxTreeNode]) -> Iterator[Block]:
        """Yield the blocks of block nodes."""

    def label(self, link: SyntaxTreeNode) -> str:
        """Return the text of a link."""

    def checked(self, url: str, schemes: frozenset[str], node: SyntaxTreeNode) -> str:
        """Return a URL that is allowed in mail."""


class FencedReader:
    """Converts the nodes of blocks between lines of colons."""

    def __init__(self, reader: InnerMarkdown) -> None:
        self._reader = reader

    def read(self, node: SyntaxTreeNode) -> Block:  # noqa: PLR0911 - one a kind
        """Return a block between lines of colons."""
        match Fence(node.type):
            case Fence.BUTTON:
                return self._button(node)
            case Fence.CONTENTS:
                return Contents()
            case Fence.SNIPPET:
                return Snippet(name=str(node.meta["name"]))
            case Fence.FILE:
                return self._file(node, node.meta["fields"])
            case Fence.EVENT:
                return self._event(node, node.meta["fields"])
            case Fence.CONTACT:
                fields = dict(node.meta["fields"])
                return Contact(**fields | {"url": self._address(fields, node)})
            case Fence.GALLERY:
                return self._gallery(node)
            case Fence.COLUMNS:
                return self._columns(node)
            case Fence.CONDITIONAL:
                return Conditional(
                    condition=str(node.meta["condition"]),
                    blocks=tuple(self._reader.blocks(node.children)),
                )
            case kind:
                assert_never(kind)

    def _button(self, node: SyntaxTreeNode) -> Button:
        match node.children[0].children:
            case []:
                return Button(label="")
            case [link] if link.type == "link" and not link.attrs.get("title"):
                words = self._reader.label(link)
                url = str(link.attrs["href"])
                return Button(
                    label=words, url=self._reader.checked(url, LINK_SCHEMES, node) if url else ""
                )
            case _:
                raise ContentError(
                    msg("A button is one link and nothing else."),
                    place=self._reader.place(node),
                    remedy=msg("Write :::button [words](https://…)."),
                )

    def _address(self, fields: Mapping[str, str], node: SyntaxTreeNode) -> str:
        url = normalizeLink("".join(fields.get("url", "").split()))
        return self._reader.checked(url, PICTURE_SCHEMES, node) if url else ""

    def _file(self, node: SyntaxTreeNode, fields: Mapping[str, str]) -> File:
        size = read_size(fields.get("size", "0"))
        if size is None:
            raise ContentError(
                msg("The size of the file cannot be read: {text}", text=fields["size"][:40]),
                place=self._reader.place(node),
                remedy=msg("Write the number of bytes, or 340 KB or 1.2 MB."),
            )
        return File(
            url=self._address(fields, node),
            name=fields.get("name", ""),
            media_type=read_kind(fields.get("type", "")),
            size=size,
        )

    def _event(self, node: SyntaxTreeNode, fields: Mapping[str, str]) -> Event:
        starts, ends = read_typed_span(fields.get("date", ""))
        return Event(
            name=fields.get("name", ""),
            starts=read_typed_moment(fields.get("starts", "")) or starts,
            ends=read_typed_moment(fields.get("ends", "")) or ends,
            place=fields.get("place", ""),
            capacity=fields.get("capacity", ""),
            url=self._address(fields, node),
        )

    def _gallery(self, node: SyntaxTreeNode) -> Gallery:
        pictures: list[Picture] = []
        for child in node.children:
            for block in self._reader.blocks([child]):
                if not isinstance(block, Picture):
                    raise ContentError(
                        msg("A gallery contains something other than pictures."),
                        place=self._reader.place(child),
                        remedy=msg("Put it above or below."),
                    )
                pictures.append(block)
        return Gallery(pictures=tuple(pictures))

    def _columns(self, node: SyntaxTreeNode) -> Columns:
        left, right = (tuple(self._reader.blocks(column.children)) for column in node.children)
        if any(isinstance(block, Columns) for block in walk_blocks((*left, *right))):
            raise ContentError(
                msg("There are columns inside columns."),
                place=self._reader.place(node),
                remedy=msg("Remove the inner ones, or put them below."),
            )
        return Columns(left=left, right=right)
