"""Where in its Markdown a place of an issue stands, so that a finding leads to the line to mend."""

from __future__ import annotations

import re

from newsletter.issues.contents import chapter_anchor, item_anchor, section_anchor
from newsletter.issues.findings import IssueField, IssuePlace
from newsletter.issues.markdown_syntax import find_headings

_FENCE = "---"
_CHAPTER, _SECTION, _ITEM = 1, 2, 3


def find_line(text: str, place: IssuePlace, *, about: str = "") -> int:
    """Return the line, from 1, of a place; ``about`` is words to look for from there on."""
    lines = text.split("\n")
    start = _heading_lines(lines).get(place.anchor, 0) if place.anchor else _field(lines, place)
    if about:
        for index in range(start, len(lines)):
            if about in lines[index]:
                return index + 1
    return start + 1


def _field(lines: list[str], place: IssuePlace) -> int:
    if place.field is IssueField.LEAD:
        return min(_matter_end(lines) + 1, len(lines) - 1)
    wanted = re.compile(rf"{place.field.value}\s*:")
    for index, line in enumerate(lines[: _matter_end(lines)]):
        if wanted.match(line):
            return index
    return 0


def _matter_end(lines: list[str]) -> int:
    try:
        return next(at for at, line in enumerate(lines) if at and line.rstrip() == _FENCE)
    except StopIteration:
        return 0


def _heading_lines(lines: list[str]) -> dict[str, int]:
    """Count headings as `read_markdown` does; a part outside chapters opens a nameless one."""
    first = _matter_end(lines) + 1
    found: dict[str, int] = {}
    chapter, section, item = 0, None, 0
    for level, index in find_headings("\n".join(lines[first:])):
        line = first + index
        if level == _CHAPTER:
            chapter, section, item = chapter + 1, None, 0
            found[chapter_anchor(chapter)] = line
        elif level == _SECTION:
            chapter, section, item = max(chapter, 1), (section or 0) + 1, 0
            found[section_anchor(chapter, section)] = line
        elif level == _ITEM:
            chapter, item = max(chapter, 1), item + 1
            found[item_anchor(chapter, section, item)] = line
    return found
