"""``newsletter status``: whether something is wrong, once or live."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.state import Json, open_database, settings_of

if TYPE_CHECKING:
    from newsletter.operations.overview import Overview


def status(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many mailings.")] = 5,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show all of operations, live, until Ctrl-C.")
    ] = False,
    json: Json = False,
) -> None:
    """Show whether something is wrong, and where the newest mailings stand."""
    from newsletter.cli import overview
    from newsletter.cli.console import console, print_json
    from newsletter.cli.sending import as_json, show
    from newsletter.mailings.mailings import list_progress
    from newsletter.operations.overview import look
    from workers.transports import relay_names

    settings = settings_of(context)
    engine = open_database(settings)
    names = relay_names(settings)

    def look_now() -> Overview:
        return look(engine, redis_url=settings.redis_url, relays=names)

    if watch:
        with suppress(KeyboardInterrupt):
            overview.watch(look_now)
        return
    found = list_progress(engine, limit=limit)
    if json:
        seen = overview.overview_as_json(look_now())
        print_json({**seen, "mailings": [as_json(now) for now in found]})
        return
    console.print(overview.show_overview(look_now()))
    console.print()
    if found:
        show(*found)
    else:
        console.print("Nothing was sent yet. Send the newest issue: newsletter send")
