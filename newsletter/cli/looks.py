"""``newsletter look``: show, change, export and import a newsletter's look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter, reading_newsletter
from newsletter.errors import ContentError
from newsletter.i18n.messages import msg

if TYPE_CHECKING:
    from newsletter.newsletters.look.actions import LookFile
    from newsletter.newsletters.look.model import Look

app = typer.Typer(no_args_is_help=True, help="Show and change a newsletter's look (docs/look.md).")


@app.command()
def designs(json: Json = False) -> None:
    """List the designs that a look can begin with."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.newsletters.look.designs import DESIGNS

    if json:
        print_json([{"name": d.name, "description": str(d.description)} for d in DESIGNS])
        return
    table = Table("name", "for what", box=None)
    for design in DESIGNS:
        table.add_row(design.name, str(design.description))
    console.print(table)


@app.command()
def show(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """Show a newsletter's look, and the contrast of its colours."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.newsletters.look.contrast import shown_pairs
    from newsletter.newsletters.look.model import look_to_json

    look = _look(context, newsletter)
    value = look_to_json(look)
    if json:
        print_json(value)
        return
    table = Table(box=None, show_header=False)
    for name, chosen in value.pop("palette").items():
        table.add_row(name, chosen or "(derived)")
    for name, chosen in value.items():
        table.add_row(name, "–" if chosen is None or chosen == "" else str(chosen))
    console.print(table)
    lowest = min(shown_pairs(look.palette), key=lambda pair: pair.ratio / pair.needed)
    appearance = "dark" if lowest.dark else "light"
    console.print(
        f"Lowest contrast: {lowest.ratio:.1f}:1 of {lowest.needed}:1 needed "
        f"({lowest.text} on {lowest.background}, {appearance})"
    )


@app.command("set")
def set_look(
    context: typer.Context,
    values: Annotated[
        list[str], typer.Argument(help="Such as: design=museum accent=#7a1f2b radius=0")
    ],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Change values of a look; a design is applied first and keeps pictures and texts."""
    from newsletter.newsletters.look.designs import with_design
    from newsletter.newsletters.look.model import look_from_json, look_to_json

    look = _look(context, newsletter)
    pairs = [_pair(each) for each in values]
    for name, text in pairs:
        if name == "design":
            look = with_design(look, text)
    changed = look_to_json(look)
    for name, text in pairs:
        if name in changed["palette"]:
            changed["palette"][name] = text.lower()
        elif name in {"size", "radius", "width"}:
            changed[name] = int(text) if text.isdecimal() else text
        elif name in {"logo", "header", "social", "palette"} or name not in changed:
            raise ContentError(
                msg("A look has no value “{name}” that can be set here.", name=name),
                remedy=msg("See: newsletter look show. Pictures and links: in the browser."),
            )
        elif name != "design":
            changed[name] = text.replace("\\n", "\n") if name == "footer" else text
    _save(context, newsletter, as_, look_from_json(changed))


@app.command("export")
def export_look(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Standard output when left out.")] = None,
    newsletter: NewsletterName = None,
) -> None:
    """Write a look with its pictures as JSON."""
    from newsletter.cli.files import write_octets
    from newsletter.newsletters.look.actions import write_look_file
    from newsletter.newsletters.look.model import look_of

    with reading_newsletter(context, newsletter) as (session, found):
        data = write_look_file(session, look_of(found))
    if file is None:
        sys.stdout.buffer.write(data)
        return
    write_octets(file, data)


@app.command("import")
def import_look(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `newsletter look export` wrote.")],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Load a look from a file."""
    from newsletter.cli.files import read_octets
    from newsletter.newsletters.look.actions import LARGEST_FILE, read_look_file

    data = read_octets(file, limit=LARGEST_FILE)
    _save(context, newsletter, as_, read_look_file(data, source=str(file)))


def _pair(typed: str) -> tuple[str, str]:
    name, sign, text = typed.partition("=")
    if not sign:
        raise ContentError(
            msg("“{typed}” does not name a value.", typed=typed),
            remedy=msg("Write name=value, such as accent=#7a1f2b."),
        )
    return name.strip(), text.strip()


def _look(context: typer.Context, newsletter: str | None) -> Look:
    from newsletter.newsletters.look.model import look_of

    with reading_newsletter(context, newsletter) as (_session, found):
        return look_of(found)


def _save(
    context: typer.Context, newsletter: str | None, as_: str | None, given: Look | LookFile
) -> None:
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from newsletter.newsletters.look.actions import LookFile, change_look, keep_look_file

    opened = open_newsletter(context, newsletter, as_, Action.NEWSLETTER_LOOK)
    site, number = opened.settings.public_url, opened.newsletter.id
    with transaction(opened.engine) as session:
        look = given
        if isinstance(look, LookFile):
            look = keep_look_file(session, number, look, source="look", site=site)
        changed = change_look(session, opened.actor, number, look, site=site)
    console.print("Saved. Mail made from now on has this look." if changed else "Nothing changed.")
