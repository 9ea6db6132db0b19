"""Whether tests take their time: with ``SOAK=1`` more examples, more people, more deaths."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("SOAK"))
