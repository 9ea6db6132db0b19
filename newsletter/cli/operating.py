"""``newsletter mailing``, ``relay``, ``domain``, ``drain``: an operator's word, with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.state import Json, open_database, settings_of
from newsletter.database.vocabulary import DeliveryState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from newsletter.delivery.relays import RelayState

mailings = typer.Typer(
    no_args_is_help=True, help="Hold, resume, cancel a mailing; settle what is in doubt."
)
relays = typer.Typer(no_args_is_help=True, help="See, hold and let go the relays.")
domains = typer.Typer(no_args_is_help=True, help="See, hold and let go recipient domains.")
suppressions = typer.Typer(no_args_is_help=True, help="See why an address gets no mail; lift it.")

Reason = Annotated[str, typer.Option(help="Why, for whoever looks next.")]


@mailings.command()
def pause(context: typer.Context, mailing: int, reason: Reason = "held by command") -> None:
    """Hold a mailing; workers stop within two seconds."""
    from newsletter.delivery.mailings import pause_mailing

    with _order(context, "mailing.pause", mailing, reason) as session:
        pause_mailing(session, mailing, reason=reason)


@mailings.command()
def resume(context: typer.Context, mailing: int, reason: Reason = "by command") -> None:
    """Let a held mailing go on."""
    from newsletter.delivery.mailings import resume_mailing

    with _order(context, "mailing.resume", mailing, reason) as session:
        resume_mailing(session, mailing)


@mailings.command()
def cancel(context: typer.Context, mailing: int, reason: Reason = "by command") -> None:
    """End a mailing; whoever did not get it yet is skipped."""
    from newsletter.delivery.mailings import cancel_mailing

    with _order(context, "mailing.cancel", mailing, reason) as session:
        cancel_mailing(session, mailing)


@contextmanager
def _order(context: typer.Context, action: str, mailing: int, reason: str) -> Iterator[Session]:
    """Open the transaction of an order about a mailing that is there."""
    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.delivery.mailings import find_mailing
    from newsletter.operations.orders import order

    engine = open_database(settings_of(context))
    with order(engine, COMMAND_LINE, action, on=f"mailing {mailing}", reason=reason) as session:
        find_mailing(session, mailing)
        yield session


@mailings.command("show")
def show_deliveries(
    context: typer.Context,
    mailing: int,
    state: Annotated[DeliveryState, typer.Option()] = DeliveryState.UNCERTAIN,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    json: Json = False,
) -> None:
    """List a mailing's deliveries in one state, with why: uncertain, failed, skipped and others."""
    from rich.markup import escape

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.delivery.mailings import find_mailing
    from newsletter.delivery.settling import list_deliveries

    engine = open_database(settings_of(context))
    with reading(engine) as session:
        find_mailing(session, mailing)
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
    reason: Reason = "by command",
) -> None:
    """Settle what is uncertain: the relay may or may not have taken it."""
    from newsletter.cli.console import console
    from newsletter.delivery.settling import settle_uncertain

    action = "delivery.resend" if resend else "delivery.leave"
    with _order(context, action, mailing, reason) as session:
        count = settle_uncertain(session, mailing, resend=resend)
    console.print(f"{count:,} {'sent again' if resend else 'taken as arrived'}")


@mailings.command()
def retry(context: typer.Context, mailing: int, reason: Reason = "by command") -> None:
    """Send what failed once more."""
    from newsletter.cli.console import console
    from newsletter.delivery.settling import retry_failed

    with _order(context, "delivery.retry", mailing, reason) as session:
        count = retry_failed(session, mailing)
    console.print(f"{count:,} sent again")


@relays.command("list")
def list_relays(context: typer.Context, json: Json = False) -> None:
    """Show the relays that take nothing now."""
    from newsletter.cli.console import console, print_json
    from newsletter.delivery.relays import resting_relays

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
    from rich.markup import escape

    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.cli.console import errors
    from newsletter.delivery.relays import hold_relay
    from newsletter.operations.orders import order
    from workers.transports import relay_names

    settings = settings_of(context)
    engine, known = open_database(settings), relay_names(settings)
    if name not in known:
        named = ", ".join(known) or "none"
        errors.print(f"MAIL_TRANSPORTS here does not name it; it names {escape(named)}.")
    with order(engine, COMMAND_LINE, "relay.hold", on=f"relay {name}", reason=reason) as session:
        hold_relay(session, name, reason=reason)


@relays.command()
def release(context: typer.Context, name: str, reason: Reason = "by command") -> None:
    """Send by a relay again."""
    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.delivery.relays import let_relay_go
    from newsletter.operations.orders import order

    engine = open_database(settings_of(context))
    with order(engine, COMMAND_LINE, "relay.release", on=f"relay {name}", reason=reason) as session:
        let_relay_go(session, name)


