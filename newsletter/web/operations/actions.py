"""Actions of the page ``/operate``: for each, its words, who may do it, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from newsletter.accounts.audit import Action, Actor
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState, Role
from newsletter.errors import NotFoundError, OrderError
from newsletter.i18n.language import Said
from newsletter.mailings import actions
from newsletter.mailings.domain_holds import read_domain
from newsletter.operations.actions import (
    drain_worker,
    hold_domain,
    hold_relay,
    lift_suppression,
    release_domain,
    release_relay,
    undrain_worker,
)
from newsletter.web.access import Visit
from subscribers.suppression import find_suppression_row

_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderForm:
    """One order as its page shows it.

    Attributes:
        noun: What it is given to, as the audit log names it.
        effect: What will happen, in a sentence.
        buttons: The verbs to choose from, each with its words.
        lists: Deliveries in this state are listed to choose from.
    """

    noun: str
    title: Said
    effect: Said
    buttons: Mapping[Action, Said]
    lists: DeliveryState | None = None


def _one(action: Action, ja: str, en: str) -> Mapping[Action, Said]:
    return {action: Said(ja=ja, en=en)}


FORMS: Mapping[str, OrderForm] = {
    "relay-hold": OrderForm(
        noun="relay",
        title=Said(ja="中継サーバーを止める", en="Hold a relay"),
        effect=Said(
            ja="2秒以内にこのサーバーへの送信が止まります。ほかのサーバーがあればそちらへ回ります。",
            en="Within two seconds nothing is sent by it. Other relays take over if there are any.",
        ),
        buttons=_one(Action.RELAY_HOLD, "止める", "Hold it"),
    ),
    "relay-release": OrderForm(
        noun="relay",
        title=Said(ja="中継サーバーを再開する", en="Let a relay go"),
        effect=Said(ja="すぐに送信を試みます。", en="It is tried again at once."),
        buttons=_one(Action.RELAY_RELEASE, "再開する", "Let it go"),
    ),
    "domain-hold": OrderForm(
        noun="domain",
        title=Said(ja="宛先ドメインを止める", en="Hold a recipient domain"),
        effect=Said(
            ja="2秒以内にこのドメイン宛ての送信が止まります。待っているものは失われません。",
            en="Within two seconds nothing is sent to it. What waits is not lost.",
        ),
        buttons=_one(Action.DOMAIN_HOLD, "止める", "Hold it"),
    ),
    "domain-release": OrderForm(
        noun="domain",
        title=Said(ja="宛先ドメインを再開する", en="Let a recipient domain go"),
        effect=Said(
            ja="待っていたものは1分以内に送られます。", en="What waited goes on within a minute."
        ),
        buttons=_one(Action.DOMAIN_RELEASE, "再開する", "Let it go"),
    ),
    "worker-drain": OrderForm(
        noun="worker",
        title=Said(ja="ワーカーの受付を停止する", en="Drain a worker"),
        effect=Said(
            ja="送っている途中のメールだけを終え、新しいバッチを受け付けません。残りはほかが送ります。",
            en="It finishes its messages in flight and takes no new batch; others send the rest.",
        ),
        buttons=_one(Action.WORKER_DRAIN, "受付を停止する", "Drain it"),
    ),
    "worker-undrain": OrderForm(
        noun="worker",
        title=Said(ja="ワーカーを再開する", en="Let a worker go on"),
        effect=Said(
            ja="数秒でバッチの処理を始めます。", en="It takes batches again within seconds."
        ),
        buttons=_one(Action.WORKER_UNDRAIN, "再開する", "Let it go on"),
    ),
    "settle": OrderForm(
        noun="mailing",
        title=Said(ja="到達が不明な配信を決める", en="Settle what is in doubt"),
        effect=Said(
            ja="返事の前に接続が切れたため、届いたかどうか分かりません。もう一度送ると2通届くことがありますが、"
            "Message-IDは同じです。",
            en="The connection ended before the reply, so nobody can tell whether it arrived. Sent "
            "again, it may arrive twice, under the same Message-ID.",
        ),
        buttons={
            Action.DELIVERY_RESEND: Said(ja="もう一度送る", en="Send again"),
            Action.DELIVERY_LEAVE: Said(ja="届いたとみなす", en="Take as arrived"),
        },
        lists=DeliveryState.UNCERTAIN,
    ),
    "retry": OrderForm(
        noun="mailing",
        title=Said(ja="失敗した配信を再送する", en="Retry what failed"),
        effect=Said(
            ja="選んだ配信をもう一度送ります。理由が直っていることを確かめてください。",
            en="What you choose is sent once more. See first that its cause is mended.",
        ),
        buttons=_one(Action.DELIVERY_RETRY, "もう一度送る", "Send again"),
        lists=DeliveryState.FAILED,
    ),
    "lift": OrderForm(
        noun="suppression",
        title=Said(ja="配信除外を解除する", en="Lift a suppression"),
        effect=Said(
            ja="このアドレスにまたメールが届くようになります。本人の苦情が理由なら外さないでください。",
            en="The address gets mail again. Do not lift what its owner's complaint led to.",
        ),
        buttons=_one(Action.SUPPRESSION_LIFT, "外す", "Lift it"),
    ),
}

_SHARED: Mapping[Action, Callable[[Engine, Actor, str, str], None]] = {
    Action.RELAY_RELEASE: lambda engine, actor, name, reason: release_relay(
        engine, actor, name, reason=reason
    ),
    Action.DOMAIN_HOLD: lambda engine, actor, name, reason: hold_domain(
        engine, actor, name, reason=reason
    ),
    Action.DOMAIN_RELEASE: lambda engine, actor, name, reason: release_domain(
        engine, actor, name, reason=reason
    ),
    Action.WORKER_DRAIN: lambda engine, actor, name, reason: drain_worker(
        engine, actor, name, reason=reason
    ),
    Action.WORKER_UNDRAIN: lambda engine, actor, name, reason: undrain_worker(
        engine, actor, name, reason=reason
    ),
    Action.SUPPRESSION_LIFT: lambda engine, actor, name, reason: lift_suppression(
        engine, actor, int(name), reason=reason
    ),
}


def find_form(name: str) -> OrderForm:
    """Return an order's form.

    Raises:
        NotFoundError: There is no such order.
    """
    if name not in FORMS:
        raise NotFoundError("There is no such order.")
    return FORMS[name]


def read_object(form: OrderForm, on: str) -> str:
    """Return what an order is given to, checked.

    Raises:
        ListError: A domain is none.
        NotFoundError: A number is none.
    """
    if form.noun == "domain":
        return read_domain(on)
    if form.noun in {"mailing", "suppression"}:
        if not on.isdecimal():
            raise NotFoundError(f"There is no such {form.noun}.")
        return str(int(on))
    name = "".join(filter(str.isprintable, on)).strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        raise NotFoundError(f"There is no such {form.noun}.")
    return name


def demand_right(engine: Engine, visit: Visit, form: OrderForm, on: str) -> None:
    """Refuse an order that a visit's roles do not reach.

    Raises:
        ForbiddenError: The operator's role is not held there, or not everywhere.
        NotFoundError: There is no such mailing or suppression.
        ConflictError: The suppression may not be lifted.
    """
    newsletter_id = None
    if form.noun == "mailing":
        newsletter_id = actions.newsletter_of(engine, int(on))
    elif form.noun == "suppression":
        with reading(engine) as session:
            newsletter_id = find_suppression_row(session, int(on)).newsletter_id
    visit.rights.demand(Role.OPERATOR, newsletter_id)


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
) -> None:
    """Do what is ordered, and write down who did it and why.

    Raises:
        OrderError: There is no reason, nothing was chosen, or no such relay is set.
        ForbiddenError: See `demand_right`.
        NotFoundError: See `demand_right`; or no such verb.
        ConflictError: The present state forbids it.
    """
    action = next((each for each in form.buttons if each == button), None)
    if action is None:
        raise NotFoundError("There is no such order.")
    if form.lists is not None and not positions:
        raise OrderError("Choose at least one delivery.")
    demand_right(engine, visit, form, on)
    if action is Action.DELIVERY_RETRY:
        actions.retry(engine, visit.actor, int(on), reason=reason, positions=positions)
    elif action in {Action.DELIVERY_RESEND, Action.DELIVERY_LEAVE}:
        resend = action is Action.DELIVERY_RESEND
        actions.settle(
            engine, visit.actor, int(on), resend=resend, reason=reason, positions=positions
        )
    elif action is Action.RELAY_HOLD:
        hold_relay(engine, visit.actor, on, reason=reason, known=relays)
    else:
        _SHARED[action](engine, visit.actor, on, reason)
