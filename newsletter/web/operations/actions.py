"""Actions on the page ``/operate``, each with its texts, permission and implementation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import NotFoundError, OrderError
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.mailings.ledger.domain_holds import read_domain
from newsletter.mailings.orders import actions
from newsletter.operations.actions import (
    acknowledge_alarm,
    drain_worker,
    hold_domain,
    hold_relay,
    lift_suppression,
    release_domain,
    release_relay,
    reopen_alarm,
    undrain_worker,
)
from newsletter.operations.overview import Overview
from newsletter.web.access import Visit
from subscribers.suppression import find_suppression_row

_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderForm:
    """The form of one order.

    Attributes:
        noun: The kind of its object, as in the audit log.
        effect: A sentence about the effect.
        buttons: The verbs to choose from, each with its label.
        lists: Deliveries in this state are listed for selection.
    """

    noun: str
    title: Message
    effect: Message
    buttons: Mapping[Action, Message]
    lists: DeliveryState | None = None


FORMS: Mapping[str, OrderForm] = {
    "relay-hold": OrderForm(
        noun="relay",
        title=msg("Put a relay on hold"),
        effect=msg(
            "Sending through it stops within two seconds. Other relays take over if there are any."
        ),
        buttons={Action.RELAY_HOLD: msg("Put on hold")},
    ),
    "relay-release": OrderForm(
        noun="relay",
        title=msg("Release a relay"),
        effect=msg("Sending is retried immediately."),
        buttons={Action.RELAY_RELEASE: msg("Release")},
    ),
    "domain-hold": OrderForm(
        noun="domain",
        title=msg("Put a recipient domain on hold"),
        effect=msg("Sending to it stops within two seconds. Waiting email is not lost."),
        buttons={Action.DOMAIN_HOLD: msg("Put on hold")},
    ),
    "domain-release": OrderForm(
        noun="domain",
        title=msg("Release a recipient domain"),
        effect=msg("Waiting emails are sent within a minute."),
        buttons={Action.DOMAIN_RELEASE: msg("Release")},
    ),
    "worker-drain": OrderForm(
        noun="worker",
        title=msg("Drain a worker"),
        effect=msg(
            "It finishes its current messages and takes no new batches; other workers send the "
            "rest. If it is the only control worker, schedules, tests and invitations wait, too."
        ),
        buttons={Action.WORKER_DRAIN: msg("Drain it")},
    ),
    "worker-undrain": OrderForm(
        noun="worker",
        title=msg("Let a worker continue"),
        effect=msg("It takes batches again within seconds."),
        buttons={Action.WORKER_UNDRAIN: msg("Resume")},
    ),
    "alarm-acknowledge": OrderForm(
        noun="alarm",
        title=msg("Acknowledge an alarm"),
        effect=msg(
            "It stays listed with your name and no longer counts as new, until it ends, becomes"
            " more serious, or grows. Nothing else changes."
        ),
        buttons={Action.ALARM_ACKNOWLEDGE: msg("Acknowledge")},
    ),
    "alarm-reopen": OrderForm(
        noun="alarm",
        title=msg("Reopen an alarm"),
        effect=msg("It counts as new again for everyone."),
        buttons={Action.ALARM_REOPEN: pmsg("alarm", "Reopen")},
    ),
    "settle": OrderForm(
        noun="mailing",
        title=msg("Settle uncertain deliveries"),
        effect=msg(
            "The connection ended before the reply, so it is not known whether it arrived. If sent "
            "again, it may arrive twice with the same Message-ID."
        ),
        buttons={
            Action.DELIVERY_RESEND: msg("Send again"),
            Action.DELIVERY_LEAVE: msg("Mark as received"),
        },
        lists=DeliveryState.UNCERTAIN,
    ),
    "retry": OrderForm(
        noun="mailing",
        title=msg("Retry what failed"),
        effect=msg(
            "The selected deliveries are sent again. First make sure that the cause is resolved."
        ),
        buttons={Action.DELIVERY_RETRY: msg("Send again")},
        lists=DeliveryState.FAILED,
    ),
    "lift": OrderForm(
        noun="suppression",
        title=msg("Lift a suppression"),
        effect=msg(
            "The address will receive email again. Do not lift a suppression that follows from the "
            "person’s complaint."
        ),
        buttons={Action.SUPPRESSION_LIFT: msg("Lift it")},
    ),
}


class _OnName(Protocol):
    """An action on a named object, which needs only a reason."""

    def __call__(self, engine: Engine, actor: Actor, name: str, /, *, reason: str) -> None: ...


_ON_NAME: Mapping[Action, _OnName] = {
    Action.RELAY_RELEASE: release_relay,
    Action.DOMAIN_HOLD: hold_domain,
    Action.DOMAIN_RELEASE: release_domain,
    Action.WORKER_DRAIN: drain_worker,
    Action.WORKER_UNDRAIN: undrain_worker,
    Action.ALARM_REOPEN: reopen_alarm,
}


def find_form(name: str) -> OrderForm:
    """Return an order's form.

    Raises:
        NotFoundError: There is no such order.
    """
    if name not in FORMS:
        raise NotFoundError(msg("There is no such action."))
    return FORMS[name]


def read_object(form: OrderForm, on: str) -> str:
    """Return the checked object of an order.

    Raises:
        ListError: The domain is invalid.
        NotFoundError: The number is invalid.
    """
    if form.noun == "domain":
        return read_domain(on)
    if form.noun in {"mailing", "suppression"}:
        if not on.isdecimal():
            raise NotFoundError(msg("There is no such item."))
        return str(int(on))
    name = "".join(filter(str.isprintable, on)).strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        raise NotFoundError(msg("There is no such item."))
    return name


def require_right(engine: Engine, visit: Visit, form: OrderForm, on: str) -> None:
    """Refuse an order that the account's roles do not permit.

    Raises:
        ForbiddenError: The account is not an operator of the newsletter or, if needed, of all.
        NotFoundError: There is no such mailing or suppression.
        ConflictError: The suppression may not be lifted.
    """
    newsletter_id = None
    if form.noun == "mailing":
        newsletter_id = actions.newsletter_of(engine, int(on))
    elif form.noun == "suppression":
        with reading(engine) as session:
            newsletter_id = find_suppression_row(session, int(on)).newsletter_id
    for action in form.buttons:
        if action.needed is not None:
            visit.rights.require(action.needed, newsletter_id)


def carry_out(
    engine: Engine,
    visit: Visit,
    form: OrderForm,
    button: str,
    *,
    on: str,
    reason: str,
    positions: Sequence[int],
    relays: Collection[str],
    look_now: Callable[[], Overview],
) -> None:
    """Carry out an order, with an entry of the actor and the reason in the audit log.

    Raises:
        OrderError: The reason or the selection is missing, or the relay is not configured.
        ForbiddenError: See `require_right`.
        NotFoundError: See `require_right`; or there is no such verb.
        ConflictError: The present state forbids the order.
    """
    action = next((each for each in form.buttons if each == button), None)
    if action is None:
        raise NotFoundError(msg("There is no such action."))
    if form.lists is not None and not positions:
        raise OrderError(msg("Choose at least one delivery."))
    require_right(engine, visit, form, on)
    if action is Action.DELIVERY_RETRY:
        actions.retry(engine, visit.actor, int(on), reason=reason, positions=positions)
    elif action in {Action.DELIVERY_RESEND, Action.DELIVERY_LEAVE}:
        resend = action is Action.DELIVERY_RESEND
        actions.settle(
            engine, visit.actor, int(on), resend=resend, reason=reason, positions=positions
        )
    elif action is Action.ALARM_ACKNOWLEDGE:
        acknowledge_alarm(engine, visit.actor, on, reason=reason, seen=look_now())
    elif action is Action.RELAY_HOLD:
        hold_relay(engine, visit.actor, on, reason=reason, known=relays)
    elif action is Action.SUPPRESSION_LIFT:
        lift_suppression(engine, visit.actor, int(on), reason=reason)
    else:
        _ON_NAME[action](engine, visit.actor, on, reason=reason)
