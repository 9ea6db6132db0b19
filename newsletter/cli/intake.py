"""``newsletter bounce listen``, ``fetch`` and ``receive``: the ways in for mail."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.state import Json, open_database, settings_of
from newsletter.errors import NewsletterError, Place, SettingError

if TYPE_CHECKING:
    from newsletter.feedback.attribution import Keys
    from newsletter.settings import Settings
    from workers.intake.mailbox import Counts

_DRAIN_OCTETS = 65_536


def feedback_keys(settings: Settings) -> Keys:
    """Return what our signatures on what comes back are checked with."""
    from newsletter.feedback.attribution import Keys
    from newsletter.settings import signing_keys
    from newsletter.tokens import TokenSigner

    keys = signing_keys(settings)
    return Keys(signer=TokenSigner(keys), message_id_key=keys[-1])


def listen_for_bounces(context: typer.Context) -> None:
    """Take bounces and requests to leave by LMTP or SMTP, at BOUNCE_LISTEN (docs/feedback.md)."""
    from newsletter.cli.console import errors
    from workers.intake.listener import Doorman, listen_until_signal, read_door

    settings = settings_of(context)
    door = read_door(settings.bounce_listen)
    doorman = Doorman(open_database(settings), feedback_keys(settings))
    import asyncio

    asyncio.run(
        listen_until_signal(door, doorman, ready=lambda: errors.print(f"Listening at {door}."))
    )


def fetch_bounces(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes, until ended.")
    ] = False,
    json: Json = False,
) -> None:
    """Take bounces and requests to leave from the mailbox BOUNCE_MAILBOX (docs/feedback.md).

    What is taken is deleted there, or moved, once it is committed; other mail stays.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.feedback.mail import Taken
    from workers.intake.fetching import Fetcher
    from workers.intake.mailbox import read_account

    settings = settings_of(context)
    if settings.bounce_mailbox is None:
        raise SettingError(
            "No mailbox is set.",
            place=Place(source="settings", field="BOUNCE_MAILBOX"),
            remedy="Set it, such as imaps://user:secret@mail.example.jp/INBOX.",
        )
    account = read_account(settings.bounce_mailbox.get_secret_value())
    fetcher = Fetcher(account, open_database(settings), feedback_keys(settings))

    def tell(counts: Counts) -> None:
        if json:
            print_json({taken.value: counts[taken] for taken in Taken})
        else:
            console.print(_words(counts))

    if not follow:
        tell(fetcher.once())
        return
    with suppress(KeyboardInterrupt):
        fetcher.follow(tell, poll_seconds=settings.bounce_poll_seconds)


def receive_bounce(
    context: typer.Context,
    to: Annotated[
        str, typer.Option(help="The address it was delivered to, where a header does not say.")
    ] = "",
) -> None:
    """Take one mail from standard input, as a mail server's pipe gives it (docs/feedback.md).

    Ends with 75 (EX_TEMPFAIL) when it could not be kept, so that the server tries again.
    """
    from sqlalchemy.exc import OperationalError

    from newsletter.bounces.mail import MAIL_OCTETS
    from newsletter.cli.console import errors, print_error
    from newsletter.feedback.mail import take_mail

    raw = sys.stdin.buffer.read(MAIL_OCTETS)
    while sys.stdin.buffer.read(_DRAIN_OCTETS):
        pass
    try:
        settings = settings_of(context)
        engine = open_database(settings)
        take_mail(engine, raw, feedback_keys(settings), envelope_to=to, is_for_us=True)
    except NewsletterError as error:
        print_error(error)
    except OperationalError:
        errors.print("The database does not answer.")
    except Exception as error:  # noqa: BLE001 - any other code would make the server drop the mail
        errors.print(f"The mail could not be taken: {type(error).__name__}.")
    else:
        return
    raise typer.Exit(os.EX_TEMPFAIL)


def _words(counts: Counts) -> str:
    from newsletter.feedback.mail import Taken

    return (
        f"{counts[Taken.LOGGED]:,} reports logged, {counts[Taken.LEFT]:,} left, "
        f"{counts[Taken.UNKNOWN]:,} kept unread, {counts[Taken.UNRELATED]:,} unrelated, left there"
    )
