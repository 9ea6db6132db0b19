"""How commands speak: rich text for people, JSON for machines, errors that say what to do."""

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

#: Columns where neither a terminal nor COLUMNS says how many: a pipe must cut no address off.
_PIPE_WIDTH = 200


def _width() -> int | None:
    return None if sys.stdout.isatty() else get_terminal_size((_PIPE_WIDTH, 24)).columns


_STYLES = re.compile(f"({STYLE}[^{STYLED}]*{STYLED}|{PLAIN})")


class _Console(Console):
    """A terminal that shows every letter of a text, and takes styles from `styled` alone.

    Titles, addresses and replies of strangers are in what it prints: brackets are no markup, and
    no letter steers the terminal.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 - as in Rich
        """Return a text without its marks of style, in these styles."""
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
        # The outer one first: the inner one counts where they differ.
        rendered.spans.extend(reversed(spans))
        return rendered

    def on_broken_pipe(self) -> None:
        """Leave it to who called: see `newsletter.cli.main.run`."""
        raise BrokenPipeError


console = _Console(width=_width())
errors = _Console(stderr=True)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print a value as one line of JSON, moments as RFC 3339 has them."""
    written = json.dumps(value, ensure_ascii=False, default=_plain)
    sys.stdout.write(harmless_json(written) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def in_utc(moment: datetime, *, seconds: bool = False) -> str:
    """Return an aware moment as the terminal shows all of them: with its zone."""
    shown = formats.format_moment(moment, terminal_language(), UTC, seconds=seconds)
    return f"{shown} UTC"


def planned_in_utc(moment: datetime) -> str:
    """Return an aware moment to come with its day of the week and its zone."""
    return f"{formats.format_planned(moment, terminal_language(), UTC)} UTC"


def clock_in_utc(moment: datetime) -> str:
    """Return an aware moment of today to the second, with its zone."""
    local = moment.astimezone(UTC)
    return f"{formats.format_clock(local, terminal_language(), seconds=True)} UTC"


def format_day(day: date) -> str:
    """Return a day in full; that of an aware moment in UTC."""
    local = day.astimezone(UTC) if isinstance(day, datetime) else day
    return formats.format_day(local, terminal_language())


def print_error(error: NewsletterError) -> None:
    """Print where, what, what to do, and with which command."""
    place = error.place.described() if error.place else None
    where = styled(text(place)) if place else ""
    label = text(pmsg("before an error", "error"))
    errors.print(f"{styled(label, 'bold red')} {where}{text(error.message)}", soft_wrap=True)
    if error.advice:
        errors.print(f"      {text(error.advice)}", soft_wrap=True)
    if error.command:
        errors.print(f"      {text(error.command)}", soft_wrap=True)


class _Pace(ProgressColumn):
    """How many a second: lately while it goes, on the whole once it is done."""

    def render(self, task: Task) -> Text:
        speed = task.speed
        if task.finished and task.elapsed:
            speed = task.completed / task.elapsed
        rate = text(Number(round(speed))) if speed else "–"
        return Text(_("{rate}/s", rate=rate), style="progress.data.speed")


class _TimeLeft(TimeRemainingColumn):
    """The time left while it goes, then the time it took."""

    def render(self, task: Task) -> Text:
        if task.finished:
            return TimeElapsedColumn().render(task).append(" " + _("in total"))
        return super().render(task).append(" " + pgettext("time", "left"))


@contextmanager
def progress_bar(what: str, *, quiet: bool, octets: bool = False) -> Iterator[Progress]:
    """Show a bar with rate and time left, on stderr so that pipes stay clean.

    One that counts ``octets`` shows their share, and leaves figures to its task's description.
    """
    counted: tuple[ProgressColumn, ...] = (MofNCompleteColumn(), _Pace())
    if octets:
        counted = (TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    columns = (TextColumn(f"{what:<9}", markup=False), BarColumn(), *counted, _TimeLeft())
    with Progress(*columns, console=errors, disable=quiet, transient=False) as progress:
        yield progress
