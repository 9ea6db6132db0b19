"""What changed between two versions of an issue, line by line of their Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from newsletter.issues.markdown_writer import to_markdown
from newsletter.issues.model import Issue


class Changed(StrEnum):
    """What became of a line."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True, slots=True)
class DifferenceLine:
    """A line of either version."""

    changed: Changed
    text: str


def difference(before: Issue, after: Issue) -> tuple[DifferenceLine, ...]:
    """Return both versions as one run of lines; what was removed stands above what was added."""
    old, new = (to_markdown(issue).split("\n") for issue in (before, after))
    found: list[DifferenceLine] = []
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            found.extend(DifferenceLine(changed=Changed.SAME, text=t) for t in old[old_from:old_to])
            continue
        found.extend(DifferenceLine(changed=Changed.REMOVED, text=t) for t in old[old_from:old_to])
        found.extend(DifferenceLine(changed=Changed.ADDED, text=t) for t in new[new_from:new_to])
    return tuple(found)
