"""Domains on hold: recipient domains that get no mail until an operator releases them."""

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
    """A domain on hold, with the reason and the time."""

    domain: str
    reason: str
    since: datetime


def held_domains(session: Session) -> Sequence[HeldDomain]:
    """Return the domains on hold, by name."""
    rows = session.scalars(select(HeldDomainRow).order_by(HeldDomainRow.domain))
    return [HeldDomain(domain=row.domain, reason=row.reason, since=row.since) for row in rows]


def read_domain(text: str) -> str:
    """Return a domain in the form in which it is stored with subscribers.

    Raises:
        ListError: The text is not a domain.
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
    """Put a domain on hold; workers stop sending to it within two seconds."""
    session.merge(HeldDomainRow(domain=domain, reason=reason, since=now()))


def let_domain_go(session: Session, domain: str) -> None:
    """Release a domain; its waiting deliveries are sent within a minute.

    Raises:
        ConflictError: The domain is not on hold.
    """
    released = session.scalar(
        delete(HeldDomainRow).where(HeldDomainRow.domain == domain).returning(HeldDomainRow.domain)
    )
    if released is None:
        raise ConflictError(msg("Sending to {domain} is not on hold.", domain=domain))
