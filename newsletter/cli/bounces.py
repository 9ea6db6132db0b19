"""``newsletter bounce read``, ``listen``, ``fetch``, ``receive``: receiving bounces."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled
from newsletter.cli.state import Json, open_database, settings_of
from newsletter.errors import NewsletterError, Place, SettingError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number

if TYPE_CHECKING:
    from rich.table import Table

    from newsletter.bounces.model import Report
    from workers.intake.mailbox import TakenCounts

#: Characters of a reply in the table; the bounce log has the whole reply.
_SUMMARY_LENGTH = 160

bounce_app = typer.Typer(no_args_is_help=True, help="Read and search bounces and complaints.")


@bounce_app.callback()
def bounces() -> None:
    """Keep ``read`` a command of its own, however few there are beside it."""


@bounce_app.command()
def read(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Messages; standard input if omitted.")
    ] = None,
    json: Json = False,
) -> None:
    """Explain bounce messages; nothing is saved or changed (docs/bounces.md)."""
    from rich.table import Column, Table

    from newsletter.bounces.reading import read_report
    from newsletter.cli.console import console, print_json

    table = Table(
        Column(_("File"), overflow="fold"),
        _("Kind"),
        Column(_("Recipient"), overflow="fold"),
        "",
        _("Reason"),
        _("Status"),
        _("Reply"),
        Column(_("Message"), overflow="fold", style="dim"),
        box=None,
    )
    for name, raw in _messages(files or []):
        report = read_report(raw)
        if json:
            print_json(as_json(name, report))
        else:
            _add_rows(table, name, report)
    if not json:
        console.print(table)


def as_json(name: str, report: Report) -> dict[str, Any]:
    """Return the JSON object for a message."""
    return {
        "file": name,
        "kind": report.kind.value,
        "recipients": [
            {
                "address": one.address,
                "hard": one.hard,
                "reason": one.reason.value,
                "status": one.status,
                "reply": one.reply,
            }
            for one in report.recipients
        ],
    }


def _messages(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    from newsletter.bounces.mail import MAIL_OCTETS
    from newsletter.cli.files import opened_file

    if not files:
        yield "-", sys.stdin.buffer.read(MAIL_OCTETS)
    for path in files:
        with opened_file(path) as stream:
            raw = stream.read(MAIL_OCTETS)
        yield str(path), raw


def _add_rows(table: Table, name: str, report: Report) -> None:

    first = (name, report.kind.value)
    for one in report.recipients:
        hard = styled("hard", "bold red") if one.hard else ""
        cells = (one.address, hard, one.reason.value, one.status, one.reply)
        table.add_row(*first, *cells, " ".join(one.words[:_SUMMARY_LENGTH].split()))
        first = ("", "")
    if not report.recipients:
        table.add_row(*first)


_DRAIN_OCTETS = 65_536


def listen_for_bounces(context: typer.Context) -> None:
    """Accept bounces and unsubscribe requests by LMTP or SMTP (docs/feedback.md)."""
    from newsletter.cli.console import errors
    from newsletter.feedback.joining import JoiningByMail
    from newsletter.logs import set_up_logs
    from newsletter.services import build_services
    from workers.intake.listener import (
        MailHandler,
        listen_until_signal,
        quiet_server,
        read_listen_address,
    )

    settings = settings_of(context)
    set_up_logs(settings)
    quiet_server()
    address = read_listen_address(settings.bounce_listen)
    engine = open_database(settings)
    services = build_services(settings, engine)
    joining = JoiningByMail.of(settings, engine, services.signer)
    handler = MailHandler(engine, services.feedback_keys, joining)
    import asyncio

    asyncio.run(
        listen_until_signal(
            address,
            handler,
            ready=lambda: errors.print(_("Listening on {address}.", address=address)),
        )
    )


def fetch_bounces(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep fetching new mail until stopped.")
    ] = False,
    json: Json = False,
) -> None:
    """Fetch bounces and unsubscribe requests from the mailbox BOUNCE_MAILBOX (docs/feedback.md).

    What was processed is deleted there, or moved; other mail stays.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.feedback.joining import JoiningByMail
    from newsletter.feedback.mail import Taken
    from newsletter.logs import set_up_logs
    from newsletter.services import build_services
    from workers.intake.fetching import Fetcher
    from workers.intake.mailbox import read_account

    settings = settings_of(context)
    if settings.bounce_mailbox is None:
        raise SettingError(
            msg("No mailbox is configured."),
            place=Place(source=msg("settings"), field="BOUNCE_MAILBOX"),
            remedy=msg("Set it, for example, to imaps://user:secret@mail.example.jp/INBOX."),
        )
    account = read_account(settings.bounce_mailbox.get_secret_value())
    account.require_authorities()
    engine = open_database(settings)
    services = build_services(settings, engine)
    joining = JoiningByMail.of(settings, engine, services.signer)
    fetcher = Fetcher(account, engine, services.feedback_keys, joining)

    def tell(counts: TakenCounts) -> None:
        if json:
            print_json({taken.value: counts[taken] for taken in Taken})
        else:
            console.print(_words(counts))

    if not follow:
        tell(fetcher.once())
        return
    set_up_logs(settings)
    with suppress(KeyboardInterrupt):
        fetcher.follow(tell, poll_seconds=settings.bounce_poll_seconds)


def receive_bounce(
    context: typer.Context,
    to: Annotated[
        str, typer.Option(help="The address it was delivered to, if no header says so.")
    ] = "",
) -> None:
    """Accept one message from standard input, as from a mail server's pipe (docs/feedback.md).

    Exits with 75 (EX_TEMPFAIL) if it could not be saved, so that the server tries again.
    """
    from newsletter.bounces.mail import MAIL_OCTETS
    from newsletter.cli.console import print_error
    from newsletter.cli.failures import explained
    from newsletter.feedback.joining import JoiningByMail
    from newsletter.feedback.mail import take_mail
    from newsletter.services import build_services

    raw = sys.stdin.buffer.read(MAIL_OCTETS)
    while sys.stdin.buffer.read(_DRAIN_OCTETS):
        pass
    try:
        settings = settings_of(context)
        engine = open_database(settings)
        services = build_services(settings, engine)
        take_mail(
            engine,
            raw,
            services.feedback_keys,
            envelope_to=to,
            is_for_us=True,
            joining=JoiningByMail.of(settings, engine, services.signer),
        )
    except NewsletterError as error:
        print_error(error)
    except Exception as error:  # noqa: BLE001 - any other code would make the server drop the mail
        print_error(explained(error))
    else:
        return
    raise typer.Exit(os.EX_TEMPFAIL)


def _words(counts: TakenCounts) -> str:
    from newsletter.feedback.mail import Taken

    return _(
        "{logged} reports recorded, {left} unsubscribed, {asked} asked to join, "
        "{unknown} unreadable and kept, {unrelated} unrelated and left in the mailbox",
        logged=Number(counts[Taken.LOGGED]),
        left=Number(counts[Taken.LEFT]),
        asked=Number(counts[Taken.ASKED]),
        unknown=Number(counts[Taken.UNKNOWN]),
        unrelated=Number(counts[Taken.UNRELATED]),
    )
