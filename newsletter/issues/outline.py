"""The outline: an issue's parts as a flat sequence, with anchors and the table of contents.

Parts can be moved, added and removed. As with Markdown headings, a section or item belongs to the
last chapter or section before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from newsletter.issues.model import Block, Chapter, ContentsLine, Issue, Item, Link, Section


def chapter_anchor(chapter: int) -> str:
    """Return the anchor of a chapter; parts count from 1."""
    return f"c{chapter}"


def section_anchor(chapter: int, section: int) -> str:
    """Return the anchor of a section within a chapter."""
    return f"c{chapter}-s{section}"


def item_anchor(chapter: int, section: int | None, item: int) -> str:
    """Return the anchor of an item, within a section or directly within a chapter."""
    owner = chapter_anchor(chapter) if section is None else section_anchor(chapter, section)
    return f"{owner}-i{item}"


def table_of_contents(issue: Issue) -> tuple[ContentsLine, ...]:
    """Return the editor's table of contents with anchors, or else a derived one.

    No table is derived for a single part, which would follow directly below it.
    """
    places = list(_places(issue))
    if not issue.contents:
        derived = [each for each in places if not _is_item(each) or len(issue.chapters) == 1]
        return tuple(derived) if len(derived) > 1 else ()
    by_words: dict[str, str] = {}
    by_label: dict[str, str] = {}
    for place in places:
        by_words.setdefault(_letters(place.text), place.anchor)
        for name in (_letters(place.text), place.label):
            by_label.setdefault(name, place.anchor)
    return tuple(
        line if line.anchor else replace(line, anchor=_find(line, by_words, by_label))
        for line in issue.contents
    )


def _places(issue: Issue) -> Iterator[ContentsLine]:
    for number, chapter in enumerate(issue.chapters, start=1):
        if chapter.heading:
            yield ContentsLine(
                text=chapter.heading,
                label=str(chapter.number or ""),
                anchor=chapter_anchor(number),
            )
        yield from _places_within(number, chapter)


def _places_within(number: int, chapter: Chapter) -> Iterator[ContentsLine]:
    for index, item in enumerate(chapter.items, start=1):
        anchor = item_anchor(number, None, index)
        yield ContentsLine(text=item.headline, anchor=anchor, level=2)
    for section_number, section in enumerate(chapter.sections, start=1):
        anchor = section_anchor(number, section_number)
        yield ContentsLine(text=section.heading, anchor=anchor, level=2)
        for index, item in enumerate(section.items, start=1):
            anchor = item_anchor(number, section_number, index)
            yield ContentsLine(text=item.headline, anchor=anchor, level=3)


def _is_item(line: ContentsLine) -> bool:
    return "-i" in line.anchor


def _find(line: ContentsLine, by_words: Mapping[str, str], by_label: Mapping[str, str]) -> str:
    """Return the anchor of a line by its headline, which may end in ``ほか``, or by its label."""
    words = _letters(re.sub(r"\s*(?:ほか|他|など)$", "", line.text))
    label = _letters(line.label)
    return by_words.get(words) or (by_label.get(label, "") if label else "")


def _letters(text: str) -> str:
    return re.sub(r"[\s\u3000]", "", text)


class Level(IntEnum):
    """The level of a part, which is also that of its Markdown heading."""

    CHAPTER = 1
    SECTION = 2
    ITEM = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A chapter, section or item by itself; ``number`` is a chapter's."""

    level: Level
    heading: str = ""
    number: int | None = None
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    condition: str = ""


Outline = tuple[Part, ...]


def to_outline(issue: Issue) -> Outline:
    """Return an issue's parts in order."""
    return tuple(_parts(issue))


def _parts(issue: Issue) -> Iterator[Part]:
    for chapter in issue.chapters:
        yield Part(
            level=Level.CHAPTER,
            heading=chapter.heading,
            number=chapter.number,
            body=chapter.body,
            links=chapter.links,
            condition=chapter.condition,
        )
        yield from map(_of_item, chapter.items)
        for section in chapter.sections:
            yield Part(
                level=Level.SECTION,
                heading=section.heading,
                body=section.body,
                links=section.links,
                condition=section.condition,
            )
            yield from map(_of_item, section.items)


def _of_item(item: Item) -> Part:
    return Part(
        level=Level.ITEM,
        heading=item.headline,
        body=item.body,
        links=item.links,
        condition=item.condition,
    )


def with_outline(issue: Issue, outline: Outline) -> Issue:
    """Return the issue with these parts; parts before the first chapter get one without heading."""
    if outline and outline[0].level is not Level.CHAPTER:
        outline = (Part(level=Level.CHAPTER), *outline)
    starts = _starts(outline, Level.CHAPTER)
    return replace(
        issue,
        chapters=tuple(_chapter(outline[start : end_of(outline, start)]) for start in starts),
    )


def _chapter(parts: Outline) -> Chapter:
    head, *_ = parts
    sections = _starts(parts, Level.SECTION)
    direct = parts[1 : sections[0] if sections else len(parts)]
    return Chapter(
        heading=head.heading,
        number=head.number,
        body=head.body,
        links=head.links,
        condition=head.condition,
        items=tuple(map(_item, direct)),
        sections=tuple(_section(parts[start : end_of(parts, start)]) for start in sections),
    )