def show_relays(found: Sequence[RelayState]) -> None:
    """Print the relays that take nothing, a line each."""
    from rich.markup import escape

    from newsletter.cli.console import console

    for relay in found:
        until = "held" if relay.held else f"asked again {relay.retry_at:%H:%M:%S} UTC"
        console.print(f"[bold]{escape(relay.name)}[/] {until}: {escape(relay.reason)}")


@domains.command("list")
def list_domains(context: typer.Context, json: Json = False) -> None:
    """Show the recipient domains that are held."""
    from rich.markup import escape

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.delivery.domains import held_domains

    with reading(open_database(settings_of(context))) as session:
        found = held_domains(session)
    if json:
        print_json(
            [{"domain": one.domain, "reason": one.reason, "since": one.since} for one in found]
        )
    for one in found if not json else ():
        since = f"since {one.since:%Y-%m-%d %H:%M} UTC"
        console.print(f"[bold]{escape(one.domain)}[/] held {since}: {escape(one.reason)}")
    if not found and not json:
        console.print("No domain is held.")


@domains.command("hold")
def hold_one(context: typer.Context, domain: str, reason: Reason = "held by command") -> None:
    """Send nothing to a recipient domain until it is let go; it is looked at each minute."""
    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.delivery.domains import hold_domain, read_domain
    from newsletter.operations.orders import order

    engine, name = open_database(settings_of(context)), read_domain(domain)
    with order(engine, COMMAND_LINE, "domain.hold", on=f"domain {name}", reason=reason) as session:
        hold_domain(session, name, reason=reason)


@domains.command("release")
def release_one(context: typer.Context, domain: str, reason: Reason = "by command") -> None:
    """Send to a recipient domain again; what waited goes on within a minute."""
    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.delivery.domains import let_domain_go, read_domain
    from newsletter.operations.orders import order

    engine, name = open_database(settings_of(context)), read_domain(domain)
    on = f"domain {name}"
    with order(engine, COMMAND_LINE, "domain.release", on=on, reason=reason) as session:
        let_domain_go(session, name)


def drain(
    context: typer.Context,
    worker: Annotated[str, typer.Argument(help="Its name, such as bulk@host; see status.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it take batches again.")] = False,
    reason: Reason = "by command",
) -> None:
    """Let a worker finish its messages in flight and take no new batch, until --undo."""
    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.operations.heartbeats import drain_worker, undrain_worker
    from newsletter.operations.orders import order

    engine = open_database(settings_of(context))
    action = "worker.undrain" if undo else "worker.drain"
    with order(engine, COMMAND_LINE, action, on=f"worker {worker}", reason=reason) as session:
        if undo:
            undrain_worker(session, worker)
        else:
            drain_worker(session, worker, reason=reason)


@suppressions.command("show")
def show_suppressions(context: typer.Context, address: str, json: Json = False) -> None:
    """Show why an address gets no mail."""
    from rich.markup import escape

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.operations.suppressions import find_suppressions
    from newsletter.settings import signing_keys
    from newsletter.tokens import TokenSigner

    settings = settings_of(context)
    engine = open_database(settings)
    pseudonyms = TokenSigner(signing_keys(settings)).pseudonyms
    with reading(engine) as session:
        found = find_suppressions(session, address, pseudonyms)
    if json:
        print_json(
            [
                {
                    "number": one.suppression_id,
                    "newsletter": one.newsletter or None,
                    "reason": one.reason.value,
                    "evidence": one.evidence,
                    "reply": one.reply,
                    "since": one.since,
                    "liftable": one.liftable,
                }
                for one in found
            ]
        )
        return
    for one in found:
        scope = one.newsletter or "all newsletters"
        words = escape(one.reply or one.evidence or "no evidence kept")
        console.print(
            f"[bold]{one.suppression_id}[/] {one.reason.value}, {escape(scope)}, "
            f"{one.since:%Y-%m-%d %H:%M} UTC: {words}"
        )
    if not found:
        console.print("Nothing suppresses this address.")


@suppressions.command("lift")
def lift(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Its number, from newsletter suppression show.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")],
) -> None:
    """Let a suppressed address get mail again."""
    from newsletter.accounts.audit import COMMAND_LINE
    from newsletter.operations.orders import order
    from newsletter.operations.suppressions import lift_suppression

    engine = open_database(settings_of(context))
    on = f"suppression {number}"
    with order(engine, COMMAND_LINE, "suppression.lift", on=on, reason=reason) as session:
        lift_suppression(session, number, reason=reason)
