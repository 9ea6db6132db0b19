"""``newsletter subscriber imports`` and ``undo-import``: what was imported, and taking it back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.prompts import confirm
from newsletter.cli.state import As, Json, NewsletterName, open_database, settings_of
from newsletter.i18n.values import Number


def show_imports(
    context: typer.Context,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(help="The maximum number.")] = 20,
    json: Json = False,
) -> None:
    """List the lists imported into a newsletter, the newest first."""
    from rich.markup import escape
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter
    from subscribers.lists.imports import earlier_imports

    with reading(open_database(settings_of(context))) as session:
        row = find_newsletter(session, newsletter)
        imports = earlier_imports(session, row.id, limit=limit)
    if json:
        print_json(
            [
                {
                    "import": one.id,
                    "list": one.source,
                    "started": one.started_at.isoformat(),
                    "undone": one.undone_at.isoformat() if one.undone_at else None,
                    **one.counts,
                }
                for one in imports
            ]
        )
        return
    table = Table(_("Import"), _("List"), _("Started"), _("Added"), _("Updated"), box=None)
    for one in imports:
        started = f"{one.started_at:%Y-%m-%d %H:%M}Z"
        counts = (str(Number(one.counts["added"])), str(Number(one.counts["updated"])))
        table.add_row(str(one.id), escape(one.source), started, *counts)
    console.print(table if imports else _("No list was imported yet."))


def undo_list(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="IMPORT", help="Its number in imports.")],
    newsletter: NewsletterName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Undo a mistaken import as a whole; an interrupted undoing can be run again."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.publications import find_newsletter
    from subscribers.actions import undo_list_import
    from subscribers.lists.undo import find_import, foresee, undo_import, undone_of

    engine = open_database(settings_of(context))
    with reading(engine) as session:
        newsletter_id = find_newsletter(session, newsletter).id
        row = find_import(session, newsletter_id, number)
        outlook = foresee(session, row)
    if row.undo_ordered_at is None or row.undone_at is not None:
        if not yes:
            confirm(
                _(
                    "Undo the import of {list} ({added} added, {changed} changed)?",
                    list=outlook.source,
                    added=Number(outlook.added),
                    changed=Number(outlook.changed),
                ),
                option="--yes",
            )
        actor = find_actor(engine, as_, Permission.SEE_SUBSCRIBERS, newsletter_id)
        with transaction(engine) as session:
            undo_list_import(session, actor, newsletter_id, number)
    undo_import(engine, number)
    with reading(engine) as session:
        undone = undone_of(find_import(session, newsletter_id, number))
    if json:
        print_json(asdict(undone))
        return
    console.print(
        _(
            "{removed} removed, {restored} restored, {kept} left as they are",
            removed=Number(undone.removed),
            restored=Number(undone.restored),
            kept=Number(undone.kept),
        )
    )
