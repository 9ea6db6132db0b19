"""Held domains: recipient domains that get nothing until an operator lets them go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.database.tables import HeldDomainRow
from newsletter.database.types import now
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.messages import msg


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldDomain:
    """A domain that is held, why and since when."""

    domain: str
    reason: str
    since: datetime


def held_domains(session: Session) -> Sequence[HeldDomain]:
    """Return the domains that are held, by name."""
    rows = session.scalars(select(HeldDomainRow).order_by(HeldDomainRow.domain))
    return [HeldDomain(domain=row.domain, reason=row.reason, since=row.since) for row in rows]


def read_domain(text: str) -> str:
    """Return a domain as subscribers' addresses carry it.

    Raises:
        ListError: It is none.
    """
    name = text.strip().removeprefix("@")
    try:
        return parse_address(f"postmaster@{name}").key.rpartition("@")[2]
    except ListError:
        raise ListError(
            msg("“{text}” is not a domain.", text=name[:100]),
            remedy=msg("Write it as in example.jp."),
        ) from None


def hold_domain(session: Session, domain: str, *, reason: str) -> None:
    """Send nothing to a domain; workers stop within two seconds, and look again each minute."""
    session.merge(HeldDomainRow(domain=domain, reason=reason, since=now()))


def let_domain_go(session: Session, domain: str) -> None:
    """Send to a domain again; what waited for it goes on within a minute.

    Raises:
        ConflictError: It is not held.
    """
    released = session.scalar(
        delete(HeldDomainRow).where(HeldDomainRow.domain == domain).returning(HeldDomainRow.domain)
    )
    if released is None:
        raise ConflictError(msg("Sending to {domain} is not on hold.", domain=domain))
