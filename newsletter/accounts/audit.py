"""The audit log: who did what, when, to what, and why; written with the action, never changed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit_details import Detail, details_of
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow
from newsletter.spreadsheets import defuse

_COLUMNS = ("time", "account", "action", "object", "reason", "details", "network", "door")
_EXPORT_ROWS = 500


class Action(StrEnum):
    """What the audit log can say was done: noun and verb. Stored as is, so never reword one."""

    ACCOUNT_DISABLE = "account.disable"
    ACCOUNT_ENABLE = "account.enable"
    ACCOUNT_INVITE = "account.invite"
    ACCOUNT_JOIN = "account.join"
    ACCOUNT_LINK = "account.link"
    ACCOUNT_PASSWORD = "account.password"  # noqa: S105 - an action's name
    ACCOUNT_RECOVERY_CODES = "account.recovery-codes"
    ACCOUNT_ROLES = "account.roles"
    ACCOUNT_SECOND_FACTOR_OFF = "account.second-factor-off"
    ACCOUNT_SECOND_FACTOR_ON = "account.second-factor-on"
    ACCOUNT_SECOND_FACTOR_RESET = "account.second-factor-reset"
    AUDIT_EXPORT = "audit.export"
    BOUNCE_UNDO = "bounce.undo"
    DELIVERY_LEAVE = "delivery.leave"
    DELIVERY_PROVE = "delivery.prove"
    DELIVERY_RESEND = "delivery.resend"
    DELIVERY_RETRY = "delivery.retry"
    DICTIONARY_ADD = "dictionary.add"
    DICTIONARY_REMOVE = "dictionary.remove"
    DIGEST_OPEN = "digest.open"
    DIGEST_PAUSE = "digest.pause"
    DIGEST_RESUME = "digest.resume"
    DOMAIN_HOLD = "domain.hold"
    DOMAIN_RELEASE = "domain.release"
    FIELD_ADD = "field.add"
    FIELD_CHANGE = "field.change"
    FIELD_DELETE = "field.delete"
    FIELD_ORDER = "field.order"
    FORM_ADD = "form.add"
    FORM_CHANGE = "form.change"
    FORM_DELETE = "form.delete"
    FORM_SITES = "form.sites"
    INCIDENT_SETTLE = "incident.settle"
    ISSUE_APPROVAL_REQUESTED = "issue.approval-requested"
    ISSUE_APPROVAL_RETURNED = "issue.approval-returned"
    ISSUE_APPROVED = "issue.approved"
    ISSUE_COMMENT = "issue.comment"
    ISSUE_COMMENT_REOPEN = "issue.comment-reopen"
    ISSUE_COMMENT_RESOLVE = "issue.comment-resolve"
    ISSUE_CORRECT = "issue.correct"
    ISSUE_CORRECTION_BEGIN = "issue.correction-begin"
    ISSUE_CREATE = "issue.create"
    ISSUE_DELETE = "issue.delete"
    ISSUE_DUPLICATE = "issue.duplicate"
    ISSUE_FILE = "issue.file"
    ISSUE_IMPORT = "issue.import"
    ISSUE_OPEN = "issue.open"
    ISSUE_PICTURE = "issue.picture"
    ISSUE_PUBLISH = "issue.publish"
    ISSUE_RESTORE = "issue.restore"
    ISSUE_TEST = "issue.test"
    ISSUE_TRANSLATION_ADD = "issue.translation-add"
    ISSUE_TRANSLATION_IMPORT = "issue.translation-import"
    ISSUE_TRANSLATION_REMOVE = "issue.translation-remove"
    ISSUE_TRANSLATION_RESTORE = "issue.translation-restore"
    JOIN_INVITE = "join.invite"
    JOIN_REVOKE = "join.revoke"
    KEY_FORGET = "key.forget"
    LIBRARY_CHANGE = "library.change"
    LIBRARY_DELETE = "library.delete"
    MAILING_CANCEL = "mailing.cancel"
    MAILING_CORRECTION = "mailing.correction"
    MAILING_DECIDE = "mailing.decide"
    MAILING_EXPORT = "mailing.export"
    MAILING_ORDER = "mailing.order"
    MAILING_PAUSE = "mailing.pause"
    MAILING_RESUME = "mailing.resume"
    NEWSLETTER_APPROVAL_RULE = "newsletter.approval-rule"
    NEWSLETTER_CLICK_RULE = "newsletter.click-rule"
    NEWSLETTER_CREATE = "newsletter.create"
    NEWSLETTER_DIGEST = "newsletter.digest"
    NEWSLETTER_LOOK = "newsletter.look"
    NEWSLETTER_RECURRENCE = "newsletter.recurrence"
    NEWSLETTER_SETTINGS = "newsletter.settings"
    PATTERN_DELETE = "pattern.delete"
    PATTERN_KEEP = "pattern.keep"
    POLICY_SET = "policy.set"
    RELAY_HOLD = "relay.hold"
    RELAY_RELEASE = "relay.release"
    SEGMENT_DELETE = "segment.delete"
    SEGMENT_SAVE = "segment.save"
    SERIES_ACTIVATE = "series.activate"
    SERIES_ADD = "series.add"
    SERIES_CHANGE = "series.change"
    SERIES_DELETE = "series.delete"
    SERIES_END = "series.end"
    SERIES_ENROL = "series.enrol"
    SERIES_PAUSE = "series.pause"
    SERIES_RESUME = "series.resume"
    SERIES_STEP_ADD = "series.step-add"
    SERIES_STEP_APPLY = "series.step-apply"
    SERIES_STEP_CHANGE = "series.step-change"
    SERIES_STEP_MOVE = "series.step-move"
    SERIES_STEP_REMOVE = "series.step-remove"
    SERIES_TEST = "series.test"
    SESSION_BEGIN = "session.begin"
    SESSION_END = "session.end"
    SESSION_REFUSE = "session.refuse"
    SESSION_REVOKE = "session.revoke"
    SNIPPET_DELETE = "snippet.delete"
    SNIPPET_SAVE = "snippet.save"
    ISSUE_ARCHIVE = "issue.archive"
    SUBSCRIBER_ADDRESS = "subscriber.address"
    SUBSCRIBER_ADDRESS_UNDO = "subscriber.address-undo"
    SUBSCRIBER_ADD = "subscriber.add"
    SUBSCRIBER_EDIT = "subscriber.edit"
    SUBSCRIBER_ERASE = "subscriber.erase"
    SUBSCRIBER_EXPORT = "subscriber.export"
    SUBSCRIBER_IMPORT = "subscriber.import"
    SUBSCRIBER_IMPORT_CANCEL = "subscriber.import-cancel"
    SUBSCRIBER_IMPORT_UNDO = "subscriber.import-undo"
    SUBSCRIBER_LIFT = "subscriber.lift"
    SUBSCRIBER_MERGE = "subscriber.merge"
    SUBSCRIBER_NOTE = "subscriber.note"
    SUBSCRIBER_NOTE_CHANGE = "subscriber.note-change"
    SUBSCRIBER_NOTE_DELETE = "subscriber.note-delete"
    SUBSCRIBER_PREFERENCES = "subscriber.preferences"
    SUBSCRIBER_SUPPRESS = "subscriber.suppress"
    SUBSCRIBER_TAG = "subscriber.tag"
    SUBSCRIBER_UNTAG = "subscriber.untag"
    SUBSCRIBER_UNSUBSCRIBE = "subscriber.unsubscribe"
    SUPPRESSION_LIFT = "suppression.lift"
    TEMPLATE_DELETE = "template.delete"
    TEMPLATE_SAVE = "template.save"
    TEST_GROUP_SAVE = "test-group.save"
    WORKER_DRAIN = "worker.drain"
    WORKER_UNDRAIN = "worker.undrain"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who does something; the command line has no account, unless one is named.

    Attributes:
        door: By which of the product's doors they came: ``page`` or ``command``.
    """

    account_id: int | None
    name: str
    network: str = ""
    door: str = "page"


