"""The bounce log: each event is stored once, bounded in size, and deleted after its retention.

Raw reports are deleted before the rows of the log, a limited number at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, exists, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.webhooks import ProviderEvent, RefusedCallError
from newsletter.database.engine import transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import BounceDecisionRow, BounceRow, CallTokenRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, BounceSource, FeedbackAction, MailingKind
from newsletter.feedback.evidence import evidence_of_call, evidence_of_mail, without_secrets
from newsletter.i18n.messages import msg

#: Characters of a report that are stored. Notices are short, but can return a whole message.
_RAW_KEPT = 65_536
_REPLY_KEPT = 2000
#: Our Message-IDs begin with the mailing's number; see `newsletter.message.identifiers`.
_MAILING = re.compile(r"<?(\d{1,18})\.")

_KINDS = {
    ReportKind.COMPLAINT: BounceKind.COMPLAINT,
    ReportKind.AUTO_REPLY: BounceKind.AUTO_REPLY,
    ReportKind.DELAY: BounceKind.DELAY,
    ReportKind.OTHER: BounceKind.UNKNOWN,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackEvent:
    """A report and its origin.

    Attributes:
        event_id: An identifier that is equal when the same event arrives again.
        raw: The report as received; `newsletter.feedback.evidence` decides which part is stored.
        unsubscribed: Whether a recipient unsubscribed at the sending provider.
        waits_as: The kind of a reader's mail that waits for an operator: a request or an answer.
        occurred_at: Time with a time zone; None if the report gives none.
    """

    event_id: str
    source: BounceSource
    report: Report
    raw: bytes
    unsubscribed: bool = False
    waits_as: BounceKind | None = None
    occurred_at: datetime | None = None


def mail_event(report: Report, raw: bytes, *, waits_as: BounceKind | None = None) -> FeedbackEvent:
    """Return the event of a report by mail; equal octets give the same event."""
    return FeedbackEvent(
        event_id=f"mail:{hashlib.sha256(raw).hexdigest()[:40]}",
        source=BounceSource.MAIL,
        report=report,
        raw=raw,
        waits_as=waits_as,
    )


def log_events(session: Session, events: Sequence[FeedbackEvent]) -> int:
    """Append events, one row for each recipient; return how many rows were new.

    Idempotent by event and recipient, even if two processes log the same event at once.
    """
    notices = _notices_among(session, events)
    rows = {row.event_id: row for event in events for row in _rows(event, notices)}
    known = set(
        session.scalars(select(BounceRow.event_id).where(BounceRow.event_id.in_(rows))).all()
    )
    count = 0
    for event_id, row in rows.items():
        if event_id in known:
            continue
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            continue
        count += 1
    return count


def _mailing_of(event: FeedbackEvent) -> int | None:
    match = _MAILING.match(event.report.message_id)
    return int(match[1]) if match is not None else None


def _notices_among(session: Session, events: Sequence[FeedbackEvent]) -> set[int | None]:
    """Return those mailings named by events that are notices."""
    numbers = {number for number in map(_mailing_of, events) if number is not None}
    if not numbers:
        return set()
    return set(
        session.scalars(
            select(MailingRow.id).where(
                MailingRow.id.in_(numbers), MailingRow.kind == MailingKind.NOTICE
            )
        )
    )


def _evidence(event: FeedbackEvent, *, is_notice: bool) -> str:
    if event.source is BounceSource.WEBHOOK:
        return evidence_of_call(event.raw, has_words=not is_notice)
    return evidence_of_mail(event.raw, has_words=not is_notice)


def _rows(event: FeedbackEvent, notices: set[int | None]) -> list[BounceRow]:
    nobody = ReportedRecipient(address="", hard=False, reason=Reason.UNKNOWN)
    report = event.report
    evidence = _evidence(event, is_notice=_mailing_of(event) in notices)
    return [
        BounceRow(
            event_id=_text(_event_id(event.event_id, recipient.address), 255),
            address=_text(recipient.address, 320),
            kind=_kind(event, recipient),
            source=event.source,
            reader=_text(report.reader, 64),
            reason=recipient.reason.value,
            status=_text(recipient.status, 16),
            reply=_text(without_secrets(_reply_of(recipient)), _REPLY_KEPT),
            raw=_text(evidence, _RAW_KEPT),
            return_path=_text(report.return_path, 320),
            message_id=_text(report.message_id, 255),
            feedback_id=_text(report.feedback_id, 255),
            occurred_at=min(event.occurred_at or now(), now()),
        )
        for recipient in report.recipients or (nobody,)
    ]


def _reply_of(recipient: ReportedRecipient) -> str:
    """Return the reply code and the text, which mostly begins with the code."""
    if recipient.words.startswith(recipient.reply):
        return recipient.words
    return f"{recipient.reply} {recipient.words}".strip()


def _kind(event: FeedbackEvent, recipient: ReportedRecipient) -> BounceKind:
    if event.unsubscribed:
        return BounceKind.UNSUBSCRIBE
    if event.waits_as is not None:
        return event.waits_as
    if event.report.kind is ReportKind.BOUNCE:
        return BounceKind.HARD if recipient.hard else BounceKind.SOFT
    if event.report.kind is ReportKind.COMPLAINT and recipient.reason is Reason.AUTHENTICATION:
        # An authentication failure report (RFC 6591) is about the sender's set-up, not about a
        # person.
        return BounceKind.UNKNOWN
    return _KINDS[event.report.kind]


def _event_id(event_id: str, address: str) -> str:
    """Return an identifier of bounded length; a foreign event id can have any length."""
    if len(event_id) > 160:  # noqa: PLR2004 - leaves room for the digest of the address
        event_id = f"{event_id[:90]}…{_digest(event_id)[:40]}"
    return f"{event_id}:{_digest(address.lower())[:16]}"


def _digest(foreign: str) -> str:
    """Return the digest of text that may hold a lone surrogate, which JSON can escape."""
    return hashlib.sha256(foreign.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: str, limit: int) -> str:
    """Return text that PostgreSQL can store: no NUL, no lone surrogate, bounded."""
    clean = value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return clean[:limit]


#: Days that call tokens are kept. Providers repeat a call for one day at most; see
#: `newsletter.bounces.webhooks.signatures`.
_TOKEN_DAYS = 3


#: Rows in one statement: databases limit the number of bound values.
_AT_ONCE = 500


def forget_old_bounces(session: Session, *, raw_days: int, row_days: int) -> int:
    """Empty and delete a bounded number of raw reports and rows; return how many they were.

    Rows that are not judged, that an open incident holds, or that hold unanswered mail of a
    reader stay. Suppressions stay as well: they store their own reason.
    """
    moment = now()
    raw = select(BounceRow.id).where(
        BounceRow.occurred_at < moment - timedelta(days=raw_days), text("bounce.raw <> ''")
    )
    emptied = session.scalars(raw.order_by(BounceRow.occurred_at).limit(_AT_ONCE)).all()
    session.execute(update(BounceRow).where(BounceRow.id.in_(emptied)).values(raw=""))
    held = exists().where(
        BounceDecisionRow.bounce_id == BounceRow.id,
        BounceDecisionRow.action.in_((FeedbackAction.HELD, FeedbackAction.ASKED)),
        BounceDecisionRow.undone_at.is_(None),
    )
    old = select(BounceRow.id).where(
        BounceRow.occurred_at < moment - timedelta(days=row_days),
        BounceRow.judged_at.is_not(None),
        ~held,
    )
    expired = session.scalars(old.order_by(BounceRow.occurred_at).limit(_AT_ONCE)).all()
    session.execute(delete(BounceDecisionRow).where(BounceDecisionRow.bounce_id.in_(expired)))
    session.execute(delete(BounceRow).where(BounceRow.id.in_(expired)))
    session.execute(
        delete(CallTokenRow).where(CallTokenRow.seen_at < moment - timedelta(days=_TOKEN_DAYS))
    )
    return len(emptied) + len(expired)


def log_call(
    engine: Engine, events: Sequence[ProviderEvent], *, replay_key: tuple[str, str] | None = None
) -> int:
    """Log the events of a call; return how many rows were new. Either all or none are committed.

    Args:
        engine: The database.
        events: The events of the call.
        replay_key: A token that is valid for one content only, and this content.

    Raises:
        RefusedCallError: The token was used for a different content before.
    """
    count = 0
    with transaction(engine) as session:
        if replay_key is not None:
            token, content = replay_key
            key = hashlib.sha256(token.encode()).hexdigest()
            insert_missing(session, CallTokenRow, [{"token": key, "content": content}])
            if session.get_one(CallTokenRow, key).content != content:
                raise RefusedCallError(msg("The signature was used before, for another event."))
        for start in range(0, len(events), _AT_ONCE):
            chunk = events[start : start + _AT_ONCE]
            count += log_events(session, [_event(one) for one in chunk])
    return count


def _event(provided: ProviderEvent) -> FeedbackEvent:
    return FeedbackEvent(
        event_id=provided.event_id,
        source=BounceSource.WEBHOOK,
        report=provided.report,
        raw=provided.raw,
        unsubscribed=provided.unsubscribed,
        occurred_at=provided.occurred_at,
    )
