"""Conditions: parts of an issue for some readers only.

A chapter, section, item or block is for all readers, or for those who meet a condition: the name of
a saved segment, or a query. In this module a condition is only text; the database evaluates it.
Selecting the parts for given readers results in an issue without conditions. So its contents,
chapter numbers and footnotes are correct for these readers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from newsletter.issues.checks.findings import IssuePlace
from newsletter.issues.model import (
    Block,
    Columns,
    Conditional,
    ContentsLine,
    Issue,
    ListBlock,
    blocks_to_json,
)
from newsletter.issues.outline import (
    Outline,
    outline_anchors,
    renumbered,
    table_of_contents,
    to_outline,
    with_outline,
)
from newsletter.issues.translations import (
    language_conditions,
    language_met,
    translated,
    without_translations,
)
from newsletter.issues.walking import content_of, map_within, walk_blocks, walk_parts


def placed_conditions(issue: Issue) -> Iterator[tuple[IssuePlace, str]]:
    """Yield each condition with the place of its part, in order."""
    conditions = ("", *(part.condition for part in to_outline(issue)))
    for part, condition in zip(walk_parts(issue), conditions, strict=True):
        if condition:
            yield part.place, condition
        for block in walk_blocks(part.body):
            if isinstance(block, Conditional):
                yield part.place, block.condition


def part_conditions(issue: Issue) -> tuple[str, ...]:
    """Return the conditions of an issue's parts, without duplicates, in order."""
    return tuple(dict.fromkeys(condition for _place, condition in placed_conditions(issue)))


def conditions_of(issue: Issue) -> tuple[str, ...]:
    """Return the conditions that determine a reader's variant: those of parts, then languages."""
    return (*part_conditions(issue), *language_conditions(issue))


def sizes_by_conditions(issue: Issue) -> Mapping[frozenset[str], int]:
    """Return the size of the content that requires all conditions of a set, by set.

    Sizes are in bytes of JSON, by which variants can be compared without rendering them.
    """
    sizes: Counter[frozenset[str]] = Counter()
    _measure(issue.lead, frozenset(), sizes)
    above: list[tuple[int, frozenset[str]]] = []
    for part in to_outline(issue):
        while above and above[-1][0] >= part.level:
            above.pop()
        below = (above[-1][1] if above else frozenset()) | ({part.condition} - {""})
        above.append((part.level, below))
        sizes[below] += len(part.heading.encode())
        sizes[below] += sum(len(link.label.encode()) + len(link.url) for link in part.links)
        _measure(part.body, below, sizes)
    return sizes


def _measure(
    blocks: tuple[Block, ...], below: frozenset[str], sizes: Counter[frozenset[str]]
) -> None:
    def for_all(run: tuple[Block, ...]) -> tuple[Block, ...]:
        kept: list[Block] = []
        for block in run:
            if isinstance(block, Conditional):
                _measure(block.blocks, below | {block.condition}, sizes)
            else:
                kept.append(map_within(block, for_all))
        return tuple(kept)

    shown = blocks_to_json(for_all(blocks))
    sizes[below] += len(json.dumps(shown, ensure_ascii=False).encode())


def everything(issue: Issue) -> Issue:
    """Return the issue with all parts and without conditions, in its own language."""
    issue = without_translations(issue)
    return _selected(issue, lambda _condition: True) if part_conditions(issue) else issue


def select_parts(issue: Issue, met: Collection[str]) -> Issue:
    """Return the issue for readers who meet exactly these conditions."""
    issue = translated(issue, language_met(met))
    return _selected(issue, met.__contains__) if part_conditions(issue) else issue


def _selected(issue: Issue, shows: Callable[[str], bool]) -> Issue:
    outline = to_outline(issue)
    kept = _kept(outline, shows)
    parts = renumbered(
        outline,
        tuple(
            replace(outline[at], body=_blocks(outline[at].body, shows), condition="") for at in kept
        ),
    )
    anchors = outline_anchors(outline)
    moved = dict(zip((anchors[at] for at in kept), outline_anchors(parts), strict=True))
    counted = {
        str(outline[at].number): str(part.number)
        for at, part in zip(kept, parts, strict=True)
        if part.number is not None
    }
    shown = with_outline(replace(issue, lead=_blocks(issue.lead, shows), contents=()), parts)
    return replace(shown, contents=tuple(_contents(issue, shown, moved, counted)))


def _kept(outline: Outline, shows: Callable[[str], bool]) -> list[int]:
    """Return the indexes of shown parts; subparts of hidden parts are hidden as well."""
    kept: list[int] = []
    hidden = None
    for index, part in enumerate(outline):
        if hidden is not None and part.level > hidden:
            continue
        hidden = None if not part.condition or shows(part.condition) else part.level
        if hidden is None:
            kept.append(index)
    return kept


def _blocks(blocks: tuple[Block, ...], shows: Callable[[str], bool]) -> tuple[Block, ...]:
    return tuple(inner for block in blocks for inner in _block(block, shows))


def _block(block: Block, shows: Callable[[str], bool]) -> Iterator[Block]:
    """Yield the shown part of a block; a container without shown blocks yields nothing."""

    def within(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return _blocks(blocks, shows)

    match block:
        case Conditional(condition=condition, blocks=blocks):
            if shows(condition):
                yield from within(blocks)
        case ListBlock(items=items):
            left = tuple(new for item in items if (new := within(item)) or not item)
            if left or not items:
                yield replace(block, items=left)
        case Columns(left=left_side, right=right_side):
            beside = Columns(left=within(left_side), right=within(right_side))
            emptied = (left_side and not beside.left) or (right_side and not beside.right)
            if emptied:
                yield from (*beside.left, *beside.right)
            else:
                yield beside
        case _:
            kept = map_within(block, within)
            if _has_words(kept) or not any(content_of(block).within):
                yield kept


def _has_words(block: Block) -> bool:
    """Return whether a block contains blocks or text."""
    content = content_of(block)
    return any(content.within) or any(content.running)


def _contents(
    issue: Issue, shown: Issue, moved: Mapping[str, str], counted: Mapping[str, str]
) -> Iterator[ContentsLine]:
    """Yield the editor's lines of the table of contents, without those of hidden parts.

    If several parts for different readers have the same heading, a line refers to the shown one.
    """
    lines = issue.contents
    unlabelled = tuple(replace(line, anchor="", label="") for line in lines)
    by_words = table_of_contents(replace(shown, contents=unlabelled))
    listed: set[str] = set()
    for line, found, same in zip(lines, table_of_contents(issue), by_words, strict=False):
        if not found.anchor:
            yield line
            continue
        anchor = moved.get(found.anchor, same.anchor)
        if not anchor or (found.anchor not in moved and anchor in listed):
            continue
        listed.add(anchor)
        label = counted.get(line.label, line.label) if line.level == 1 else line.label
        yield replace(line, anchor=anchor, label=label)
