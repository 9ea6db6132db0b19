"""Markdown with YAML front matter as a source of issues (docs/content.md).

``#`` opens a chapter, ``##`` a section, ``###`` an item. Paragraphs at the end of a part that
consist only of a link become the links of the part. `newsletter.issues.markdown.syntax` parses the
content of parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.tree import SyntaxTreeNode

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.markdown.blocks import BlockReader
from newsletter.issues.markdown.dialect import ReadCount
from newsletter.issues.markdown.fences import PART_CONDITION
from newsletter.issues.markdown.front_matter import read_front_matter
from newsletter.issues.markdown.syntax import parse, require_few_headings
from newsletter.issues.model import (
    Anchor,
    Block,
    Chapter,
    Code,
    ContentsLine,
    Emphasis,
    Inline,
    Issue,
    Item,
    Link,
    Paragraph,
    Section,
    Strong,
    Text,
)
from newsletter.issues.plain_text import inline_words
from newsletter.issues.walking import walk_runs

_FENCE = "---"
_NUMBER = re.compile(r"^(\d{1,3})[.\uff0e、]\s?(.+)$")
_CHAPTER, _SECTION, _ITEM = 1, 2, 3


@dataclass(slots=True)
class _Part:
    level: int
    heading: str
    links: tuple[Link, ...] = ()
    body: list[Block] = field(default_factory=list)
    condition: str = ""
    parts: list[_Part] = field(default_factory=list)


def looks_like_markdown(text: str) -> bool:
    """Return whether the text begins with front matter."""
    return text.lstrip("\n").partition("\n")[0].rstrip() == _FENCE and "\n" in text.strip()


def read_markdown(
    text: str, *, source: str, language: Language = Language.JAPANESE
) -> tuple[Issue, str]:
    """Return the issue of a text, and the template that it names; empty if it names none.

    Args:
        text: Front matter, then Markdown.
        source: The name of the text in errors.
        language: The default language, which is that of the newsletter.

    Raises:
        ContentError: The front matter or the order of headings is wrong, or a URL is unsafe.
    """
    matter_text, body, first_line = _split(text, source)
    matter = read_front_matter(matter_text, source=source)
    lead, chapters = read_parts(body, source=source, first_line=first_line)
    lines = [matter.credits] if isinstance(matter.credits, str) else matter.credits
    issue = Issue(
        title=matter.title,
        issue_date=matter.date,
        number=matter.number,
        language=matter.language or language,
        masthead=matter.masthead,
        preheader=matter.preheader,
        lead=lead,
        contents=tuple(ContentsLine(**line.model_dump()) for line in matter.contents),
        chapters=chapters,
        credits=tuple(line for line in lines if line),
    )
    return issue, matter.template


def read_parts(
    body: str, *, source: str, first_line: int = 0
) -> tuple[tuple[Block, ...], tuple[Chapter, ...]]:
    """Return the lead and the chapters of the text after the front matter.

    Raises:
        ContentError: The order of headings is wrong, or a URL is unsafe.
    """
    root = _read_parts(body, first_line, source)
    return tuple(root.body), tuple(map(_chapter, root.parts))


def read_body(text: str, *, source: str, count: ReadCount | None = None) -> tuple[Block, ...]:
    """Return the blocks of the Markdown of a single part.

    ``count`` is shared by all parts of an issue.

    Raises:
        ContentError: The text contains a heading of a part, or a URL is unsafe.
    """
    parsed = parse(text, source=source, first_line=0, count=count)
    reader = BlockReader(parsed, source=source, first_line=0)
    for node in parsed.nodes:
        if _opens_part(node):
            raise ContentError(
                msg("There is a heading inside the text."),
                place=reader.place(node),
                remedy=msg("Make it a chapter, section or item, or put a backslash before the #."),
            )
    return tuple(reader.blocks(parsed.nodes))


def _opens_part(node: SyntaxTreeNode) -> bool:
    """Return whether a node is the heading of a chapter, section or item; deeper ones are text."""
    return node.type == "heading" and int(node.tag[1:]) <= _ITEM


def _split(text: str, source: str) -> tuple[str, str, int]:
    lines = text.lstrip("\n").split("\n")
    skipped = len(text) - len(text.lstrip("\n"))
    try:
        end = next(at for at, line in enumerate(lines) if at and line.rstrip() == _FENCE)
    except StopIteration:
        raise ContentError(
            msg("The front matter is not closed."),
            place=Place(source=source, line=skipped + 1),
            remedy=msg("Close it with a line of three hyphens."),
        ) from None
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]), skipped + end + 1


def _read_parts(body: str, first_line: int, source: str) -> _Part:
    parsed = parse(body, source=source, first_line=first_line)
    reader = BlockReader(parsed, source=source, first_line=first_line)
    root = _Part(level=0, heading="")
    open_parts = [root]
    below_heading = False
    headings = 0
    for node in parsed.nodes:
        if _opens_part(node):
            headings += 1
            require_few_headings(headings, reader.place(node))
            open_parts.append(_open_part(node, open_parts, reader))
        elif node.type == PART_CONDITION and below_heading:
            open_parts[-1].condition = str(node.meta["condition"])
        else:
            open_parts[-1].body.extend(reader.blocks([node]))
        below_heading = _opens_part(node)
    return root


def _open_part(node: SyntaxTreeNode, open_parts: list[_Part], reader: BlockReader) -> _Part:
    level = int(node.tag[1:])
    while open_parts[-1].level >= level:
        open_parts.pop()
    heading = reader.heading(node)
    part = _Part(level=level, heading=heading.words, links=heading.links, body=list(heading.blocks))
    if level > _CHAPTER and open_parts[-1].level == 0:
        open_parts[-1].parts.append(_Part(level=_CHAPTER, heading=""))
        open_parts.append(open_parts[-1].parts[-1])
    open_parts[-1].parts.append(part)
    return part


def take_links(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], tuple[Link, ...]]:
    """Return the blocks without the links at the end, and these links."""
    body = list(blocks)
    links: list[Link] = []
    while body:
        match body[-1]:
            case Paragraph(content=(Anchor(url=url, content=content, title=""),)) if _is_label(
                content
            ):
                words = inline_words(content)
                links.insert(0, Link(url=url, label="" if words == url else words))
                body.pop()
            case _:
                break
    return tuple(body), tuple(links)


def _is_label(content: Sequence[Inline]) -> bool:
    """Return whether a link's text can be a label, which is one line without markup."""
    return all(isinstance(run, Text | Code | Strong | Emphasis) for run in walk_runs(content))


def _body_and_links(part: _Part) -> tuple[tuple[Block, ...], tuple[Link, ...]]:
    """Return a part's blocks and its links; links in the heading come first."""
    body, links = take_links(part.body)
    return body, (*part.links, *links)


def _item(part: _Part) -> Item:
    body, links = _body_and_links(part)
    return Item(headline=part.heading, body=body, links=links, condition=part.condition)


def _chapter(part: _Part) -> Chapter:
    body, links = _body_and_links(part)
    numbered = _NUMBER.match(part.heading)
    return Chapter(
        heading=numbered[2] if numbered else part.heading,
        number=int(numbered[1]) if numbered else None,
        body=body,
        links=links,
        condition=part.condition,
        items=tuple(_item(inner) for inner in part.parts if inner.level == _ITEM),
        sections=tuple(_section(inner) for inner in part.parts if inner.level == _SECTION),
    )


def _section(part: _Part) -> Section:
    body, links = _body_and_links(part)
    return Section(
        heading=part.heading,
        body=body,
        links=links,
        condition=part.condition,
        items=tuple(map(_item, part.parts)),
    )
