"""``newsletter account``: invite people by mail, or by a link to hand over."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.cli.state import NewsletterName, open_database, settings_of
from newsletter.database.vocabulary import Role

app = typer.Typer(no_args_is_help=True, help="Invite people who write, approve, operate.")


@app.callback()
def accounts() -> None:
    """Invite people who write, approve, operate."""


@app.command("invite")
def invite_somebody(
    context: typer.Context,
    address: str,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.EDITOR,
    newsletter: NewsletterName = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="In all newsletters, not in this one alone.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Print the link instead of mailing it.")
    ] = False,
) -> None:
    """Invite somebody; workers mail the link, which works once, within 7 days."""
    from rich.markup import escape

    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.accounts.invitations import invite
    from newsletter.accounts.roles import Grant
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from newsletter.delivery.inviting import mail_link
    from subscribers.newsletters import find_newsletter

    settings = settings_of(context)
    with transaction(open_database(settings)) as session:
        row = find_newsletter(session, newsletter)
        grant = Grant(role=role, newsletter_id=None if everywhere else row.id)
        token = invite(
            session,
            COMMAND_LINE,
            address=address,
            grants=[grant],
            language=row.language,
            time_zone=row.time_zone,
        )
        if not link:
            mail_link(
                session,
                row,
                token,
                templates_dir=settings.templates_dir,
                public_url=settings.public_url,
            )
    if link:
        console.print(f"{settings.public_url}/welcome/{token}", soft_wrap=True)
    else:
        console.print(f"An invitation to {escape(address)} waits for the workers.")
