"""``newsletter subscriber history`` and ``note``: the records of one person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled
from newsletter.cli.language import text as words
from newsletter.cli.state import As, Json, NewsletterName, changing, open_newsletter
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(no_args_is_help=True, help="Notes of the staff on subscribers.")

_Text = Annotated[str, typer.Argument(help="The text of the note.")]
_Number = Annotated[int, typer.Argument(help="The number of the note.")]


def find_number(engine: Engine, address: str) -> int:
    """Return the id of the person with an address.

    Raises:
        NotFoundError: Nobody has this address.
    """
    from newsletter.addresses import parse_address
    from newsletter.database.engine import reading
    from subscribers.people import find_person

    with reading(engine) as session:
        person = find_person(session, parse_address(address))
    if person is None:
        raise NotFoundError(msg("Nobody has the address {address}.", address=address))
    return person.id


def show_history(
    context: typer.Context,
    address: str,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number.")] = 50,
    as_: As = None,
    json: Json = False,
) -> None:
    """Show what is recorded of a person, the newest first."""
    from rich.table import Table

    from newsletter.cli.console import console, in_utc, print_json
    from newsletter.database.engine import reading
    from subscribers.actions import find_standing
    from subscribers.history import read_history
    from subscribers.history_entries import Person

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    number = find_number(opened.engine, address)
    with reading(opened.engine) as session:
        find_standing(session, opened.newsletter.id, number)
        person = Person(newsletter_id=opened.newsletter.id, subscriber_id=number)
        entries = read_history(session, person, limit=limit).entries
    rows = [(each.at, words(each.what), [words(one) for one in each.details]) for each in entries]
    if json:
        print_json(
            [{"at": at.isoformat(), "what": what, "details": parts} for at, what, parts in rows]
        )
        return
    table = Table(_("When"), _("What"), _("Details"), box=None)
    for at, what, parts in rows:
        table.add_row(in_utc(at), what, " · ".join(parts))
    console.print(table if rows else _("Nothing is recorded."))


@app.command("list")
def show_notes(
    context: typer.Context,
    address: str,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """List the notes on a person, with their numbers."""
    from newsletter.accounts.actors import colleagues_by_address, name_actor
    from newsletter.cli.console import console, format_day, print_json
    from newsletter.database.engine import reading
    from subscribers.notes import list_notes

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    number = find_number(opened.engine, address)
    with reading(opened.engine) as session:
        rows = list_notes(session, opened.newsletter.id, number)
        colleagues = colleagues_by_address(session)
    if json:
        print_json(
            [
                {
                    "number": row.id,
                    "revision": row.revision,
                    "author": row.author,
                    "written_at": row.written_at.isoformat(),
                    "text": row.text,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        author = words(name_actor(row.author, colleagues))
        console.print(f"{styled(row.id)} {format_day(row.written_at)} {author}\n{row.text}")
    if not rows:
        console.print(_("There are no notes on this person."))


@app.command("add")
def write(
    context: typer.Context,
    address: str,
    text: _Text,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Write a note on a person; they see it when they ask for their data."""
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from subscribers.notes import add_note

    opened = open_newsletter(context, newsletter, as_, Action.SUBSCRIBER_NOTE)
    number = find_number(opened.engine, address)
    with transaction(opened.engine) as session:
        note = add_note(session, opened.actor, opened.newsletter.id, number, text)
    console.print(_("Note {number} was added.", number=note))


@app.command("change")
def rewrite(
    context: typer.Context,
    number: _Number,
    text: _Text,
    revision: Annotated[int, typer.Option(help="The revision that was read (list --json).")],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Change a note, unless somebody else did meanwhile."""
    from newsletter.cli.console import console
    from subscribers.notes import change_note

    with changing(context, newsletter, as_, Action.SUBSCRIBER_NOTE_CHANGE) as (opened, session):
        change_note(session, opened.actor, opened.newsletter.id, number, text, revision=revision)
    console.print(_("The note was changed."))


@app.command("delete")
def remove(
    context: typer.Context,
    number: _Number,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Delete a note."""
    from newsletter.cli.console import console
    from subscribers.notes import delete_note

    with changing(context, newsletter, as_, Action.SUBSCRIBER_NOTE_DELETE) as (opened, session):
        delete_note(session, opened.actor, opened.newsletter.id, number)
    console.print(_("The note was deleted."))
