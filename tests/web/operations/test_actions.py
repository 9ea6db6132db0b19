"""An operator's orders from the page: each does what it says, asks why, and is written down."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    BatchRow,
    DeliveryRow,
    MailingRow,
    SuppressionRow,
)
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingState,
    ProcessKind,
    Role,
    SuppressionReason,
)
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.domain_holds import held_domains
from newsletter.mailings.ledger.relays import relay_failed, resting_relays
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.operations import heartbeats
from newsletter.operations.heartbeats import Activity, Process, list_processes
from subscribers.suppression import suppress
from tests.support.databases import each_database
from tests.support.stage import Stage
from tests.web.conftest import PASSWORD, SignIn, csrf_of

RELAY = "smtp:mail.example.jp:587"
READERS = ("a@example.jp", "b@example.jp", "c@example.jp")


@pytest.fixture
def operator(sign_in: SignIn) -> httpx.Client:
    return sign_in("operator@example.jp", Role.OPERATOR)


def _give(
    client: httpx.Client,
    order: str,
    on: str,
    action: str,
    *,
    reason: str = "maintenance",
    positions: tuple[int, ...] = (),
) -> httpx.Response:
    csrf = csrf_of(client.get("/account").text)
    form = {"csrf": csrf, "on": on, "action": action, "reason": reason}
    return client.post(f"/operate/orders/{order}", data={**form, "position": list(positions)})


def _log(stage: Stage) -> list[tuple[str, str, str, str]]:
    with reading(stage.engine) as session:
        rows = session.scalars(select(AuditEventRow).order_by(AuditEventRow.id))
        return [
            (row.actor, row.action, row.object, row.reason)
            for row in rows
            if not row.action.startswith(("account.", "session.", "sign-in"))
        ]


def _ended(stage: Stage, state: DeliveryState) -> int:
    """Return a finished mailing of which two deliveries are in ``state``."""
    stage.subscribe(*READERS)
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED))
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.position > 1)
            .values(state=state, reply="the line went dead")
        )
        session.execute(update(BatchRow).values(state=BatchState.DONE))
        session.execute(update(MailingRow).values(state=MailingState.FINISHED))
    return mailing


def test_a_relay_that_is_not_set_is_not_held(stage: Stage, operator: httpx.Client) -> None:
    answer = _give(operator, "relay-hold", "foo", "relay.hold")
    assert answer.status_code == 400
    assert "There is no relay “foo”." in answer.text
    assert list(resting_relays(stage.engine)) == []


@each_database
def test_a_relay_is_held_and_let_go_with_a_reason_each(
    stage: Stage, operator: httpx.Client
) -> None:
    _give(operator, "relay-hold", RELAY, "relay.hold")
    assert [(one.name, one.held) for one in resting_relays(stage.engine)] == [(RELAY, True)]
    assert "The relay smtp:mail.example.jp:587 is on hold" in operator.get("/operate").text
    _give(operator, "relay-release", RELAY, "relay.release", reason="done")
    assert resting_relays(stage.engine) == []
    assert _log(stage) == [
        ("operator@example.jp", "relay.hold", f"relay {RELAY}", "maintenance"),
        ("operator@example.jp", "relay.release", f"relay {RELAY}", "done"),
    ]


def test_without_a_reason_nothing_is_done(stage: Stage, operator: httpx.Client) -> None:
    answer = _give(operator, "relay-hold", RELAY, "relay.hold", reason=" \t ")
    assert answer.status_code == 400
    assert "Give the reason" in answer.text
    assert (resting_relays(stage.engine), _log(stage)) == ([], [])


def test_looking_at_an_order_gives_none(stage: Stage, operator: httpx.Client) -> None:
    assert operator.get(f"/operate/orders/relay-hold?on={RELAY}").status_code == 200
    assert resting_relays(stage.engine) == []


def test_an_order_from_elsewhere_is_refused(stage: Stage, operator: httpx.Client) -> None:
    form = {"on": RELAY, "action": "relay.hold", "reason": "x"}
    assert operator.post("/operate/orders/relay-hold", data=form).status_code == 403
    assert resting_relays(stage.engine) == []


def test_a_domain_is_held_by_its_name_in_any_spelling(stage: Stage, operator: httpx.Client) -> None:
    _give(operator, "domain-hold", "@Example.JP", "domain.hold")
    with reading(stage.engine) as session:
        assert [one.domain for one in held_domains(session)] == ["example.jp"]
    answer = _give(operator, "domain-hold", "no domain", "domain.hold")
    assert (answer.status_code, "is not a domain" in answer.text) == (400, True)


def test_letting_go_what_is_not_held_is_a_conflict(operator: httpx.Client) -> None:
    answer = _give(operator, "domain-release", "example.jp", "domain.release")
    assert (answer.status_code, "is not on hold" in answer.text) == (409, True)


@each_database
def test_an_operator_of_one_newsletter_does_not_touch_what_all_share(
    stage: Stage, site: str
) -> None:
    with transaction(stage.engine) as session:
        grant = Grant(role=Role.OPERATOR, newsletter_id=stage.newsletter_id)
        token = invite(
            session,
            COMMAND_LINE,
            address="local@example.jp",
            grants=[grant],
            language=Language.ENGLISH,
        )
    with transaction(stage.engine) as session:
        accept(session, COMMAND_LINE, token, name="local", password=PASSWORD)
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    with httpx.Client(base_url=site, follow_redirects=True) as client:
        form = {"address": "local@example.jp", "password": PASSWORD}
        client.post("/sign-in", data={"csrf": csrf_of(client.get("/sign-in").text), **form})
        assert "Put on hold" not in client.get("/operate").text
        assert _give(client, "relay-hold", RELAY, "relay.hold").status_code == 403
        _give(client, "settle", str(mailing), "delivery.leave", positions=(2, 3))
    assert resting_relays(stage.engine) == []
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 3}


@each_database
def test_what_is_in_doubt_is_settled_one_by_one(stage: Stage, operator: httpx.Client) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    assert "the line went dead" in operator.get(f"/operate/orders/settle?on={mailing}").text
    _give(operator, "settle", str(mailing), "delivery.resend", positions=(2,))
    _give(operator, "settle", str(mailing), "delivery.leave", positions=(3,))
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 2, DeliveryState.QUEUED: 1}
    assert [line[1:3] for line in _log(stage)] == [
        ("delivery.resend", f"mailing {mailing}"),
        ("delivery.leave", f"mailing {mailing}"),
    ]


def test_choosing_none_settles_none(stage: Stage, operator: httpx.Client) -> None:
    mailing = _ended(stage, DeliveryState.UNCERTAIN)
    answer = _give(operator, "settle", str(mailing), "delivery.resend")
    assert (answer.status_code, "Choose at least one" in answer.text) == (400, True)


@each_database
def test_what_failed_is_retried(stage: Stage, operator: httpx.Client) -> None:
    mailing = _ended(stage, DeliveryState.FAILED)
    _give(operator, "retry", str(mailing), "delivery.retry", positions=(2, 3))
    assert stage.counts(mailing)[DeliveryState.QUEUED] == 2


@each_database
def test_a_worker_is_drained_and_goes_on(stage: Stage, operator: httpx.Client) -> None:
    worker = Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=7)
    assert heartbeats.beat(stage.engine, worker, Activity()) is False
    _give(operator, "worker-drain", "bulk@one", "worker.drain")
    assert heartbeats.beat(stage.engine, worker, Activity()) is True
    with reading(stage.engine) as session:
        assert [each.draining for each in list_processes(session)] == [True]
    assert "Draining" in operator.get("/operate").text
    _give(operator, "worker-undrain", "bulk@one", "worker.undrain")
    assert heartbeats.beat(stage.engine, worker, Activity()) is False


@each_database
def test_a_suppression_is_found_with_why_and_lifted(stage: Stage, operator: httpx.Client) -> None:
    with transaction(stage.engine) as session:
        suppress(
            session,
            address_key="gone@example.jp",
            reason=SuppressionReason.HARD_BOUNCE,
            evidence="550 5.1.1 no such user",
        )
        number = session.scalars(select(SuppressionRow.id)).one()
    csrf = csrf_of(operator.get("/operate/suppressions").text)
    form = {"csrf": csrf, "address": "Gone@example.jp"}
    found = operator.post("/operate/suppressions", data=form).text
    assert "550 5.1.1 no such user" in found
    _give(operator, "lift", str(number), "suppression.lift", reason="a mistake of theirs")
    with reading(stage.engine) as session:
        assert session.scalars(select(SuppressionRow)).all() == []
    assert _log(stage)[-1][1:] == (
        "suppression.lift",
        f"suppression {number}",
        "a mistake of theirs",
    )


def test_who_was_erased_is_not_brought_back(stage: Stage, operator: httpx.Client) -> None:
    with transaction(stage.engine) as session:
        session.add(SuppressionRow(address_hash="0" * 64, reason=SuppressionReason.ERASED))
        session.flush()
        number = session.scalars(select(SuppressionRow.id)).one()
    answer = _give(operator, "lift", str(number), "suppression.lift")
    assert (answer.status_code, "address to be erased" in answer.text) == (409, True)


def test_an_editor_does_not_see_operations(sign_in: SignIn) -> None:
    assert sign_in("editor@example.jp", Role.EDITOR).get("/operate").status_code == 403


def test_an_alarm_is_acknowledged_by_name_and_reopened(
    stage: Stage, operator: httpx.Client
) -> None:
    relay_failed(stage.engine, RELAY, "connection refused")
    key = f"relay-stuck {RELAY}"
    assert "/operate/orders/alarm-acknowledge" in operator.get("/operate").text
    asked = operator.get("/operate/orders/alarm-acknowledge", params={"on": key})
    assert key in asked.text
    page = _give(operator, "alarm-acknowledge", key, "alarm.acknowledge", reason="in repair").text
    assert "Acknowledged by operator, " in page
    assert "in repair" in page
    assert "in repair" not in _give(operator, "alarm-reopen", key, "alarm.reopen").text
    gone = _give(operator, "alarm-acknowledge", "redis-down", "alarm.acknowledge")
    assert gone.status_code == 404
