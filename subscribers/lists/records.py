"""Records of a list, as they are in the file, and problems with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from newsletter.i18n.messages import Message
from subscribers.fields.reading import written_value


class Record(NamedTuple):
    """The cells of one row under the column names of the list; the header is line 1.

    Attributes:
        names: The names of the columns; rows with the same columns share one tuple.
        cells: As many cells as names; empty for the header and for lines that cannot be read.
        fault: Why the line cannot be read; otherwise empty.
        beyond: The cells beyond those of the header; for a header, a legend of codes next to it.
    """

    line: int
    names: tuple[str, ...]
    cells: Sequence[Any]
    header: bool = False
    fault: Message | None = None
    beyond: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The cells by column name, as a new dictionary."""
        return dict(zip(self.names, self.cells, strict=False))


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A problem or an oddity in one value of a line.

    Attributes:
        address: The address in the line, unchanged.
        taken: Whether the line was accepted nevertheless.
    """

    line: int
    field: str
    value: str
    problem: Message
    address: str = ""
    taken: bool = False

    @property
    def warning(self) -> Message:
        """The message without mentioning an import, since a trial imports nothing."""
        warning = dict(self.problem.values).get("warning")
        return warning if isinstance(warning, Message) else self.problem


class RefusedError(Exception):
    """A record cannot be accepted."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a list's value as it is quoted in a report."""
    text = written_value(value) if isinstance(value, bool) else "" if value is None else str(value)
    return text[:200]
