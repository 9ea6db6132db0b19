"""From what came back to what follows: proof, policy, waves, undoing, twice at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    DeliveryRow,
    IncidentRow,
    MailingRow,
    SubscriptionRow,
    SuppressionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BounceSource,
    DeliveryState,
    FeedbackAction,
    IncidentResolution,
    MailingKind,
    SubscriptionState,
)
from newsletter.errors import ConflictError
from newsletter.feedback import act_on_new_bounces, log_events
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import decide_again
from newsletter.feedback.incidents import close_incident, find_incident, undo_bounce
from newsletter.feedback.log import FeedbackEvent, mail_event
from newsletter.feedback.search import rates_by_domain
from newsletter.mailings.ledger.leases import identity_of
from newsletter.mailings.planning.links import refer
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.message.identifiers import delivery_message_id, return_path
from newsletter.tokens import DeliveryRef, TokenSigner
from tests.support.stage import Stage, set_stage

READER = "reader@example.jp"
KEYS = Keys(signer=TokenSigner([b"k" * 32]), message_id_key=b"k" * 32)


@dataclass
class Court:
    stage: Stage
    mailing: int = 0
    _count: int = field(default=0)

    def send(self, *, days_ago: int = 0) -> int:
        """Mail everybody, as a relay that accepts all would have it."""
        self.mailing = self.stage.mail()
        plan_mailing(self.stage.engine, self.mailing)
        with transaction(self.stage.engine) as session:
            session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.mailing_id == self.mailing)
                .values(state=DeliveryState.ACCEPTED, settled_at=now() - timedelta(days=days_ago))
            )
        return self.mailing

    def verp(self, address: str = READER) -> str:
        person = self.stage.subscriber_id(address)
        return return_path(KEYS.signer, "bounces@example.jp", self._ref(person))

    def _ref(self, person: int) -> DeliveryRef:
        with reading(self.stage.engine) as session:
            return refer(session, self.stage.newsletter_id, person, self.mailing)

    def message_id(self) -> str:
        ref = self._ref(self.stage.subscriber_id(READER))
        found = delivery_message_id(
            KEYS.message_id_key,
            self.mailing,
            identity_of(self.stage.engine, self.mailing) or "",
            ref.subscriber_id,
            ref.subscriber_mark or 0,
            "example.jp",
        )
        return f"<{found}>"

    def report(
        self,
        *,
        address: str = READER,
        hard: bool = True,
        reason: Reason = Reason.USER_UNKNOWN,
        kind: ReportKind = ReportKind.BOUNCE,
        path: str = "",
        message_id: str = "",
        source: BounceSource = BounceSource.MAIL,
    ) -> None:
        self._count += 1
        recipient = ReportedRecipient(address=address, hard=hard, reason=reason)
        report = Report(
            kind=kind,
            reader="test",
            recipients=(recipient,),
            return_path=path,
            message_id=message_id,
        )
        raw = f"report {self._count}".encode()
        event = FeedbackEvent(event_id=f"e{self._count}", source=source, report=report, raw=raw)
        with transaction(self.stage.engine) as session:
            assert log_events(session, [event]) == 1

    def judge(self) -> int:
        return act_on_new_bounces(self.stage.engine, KEYS)

    def action(self) -> FeedbackAction:
        with reading(self.stage.engine) as session:
            return session.scalars(
                select(BounceDecisionRow.action).order_by(BounceDecisionRow.id.desc()).limit(1)
            ).one()

    def actions(self) -> set[FeedbackAction]:
        with reading(self.stage.engine) as session:
            return set(session.scalars(select(BounceDecisionRow.action)))

    def suppressed(self) -> int:
        with reading(self.stage.engine) as session:
            return session.scalar(select(func.count()).select_from(SuppressionRow)) or 0

    def subscription(self) -> SubscriptionState:
        with reading(self.stage.engine) as session:
            return session.scalars(
                select(SubscriptionRow.state).where(
                    SubscriptionRow.subscriber_id == self.stage.subscriber_id(READER)
                )
            ).one()


@pytest.fixture
def court(engine: Engine) -> Court:
    stage = set_stage(engine)
    stage.subscribe(READER)
    made = Court(stage)
    made.send()
    return made


def test_a_hard_bounce_to_the_signed_path_suppresses_at_once(court: Court) -> None:
    court.report(path=court.verp())
    court.judge()
    assert (court.action(), court.suppressed()) == (FeedbackAction.SUPPRESSED, 1)


def test_the_path_counts_though_a_forwarder_names_another_address(court: Court) -> None:
    court.report(path=court.verp(), address="elsewhere@example.com")
    court.judge()
    assert court.suppressed() == 1


def test_a_failed_address_of_ours_counts_against_no_reader(court: Court) -> None:
    signed = court.verp()
    own = ("bounces@example.jp", "Digest@example.jp", "unsubscribe@example.jp", signed)
    for address in (*own, "join+digest@example.jp", "postmaster@example.com"):
        court.report(path=signed, address=address)
        court.report(path=signed, address=address, hard=False, reason=Reason.MAILBOX_FULL)
    court.judge()
    assert (court.actions(), court.suppressed()) == ({FeedbackAction.UNMATCHED}, 0)


def test_a_reader_with_an_address_of_ours_is_a_reader(court: Court) -> None:
    court.stage.subscribe("digest@example.jp")
    court.send()
    court.report(path=court.verp("digest@example.jp"), address="digest@example.jp")
    court.judge()
    assert (court.action(), court.suppressed()) == (FeedbackAction.SUPPRESSED, 1)


@pytest.mark.parametrize("address", [READER, ""])
def test_our_message_id_proves_it_also_when_the_address_is_hidden(
    court: Court, address: str
) -> None:
    court.report(message_id=court.message_id(), address=address, kind=ReportKind.COMPLAINT)
    court.judge()
    assert court.subscription() is SubscriptionState.UNSUBSCRIBED
    assert court.suppressed() == 1


def test_a_forged_path_changes_nothing(court: Court) -> None:
    own = TokenSigner([b"x" * 32])
    ref = DeliveryRef(newsletter_id=1, mailing_id=court.mailing, subscriber_id=1)
    court.report(path=return_path(own, "bounces@example.jp", ref))
    court.judge()
    assert (court.action(), court.suppressed()) == (FeedbackAction.FORGED, 0)


@pytest.mark.parametrize("hard", [True, False])
def test_an_address_in_a_mail_that_anybody_could_send_is_only_noted(
    court: Court, *, hard: bool
) -> None:
    court.report(hard=hard, reason=Reason.USER_UNKNOWN if hard else Reason.MAILBOX_FULL)
    court.judge()
    assert (court.action(), court.suppressed()) == (FeedbackAction.NOTED, 0)


def test_unproven_reports_never_suppress(court: Court) -> None:
    for _ in range(6):
        court.send(days_ago=10)
        court.report()
        court.report(hard=False, reason=Reason.MAILBOX_FULL)
        court.judge()
    assert court.suppressed() == 0


def test_unproven_reports_do_not_count(court: Court) -> None:
    for turn in range(6):
        court.send(days_ago=10)
        proven = turn % 2 == 0
        court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp() if proven else "")
        court.judge()
    assert court.suppressed() == 0


def test_notices_that_come_back_do_not_count_towards_the_limit(court: Court) -> None:
    for _ in range(6):
        court.send(days_ago=10)
        with transaction(court.stage.engine) as session:
            session.execute(
                update(MailingRow)
                .where(MailingRow.id == court.mailing)
                .values(kind=MailingKind.NOTICE)
            )
        court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp())
        court.judge()
    assert court.suppressed() == 0


def test_a_provider_that_names_no_mailing_adds_no_mailing_to_the_count(court: Court) -> None:
    newcomer = "new@example.jp"
    court.stage.subscribe(newcomer)
    for _ in range(6):
        court.report(
            address=newcomer,
            hard=False,
            reason=Reason.MAILBOX_FULL,
            source=BounceSource.WEBHOOK,
        )
        court.judge()
    assert court.suppressed() == 0


def test_an_unproven_complaint_is_only_noted(court: Court) -> None:
    court.report(kind=ReportKind.COMPLAINT)
    court.judge()
    assert court.action() is FeedbackAction.NOTED
    assert court.subscription() is SubscriptionState.CONFIRMED


def test_a_provider_that_signs_needs_no_more_than_the_address(court: Court) -> None:
    court.report(source=BounceSource.WEBHOOK)
    court.judge()
    assert court.suppressed() == 1


def test_a_report_that_names_no_mailing_is_of_the_person_s_newest(court: Court) -> None:
    sent = [court.mailing]
    court.report(source=BounceSource.WEBHOOK, hard=False, reason=Reason.MAILBOX_FULL)
    court.judge()
    sent.append(court.send())
    court.report(source=BounceSource.WEBHOOK, hard=False, reason=Reason.MAILBOX_FULL)
    court.judge()
    with reading(court.stage.engine) as session:
        assert session.scalars(select(BounceRow.mailing_id).order_by(BounceRow.id)).all() == sent


@pytest.mark.parametrize("kind", [ReportKind.AUTO_REPLY, ReportKind.DELAY, ReportKind.OTHER])
def test_answers_and_delays_do_no_harm(court: Court, kind: ReportKind) -> None:
    court.report(kind=kind, path=court.verp())
    court.judge()
    assert (court.action(), court.suppressed()) == (FeedbackAction.NOTED, 0)


def test_a_refusal_of_the_sender_is_not_held_against_the_person(court: Court) -> None:
    court.report(hard=False, reason=Reason.BLOCKED, path=court.verp())
    court.judge()
    assert court.action() is FeedbackAction.NOTED


def test_five_mailings_in_a_row_that_come_back_softly_suppress(court: Court) -> None:
    actions = []
    for _ in range(5):
        court.send(days_ago=10)
        court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp())
        court.judge()
        actions.append(court.action())
    assert actions == [FeedbackAction.COUNTED] * 4 + [FeedbackAction.SUPPRESSED]


def test_a_success_in_between_begins_the_count_anew(court: Court) -> None:
    for turn in range(6):
        court.send(days_ago=10)
        if turn != 3:
            court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp())
            court.judge()
    assert court.suppressed() == 0


@pytest.mark.parametrize("spared", [FeedbackAction.EXCUSED, FeedbackAction.HELD, "undone"])
def test_what_was_excused_held_or_undone_does_not_count_among_five(
    court: Court, spared: FeedbackAction | str
) -> None:
    for turn in range(5):
        court.send(days_ago=10)
        court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp())
        court.judge()
        if turn == 2:
            with transaction(court.stage.engine) as session:
                decision = session.scalars(
                    select(BounceDecisionRow).order_by(BounceDecisionRow.bounce_id.desc())
                ).first()
                assert decision is not None
                if isinstance(spared, FeedbackAction):
                    decision.action = spared
                else:
                    decision.undone_at = now()
    assert court.suppressed() == 0
    assert court.action() is FeedbackAction.COUNTED


def test_the_rate_of_a_domain_counts_each_mail_that_bounced(court: Court) -> None:
    for _ in range(3):
        court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp())
        court.report(address="forwarded@example.jp", hard=False, path=court.verp())
        court.judge()
        court.send()
    with reading(court.stage.engine) as session:
        [rate] = rates_by_domain(session, since=now() - timedelta(days=1))
    assert (rate.mailed, rate.soft) == (4, 3)


def test_two_reports_of_one_mailing_count_once(court: Court) -> None:
    for _ in range(6):
        court.report(hard=False, reason=Reason.MAILBOX_FULL, path=court.verp())
        court.judge()
    assert court.suppressed() == 0


def test_the_same_report_is_logged_once(court: Court) -> None:
    report = Report(kind=ReportKind.OTHER, reader="test")
    event = mail_event(report, b"a\0\xff")
    for _ in range(2):
        with transaction(court.stage.engine) as session:
            log_events(session, [event])
    with reading(court.stage.engine) as session:
        assert session.scalars(select(BounceRow.raw)).all() == ["a\\x00\\xff"]


def test_two_judges_at_once_decide_once(court: Court) -> None:
    court.report(path=court.verp())
    judged: list[int] = []
    judges = [threading.Thread(target=lambda: judged.append(court.judge())) for _ in range(4)]
    for judge in judges:
        judge.start()
    for judge in judges:
        judge.join()
    assert sorted(judged) == [0, 0, 0, 1]


def test_an_operator_undoes_a_complaint_once(court: Court) -> None:
    court.report(kind=ReportKind.COMPLAINT, path=court.verp())
    court.judge()
    with transaction(court.stage.engine) as session:
        undo_bounce(session, COMMAND_LINE, 1, reason="the reader called")
    assert court.suppressed() == 0
    assert court.subscription() is SubscriptionState.CONFIRMED
    with transaction(court.stage.engine) as session, pytest.raises(ConflictError):
        undo_bounce(session, COMMAND_LINE, 1, reason="again")


@pytest.fixture
def outage(court: Court) -> Court:
    """A domain's thirty readers come back, the first ten before it can be called a wave."""
    readers = [f"r{number}@down.example" for number in range(30)]
    court.stage.subscribe(*readers)
    court.send()
    for reader in readers[:10]:
        court.report(address=reader, path=court.verp(reader))
    court.judge()
    assert court.suppressed() == 10
    for reader in readers[10:]:
        court.report(address=reader, path=court.verp(reader))
    court.judge()
    return court


