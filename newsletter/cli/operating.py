"""``newsletter mailing`` and ``newsletter relay``: an operator's word on what is under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from newsletter.cli.console import console, print_json
from newsletter.cli.state import Json, open_database, settings_of
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import DeliveryState
from newsletter.delivery.mailings import cancel_mailing, pause_mailing, resume_mailing
from newsletter.delivery.relays import RelayState, hold_relay, let_relay_go, resting_relays
from newsletter.delivery.settling import list_deliveries, retry_failed, settle_uncertain

mailings = typer.Typer(
    no_args_is_help=True, help="Hold, resume, cancel a mailing; settle what is in doubt."
)
relays = typer.Typer(no_args_is_help=True, help="See, hold and let go the relays.")

Reason = Annotated[str, typer.Option(help="Why, for whoever looks next.")]


@mailings.command()
def pause(context: typer.Context, mailing: int, reason: Reason = "held by command") -> None:
    """Hold a mailing; workers stop within two seconds."""
    pause_mailing(open_database(settings_of(context)), mailing, reason=reason)


@mailings.command()
def resume(context: typer.Context, mailing: int) -> None:
    """Let a held mailing go on."""
    resume_mailing(open_database(settings_of(context)), mailing)


@mailings.command()
def cancel(context: typer.Context, mailing: int) -> None:
    """End a mailing; whoever did not get it yet is skipped."""
    cancel_mailing(open_database(settings_of(context)), mailing)


@mailings.command("show")
def show_deliveries(
    context: typer.Context,
    mailing: int,
    state: Annotated[DeliveryState, typer.Option()] = DeliveryState.UNCERTAIN,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    json: Json = False,
) -> None:
    """List a mailing's deliveries in one state, with why: uncertain, failed, skipped and others."""
    engine = open_database(settings_of(context))
    found = list_deliveries(engine, state, mailing_id=mailing, limit=limit)
    if json:
        print_json([{"address": one.address, "reply": one.reply} for one in found])
        return
    for one in found:
        console.print(f"{escape(one.address)}  [dim]{escape(one.reply)}[/]")
    console.print(f"{len(found):,} {state.value}")


@mailings.command()
def settle(
    context: typer.Context,
    mailing: int,
    resend: Annotated[
        bool, typer.Option("--resend/--leave", help="Send again, or take as arrived.")
    ],
) -> None:
    """Settle what is uncertain: the relay may or may not have taken it."""
    with transaction(open_database(settings_of(context))) as session:
        count = settle_uncertain(session, mailing, resend=resend)
    console.print(f"{count:,} {'sent again' if resend else 'taken as arrived'}")


@mailings.command()
def retry(context: typer.Context, mailing: int) -> None:
    """Send what failed once more."""
    with transaction(open_database(settings_of(context))) as session:
        count = retry_failed(session, mailing)
    console.print(f"{count:,} sent again")


@relays.command("list")
def list_relays(context: typer.Context, json: Json = False) -> None:
    """Show the relays that take nothing now."""
    found = resting_relays(open_database(settings_of(context)))
    if json:
        print_json(
            [
                {
                    "name": relay.name,
                    "reason": relay.reason,
                    "held": relay.held,
                    "retry_at": relay.retry_at.isoformat(),
                }
                for relay in found
            ]
        )
    elif found:
        show_relays(found)
    else:
        console.print("No relay is held, and none refuses mail.")


@relays.command()
def hold(context: typer.Context, name: str, reason: Reason = "held by command") -> None:
    """Send nothing by a relay, such as smtp:mail.example.jp:587, until it is let go."""
    hold_relay(open_database(settings_of(context)), name, reason=reason)


@relays.command()
def release(context: typer.Context, name: str) -> None:
    """Send by a relay again."""
    let_relay_go(open_database(settings_of(context)), name)


def show_relays(found: Sequence[RelayState]) -> None:
    """Print the relays that take nothing, a line each."""
    for relay in found:
        until = "held" if relay.held else f"asked again {relay.retry_at:%H:%M:%S} UTC"
        console.print(f"[bold]{escape(relay.name)}[/] {until}: {escape(relay.reason)}")
