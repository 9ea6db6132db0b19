"""What a list says of one subscriber, as it stands there, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from newsletter.i18n.messages import Message
from subscribers.fields.reading import written_value


class Record(NamedTuple):
    """One subscriber's cells under the names the list uses; the header is line 1.

    Attributes:
        names: Of the columns; rows of one list have one tuple, so that they can be told by it.
        cells: As many as names; none of the header and of what could not be read.
        fault: Why the line could not be read, where it could not.
        beyond: What stood in cells beyond the header's; of a header a legend of codes beside it.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong with one value of one line, or odd about it.

    Attributes:
        address: The line's, as it stands there.
        taken: Whether the line was taken all the same.
    """

    line: int
    field: str
    value: str
    problem: Message
    address: str = ""
    taken: bool = False

    @property
    def warning(self) -> Message:
        """What was odd, without a word of the import: of a trial nothing is imported."""
        warning = dict(self.problem.values).get("warning")
        return warning if isinstance(warning, Message) else self.problem


class RefusedError(Exception):
    """A record cannot be taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


def shown(value: Any) -> str:  # noqa: ANN401 - whatever a list holds
    """Return a list's value as a report quotes it."""
    text = written_value(value) if isinstance(value, bool) else "" if value is None else str(value)
    return text[:200]
