"""Snippets: named blocks of a newsletter that are inserted where an issue refers to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from newsletter.errors import ContentError
from newsletter.i18n.messages import msg
from newsletter.issues.markdown.reader import read_body
from newsletter.issues.model import Block, Columns, Contents, Issue, Snippet
from newsletter.issues.outline import to_outline, with_outline
from newsletter.issues.translations import tied_to
from newsletter.issues.walking import map_within, walk_blocks, walk_placed_blocks

Snippets = Mapping[str, tuple[Block, ...]]


def read_snippet(text: str) -> tuple[Block, ...]:
    """Parse the Markdown of a snippet.

    Raises:
        ContentError: The text is empty, or contains the heading of a part, a table of contents, or
            a snippet (which could lead to cycles).
    """
    blocks = read_body(text, source="snippet")
    if not blocks:
        raise ContentError(msg("The snippet is empty."), remedy=msg("Write what it is to say."))
    for block in walk_blocks(blocks):
        if isinstance(block, Snippet | Contents):
            raise ContentError(
                msg("A snippet holds another snippet, or a table of contents."),
                remedy=msg("Write its words themselves."),
            )
    return blocks


def resolve_snippets(issue: Issue, snippets: Snippets) -> Issue:
    """Return the issue with the blocks of snippets inserted; unknown ones are left."""
    issue = _with_translations_resolved(issue, snippets)
    if not any(isinstance(block, Snippet) for _place, block in walk_placed_blocks(issue)):
        return issue
    resolved = _Resolver(snippets)
    parts = tuple(replace(part, body=resolved.blocks(part.body)) for part in to_outline(issue))
    after = with_outline(replace(issue, lead=resolved.blocks(issue.lead)), parts)
    return tied_to(issue, after, lambda block: resolved.blocks((block,)))


def _with_translations_resolved(issue: Issue, snippets: Snippets) -> Issue:
    if not issue.translations:
        return issue
    resolved = _Resolver(snippets)
    return replace(
        issue,
        translations=tuple(
            replace(
                each,
                units=tuple(replace(unit, body=resolved.blocks(unit.body)) for unit in each.units),
            )
            for each in issue.translations
        ),
    )


class _Resolver:
    def __init__(self, snippets: Snippets) -> None:
        self._snippets = snippets

    def blocks(self, blocks: Iterable[Block]) -> tuple[Block, ...]:
        return tuple(inner for block in blocks for inner in self._block(block))

    def _block(self, block: Block) -> Iterator[Block]:
        match block:
            case Snippet(name=name):
                yield from self._snippets.get(name, (block,))
            case Columns(left=left, right=right):
                yield Columns(left=_single(self.blocks(left)), right=_single(self.blocks(right)))
            case _:
                yield map_within(block, self.blocks)


def _single(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Return blocks for use inside a column, with the snippet's own columns stacked."""
    return tuple(
        inner
        for block in blocks
        for inner in ((*block.left, *block.right) if isinstance(block, Columns) else (block,))
    )


def snippets_in(issue: Issue) -> frozenset[str]:
    """Return the names of the snippets that an issue or its translations use."""
    own = (block for _place, block in walk_placed_blocks(issue))
    translated = (walk_blocks(unit.body) for each in issue.translations for unit in each.units)
    blocks = chain(own, chain.from_iterable(translated))
    return frozenset(block.name for block in blocks if isinstance(block, Snippet))
