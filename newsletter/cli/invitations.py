"""``newsletter invitation``: links for joining a newsletter that requires an invitation."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.state import As, Json, NewsletterName, changing, open_newsletter

app = typer.Typer(no_args_is_help=True, help="Invitations to join (docs/subscribers.md).")


@app.command()
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


@app.command("list")
def list_all(
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


@app.command()
def revoke(
    context: typer.Context, number: int, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """End an invitation link."""
    from subscribers.invitations import revoke_invitation

    with changing(context, newsletter, as_, Action.JOIN_REVOKE) as (opened, session):
        revoke_invitation(session, opened.actor, opened.newsletter.id, number)
