"""A newsletter on the command line: ``init`` creates it; ``dictionary`` has its accepted words."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled, terminal_language, usual_language
from newsletter.cli.prompts import ask
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    changing,
    open_database,
    reading_newsletter,
    settings_of,
)
from newsletter.database.vocabulary import Joining, Visibility
from newsletter.i18n.language import (
    Language,
    language_name,
    time_zone_name,
    usual_time_zone,
)


def init(
    context: typer.Context,
    slug: Annotated[str, typer.Option(help="Short name (a-z, 0-9, -).")] = "",
    name: Annotated[str, typer.Option(help="Name of the newsletter.")] = "",
    from_address: Annotated[str, typer.Option(help="Sender address.")] = "",
    postal_address: Annotated[str, typer.Option(help="Postal address of the sender.")] = "",
    language: Annotated[
        Language | None, typer.Option(help="Without it the terminal's, or ja.")
    ] = None,
    languages: Annotated[
        list[str] | None,
        typer.Option("--translated-into", help="A language that readers may choose besides it."),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help="Without it Asia/Tokyo for ja, else this computer's.")
    ] = "",
    template: Annotated[str, typer.Option()] = "digest",
    design: Annotated[
        str, typer.Option(help="What its look begins with: newsletter look designs.")
    ] = "standard",
    visibility: Annotated[
        Visibility, typer.Option(help="Who may read it on the web.")
    ] = Visibility.PRIVATE,
    joining: Annotated[Joining, typer.Option(help="Who may join it.")] = Joining.UNLISTED,
    description: Annotated[
        str, typer.Option(help="What it is, for readers of other newsletters.")
    ] = "",
    share_fields_with: Annotated[
        str,
        typer.Option(help="A newsletter (its short name) that shares its people's fields."),
    ] = "",
) -> None:
    """Create a newsletter, and .env with a new key if no key is set.

    Missing values are asked for.
    """
    from newsletter.accounts.actors import find_actor
    from newsletter.cli.console import console
    from newsletter.cli.files import write_octets
    from newsletter.database.engine import transaction
    from newsletter.newsletters.actions import create_newsletter
    from newsletter.newsletters.publications import NewsletterDraft

    slug = slug or ask(_("Short name (a-z, 0-9, -)"), option="--slug")
    name = name or ask(_("Name of the newsletter"), option="--name")
    from_address = from_address or ask(_("Sender address"), option="--from-address")
    postal_address = postal_address or ask(
        _("Postal address of the sender"), option="--postal-address"
    )
    language = language or usual_language()
    time_zone = time_zone or usual_time_zone(language)
    env_file = Path(".env")
    settings = settings_of(context)
    is_bare = context.find_root().params.get("env_file") is None and not env_file.exists()
    needs_key = is_bare and not settings.secret_keys
    draft = NewsletterDraft(
        slug=slug,
        name=name,
        from_address=from_address,
        postal_address=postal_address,
        language=language,
        languages=tuple(languages or ()),
        time_zone=time_zone,
        template=template,
        design=design,
        visibility=visibility,
        joining=joining,
        description=description,
    )
    engine = open_database(settings_of(context))
    actor = find_actor(engine, None, Action.NEWSLETTER_CREATE)
    with transaction(engine) as session:
        create_newsletter(session, actor, draft, share_fields_with=share_fields_with)
        if needs_key:
            key = f"SECRET_KEYS={secrets.token_urlsafe(48)}\n"
            write_octets(env_file, key.encode(), new=True)
    if needs_key:
        console.print(_("Wrote .env with a new signing key; .env.example explains all settings."))
    console.print(
        _(
            "The newsletter {slug} was created ({language}, {time_zone}). Next: newsletter issue "
            "import FILE",
            slug=styled(slug),
            language=language_name(language.value, terminal_language()),
            time_zone=time_zone_name(time_zone, terminal_language()),
        )
    )


dictionary = typer.Typer(
    no_args_is_help=True, help="Manage a newsletter's own dictionary for the spelling check."
)
_Words = Annotated[list[str], typer.Argument(help="Words to add or remove.")]


@dictionary.command("list")
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


@dictionary.command()
def add(
    context: typer.Context, words: _Words, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Add words; those that are there already stay."""
    from newsletter.newsletters.dictionary import add_word

    with changing(context, newsletter, as_, Action.DICTIONARY_ADD) as (opened, session):
        for word in words:
            add_word(session, opened.actor, opened.newsletter.id, word)


@dictionary.command()
def remove(
    context: typer.Context, words: _Words, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Remove words; where one is not there, none is removed."""
    from newsletter.newsletters.dictionary import remove_word

    with changing(context, newsletter, as_, Action.DICTIONARY_REMOVE) as (opened, session):
        for word in words:
            remove_word(session, opened.actor, opened.newsletter.id, word)
