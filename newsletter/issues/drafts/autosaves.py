"""Which saves that a page makes by itself are one line of a history, and which stand for more."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise

from newsletter.database.tables import DraftRevisionRow, TranslationRevisionRow
from newsletter.database.types import JsonObject, now
from newsletter.database.vocabulary import RevisionKind
from newsletter.issues.alignment import alike_at_start

#: Saves that an editor's page makes by itself within this time are one revision.
_ONE_SITTING = timedelta(minutes=5)
#: Whatever loses so many characters in one of these saves leaves a revision of what was there.
_MUCH = 100


def replaces_last(
    last: DraftRevisionRow | TranslationRevisionRow | None,
    content: JsonObject,
    *,
    author: str,
    kind: RevisionKind,
) -> bool:
    """Tell whether a save takes the place of the newest revision.

    What was deleted or written over, by a slip as much as by intent, is in the history: nobody
    else holds it once the page is closed.
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
    """Return about how many characters of a text are gone; what moved is not."""
    start = alike_at_start(before, after)
    before, after = before[start:], after[start:]
    end = alike_at_start(before[::-1], after[::-1])
    gone = Counter(pairwise(before[: len(before) - end]))
    gone.subtract(Counter(pairwise(after[: len(after) - end])))
    return sum(count for count in gone.values() if count > 0)
