"""Issues to Markdown, so that reading it back yields the same issue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from newsletter.issues.emphasis import flanks
from newsletter.issues.model import (
    Anchor,
    Block,
    Chapter,
    Code,
    Emphasis,
    Inline,
    Issue,
    Item,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Section,
    Strong,
    Text,
    Verbatim,
)

_SPECIAL = re.compile(r"[\\`*\[\]<]|&(?=[#A-Za-z])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!$")
_LINE_START = re.compile(r"(#{1,6}(?=\s|$)|>|[-+](?=\s|$)|[-=~]{3,}|=+\s*$|-+\s*$)")
_LIST_START = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
#: The sign that a mark next to, or within, another takes.
_OTHER = {"*": "_", "_": "*"}
_AUTOLINK = re.compile(r"https?://[A-Za-z0-9:/._~?=#@;,+$!()'-]+")


def to_markdown(issue: Issue, *, template: str = "") -> str:
    """Write an issue as Markdown with front matter; ``template`` is named when not empty."""
    parts = [*_blocks(issue.lead)]
    for chapter in issue.chapters:
        parts.extend(_chapter(chapter))
    body = "\n\n".join(parts)
    return f"---\n{_front_matter(issue, template)}---\n" + (f"\n{body}\n" if body else "")


def _front_matter(issue: Issue, template: str) -> str:
    values: dict[str, object] = {
        "title": issue.title,
        "date": issue.issue_date,
        "language": issue.language.value,
        "number": issue.number,
        "masthead": issue.masthead,
        "preheader": issue.preheader,
        "template": template,
        "contents": [
            {
                name: value
                for name, value in (
                    ("text", line.text),
                    ("label", line.label),
                    ("anchor", line.anchor),
                    ("level", line.level),
                )
                if value
            }
            for line in issue.contents
        ],
        "credits": list(issue.credits),
    }
    filled = {name: value for name, value in values.items() if value or name == "title"}
    text: str = yaml.safe_dump(filled, allow_unicode=True, sort_keys=False, width=10_000)
    return text


def blocks_to_markdown(blocks: Sequence[Block]) -> str:
    """Write blocks by themselves, as an editor writes the body of one part."""
    return "\n\n".join(_blocks(blocks))


def _chapter(chapter: Chapter) -> Iterator[str]:
    number = f"{chapter.number}. " if chapter.number is not None else ""
    yield _heading(1, chapter.heading, number)
    yield from _body(chapter)
    for item in chapter.items:
        yield from _item(item)
    for section in chapter.sections:
        yield _heading(2, section.heading)
        yield from _body(section)
        for item in section.items:
            yield from _item(item)


def _item(item: Item) -> Iterator[str]:
    yield _heading(3, item.headline)
    yield from _body(item)


def _heading(level: int, text: str, number: str = "") -> str:
    words = _escaped_edges(_escaped(text), trailing="#")
    return f"{'#' * level} {number}{words}".rstrip(" ")


def _body(part: Chapter | Section | Item) -> Iterator[str]:
    yield from _blocks(part.body)
    yield from map(link_to_markdown, part.links)


def link_to_markdown(link: Link) -> str:
    """Write a link that stands by itself."""
    if not link.label and _AUTOLINK.fullmatch(link.url):
        return f"<{link.url}>"
    words = _escaped_edges(_escaped(link.label or link.url))
    return f"[{words}](<{_target(link.url)}>)"


def _target(url: str) -> str:
    return re.sub(r"([\\<>])", r"\\\1", url).replace("&", "&amp;").replace("\n", "")


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """Write blocks; lists next to each other take other marks, or they would become one."""
    alternate = False
    before: Block | None = None
    for block in blocks:
        adjacent = isinstance(before, ListBlock) and isinstance(block, ListBlock)
        alternate = adjacent and not alternate
        yield _block(block, alternate=alternate)
        before = block


def _block(block: Block, *, alternate: bool) -> str:
    match block:
        case Paragraph(content=content):
            return _paragraph(content)
        case ListBlock(items=items, ordered=ordered, start=start):
            close, bullet = (")", "*") if alternate else (".", "-")
            marks = (
                f"{start + index}{close} " if ordered else f"{bullet} "
                for index in range(len(items))
            )
            return "\n".join(
                _indented(mark, "\n\n".join(_blocks(inner)))
                for mark, inner in zip(marks, items, strict=False)
            )
        case Quotation(blocks=inner):
            lines = "\n\n".join(_blocks(inner)).split("\n")
            return "\n".join(f"> {line}".rstrip(" ") for line in lines)
        case Picture(source=source, alt=alt, url=url):
            image = f"![{_escaped(alt)}](<{_target(source)}>)"
            return f"[{image}](<{_target(url)}>)" if url else image
        case Verbatim(text=text):
            longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"{fence}\n{text}\n{fence}"


def _indented(mark: str, text: str) -> str:
    if not text:
        return mark.rstrip(" ")
    hang = " " * len(mark)
    first, *rest = text.split("\n")
    return "\n".join([mark + first, *(hang + line if line else "" for line in rest)])


def _paragraph(content: tuple[Inline, ...]) -> str:
    return "\n".join(map(_line, _runs(content).split("\n")))


def _line(text: str) -> str:
    """Keep a line of running text from being read as a list, heading, quotation or rule."""
    edged = _escaped_edges(text)
    escaped = _LIST_START.sub(r"\1\\\2", edged, count=1) if _LIST_START.match(edged) else edged
    return "\\" + escaped if _LINE_START.match(escaped) else escaped


def _runs(content: tuple[Inline, ...], *, outer: str = "") -> str:
    """Write runs; a neighbour that would keep a mark from being one becomes a reference.

    A reference begins and ends in punctuation, which frees a mark on both sides. Marks next to each
    other, or within those of an ``outer`` sign, take the other sign.
    """
    parts: list[str] = []
    before = ""
    for run in content:
        sign = ""
        if isinstance(run, Strong | Emphasis):
            sign = _OTHER[before or outer or "_"]
        text = _run(run, sign)
        if sign and not before and parts and not _opens(parts[-1][-1:], text, sign):
            parts[-1] = _reference_last(parts[-1])
        elif before and not sign and not _closes(parts[-1], text[:1], before):
            text = _reference_first(text)
        parts.append(text)
        before = sign
    return "".join(parts)


def _opens(before: str, marked: str, sign: str) -> bool:
    return flanks(before or " ", marked.lstrip(sign)[:1] or " ", sign)[0]


def _closes(marked: str, after: str, sign: str) -> bool:
    return flanks(marked.rstrip(sign)[-1:] or " ", after or " ", sign)[1]


def _run(run: Inline, sign: str) -> str:
    match run:
        case Text(text=text):
            return _escaped(text)
        case Strong(content=content):
            return sign * 2 + _escaped_edges(_runs(content, outer=sign)) + sign * 2
        case Emphasis(content=content):
            return sign + _escaped_edges(_runs(content, outer=sign)) + sign
        case Code(text=text):
            longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
            fence = "`" * (longest + 1)
            return f"{fence} {text} {fence}"
        case Anchor(url=url, content=content):
            return f"[{_runs(content)}](<{_target(url)}>)"
        case LineBreak():
            return "\\\n"


def _escaped(text: str) -> str:
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], text)
    return escaped.replace("\n", "&#10;")


def _escaped_edges(text: str, *, trailing: str = "") -> str:
    """Write white space at either end as references, or CommonMark drops it."""
    if text and (text[0].isspace()):
        text = f"&#{ord(text[0])};" + text[1:]
    if text and (text[-1].isspace() or text[-1] in trailing):
        text = text[:-1] + f"&#{ord(text[-1])};"
    return text


def _reference_first(text: str) -> str:
    if not text or not text[0].isalnum():
        return text
    return f"&#{ord(text[0])};{text[1:]}"


def _reference_last(text: str) -> str:
    if not text or not text[-1].isalnum():
        return text
    return f"{text[:-1]}&#{ord(text[-1])};"
