r"""Blocks without syntax in CommonMark, written between lines of colons as in pandoc.

::

    :::button [Register](https://example.jp/)

    :::event
    name: Winter market
    date: 2026-12-03 10:00-11:30
    :::

    :::columns
    Left
    +++
    Right
    :::

    :::for tag = "members"
    Text for members only
    :::

Some blocks are one line, some contain one field per line, some contain Markdown. Columns, galleries
and parts for some readers can contain such blocks again; if these have lines that would end the
outer block, it is written with more colons. Other lines that begin with three colons are text.

The parser's rule puts them into the syntax tree, and `FencedReader` converts them from there to the
content model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Protocol, assert_never

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_block import StateBlock
from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.events import read_typed_moment, read_typed_span
from newsletter.issues.library.files import read_kind, read_size
from newsletter.issues.model import Block, Columns, Conditional, Contents, Gallery, Picture, Snippet
from newsletter.issues.walking import walk_blocks


class Fence(StrEnum):
    """The kinds of blocks, by the word after the colons."""

    BUTTON = "button"
    CONTENTS = "contents"
    SNIPPET = "snippet"
    FILE = "file"
    EVENT = "event"
    CONTACT = "contact"
    GALLERY = "gallery"
    COLUMNS = "columns"
    CONDITIONAL = "for"


#: Blocks of one line.
_ONE_LINE = frozenset({Fence.BUTTON, Fence.CONTENTS, Fence.SNIPPET})
#: Blocks that contain Markdown.
_HOLDERS = frozenset({Fence.GALLERY, Fence.COLUMNS, Fence.CONDITIONAL})
#: The fields of the other blocks, in the order in which they are written.
FIELDS: Mapping[Fence, tuple[str, ...]] = {
    Fence.FILE: ("name", "url", "type", "size"),
    Fence.EVENT: ("name", "date", "starts", "ends", "place", "capacity", "url"),
    Fence.CONTACT: ("name", "department", "phone", "email", "url", "hours", "address"),
}
_KINDS = "|".join(Fence)
_OPEN = re.compile(rf"(?P<colons>:{{3,}})[ \t]*(?P<kind>{_KINDS})(?:[ \t]+(?P<rest>.*))?[ \t]*")
_COLONS = re.compile(r"[ \t]*(:{3,}|\+{3,})[ \t]*$", re.MULTILINE)
_OPENING = re.compile(rf"[ \t]*(:{{3,}})[ \t]*(?:{_KINDS})\b", re.MULTILINE)
#: The line below a heading with the condition of the part.
_PART = re.compile(r":for\[(?P<condition>.*)\][ \t]*")
#: The type of its token.
PART_CONDITION = "part_condition"
_FIELD = re.compile(r"([A-Za-z]+)[ \t]*:(?:[ \t]+|$)(.*)")
_SHORTEST = 3


class FenceError(Exception):
    """A block is malformed; ``line`` counts from 0."""

    def __init__(self, line: int, problem: Message, remedy: Message) -> None:
        super().__init__(line, problem, remedy)
        self.line, self.problem, self.remedy = line, problem, remedy


def read_fences(parser: MarkdownIt) -> None:
    """Add these blocks to a parser; each becomes a node of its kind.

    The children of a button are its link, those of columns two nodes ``column``, those of a gallery
    its pictures. ``meta`` contains the name of a snippet, the condition of a part for some readers,
    or the fields of other blocks. The condition of a whole part is a node ``part_condition``.

    Raises during parsing:
        FenceError: A block is malformed.
    """
    parser.block.ruler.before(
        "fence", "colon_fence", _fence, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.block.ruler.before("fence", PART_CONDITION, _part_condition)


@dataclass(frozen=True, slots=True)
class _Opened:
    kind: Fence
    colons: int
    rest: str


def _opened(state: StateBlock, line: int) -> _Opened | None:
    if state.is_code_block(line):
        return None
    match = _OPEN.fullmatch(_text(state, line))
    if match is None:
        return None
    return _Opened(
        kind=Fence(match["kind"]), colons=len(match["colons"]), rest=(match["rest"] or "").strip()
    )


def _text(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _part_condition(state: StateBlock, line: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    del end
    match = None if state.is_code_block(line) else _PART.fullmatch(_text(state, line))
    if match is None or silent:
        return match is not None
    condition = match["condition"].strip()
    if not condition:
        raise _without_condition(line, ":for[…]", ':for[tag = "members"]')
    token = state.push(PART_CONDITION, "", 0)
    token.map = [line, line + 1]
    token.meta = {"condition": condition}
    state.line = line + 1
    return True


def _without_condition(line: int, sign: str, example: str) -> FenceError:
    return FenceError(
        line,
        msg("“{sign}” does not say for whom.", sign=sign),
        msg("Write the name of a saved segment, or a query, such as {example}.", example=example),
    )


def _fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    opened = _opened(state, start)
    if opened is None or silent:
        return opened is not None
    if opened.kind in _ONE_LINE:
        _read_line(state, start, opened)
        state.line = start + 1
        return True
    if opened.kind is Fence.CONDITIONAL and not opened.rest:
        raise _without_condition(start, ":::for", ':::for tag = "members"')
    if opened.rest and opened.kind is not Fence.CONDITIONAL:
        raise FenceError(
            start,
            msg("There is text after “:::{kind}”.", kind=opened.kind.value),
            msg("Write it on a line of its own."),
        )
    close, partings = _find_end(state, start, end, opened)
    if opened.kind in _HOLDERS:
        _read_held(state, start, close, opened, partings)
    else:
        token = state.push(opened.kind.value, "", 0)
        token.map = [start, close + 1]
        token.meta = {"fields": _read_fields(state, start, close, opened.kind)}
    state.line = close + 1
    return True


def _read_line(state: StateBlock, line: int, opened: _Opened) -> None:
    kind = opened.kind
    if kind is Fence.BUTTON:
        state.push("button_open", "", 1).map = [line, line + 1]
        inline = state.push("inline", "", 0)
        inline.content, inline.map, inline.children = opened.rest, [line, line + 1], []
        state.push("button_close", "", -1)
        return
    if kind is Fence.CONTENTS and opened.rest:
        raise FenceError(
            line,
            msg("There is text after “:::{kind}”.", kind=kind.value),
            msg("The contents are created from the headings; remove the text."),
        )
    token = state.push(kind.value, "", 0)
    token.map = [line, line + 1]
    token.meta = {"name": opened.rest}


def _find_end(
    state: StateBlock, start: int, end: int, opened: _Opened
) -> tuple[int, tuple[int, ...]]:
    """Return the line that closes a block, and the lines that separate its contents."""
    depth = 0
    partings: list[int] = []
    close, parting = ":" * opened.colons, "+" * opened.colons
    for line in range(start + 1, end):
        if state.isEmpty(line):
            continue
        if state.sCount[line] < state.blkIndent:
            break
        text = _text(state, line).rstrip(" \t")
        outermost = state.sCount[line] <= state.sCount[start]
        if text == close and (depth or outermost):
            if not depth:
                return line, tuple(partings)
            depth -= 1
        elif text == parting and outermost and not depth and opened.kind is Fence.COLUMNS:
            partings.append(line)
        elif opened.kind in _HOLDERS:
            inner = _OPEN.fullmatch(text)
            depth += (
                inner is not None
                and len(inner["colons"]) == opened.colons
                and Fence(inner["kind"]) not in _ONE_LINE
            )
    raise FenceError(
        start,
        msg("“:::{kind}” is not closed.", kind=opened.kind.value),
        msg("Close it with a line of {colons}.", colons=close),
    )


def _read_held(
    state: StateBlock, start: int, close: int, opened: _Opened, partings: tuple[int, ...]
) -> None:
    """Parse the Markdown within a block."""
    kind = opened.kind
    if len(partings) > 1:
        raise FenceError(
            partings[1],
            msg("There is one “{sign}” too many.", sign="+" * opened.colons),
            msg("There are two columns, with one such line between them."),
        )
    token = state.push(f"{kind.value}_open", "", 1)
    token.map = [start, close + 1]
    token.meta = {"condition": opened.rest}
    edges = [start, *partings, close] if kind is Fence.COLUMNS else [start, close]
    if kind is Fence.COLUMNS and not partings:
        edges.append(close)
    parent, line_max = state.parentType, state.lineMax
    state.parentType = kind.value
    for above, below in pairwise(edges):
        if kind is Fence.COLUMNS:
            state.push("column_open", "", 1).map = [above, below]
        state.lineMax = below
        state.md.block.tokenize(state, min(above + 1, below), below)
        if kind is Fence.COLUMNS:
            state.push("column_close", "", -1)
    state.parentType, state.lineMax = parent, line_max
    state.push(f"{kind.value}_close", "", -1)


def _read_fields(state: StateBlock, start: int, close: int, kind: Fence) -> dict[str, str]:
    """Return fields with one per line; an indented line continues the previous one."""
    fields: dict[str, str] = {}
    name = ""
    for line in range(start + 1, close):
        text = _text(state, line).strip()
        if not text:
            continue
        if name and state.sCount[line] > state.sCount[start]:
            fields[name] = f"{fields[name]}\n{text}".strip()
            continue
        match = _FIELD.fullmatch(text)
        name = match[1].lower() if match else ""
        if match is None or name not in FIELDS[kind]:
            raise FenceError(
                line,
                msg("This line of “:::{kind}” is not a field: {text}", kind=kind, text=text[:40]),
                msg("Its fields are {names}.", names=", ".join(FIELDS[kind])),
            )
        if name in fields:
            raise FenceError(
                line,
                msg("The field “{name}” appears twice.", name=name),
                msg("Keep one of them; indent a line that goes on with the one above."),
            )
        fields[name] = match[2].strip()
    return fields


def write_fields(kind: Fence, fields: Mapping[str, str]) -> str:
    """Return the Markdown of a block with fields; empty fields are omitted."""
    values = {
        name: filter(None, map(str.strip, fields.get(name, "").split("\n")))
        for name in FIELDS[kind]
    }
    lines = (f"{name}: " + "\n  ".join(value) for name, value in values.items())
    filled = (line for line in lines if not line.endswith(": "))
    return "\n".join([f":::{kind.value}", *filled, ":::"])


def write_line(kind: Fence, rest: str) -> str:
    """Return the Markdown of a block with one line."""
    return f":::{kind.value} {rest}".rstrip(" ")


def write_held(kind: Fence, *parts: str, rest: str = "") -> str:
    """Return a block that contains Markdown, with enough colons for its inner blocks."""
    text = "\n".join(parts)
    runs: Iterator[str] = (
        match[1] for rule in (_COLONS, _OPENING) for match in rule.finditer(text)
    )
    signs = max(_SHORTEST, max(map(len, runs), default=0) + 1)
    held = f"\n{'+' * signs}\n".join(parts)
    opening = f"{':' * signs}{kind.value} {_one_line(rest)}".rstrip(" ")
    return f"{opening}\n{held}\n{':' * signs}"


def write_part_condition(condition: str) -> str:
    """Return the line below a heading with the condition of the part."""
    return f":for[{_one_line(condition)}]"


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))


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
