"""Markdown with YAML front matter as a source of issues; docs/content.md describes the form.

``#`` opens a chapter, ``##`` a section, ``###`` an item. A paragraph that is nothing but a link,
at the end of a part, becomes one of its links. HTML is not taken: it is text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

import yaml
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from newsletter.errors import ContentError, Place
from newsletter.issues.emphasis import read_emphasis_in_japanese
from newsletter.issues.markdown_blocks import BlockReader
from newsletter.issues.model import (
    Anchor,
    Block,
    Chapter,
    ContentsLine,
    Issue,
    Item,
    Link,
    Paragraph,
    Section,
)
from newsletter.issues.plain import inline_text
from newsletter.language import Language

_FENCE = "---"
_NUMBER = re.compile(r"^(\d{1,3})[..、]\s?(.+)$")
_CHAPTER, _SECTION, _ITEM = 1, 2, 3


class _Contents(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    label: str = ""
    anchor: str = ""
    level: Annotated[int, Field(ge=1, le=3)] = 1


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=300)]
    date: date
    number: str | int = ""
    language: Language = Language.JAPANESE
    masthead: str = ""
    preheader: Annotated[str, Field(max_length=300)] = ""
    template: str = ""
    contents: list[_Contents] = []
    credits: str | list[str] = []


@dataclass(slots=True)
class _Part:
    level: int
    heading: str
    line: int
    body: list[Block] = field(default_factory=list)
    parts: list[_Part] = field(default_factory=list)


def looks_like_markdown(text: str) -> bool:
    """Whether the text begins with front matter."""
    return text.lstrip("\n").startswith(_FENCE + "\n")


def read_markdown(text: str, *, source: str) -> tuple[Issue, str]:
    """Read an issue and the name of the template it asks for, empty when it names none.

    Raises:
        ContentError: The front matter or the order of headings is wrong, or a URL is unsafe.
    """
    matter_text, body, first_line = _split(text, source)
    matter = _read_front_matter(matter_text, source)
    root = _read_parts(body, first_line, source)
    lines = [matter.credits] if isinstance(matter.credits, str) else matter.credits
    issue = Issue(
        title=matter.title,
        issue_date=matter.date,
        number=str(matter.number),
        language=matter.language,
        masthead=matter.masthead,
        preheader=matter.preheader,
        lead=tuple(root.body),
        contents=tuple(ContentsLine(**line.model_dump()) for line in matter.contents),
        chapters=tuple(_chapter(part) for part in root.parts),
        credits=tuple(line for line in lines if line),
    )
    return issue, matter.template


def read_body(text: str, *, source: str) -> tuple[Block, ...]:
    """Read the Markdown of one part by itself.

    Raises:
        ContentError: It holds a heading, or a URL is unsafe.
    """
    tree = _tree(text)
    reader = BlockReader(source=source, first_line=0)
    for node in tree.children:
        if node.type == "heading":
            raise ContentError(
                "A heading stands within the text.",
                place=Place(source=source, line=reader.line(node)),
                remedy="Make a chapter, section or item of it; or put a backslash before the #.",
            )
    return tuple(reader.blocks(tree.children))


def _split(text: str, source: str) -> tuple[str, str, int]:
    lines = text.lstrip("\n").split("\n")
    skipped = len(text) - len(text.lstrip("\n"))
    try:
        end = lines.index(_FENCE, 1)
    except ValueError:
        raise ContentError(
            "The front matter does not end.",
            place=Place(source=source, line=skipped + 1),
            remedy="Close it with a line of three hyphens.",
        ) from None
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]), skipped + end + 1


def _read_front_matter(text: str, source: str) -> _FrontMatter:
    try:
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise ContentError(
            f"The front matter is no YAML: {error.problem}.",
            place=Place(source=source, line=line),
            remedy="Put values that hold a colon or begin with a sign into quotes.",
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ContentError(
            f"The front matter cannot be read: {error}.", place=Place(source=source)
        ) from None
    try:
        return TypeAdapter(_FrontMatter).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "front matter"
        found = re.search(rf"^{re.escape(name)}\s*:", text, re.MULTILINE)
        line = text[: found.start()].count("\n") + 2 if found else 1
        raise ContentError(
            f"{first['msg']}.",
            place=Place(source=source, line=line, field=name),
            remedy="See docs/content.md for the fields of the front matter.",
        ) from None


def _read_parts(body: str, first_line: int, source: str) -> _Part:
    tree = _tree(body)
    reader = BlockReader(source=source, first_line=first_line)
    root = _Part(level=0, heading="", line=first_line)
    open_parts = [root]
    for node in tree.children:
        if node.type == "heading":
            part = _open_part(node, open_parts, reader)
            open_parts.append(part)
        else:
            open_parts[-1].body.extend(reader.blocks([node]))
    return root


def _tree(text: str) -> SyntaxTreeNode:
    parser = _Parser("commonmark", {"html": False})
    read_emphasis_in_japanese(parser)
    return SyntaxTreeNode(parser.parse(text))


class _Parser(MarkdownIt):
    """Takes every link; by itself it prints an unsafe one as text, and nobody is told."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - markdown-it's hook
        return True


def _open_part(node: SyntaxTreeNode, open_parts: list[_Part], reader: BlockReader) -> _Part:
    level = int(node.tag[1:])
    place = Place(source=reader.source, line=reader.line(node))
    if level > _ITEM:
        raise ContentError(
            "Headings go no deeper than ### (an item).", place=place, remedy="Use ### or bold text."
        )
    while open_parts[-1].level >= level:
        open_parts.pop()
    if level == _SECTION and open_parts[-1].level != _CHAPTER:
        raise ContentError(
            "A section (##) stands outside any chapter.", place=place, remedy="Put a # line above."
        )
    heading = inline_text(reader.runs(node.children))
    part = _Part(level=level, heading=heading, line=reader.line(node))
    if level == _ITEM and open_parts[-1].level == 0:
        open_parts[-1].parts.append(_Part(level=_CHAPTER, heading="", line=part.line))
        open_parts.append(open_parts[-1].parts[-1])
    open_parts[-1].parts.append(part)
    return part


def take_links(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], tuple[Link, ...]]:
    """Split off the paragraphs at the end that are nothing but a link."""
    body = list(blocks)
    links: list[Link] = []
    while body:
        match body[-1]:
            case Paragraph(content=(Anchor(url=url, content=content),)):
                words = inline_text(content)
                links.insert(0, Link(url=url, label="" if words == url else words))
                body.pop()
            case _:
                break
    return tuple(body), tuple(links)


def _item(part: _Part) -> Item:
    body, links = take_links(part.body)
    return Item(headline=part.heading, body=body, links=links)


def _chapter(part: _Part) -> Chapter:
    body, links = take_links(part.body)
    numbered = _NUMBER.match(part.heading)
    return Chapter(
        heading=numbered[2] if numbered else part.heading,
        number=int(numbered[1]) if numbered else None,
        body=body,
        links=links,
        items=tuple(_item(inner) for inner in part.parts if inner.level == _ITEM),
        sections=tuple(_section(inner) for inner in part.parts if inner.level == _SECTION),
    )


def _section(part: _Part) -> Section:
    body, links = take_links(part.body)
    return Section(
        heading=part.heading, body=body, links=links, items=tuple(map(_item, part.parts))
    )
