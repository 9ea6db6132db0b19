"""Walking an issue: every text, link and picture with its place, and rewriting them all.

Checks read what walking yields; one-click fixes rewrite with the same reach, so that what a check
finds its fix can mend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from newsletter.issues.findings import IssueField, IssuePlace
from newsletter.issues.model import (
    Anchor,
    Block,
    Chapter,
    Code,
    Emphasis,
    Inline,
    Issue,
    Item,
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

Rewrite = Callable[[str], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuePart:
    """A lead, chapter, section or item by itself, without what stands below it."""

    place: IssuePlace
    body: tuple[Block, ...]
    links: tuple[Link, ...]
    empty: bool

    def at(self, field: IssueField) -> IssuePlace:
        """Return the place of one of its fields."""
        return replace(self.place, field=field)


def walk_parts(issue: Issue) -> Iterator[IssuePart]:
    """Yield the lead and then every chapter, section and item in the order of reading."""
    place = IssuePlace(field=IssueField.LEAD)
    yield IssuePart(place=place, body=issue.lead, links=(), empty=not issue.lead)
    for number, chapter in enumerate(issue.chapters, start=1):
        within = IssuePlace(field=IssueField.BODY, chapter=number)
        yield _part(chapter, within, chapter.heading, below=chapter.items or chapter.sections)
        yield from _items(chapter.items, within)
        for index, section in enumerate(chapter.sections, start=1):
            inside = replace(within, section=index)
            yield _part(section, inside, section.heading, below=section.items)
            yield from _items(section.items, inside)


def _items(items: Iterable[Item], place: IssuePlace) -> Iterator[IssuePart]:
    for number, item in enumerate(items, start=1):
        yield _part(item, replace(place, item=number), item.headline, below=())


def _part(
    part: Chapter | Section | Item, place: IssuePlace, heading: str, *, below: object
) -> IssuePart:
    return IssuePart(
        place=replace(place, heading=heading),
        body=part.body,
        links=part.links,
        empty=not (part.body or part.links or below),
    )


def walk_texts(issue: Issue) -> Iterator[tuple[IssuePlace, str]]:
    """Yield every text a reader sees, URLs aside."""
    yield IssuePlace(field=IssueField.TITLE), issue.title
    yield IssuePlace(field=IssueField.MASTHEAD), issue.masthead
    yield IssuePlace(field=IssueField.PREHEADER), issue.preheader
    for line in issue.contents:
        yield IssuePlace(field=IssueField.CONTENTS), line.label + line.text
    for part in walk_parts(issue):
        if part.place.chapter is not None:
            yield part.at(IssueField.HEADING), part.place.heading
        for block in part.body:
            for text in _block_texts(block):
                yield part.place, text
        for link in part.links:
            yield part.at(IssueField.LINKS), link.label
    for line_text in issue.credits:
        yield IssuePlace(field=IssueField.CREDITS), line_text


def _block_texts(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(content=content):
            yield from (text for run in content for text in _run_texts(run))
        case Verbatim(text=text):
            yield text
        case Picture(alt=alt):
            yield alt
        case _:
            for inner in _inner_blocks(block):
                yield from _block_texts(inner)


def _run_texts(run: Inline) -> Iterator[str]:
    match run:
        case Text(text=text) | Code(text=text):
            yield text
        case Strong(content=content) | Emphasis(content=content) | Anchor(content=content):
            yield from (text for inner in content for text in _run_texts(inner))
        case _:
            return


def _inner_blocks(block: Block) -> Iterator[Block]:
    match block:
        case Quotation(blocks=blocks):
            yield from blocks
        case ListBlock(items=items):
            yield from (inner for blocks in items for inner in blocks)
        case _:
            return


def walk_urls(issue: Issue) -> Iterator[tuple[IssuePlace, str]]:
    """Yield every URL a reader may follow, and those of pictures."""
    for part in walk_parts(issue):
        for block in part.body:
            for url in _block_urls(block):
                yield part.place, url
        for link in part.links:
            yield part.at(IssueField.LINKS), link.url


def _block_urls(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(content=content):
            yield from (url for run in content for url in _run_urls(run))
        case Picture(source=source, url=url):
            yield source
            if url:
                yield url
        case _:
            for inner in _inner_blocks(block):
                yield from _block_urls(inner)


def _run_urls(run: Inline) -> Iterator[str]:
    match run:
        case Anchor(url=url):
            yield url
        case Strong(content=content) | Emphasis(content=content):
            yield from (url for inner in content for url in _run_urls(inner))
        case _:
            return


def walk_pictures(issue: Issue) -> Iterator[tuple[IssuePlace, Picture]]:
    """Yield every picture."""
    for part in walk_parts(issue):
        for block in part.body:
            for picture in _block_pictures(block):
                yield part.place, picture


def _block_pictures(block: Block) -> Iterator[Picture]:
    if isinstance(block, Picture):
        yield block
    for inner in _inner_blocks(block):
        yield from _block_pictures(inner)


def rewrite_issue(
    issue: Issue, *, text: Rewrite = lambda text: text, url: Rewrite = lambda url: url
) -> Issue:
    """Return the issue with every text and every URL rewritten."""
    rewriter = _Rewriter(text, url)
    return replace(
        issue,
        title=text(issue.title),
        masthead=text(issue.masthead),
        preheader=text(issue.preheader),
        lead=rewriter.blocks(issue.lead),
        contents=tuple(
            replace(line, text=text(line.text), label=text(line.label)) for line in issue.contents
        ),
        chapters=tuple(map(rewriter.chapter, issue.chapters)),
        credits=tuple(map(text, issue.credits)),
    )


@dataclass(frozen=True, slots=True)
class _Rewriter:
    text: Rewrite
    url: Rewrite

    def chapter(self, chapter: Chapter) -> Chapter:
        return replace(
            chapter,
            heading=self.text(chapter.heading),
            body=self.blocks(chapter.body),
            links=self.links(chapter.links),
            items=tuple(map(self.item, chapter.items)),
            sections=tuple(map(self.section, chapter.sections)),
        )

    def section(self, section: Section) -> Section:
        return replace(
            section,
            heading=self.text(section.heading),
            body=self.blocks(section.body),
            links=self.links(section.links),
            items=tuple(map(self.item, section.items)),
        )

    def item(self, item: Item) -> Item:
        return replace(
            item,
            headline=self.text(item.headline),
            body=self.blocks(item.body),
            links=self.links(item.links),
        )

    def links(self, links: tuple[Link, ...]) -> tuple[Link, ...]:
        return tuple(Link(url=self.url(link.url), label=self.text(link.label)) for link in links)

    def blocks(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return tuple(map(self._block, blocks))

    def _block(self, block: Block) -> Block:
        match block:
            case Paragraph(content=content):
                return Paragraph(content=self._runs(content))
            case ListBlock(items=items):
                return replace(block, items=tuple(map(self.blocks, items)))
            case Quotation(blocks=blocks):
                return Quotation(blocks=self.blocks(blocks))
            case Picture(source=source, alt=alt, url=url):
                target = self.url(url) if url else ""
                return Picture(source=self.url(source), alt=self.text(alt), url=target)
            case Verbatim(text=text):
                return Verbatim(text=self.text(text))

    def _runs(self, content: tuple[Inline, ...]) -> tuple[Inline, ...]:
        return tuple(map(self._run, content))

    def _run(self, run: Inline) -> Inline:
        match run:
            case Text(text=text):
                return Text(text=self.text(text))
            case Code(text=text):
                return Code(text=self.text(text))
            case Strong(content=content):
                return Strong(content=self._runs(content))
            case Emphasis(content=content):
                return Emphasis(content=self._runs(content))
            case Anchor(url=url, content=content):
                return Anchor(url=self.url(url), content=self._runs(content))
            case _:
                return run
