"""Rewriting an issue: all its blocks, or all its texts, URLs and merge fields.

It covers the same content as walking, so that fixes reach everything that checks find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.model import (
    Anchor,
    Block,
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
    LineBreak,
    Link,
    ListBlock,
    MergeField,
    Paragraph,
    Picture,
    Quotation,
    Snippet,
    Strikethrough,
    Strong,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)
from newsletter.issues.outline import Part, to_outline, with_outline
from newsletter.issues.walking import map_within

Rewrite = Callable[[str], str]


def with_blocks(issue: Issue, change: Callable[[Block], Block | None]) -> Issue:
    """Return the issue with every block changed, nested blocks first; None removes a block."""

    def each(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        changed = (change(map_within(block, each)) for block in blocks)
        return tuple(block for block in changed if block is not None)

    parts = (replace(part, body=each(part.body)) for part in to_outline(issue))
    return with_outline(replace(issue, lead=each(issue.lead)), tuple(parts))


def rewrite_issue(
    issue: Issue,
    *,
    text: Rewrite = lambda text: text,
    url: Rewrite = lambda url: url,
    field: Callable[[MergeField], Inline] = lambda field: field,
) -> Issue:
    """Return the issue with every text, URL and merge field rewritten."""
    rewriter = _Rewriter(text, url, field)
    parts = tuple(map(rewriter.part, to_outline(issue)))
    changed = replace(
        issue,
        title=text(issue.title),
        number=text(issue.number),
        masthead=text(issue.masthead),
        preheader=text(issue.preheader),
        lead=rewriter.blocks(issue.lead),
        contents=tuple(
            replace(line, text=text(line.text), label=text(line.label)) for line in issue.contents
        ),
        credits=tuple(map(text, issue.credits)),
    )
    return with_outline(changed, parts)


@dataclass(frozen=True, slots=True)
class _Rewriter:
    text: Rewrite
    url: Rewrite
    field: Callable[[MergeField], Inline]

    def part(self, part: Part) -> Part:
        return replace(
            part,
            heading=self.text(part.heading),
            body=self.blocks(part.body),
            links=self.links(part.links),
        )

    def links(self, links: tuple[Link, ...]) -> tuple[Link, ...]:
        return tuple(Link(url=self.url(link.url), label=self.text(link.label)) for link in links)

    def blocks(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return tuple(map(self._block, blocks))

    def _block(self, block: Block) -> Block:  # noqa: C901, PLR0911, PLR0912 - one branch per kind
        match block:
            case Paragraph() | Heading():
                return replace(block, content=self._runs(block.content))
            case ListBlock() | Conditional() | Columns():
                return map_within(block, self.blocks)
            case Quotation(blocks=blocks, source=source):
                return Quotation(blocks=self.blocks(blocks), source=self._runs(source))
            case Picture():
                return self._picture(block)
            case Gallery(pictures=pictures):
                return Gallery(pictures=tuple(map(self._picture, pictures)))
            case Button(label=label, url=url):
                return Button(label=self.text(label), url=self._url(url))
            case File(name=name, url=url):
                return replace(block, name=self.text(name), url=self._url(url))
            case Event():
                return self._event(block)
            case Contact():
                return self._contact(block)
            case Verbatim(text=text):
                return Verbatim(text=self.text(text))
            case Table(head=head, rows=rows):
                return replace(
                    block,
                    head=tuple(map(self._runs, head)),
                    rows=tuple(tuple(map(self._runs, row)) for row in rows),
                )
            case ThematicBreak() | Comment() | Contents() | Snippet():
                return block
            case _:
                assert_never(block)

    def _url(self, url: str) -> str:
        return self.url(url) if url else ""

    def _picture(self, picture: Picture) -> Picture:
        return Picture(
            source=self.url(picture.source),
            alt=self.text(picture.alt),
            url=self._url(picture.url),
            title=self.text(picture.title),
            caption=self._runs(picture.caption),
        )

    def _event(self, event: Event) -> Event:
        return Event(
            name=self.text(event.name),
            starts=self.text(event.starts),
            ends=None if event.ends is None else self.text(event.ends),
            place=self.text(event.place),
            capacity=self.text(event.capacity),
            url=self._url(event.url),
        )

    def _contact(self, contact: Contact) -> Contact:
        return Contact(
            name=self.text(contact.name),
            department=self.text(contact.department),
            phone=self.text(contact.phone),
            email=self.text(contact.email),
            url=self._url(contact.url),
            hours=self.text(contact.hours),
            address=self.text(contact.address),
        )

    def _runs(self, content: tuple[Inline, ...]) -> tuple[Inline, ...]:
        return tuple(map(self._run, content))

    def _run(self, run: Inline) -> Inline:
        match run:
            case Text() | Code():
                text = self.text(run.text)
                return run if text == run.text else replace(run, text=text)
            case Strong() | Emphasis() | Strikethrough() | Footnote():
                return replace(run, content=self._runs(run.content))
            case Anchor(url=url, content=content, title=title):
                return Anchor(
                    url=self.url(url), content=self._runs(content), title=self.text(title)
                )
            case MergeField(fallback=fallback):
                return self.field(replace(run, fallback=self.text(fallback)))
            case LineBreak() | Comment():
                return run
            case _:
                assert_never(run)
