"""Automatic saves: which of them share a revision in the history."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise

from newsletter.database.tables import DraftRevisionRow, TranslationRevisionRow
from newsletter.database.types import JsonObject, now
from newsletter.database.vocabulary import RevisionKind
from newsletter.issues.alignment import alike_at_start

#: Automatic saves of an editor within this time share a revision.
_ONE_SITTING = timedelta(minutes=5)
#: An automatic save that removes this many characters begins a new revision.
_MUCH = 100


def replaces_last(
    last: DraftRevisionRow | TranslationRevisionRow | None,
    content: JsonObject,
    *,
    author: str,
    kind: RevisionKind,
) -> bool:
    """Return whether a save replaces the newest revision.

    Deleted and overwritten text must be in the history: once the page is closed, there is no other
    copy of it.
    """
    return (
        last is not None
        and last.kind is kind is RevisionKind.AUTOSAVED
        and last.author == author
        and now() - last.began_at < _ONE_SITTING
        and _lost(_text(last.content), _text(content)) < _MUCH
    )


def _text(content: JsonObject) -> str:
    return json.dumps(content, ensure_ascii=False)


def _lost(before: str, after: str) -> int:
    """Return the approximate number of removed characters; moved ones do not count."""
    start = alike_at_start(before, after)
    before, after = before[start:], after[start:]
    end = alike_at_start(before[::-1], after[::-1])
    gone = Counter(pairwise(before[: len(before) - end]))
    gone.subtract(Counter(pairwise(after[: len(after) - end])))
    return sum(count for count in gone.values() if count > 0)