def test_unproven_reports_make_no_wave_and_lift_nothing(court: Court) -> None:
    court.report(path=court.verp())
    court.judge()
    for number in range(40):
        court.report(address=f"invented{number}@example.jp")
    court.report()
    court.judge()
    with reading(court.stage.engine) as session:
        assert session.scalars(select(IncidentRow.subject)).all() == []
    assert court.suppressed() == 1


def test_unproven_reports_do_not_turn_a_proven_one_into_a_wave(court: Court) -> None:
    readers = [f"r{number}@example.jp" for number in range(30)]
    court.stage.subscribe(*readers)
    court.send()
    for reader in readers:
        court.report(address=reader)
    court.judge()
    court.report(path=court.verp())
    court.judge()
    with reading(court.stage.engine) as session:
        assert session.scalars(select(IncidentRow.subject)).all() == []
    assert court.suppressed() == 1


def test_one_reader_who_names_others_in_a_report_makes_no_wave(court: Court) -> None:
    for number in range(40):
        court.report(address=f"invented{number}@victim.example", path=court.verp())
    court.judge()
    with reading(court.stage.engine) as session:
        assert session.scalars(select(IncidentRow.subject)).all() == []
        assert set(session.scalars(select(BounceRow.domain))) == {"example.jp"}


def test_unproven_reports_do_not_extend_a_wave(outage: Court) -> None:
    outage.report(address="r1@down.example")
    outage.judge()
    assert outage.action() is FeedbackAction.NOTED


