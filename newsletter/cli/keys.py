"""``newsletter key`` and ``dkim``: keys for signing links and for signing a domain's mail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled
from newsletter.cli.state import As, AskedReason, Json, open_all, open_database, settings_of

app = typer.Typer(no_args_is_help=True, help="List the keys that signed links; forget one.")


@app.command("list")
def list_known(context: typer.Context, json: Json = False) -> None:
    """List the signing keys that this database was used with."""
    from newsletter.cli.console import console, format_day, print_json
    from newsletter.database.engine import reading
    from newsletter.operations.signing_keys import fingerprint, list_keys
    from newsletter.settings import signing_keys

    settings = settings_of(context)
    present = {fingerprint(key) for key in signing_keys(settings)}
    with reading(open_database(settings)) as session:
        known = list_keys(session)
    if json:
        print_json(
            [
                {
                    "fingerprint": key.fingerprint,
                    "since": key.first_seen_at,
                    "in_use": key.in_use,
                    "present": key.fingerprint in present,
                    "forgotten_at": key.forgotten_at,
                }
                for key in known
            ]
        )
        return
    for key in known:
        state = _("present") if key.fingerprint in present else _("missing")
        if key.forgotten_at is not None:
            state = _("forgotten on {day}", day=format_day(key.forgotten_at))
        use = _("used in the last year") if key.in_use else _("not used in the last year")
        console.print(
            _(
                "{key} since {day}: {state}, {use}",
                key=styled(key.fingerprint),
                day=format_day(key.first_seen_at),
                state=state,
                use=use,
            )
        )


@app.command()
def forget(
    context: typer.Context,
    fingerprint: str,
    reason: AskedReason = "",
    as_: As = None,
) -> None:
    """Forget a key: links in emails signed with it stop working."""
    from newsletter.operations.signing_keys import forget_key

    opened = open_all(context, as_, Action.KEY_FORGET)
    forget_key(opened.engine, opened.actor, fingerprint, reason=reason)


def dkim(
    context: typer.Context,
    domain: Annotated[str, typer.Argument(help="The domain of the sender address.")],
    selector: Annotated[str, typer.Argument(help="A name for this key, such as nl2026.")],
    ed25519: Annotated[
        bool,
        typer.Option(
            "--ed25519", help="Create an Ed25519 key, to be used in addition to an RSA key."
        ),
    ] = False,
) -> None:
    """Create a DKIM key, and show what to add to DNS and to the settings."""
    from newsletter.cli.console import console
    from newsletter.cli.files import write_octets
    from newsletter.message.dkim import make_key

    folder = settings_of(context).data_dir / "dkim"
    path = Path(folder / f"{domain}.{selector}.pem").resolve()
    key = make_key(domain.lower(), selector, ed25519=ed25519)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_octets(path, key.to_pem(), new=True)
    console.print(_("Add this TXT record to DNS:"))
    console.print(f"  {selector}._domainkey.{domain}", style="bold")
    console.print(f"  {key.dns_record()}", soft_wrap=True)
    console.print(_("Once it is published, add this to DKIM_KEYS in the settings of all workers:"))
    console.print(f"  {domain}:{selector}:{path}", soft_wrap=True)
