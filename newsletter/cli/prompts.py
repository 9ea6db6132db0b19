"""Questions on the terminal; where nobody can answer, an error names the option that does."""

from __future__ import annotations

import sys

import typer

from newsletter.errors import UsageError
from newsletter.i18n.messages import msg


class UnansweredError(UsageError):
    """A question was asked, and the standard input, which is no terminal, has no answer."""


def ask(question: str, *, option: str) -> str:
    """Ask for a line of text, on a terminal until there is one.

    Raises:
        UnansweredError: The input is no terminal, and ends or is empty there.
    """
    while True:
        try:
            answer = str(typer.prompt(question, default="", show_default=False)).strip()
        except typer.Abort:
            if sys.stdin.isatty():
                raise
            answer = ""
        if answer:
            return answer
        if not sys.stdin.isatty():
            typer.echo()
            raise UnansweredError(
                msg("“{question}” was not answered.", question=question),
                remedy=msg("Give the answer as {option}.", option=option),
            )


def confirm(question: str, *, option: str) -> None:
    """Go on where the answer is yes; on a terminal, ask until it is yes or no.

    Raises:
        UnansweredError: The input is no terminal, and says neither.
        Abort: The answer is no.
    """
    if sys.stdin.isatty():
        typer.confirm(question, abort=True)
        return
    typer.echo(f"{question} [y/N]: ", nl=False)
    # No longer line is an answer, and one without an end would fill the memory.
    answer = sys.stdin.readline(16)
    typer.echo()
    match answer.strip().lower():
        case "y" | "yes":
            return
        case "n" | "no":
            raise typer.Abort
        case "" if answer:
            raise typer.Abort
        case _:
            raise UnansweredError(
                msg("“{question}” was not answered.", question=question),
                remedy=msg("Answer y or n, or use {option}.", option=option),
            )
