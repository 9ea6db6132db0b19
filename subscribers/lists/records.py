"""What a list says of one subscriber, as it stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from newsletter.i18n.messages import Message


class Record(NamedTuple):
    """One subscriber's cells under the names the list uses; the header is line 1.

    Attributes:
        names: Of the columns; rows of one list have one tuple, so that they can be told by it.
        cells: As many as names; none of the header and of what could not be read.
        fault: Why the line could not be read, where it could not.
        beyond: What stood in cells beyond the header's.
    """

    line: int
    names: tuple[str, ...]
    cells: Sequence[Any]
    header: bool = False
    fault: Message | None = None
    beyond: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The cells by their columns' names, in a dictionary made anew."""
        return dict(zip(self.names, self.cells, strict=False))
