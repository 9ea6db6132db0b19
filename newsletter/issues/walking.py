"""Walking an issue: every text, link, picture and block with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.model import (
    Anchor,
    Block,
    Chapter,
    Code,
    Columns,
    Comment,
    Conditional,
    Contents,
    Emphasis,
    Footnote,
    Gallery,
    Heading,
    Inline,
    Issue,
    Item,
    LineBreak,
    Link,
    ListBlock,
    MergeField,
    Paragraph,
    Picture,
    Quotation,
    Section,
    Snippet,
    Strikethrough,
    Strong,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)
from newsletter.issues.plain_text import inline_words


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuePart:
    """A lead, chapter, section or item, without its subparts."""

    place: IssuePlace
    body: tuple[Block, ...]
    links: tuple[Link, ...]
    empty: bool

    def at(self, field: IssueField) -> IssuePlace:
        """Return the place of one of its fields."""
        return replace(self.place, field=field)


def walk_parts(issue: Issue) -> Iterator[IssuePart]:
    """Yield the lead, and then all chapters, sections and items in order."""
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
    """Yield all texts that readers see, as often as they are printed, without URLs."""
    yield IssuePlace(field=IssueField.TITLE), issue.title
    yield IssuePlace(field=IssueField.MASTHEAD), issue.masthead
    yield IssuePlace(field=IssueField.PREHEADER), issue.preheader
    for line in issue.contents:
        yield IssuePlace(field=IssueField.CONTENTS), line.label + line.text
    for part in walk_parts(issue):
        if part.place.chapter is not None:
            yield part.at(IssueField.HEADING), part.place.heading
        for text in walk_block_texts(part.body):
            yield part.place, text
        for link in part.links:
            yield part.at(IssueField.LINKS), link.label
    for line_text in issue.credits:
        yield IssuePlace(field=IssueField.CREDITS), line_text


def walk_block_texts(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Yield all texts of blocks that readers see, as often as they are printed."""
    for block in walk_blocks(blocks):
        yield from _texts_of(block)
    for note in notes_of(blocks):
        yield from _texts_in(note.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockContent:
    """The content of a block, by kind; all functions for walking use it.

    Attributes:
        running: Running texts of the block itself.
        words: Plain texts, without markup.
        code: Texts that must not be checked for typing errors.
        urls: URLs of links and pictures.
        within: Nested blocks, one group per part.
    """

    running: tuple[tuple[Inline, ...], ...] = ()
    words: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    within: tuple[tuple[Block, ...], ...] = ()


def content_of(block: Block) -> BlockContent:  # noqa: C901, PLR0911, PLR0912 - one branch per kind
    """Return the content of a block."""
    match block:
        case Paragraph(content=content) | Heading(content=content):
            return BlockContent(running=(content,))
        case Table(head=head, rows=rows):
            return BlockContent(running=tuple(cell for row in (head, *rows) for cell in row))
        case Quotation(blocks=inner, source=source):
            return BlockContent(running=(source,) if source else (), within=(inner,))
        case Conditional(blocks=inner):
            return BlockContent(within=(inner,))
        case ListBlock(items=items):
            return BlockContent(within=items)
        case Picture(source=address, alt=alt, url=url, title=title, caption=caption):
            return BlockContent(
                running=(caption,) if caption else (),
                words=(alt, title),
                urls=(address, url),
            )
        case Gallery(pictures=pictures):
            return BlockContent(within=(pictures,))
        case Columns(left=left, right=right):
            return BlockContent(within=(left, right))
        case Button(label=label, url=url):
            return BlockContent(words=(label,), urls=(url,))
        case File(name=name, url=url):
            return BlockContent(words=(name,), urls=(url,))
        case Event(url=url) | Contact(url=url):
            return BlockContent(words=block.words, urls=(url,))
        case Verbatim(text=text):
            return BlockContent(code=(text,))
        case ThematicBreak() | Comment() | Contents() | Snippet():
            return BlockContent()
        case _:
            assert_never(block)


def walk_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield each block, followed by its nested blocks."""
    for block in blocks:
        yield block
        for inner in content_of(block).within:
            yield from walk_blocks(inner)


def map_within(block: Block, change: Callable[[tuple[Block, ...]], tuple[Block, ...]]) -> Block:
    """Return the block with each group of nested blocks changed."""
    match block:
        case Quotation(blocks=inner) | Conditional(blocks=inner):
            return replace(block, blocks=change(inner))
        case ListBlock(items=items):
            return replace(block, items=tuple(map(change, items)))
        case Columns(left=left, right=right):
            return Columns(left=change(left), right=change(right))
        case Paragraph() | Heading() | Table() | Picture() | Gallery() | Button() | File():
            return block
        case (
            Event() | Contact() | Verbatim() | ThematicBreak() | Comment() | Contents() | Snippet()
        ):
            return block
        case _:
            assert_never(block)


def first_words(block: Block, *, most: int) -> str:
    """Return the first words of a block on one line, or else a picture's file name.

    For a table this is the whole head, since a single cell would not identify it.
    """
    for each in walk_blocks((block,)):
        content = content_of(each)
        running = tuple(map(inline_words, content.running))
        if isinstance(each, Table):
            running = (" ".join(running),)
        texts = (*running, *content.words, *content.code)
        names = (url.rpartition("/")[2] for url in content.urls)
        for text in (*texts, *names):
            if text.strip():
                return " ".join(text.split())[:most].rstrip()
    return ""


def running_texts(block: Block) -> Iterator[tuple[Inline, ...]]:
    """Yield the running texts of a block, without those of nested blocks."""
    yield from content_of(block).running


def walk_runs(content: Iterable[Inline], *, notes: bool = True) -> Iterator[Inline]:
    """Yield each run, followed by its nested runs; those of footnotes only if ``notes`` is set."""
    for run in content:
        yield run
        match run:
            case (
                Strong(content=inner)
                | Emphasis(content=inner)
                | Strikethrough(content=inner)
                | Anchor(content=inner)
            ):
                yield from walk_runs(inner, notes=notes)
            case Footnote(content=inner):
                yield from walk_runs(inner) if notes else ()
            case Text() | Code() | LineBreak() | Comment() | MergeField():
                pass
            case _:
                assert_never(run)


def _runs_of(block: Block) -> Iterator[Inline]:
    for content in running_texts(block):
        yield from walk_runs(content)


def _texts_of(block: Block) -> Iterator[str]:
    """Yield a block's own texts without footnotes, which are printed once per part."""
    content = content_of(block)
    yield from (*content.code, *content.words)
    for running in content.running:
        yield from _texts_in(running)


def _texts_in(content: Iterable[Inline]) -> Iterator[str]:
    for run in walk_runs(content, notes=False):
        match run:
            case Text(text=text) | Code(text=text):
                yield text
            case Anchor(title=title):
                yield title
            case MergeField(fallback=fallback):
                yield fallback
            case Strong() | Emphasis() | Strikethrough() | LineBreak() | Footnote() | Comment():
                pass
            case _:
                assert_never(run)


def notes_of(blocks: Iterable[Block]) -> dict[Footnote, int]:
    """Return the numbers of a part's footnotes, from 1 in order; equal ones have one number."""
    notes: dict[Footnote, int] = {}
    for run in _runs_below(blocks):
        if isinstance(run, Footnote):
            notes.setdefault(run, len(notes) + 1)
    return notes


def _runs_below(blocks: Iterable[Block]) -> Iterator[Inline]:
    """Yield all runs in order; the source of a quotation follows its text."""
    for block in blocks:
        content = content_of(block)
        for inner in content.within:
            yield from _runs_below(inner)
        for running in content.running:
            yield from walk_runs(running)


def walk_passages(issue: Issue, *, code: bool = False) -> Iterator[tuple[IssuePlace, str]]:
    """Yield all running texts without markup; code only if ``code`` is set.

    Adjacent runs are joined, whether they are links, bold or plain.
    """
    yield IssuePlace(field=IssueField.TITLE), issue.title
    yield IssuePlace(field=IssueField.PREHEADER), issue.preheader
    for part in walk_parts(issue):
        if part.place.chapter is not None:
            yield part.at(IssueField.HEADING), part.place.heading
        for block in walk_blocks(part.body):
            content = content_of(block)
            for running in content.running:
                for text in _texts_with_notes(running, code=code):
                    yield part.place, text
            for text in content.code if code else ():
                yield part.place, text
            for text in content.words:
                yield part.place, text
        for link in part.links:
            yield part.at(IssueField.LINKS), link.label
    for line in issue.credits:
        yield IssuePlace(field=IssueField.CREDITS), line


def _texts_with_notes(content: tuple[Inline, ...], *, code: bool) -> Iterator[str]:
    """Yield running text, and separately its footnotes and titles."""
    runs = content if code else tuple(_without_code(run) for run in content)
    yield inline_words(runs)
    for run in walk_runs(runs):
        if isinstance(run, Footnote):
            yield inline_words(run.content)
        elif isinstance(run, Anchor):
            yield run.title


def _without_code(run: Inline) -> Inline:
    match run:
        case Code():
            return Text(text="\N{OBJECT REPLACEMENT CHARACTER}")
        case Strong() | Emphasis() | Strikethrough() | Anchor() | Footnote():
            return replace(run, content=tuple(map(_without_code, run.content)))
        case Text() | LineBreak() | Comment() | MergeField():
            return run
        case _:
            assert_never(run)


def walk_urls(issue: Issue) -> Iterator[tuple[IssuePlace, str]]:
    """Yield the URLs of all links and pictures."""
    return ((place, url) for place, url, _ in walk_links(issue))


def walk_links(issue: Issue) -> Iterator[tuple[IssuePlace, str, str]]:
    """Yield the URLs of all links and pictures, with the link's text or alternative text."""
    for part in walk_parts(issue):
        for block in walk_blocks(part.body):
            content = content_of(block)
            label = next(filter(None, content.words), "")
            for url in filter(None, content.urls):
                yield part.place, url, label
            for run in _runs_of(block):
                if isinstance(run, Anchor):
                    yield part.place, run.url, inline_words(run.content)
        for link in part.links:
            yield part.at(IssueField.LINKS), link.url, link.label


def walk_pictures(issue: Issue) -> Iterator[tuple[IssuePlace, Picture]]:
    """Yield every picture."""
    for place, block in walk_placed_blocks(issue):
        if isinstance(block, Picture):
            yield place, block


def walk_placed_blocks(issue: Issue) -> Iterator[tuple[IssuePlace, Block]]:
    """Yield all blocks, including nested ones, with the place of their part."""
    for part in walk_parts(issue):
        for block in walk_blocks(part.body):
            yield part.place, block
