"""What changed between two versions of an issue, by lines of their Markdown or words of a block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import Issue

#: Pairs of lines up to which they are compared one by one.
_MOST_PAIRS = 4_000_000

#: A word, or one character of what is not written in words apart.
_WORD = re.compile(r"[A-Za-z0-9\u00c0-\u024f'’]+|.", re.DOTALL)
#: Lines that are shown above and below what changed.
_AROUND = 3
#: Words of either text up to which they are compared one by one.
_MOST_WORDS = 2_000

#: A run of a text, and whether the other text has something else there.
Run = tuple[str, bool]


class Changed(StrEnum):
    """What became of a line."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    #: Lines that are the same, and far from what changed.
    LEFT_OUT = "left-out"


@dataclass(frozen=True, kw_only=True, slots=True)
class DifferenceLine:
    """A line of either version."""

    changed: Changed
    text: str


def difference(before: Issue, after: Issue) -> tuple[DifferenceLine, ...]:
    """Return both versions as one run of lines; what was removed stands above what was added."""
    old, new = (to_markdown(issue).split("\n") for issue in (before, after))
    found: list[DifferenceLine] = []
    for tag, old_from, old_to, new_from, new_to in _changes(old, new):
        if tag == "equal":
            found.extend(DifferenceLine(changed=Changed.SAME, text=t) for t in old[old_from:old_to])
            continue
        found.extend(DifferenceLine(changed=Changed.REMOVED, text=t) for t in old[old_from:old_to])
        found.extend(DifferenceLine(changed=Changed.ADDED, text=t) for t in new[new_from:new_to])
    return tuple(found)


def only_changes(lines: Sequence[DifferenceLine]) -> tuple[DifferenceLine, ...]:
    """Return what changed with a few lines around each place; others are left out together."""
    near = {
        place
        for index, line in enumerate(lines)
        if line.changed is not Changed.SAME
        for place in range(index - _AROUND, index + _AROUND + 1)
    }
    shown: list[DifferenceLine] = []
    for index, line in enumerate(lines):
        if index in near:
            shown.append(line)
        elif not shown or shown[-1].changed is not Changed.LEFT_OUT:
            shown.append(DifferenceLine(changed=Changed.LEFT_OUT, text=""))
    return tuple(shown)


def compare_words(one: str, other: str) -> tuple[list[Run], list[Run]]:
    """Return two texts in runs, of which those that differ are marked."""
    words, other_words = _WORD.findall(one), _WORD.findall(other)
    if max(len(words), len(other_words)) > _MOST_WORDS:
        return [(one, True)], [(other, True)]
    left: list[Run] = []
    right: list[Run] = []
    matcher = SequenceMatcher(None, words, other_words, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        left.append(("".join(words[start:end]), tag != "equal"))
        right.append(("".join(other_words[other_start:other_end]), tag != "equal"))
    return [run for run in left if run[0]], [run for run in right if run[0]]


def _changes(old: list[str], new: list[str]) -> Iterable[tuple[str, int, int, int, int]]:
    """Yield what became of which lines, as `SequenceMatcher.get_opcodes` does.

    Empty lines, which every second one may be, match by their neighbours alone: each would be
    compared with each. Versions too long for that differ as wholes between what they begin and end
    with alike.
    """
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    if start:
        yield "equal", 0, start, 0, start
    if len(middle_old) * len(middle_new) > _MOST_PAIRS:
        yield "replace", start, len(old) - end, start, len(new) - end
    else:
        matcher = SequenceMatcher(lambda line: not line.strip(), middle_old, middle_new)
        for tag, *places in matcher.get_opcodes():
            old_from, old_to, new_from, new_to = (start + place for place in places)
            yield tag, old_from, old_to, new_from, new_to
    if end:
        yield "equal", len(old) - end, len(old), len(new) - end, len(new)


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines two versions begin with alike."""
    pairs = zip(old, new, strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A run of words of either version of a text."""

    changed: Changed
    text: str


def pieces_of_change(before: str, after: str) -> tuple[Piece, ...]:
    """Return both versions of a text as one run; what was removed stands before what was added."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) * len(new) > _MOST_PAIRS:
        old, new = [before], [after]
    found: list[Piece] = []
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        removed, added = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        if tag == "equal":
            found.append(Piece(changed=Changed.SAME, text=removed))
            continue
        pair = (Changed.REMOVED, removed), (Changed.ADDED, added)
        found += (Piece(changed=changed, text=text) for changed, text in pair if text)
    return tuple(found)
