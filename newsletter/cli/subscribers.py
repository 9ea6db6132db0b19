"""``newsletter subscriber``: add, import, list, remove, erase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from newsletter.cli.console import console, print_json, progress_bar
from newsletter.cli.state import Json, NewsletterName, open_database, settings_of
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.errors import ExitCode, ListError, NotFoundError, Place
from newsletter.issues.normalise import decode
from newsletter.settings import signing_keys
from newsletter.tokens import Pseudonyms
from subscribers.addresses import parse_address
from subscribers.erasing import erase as erase_person
from subscribers.importing import ImportReport, import_csv
from subscribers.leaving import unsubscribe, unsubscribe_from_all
from subscribers.newsletters import find_newsletter, list_newsletters
from subscribers.people import find_person

app = typer.Typer(no_args_is_help=True, help="Add, import, list, remove and erase subscribers.")

Basis = Annotated[str, typer.Option(help="What they consented by, such as 'web form 2026'.")]


@app.command()
def add(
    context: typer.Context,
    address: str,
    basis: Basis,
    newsletter: NewsletterName = None,
    json: Json = False,
) -> None:
    """Add one person who has consented."""
    quoted = address.replace('"', '""')
    lines = ["email\n", f'"{quoted}"\n']
    _finish(_import(context, newsletter, lines, "command line", basis, dry_run=False), json=json)


@app.command("import")
def import_list(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a column email or メールアドレス.")],
    basis: Basis,
    newsletter: NewsletterName = None,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would happen, and change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Import people who have consented; running it again does no harm."""
    try:
        text = decode(file.read_bytes(), source=str(file)).text
    except OSError as error:
        raise ListError(f"{error.strerror}.", place=Place(source=str(file))) from None
    lines = text.splitlines(keepends=True)
    with progress_bar("Importing", quiet=json) as bar:
        task = bar.add_task("", total=max(len(lines) - 1, 0))
        report = _import(
            context,
            newsletter,
            lines,
            str(file),
            basis,
            dry_run=dry_run,
            advance=lambda rows: bar.advance(task, rows),
        )
    _finish(report, json=json)


def _import(
    context: typer.Context,
    newsletter: str | None,
    lines: list[str],
    source: str,
    basis: str,
    *,
    dry_run: bool,
    advance: object = None,
) -> ImportReport:
    engine = open_database(settings_of(context))
    with reading(engine) as session:
        row = find_newsletter(session, newsletter)
    return import_csv(
        engine,
        row.id,
        lines,
        source=source,
        basis=basis,
        language=row.language,
        dry_run=dry_run,
        progress=advance if callable(advance) else lambda _rows: None,
    )


def _finish(report: ImportReport, *, json: bool) -> None:
    if json:
        refused = [
            {"line": row.line, "address": row.address, "reason": row.reason}
            for row in report.refused
        ]
        print_json({"added": report.added, "unchanged": report.unchanged, "refused": refused})
    else:
        for row in report.refused:
            console.print(f"[yellow]line {row.line}[/] {escape(row.address)}: {escape(row.reason)}")
        console.print(
            f"{report.added:,} added, {report.unchanged:,} unchanged, "
            f"{len(report.refused):,} refused"
        )
    if report.refused:
        raise typer.Exit(ExitCode.INCOMPLETE)


@app.command("list")
def show_subscribers(
    context: typer.Context,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """List subscribers with the state of their subscription."""
    with reading(open_database(settings_of(context))) as session:
        newsletter_id = find_newsletter(session, newsletter).id
        rows = session.execute(
            select(SubscriberRow.address, SubscriberRow.name, SubscriptionRow.state)
            .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
            .where(SubscriptionRow.newsletter_id == newsletter_id)
            .order_by(SubscriberRow.id)
            .limit(limit)
        ).all()
    if json:
        print_json([{"address": row[0], "name": row[1], "state": row[2].value} for row in rows])
        return
    table = Table("address", "name", "state", box=None)
    for address, name, state in rows:
        table.add_row(escape(address or "(erased)"), escape(name), state.value)
    console.print(table if rows else "There is no subscriber yet.")


@app.command()
def remove(
    context: typer.Context,
    address: str,
    newsletter: NewsletterName = None,
    json: Json = False,
) -> None:
    """Unsubscribe somebody from a newsletter, or from all; doing it twice does no harm."""
    wanted, way = parse_address(address), UnsubscribeWay.OPERATOR
    with transaction(open_database(settings_of(context))) as session:
        person = find_person(session, wanted)
        if person is None:
            raise NotFoundError(f"Nobody has the address {address!r}.")
        slugs = {row.id: row.slug for row in list_newsletters(session)}
        if newsletter is None:
            left = list(
                unsubscribe_from_all(session, subscriber_id=person.id, mailing_id=None, way=way)
            )
        else:
            number = find_newsletter(session, newsletter).id
            gone = unsubscribe(
                session, newsletter_id=number, subscriber_id=person.id, mailing_id=None, way=way
            )
            left = [number] if gone else []
    names = [slugs[number] for number in left]
    if json:
        print_json({"left": names})
    else:
        console.print(f"Left: {', '.join(names)}." if names else "There was nothing to leave.")


@app.command()
def erase(
    context: typer.Context,
    address: str,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase somebody for good; a keyed hash keeps any list from bringing them back."""
    settings = settings_of(context)
    engine = open_database(settings)
    wanted = parse_address(address)
    with reading(engine) as session:
        person = find_person(session, wanted)
    if person is None:
        raise NotFoundError(f"Nobody has the address {address!r}.")
    if not yes:
        typer.confirm(f"Erase {address} and all that names them?", abort=True)
    with transaction(engine) as session:
        erase_person(
            session, person.id, Pseudonyms(signing_keys(settings)), way=UnsubscribeWay.OPERATOR
        )
    console.print("Erased.")
