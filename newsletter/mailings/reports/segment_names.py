"""What the saved segment is called that a mailing goes to, also where it asks for others since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import AuditEventRow, MailingRow
from subscribers.segments.saved import names_of_queries


def segment_names(
    session: Session, newsletter_id: int, mailings: Iterable[MailingRow]
) -> Mapping[int, str]:
    """Return what the segments of a newsletter's mailings are called, by the mailings' numbers.

    A segment that asks for just this now is called as it is now. One that was redefined or deleted
    since is called as it was when the mailing was ordered, which the audit log tells; a query that
    nobody saved, and one whose entry is gone, has no name.
    """
    asked = {row.id: row.segment for row in mailings if row.segment}
    if not asked:
        return {}
    now = names_of_queries(session, newsletter_id)
    names = {number: now[query] for number, query in asked.items() if query in now}
    others = {f"mailing {number}": number for number in asked if number not in names}
    if not others:
        return names
    events = session.execute(
        select(AuditEventRow.object, AuditEventRow.details).where(
            AuditEventRow.action == Action.MAILING_ORDER.value, AuditEventRow.object.in_(others)
        )
    )
    for on, details in events:
        number = others[on]
        if details.get("query") == asked[number]:
            names[number] = str(details.get("segment", ""))
    return names
