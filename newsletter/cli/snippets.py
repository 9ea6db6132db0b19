"""``newsletter snippet``: named blocks that issues include."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter, reading_newsletter
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg

app = typer.Typer(no_args_is_help=True, help="Manage snippets, which issues include by name.")


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the snippets, and how many drafts and issues use each."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.newsletters.snippets import list_snippets

    with reading_newsletter(context, newsletter) as (session, found):
        snippets = list_snippets(session, found.id)
    if json:
        print_json([{"name": s.name, "text": s.text, "uses": len(s.uses)} for s in snippets])
        return
    table = Table(_("Name"), _("Uses"), box=None)
    for snippet in snippets:
        table.add_row(snippet.name, str(len(snippet.uses)))
    console.print(table if snippets else _("There is no snippet yet."))


@app.command()
def save(
    context: typer.Context,
    name: str,
    file: Annotated[Path, typer.Argument(help="Its Markdown; - for standard input.")],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Save a snippet, replacing an earlier one of that name; what was sent stays as it was."""
    from newsletter.cli.console import console
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.snippets import find_snippet_number, save_snippet

    text = _read(file)
    opened = open_newsletter(context, newsletter, as_, Action.SNIPPET_SAVE)
    with reading(opened.engine) as session:
        number = find_snippet_number(session, opened.newsletter.id, name)
    with transaction(opened.engine) as session:
        row = save_snippet(
            session, opened.actor, opened.newsletter.id, name=name, text=text, number=number
        )
        kept = row.name
    console.print(f":::snippet {kept}")


def _read(file: Path) -> str:
    from newsletter.cli.files import read_text
    from newsletter.issues.sources.reading import LARGEST_ISSUE

    return read_text(file, limit=LARGEST_ISSUE)


@app.command()
def delete(
    context: typer.Context, name: str, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a snippet that no draft uses; what was sent stays as it was."""
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.snippets import delete_snippet, find_snippet_number

    opened = open_newsletter(context, newsletter, as_, Action.SNIPPET_DELETE)
    with reading(opened.engine) as session:
        number = find_snippet_number(session, opened.newsletter.id, name)
    if number is None:
        raise NotFoundError(msg("There is no such snippet."))
    with transaction(opened.engine) as session:
        delete_snippet(session, opened.actor, opened.newsletter.id, number)
