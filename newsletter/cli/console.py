"""Output of commands: styled text for people, JSON for programs, errors with remedies."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from shutil import get_terminal_size
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Span, Text

from newsletter.cli.language import PLAIN, STYLE, STYLED, pgettext, styled, terminal_language, text
from newsletter.cli.language import gettext as _
from newsletter.control_characters import PICTURES, harmless_json
from newsletter.errors import NewsletterError
from newsletter.i18n import formats
from newsletter.i18n.messages import pmsg
from newsletter.i18n.values import Number

#: Columns without a terminal or COLUMNS; output to a pipe must not truncate addresses.
_PIPE_WIDTH = 200


def _width() -> int | None:
    return None if sys.stdout.isatty() else get_terminal_size((_PIPE_WIDTH, 24)).columns


_STYLES = re.compile(f"({STYLE}[^{STYLED}]*{STYLED}|{PLAIN})")


class _Console(Console):
    """A terminal that prints all text literally, with styles only from `styled`.

    The output contains untrusted titles, addresses and replies. Brackets are not interpreted as
    markup, and control characters are escaped.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 - as in Rich
        """Return the styled text of a string with the marks of `styled`."""
        pieces: list[str] = []
        spans: list[Span] = []
        open_styles: list[tuple[int, str]] = []
        length = 0
        for piece in _STYLES.split(text.replace("\r\n", "\n").translate(PICTURES)):
            if piece.startswith(STYLE):
                open_styles.append((length, piece[1:-1]))
            elif piece == PLAIN:
                if open_styles:
                    start, style = open_styles.pop()
                    spans.append(Span(start, length, style))
            else:
                pieces.append(piece)
                length += len(piece)
        rendered = super().render_str("".join(pieces), **how)
        # Outer styles come first, so that inner ones override them.
        rendered.spans.extend(reversed(spans))
        return rendered

    def on_broken_pipe(self) -> None:
        """Let the error propagate; see `newsletter.cli.main.run`."""
        raise BrokenPipeError


console = _Console(width=_width())
errors = _Console(stderr=True)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print a value as one line of JSON, with moments in RFC 3339."""
    written = json.dumps(value, ensure_ascii=False, default=_plain)
    sys.stdout.write(harmless_json(written) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def in_utc(moment: datetime, *, seconds: bool = False) -> str:
    """Return an aware moment for the terminal, in UTC."""
    shown = formats.format_moment(moment, terminal_language(), UTC, seconds=seconds)
    return f"{shown} UTC"


def planned_in_utc(moment: datetime) -> str:
    """Return an aware future moment for the terminal, in UTC with its weekday."""
    return f"{formats.format_planned(moment, terminal_language(), UTC)} UTC"


def clock_in_utc(moment: datetime) -> str:
    """Return the time of an aware moment of today to the second, in UTC."""
    local = moment.astimezone(UTC)
    return f"{formats.format_clock(local, terminal_language(), seconds=True)} UTC"


def format_day(day: date) -> str:
    """Return a day in full; for an aware moment, the day in UTC."""
    local = day.astimezone(UTC) if isinstance(day, datetime) else day
    return formats.format_day(local, terminal_language())


def print_error(error: NewsletterError) -> None:
    """Print an error: place, message, remedy and command."""
    place = error.place.described() if error.place else None
    where = styled(text(place)) if place else ""
    label = text(pmsg("before an error", "error"))
    errors.print(f"{styled(label, 'bold red')} {where}{text(error.message)}", soft_wrap=True)
    if error.advice:
        errors.print(f"      {text(error.advice)}", soft_wrap=True)
    if error.command:
        errors.print(f"      {text(error.command)}", soft_wrap=True)


class _Pace(ProgressColumn):
    """The rate per second: recent while running, and the average at the end."""

    def render(self, task: Task) -> Text:
        speed = task.speed
        if task.finished and task.elapsed:
            speed = task.completed / task.elapsed
        rate = text(Number(round(speed))) if speed else "–"
        return Text(_("{rate}/s", rate=rate), style="progress.data.speed")


class _TimeLeft(TimeRemainingColumn):
    """The remaining time while running, and the total time at the end."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return TimeElapsedColumn().render(task).append(" " + _("in total"))
        return super().render(task).append(" " + pgettext("time", "left"))


@contextmanager
def progress_bar(what: str, *, quiet: bool, octets: bool = False) -> Iterator[Progress]:
    """Show a progress bar with rate and remaining time on stderr, which keeps stdout clean.

    A bar that counts ``octets`` shows a percentage; its task's description can contain figures.
    """
    counted: tuple[ProgressColumn, ...] = (MofNCompleteColumn(), _Pace())
    if octets:
        counted = (TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    columns = (TextColumn(f"{what:<9}", markup=False), BarColumn(), *counted, _TimeLeft())
    with Progress(*columns, console=errors, disable=quiet, transient=False) as progress:
        yield progress
