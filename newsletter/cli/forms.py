"""How people join: ``newsletter form``, the websites that embed forms, and ``invitation``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import labelled
from newsletter.cli.prompts import confirm
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    changing,
    open_database,
    open_newsletter,
    settings_of,
)
from newsletter.i18n.language import Language

if TYPE_CHECKING:
    from newsletter.cli.state import NewsletterContext
    from subscribers.forms.model import JoinForm

app = typer.Typer(no_args_is_help=True, help="Forms by which people join (docs/subscribers.md).")

_Title = Annotated[str | None, typer.Option(help="Its heading.")]
_Introduction = Annotated[str | None, typer.Option(help="The text above its fields.")]
_Button = Annotated[str | None, typer.Option(help="The label of its button.")]
_FormLanguage = Annotated[
    str | None, typer.Option("--language", help="Its language; the reader's if empty.")
]
_Name = Annotated[bool | None, typer.Option("--name/--no-name", help="Whether it asks for a name.")]
_Frequency = Annotated[
    bool | None,
    typer.Option("--frequency/--no-frequency", help="Whether it asks how often they want mail."),
]
_Fields = Annotated[list[str] | None, typer.Option("--field", help="The key of a field it asks.")]
_Tags = Annotated[list[str] | None, typer.Option("--tag", help="Tags for those who confirm.")]
_Success = Annotated[str | None, typer.Option("--success-url", help="The page after sending.")]


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the forms, and how often they were shown, sent and confirmed in 30 days."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter
    from subscribers.forms.store import OWN, conversions, list_forms, list_sites

    settings = settings_of(context)
    with reading(open_database(settings)) as session:
        row = find_newsletter(session, newsletter)
        forms = list_forms(session, row.id)
        figures = conversions(session, row.id)
        sites = list_sites(session, row.id)
    own = figures[OWN]
    lines = [(form, figures[form.id or OWN]) for form in forms]
    if json:
        listed = [{"slug": form.slug} | form.kept | asdict(figure) for form, figure in lines]
        print_json({"own": asdict(own), "forms": listed, "sites": list(sites)})
        return
    table = Table(_("Address"), _("Shown"), _("Submitted"), _("Confirmed"), box=None)
    page = f"{settings.public_url}/subscribe/{row.slug}"
    rows = [(page, own), *((f"{page}/{form.slug}", figure) for form, figure in lines)]
    for address, figure in rows:
        counts = map(str, (figure.shown, figure.asked, figure.confirmed))
        table.add_row(address, *counts)
    console.print(table)
    if sites:
        console.print(labelled(_("Websites"), ", ".join(sites)))


@app.command()
def add(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(help="Its short name, for its address.")],
    title: _Title = None,
    introduction: _Introduction = None,
    button: _Button = None,
    language: _FormLanguage = None,
    name: _Name = None,
    frequency: _Frequency = None,
    field: _Fields = None,
    tag: _Tags = None,
    success_url: _Success = None,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Add a form."""
    from newsletter.database.engine import transaction
    from subscribers.forms.actions import add_form
    from subscribers.forms.model import JoinForm

    opened = open_newsletter(context, newsletter, as_, Action.FORM_ADD)
    given = _given(title, introduction, button, language, name, frequency, field, tag, success_url)
    with transaction(opened.engine) as session:
        form = add_form(
            session, opened.actor, opened.newsletter.id, _changed(JoinForm(slug=slug), given)
        )
    _print(opened, form)


