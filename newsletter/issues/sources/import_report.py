"""The report of changes and guesses in parsing a text, stored with its draft until handled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from newsletter.i18n.messages import Message, msg
from newsletter.issues.sources.digest import Unplaced
from newsletter.issues.sources.normalise import ReplacedCharacter
from newsletter.issues.sources.reading import ReadIssue

#: Reasons for replacing characters, for display.
REASONS: Mapping[str, Message] = {
    "radical that stands for an ideograph": msg("a radical in place of an ideograph"),
    "no-break space": msg("an odd space"),
    "character of Windows-1252": msg("a character of Windows-1252"),
    "control character": msg("a control character"),
    "invisible character": msg("an invisible character"),
    "line ends": msg("line ends"),
    "full-width space at the end of a line": msg("full-width space at a line's end"),
}
#: Limits of a report: kinds of changes, lines per kind, and lines with guessed places.
_KINDS, _LINES, _UNPLACED = 100, 12, 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """One character that was replaced everywhere; ``lines`` are the first affected lines."""

    before: str
    after: str
    reason: str
    count: int
    lines: tuple[int, ...]

    @property
    def why(self) -> Message:
        """The reason of the replacement, for display."""
        return REASONS[self.reason]

    @property
    def named(self) -> str:
        """The character's code point, since some characters are invisible."""
        return " ".join(f"U+{ord(character):04X}" for character in self.before[:4])


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueImportReport:
    """How a text was parsed; line numbers refer to the imported text."""

    format: str
    encoding: str
    replaced: tuple[Replaced, ...]
    unplaced: tuple[Unplaced, ...]

    @property
    def count(self) -> int:
        """The number of replaced characters."""
        return sum(entry.count for entry in self.replaced)


_ADAPTER: TypeAdapter[IssueImportReport] = TypeAdapter(IssueImportReport)


def report_on(read: ReadIssue) -> IssueImportReport:
    """Return the report of parsing an issue."""
    return IssueImportReport(
        format=read.format.value,
        encoding=read.encoding,
        replaced=_sum_up(read.changes),
        unplaced=read.unplaced[:_UNPLACED],
    )


def _sum_up(changes: Iterable[ReplacedCharacter]) -> tuple[Replaced, ...]:
    lines: dict[tuple[str, str, str], list[int]] = {}
    for change in changes:
        lines.setdefault((change.before, change.after, change.reason), []).append(change.line)
    kinds = sorted(lines.items(), key=lambda kind: -len(kind[1]))[:_KINDS]
    return tuple(
        Replaced(
            before=before,
            after=after,
            reason=reason,
            count=len(found),
            lines=tuple(dict.fromkeys(found))[:_LINES],
        )
        for (before, after, reason), found in kinds
    )


def report_to_json(report: IssueImportReport) -> dict[str, Any]:
    """Return a report as JSON-ready values."""
    value: dict[str, Any] = _ADAPTER.dump_python(report, mode="json")
    return value


def report_from_json(value: dict[str, Any]) -> IssueImportReport:
    """Return the report of JSON that `report_to_json` wrote."""
    return _ADAPTER.validate_python(value)
