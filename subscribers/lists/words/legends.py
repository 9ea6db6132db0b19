"""Legends in a list: codes with meanings, "0:配信中 1:解除", "A = active, U = gone"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from newsletter.i18n.normal_form import normal_form
from subscribers.lists.words.cell_words import read_state
from subscribers.lists.words.formats import ListState, fold
from subscribers.lists.words.harmless import tells_leaving

#: A code, a separator, and the meaning up to the next code: "0:配信中 1:解除".
_PAIR = re.compile(
    r"(?<![\w.:/-])(?P<code>\d{1,2}|[a-z]{1,2}|[○×△◎●✓])\s*(?:[:=→…]|は|\.{3}|\s-\s)\s*"
    r"(?P<meaning>[^\W\d][^\n,、;。/|]{0,40}?)"
    r"(?=\s*(?:[\n,、;。/|)）]|\Z|\s(?:\d{1,2}|[a-z]{1,2}|[○×△◎●✓])\s*(?:[:=→…]|は|\.{3}|\s-\s)))",
    re.IGNORECASE,
)
#: Characters of a text that are examined.
_LONGEST = 500


def read_legend(text: str) -> Mapping[str, ListState]:
    """Return the meanings of codes in a legend, by the code folded by `fold`.

    The result is empty for a text without at least two codes. Unknown meanings are unclear.
    """
    return _read(text[:_LONGEST])


@lru_cache(maxsize=1024)
def _read(text: str) -> Mapping[str, ListState]:
    plain = normal_form(text)
    pairs = {fold(each["code"]): each["meaning"].strip() for each in _PAIR.finditer(plain)}
    if len(pairs) < 2:  # noqa: PLR2004 - one may be a title
        return {}
    return {code: _state_of(meaning) for code, meaning in pairs.items()}


def legends_in(texts: Iterable[str]) -> str:
    """Return the texts that are legends, joined in one line."""
    return " / ".join(text for text in texts if read_legend(text))


def _state_of(meaning: str) -> ListState:
    leaves = ListState.UNSUBSCRIBED if tells_leaving(meaning) else ListState.UNCLEAR
    return read_state(meaning) or leaves
