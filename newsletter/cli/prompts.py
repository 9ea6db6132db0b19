"""Questions on the terminal; without a terminal, an error names the option to use instead."""

from __future__ import annotations

import sys

import typer

from newsletter.errors import UsageError
from newsletter.i18n.messages import msg


class UnansweredError(UsageError):
    """Standard input is not a terminal and has no answer to a question."""


def ask(question: str, *, option: str) -> str:
    """Ask for a line of text; on a terminal, repeat until it is not empty.

    Raises:
        UnansweredError: The input is not a terminal, and its line is missing or empty.
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
    """Ask for a confirmation; on a terminal, repeat until the answer is yes or no.

    Raises:
        UnansweredError: The input is not a terminal, and is neither yes nor no.
        Abort: The answer is no.
    """
    if sys.stdin.isatty():
        typer.confirm(question, abort=True)
        return
    typer.echo(f"{question} [y/N]: ", nl=False)
    # Longer lines are no answer, and an endless line would fill the memory.
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
