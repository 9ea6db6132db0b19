"""Anchors within an issue, and the table of contents that leads to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from newsletter.issues.model import Chapter, ContentsLine, Issue


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
    """Return the editor's contents with anchors found by their words, or derived ones."""
    places = list(_places(issue))
    if not issue.contents:
        return tuple(place for place in places if not _is_item(place) or len(issue.chapters) == 1)
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
    """Find a contents line by its headline, which may end in ``ほか``, or else by its label."""
    words = _letters(re.sub(r"\s*(?:ほか|他|など)$", "", line.text))
    label = _letters(line.label)
    return by_words.get(words) or (by_label.get(label, "") if label else "")


def _letters(text: str) -> str:
    return re.sub(r"[\s\u3000]", "", text)
