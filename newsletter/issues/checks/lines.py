"""Line numbers of an issue's places in its Markdown, so that findings link to their lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace
from newsletter.issues.markdown.syntax import find_headings
from newsletter.issues.outline import chapter_anchor, item_anchor, section_anchor

_FENCE = "---"
_SIGNS = re.compile(r"[\W_]+")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
#: The beginning of a field of front matter.
_FIELD = re.compile(r"[\"']?([A-Za-z]+)[\"']?\s*[:\uff1a]")
_CHAPTER, _SECTION, _ITEM = 1, 2, 3


def find_lines(text: str, finding: Finding) -> tuple[int, int]:
    """Return the first and the last line of a finding, counted from 1."""
    place, within = finding.place, finding.within or ("",)
    first = find_line(text, place, about=finding.about, within=within[0])
    if len(within) == 1:
        return first, first
    return first, max(first, find_line(text, place, within=within[-1], last=True))


def find_line(
    text: str, place: IssuePlace, *, about: str = "", within: str = "", last: bool = False
) -> int:
    """Return the line of a place, counted from 1; ``about`` is a text to search from there on.

    ``within`` is the line with the text as readers see it, which distinguishes lines that contain
    the same text. Of several equal lines, the first or the ``last`` is returned.
    """
    lines = _lines(text)
    starts = _heading_lines(text)
    start = starts.get(place.anchor, 0) if place.anchor else _field(lines, place)
    headings = _heading_order(text)
    following = bisect_right(headings, start)
    end = headings[following] if following < len(headings) else len(lines)
    part, rest = range(start, end), range(end, len(lines))
    # A displayed line may consist of several source lines, with markup within the text.
    for indices, said, line in (
        (part, about, within),
        (rest, about, within),
        (part, about, ""),
        (part, "", within),
        (part, "", about),
    ):
        if (index := _best(lines, indices, said, line, last=last)) is not None:
            return index + 1
    return start + 1


def part_at(text: str, line: int) -> str:
    """Return the anchor of the part of a line, counted from 1, or the name of its field."""
    if line <= _matter_end(_lines(text)) + 1:
        for index in range(min(line, len(_lines(text))) - 1, -1, -1):
            if field := _FIELD.match(_lines(text)[index]):
                return field[1].lower()
        return IssueField.TITLE.value
    parts = [(at, anchor) for anchor, at in _heading_lines(text).items() if at < line]
    return max(parts)[1] if parts else IssueField.LEAD.value


def _best(
    lines: Sequence[str], indices: Iterable[int], about: str, within: str, *, last: bool
) -> int | None:
    """Return the line that contains the displayed text with the least other text, such as URLs."""
    letters = _letters(within)
    found: list[tuple[bool, int, int]] = []
    for index in indices:
        line = lines[index]
        shown = _letters(line) if letters else ""
        if (about or letters) and about in line and (not letters or _holds(shown, letters)):
            found.append((within.strip() not in line, len(shown), -index if last else index))
        elif letters and about in _ESCAPE.sub(r"\1", line) and _holds(shown, letters):
            found.append((True, len(shown), -index if last else index))
    return abs(min(found)[2]) if found else None


def _letters(line: str) -> str:
    return _SIGNS.sub("", line)


def _holds(line: str, letters: str) -> bool:
    """Return whether a line contains letters in their order, with anything between them."""
    rest = iter(line)
    return all(letter in rest for letter in letters)


def _field(lines: Sequence[str], place: IssuePlace) -> int:
    if place.field is IssueField.LEAD:
        return min(_matter_end(lines) + 1, len(lines) - 1)
    key = re.compile(rf"\s*[\"']?{place.field.value}[\"']?\s*:", re.IGNORECASE)
    for index, line in enumerate(lines[: _matter_end(lines)]):
        if key.match(line):
            return index
    return 0


def _matter_end(lines: Sequence[str]) -> int:
    try:
        return next(at for at, line in enumerate(lines) if at and line.rstrip() == _FENCE)
    except StopIteration:
        return 0


@lru_cache(maxsize=4)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n"))


@lru_cache(maxsize=4)
def _heading_lines(text: str) -> dict[str, int]:
    """Return the lines of headings by anchor, counted as in `read_markdown`.

    A part outside chapters opens a chapter without heading.
    """
    lines = _lines(text)
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


@lru_cache(maxsize=4)
def _heading_order(text: str) -> tuple[int, ...]:
    return tuple(sorted(_heading_lines(text).values()))
