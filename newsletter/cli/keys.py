"""``newsletter key``: which keys signed links, and an end to one that is lost."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.cli.state import As, Json, open_database, settings_of
from newsletter.database.vocabulary import Role

app = typer.Typer(no_args_is_help=True, help="See the keys that signed links; give one up.")


@app.command("list")
def list_known(context: typer.Context, json: Json = False) -> None:
    """List the keys that this database was used with, by fingerprint."""
    from newsletter.cli.console import console, print_json
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
        state = "present" if key.fingerprint in present else "gone"
        if key.forgotten_at is not None:
            state += f", given up {key.forgotten_at:%Y-%m-%d}"
        use = "signed mail of the last year" if key.in_use else "signed nothing of the last year"
        console.print(
            f"[bold]{key.fingerprint}[/] since {key.first_seen_at:%Y-%m-%d}: {state}, {use}"
        )


@app.command()
def forget(
    context: typer.Context,
    fingerprint: str,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")],
    as_: As = None,
) -> None:
    """Go on without a key: links in mails that it signed lead nowhere from now on."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.operations.signing_keys import forget_key

    engine = open_database(settings_of(context))
    actor = find_actor(engine, as_, (Role.ADMINISTRATOR,))
    forget_key(engine, actor, fingerprint, reason=reason)
