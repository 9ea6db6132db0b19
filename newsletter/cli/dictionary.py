"""``newsletter dictionary``: words that preflight accepts in a newsletter's issues."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.state import As, Json, NewsletterName, changing, reading_newsletter

app = typer.Typer(
    no_args_is_help=True, help="Manage a newsletter's own dictionary for the spelling check."
)
_Words = Annotated[list[str], typer.Argument(help="Words to add or remove.")]


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the words, one per line."""
    from newsletter.cli.console import console, print_json
    from newsletter.newsletters.dictionary import list_words

    with reading_newsletter(context, newsletter) as (session, found):
        words = list_words(session, found.id)
    if json:
        print_json(list(words))
        return
    for word in words:
        console.print(word, markup=False, soft_wrap=True)
    if not words:
        console.print(_("There is no word yet."))


@app.command()
def add(
    context: typer.Context, words: _Words, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Add words; those that are there already stay."""
    from newsletter.newsletters.dictionary import add_word

    with changing(context, newsletter, as_, Action.DICTIONARY_ADD) as (opened, session):
        for word in words:
            add_word(session, opened.actor, opened.newsletter.id, word)


@app.command()
def remove(
    context: typer.Context, words: _Words, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Remove words; where one is not there, none is removed."""
    from newsletter.newsletters.dictionary import remove_word

    with changing(context, newsletter, as_, Action.DICTIONARY_REMOVE) as (opened, session):
        for word in words:
            remove_word(session, opened.actor, opened.newsletter.id, word)
