"""``newsletter bounce``: what came back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli.state import Json
from newsletter.errors import ListError, Place

if TYPE_CHECKING:
    from rich.table import Table

    from newsletter.bounces.model import Report

#: Characters of the other side's words in the table; all of them are in the bounce log.
_SAID = 160

bounce_app = typer.Typer(no_args_is_help=True, help="Read and look at what comes back.")


@bounce_app.callback()
def bounces() -> None:
    """Keep ``read`` a command of its own, however few there are beside it."""


@bounce_app.command()
def read(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Messages; standard input if none is named.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what messages that came back mean; nothing is kept or changed (docs/bounces.md)."""
    from rich.table import Column, Table

    from newsletter.bounces.reading import read_report
    from newsletter.cli.console import console, print_json

    table = Table(
        Column("file", overflow="fold"),
        "kind",
        Column("recipient", overflow="fold"),
        "",
        "reason",
        "status",
        "reply",
        Column("said", overflow="fold", style="dim"),
        box=None,
    )
    for name, raw in _messages(files or []):
        report = read_report(raw)
        if json:
            print_json(as_json(name, report))
        else:
            _add_rows(table, name, report)
    if not json:
        console.print(table)


def as_json(name: str, report: Report) -> dict[str, Any]:
    """Return the line that ``--json`` prints for a message."""
    return {
        "file": name,
        "kind": report.kind.value,
        "recipients": [
            {
                "address": one.address,
                "hard": one.hard,
                "reason": one.reason.value,
                "status": one.status,
                "reply": one.reply,
            }
            for one in report.recipients
        ],
    }


def _messages(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    from newsletter.bounces.mail import MAIL_OCTETS

    if not files:
        yield "-", sys.stdin.buffer.read(MAIL_OCTETS)
    for path in files:
        try:
            with path.open("rb") as stream:
                yield str(path), stream.read(MAIL_OCTETS)
        except OSError as error:
            raise ListError(
                f"It cannot be read: {error.strerror}.", place=Place(source=str(path))
            ) from None


def _add_rows(table: Table, name: str, report: Report) -> None:
    from rich.markup import escape

    first = (escape(name), report.kind.value)
    for one in report.recipients:
        hard = "[bold red]hard[/]" if one.hard else ""
        cells = (_plain(one.address), hard, one.reason.value, one.status, one.reply)
        table.add_row(*first, *cells, _plain(one.words[:_SAID]))
        first = ("", "")
    if not report.recipients:
        table.add_row(*first)


def _plain(text: str) -> str:
    """Return a stranger's text so that it can neither style nor steer the terminal."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() else " " for letter in text))
