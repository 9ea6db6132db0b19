"""Where in its Markdown a place of an issue stands, so that a finding leads to the line to mend."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from newsletter.issues.contents import chapter_anchor, item_anchor, section_anchor
from newsletter.issues.findings import IssueField, IssuePlace

_FENCE = "---"
_CHAPTER, _SECTION = 1, 2


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
        return lines.index(_FENCE, 1)
    except ValueError:
        return 0


def _heading_lines(lines: list[str]) -> dict[str, int]:
    """Count headings as `read_markdown` does; an item outside chapters opens a nameless one."""
    first = _matter_end(lines) + 1
    found: dict[str, int] = {}
    chapter, section, item = 0, None, 0
    for token in MarkdownIt("commonmark").parse("\n".join(lines[first:])):
        if token.type != "heading_open" or token.map is None or token.level:
            continue
        line, level = first + token.map[0], int(token.tag[1:])
        if level == _CHAPTER:
            chapter, section, item = chapter + 1, None, 0
            found[chapter_anchor(chapter)] = line
        elif level == _SECTION:
            section, item = (section or 0) + 1, 0
            found[section_anchor(chapter, section)] = line
        else:
            chapter, item = max(chapter, 1), item + 1
            found[item_anchor(chapter, section, item)] = line
    return found