def test_a_wave_suppresses_nobody_not_even_its_first(outage: Court) -> None:
    assert outage.suppressed() == 0
    with reading(outage.stage.engine) as session:
        subjects = set(session.scalars(select(IncidentRow.subject)))
    assert "domain:down.example" in subjects


def test_a_wave_is_compared_with_all_that_was_mailed_since_it_began(outage: Court) -> None:
    more = [f"later{number}@down.example" for number in range(20)]
    outage.stage.subscribe(*more)
    outage.send()
    outage.report(address=more[0], path=outage.verp(more[0]))
    outage.judge()
    with reading(outage.stage.engine) as session:
        incidents = session.scalars(
            select(IncidentRow).where(IncidentRow.subject == "domain:down.example")
        ).all()
    assert [(one.bounced, one.mailed > 30) for one in incidents] == [(31, True)]


def test_a_wave_found_genuine_is_judged_one_by_one(outage: Court) -> None:
    with transaction(outage.stage.engine) as session:
        for incident_id in session.scalars(select(IncidentRow.id)).all():
            incident = find_incident(session, incident_id)
            close_incident(session, incident, IncidentResolution.GENUINE, reason="moved away")
            decide_again(session, incident, KEYS)
    assert outage.suppressed() == 30


def test_a_wave_found_an_outage_is_excused(outage: Court) -> None:
    with transaction(outage.stage.engine) as session:
        for incident_id in session.scalars(select(IncidentRow.id)).all():
            incident = find_incident(session, incident_id)
            close_incident(session, incident, IncidentResolution.OUTAGE, reason="their server")
    assert outage.suppressed() == 0
    assert outage.action() is FeedbackAction.EXCUSED