@app.command()
def change(
    context: typer.Context,
    slug: str,
    title: _Title = None,
    introduction: _Introduction = None,
    button: _Button = None,
    language: _FormLanguage = None,
    name: _Name = None,
    frequency: _Frequency = None,
    field: _Fields = None,
    tag: _Tags = None,
    success_url: _Success = None,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Change a form; what is not named stays. Fields and tags that are named replace all."""
    from newsletter.database.engine import reading, transaction
    from subscribers.forms.actions import change_form
    from subscribers.forms.store import find_form

    opened = open_newsletter(context, newsletter, as_, Action.FORM_CHANGE)
    with reading(opened.engine) as session:
        before = find_form(session, opened.newsletter.id, slug)
    given = _given(title, introduction, button, language, name, frequency, field, tag, success_url)
    with transaction(opened.engine) as session:
        form = change_form(session, opened.actor, opened.newsletter.id, _changed(before, given))
    _print(opened, form)


@app.command()
def ask(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The field's key; that of topics is “topic”.")],
    forms: Annotated[
        list[str] | None, typer.Argument(help="Short names; all forms where none is named.")
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Let forms ask for a field that they do not ask for, such as one that was added later."""
    from newsletter.cli.console import console
    from subscribers.forms.actions import ask_in_forms

    with changing(context, newsletter, as_, Action.FORM_CHANGE) as (opened, session):
        changed = ask_in_forms(session, opened.actor, opened.newsletter.id, key, forms or ())
    if changed:
        console.print(labelled(_("Changed forms"), ", ".join(changed)))
    else:
        console.print(_("All of these forms ask for it already."))


@app.command()
def remove(
    context: typer.Context,
    slug: str,
    newsletter: NewsletterName = None,
    as_: As = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a form with its totals; requests made through it can still be confirmed."""
    from newsletter.database.engine import reading, transaction
    from subscribers.forms.actions import delete_form
    from subscribers.forms.store import find_form

    opened = open_newsletter(context, newsletter, as_, Action.FORM_DELETE)
    with reading(opened.engine) as session:
        find_form(session, opened.newsletter.id, slug)
    if not yes:
        confirm(_("Delete the form “{name}”?", name=slug), option="--yes")
    with transaction(opened.engine) as session:
        delete_form(session, opened.actor, opened.newsletter.id, slug)


@app.command()
def sites(
    context: typer.Context,
    site: Annotated[
        list[str] | None, typer.Argument(help="Such as https://www.example.jp.")
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Set the websites on which forms may be embedded and may lead to; others are removed."""
    from newsletter.cli.console import console
    from subscribers.forms.actions import set_sites

    with changing(context, newsletter, as_, Action.FORM_SITES) as (opened, session):
        for origin in set_sites(session, opened.actor, opened.newsletter.id, site or []):
            console.print(origin)


def _given(
    title: str | None,
    introduction: str | None,
    button: str | None,
    language: str | None,
    name: bool | None,
    frequency: bool | None,
    field: list[str] | None,
    tag: list[str] | None,
    success_url: str | None,
) -> dict[str, Any]:
    from newsletter.errors import ListError
    from newsletter.i18n.messages import msg
    from newsletter.i18n.values import Alternatives

    if language and language not in set(Language):
        raise ListError(
            msg("“{tag}” is no language.", tag=language[:60]),
            remedy=msg("Choose from {names}.", names=Alternatives(tuple(Language))),
        )
    given: dict[str, Any] = {
        "title": title,
        "introduction": introduction,
        "button": button,
        "asks_name": name,
        "asks_frequency": frequency,
        "fields": None if field is None else tuple(field),
        "tags": None if tag is None else tuple(tag),
        "success_url": success_url,
    }
    found = {key: value for key, value in given.items() if value is not None}
    if language is not None:
        found["language"] = Language(language) if language else None
    return found


def _changed(form: JoinForm, given: dict[str, Any]) -> JoinForm:
    from dataclasses import replace

    return replace(form, **given)


def _print(opened: NewsletterContext, form: JoinForm) -> None:
    from newsletter.cli.console import console

    console.print(f"{opened.settings.public_url}/subscribe/{opened.newsletter.slug}/{form.slug}")


invitations = typer.Typer(no_args_is_help=True, help="Invitations to join (docs/subscribers.md).")


@invitations.command()
def make(
    context: typer.Context,
    uses: Annotated[int, typer.Option(help="How many people may join by it.")] = 1,
    days: Annotated[int, typer.Option(help="For how many days it is valid.")] = 14,
    note: Annotated[str, typer.Option(help="For whom it is meant.")] = "",
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Create an invitation link; it is shown only once."""
    from newsletter.cli.console import console
    from subscribers.invitations import make_invitation

    with changing(context, newsletter, as_, Action.JOIN_INVITE) as (opened, session):
        _row, token = make_invitation(
            session, opened.actor, opened.newsletter, uses=uses, days=days, note=note
        )
    path = f"/subscribe/{opened.newsletter.slug}?invitation={token}"
    console.print(f"{opened.settings.public_url}{path}", soft_wrap=True)


@invitations.command("list")
def show_invitations(
    context: typer.Context, newsletter: NewsletterName = None, as_: As = None, json: Json = False
) -> None:
    """List the invitation links; the addresses themselves are not shown again."""
    from rich.table import Table

    from newsletter.cli.console import console, in_utc, print_json
    from newsletter.database.engine import reading
    from subscribers.invitations import is_open, list_invitations

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    with reading(opened.engine) as session:
        rows = list_invitations(session, opened.newsletter.id)
    if json:
        print_json(
            [
                {
                    "number": row.id,
                    "note": row.note,
                    "used": row.used,
                    "uses": row.uses,
                    "expires_at": row.expires_at.isoformat(),
                    "open": is_open(row),
                }
                for row in rows
            ]
        )
        return
    table = Table(_("Number"), _("For whom"), _("Used"), _("Valid until"), _("State"), box=None)
    for row in rows:
        state = _("valid") if is_open(row) else _("no longer valid")
        used = f"{row.used} / {row.uses}"
        table.add_row(str(row.id), row.note, used, in_utc(row.expires_at), state)
    console.print(table if rows else _("No invitations yet"))


@invitations.command()
def revoke(
    context: typer.Context, number: int, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """End an invitation link."""
    from subscribers.invitations import revoke_invitation

    with changing(context, newsletter, as_, Action.JOIN_REVOKE) as (opened, session):
        revoke_invitation(session, opened.actor, opened.newsletter.id, number)