COMMAND_LINE = Actor(account_id=None, name="command line", door="command")
NOBODY = Actor(account_id=None, name="not signed in")
#: Whoever holds the link of their own mail.
READER = Actor(account_id=None, name="reader")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """Which events are wanted; an empty field asks nothing."""

    actor: str = ""
    action: str = ""
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None


def record_event(
    session: Session,
    actor: Actor,
    action: Action,
    *,
    object: str = "",  # noqa: A002 - the glossary's word for what was acted on
    newsletter_id: int | None = None,
    reason: str = "",
    details: Mapping[Detail, object] | None = None,
) -> None:
    """Write down an action in the transaction that does it: both are there, or neither."""
    session.add(
        AuditEventRow(
            actor_id=actor.account_id,
            actor=actor.name,
            action=action.value,
            object=object[:255],
            newsletter_id=newsletter_id,
            reason=reason,
            details=dict(details or {}),
            network=actor.network,
            door=actor.door,
        )
    )


def list_events(
    session: Session, criteria: AuditFilter, *, before: int | None = None, limit: int = 50
) -> Sequence[AuditEventRow]:
    """Return events, the newest first; ``before`` is the number to go on from."""
    query = _matching(criteria).order_by(AuditEventRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEventRow.id < before)
    return session.scalars(query).all()


def export_csv(engine: Engine, actor: Actor, criteria: AuditFilter) -> Iterator[str]:
    """Write down who exports; return matching events as CSV (RFC 4180), the oldest first."""
    asked = {"actor": criteria.actor, "action": criteria.action, "object": criteria.object}
    with transaction(engine) as session:
        record_event(
            session,
            actor,
            Action.AUDIT_EXPORT,
            details=details_of({name: value for name, value in asked.items() if value}),
        )
    return _csv_lines(engine, criteria)


def _csv_lines(engine: Engine, criteria: AuditFilter) -> Iterator[str]:
    """Yield a page of lines at a time; whoever reads slowly, or not at all, holds no connection."""
    yield "\ufeff" + _row(_COLUMNS)
    last = 0
    query = _matching(criteria).order_by(AuditEventRow.id).limit(_EXPORT_ROWS)
    while True:
        with reading(engine) as session:
            rows = session.scalars(query.where(AuditEventRow.id > last)).all()
        if not rows:
            return
        last = rows[-1].id
        yield "".join(map(_line_of, rows))


def _line_of(row: AuditEventRow) -> str:
    return _row(
        (
            row.occurred_at.isoformat(timespec="seconds"),
            row.actor,
            row.action,
            row.object,
            row.reason,
            json.dumps(row.details, ensure_ascii=False) if row.details else "",
            row.network,
            row.door,
        )
    )


def _matching(criteria: AuditFilter) -> Select[AuditEventRow]:
    query = select(AuditEventRow)
    for column, text in (
        (AuditEventRow.actor, criteria.actor),
        (AuditEventRow.action, criteria.action),
        (AuditEventRow.object, criteria.object),
    ):
        if text:
            query = query.where(column.icontains(text, autoescape=True))
    if criteria.since is not None:
        query = query.where(AuditEventRow.occurred_at >= criteria.since)
    if criteria.until is not None:
        query = query.where(AuditEventRow.occurred_at < criteria.until)
    return query


def _row(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(map(defuse, cells))
    return line.getvalue()
