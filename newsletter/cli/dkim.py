"""``newsletter dkim``: make a key that signs a domain's mail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli.state import settings_of
from newsletter.errors import ConflictError, Place


def dkim(
    context: typer.Context,
    domain: Annotated[str, typer.Argument(help="The domain of the sender address.")],
    selector: Annotated[str, typer.Argument(help="A name for this key, such as nl2026.")],
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="Ed25519, beside an RSA key, never alone.")
    ] = False,
) -> None:
    """Make a DKIM key, and say what to put into DNS and into the settings."""
    from newsletter.cli.console import console
    from newsletter.message.dkim import make_key

    folder = settings_of(context).data_dir / "dkim"
    path = Path(folder / f"{domain}.{selector}.pem").resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = make_key(domain.lower(), selector, ed25519=ed25519)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise ConflictError(
            "This key exists already.", place=Place(source=str(path)), remedy="Name another."
        ) from None
    path.write_bytes(key.to_pem())
    console.print("Put this TXT record into DNS:")
    console.print(f"  {selector}._domainkey.{domain}", style="bold")
    console.print(f"  {key.dns_record()}", soft_wrap=True, markup=False, highlight=False)
    console.print("When it is there, add this to DKIM_KEYS in the settings of all workers:")
    console.print(f"  {domain}:{selector}:{path}", soft_wrap=True, markup=False, highlight=False)
