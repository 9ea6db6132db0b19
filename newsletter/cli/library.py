"""``newsletter library``: a newsletter's pictures and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    changing,
    open_database,
    open_newsletter,
    settings_of,
)

if TYPE_CHECKING:
    from newsletter.issues.library.search import LibraryItem

app = typer.Typer(no_args_is_help=True, help="Manage pictures and files that issues can show.")


@app.command("list")
def list_all(
    context: typer.Context,
    words: Annotated[
        str, typer.Argument(help="Words of the name or the alternative text; all if left out.")
    ] = "",
    newsletter: NewsletterName = None,
    page: Annotated[int, typer.Option(min=1, help="Further entries, 48 a page.")] = 1,
    json: Json = False,
) -> None:
    """List pictures and files with their addresses, and what uses each."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.issues.library.search import search_library
    from newsletter.newsletters.publications import find_newsletter

    settings = settings_of(context)
    site = settings.public_url.rstrip("/")
    with reading(open_database(settings)) as session:
        newsletter_id = find_newsletter(session, newsletter).id
        library_page = search_library(session, newsletter_id, words, page=page)
    if json:
        print_json([_described(item, site) for item in library_page.items])
        return
    table = Table(_("Number"), _("Name"), _("Alternative text"), _("Uses"), _("Address"), box=None)
    for item in library_page.items:
        uses = str(len(item.uses))
        table.add_row(str(item.id), item.name, item.alt, uses, site + item.path)
    console.print(table if library_page.items else _("Nothing found"))


def _described(item: LibraryItem, site: str) -> dict[str, object]:
    return {
        "id": item.id,
        "kind": item.kind.value,
        "name": item.name,
        "alt": item.alt,
        "media_type": item.media_type,
        "size": item.size,
        "created_at": item.created_at.isoformat(),
        "url": site + item.path,
        "uses": [
            {"kind": use.used_by.value, "number": use.number, "title": use.title}
            for use in item.uses
        ],
    }


@app.command()
def add(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Pictures, PDF, Office files or CSV.")],
    alt: Annotated[
        str, typer.Option(help="What the picture shows, for readers who do not see it.")
    ] = "",
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Add pictures and files, and print their addresses; all of them or none."""
    from newsletter.cli.console import console
    from newsletter.newsletters.library import add_content

    with changing(context, newsletter, as_, Action.ISSUE_FILE) as (opened, session):
        paths = [
            add_content(
                session,
                opened.actor,
                opened.newsletter.id,
                _read(file),
                name=file.name,
                alt=alt,
            )
            for file in files
        ]
    for path in paths:
        console.print(opened.settings.public_url.rstrip("/") + path, soft_wrap=True)


def _read(file: Path) -> bytes:
    from newsletter.cli.files import read_octets
    from newsletter.newsletters.library import LARGEST_CONTENT

    return read_octets(file, limit=LARGEST_CONTENT)


@app.command()
def describe(
    context: typer.Context,
    number: int,
    alt: Annotated[str, typer.Option(help="What the picture shows.")],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Say what a picture shows; issues that have it already keep their text."""
    from newsletter.database.engine import reading, transaction
    from newsletter.issues.library.search import get_item
    from newsletter.newsletters.library import change_item

    opened = open_newsletter(context, newsletter, as_, Action.LIBRARY_CHANGE)
    with reading(opened.engine) as session:
        name = get_item(session, opened.newsletter.id, number).name
    with transaction(opened.engine) as session:
        change_item(session, opened.actor, opened.newsletter.id, number, name=name, alt=alt)


@app.command()
def delete(
    context: typer.Context, number: int, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a picture or file that nothing uses."""
    from newsletter.newsletters.library import delete_item

    with changing(context, newsletter, as_, Action.LIBRARY_DELETE) as (opened, session):
        delete_item(session, opened.actor, opened.newsletter.id, number)
