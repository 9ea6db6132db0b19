"""The audit log: actor, action, object, time and reason; entries are never changed.

An entry is written in the transaction of its action. Here are the common parts of actions as well:
their reason, and that transaction.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, Select, or_, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action, Detail, details_of
from newsletter.accounts.roles import ALL_RIGHTS, Rights, rights_of
from newsletter.control_characters import PICTURES
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow, AuditEventRow
from newsletter.errors import OrderError
from newsletter.i18n.messages import msg
from newsletter.spreadsheets import defuse

_COLUMNS = ("time", "account", "action", "object", "reason", "details", "network", "door")
_EXPORT_ROWS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """The person or program that acts; commands have no account unless one is given.

    Attributes:
        door: ``page`` or ``command``.
    """

    account_id: int | None
    name: str
    network: str = ""
    door: str = "page"


COMMAND_LINE = Actor(account_id=None, name="command line", door="command")
NOBODY = Actor(account_id=None, name="not signed in")
#: A reader who uses a personal link from a mail.
READER = Actor(account_id=None, name="reader")
#: Whoever holds the link of an invitation or for a new password.
LINK_HOLDER = Actor(account_id=None, name="one-time link")


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """Criteria for listing events; empty ones are ignored.

    Attributes:
        actor: A part of the recorded name, or of the account's name.
    """

    actor: str = ""
    action: str = ""
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None


def rights_of_actor(session: Session, actor: Actor) -> Rights:
    """Return the rights of an actor: those of the account, or all for this machine's user."""
    if actor.account_id is not None:
        return rights_of(session, actor.account_id)
    return ALL_RIGHTS if actor.door == COMMAND_LINE.door else Rights()


def record_event(
    session: Session,
    actor: Actor,
    action: Action,
    *,
    object: str = "",  # noqa: A002 - the audit log's term
    newsletter_id: int | None = None,
    reason: str = "",
    details: Mapping[Detail, object] | None = None,
) -> None:
    """Write the audit entry of an action, in the same transaction.

    Control characters that change the direction of text, or hide it, are made visible, so that
    names chosen by users cannot make an entry look different.

    Raises:
        ForbiddenError: The roles of the actor's account do not permit the action.
    """
    if actor.account_id is not None and action.needed is not None:
        with session.no_autoflush:
            rights = rights_of(session, actor.account_id)
        rights.require(action.needed, newsletter_id)
    session.add(
        AuditEventRow(
            actor_id=actor.account_id,
            actor=actor.name.translate(PICTURES),
            action=action.value,
            object=object[:255].translate(PICTURES),
            newsletter_id=newsletter_id,
            reason=reason.translate(PICTURES),
            details={name: _harmless(value) for name, value in (details or {}).items()},
            network=actor.network,
            door=actor.door,
        )
    )


def _harmless(value: object) -> object:
    """Return a detail's value with its control characters made visible."""
    match value:
        case str():
            return value.translate(PICTURES)
        case dict():
            return {key: _harmless(each) for key, each in value.items()}
        case list() | tuple():
            return [_harmless(each) for each in value]
        case _:
            return value


def list_events(
    session: Session, criteria: AuditFilter, *, before: int | None = None, limit: int = 50
) -> Sequence[AuditEventRow]:
    """Return events, the newest first, with ids below ``before``."""
    query = _matching(criteria).order_by(AuditEventRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEventRow.id < before)
    return session.scalars(query).all()


def actors_since(
    session: Session,
    action: Action,
    objects: Collection[str],
    *,
    newsletter_id: int,
    since: datetime,
) -> frozenset[str]:
    """Return the actors who did an action on one of these objects since a time."""
    return frozenset(
        session.scalars(
            select(AuditEventRow.actor).where(
                AuditEventRow.object.in_(objects),
                AuditEventRow.action == action,
                AuditEventRow.newsletter_id == newsletter_id,
                AuditEventRow.occurred_at > since,
            )
        )
    )


def export_csv(engine: Engine, actor: Actor, criteria: AuditFilter) -> Iterator[str]:
    """Log the export, and return matching events as CSV (RFC 4180), the oldest first."""
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
    """Yield lines page by page; between pages, no database connection is held for the client."""
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
    if criteria.actor:
        named = select(AccountRow.id).where(
            AccountRow.name.icontains(criteria.actor, autoescape=True)
        )
        recorded = AuditEventRow.actor.icontains(criteria.actor, autoescape=True)
        query = query.where(or_(recorded, AuditEventRow.actor_id.in_(named)))
    for column, text in (
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


_log = logging.getLogger(__name__)

_LONGEST_REASON = 500


def read_reason(text: str, *, required: bool = True) -> str:
    """Return a reason in the form for the audit log: printable, without surrounding spaces.

    Raises:
        OrderError: The reason is required and empty, or has more than 500 characters.
    """
    reason = "".join(filter(str.isprintable, text)).strip()
    if len(reason) > _LONGEST_REASON or (required and not reason):
        raise OrderError(msg("Give the reason in at most 500 characters."))
    return reason


@contextmanager
def audited(
    engine: Engine,
    actor: Actor,
    action: Action,
    *,
    on: str,
    reason: str,
    newsletter_id: int | None = None,
    reason_required: bool = True,
    details: Mapping[Detail, object] | None = None,
) -> Iterator[Session]:
    """Open the transaction of an action; the audit entry is written at the end of the block.

    The action is also written to the log, among the lines of what happened at that time.

    Args:
        engine: The database.
        actor: The person or program that acts.
        action: The action.
        on: Kind and name of the object, such as ``relay smtp:mail.example.jp:587``.
        reason: The reason.
        newsletter_id: The newsletter concerned, if any.
        reason_required: Whether a reason is required.
        details: Further details for the audit entry.

    Raises:
        OrderError: The reason is missing although required, or has more than 500 characters.
    """
    why = read_reason(reason, required=reason_required)
    # Some actions change every delivery of a large mailing.
    with transaction(engine, long=True) as session:
        yield session
        record_event(
            session,
            actor,
            action,
            object=on,
            newsletter_id=newsletter_id,
            reason=why,
            details=details,
        )
    who = actor.name if actor.account_id is None else f"account {actor.account_id}"
    _log.info("%s by %s: %s%s", action.value, who, on, f" ({why})" if why else "")
