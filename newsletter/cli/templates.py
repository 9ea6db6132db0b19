"""``newsletter template``: a newsletter's own mail templates."""

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
    reading_newsletter,
    settings_of,
)

if TYPE_CHECKING:
    from newsletter.newsletters.templates import TemplateTrial
    from newsletter.rendering.model import TemplateSource

app = typer.Typer(
    no_args_is_help=True, help="Manage a newsletter's own mail templates (docs/templates.md)."
)
_FILES = ("body.mjml.j2", "body.txt.j2", "subject.txt.j2")
_Folder = Annotated[
    Path, typer.Argument(help="A folder with body.mjml.j2, body.txt.j2, subject.txt.j2.")
]


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the templates with their versions."""
    from rich.table import Table

    from newsletter.cli.console import console, in_utc, print_json
    from newsletter.newsletters.templates import list_templates

    with reading_newsletter(context, newsletter) as (session, found):
        templates = list_templates(session, found.id)
    if json:
        print_json(
            [
                {
                    "name": each.full_name,
                    "version": each.version,
                    "author": each.author,
                    "saved_at": each.saved_at.isoformat(),
                }
                for each in templates
            ]
        )
        return
    table = Table(_("Name"), _("Version"), _("Last edited"), box=None)
    for each in templates:
        table.add_row(each.full_name, str(each.version), in_utc(each.saved_at))
    console.print(table if templates else _("None yet."))


@app.command()
def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of a newsletter's own, or of the product's.")],
    folder: _Folder,
    version: Annotated[int | None, typer.Option(help="The newest if left out.")] = None,
    newsletter: NewsletterName = None,
) -> None:
    """Write a template's files into a folder, to be changed there."""
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter
    from newsletter.newsletters.templates import get_template, get_version, shipped_source
    from newsletter.rendering.model import OWN

    settings = settings_of(context)
    if name.startswith(OWN):
        with reading(open_database(settings)) as session:
            newsletter_id = find_newsletter(session, newsletter).id
            kept = (
                get_template(session, newsletter_id, name)
                if version is None
                else get_version(session, newsletter_id, name.removeprefix(OWN), version)
            )
        source = kept.source
    else:
        source = shipped_source(settings.templates_dir, name)
    _write(folder, source.body, source.text, source.subject)


@app.command()
def check(context: typer.Context, folder: _Folder, newsletter: NewsletterName = None) -> None:
    """Render the last issue and the sample in a template; nothing is saved."""
    from newsletter.cli.console import console
    from newsletter.newsletters.templates import check_template

    check_template(_trial(context, newsletter), _read(folder))
    console.print(_("The template renders the last issue and the sample without loss."))


@app.command()
def save(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    folder: _Folder,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Save a template as the newest version of its name, once it has been checked."""
    from newsletter.accounts.actors import find_actor
    from newsletter.cli.console import console
    from newsletter.newsletters.templates import save_template
    from newsletter.rendering.model import OWN

    trial = _trial(context, newsletter)
    actor = find_actor(trial.engine, as_, Action.TEMPLATE_SAVE, trial.newsletter_id)
    source = _read(folder)
    kept = save_template(trial, actor, name=name.removeprefix(OWN), source=source)
    console.print(_("{name}, version {number}", name=kept.full_name, number=kept.version))


@app.command()
def take(
    file: Annotated[Path, typer.Argument(help="A file of MJML from elsewhere.")], folder: _Folder
) -> None:
    """Create a template from MJML made elsewhere; what cannot be converted is reported by line."""
    from newsletter.cli.console import console
    from newsletter.cli.files import read_octets
    from newsletter.newsletters.templates import shipped_source
    from newsletter.rendering.foreign_templates import LARGEST_MJML, import_template
    from newsletter.settings import shipped_templates

    taken = import_template(read_octets(file, limit=LARGEST_MJML), source=str(file))
    letter = shipped_source(shipped_templates(), "letter")
    _write(folder, taken.body, letter.text, letter.subject)
    for remark in taken.remarks:
        console.print(f"{folder / _FILES[0]}:{remark.line}: {remark.message}", soft_wrap=True)


@app.command()
def delete(
    context: typer.Context, name: str, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a template that nothing uses, with its versions."""
    from newsletter.newsletters.templates import delete_template
    from newsletter.rendering.model import OWN

    with changing(context, newsletter, as_, Action.TEMPLATE_DELETE) as (opened, session):
        delete_template(session, opened.actor, opened.newsletter.id, name.removeprefix(OWN))


def _trial(context: typer.Context, newsletter: str | None) -> TemplateTrial:
    from newsletter.database.engine import reading
    from newsletter.mailings.mailings import publisher_of
    from newsletter.newsletters.publications import find_newsletter
    from newsletter.newsletters.templates import TemplateTrial

    settings = settings_of(context)
    engine = open_database(settings)
    with reading(engine) as session:
        row = find_newsletter(session, newsletter)
        publisher = publisher_of(row)
    return TemplateTrial(
        engine=engine,
        newsletter_id=row.id,
        publisher=publisher,
        folder=settings.templates_dir,
    )


def _read(folder: Path) -> TemplateSource:
    from newsletter.cli.files import read_text
    from newsletter.newsletters.templates import LONGEST_PART
    from newsletter.rendering.model import TemplateSource

    # A character has up to four octets in UTF-8.
    body, text, subject = (read_text(folder / name, limit=4 * LONGEST_PART) for name in _FILES)
    return TemplateSource(body=body, text=text, subject=subject)


def _write(folder: Path, *parts: str) -> None:
    from newsletter.cli.files import write_files

    write_files(folder, {name: part.encode() for name, part in zip(_FILES, parts, strict=True)})
