"""The audit log: who did what, when, to what, and why; written with the deed, never changed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from newsletter.database.tables import AuditEventRow

_COLUMNS = ("time", "account", "action", "object", "reason", "details", "network", "door")
#: OWASP: what makes a spreadsheet take a cell for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_EXPORT_ROWS = 500


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
    action: str,
    *,
    object: str = "",  # noqa: A002 - the glossary's word for what was acted on
    newsletter_id: int | None = None,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    """Write down a deed in the transaction that does it: both are there, or neither."""
    session.add(
        AuditEventRow(
            actor_id=actor.account_id,
            actor=actor.name,
            action=action,
            object=object[:255],
            newsletter_id=newsletter_id,
            reason=reason,
            details=dict(details or {}),
            network=actor.network,
            door=actor.door,
        )
    )


def list_events(
    session: Session, wanted: AuditFilter, *, before: int | None = None, limit: int = 50
) -> Sequence[AuditEventRow]:
    """Return events, the newest first; ``before`` is the number to go on from."""
    query = _matching(wanted).order_by(AuditEventRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEventRow.id < before)
    return session.scalars(query).all()


def export_csv(session: Session, wanted: AuditFilter) -> Iterator[str]:
    """Yield matching events as CSV (RFC 4180), the oldest first, in constant memory."""
    yield "\ufeff" + _row(_COLUMNS)
    last = 0
    while True:
        query = _matching(wanted).where(AuditEventRow.id > last)
        rows = session.scalars(query.order_by(AuditEventRow.id).limit(_EXPORT_ROWS)).all()
        if not rows:
            return
        for row in rows:
            yield _row(
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
        last = rows[-1].id
        session.expunge_all()


def _matching(wanted: AuditFilter) -> Select[AuditEventRow]:
    query = select(AuditEventRow)
    for column, text in (
        (AuditEventRow.actor, wanted.actor),
        (AuditEventRow.action, wanted.action),
        (AuditEventRow.object, wanted.object),
    ):
        if text:
            query = query.where(column.icontains(text, autoescape=True))
    if wanted.since is not None:
        query = query.where(AuditEventRow.occurred_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEventRow.occurred_at < wanted.until)
    return query


def _row(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(map(_defused, cells))
    return line.getvalue()


def _defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
