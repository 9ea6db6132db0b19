"""How many examples of a property are tried."""

from __future__ import annotations

import os


def examples(number: int) -> int:
    """Return ``number``, or a fifth of it where somebody waits (``make quick``)."""
    return max(1, number // 5) if os.environ.get("QUICK") else number
