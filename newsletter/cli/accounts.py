"""``newsletter account``: accounts, their roles, lost passwords and second factors."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, labelled, styled
from newsletter.cli.state import (
    As,
    AskedReason,
    Json,
    NewsletterName,
    changing_all,
    open_all,
)
from newsletter.database.vocabulary import Role

app = typer.Typer(
    no_args_is_help=True,
    help="Accounts: invitations, roles, lost passwords and second factors.",
)


@app.callback()
def accounts() -> None:
    """Say who may sign in, and help with a lost password or second factor."""


@app.command("list")
def list_all(context: typer.Context, as_: As = None, json: Json = False) -> None:
    """List the accounts, whether they can sign in, and their roles."""
    from newsletter.accounts.administration import list_accounts
    from newsletter.accounts.roles import rights_of
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import list_newsletters

    opened = open_all(context, as_, Permission.ADMINISTER)
    with reading(opened.engine) as session:
        slugs = {row.id: row.slug for row in list_newsletters(session)}
        rows: list[dict[str, Any]] = [
            {
                "address": row.address,
                "name": row.name,
                "state": (
                    "disabled" if row.disabled_at else "active" if row.password_hash else "invited"
                ),
                "second_factor": row.totp_secret is not None,
                "signed_in_at": row.signed_in_at and row.signed_in_at.isoformat(),
                "roles": sorted(
                    (
                        {"role": one.role.value, "newsletter": slugs.get(one.newsletter_id or 0)}
                        for one in rights_of(session, row.id).grants
                    ),
                    key=lambda one: (one["newsletter"] or "", one["role"] or ""),
                ),
            }
            for row in list_accounts(session)
        ]
    if json:
        print_json(rows)
        return
    states = {"disabled": _("Disabled"), "invited": _("Invited"), "active": _("Active")}
    for row in rows:
        said = [states[str(row["state"])]]
        if row["second_factor"]:
            said.append(_("Second factor"))
        console.print(f"{styled(row['address'])}  {row['name']}  {', '.join(said)}")
        for one in row["roles"]:
            console.print(
                f"  {labelled(one['newsletter'] or _('All newsletters'), label(Role(one['role'])))}"
            )
        if not row["roles"]:
            console.print("  " + _("No roles"))
    if not rows:
        console.print(
            _("There are no accounts yet. Invite somebody: newsletter account invite ADDRESS")
        )


@app.command("invite")
def invite_somebody(
    context: typer.Context,
    address: str,
    role: Annotated[Role, typer.Option(help="The role of the person.")] = Role.EDITOR,
    newsletter: NewsletterName = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="In all newsletters, not only in this one.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Print the link instead of sending it by email.")
    ] = False,
    as_: As = None,
) -> None:
    """Invite a person; the link is sent by email and works once, within 7 days."""
    from newsletter.accounts.invitations import invite
    from newsletter.accounts.roles import Grant
    from newsletter.cli.console import console
    from newsletter.mailings.notices.accounts import mail_link
    from newsletter.newsletters.publications import find_newsletter

    with changing_all(context, as_, Action.ACCOUNT_INVITE) as (opened, session):
        row = find_newsletter(session, newsletter)
        grant = Grant(role=role, newsletter_id=None if everywhere else row.id)
        token = invite(
            session,
            opened.actor,
            address=address,
            grants=[grant],
            language=row.language,
            time_zone=row.time_zone,
        )
        if not link:
            mail_link(session, opened.settings, row, token)
    if link:
        console.print(f"{opened.settings.public_url}/welcome/{token}", soft_wrap=True)
    else:
        console.print(_("The invitation to {address} is queued for sending.", address=address))


@app.command("link")
def make_link(context: typer.Context, address: str, as_: As = None) -> None:
    """Print a link to choose a new password, once and within 6 hours; older links end."""
    from newsletter.accounts.administration import find_account
    from newsletter.accounts.invitations import reset_link
    from newsletter.cli.console import console

    with changing_all(context, as_, Action.ACCOUNT_LINK) as (opened, session):
        token = reset_link(session, opened.actor, find_account(session, address))
    console.print(f"{opened.settings.public_url}/welcome/{token}", soft_wrap=True)


@app.command("reset-factor")
def reset_factor(
    context: typer.Context,
    address: str,
    reason: AskedReason = "",
    as_: As = None,
) -> None:
    """Remove a lost second factor from an account; its owner is notified by email."""
    from newsletter.accounts.administration import find_account, reset_second_factor
    from newsletter.cli.console import console
    from newsletter.mailings.notices.accounts import AccountChange, tell_owner

    with changing_all(context, as_, Action.ACCOUNT_SECOND_FACTOR_RESET) as (opened, session):
        number = find_account(session, address)
        reset_second_factor(session, opened.actor, number, reason=reason)
        tell_owner(session, opened.settings, number, AccountChange.SECOND_FACTOR_RESET)
    console.print(_("{address} now signs in with the password only.", address=address))


@app.command()
def disable(context: typer.Context, address: str, as_: As = None) -> None:
    """Disable an account; its sessions and links end immediately."""
    from newsletter.accounts.administration import disable_account, find_account
    from newsletter.cli.console import console

    with changing_all(context, as_, Action.ACCOUNT_DISABLE) as (opened, session):
        disable_account(session, opened.actor, find_account(session, address))
    console.print(_("{address} can no longer sign in.", address=address))


@app.command()
def enable(context: typer.Context, address: str, as_: As = None) -> None:
    """Enable a disabled account again."""
    from newsletter.accounts.administration import enable_account, find_account
    from newsletter.cli.console import console

    with changing_all(context, as_, Action.ACCOUNT_ENABLE) as (opened, session):
        enable_account(session, opened.actor, find_account(session, address))
    console.print(_("{address} can sign in again.", address=address))


@app.command("role")
def change_role(
    context: typer.Context,
    address: str,
    role: Annotated[Role, typer.Argument(help="The role.")],
    take: Annotated[
        bool, typer.Option("--take/--give", help="Take the role away, or give it.")
    ] = False,
    newsletter: NewsletterName = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="In all newsletters, not only in this one.")
    ] = False,
    as_: As = None,
) -> None:
    """Give a role to an account, or take it away; one administrator always remains."""
    from newsletter.accounts.administration import find_account, give_role, take_role
    from newsletter.accounts.roles import Grant
    from newsletter.cli.console import console
    from newsletter.newsletters.publications import find_newsletter

    change = take_role if take else give_role
    with changing_all(context, as_, Action.ACCOUNT_ROLES) as (opened, session):
        row = None if everywhere else find_newsletter(session, newsletter)
        grant = Grant(role=role, newsletter_id=row.id if row else None)
        change(session, opened.actor, find_account(session, address), grant)
    where = row.slug if row else _("all newsletters")
    console.print(
        _(
            "{address} no longer has the role {role} in {newsletter}.",
            address=address,
            role=label(role),
            newsletter=where,
        )
        if take
        else _(
            "{address} now has the role {role} in {newsletter}.",
            address=address,
            role=label(role),
            newsletter=where,
        )
    )
