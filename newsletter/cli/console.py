"""How commands speak: rich text for people, JSON for machines, errors that say what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from newsletter.errors import NewsletterError

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print a value as one line of JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def print_error(error: NewsletterError) -> None:
    """Print where, what and what to do."""
    place = f"[bold]{escape(str(error.place))}[/]: " if error.place else ""
    errors.print(f"[bold red]error[/] {place}{escape(error.what)}", soft_wrap=True)
    if error.remedy:
        errors.print(f"      {escape(error.remedy)}", soft_wrap=True)


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Progress]:
    """Show a bar on the terminal, on stderr so that pipes stay clean."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, disable=quiet, transient=False) as progress:
        yield progress
