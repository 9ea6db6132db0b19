"""Names of segments: words in which nobody can read a query."""

from __future__ import annotations

import re
import unicodedata

from newsletter.errors import ListError
from subscribers.segments.parse import parse_query

#: The signs of a query, and those that mean something in an address of the web.
_NOT_IN_NAMES = re.compile(r"""[=<>()",.\\/?#%\[\]]""")
LONGEST_NAME = 64
#: Its page would be that of a segment to be made.
_RESERVED_NAMES = frozenset({"new"})


def segment_name(text: str) -> str:
    """Return a segment's name as it is kept: composed letters, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_segment_name(name: str) -> bool:
    """Return whether a segment may be called so: words in which nobody can read a query.

    Args:
        name: In the form of ``segment_name``.
    """
    return (
        re.match(r"\w", name) is not None
        and len(name) <= LONGEST_NAME
        and name.isprintable()
        and _NOT_IN_NAMES.search(name) is None
        and name.casefold() not in _RESERVED_NAMES
        and not _is_query(name)
    )


def _is_query(text: str) -> bool:
    try:
        parse_query(text)
    except ListError:
        return False
    return True