def _section(parts: Outline) -> Section:
    head, *items = parts
    return Section(
        heading=head.heading,
        body=head.body,
        links=head.links,
        condition=head.condition,
        items=tuple(map(_item, items)),
    )


def _item(part: Part) -> Item:
    return Item(headline=part.heading, body=part.body, links=part.links, condition=part.condition)


def _starts(outline: Outline, level: Level) -> list[int]:
    return [index for index, part in enumerate(outline) if part.level is level]


def end_of(outline: Sequence[Part], start: int) -> int:
    """Return the index after the last subpart of a part."""
    level = outline[start].level
    for index in range(start + 1, len(outline)):
        if outline[index].level <= level:
            return index
    return len(outline)


def outline_anchors(outline: Outline) -> tuple[str, ...]:
    """Return the anchor of each part."""
    return tuple(_anchors(outline))


def _anchors(outline: Outline) -> Iterator[str]:
    chapter, section, item = 0, None, 0
    for part in outline:
        if part.level is Level.CHAPTER:
            chapter, section, item = chapter + 1, None, 0
            yield chapter_anchor(chapter)
        elif part.level is Level.SECTION:
            section, item = (section or 0) + 1, 0
            yield section_anchor(chapter, section)
        else:
            item += 1
            yield item_anchor(chapter, section, item)


def move_up(outline: Outline, index: int) -> tuple[Outline, int]:
    """Move a part with its subparts up by one; return the outline and the new index."""
    return _moved(outline, index, _place_above(outline, index))


def _place_above(outline: Outline, index: int) -> int:
    """Return the index to move up to; the first item of a part moves to the part before."""
    level = outline[index].level
    if level is Level.ITEM:
        return index - 1
    for before in range(index - 1, -1, -1):
        if outline[before].level <= level:
            return before
    return index


def move_down(outline: Outline, index: int) -> tuple[Outline, int]:
    """Move a part with its subparts down by one; return the outline and the new index."""
    end = end_of(outline, index)
    if end == len(outline):
        return outline, index
    level = outline[index].level
    if level is Level.ITEM:
        return _moved(outline, index, end + 1)
    if level is Level.SECTION and outline[end].level is Level.CHAPTER:
        return _moved(outline, index, _end_of_items(outline, end))
    return _moved(outline, index, end_of(outline, end))


def place_after(outline: Outline, index: int, target: int | None) -> tuple[Outline, int]:
    """Move a part behind another, or to the start; return the outline and the new index.

    A section is put behind the whole section, and a chapter behind the whole chapter, of
    ``target``.
    """
    end = end_of(outline, index)
    if target is not None and index <= target < end:
        return outline, index
    return _moved(outline, index, _landing(outline, outline[index].level, target))


def _landing(outline: Outline, level: Level, target: int | None) -> int:
    if target is None:
        return 0 if level is Level.CHAPTER else 1
    if level is Level.ITEM:
        return target + 1
    owner = target
    while owner > 0 and outline[owner].level > level:
        owner -= 1
    if level is Level.SECTION and outline[owner].level is Level.CHAPTER:
        return _end_of_items(outline, owner)
    return end_of(outline, owner)


def _end_of_items(outline: Outline, chapter: int) -> int:
    """Return the index after a chapter's own items, where its sections begin."""
    index = chapter + 1
    while index < len(outline) and outline[index].level is Level.ITEM:
        index += 1
    return index


def _moved(outline: Outline, index: int, before: int) -> tuple[Outline, int]:
    end = end_of(outline, index)
    if index <= before <= end:
        return outline, index
    moved, rest = outline[index:end], outline[:index] + outline[end:]
    at = before if before < index else before - len(moved)
    changed = rest[:at] + moved + rest[at:]
    if changed[0].level is not Level.CHAPTER:
        return outline, index
    return renumbered(outline, changed), at


def add_part(outline: Outline, level: Level, after: int | None) -> tuple[Outline, int]:
    """Add an empty part behind another, or at the end; return the outline and its index."""
    at = len(outline) if after is None else _landing(outline, level, after)
    running = level is Level.CHAPTER and counts_from_one(outline)
    part = Part(level=level, number=0 if running else None)
    return renumbered(outline, (*outline[:at], part, *outline[at:])), at


def remove_part(outline: Outline, index: int) -> Outline:
    """Remove a part with its subparts."""
    return renumbered(outline, outline[:index] + outline[end_of(outline, index) :])


def _numbers(outline: Outline) -> list[int]:
    return [part.number for part in outline if part.number is not None]


def counts_from_one(outline: Outline) -> bool:
    """Return whether the numbered chapters are numbered from 1 without gaps."""
    numbers = _numbers(outline)
    return bool(numbers) and numbers == list(range(1, len(numbers) + 1))


def renumbered(before: Outline, after: Outline) -> Outline:
    """Number chapters again if they were numbered from 1 before."""
    if not counts_from_one(before):
        return after
    count = iter(range(1, len(after) + 1))
    return tuple(
        part if part.number is None else replace(part, number=next(count)) for part in after
    )
