"""``newsletter segment``: saved queries for subscribers, and the matching people."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import labelled, ngettext
from newsletter.cli.state import As, Json, NewsletterName, changing, reading_newsletter

app = typer.Typer(no_args_is_help=True, help="Save, show and try segments (docs/lists.md).")


@app.command()
def add(
    context: typer.Context,
    name: str,
    query: Annotated[str, typer.Argument(help='Such as: tag = "press"')],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Save a segment."""
    from newsletter.cli.console import console
    from subscribers.actions import save_segment
    from subscribers.segments.saved import count_segment

    with changing(context, newsletter, as_, Action.SEGMENT_SAVE) as (opened, session):
        query = save_segment(
            session, opened.actor, opened.newsletter.id, name=name, query=query
        ).query
        count = count_segment(session, opened.newsletter, query)
    console.print(f"{labelled(name, query)}\n{_now(count)}")


def _now(count: int) -> str:
    return ngettext("{count} subscriber now", "{count} subscribers now", count)


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the saved segments."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from subscribers.segments import saved

    with reading_newsletter(context, newsletter) as (session, found):
        rows = saved.list_segments(session, found.id)
    if json:
        print_json([{"name": row.name, "query": row.query} for row in rows])
        return
    table = Table(_("Name"), _("Query"), box=None)
    for row in rows:
        table.add_row(row.name, row.query)
    console.print(table if rows else _("There is no segment yet."))


@app.command()
def show(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(help="The name of a saved segment, or a query.")],
    newsletter: NewsletterName = None,
    count: Annotated[
        bool, typer.Option("--count", help="Show how many subscribers match now.")
    ] = False,
    sample: Annotated[int, typer.Option(min=0, max=1000, help="Show this many addresses.")] = 0,
    json: Json = False,
) -> None:
    """Show a segment and who matches it; nothing is changed."""
    from newsletter.cli.console import console, print_json
    from subscribers.segments import saved

    with reading_newsletter(context, newsletter) as (session, found):
        query = saved.segment_text(session, found.id, segment)
        size = saved.count_segment(session, found, query) if count else None
        people = saved.sample_segment(session, found, query, size=sample)
    if json:
        print_json({"query": query, "count": size, "sample": list(people)})
        return
    console.print(query)
    if size is not None:
        console.print(_now(size))
    for address in people:
        console.print(f"  {address}")


@app.command()
def delete(
    context: typer.Context, name: str, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a saved segment; existing mailings keep its query."""
    from subscribers.actions import delete_segment

    with changing(context, newsletter, as_, Action.SEGMENT_DELETE) as (opened, session):
        delete_segment(session, opened.actor, opened.newsletter.id, name)
