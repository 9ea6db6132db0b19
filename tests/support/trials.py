"""Trials of subjects as tests see them: planned, clicked, at their hour, decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from sqlalchemy import Engine, select, update

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    BatchRow,
    DeliveryRow,
    MailingLinkRow,
    MailingRow,
    NewsletterRow,
    SubjectTrialRow,
)
from newsletter.database.vocabulary import BatchState, DeliveryState, TrialVerdict
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.trials.subjects import SubjectTrial
from newsletter.rendering.model import Subject
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage

OWN, OTHER = "十二月のお知らせ", "年末の窓口と催し"
TEXT = f"""---
title: {OWN}
date: 2026-12-01
preheader: 市役所から
---

[窓口](https://city.example.jp/desk) と [催し](https://city.example.jp/fair)
"""
PEOPLE = 40
TRIAL = SubjectTrial(
    others=(Subject(title=OTHER, preheader="窓口は28日まで"),),
    share=50,
    decide=datetime(2026, 12, 1, 14),  # noqa: DTZ001 - a wall clock's
)


def trial_stage(engine: Engine, text: str = TEXT, people: int = PEOPLE) -> Stage:
    """Return a newsletter that counts clicks, with subscribers and an issue."""
    stage = set_stage(engine, text.encode())
    with transaction(engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).count_clicks = True
    stage.subscribe(*(f"reader{number}@example.jp" for number in range(people)))
    return stage


def plan_trial(stage: Stage, *, trial: SubjectTrial = TRIAL, batch_size: int = 50) -> int:
    """Order and plan a mailing with a trial; return its number."""
    mailing = stage.mail(batch_size=batch_size, trial=trial)
    # Always the same people, so that no run has a group of nobody.
    with transaction(stage.engine) as session:
        session.get_one(MailingRow, mailing).identity = f"identity of a mailing {mailing}"
    plan_mailing(stage.engine, mailing)
    return mailing


def let_hour_come(engine: Engine, mailing: int) -> None:
    """Let the hour of decision be over."""
    with transaction(engine) as session:
        moment = datetime.now(UTC) - timedelta(minutes=1)
        session.get_one(SubjectTrialRow, mailing).decide_at = moment
        session.execute(
            update(BatchRow).where(BatchRow.state == BatchState.HELD).values(due_at=moment)
        )


def trial_is_sent(engine: Engine) -> bool:
    """Tell whether only the batches that wait for the decision are left."""
    with reading(engine) as session:
        states = set(session.scalars(select(BatchRow.state)))
    return states == {BatchState.DONE, BatchState.HELD}


def click(stage: Stage, mailing: int, *clicks: int) -> None:
    """Let the trial's mails be accepted, and links of each subject be followed so often."""
    with transaction(stage.engine) as session:
        for batch in session.scalars(select(BatchRow).where(BatchRow.state != BatchState.HELD)):
            session.execute(
                update(DeliveryRow)
                .where(
                    DeliveryRow.mailing_id == mailing,
                    DeliveryRow.position.between(batch.first_position, batch.last_position),
                )
                .values(state=DeliveryState.ACCEPTED)
            )
            batch.state = BatchState.DONE
        for subject, count in enumerate(clicks):
            links = select(MailingLinkRow).where(MailingLinkRow.subject == subject)
            session.scalars(links.order_by(MailingLinkRow.number)).all()[0].clicks = count


def batches_of(stage: Stage, mailing: int) -> Sequence[BatchRow]:
    """Return a mailing's batches in their order."""
    with reading(stage.engine) as session:
        query = select(BatchRow).where(BatchRow.mailing_id == mailing).order_by(BatchRow.number)
        return session.scalars(query).all()


def decision_of(stage: Stage, mailing: int) -> tuple[int | None, TrialVerdict | None]:
    """Return the subject that was chosen, and why; both None before."""
    with reading(stage.engine) as session:
        row = session.get_one(SubjectTrialRow, mailing)
        return row.chosen, row.verdict


def decisions_recorded(stage: Stage) -> int:
    """Return how often the audit log says that a subject was decided."""
    with reading(stage.engine) as session:
        events = select(AuditEventRow).where(AuditEventRow.action == Action.MAILING_DECIDE)
        return len(session.scalars(events).all())


def subjects_received(server: SmtpServer) -> dict[str, str]:
    """Return by address the subject of the mail that came."""
    return {
        received.recipients[0]: str(message_from_bytes(received.raw, policy=default)["Subject"])
        for received in server.messages
    }


def links_by_subject(server: SmtpServer) -> dict[str, str]:
    """Return the token of a counted link of each subject's mails."""
    found: dict[str, str] = {}
    for received in server.messages:
        message = message_from_bytes(received.raw, policy=default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("html",))
        assert body is not None
        token = re.search(r'/r/([^"]+)"', body.get_content())
        assert token is not None
        assert found.setdefault(str(message["Subject"]), token[1]) == token[1]
    return found
